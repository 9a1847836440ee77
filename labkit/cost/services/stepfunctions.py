"""Step Functions: state transitions of Standard executions; requests and GB-seconds of Express ones.

- Standard: a transition is counted each time a step of the workflow is run, retries too.
- Express: each execution is a request; its duration is rounded up to 100 ms and its memory to 64 MB.
https://aws.amazon.com/step-functions/pricing/
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from labkit.cost.usage import Period, Usage
    from labkit.sandbox.trace import Event

LEAVES_OUT: Final = (
    "stepfunctions: Express executions count as 64 MB of memory, the least there is; theirs is not measured here.",
)
MEMORY_GB: Final = 64 / 1024
STEP_MS: Final = 100
_ENDS: Final = ("ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted")
_TRIES: Final = ("TaskScheduled", "LambdaFunctionScheduled", "ActivityScheduled")


def usage(period: Period) -> Iterator[Usage]:
    """Transitions, and what Express executions that ended in the period used."""
    begun: dict[str, float] = {}
    wanted = {event.sequence for event in period.events}
    untried: dict[str, int] = {}
    for event in period.story:
        if event.service != "stepfunctions" or event.kind != "state":
            continue
        inside = event.sequence in wanted
        express = ":express:" in event.resource
        if event.action == "ExecutionStarted":
            begun[event.resource] = event.time
            if inside and express:
                yield _at(period, event, "express_requests", 1)
        elif event.action in _ENDS and inside and express:
            seconds = event.time - begun.get(event.resource, event.time)
            billed = max(1, math.ceil(round(seconds * 1000, 6) / STEP_MS)) * STEP_MS / 1000
            yield _at(period, event, "express_gb_seconds", MEMORY_GB * billed)
        elif inside and not express and (_entered(untried, event) or _again(untried, event)):
            yield _at(period, event, "transitions", 1)


def _entered(untried: dict[str, int], event: Event) -> bool:
    """Whether a step of the workflow begins. A Task state that was entered may be tried once without more cost."""
    if event.action == "TaskStateEntered":
        untried[event.resource] = untried.get(event.resource, 0) + 1
    return event.action.endswith("StateEntered")


def _again(untried: dict[str, int], event: Event) -> bool:
    """Whether a task is tried once more: more tries begin in the execution than its Task states were entered."""
    if event.action not in _TRIES:
        return False
    untried[event.resource] = untried.get(event.resource, 0) - 1
    return untried[event.resource] < 0


def _at(period: Period, event: Event, unit: str, amount: float) -> Usage:
    parts = event.resource.split(":")
    machine = ":".join([*parts[:5], "stateMachine", parts[6]]) if len(parts) > 6 else event.resource
    return period.at(event, unit, amount, machine)
