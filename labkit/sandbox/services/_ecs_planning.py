"""What a service has to start and stop next: numbers in, numbers out.

Sources: botocore's model of DeploymentConfiguration (minimumHealthyPercent rounds up, maximumPercent rounds down, 40
seconds before a task without a health check counts), "Amazon ECS services" in the developer guide (ecs_services.html:
a replacement first, then the unhealthy task goes; one by one where maximumPercent leaves no room; which tasks go
first when a service scales in), and "Amazon ECS service throttle logic" (service-throttle-logic.html: the time
between restarts grows to 27 minutes).
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

SETTLE_SECONDS: Final = 40.0
"""A running task without any health check counts as healthy after so long."""

_FREE_FAILURES: Final = 3
_FIRST_DELAY: Final = 10.0
LONGEST_DELAY: Final = 27 * 60.0
"""The longest wait between two attempts is AWS's; from which failure on and by how much it grows is ours."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many tasks must at least be healthy, and may at most be there, while a service changes."""

    lower: int
    upper: int

    @classmethod
    def of(cls, desired: int, minimum: int, maximum: int) -> Bounds:
        """`minimum` and `maximum` in percent of the desired count."""
        return cls(math.ceil(desired * minimum / 100), math.floor(desired * maximum / 100))


@dataclass(frozen=True, slots=True)
class Count:
    """The tasks of one deployment, or of several: starting (or not yet counted), healthy, unhealthy."""

    starting: int = 0
    healthy: int = 0
    unhealthy: int = 0

    @property
    def all(self) -> int:
        """Everything that is there and meant to stay."""
        return self.starting + self.healthy + self.unhealthy


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now. `old` of `stop_old` are healthy tasks; starting and unhealthy ones go first."""

    start: int = 0
    stop_surplus: int = 0
    stop_unhealthy: int = 0
    stop_old: int = 0
    stuck: bool = False
    """The percentages allow neither to start nor to stop anything, and something has to change."""

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.start or self.stop_surplus or self.stop_unhealthy or self.stop_old)


def plan(desired: int, bounds: Bounds, new: Count, old: Count, *, launches: bool = True) -> Plan:
    """The next step towards `desired` tasks of the newest deployment and none of older ones.

    Without `launches` (a failed deployment) nothing is started, and nothing is taken away for what will not come.
    """
    missing = max(0, desired - (new.starting + new.healthy)) if launches else 0
    room = max(0, bounds.upper - new.all - old.all)
    start = min(missing, room)
    surplus = max(0, new.starting + new.healthy - desired)
    # An unhealthy task goes when its replacement has settled, healthy or not.
    settled = new.healthy + new.unhealthy
    stop_unhealthy = min(new.unhealthy, max(0, settled - desired)) if new.unhealthy else 0
    if (
        new.unhealthy
        and missing
        and not start
        and not stop_unhealthy
        and new.all + old.all - 1 >= bounds.lower
    ):
        stop_unhealthy = 1
    healthy = min(new.healthy, desired) + old.healthy
    spare = max(0, healthy - bounds.lower)
    stop_old = min(old.all, old.starting + old.unhealthy + min(old.healthy, spare))
    if not launches:
        stop_old = min(stop_old, max(0, new.all + old.all - desired))
    nothing = not (start or surplus or stop_unhealthy or stop_old)
    stuck = nothing and bool(missing) and not new.starting and not old.starting
    return Plan(start, surplus, stop_unhealthy, stop_old, stuck)


def delay(failures: int) -> float:
    """Seconds to wait after so many tasks in a row that never ran."""
    if failures < _FREE_FAILURES:
        return 0.0
    return min(LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(failures - _FREE_FAILURES, 20))


def impaired(failures: int) -> bool:
    """Whether a service says that it is unable to start tasks consistently."""
    return failures >= _FREE_FAILURES


def leave(tasks: Sequence[Any], count: int, dice: random.Random) -> list[Any]:
    """The tasks that go when `count` have to: of the fullest zone, there of the fullest instance, then any.

    Those that do not run yet go before those that do.
    """
    left = list(tasks)
    gone: list[Any] = []
    for _ in range(min(count, len(left))):
        pending = [task for task in left if task.last_status != "RUNNING"]
        choice = pending or left
        zones = Counter(task.availability_zone for task in left)
        fullest = max(zones[task.availability_zone] for task in choice)
        choice = [task for task in choice if zones[task.availability_zone] == fullest]
        hosts = Counter(task.container_instance_arn for task in left if task.container_instance_arn)
        most = max(hosts[task.container_instance_arn] for task in choice) if hosts else 0
        choice = [task for task in choice if not hosts or hosts[task.container_instance_arn] == most]
        choice.sort(key=lambda task: task.task_arn)
        chosen = dice.choice(choice)
        left.remove(chosen)
        gone.append(chosen)
    return gone
