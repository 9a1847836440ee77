"""When a deployment has failed: the deployment circuit breaker and deployment alarms.

Sources: "How the Amazon ECS deployment circuit breaker detects failures" (deployment-circuit-breaker.html: threshold
between 3 and 200, half of the desired count, two stages), botocore's model (ThresholdConfiguration: COUNT,
BOUNDED_PERCENT, UNBOUNDED_PERCENT; resetOnHealthyTask), "How CloudWatch alarms detect Amazon ECS deployment failures"
(deployment-alarm-failure.html).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

LOWEST: Final = 3
HIGHEST: Final = 200
_DEFAULT: Final = {"type": "BOUNDED_PERCENT", "value": 50}


def settings(configuration: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The circuit breaker of a deployment configuration, or None when it is off."""
    found = configuration.get("deploymentCircuitBreaker") or {}
    return found if found.get("enable") else None


def threshold(configuration: Mapping[str, Any], desired: int) -> int:
    """How many failed tasks make a failed deployment, for the service's desired count of now."""
    breaker = configuration.get("deploymentCircuitBreaker") or {}
    wanted = {**_DEFAULT, **(breaker.get("thresholdConfiguration") or {})}
    value = int(wanted["value"])
    if wanted["type"] == "COUNT":
        return max(1, value)
    share = math.ceil(desired * value / 100)
    if wanted["type"] == "UNBOUNDED_PERCENT":
        return max(1, share)
    return min(HIGHEST, max(LOWEST, share))


def resets(configuration: Mapping[str, Any]) -> bool:
    """Whether a task that becomes healthy sets the count of failures back to zero."""
    breaker = configuration.get("deploymentCircuitBreaker") or {}
    return bool(breaker.get("resetOnHealthyTask", True))


def tripped(configuration: Mapping[str, Any], desired: int, failures: int) -> bool:
    """Whether the circuit breaker is on and has seen enough."""
    return settings(configuration) is not None and failures >= threshold(configuration, desired)


def rolls_back(configuration: Mapping[str, Any], cause: str = "deploymentCircuitBreaker") -> bool:
    """Whether a failure found by this cause (or "alarms") goes back to the last completed deployment."""
    return bool((configuration.get(cause) or {}).get("rollback"))


def watched(configuration: Mapping[str, Any]) -> list[str]:
    """Names of the CloudWatch alarms that fail a deployment."""
    alarms = configuration.get("alarms") or {}
    return list(alarms.get("alarmNames") or []) if alarms.get("enable") else []


def described(configuration: Mapping[str, Any], desired: int, failures: int, state: str) -> dict[str, Any]:
    """What DescribeServiceDeployments says about it. `state` is the rollout state of the deployment."""
    if settings(configuration) is None:
        return {
            "status": "DISABLED",
            "failureCount": failures,
            "threshold": threshold(configuration, desired),
        }
    if state == "IN_PROGRESS":
        status = "MONITORING"
    else:
        over = state == "FAILED" and tripped(configuration, desired, failures)
        status = "TRIGGERED" if over else "MONITORING_COMPLETE"
    return {"status": status, "failureCount": failures, "threshold": threshold(configuration, desired)}
