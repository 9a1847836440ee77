"""One call of a function: which version, in which environment, with which record of it.

For callers in this service and for event source mappings:

* `run` and `try_run` run a function to its end, here and now; when it sleeps, the account's clock jumps.
* `start` gives the work itself in pieces (see `labkit.sandbox.runtime.conversation.Steps`) to who drives it.
* `begin` starts it and returns. When it sleeps, it waits for its time on the clock beside everything else; in the
  end `done(result, *args)` is called. So any number of calls can be under way at once.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import random
from collections.abc import Callable, Mapping
from typing import Any, Final

from labkit.sandbox import Sandbox, current, lineage
from labkit.sandbox.runtime import Environment, FunctionSpec, Invocation, PackageError, Result
from labkit.sandbox.runtime.conversation import Steps
from labkit.sandbox.services import _lambda_fleet as fleets
from labkit.sandbox.services import _lambda_logs as logs
from labkit.sandbox.services import _lambda_metrics as metrics
from labkit.sandbox.services import _lambda_roles as roles
from labkit.sandbox.services._lambda_fleet import Function, Run, Throttled

__all__ = ["Recursion", "Refusal", "Throttled", "begin", "choose", "run", "start", "try_run", "version_of"]

MOST_SYNCHRONOUS: Final = 6_291_456
"""Bytes of a request payload, synchronous: 6 MB. Source: botocore's model, lambda Invoke."""
MOST_ASYNCHRONOUS: Final = 1_048_576
"""Bytes of a request payload, asynchronous: 1 MB. Source: botocore's model, lambda Invoke."""
_MOST: Final = {"Event": MOST_ASYNCHRONOUS, "InvokeAsync": 262_144}
MOST_IN_A_CHAIN: Final = 16
"""A function runs about so often in one chain of calls; the next is stopped.
Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html"""


class Refusal(Exception):
    """A call that Lambda refuses before the function runs, with AWS's status and code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Recursion(Refusal):
    """A call that Lambda stops because the function feeds itself."""

    def __init__(self, function_arn: str) -> None:
        text = (
            f"Lambda has detected that your function {function_arn} is being invoked in a recursive loop "
            "with other Amazon Web Services resources and stopped your function's invocation."
        )
        super().__init__(400, "RecursiveInvocationException", text)


# -- which function ----------------------------------------------------------------------------------


def choose(backend: Any, name: str, qualifier: str | None, request_id: str) -> tuple[Function, str]:
    """The version that answers this call, and the qualifier it was called by ("" for none).

    A weighted alias sends its share of calls to the other version. Raises moto's ResourceNotFound error.
    """
    function = backend.get_function(name, qualifier)
    if function is None:  # moto's answer when only versions are left
        raise backend._lambdas.construct_unknown_function_exception(name, qualifier)
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
    most = _MOST.get(kind, MOST_SYNCHRONOUS)
    if len(body) > most:
        text = f"Request must be smaller than {most} bytes for the InvokeFunction operation"
        raise Refusal(413, "RequestTooLargeException", text)
    try:
        json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        text = f"Could not parse request body into json: {error}"
        raise Refusal(400, "InvalidRequestContentException", text) from None


def check_chain(function: Function, header: str) -> None:
    """Raise `Recursion` when the function ran too often in this chain of calls."""
    arn = fleets.bare_arn(function)
    latest = fleets.newest(fleets.backend_of(function), function.function_name)
    allowed = getattr(latest, "labkit_recursion", "Terminate") == "Allow"
    if not allowed and lineage.count(header, arn) >= MOST_IN_A_CHAIN:
        note = f"It ran {MOST_IN_A_CHAIN} times in one chain of calls."
        current().trace.record(
            "refused", "lambda", "RecursiveInvocationStopped", resource=arn,
            error="RecursiveInvocationException", note=note,
        )  # fmt: skip
        raise Recursion(arn)


# -- running -----------------------------------------------------------------------------------------


def run(function: Function, via: str, payload: bytes, request_id: str, **options: Any) -> Result:
    """Run the function once, to its end, and write down what happened.

    `via` is the alias or version it was called by. Options are those of `begin`. Raises `Throttled`, `Recursion`
    and other `Refusal`s before the function runs, and NotImplementedError for a function that cannot run here.
    """
    sandbox = current()
    steps, sequence, caller = start(function, via, payload, request_id, **options)
    try:
        while True:
            with sandbox.trace.caused_by(sequence, caller):
                until = next(steps)
            with sandbox.lock:
                behind = until - sandbox.clock.time()
                if behind > 0:
                    sandbox.clock.advance(behind)
    except StopIteration as end:
        result: Result = end.value
        return result


try_run = run
"""The same; pollers that back off catch its `Throttled`."""


def begin(
    function: Function,
    via: str,
    payload: bytes,
    request_id: str,
    done: Callable[..., None],
    *args: Any,
    header: str = "",
    client_context: Mapping[str, Any] | None = None,
    about: Mapping[str, Any] | None = None,
) -> None:
    """Start the function. `done(result, *args)` is called when it has ended: before this returns, or later.

    `done` is a function of a module, `args` are plain values: they wait on the clock. The account may be restored
    or rehearsed meanwhile; then the environment is lost and the result is None. `header` is the X-Ray trace header
    the event came with, `about` more for the trace. Errors are those of `run`.
    """
    sandbox = current()
    steps, sequence, caller = start(
        function, via, payload, request_id, header=header, client_context=client_context, about=about
    )
    token = f"{request_id}/{sequence}"
    fleets.fleet_of(sandbox).running[token] = Run(steps, done, args, sequence, caller)
    _go_on(sandbox, token)


def resume(token: str, done: str, args: tuple[Any, ...]) -> None:
    """Due work: a function that slept wakes up. When its environment is lost, `done` gets None."""
    sandbox = current()
    if token in fleets.fleet_of(sandbox).running:
        _go_on(sandbox, token)
        return
    module, _, name = done.partition(":")
    getattr(importlib.import_module(module), name)(None, *args)


def _go_on(sandbox: Sandbox, token: str) -> None:
    running = fleets.fleet_of(sandbox).running
    one = running[token]
    try:
        with sandbox.trace.caused_by(one.sequence, one.caller):
            until = next(one.steps)
    except StopIteration as end:
        running.pop(token, None)
        with sandbox.trace.caused_by(one.sequence):
            one.done(end.value, *one.args)
    except BaseException:
        running.pop(token, None)
        raise
    else:
        done = f"{one.done.__module__}:{one.done.__qualname__}"
        sandbox.clock.schedule(until, resume, token, done, one.args)


def start(
    function: Function,
    via: str,
    payload: bytes,
    request_id: str,
    *,
    header: str = "",
    client_context: Mapping[str, Any] | None = None,
    about: Mapping[str, Any] | None = None,
) -> tuple[Steps[Result], int, str]:
    """Everything that can refuse a call, before the function runs. Errors are those of `run`.

    Returns its work in pieces, and its number and caller in the trace: whoever drives it does each piece inside
    `trace.caused_by(number, caller)`. It counts as running until it has ended or was closed.
    """
    sandbox, header = current(), header or lineage.carried()
    check_runs_here(function)
    check_chain(function, header)
    fleet = fleets.fleet_of(sandbox)
    try:
        fleet.admit(function)
    except Throttled as throttled:
        _note_throttle(function, throttled, request_id)
        raise
    grown = lineage.grown(header, fleets.bare_arn(function), request_id)
    sequence = sandbox.trace.reserve()
    call = Invocation(payload, request_id, client_context=client_context, trace_id=grown)
    told = dict(about or {}) | {"cause": sandbox.trace.cause}
    steps = _steps(sandbox, function, via, call, sequence, told)
    return steps, sequence, function.function_name


def _note_throttle(function: Function, throttled: Throttled, request_id: str) -> None:
    metrics.count(function, "Throttles")
    current().trace.record(
        "refused", "lambda", "InvocationThrottled", resource=fleets.bare_arn(function), error=throttled.code,
        message=str(throttled), note=throttled.reason, params={"RequestId": request_id},
    )  # fmt: skip


def check_runs_here(function: Function) -> None:
    runtime = str(function.run_time or "")
    if function.package_type != "Zip" or not runtime.startswith("python"):
        from labkit.sandbox.services import _lambda_node

        _lambda_node.check(function)


def _steps(
    sandbox: Sandbox, function: Function, via: str, call: Invocation, sequence: int, about: dict[str, Any]
) -> Steps[Result]:
    """One call that was let in, from its environment to its record."""
    fleet, began, cause = fleets.fleet_of(sandbox), sandbox.clock.time(), about.pop("cause", None)
    metrics.count(function, "ConcurrentExecutions", fleet.busy[fleets.bare_arn(function)])
    try:
        environment, key = yield from _environment(sandbox, fleet, function, call.request_id)
        arn = f"{environment.spec.own_arn}:{via}" if via else environment.spec.own_arn
        invocation = Invocation(
            call.payload, call.request_id, client_context=call.client_context, invoked_arn=arn,
            trace_id=call.trace_id,
        )  # fmt: skip
        try:
            result = yield from environment.steps(invocation)
            if environment.spec.runtime.startswith("nodejs"):
                from labkit.sandbox.services import _lambda_node

                result = _lambda_node.finished(result, call.request_id)
        except BaseException:
            fleet.end(environment)
            raise
        if sandbox.attached.get("functions") is fleet:
            fleet.give_back(key, environment)
        else:
            environment.stop()  # the account was changed for another while the function ran
    finally:
        fleet.release(function)
    metrics.ended(function, result)
    with sandbox.trace.caused_by(cause):
        tail = logs.record(
            sandbox, function, environment.spec, call.request_id, result, sequence=sequence, began=began,
            params={"TraceId": call.trace_id} | about,
            init_logs=environment.init_logs if result.init_ms is not None else "",
        )  # fmt: skip
    return result._replace(logs=tail)


def _environment(
    sandbox: Sandbox, fleet: fleets.Fleet, function: Function, request_id: str
) -> Steps[tuple[Environment, str]]:
    spec, key = _spec(function)
    environment = fleet.take(key)
    if environment is not None:
        return environment, key
    if not fleet.may_start(function):
        throttled = Throttled("FunctionInvocationRateLimitExceeded")
        _note_throttle(function, throttled, request_id)
        raise throttled
    from dataclasses import replace

    session = roles.session(function)
    if session is None:
        raise Refusal(403, "AccessDeniedException", roles.NOT_ASSUMABLE)
    spec = replace(
        spec,
        access_key=session.access_key,
        secret_key=session.secret_key,
        session_token=session.token,
        caller=session.name,
        log_stream=logs.new_stream(spec.version),
    )
    try:
        environment = yield from fleets.pool_of(sandbox).starting(spec)
    except PackageError as error:
        raise Refusal(502, "InvalidZipFileException", str(error)) from None
    fleet.added(environment)
    return environment, key


def _spec(function: Function) -> tuple[FunctionSpec, str]:
    """What an environment is made from, and a key under which environments of the same are kept."""
    version = version_of(function)
    logging = getattr(function, "labkit_settings", {}).get("LoggingConfig") or {}
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
        arn=fleets.bare_arn(function),
        region=function.region,
        log_group=logging.get("LogGroup") or function.logs_group_name,
        log_format=logging.get("LogFormat", "Text"),
        log_level=logging.get("ApplicationLogLevel", ""),
    )
    if spec.runtime.startswith("nodejs"):
        from labkit.sandbox.services import _lambda_node

        spec = _lambda_node.bridged(spec)
    made_from = (
        spec.own_arn, version, spec.code_key, spec.layers_key, spec.handler, spec.memory_mb, spec.timeout_s,
        spec.ephemeral_mb, sorted(spec.environment.items()), spec.runtime, spec.log_group, spec.log_format,
        spec.log_level, function.role,
    )  # fmt: skip
    return spec, hashlib.sha256(repr(made_from).encode()).hexdigest()


def _layers(function: Function) -> list[bytes]:
    backend = fleets.backend_of(function)
    found = (backend._layers.get_layer_version_by_arn(one["Arn"]) for one in function.layers)
    return [layer.code_bytes for layer in found if layer is not None]
