"""One call of a function: which version, in which environment, with which record of it."""

from __future__ import annotations

import hashlib
import json
import math
import random
from typing import Any, Final

from labkit.sandbox import Sandbox, current
from labkit.sandbox.runtime import Environment, FunctionSpec, Invocation, PackageError, Pool, Result

MOST_SYNCHRONOUS: Final = 6_291_456
"""Bytes of a request payload, synchronous: 6 MB. Source: botocore's model, lambda Invoke."""
MOST_ASYNCHRONOUS: Final = 1_048_576
"""Bytes of a request payload, asynchronous: 1 MB. Source: botocore's model, lambda Invoke."""
RETRY_AFTER: Final = (60.0, 120.0)
"""Seconds before the second and the third attempt of an asynchronous call."""

Function = Any  # moto's LambdaFunction


class Refusal(Exception):
    """A call that Lambda refuses before the function runs, with AWS's status and code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Fleet:
    """The environments that are warm, by what they were made from."""

    def __init__(self) -> None:
        self._idle: dict[str, list[Environment]] = {}

    def take(self, key: str) -> Environment | None:
        """A warm environment that is free, or None."""
        waiting = self._idle.get(key, [])
        while waiting:
            environment = waiting.pop()
            if environment.alive:
                return environment
            environment.stop()
        return None

    def give_back(self, key: str, environment: Environment) -> None:
        """The call is over. An environment that survived it stays warm."""
        if environment.alive:
            self._idle.setdefault(key, []).append(environment)
        else:
            environment.stop()

    def close(self) -> None:
        """End all of them."""
        for waiting in self._idle.values():
            for environment in waiting:
                environment.stop()
        self._idle.clear()


class _Pool(Pool):
    def close(self) -> None:
        self.stop()


# -- which function ----------------------------------------------------------------------------------


def choose(backend: Any, name: str, qualifier: str | None, request_id: str) -> tuple[Function, str]:
    """The version that answers this call, and the qualifier it was called by ("" for none).

    A weighted alias sends its share of calls to the other version. Raises moto's ResourceNotFound error.
    """
    function = backend.get_function(name, qualifier)
    short = function.function_name
    asked = qualifier or (name.rpartition(":")[2] if name.rpartition(":")[2] not in (short, name) else "")
    alias = backend._lambdas._get_function_aliases(short).get(asked)
    weights = ((alias.routing_config or {}) if alias else {}).get("AdditionalVersionWeights") or {}
    point = random.Random(f"{current().seed}/{request_id}").random()
    for version, weight in sorted(weights.items()):
        if point < float(weight):
            return backend.get_function(short, version), asked
        point -= float(weight)
    return function, asked


def version_of(function: Function) -> str:
    """The version as AWS writes it."""
    version = str(function.version)
    return version if version.isdigit() and function.function_arn.endswith(f":{version}") else "$LATEST"


def check(body: bytes, kind: str) -> None:
    """Raise `Refusal` for a payload that is too large or no JSON."""
    most = MOST_ASYNCHRONOUS if kind == "Event" else MOST_SYNCHRONOUS
    if len(body) > most:
        text = f"Request must be smaller than {most} bytes for the InvokeFunction operation"
        raise Refusal(413, "RequestTooLargeException", text)
    try:
        json.loads(body or b"{}")
    except ValueError as error:
        text = f"Could not parse request body into json: {error}"
        raise Refusal(400, "InvalidRequestContentException", text) from None


# -- running -----------------------------------------------------------------------------------------


def run(function: Function, via: str, payload: bytes, request_id: str) -> Result:
    """Run the function once, now, and write down what happened."""
    if not str(function.run_time or "").startswith("python") or function.package_type != "Zip":
        raise NotImplementedError  # told by the door: this operation is not simulated for it
    sandbox = current()
    spec, key = _spec(function)
    fleet: Fleet = sandbox.attached.setdefault("functions", Fleet())
    environment = fleet.take(key)
    try:
        if environment is None:
            environment = _pool(sandbox).start(spec)
        arn = f"{spec.own_arn}:{via}" if via else spec.own_arn
        result = environment.invoke(Invocation(payload, request_id, invoked_arn=arn))
    except PackageError as error:
        raise Refusal(502, "InvalidZipFileException", str(error)) from None
    if sandbox.attached.get("functions") is fleet:
        fleet.give_back(key, environment)
    else:
        environment.stop()  # the account was changed for another while the function ran
    _record(sandbox, function, spec, environment, request_id, result)
    return result


def _pool(sandbox: Sandbox) -> Pool:
    if "functions" not in sandbox.tools:
        sandbox.tools["functions"] = _Pool(sandbox)
    pool: Pool = sandbox.tools["functions"]
    return pool


def _spec(function: Function) -> tuple[FunctionSpec, str]:
    version = version_of(function)
    arn = function.function_arn if version == "$LATEST" else function.function_arn.removesuffix(f":{version}")
    spec = FunctionSpec(
        name=function.function_name,
        handler=function.handler,
        code=function.code_bytes,
        layers=tuple(_layers(function)),
        memory_mb=int(function.memory_size),
        timeout_s=float(function.timeout),
        ephemeral_mb=int(function.ephemeral_storage),
        environment=dict(function.environment_vars),
        runtime=function.run_time,
        version=version,
        arn=arn,
        region=function.region,
        log_group=function.logs_group_name,
        log_stream=_stream_name(version),
    )
    made_from = (
        spec.own_arn, version, spec.code_key, spec.layers_key, spec.handler, spec.memory_mb, spec.timeout_s,
        spec.ephemeral_mb, sorted(spec.environment.items()), spec.runtime,
    )  # fmt: skip
    return spec, hashlib.sha256(repr(made_from).encode()).hexdigest()


def _layers(function: Function) -> list[bytes]:
    from moto.awslambda.models import lambda_backends

    backend = lambda_backends[function.account_id][function.region]
    found = (backend._layers.get_layer_version_by_arn(one["Arn"]) for one in function.layers)
    return [layer.code_bytes for layer in found if layer is not None]


def _stream_name(version: str) -> str:
    today = current().clock.now()
    return f"{today:%Y/%m/%d}/[{version}]{random.Random(current().clock.time()).getrandbits(128):032x}"


def _record(
    sandbox: Sandbox,
    function: Function,
    spec: FunctionSpec,
    environment: Environment,
    request_id: str,
    result: Result,
) -> None:
    """The log lines as Lambda writes them, and one event for the trace."""
    init = f"\tInit Duration: {result.init_ms:.2f} ms" if result.init_ms is not None else ""
    billed = math.ceil(result.duration_ms + (result.init_ms or 0))
    report = (
        f"REPORT RequestId: {request_id}\tDuration: {result.duration_ms:.2f} ms\tBilled Duration: {billed} ms\t"
        f"Memory Size: {spec.memory_mb} MB\tMax Memory Used: {result.max_memory_mb} MB{init}"
    )
    lines = [f"START RequestId: {request_id} Version: {spec.version}", *result.logs.splitlines()]
    if result.error and result.error.note:
        lines.append(f"[LAB] {result.error.note}")
    lines += [f"END RequestId: {request_id}", report]
    logs, stream = function.logs_backend, environment.spec.log_stream
    logs.ensure_log_group(spec.log_group)
    if stream not in logs.groups[spec.log_group].streams:
        logs.create_log_stream(spec.log_group, stream)
    at = int(sandbox.clock.time() * 1000)
    logs.put_log_events(spec.log_group, stream, [{"timestamp": at, "message": line} for line in lines])
    params = {
        "RequestId": request_id, "Version": spec.version, "DurationMs": round(result.duration_ms, 2),
        "ColdStart": result.init_ms is not None,
    }  # fmt: skip
    sandbox.trace.record(
        "invocation", "lambda", "Invocation", resource=spec.own_arn, params=params,
        error=result.error.type if result.error else "", message=result.error.message if result.error else "",
    )  # fmt: skip


# -- later -------------------------------------------------------------------------------------------


def later(function: Function, via: str, payload: str, request_id: str) -> None:
    """Accept an asynchronous call: the function runs as soon as the account is looked at again."""
    clock = current().clock
    where = (function.account_id, function.region, function.function_name)
    clock.schedule(clock.time(), attempt, *where, version_of(function), via, payload, request_id, 1)


def attempt(
    account: str, region: str, name: str, version: str, via: str, payload: str, request_id: str, number: int
) -> None:
    """Due work: one attempt of an asynchronous call. A failed one is followed by two more."""
    from moto.awslambda.models import lambda_backends

    sandbox = current()
    try:
        function = lambda_backends[account][region].get_function(name, version)
    except Exception:  # moto's own error: the function was deleted meanwhile, and with it its events
        return
    result = run(function, via, payload.encode(), request_id)
    if result.error and number <= _retries(function):
        when = sandbox.clock.time() + RETRY_AFTER[number - 1]
        sandbox.clock.schedule(
            when, attempt, account, region, name, version, via, payload, request_id, number + 1
        )
    elif result.error:
        note = "No destination is simulated yet: the event is gone."
        sandbox.trace.record("refused", "lambda", "EventDropped", resource=function.function_arn, note=note)


def _retries(function: Function) -> int:
    for config in function.event_invoke_config:
        if "MaximumRetryAttempts" in config.config:
            return int(config.config["MaximumRetryAttempts"])
    return len(RETRY_AFTER)
