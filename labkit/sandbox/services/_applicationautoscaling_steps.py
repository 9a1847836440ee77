"""How much to scale: target tracking, step adjustments, bounds and cooldowns. Numbers in, numbers out.

Sources: botocore's model of StepScalingPolicyConfiguration and StepAdjustment (bounds of a step, inclusive and
exclusive; MinAdjustmentMagnitude); Application Auto Scaling user guide, step-scaling-policy-overview.html (rounding of
PercentChangeInCapacity) and target-tracking-scaling-policy-overview.html (scales out in proportion, rounds up);
"Service auto scaling" of the ECS developer guide (desired counts outside of minimum and maximum, cooldowns).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

COOLDOWN: Final = 300.0
"""Seconds of a cooldown that nobody has set, for ECS services."""
LOW_SHARE: Final = 0.9
"""The low alarm of a target tracking policy stands at 90 % of its target."""


def tracked(capacity: int, metric: float, target: float) -> int:
    """The capacity with which the metric would be at its target."""
    if target <= 0:
        return capacity
    return math.ceil(capacity * metric / target - 1e-9) if capacity else math.ceil(min(1.0, metric))


def stepped(capacity: int, policy: Mapping[str, Any], breach: float, *, above: bool) -> int | None:
    """The capacity after a step. `breach` is the metric less the alarm's threshold; `above`: it is too high.

    None when no step fits the size of the breach.
    """
    step = next((one for one in policy.get("StepAdjustments") or [] if _fits(one, breach, above=above)), None)
    if step is None:
        return None
    amount = int(step["ScalingAdjustment"])
    kind = policy.get("AdjustmentType", "ChangeInCapacity")
    if kind == "ExactCapacity":
        return max(0, amount)
    if kind == "PercentChangeInCapacity":
        amount = _percent(capacity, amount, int(policy.get("MinAdjustmentMagnitude") or 0))
    return max(0, capacity + amount)


def _fits(step: Mapping[str, Any], breach: float, *, above: bool) -> bool:
    low, high = step.get("MetricIntervalLowerBound"), step.get("MetricIntervalUpperBound")
    low = -math.inf if low is None else float(low)
    high = math.inf if high is None else float(high)
    return low <= breach < high if above else low < breach <= high


def _percent(capacity: int, percent: int, least: int) -> int:
    """A change in percent: away from zero up to one, else towards zero."""
    change = capacity * percent / 100
    whole = math.trunc(change) if abs(change) >= 1 else (1 if change > 0 else -1 if change < 0 else 0)
    return int(math.copysign(max(abs(whole), least), percent)) if whole or least else 0


def outward(desired: int, wanted: int, minimum: int, maximum: int) -> int:
    """A scale-out within the bounds. A count that is above the maximum already stays."""
    return desired if desired >= maximum else min(maximum, max(minimum, wanted, desired))


def inward(desired: int, wanted: int, minimum: int, maximum: int) -> int:
    """A scale-in within the bounds. A count that is below the minimum already stays."""
    return desired if desired <= minimum else max(minimum, min(maximum, wanted, desired))
