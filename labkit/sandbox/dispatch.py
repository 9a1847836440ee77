"""The door of the account: every API call goes through here, once.

A call is let in under the account's lock. Work that fell due is played first, then moto answers, then
work that fell due meanwhile is played. The trace gets one record per call. What moto cannot do comes
back as one clear sentence.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from botocore.client import BaseClient
from botocore.exceptions import BotoCoreError, ClientError

from labkit.errors import LabkitError, Stopped
from labkit.sandbox import enforcement, identity, mishaps, shortcuts
from labkit.sandbox.guard import looks_real

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

LONGEST_TEXT: Final = 1_000
"""Texts in the trace are cut after this many characters: it is a record, not a second store."""
MASK: Final = "(hidden)"
_MARK: Final = "_labkit_sandbox"
_SYNC: Final = "//sync-states."
"""StartSyncExecution and TestState have a host of their own; moto knows only the other one."""
_inside: ContextVar[bool] = ContextVar("labkit_inside_call", default=False)
_RESOURCES: Final = (
    "QueueUrl", "QueueName", "TopicArn", "FunctionName", "TableName", "StateMachineArn", "Name", "SecretId", "KeyId",
    "Bucket", "ResourceArn", "Rule", "RoleName", "ArchiveName", "PolicyArn", "SourceArn",
    "serviceName", "service", "task", "taskDefinition", "family", "clusterName", "cluster", "repositoryName",
)  # fmt: skip


def inside_a_call() -> bool:
    """Whether the calling thread is in the middle of an API call."""
    return _inside.get()


class NotSimulated(ClientError, LabkitError):  # type: ignore[misc]  # botocore ships no types
    """An operation that exists on AWS but not in this lab's account. The message names it."""


class MissingPackage(Exception):
    """moto's module for a service no lab teaches yet wants a package that labkit does not install."""


class SimulationFailed(LabkitError):
    """moto or a service of ours broke while it answered. The cause is attached."""


class Door:
    """Wraps botocore's one method for API calls while the sandbox runs."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._process: Callable[..., Any] | None = None
        self._names: Any = None
        self._shortcuts = ExitStack()

    def start(self) -> None:
        """Let calls in."""
        _wrap_botocore_once()
        from moto.core import responses
        from moto.core.models import botocore_stubber

        self._process = shortcuts.Routes(botocore_stubber.process_request)
        botocore_stubber.process_request = self._answer
        # moto looks through all methods of a service for every call; they change only with our hooks,
        # which are in place before a service answers for the first time.
        self._names = responses.method_names_from_class
        responses.method_names_from_class = functools.cache(self._names)
        self._shortcuts = shortcuts.in_place(inside_a_call)

    def stop(self) -> None:
        """Close the door. Clients that were made here stay shut out of the real AWS."""
        from moto.core import responses
        from moto.core.models import botocore_stubber

        self._shortcuts.close()
        if self._process is not None:
            responses.method_names_from_class = self._names
            vars(botocore_stubber).pop("process_request", None)
            self._process = None

    def call(self, client: Any, original: Callable[..., Any], operation: str, params: dict[str, Any]) -> Any:
        """One API call of a boto3 client."""
        sandbox = self._sandbox
        self._adopt(client)
        access_key = _access_key(client)
        self._check_credentials(access_key)
        service = client.meta.service_model.service_name
        with sandbox.lock:
            sandbox.notice_thread()
            sandbox.clock.catch_up()
            sequence, at = sandbox.trace.reserve(), sandbox.clock.time()
            caller = getattr(client, "_labkit_caller", "") or identity.caller_of(access_key)
            account = identity.account_of(access_key)
            record = functools.partial(
                sandbox.trace.record, "call", service, operation,
                caller=caller, sequence=sequence, time=at,
            )  # fmt: skip
            shape = client.meta.service_model.operation_model(operation).input_shape
            shown = shorten(params, shape)
            resource = resource_of(params)
            token = _inside.set(True)
            asked = enforcement.Call(service, operation, params, access_key, client.meta.region_name, account)
            try:
                with sandbox.trace.caused_by(sequence, caller), enforcement.entered(asked):
                    result = original(client, operation, params)
                    sandbox.clock.catch_up()
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code", "")
                if code == "404" and "Not yet implemented" in str(error):
                    record(resource=resource, params=shown, error="NotSimulated")
                    raise not_simulated(client, operation) from None
                message = error.response.get("Error", {}).get("Message", "")
                record(resource=resource, params=shown, error=code, message=message, note=asked.note)
                raise
            except (NotImplementedError, MissingPackage):
                record(resource=resource, params=shown, error="NotSimulated")
                raise not_simulated(client, operation) from None
            except Stopped as error:
                record(resource=resource, params=shown, error="Stopped", message=str(error))
                raise
            except (LabkitError, BotoCoreError):
                raise
            except Exception as error:
                record(resource=resource, params=shown, error="SimulationFailed", message=repr(error))
                raise SimulationFailed(
                    f"The simulation of {service} {operation} failed ({type(error).__name__}: {error}). "
                    "This is our fault, not yours. Please report it with the call you made."
                ) from error
            finally:
                _inside.reset(token)
            record(resource=resource or resource_of(result), params=shown, result=_summary(result))
            return result

    def _answer(self, request: Any) -> Any:
        """A request as moto sees it. Requests that did not come from a boto3 client are recorded here."""
        assert self._process is not None
        if _SYNC in request.url:
            request.url = request.url.replace(_SYNC, "//states.", 1)
        if _inside.get():
            endpoint = self._sandbox.tools.get("endpoint")
            if endpoint is not None and endpoint.is_here(request.url):
                return endpoint.answer_inside(request)
            if self._sandbox.faults and (failed := mishaps.struck(self._sandbox, request)) is not None:
                return failed
            try:
                return enforcement.answered(self._process, request)
            except ModuleNotFoundError as error:
                if (error.name or "").split(".")[0] in ("labkit", "moto"):
                    raise
                raise MissingPackage(str(error)) from None
        sandbox = self._sandbox
        with sandbox.lock:
            sandbox.clock.catch_up()
            response = enforcement.answered(self._process, request)
            if response is not None:
                url = request.url.partition("?")[0]
                sandbox.trace.record("call", "http", request.method, resource=url)
            sandbox.clock.catch_up()
            return response

    def _adopt(self, client: Any) -> None:
        if getattr(client, _MARK, None) is not self._sandbox:
            from moto.core.models import botocore_stubber

            # A client made before the lab was opened does not know moto yet. Registering twice would
            # answer every request twice: botocore asks all handlers.
            if not _listens(client, botocore_stubber):
                client.meta.events.register("before-send", botocore_stubber)
            setattr(client, _MARK, self._sandbox)

    def _check_credentials(self, access_key: str | None) -> None:
        if looks_real(access_key) and not identity.issued_here(str(access_key)):
            raise self._sandbox.guard.refuse_credentials(str(access_key))


_wrapped = False
_doors: list[Door] = []


def open_door(door: Door) -> None:
    """Calls go to this door from now on."""
    _doors.append(door)
    door.start()


def close_door(door: Door) -> None:
    """Calls go to this door no more."""
    if door in _doors:
        _doors.remove(door)
    door.stop()


def _wrap_botocore_once() -> None:
    # It stays for good: a client that outlives its lab must not reach the real AWS afterwards.
    global _wrapped
    if _wrapped:
        return
    original = BaseClient._make_api_call

    @functools.wraps(original)
    def _make_api_call(self: Any, operation_name: str, api_params: dict[str, Any]) -> Any:
        if _doors:
            return _doors[-1].call(self, original, operation_name, api_params)
        if hasattr(self, _MARK):
            raise Stopped(
                "The lab stopped a call: this client belongs to a lab that was closed, and the call would "
                "have gone to real AWS. Open the lab again and make a new client."
            )
        return original(self, operation_name, api_params)

    BaseClient._make_api_call = _make_api_call
    _wrapped = True


def _listens(client: Any, handler: Any) -> bool:
    emitter = getattr(client.meta.events, "_emitter", client.meta.events)
    return any(one is handler for one in emitter._handlers.prefix_search("before-send"))


def not_simulated(client: Any, operation: str) -> NotSimulated:
    """The error for an operation this account cannot do."""
    name = client.meta.service_model.metadata.get("serviceId", client.meta.service_model.service_name)
    text = (
        f"{_full_name(client, name)} {operation} is not simulated here; it exists on AWS. "
        "lab.fidelity() lists what is simulated."
    )
    return NotSimulated({"Error": {"Code": "NotSimulated", "Message": text}}, operation)


def _full_name(client: Any, short: str) -> str:
    metadata = client.meta.service_model.metadata
    return str(metadata.get("serviceAbbreviation") or metadata.get("serviceFullName") or short)


def shorten(value: Any, shape: Any = None) -> Any:
    """A copy of parameters for the trace: secrets hidden, long texts cut, binary data as its size.

    What is secret says the service's own model in botocore, by its `sensitive` trait.
    """
    if shape is not None and getattr(shape, "metadata", {}).get("sensitive"):
        return MASK
    if isinstance(value, Mapping):
        members = getattr(shape, "members", {}) if getattr(shape, "type_name", "") == "structure" else {}
        inner = getattr(shape, "value", None) if getattr(shape, "type_name", "") == "map" else None
        return {key: shorten(item, members.get(key, inner)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        member = getattr(shape, "member", None) if getattr(shape, "type_name", "") == "list" else None
        return [shorten(item, member) for item in value]
    if isinstance(value, (bytes, bytearray)):
        return f"({len(value):,} bytes)"
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return f"{value[:LONGEST_TEXT]}... ({len(value):,} characters)"
    return value


def _summary(result: Any) -> dict[str, Any]:
    if not isinstance(result, Mapping):
        return {}
    kept: dict[str, Any] = {}
    for name, value in result.items():
        if name == "ResponseMetadata":
            continue
        if isinstance(value, (str, int, float, bool)):
            kept[name] = shorten(value)
        elif isinstance(value, (list, tuple, Mapping)):
            kept[name] = f"{len(value)}"
    return kept


def resource_of(params: Any) -> str:
    """The resource that parameters or an answer name: an ARN, a URL or a name; nothing where they name none."""
    if isinstance(params, Mapping):
        for name in _RESOURCES:
            value = params.get(name)
            if isinstance(value, str) and value:
                return value
    return ""


def _access_key(client: Any) -> str | None:
    credentials = getattr(client._request_signer, "_credentials", None)
    return getattr(credentials, "access_key", None)
