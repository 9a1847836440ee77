"""EventBridge Scheduler: invocations. Each run of a schedule is one: https://aws.amazon.com/eventbridge/pricing/"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from labkit.cost.usage import Period, Usage

LEAVES_OUT: Final = ("scheduler: further tries of a run that failed.",)


def usage(period: Period) -> Iterator[Usage]:
    """One invocation for each run."""
    for event in period.events:
        if event.service == "scheduler" and event.action == "ScheduleInvoked":
            yield period.at(event, "invocations", 1)
