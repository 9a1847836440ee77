"""Schedules on the clock: when each runs next, and what happens when it does.

What belongs to a schedule is kept on moto's object: `labkit_due`, the work that waits; `labkit_anchor`, the moment
from which a rate counts; `labkit_life`, which changes with every update, so that late ends of earlier runs
are known as such.
"""

from __future__ import annotations

from typing import Any

from labkit.sandbox import current, delivery
from labkit.sandbox.schedules import Expression
from labkit.sandbox.services import _scheduler_targets as targets

_TINY = 1e-6


def find(arn: str) -> Any:
    """moto's schedule of an ARN, or None when it was deleted."""
    from moto.scheduler.models import scheduler_backends

    parts = arn.split(":", 5)
    names = parts[5].split("/") if len(parts) == 6 else []
    if len(names) != 3 or parts[4] not in scheduler_backends:
        return None
    regions = scheduler_backends[parts[4]]
    if parts[3] not in regions:
        return None
    group = regions[parts[3]].schedule_groups.get(names[1])
    return group.schedules.get(names[2]) if group is not None else None


def begin(schedule: Any) -> None:
    """Put a new or changed schedule on the clock."""
    stop(schedule)
    now = current().clock.time()
    schedule.labkit_life = getattr(schedule, "labkit_life", 0) + 1
    schedule.labkit_anchor = now if schedule.start_date is None else float(schedule.start_date)
    if schedule.state != "ENABLED":
        return
    expression = Expression.parse(schedule.schedule_expression, "scheduler")
    # A rate without a start date runs at once, so the first run may be now.
    after = now - _TINY if expression.form == "rate" else now
    if expression.recurring and schedule.start_date is not None:
        after = max(after, float(schedule.start_date) - _TINY)
    _wait(schedule, next_run(schedule, after))


def stop(schedule: Any) -> None:
    """Take a schedule off the clock."""
    current().clock.cancel(getattr(schedule, "labkit_due", None))
    schedule.labkit_due = None


def next_run(schedule: Any, after: float) -> float | None:
    """When a schedule runs next after a moment (seconds since 1970), or None."""
    expression = Expression.parse(schedule.schedule_expression, "scheduler")
    found = expression.next(after, schedule.schedule_expression_timezone, start=schedule.labkit_anchor)
    if found is None or not expression.recurring or schedule.end_date is None:
        return found
    return found if found < float(schedule.end_date) else None


def _wait(schedule: Any, when: float | None) -> None:
    schedule.labkit_due = None if when is None else current().clock.schedule(when, run, schedule.arn, when)


def run(arn: str, when: float) -> None:
    """Due work: one run of a schedule."""
    schedule = find(arn)
    if schedule is None:
        return
    sandbox = current()
    following = next_run(schedule, when)
    delay, window = 0.0, schedule.flexible_time_window
    if window.get("Mode") == "FLEXIBLE":
        dice = sandbox.faults.dice("scheduler.window", arn, when)
        delay = dice.uniform(0, window["MaximumWindowInMinutes"] * 60)
    params = {"ScheduledTime": targets.written(when), "Target": schedule.target["Arn"]}
    event = sandbox.trace.record("state", "scheduler", "ScheduleInvoked", resource=arn, params=params)
    last = following is None and schedule.action_after_completion == "DELETE"
    with sandbox.trace.caused_by(event.sequence):
        delivery.send(targets.parcel(schedule, when, ends=schedule.labkit_life if last else 0), delay)
    _wait(schedule, following)


def finish(arn: str, life: int) -> None:
    """Delete a schedule that has made its last run, unless it was changed since."""
    schedule = find(arn)
    if schedule is None or schedule.labkit_life != life:
        return
    from moto.scheduler.models import scheduler_backends

    parts = arn.split(":", 5)
    group = scheduler_backends[parts[4]][parts[3]].schedule_groups[schedule.group_name]
    stop(schedule)
    del group.schedules[schedule.name]
    note = "It made its last run, and ActionAfterCompletion is DELETE."
    current().trace.record("state", "scheduler", "ScheduleDeleted", resource=arn, note=note)
