"""EventBridge Pipes: requests that pass the filter, in chunks of 64 KB: https://aws.amazon.com/eventbridge/pricing/"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from labkit.cost.usage import Period, Usage

LEAVES_OUT: Final = (
    "pipes: batches above 64 KB count once here, because the trace does not keep their size.",
)
_BATCHES: Final = ("BatchDelivered", "BatchFailed")


def usage(period: Period) -> Iterator[Usage]:
    """One request for each batch that a pipe hands on."""
    for event in period.events:
        if event.kind == "delivery" and event.service == "pipes" and event.action in _BATCHES:
            yield period.at(event, "requests", 1)
