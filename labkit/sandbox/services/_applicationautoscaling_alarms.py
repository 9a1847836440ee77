"""The alarms that scaling policies hang on: evaluated once a minute, and what their policies do then.

Only alarms that belong to a scaling policy are evaluated, and only while there are such.

Sources: CloudWatch user guide, alarm-evaluation.html (states, missing data); ECS developer guide, "Service auto
scaling" (cooldowns, several policies, no scale-in during deployments); user guide of Application Auto Scaling,
target-tracking-scaling-policy-overview.html (the alarms: 3 points above the target, 15 points below) and
API_TargetTrackingScalingPolicyConfiguration ("the intention is to continuously (but not excessively) scale out": in the
cooldown only a larger scale-out counts, and what the last one has added is part of the next). A metric of a minute is
set against what ran in that minute, not against tasks that have come since.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from labkit.sandbox import current, metrics
from labkit.sandbox.scalable import RESOURCES
from labkit.sandbox.services import _applicationautoscaling_steps as steps
from labkit.sandbox.services import _applicationautoscaling_store as store

_AFTER: Final = 10.0
"""Seconds after a minute at which its metrics are there. The figure is ours."""
_KEPT_SECONDS: Final = 30 * 60.0
_COMPARES: Final = {
    "GreaterThanThreshold": lambda value, limit: value > limit,
    "GreaterThanOrEqualToThreshold": lambda value, limit: value >= limit,
    "LessThanThreshold": lambda value, limit: value < limit,
    "LessThanOrEqualToThreshold": lambda value, limit: value <= limit,
}  # fmt: skip


def watch(account: str, region: str) -> None:
    """Begin to look at the alarms each minute, unless that goes on already."""
    found_in = store.backend(account, region)
    if getattr(found_in, "watching", None):
        return
    clock = current().clock
    found_in.watching = (clock.time() // 60 + 1) * 60 + _AFTER
    clock.schedule(found_in.watching, tick, account, region, found_in.watching)


def tick(account: str, region: str, when: float) -> None:
    """Due work, once a minute: evaluate the alarms of all policies, then scale."""
    found_in = store.backend(account, region)
    if found_in is None or getattr(found_in, "watching", None) != when:
        return
    if not any(store.policies(found_in, one) for one in store.targets(found_in)):
        found_in.watching = None
        return
    for scaled in store.targets(found_in):
        _look(found_in, scaled, when)
    found_in.watching = when + 60
    current().clock.schedule(found_in.watching, tick, account, region, found_in.watching)


# -- alarms ------------------------------------------------------------------------------------------


def alarms_of(found_in: Any, policy: Any) -> list[Any]:
    """The alarms that call a policy: its own, or those somebody has made for it."""
    kept = store.cloudwatch(found_in.account_id, found_in.region_name)
    if kept is None:
        return []
    return [
        one
        for one in kept.alarms.values()
        if any(action.startswith(policy.policy_arn) for action in one.alarm_actions or [])
    ]


class Newest(NamedTuple):
    """The newest value of a metric, and when its period began."""

    value: float
    start: float


def evaluate(found_in: Any, alarm: Any, when: float) -> Newest | None:
    """Bring an alarm's state up to date. Returns the newest value of its metric."""
    count = max(1, int(alarm.evaluation_periods or 1))
    values = points(found_in, alarm, count, when)
    present = [value for value in values if value is not None]
    compare = _COMPARES.get(alarm.comparison_operator)
    if compare is None:
        return None
    needed = int(alarm.datapoints_to_alarm or count)
    breaching = sum(compare(value, alarm.threshold) for value in present)
    missing = count - len(present)
    if alarm.treat_missing_data == "breaching":
        breaching, missing = breaching + missing, 0
    if alarm.treat_missing_data == "notBreaching":
        missing = 0
    if not present and missing:
        state = alarm.state_value if alarm.treat_missing_data == "ignore" else "INSUFFICIENT_DATA"
    elif breaching >= needed:
        state = "ALARM"
    elif breaching + missing >= needed:
        state = alarm.state_value if alarm.state_value != "INSUFFICIENT_DATA" else "OK"
    else:
        state = "OK"
    if state != alarm.state_value:
        alarm.update_state(_said(alarm, state, present, needed), "{}", state)
    if not present:
        return None
    period = int(alarm.period or 60)
    back = next(step for step, value in enumerate(reversed(values), 1) if value is not None)
    return Newest(present[-1], (when // period - back) * period)


def _said(alarm: Any, state: str, values: Sequence[float], needed: int) -> str:
    if state == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {alarm.evaluation_periods} datapoints were unknown."
    front = "Threshold Crossed:" if state == "ALARM" else "Threshold Not Crossed:"
    return f"{front} {needed} of the newest datapoints {[round(value, 2) for value in values]} ({alarm.threshold})."


def points(found_in: Any, alarm: Any, count: int, when: float) -> list[float | None]:
    """The newest values of an alarm's metric, oldest first; None where there is none."""
    period = int(alarm.period or 60)
    last = (when // period) * period
    starts = [last - period * step for step in range(count, 0, -1)]
    dimensions = {one.name: one.value for one in alarm.dimensions}
    made = metrics.VALUES.get(alarm.namespace)
    if made is not None and period == 60:
        where = (found_in.account_id, found_in.region_name)
        # A minute that is over does not change: its value is made once, for all alarms on the metric.
        known = found_in.__dict__.setdefault("points", {})
        key = (alarm.metric_name, alarm.statistic, *sorted(dimensions.items()))
        before = known.get(key, {})
        known[key] = seen = {start: value for start, value in before.items() if start > when - _KEPT_SECONDS}
        for start in starts:
            if start not in seen:
                seen[start] = made(*where, alarm.metric_name, dimensions, start, alarm.statistic)
        return [seen[start] for start in starts]
    return _kept(found_in, alarm, dimensions, starts, period)


def _kept(
    found_in: Any, alarm: Any, dimensions: dict[str, str], starts: Sequence[float], period: int
) -> list[float | None]:
    """Values of a metric that lies in CloudWatch."""
    kept = store.cloudwatch(found_in.account_id, found_in.region_name)
    statistic = alarm.statistic or "Average"
    asked = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    values: list[float | None] = []
    for start in starts:
        begin, end = (
            datetime.fromtimestamp(one, UTC).replace(tzinfo=None) for one in (start, start + period)
        )
        found = kept.get_metric_statistics(
            alarm.namespace, alarm.metric_name, begin, end, period, [statistic], asked
        )
        value = found[0].get_statistics_for_type(statistic) if found else None
        values.append(None if value is None else float(value))
    return values


# -- scaling -----------------------------------------------------------------------------------------


def _look(found_in: Any, scaled: Any, when: float) -> None:
    """Evaluate the alarms of one target, and scale out if one policy wants it, in if all do."""
    outs: list[tuple[int, int, str, Any]] = []
    ins: list[tuple[int, str, Any]] = []
    resource = RESOURCES[scaled.scalable_dimension]
    where = (found_in.account_id, found_in.region_name, scaled.resource_id)
    desired = resource.desired(*where)
    actual = resource.actual(*where)
    tracking = willing = 0
    for policy in store.policies(found_in, scaled):
        tracks = policy.policy_type == "TargetTrackingScaling"
        settings = policy.target_tracking_scaling_policy_configuration or {}
        tracking += tracks and not settings.get("DisableScaleIn")
        for alarm in alarms_of(found_in, policy):
            newest = evaluate(found_in, alarm, when)
            if alarm.state_value != "ALARM" or newest is None or desired is None or not alarm.actions_enabled:
                continue
            cause = f"monitor alarm {alarm.name} in state ALARM triggered policy {policy.policy_name}"
            if not tracks:
                above = alarm.comparison_operator.startswith("Greater")
                to = steps.stepped(
                    actual,
                    policy.step_scaling_policy_configuration,
                    newest.value - alarm.threshold,
                    above=above,
                )
                if to is not None and to > actual:
                    outs.append((to, actual, cause, policy))
                elif to is not None and to < actual:
                    ins.append((to, cause, policy))
                continue
            base = resource.ran(*where, newest.start) or actual
            to = steps.tracked(base, newest.value, settings["TargetValue"])
            if alarm.comparison_operator.startswith("Greater"):
                outs.append((max(base + 1, to), base, cause, policy))
            else:
                willing += 1
                ins.append((to, cause, policy))
    if desired is None:
        return
    if outs:
        _out(found_in, scaled, desired, *max(outs, key=lambda one: one[0]))
    elif ins and (willing == tracking or any(one[2].policy_type == "StepScaling" for one in ins)):
        if willing < tracking:
            ins = [one for one in ins if one[2].policy_type == "StepScaling"]
        _in(found_in, scaled, desired, *max(ins, key=lambda one: one[0]))


def _cooldown(policy: Any, direction: str) -> float:
    tracking = policy.target_tracking_scaling_policy_configuration
    settings = tracking or policy.step_scaling_policy_configuration or {}
    given = settings.get(f"Scale{direction}Cooldown" if tracking else "Cooldown")
    return steps.COOLDOWN if given is None else float(given)


def _out(found_in: Any, scaled: Any, desired: int, wanted: int, base: int, cause: str, policy: Any) -> None:
    """Scale out to `wanted`, which was worked out from a capacity of `base`."""
    now = current().clock.time()
    if store.suspended(scaled, "DynamicScalingOut"):
        return
    resource = RESOURCES[scaled.scalable_dimension]
    actual = resource.actual(found_in.account_id, found_in.region_name, scaled.resource_id)
    if now < getattr(scaled, "out_until", 0.0):
        # In the cooldown only a larger scale-out counts, and what the last one has added is part of it.
        begun, last = scaled.out_from, scaled.out_to - scaled.out_from
        if wanted - base <= last:
            return
        if policy.policy_type == "StepScaling":
            wanted = begun + wanted - base
    else:
        begun = actual
    capacity = steps.outward(desired, wanted, scaled.min_capacity, scaled.max_capacity)
    if capacity == desired:
        code = "AlreadyAtMaxCapacity" if desired >= scaled.max_capacity else "AlreadyAtDesiredCapacity"
        store.not_scaled(found_in, scaled, code, cause, desired)
    elif store.scale(found_in, scaled, capacity, cause):
        scaled.out_until, scaled.out_from, scaled.out_to = now + _cooldown(policy, "Out"), begun, capacity
        scaled.in_until = 0.0


def _in(found_in: Any, scaled: Any, desired: int, wanted: int, cause: str, policy: Any) -> None:
    now = current().clock.time()
    resource = RESOURCES[scaled.scalable_dimension]
    if store.suspended(scaled, "DynamicScalingIn"):
        return
    if resource.deploying(found_in.account_id, found_in.region_name, scaled.resource_id):
        return
    if now < max(getattr(scaled, "in_until", 0.0), getattr(scaled, "out_until", 0.0)):
        return
    capacity = steps.inward(desired, wanted, scaled.min_capacity, scaled.max_capacity)
    if capacity == desired:
        code = "AlreadyAtMinCapacity" if desired <= scaled.min_capacity else "AutoScalingAnticipatedFlapping"
        store.not_scaled(found_in, scaled, code, cause, desired)
    elif store.scale(found_in, scaled, capacity, cause):
        scaled.in_until = now + _cooldown(policy, "In")
