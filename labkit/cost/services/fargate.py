"""Fargate: vCPUs, memory and storage of tasks, by the second.

"Calculated ... from the time you start to download your container image until the Amazon ECS Task ... terminates,
rounded up to the nearest second": https://aws.amazon.com/fargate/pricing/ A minimum of one minute applies; 20 GB of
ephemeral storage are included (the same page, and https://aws.amazon.com/ecs/pricing/).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from labkit.cost.usage import Usage

if TYPE_CHECKING:
    from labkit.cost.usage import Period
    from labkit.sandbox.trace import Event

LEAVES_OUT: Final = (
    "fargate: Windows, data transfer, public addresses.",
    "fargate: Fargate Spot. Its price is a market price; AWS says up to 70 % below the regular one.",
)
MINIMUM_SECONDS: Final = 60
FREE_STORAGE_GB: Final = 20
_CPU_UNITS: Final = 1024
_MIB: Final = 1024


def usage(period: Period) -> Iterator[Usage]:
    """vCPU-hours, GB-hours and GB-hours of more storage. ECS forgets a stopped task; the trace does not."""
    here: set[str] = set()
    for region, store in period.stores("ecs", "ecs_backends"):
        for kept in list(store.tasks.values()):
            for task in list(kept.values()):
                here.add(task.task_arn)
                yield from of_task(period, region, task)
    for event in period.story:
        if event.service == "ecs" and event.action == "TaskStopped" and event.resource not in here:
            here.add(event.resource)
            yield from of_task(period, period.region_of(event.resource), Forgotten.of(event))


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A task that ECS no longer shows, as the trace tells of it."""

    task_arn: str
    launch_type: str
    capacity_provider_name: str
    pull_started_at: float | None
    stopped_at: float
    cpu: str
    memory: str
    ephemeral_storage: dict[str, int]
    attributes: tuple[dict[str, str], ...]

    @classmethod
    def of(cls, event: Event) -> Forgotten:
        """The task of its last event."""
        told = event.params
        architecture = {"name": "ecs.cpu-architecture", "value": str(told.get("Architecture", ""))}
        return cls(
            event.resource, str(told.get("LaunchType", "")), str(told.get("CapacityProvider", "")),
            told.get("PullStartedAt"), event.time, str(told.get("Cpu", "0")), str(told.get("Memory", "0")),
            {"sizeInGiB": int(told.get("EphemeralGiB") or 0)}, (architecture,),
        )  # fmt: skip


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
