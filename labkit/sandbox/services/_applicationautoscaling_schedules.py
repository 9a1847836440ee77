"""Scheduled actions: at a time, or again and again, a scalable target gets another minimum and maximum.

Source: botocore's model of PutScheduledAction and ScalableTargetAction (expressions, time zones, what happens at the
time).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from moto.applicationautoscaling.exceptions import AWSValidationException

from labkit.sandbox import current
from labkit.sandbox.hooks import hook
from labkit.sandbox.scalable import RESOURCES
from labkit.sandbox.schedules import Expression, InvalidSchedule, UnknownTimezone, zone_of
from labkit.sandbox.services import _applicationautoscaling_store as store
from labkit.sandbox.services import _applicationautoscaling_targets as targets

_BACKEND: Final = "moto.applicationautoscaling.models:ApplicationAutoscalingBackend"


@hook(f"{_BACKEND}.put_scheduled_action")
def put_scheduled_action(original: Any, self: Any, **given: Any) -> None:
    """PutScheduledAction: check it, keep it, put its next run on the clock."""
    dimension, resource_id = given["scalable_dimension"], given["resource_id"]
    if dimension in RESOURCES:
        if store.target(self, dimension, resource_id) is None:
            where = (given["service_namespace"], resource_id, dimension)
            raise targets.ObjectNotFound("scalable target registered", where)
        before = _find(self, dimension, resource_id, given["scheduled_action_name"])
        _check(given, before)
    original(self, **given)
    kept = _find(self, dimension, resource_id, given["scheduled_action_name"])
    if kept is not None and dimension in RESOURCES:
        kept.scalable_target_action = {
            name: value for name, value in (kept.scalable_target_action or {}).items() if value is not None
        }
        _plan(self, kept, current().clock.time())


def _check(given: dict[str, Any], before: Any) -> None:
    text = given.get("schedule")
    if not text and before is None:
        raise AWSValidationException("Schedule is required.")
    if text:
        try:
            Expression.parse(text, "scheduler")
        except InvalidSchedule as wrong:
            raise AWSValidationException(str(wrong)) from None
    if given.get("timezone"):
        try:
            zone_of(given["timezone"])
        except UnknownTimezone:
            raise AWSValidationException(f"Unknown time zone: {given['timezone']}") from None
    action = given.get("scalable_target_action") or {}
    if before is None and not action:
        raise AWSValidationException("ScalableTargetAction is required.")
    lowest, highest = action.get("MinCapacity"), action.get("MaxCapacity")
    if lowest is not None and highest is not None and lowest > highest:
        raise AWSValidationException("Maximum capacity cannot be less than minimum capacity")


def _find(found_in: Any, dimension: str, resource_id: str, name: str) -> Any:
    return next(
        (
            one
            for one in found_in.scheduled_actions
            if (one.scalable_dimension, one.resource_id, one.scheduled_action_name)
            == (dimension, resource_id, name)
        ),
        None,
    )


def _seconds(value: Any) -> float | None:
    if value in (None, ""):
        return None
    if isinstance(value, (int, float)):
        return float(value)
    moment = datetime.fromisoformat(str(value))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _plan(found_in: Any, action: Any, after: float) -> None:
    """Put the next run of an action on the clock. An earlier plan of the same action is void then."""
    begin, end = _seconds(action.start_time), _seconds(action.end_time)
    expression = Expression.parse(action.schedule, "scheduler")
    from_ = max(after, begin - 1e-6) if begin is not None else after
    first = begin if begin is not None else action.creation_time
    due = expression.next(
        from_, action.timezone or "UTC", start=first + expression.period if begin is None else first
    )
    action.due = due if due is not None and (end is None or due <= end) else None
    if action.due is not None:
        current().clock.schedule(
            action.due, run, found_in.account_id, found_in.region_name, action.scalable_dimension, action.resource_id,
            action.scheduled_action_name, action.due,
        )  # fmt: skip


def run(account: str, region: str, dimension: str, resource_id: str, name: str, when: float) -> None:
    """Due work: a scheduled action's time has come."""
    found_in = store.backend(account, region)
    action = _find(found_in, dimension, resource_id, name) if found_in is not None else None
    if action is None or getattr(action, "due", None) != when:
        return
    scaled = store.target(found_in, dimension, resource_id)
    if scaled is not None and not store.suspended(scaled, "ScheduledScaling"):
        _apply(found_in, scaled, action)
    _plan(found_in, action, when)


def _apply(found_in: Any, scaled: Any, action: Any) -> None:
    wanted = action.scalable_target_action
    scaled.min_capacity = int(wanted.get("MinCapacity", scaled.min_capacity))
    scaled.max_capacity = int(wanted.get("MaxCapacity", scaled.max_capacity))
    words = {"MinCapacity": "min capacity to", "MaxCapacity": "max capacity to"}
    said = " and ".join(f"{text} {wanted[key]}" for key, text in words.items() if key in wanted)
    store.note(
        found_in, scaled, f"Setting {said}", f"scheduled action name {action.scheduled_action_name} was triggered",
        f"Successfully set {said}", "Successful",
    )  # fmt: skip
    targets.enforce(found_in.account_id, found_in.region_name, scaled.scalable_dimension, scaled.resource_id)
