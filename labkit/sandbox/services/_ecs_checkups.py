"""Container health checks: at their interval, as long as something can change; else they rest until the box stirs.

Defaults: interval 30 s, timeout 5 s, 3 retries, no start period. A container is UNKNOWN until its first check passes; a
task is what its essential containers with a check are. Failures in the start period do not count.
Source: API reference, HealthCheck, Container.healthStatus and Task.healthStatus.
"""

from __future__ import annotations

import math
from typing import Final

from labkit.sandbox import current
from labkit.sandbox.fleet import probes
from labkit.sandbox.services import _ecs_store as store
from labkit.sandbox.services import _ecs_tell as tell
from labkit.sandbox.services._ecs_store import Container, Task

INTERVAL: Final = 30.0
TIMEOUT: Final = 5.0
RETRIES: Final = 3


def begin(task: Task, container: Container) -> None:
    """A container was started: its first check is one interval later."""
    check = container.health_check
    if check is None or container.started_at is None:
        return
    _plan(task, container, container.started_at + _interval(container))


def _interval(container: Container) -> float:
    return float((container.health_check or {}).get("interval") or INTERVAL)


def _plan(task: Task, container: Container, when: float) -> None:
    container.next_check = when
    current().clock.schedule(when, check, task.task_arn, container.name, when)


def wake(task: Task, container: Container) -> None:
    """A box that rested has stirred: checks go on in their old rhythm."""
    if container.next_check is not None or container.health_check is None or not container.running:
        return
    now, interval = current().clock.time(), _interval(container)
    began = container.started_at or now
    passed = math.floor((now - began) / interval + 1e-9)
    _plan(task, container, began + (passed + 1) * interval)


def check(arn: str, name: str, when: float) -> None:
    """Due work: one health check."""
    task = store.task(arn)
    container = task.container(name) if task is not None else None
    if task is None or container is None or container.next_check != when:
        return
    container.next_check = None
    settings, box = container.health_check, container.box
    if (
        settings is None
        or box is None
        or not container.running
        or task.last_status in ("DEPROVISIONING", "STOPPED")
    ):
        return
    timeout = float(settings.get("timeout") or TIMEOUT)
    found = probes.healthy(box, settings["command"], when, timeout)
    if container.box is box:  # else the check itself has ended it
        _found(task, container, found, when)


def _found(task: Task, container: Container, found: probes.Checked, when: float) -> None:
    """A check came out so: what follows, and when the next one is."""
    if not container.running:
        return
    before = container.health_status
    _judge(container, found.passed, when)
    if container.health_status != before:
        task_health(task)
        tell.container_changed(
            task, container, "ContainerHealth" + container.health_status.title(), found.why
        )
        if task.last_status == "ACTIVATING":
            from labkit.sandbox.services import _ecs_containers as containers

            containers.start_ready(task)
    _rest(task, container, found, when)


def _rest(task: Task, container: Container, found: probes.Checked, when: float) -> None:
    """Plan the next check, unless it can only say the same: then the box tells when it stirs."""
    box = container.box
    if container.next_check is not None or not container.running or box is None:
        return
    settled = container.health_status == ("HEALTHY" if found.passed else "UNHEALTHY")
    if settled and found.steady and box.free_at <= when:
        timeout = float((container.health_check or {}).get("timeout") or TIMEOUT)
        box.quiet, box.heeds, box.patience = True, box.heeds or found.heeds, min(box.patience, timeout)
    else:
        _plan(task, container, when + _interval(container))


def _judge(container: Container, passed: bool, now: float) -> None:
    settings = container.health_check or {}
    if passed:
        container.failed_checks = 0
        container.health_status = "HEALTHY"
        return
    if now - (container.started_at or now) < float(settings.get("startPeriod") or 0):
        return
    container.failed_checks += 1
    if container.failed_checks >= int(settings.get("retries") or RETRIES):
        container.health_status = "UNHEALTHY"


def task_health(task: Task) -> None:
    """What the checks of a task's essential containers say together."""
    said = [one.health_status for one in task.containers if one.essential and one.health_check is not None]
    if "UNHEALTHY" in said:
        task.health_status = "UNHEALTHY"
    elif said and all(one == "HEALTHY" for one in said):
        task.health_status = "HEALTHY"
    else:
        task.health_status = "UNKNOWN"
