"""The function as consumer of batches: called synchronously, its reply read, its failures told."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from moto.moto_api._internal import mock_random

from labkit.sandbox import current, delivery, lineage, stores
from labkit.sandbox.dispatch import NotSimulated
from labkit.sandbox.parcels import Parcel
from labkit.sandbox.pollers import outcomes, readers
from labkit.sandbox.pollers.outcomes import Outcome
from labkit.sandbox.pollers.readers import Reader
from labkit.sandbox.services import _lambda_calls as calls

_LOST: Final = "The account was put back to an earlier moment while the function ran."
_SENDER: Final = "lambda"


def function_of(mapping: Any) -> Any:
    """The function a mapping calls, or None when it was deleted."""
    backend = stores.backend_of("lambda", mapping.account_id, mapping.region)
    try:
        return backend.get_function(mapping.function_arn) if backend is not None else None
    except Exception:  # moto's own error for a function or qualifier that is not there
        return None


def handle(reader: Reader, number: int, given: list[dict[str, Any]], more: dict[str, Any]) -> None:
    """Call the function with a batch. `readers.ended` is called when it has answered."""
    request_id = str(mock_random.uuid4())
    known = tuple(_identifiers(given))
    body = json.dumps({"Records": _with_role(reader, given), **more}).encode()
    try:
        backend = stores.backend_of("lambda", reader.thing.account_id, reader.thing.region)
        function, via = calls.choose(backend, reader.target, None, request_id)
        calls.begin(
            function, via, body, request_id, answered, reader.id, number, request_id,
            calls.version_of(function), reader.partial, known, header=_header(given, function.function_arn),
        )  # fmt: skip
    except calls.Throttled as error:
        _fail(reader, number, getattr(error, "code", "TooManyRequestsException"), str(error), throttled=True)
    except calls.Refusal as error:
        _fail(reader, number, error.code, str(error))
    except (NotSimulated, NotImplementedError) as error:
        _fail(reader, number, "NotSimulated", str(error))
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "moto":
            raise
        _fail(reader, number, "ResourceNotFoundException", str(getattr(error, "message", error)))


def _fail(reader: Reader, number: int, code: str, message: str, *, throttled: bool = False) -> None:
    readers.ended(reader.id, number, Outcome(None, throttled, code, message))


def answered(
    result: Any,
    identifier: str,
    number: int,
    request_id: str,
    version: str,
    partial: bool,
    known: tuple[str, ...],
) -> None:
    """The function has ended: what that means for its batch."""
    if result is None:
        outcome = Outcome(None, error="Lost", message=_LOST, request_id=request_id, version=version)
    elif result.error is not None:
        outcome = Outcome(
            None, error=result.error.type, message=result.error.message, request_id=request_id, version=version,
            state="function",
        )  # fmt: skip
    else:
        failed = outcomes.failures(result.payload, set(known)) if partial else frozenset()
        note = "" if failed is not None else "The reply names no failed records that Lambda understands."
        outcome = Outcome(
            failed, note=note, request_id=request_id, version=version,
            error="" if failed is not None else "BatchItemFailures",
        )  # fmt: skip
    readers.ended(identifier, number, outcome)


def _identifiers(given: list[dict[str, Any]]) -> list[str]:
    return [readers.identifier_of(record) for record in given]


def _with_role(reader: Reader, given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if given and "kinesis" in given[0]:
        return [record | {"invokeIdentityArn": reader.role} for record in given]
    return given


def _header(given: list[dict[str, Any]], function_arn: str) -> str:
    """The trace header of the batch in which the function ran most often: one that feeds itself is known by it."""
    headers = (str(record.get("attributes", {}).get("AWSTraceHeader", "")) for record in given)
    return lineage.strongest(headers, function_arn)


# -- records of streams that were given up ---------------------------------------------------------------


def discarded(reader: Reader, lost: Any) -> None:
    """Tell the on-failure destination about records that were given up."""
    destination = (
        (reader.thing.settings.get("DestinationConfig") or {}).get("OnFailure", {}).get("Destination")
    )
    if not destination:
        return
    outcome: Outcome = lost.outcome
    now = current().clock.now()
    body: dict[str, Any] = {
        "requestContext": {
            "requestId": outcome.request_id, "functionArn": reader.target, "condition": lost.condition,
            "approximateInvokeCount": lost.invoked,
        },
        "responseContext": {
            "statusCode": 200, "executedVersion": outcome.version, "functionError": "Unhandled",
        },
        "version": "1.0",
        "timestamp": _stamp(now, "milliseconds"),
    }  # fmt: skip
    if outcome.state != "function":
        del body["responseContext"]
    body[lost.name] = lost.info
    delivery.send(
        Parcel(
            _SENDER,
            reader.target,
            destination,
            json.dumps(body),
            "lambda.amazonaws.com",
            reader.role,
            via=reader.source,
            id=outcome.request_id or str(mock_random.uuid4()),
        )
    )


def _stamp(moment: datetime, precision: str) -> str:
    return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")
