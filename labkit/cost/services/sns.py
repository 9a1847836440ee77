"""SNS: API requests, in chunks of 64 KB.

Each 64 KB of published data is one request; a batch counts by its payload; deliveries to SQS and Lambda cost nothing
with SNS: https://aws.amazon.com/sns/pricing/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from labkit.cost.usage import chunks, size_of

if TYPE_CHECKING:
    from labkit.cost.usage import Period, Usage
    from labkit.sandbox.trace import Event

LEAVES_OUT: Final = (
    "sns: FIFO topics (they have prices of their own); deliveries to HTTP, e-mail, SMS and mobile push; data transfer.",
)


def usage(period: Period) -> Iterator[Usage]:
    """API requests of standard topics; those of FIFO topics in a unit that has no price here."""
    for call in period.calls("sns"):
        unit = "fifo_requests" if call.resource.endswith(".fifo") else "requests"
        yield period.at(call, unit, chunks(_payload(call)))


def _payload(call: Event) -> int:
    if call.action == "Publish":
        return _message(call.params)
    entries = call.params.get("PublishBatchRequestEntries")
    return sum(_message(one) for one in entries) if isinstance(entries, list) else 0


def _message(given: Any) -> int:
    return size_of(given.get("Message")) + size_of(given.get("MessageAttributes"))
