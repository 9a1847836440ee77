"""Fargate: vCPUs, memory and storage of tasks, by the second.

"Calculated ... from the time you start to download your container image until the Amazon ECS Task ... terminates,
rounded up to the nearest second": https://aws.amazon.com/fargate/pricing/ A minimum of one minute applies; 20 GB of
ephemeral storage are included (the same page, and https://aws.amazon.com/ecs/pricing/).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from labkit.cost.usage import Usage

if TYPE_CHECKING:
    from labkit.cost.usage import Period

LEAVES_OUT: Final = (
    "fargate: Windows, data transfer, public addresses, and tasks that ECS no longer shows.",
    "fargate: Fargate Spot. Its price is a market price; AWS says up to 70 % below the regular one.",
)
MINIMUM_SECONDS: Final = 60
FREE_STORAGE_GB: Final = 20
_CPU_UNITS: Final = 1024
_MIB: Final = 1024


def usage(period: Period) -> Iterator[Usage]:
    """vCPU-hours, GB-hours and GB-hours of more storage, task by task."""
    for region, store in period.stores("ecs", "ecs_backends"):
        for kept in list(store.tasks.values()):
            for task in list(kept.values()):
                yield from of_task(period, region, task)


def of_task(period: Period, region: str, task: Any) -> Iterator[Usage]:
    """What one task is billed. Nothing before its image is pulled, and nothing on instances."""
    begin = getattr(task, "pull_started_at", None)
    spot = task.capacity_provider_name == "FARGATE_SPOT"
    if begin is None or not (
        spot or task.launch_type == "FARGATE" or task.capacity_provider_name == "FARGATE"
    ):
        return
    seconds = billed_seconds(begin, task.stopped_at, period)
    if not seconds:
        return
    cpu, memory = int(task.cpu or 0) / _CPU_UNITS, int(task.memory or 0) / _MIB
    storage = max(0, int((task.ephemeral_storage or {}).get("sizeInGiB") or 0) - FREE_STORAGE_GB)
    kind = "spot_" if spot else ""
    arm = "_arm" if _is_arm(task) else ""
    amounts = {
        f"{kind}vcpu_hours{arm}": cpu, f"{kind}gb_hours{arm}": memory, f"{kind}storage_gb_hours": storage
    }  # fmt: skip
    end = min(task.stopped_at or period.end, period.end)
    for unit, per_hour in amounts.items():
        if per_hour:
            yield Usage("fargate", unit, per_hour * seconds / 3600, task.task_arn, begin, end, region)


def billed_seconds(begin: float, stopped: float | None, period: Period) -> int:
    """Whole seconds of the period, rounded up; at least a minute of a task that began in it."""
    last = min(period.end if stopped is None else stopped, period.end)
    first = max(begin, period.begin)
    if last < first:
        return 0
    least = MINIMUM_SECONDS if begin >= period.begin else 0
    return max(least, math.ceil(round(last - first, 6)))


def _is_arm(task: Any) -> bool:
    return any(
        one.get("name") == "ecs.cpu-architecture" and one.get("value") == "arm64"
        for one in task.attributes or ()
    )
