"""Functions as targets of other services, and what functions' own deliveries leave in the trace."""

from __future__ import annotations

import importlib
from typing import Any

from moto.awslambda.exceptions import LambdaClientError
from moto.moto_api._internal import mock_random

from labkit.sandbox import current, delivery, lineage
from labkit.sandbox.dispatch import NotSimulated
from labkit.sandbox.parcels import Failure, Parcel, Refused, Unavailable
from labkit.sandbox.services import _lambda_async as asynchronous
from labkit.sandbox.services import _lambda_calls as calls
from labkit.sandbox.services import _lambda_metrics as metrics


def find(parcel: Parcel) -> Any:
    """The function, version or alias. Raises `Refused` when it was deleted or never made."""
    return _found(parcel, "")[0]


def accept(parcel: Parcel) -> str:
    """Call the function asynchronously with the body as event; returns the request id."""
    request_id = str(mock_random.uuid4())
    function, via = _found(parcel, request_id)
    try:
        calls.check(parcel.body.encode(), "Event")
        header = str(parcel.option(lineage.ATTRIBUTE, "") or "")
        asynchronous.later(function, via, parcel.body or "{}", request_id, header)
    except calls.Refusal as refusal:
        raise Refused(refusal.code, str(refusal)) from None
    except NotSimulated as error:
        raise Refused("NotSimulated", str(error)) from None
    return request_id


def call(parcel: Parcel, done: str, args: tuple[Any, ...]) -> None:
    """Call the function for somebody who waits for its answer; see `delivery.ask`."""
    request_id = str(mock_random.uuid4())
    function, via = _found(parcel, request_id)
    try:
        calls.check(parcel.body.encode(), "RequestResponse")
        header = str(parcel.option(lineage.ATTRIBUTE, "") or "")
        calls.begin(
            function, via, parcel.body.encode() or b"{}", request_id, answered, done, calls.version_of(function), args,
            header=header, about={"InvocationType": "RequestResponse"},
        )  # fmt: skip
    except calls.Throttled as throttled:
        raise Unavailable(throttled.code, str(throttled)) from None
    except calls.Refusal as refusal:
        raise Refused(refusal.code, str(refusal)) from None
    except NotSimulated as error:
        raise Refused("NotSimulated", str(error)) from None


def answered(result: Any, done: str, version: str, args: tuple[Any, ...]) -> None:
    """A function that somebody waits for has ended. Its environment may have been lost meanwhile."""
    module, _, name = done.partition(":")
    tell = getattr(importlib.import_module(module), name)
    if result is None:
        tell(None, *args)
        return
    error = result.function_error if result.error is not None else ""
    tell(delivery.Reply(result.payload.decode(), error, version), *args)


def ended(parcel: Parcel, failure: Failure | None) -> None:
    """A record or a dead letter of a function arrived, or never will."""
    if failure is None:
        return
    try:
        function = _found(parcel._replace(target=parcel.source), "")[0]
    except Refused:
        return
    name = "DeadLetterErrors" if parcel.via == "DeadLetterConfig" else "DestinationDeliveryFailures"
    metrics.count(function, name)


def _found(parcel: Parcel, request_id: str) -> tuple[Any, str]:
    from moto.awslambda.models import lambda_backends

    parts = parcel.target.split(":")
    missing = Refused("ResourceNotFoundException", f"Function not found: {parcel.target}")
    if len(parts) not in (7, 8) or parts[5] != "function":
        raise missing
    account, region, name = parts[4], parts[3], parts[6]
    if account not in lambda_backends or region not in lambda_backends[account]:
        raise missing
    backend = lambda_backends[account][region]
    try:
        return calls.choose(
            backend, name, parts[7] if len(parts) == 8 else None, request_id or str(current().seed)
        )
    except LambdaClientError:
        raise missing from None
