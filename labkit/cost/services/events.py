"""EventBridge: custom events, in chunks of 64 KB.

"Each 64 KB chunk of a payload is billed as one event"; "AWS management events are ingested by the event bus for free":
https://aws.amazon.com/eventbridge/pricing/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from labkit.cost.usage import chunks, size_of

if TYPE_CHECKING:
    from labkit.cost.usage import Period, Usage

LEAVES_OUT: Final = (
    "events: deliveries to other accounts and Regions, API destinations, archives and replays, schema discovery.",
)
_COUNTED: Final = ("Source", "DetailType", "Detail", "Resources")


def usage(period: Period) -> Iterator[Usage]:
    """What PutEvents put on a bus, entry by entry."""
    for call in period.calls("events", "PutEvents"):
        entries = call.params.get("Entries")
        for entry in entries if isinstance(entries, list) else ():
            yield period.at(call, "custom_events", chunks(_size(entry)), _bus(period, entry))


def _size(entry: Any) -> int:
    """The size of an entry, and 14 bytes when it names a time.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html (calculating the size)
    """
    return sum(size_of(entry.get(name)) for name in _COUNTED) + (14 if entry.get("Time") else 0)


def _bus(period: Period, entry: Any) -> str:
    name = str(entry.get("EventBusName") or "default")
    if name.startswith("arn:"):
        return name
    return f"arn:aws:events:{period.sandbox.region}:{period.sandbox.account}:event-bus/{name}"
