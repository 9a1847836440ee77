"""Event buses and API destinations as targets, and what becomes of events that did not arrive.

Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html (message attributes, error codes),
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html (no third bus). The words of the refusal of
a third bus: https://pubudu.dev/posts/manage-amazon-eventbridge-bus-to-bus-recursive-message-passing/.
"""

from __future__ import annotations

import json
from typing import Any, Final

from labkit.sandbox import current
from labkit.sandbox.delivery import Letter
from labkit.sandbox.parcels import Failure, Parcel, Refused
from labkit.sandbox.services import _events_publish as publish
from labkit.sandbox.stores import Arn

_GONE: Final = ("NotFound", "NonExistent", "DoesNotExist", "NoSuch")
_DENIED: Final = ("AccessDenied", "AuthorizationError", "KMS", "Kms")
_BUSY: Final = ("429", "Throttl", "TooManyRequests", "LimitExceeded", "ProvisionedThroughput")


# -- receiving ---------------------------------------------------------------------------------------


def actions(parcel: Parcel) -> tuple[str, ...]:
    """What the sender must be allowed to do."""
    return ("events:InvokeApiDestination",) if _is_destination(parcel) else ("events:PutEvents",)


def _is_destination(parcel: Parcel) -> bool:
    return ":api-destination/" in parcel.target


def find(parcel: Parcel) -> Any:
    """The bus or the API destination. Raises `Refused` when it is not there."""
    if _is_destination(parcel):
        from labkit.sandbox.services import _events_http as http

        return http.find(parcel.target)
    bus = publish.find_bus(parcel.target)
    if bus is None:
        name = parcel.target.rpartition("event-bus/")[2]
        raise Refused("ResourceNotFoundException", f"Event bus {name} does not exist.")
    return bus


def accept(parcel: Parcel) -> str:
    """Put the event on the bus; returns its id.

    From a rule the body is the whole event. Other senders give `Source`, `DetailType` and, as JSON, `Resources`
    as options, and the detail as the body.
    """
    if _is_destination(parcel):
        from labkit.sandbox.services import _events_http as http

        return http.invoke(parcel)
    bus = find(parcel)
    if parcel.option("Source"):
        return _put(bus, parcel)
    hops = int(parcel.option("hops") or 0)
    if hops:
        raise Refused(
            "THIRD_ACCOUNT_HOP_DETECTED",
            f"Event ingestion rejected for event {parcel.id} because an event can be sent to an event bus target "
            "only once. This event was previously delivered to an event bus target.",
        )
    event = json.loads(parcel.body)
    publish.arrive(bus, event, hops=hops + 1, text=parcel.body)
    return str(event["id"])


def _put(bus: Any, parcel: Parcel) -> str:
    detail = publish.detail_of(parcel.body)
    if detail is None:
        raise Refused("MalformedDetail", "Detail is malformed.")
    source = Arn.of(parcel.source)
    event = publish.new_event(
        parcel.option("Source"), parcel.option("DetailType", ""), detail,
        json.loads(parcel.option("Resources", "[]")), source.account if source else bus.account_id,
        bus.region, current().clock.time(),
    )  # fmt: skip
    publish.arrive(bus, event)
    return str(event["id"])


# -- not delivered -----------------------------------------------------------------------------------


def letter(parcel: Parcel, failure: Failure) -> Letter:
    """What the dead-letter queue gets: the event as it came to the bus, and why it is there."""
    attributes = {
        "RULE_ARN": parcel.source,
        "TARGET_ARN": parcel.target,
        "ERROR_CODE": error_code(failure),
        "ERROR_MESSAGE": failure.message,
        "EXHAUSTED_RETRY_CONDITION": failure.condition,
        "RETRY_ATTEMPTS": str(failure.retried),
    }
    body = str(parcel.told("event", parcel.body))
    return Letter(body, tuple((name, value) for name, value in attributes.items() if value))


def error_code(failure: Failure) -> str:
    """EventBridge's code for an error of a target."""
    code = failure.code
    if code.isupper():
        return code
    if any(mark in code for mark in _GONE):
        return "NO_RESOURCE"
    if "sts:AssumeRole" in failure.message:
        return "FAILED_TO_ASSUME_ROLE"
    if any(mark in code for mark in _DENIED):
        return "NO_PERMISSIONS"
    if any(mark in code for mark in _BUSY):
        return "THROTTLING"
    if code.startswith(("Invalid", "Missing", "Malformed")):
        return "INVALID_PARAMETER"
    if "Timeout" in code or "TimedOut" in code:
        return "TIMEOUT"
    if "Connection" in code:
        return "CONNECTION_FAILURE"
    return code if code == "NotSimulated" else "ERROR_FROM_TARGET"
