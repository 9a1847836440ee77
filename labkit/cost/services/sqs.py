"""SQS: requests, in chunks of 64 KB.

Every API action is a request. A request of 1 to 10 messages counts once for each 64 KB of its payload, so a receive
of 256 KB counts four times: https://aws.amazon.com/sqs/pricing/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from labkit.cost.usage import chunks, last_part, size_of

if TYPE_CHECKING:
    from labkit.cost.usage import Period, Usage
    from labkit.sandbox.trace import Event

LEAVES_OUT: Final = (
    "sqs: requests that AWS services make to your queues, such as Lambda's polls; data transfer; "
    "the surcharge of fair queues.",
)


def usage(period: Period) -> Iterator[Usage]:
    """Requests of standard and of FIFO queues."""
    sizes = _sizes(period)
    for call in period.calls("sqs"):
        name = last_part(call.resource)
        unit = "fifo_requests" if name.endswith(".fifo") else "requests"
        arn = f"arn:aws:sqs:{period.region_of(call.resource)}:{period.sandbox.account}:{name}" if name else ""
        yield period.at(call, unit, chunks(_payload(call, sizes)), arn)


def _payload(call: Event, sizes: dict[int, int]) -> int:
    if call.action == "ReceiveMessage":
        return sizes.get(call.sequence, 0)
    if call.action == "SendMessage":
        return _message(call.params)
    if call.action == "SendMessageBatch":
        return sum(_message(entry) for entry in _entries(call))
    return 0


def _message(given: Any) -> int:
    return size_of(given.get("MessageBody")) + size_of(given.get("MessageAttributes"))


def _entries(call: Event) -> list[Any]:
    entries = call.params.get("Entries")
    return [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []


def _sizes(period: Period) -> dict[int, int]:
    """Bytes that each receive brought, found by the ids of the messages."""
    calls = {
        event.sequence: event for event in period.story if event.kind == "call" and event.service == "sqs"
    }
    waiting = {
        number: [_message(one) for one in _entries(call)] or [_message(call.params)]
        for number, call in calls.items()
        if call.action in ("SendMessage", "SendMessageBatch")
    }
    bytes_of: dict[str, int] = {}
    received: dict[int, int] = {}
    for event in period.story:
        if event.service != "sqs" or event.cause is None:
            continue
        message = str(event.params.get("MessageId", ""))
        if event.action == "MessageSent" and waiting.get(event.cause):
            bytes_of[message] = waiting[event.cause].pop(0)
        elif event.action == "MessageReceived":
            received[event.cause] = received.get(event.cause, 0) + bytes_of.get(message, 0)
    return received
