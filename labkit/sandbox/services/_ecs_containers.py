"""The containers of a task: made from its definition, started in their order, ended, and killed when they must be.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html (dependsOn and its
four conditions, startTimeout, stopTimeout: 30 seconds unless said; restartPolicy; essential),
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-restart-policy.html. Exit code 137 is SIGKILL, 143
SIGTERM: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from moto.moto_api._internal import mock_random

from labkit.sandbox import current
from labkit.sandbox.fleet import boxes
from labkit.sandbox.services import _ecs_boxes as homes
from labkit.sandbox.services import _ecs_checkups as checkups
from labkit.sandbox.services import _ecs_logs as logs
from labkit.sandbox.services import _ecs_store as store
from labkit.sandbox.services import _ecs_tell as tell
from labkit.sandbox.services._ecs_store import AFTER, Container, Task

STOP_TIMEOUT: Final = 30.0
START_TIMEOUT: Final = 180.0
RESTART_PERIOD: Final = 300.0
_ROUNDING: Final = 1e-3
"""Due work may see a time that is a float's rounding before its own."""
ESSENTIAL_EXITED: Final = "Essential container in task exited"
NOT_CREATED: Final = (
    "CannotStartContainerError: Error response from daemon: failed to create task for container: {why}"
)


def make(task: Task, definition: Any) -> list[Container]:
    """The containers of a task, with its overrides."""
    overrides = {one.get("name"): one for one in task.overrides.get("containerOverrides") or []}
    return [_made(task, one, overrides.get(one.get("name"), {})) for one in definition.container_definitions]


def _made(task: Task, given: Mapping[str, Any], override: Mapping[str, Any]) -> Container:
    merged = dict(given)
    for name in ("command", "cpu", "memory", "memoryReservation"):
        if override.get(name) is not None:
            merged[name] = override[name]
    added = {one["name"]: one for one in override.get("environment") or []}
    kept = [one for one in given.get("environment") or [] if one["name"] not in added]
    merged["environment"] = [*kept, *added.values()]
    arn = f"{task.task_arn.replace(':task/', ':container/')}/{mock_random.uuid4()}"
    memory, reserved = merged.get("memory"), merged.get("memoryReservation")
    return Container(
        name=str(merged.get("name")), container_arn=arn, task_arn=task.task_arn, image=str(merged.get("image")),
        definition=merged, essential=merged.get("essential") is not False, cpu=str(merged.get("cpu") or 0),
        memory=str(memory) if memory else None, memory_reservation=str(reserved) if reserved else None,
    )  # fmt: skip


# -- starting --------------------------------------------------------------------------------------------


def start_ready(task: Task) -> None:
    """Start every container whose dependencies are met; then see what that makes of the task."""
    from labkit.sandbox.services import _ecs_life as life

    progress = True
    while progress and task.desired_status == "RUNNING":
        progress = False
        for container in task.containers:
            if container.last_status == "PENDING" and task.desired_status == "RUNNING":
                state = _dependencies(task, container)
                if state == "met":
                    progress = True
                    _start(task, container)
                elif state == "never":
                    _give_up(task, container)
                    return
    life.settle(task)


def _dependencies(task: Task, container: Container) -> str:
    """`met`, `waiting` or `never`."""
    result = "met"
    for one in container.definition.get("dependsOn") or []:
        other, condition = task.container(str(one.get("containerName"))), one.get("condition")
        if other is None:
            continue
        if condition == "START":
            good, lost = other.last_status != "PENDING", False
        elif condition == "COMPLETE":
            good, lost = other.stopped, False
        elif condition == "SUCCESS":
            good = other.stopped and other.exit_code == 0
            lost = other.stopped and other.exit_code != 0
        else:
            good = other.health_status == "HEALTHY"
            lost = other.stopped
        if lost and not good:
            return "never"
        if not good:
            result = "waiting"
    return result


def _give_up(task: Task, container: Container) -> None:
    """A container that can never start: what it waits for has failed."""
    from labkit.sandbox.services import _ecs_life as life

    waits = container.definition.get("dependsOn") or []
    names = ", ".join(str(one.get("containerName")) for one in waits)
    container.reason = (
        f"The container did not start: what it depends on ({names}) did not reach its condition."
    )
    life.end(task, life.DID_NOT_START, "TaskFailedToStart")


def _start(task: Task, container: Container) -> None:
    from labkit.sandbox.services import _ecs_life as life

    clock = current().clock
    now = clock.time()
    container.runtime_id = f"{task.id}-{mock_random.randint(10**9, 10**10 - 1)}"
    trouble = logs.prepare(task, container)
    if trouble:
        if trouble.startswith("Cannot"):
            container.reason = trouble
        life.fail(task, trouble)
        return
    if not container.network_bindings:
        container.network_bindings = homes.bindings(task, container)
    if task.enable_execute_command:
        # The agent writes into the container's file system, so it does not start where that is read-only.
        status = "STOPPED" if container.definition.get("readonlyRootFilesystem") else "RUNNING"
        container.managed_agents = [
            {"name": "ExecuteCommandAgent", "lastStatus": status, "lastStartedAt": now}
        ]
    box = container.box = homes.box_for(task, container)
    container.last_status, container.started_at, container.stopped_at = "RUNNING", now, None
    container.exit_code, container.health_status, container.failed_checks = None, "UNKNOWN", 0
    try:
        ends = boxes.start(box, now)
    except boxes.CannotStart as error:
        container.last_status, container.started_at, container.box = "PENDING", None, None
        container.reason = NOT_CREATED.format(why=error)
        container.exit_code = 127
        life.fail(task, container.reason)
        return
    ends = homes.squeeze(box, now, ends)
    tell.container_changed(task, container, "ContainerStarted")
    if ends is not None:
        _plan_exit(task, container)
    checkups.begin(task, container)
    if any(
        one.get("containerName") == container.name and one.get("condition") != "START"
        for other in task.containers
        for one in other.definition.get("dependsOn") or []
    ):
        limit = float(container.definition.get("startTimeout") or START_TIMEOUT)
        clock.schedule(now + limit, start_timed_out, task.task_arn, container.name)


def start_timed_out(arn: str, name: str) -> None:
    """Due work: others still wait for this container, for too long."""
    from labkit.sandbox.services import _ecs_life as life

    task = life.coming_up(arn, "ACTIVATING")
    if task is None:
        return
    for other in task.containers:
        waits = [one.get("containerName") for one in other.definition.get("dependsOn") or []]
        if other.last_status == "PENDING" and name in waits and _dependencies(task, other) == "waiting":
            _give_up(task, other)
            return


# -- ending ----------------------------------------------------------------------------------------------


def _plan_exit(task: Task, container: Container) -> None:
    box = container.box
    if box is not None and box.exits_at is not None:
        clock = current().clock
        clock.schedule(
            max(box.exits_at, clock.time()), exited, task.task_arn, container.name, container.restarts
        )


def exited(arn: str, name: str, run: int) -> None:
    """Due work: a container's process has ended."""
    task = store.task(arn)
    container = task.container(name) if task is not None else None
    if task is None or container is None or not container.running or container.restarts != run:
        return
    box, now = container.box, current().clock.time()
    if box is None or box.exits_at is None or box.exits_at > now + _ROUNDING:
        return
    logs.flush(task, container)
    container.last_status, container.stopped_at = "STOPPED", now
    container.exit_code, container.reason = box.exit_code, box.reason
    for agent in container.managed_agents:
        agent["lastStatus"] = "STOPPED"
    homes.stirred_behind(task, box)
    tell.container_changed(task, container, "ContainerStopped")
    if _restarts(task, container, now):
        return
    _after_exit(task, container)


def _after_exit(task: Task, container: Container) -> None:
    from labkit.sandbox.services import _ecs_life as life

    if task.desired_status == "STOPPED":
        if task.last_status == "STOPPING":
            stop_all(task)
        life.settle(task)
    elif container.essential:
        life.settle(task)
        life.end(task, ESSENTIAL_EXITED, "EssentialContainerExited")
    else:
        start_ready(task)


def _restarts(task: Task, container: Container, now: float) -> bool:
    """Restart a container by its restart policy, if it ran long enough."""
    policy = container.definition.get("restartPolicy") or {}
    if not policy.get("enabled") or task.desired_status != "RUNNING" or container.asked_to_stop:
        return False
    period = float(policy.get("restartAttemptPeriod") or RESTART_PERIOD)
    ran = now - (container.started_at or now)
    if container.exit_code in (policy.get("ignoredExitCodes") or []) or ran < period:
        return False
    container.restarts += 1
    container.reason = ""
    _start(task, container)
    return True


def stop_all(task: Task) -> None:
    """SIGTERM to every container that no other running one depends on; the others follow when those have ended."""
    clock = current().clock
    for container in task.containers:
        if container.last_status == "PENDING":
            container.last_status = "STOPPED"
    for container in task.containers:
        box = container.box
        if not container.running or container.asked_to_stop or box is None or _needed(task, container):
            continue
        container.asked_to_stop = True
        now = clock.time()
        boxes.terminate(box, now)
        _plan_exit(task, container)
        limit = float(container.definition.get("stopTimeout") or STOP_TIMEOUT)
        clock.schedule(now + limit, stop_timed_out, task.task_arn, container.name)


def _needed(task: Task, container: Container) -> bool:
    return any(
        other.running
        and any(one.get("containerName") == container.name for one in other.definition.get("dependsOn") or [])
        for other in task.containers
        if other is not container
    )


def stop_timed_out(arn: str, name: str) -> None:
    """Due work: it had its time after SIGTERM; now SIGKILL."""
    task = store.task(arn)
    container = task.container(name) if task is not None else None
    if task is None or container is None or not container.running:
        return
    end_now(task, container, boxes.KILLED)


def end_now(task: Task, container: Container, code: int, reason: str = "") -> None:
    """End a container's process at once."""
    if container.box is None or not container.running:
        return
    boxes.kill(container.box, current().clock.time(), code, reason)
    exited(task.task_arn, container.name, container.restarts)


def stopped_for_good(task: Task) -> bool:
    """Whether the task is on its way out."""
    return task.last_status in AFTER
