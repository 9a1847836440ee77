"""The life of a task on the clock, from PROVISIONING to STOPPED, and an hour later gone.

Each step is due work with the task's ARN: it finds the task again, and does nothing when that is gone or on its way
out.

Statuses and what happens in them:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html. Stopped tasks are shown
for an hour: API reference, DescribeTasks. How long a step takes AWS does not say; the constants are ours.
"""

from __future__ import annotations

import random
from typing import Any, Final

from labkit.sandbox import balancing, current
from labkit.sandbox.pulls import CannotPull, pull
from labkit.sandbox.services import _ecs_containers as containers
from labkit.sandbox.services import _ecs_metrics as metrics
from labkit.sandbox.services import _ecs_network as network
from labkit.sandbox.services import _ecs_roles as roles
from labkit.sandbox.services import _ecs_secrets as secrets
from labkit.sandbox.services import _ecs_store as store
from labkit.sandbox.services import _ecs_tell as tell
from labkit.sandbox.services._ecs_store import AFTER, Task

PROVISIONING: Final = (8.0, 14.0)
"""Seconds until AWS has found a machine on Fargate and attached the network interface."""
PROVISIONING_ON_INSTANCE: Final = (3.0, 5.0)
PENDING: Final = (2.0, 4.0)
"""Seconds until the agent of the machine begins."""
PULL_BEGINS: Final = 1.5
"""Seconds of a pull besides the bytes."""
PULL_RATE: Final = 25_000_000.0
"""Bytes a second of a pull, unpacking included."""
PULLED_BEFORE: Final = 0.3
"""Seconds of a pull when the instance has the image already."""
DEPROVISIONING: Final = (5.0, 9.0)
"""Seconds until the network interface is detached and deleted."""
SHOWN: Final = 3_600.0
"""Seconds for which a stopped task is still shown."""
LOOK_AGAIN: Final = 5.0
"""Seconds between two looks whether the load balancer has let go of a task."""
DID_NOT_START: Final = "Task failed to start"


def seconds(task: Task, span: tuple[float, float], what: str) -> float:
    """A duration for one task: drawn from the span, the same for the same seed and task."""
    return random.Random(f"{current().seed}/{task.id}/{what}").uniform(*span)


def on_fargate(task: Task) -> bool:
    """Whether no instance of the account carries the task, or will."""
    return task.launch_type == "FARGATE"


# -- coming up -------------------------------------------------------------------------------------------


def begin(task: Task) -> None:
    """A task was just made: tell, and let it come up."""
    tell.began(task)
    if not waits(task):
        go_on(task)
        return
    from labkit.sandbox.services import _ecs_waiting

    _ecs_waiting.came(task)


def waits(task: Task) -> bool:
    """Whether the instance for it is yet to come."""
    return not on_fargate(task) and task.container_instance_arn is None


def go_on(task: Task) -> None:
    """A task has its place: it comes up."""
    _reserves(task)
    clock = current().clock
    if task.last_status == "PROVISIONING" and task.network_mode == "awsvpc":
        span = PROVISIONING if on_fargate(task) else PROVISIONING_ON_INSTANCE
        clock.schedule(clock.time() + seconds(task, span, "provisioning"), attached, task.task_arn)
    else:
        clock.schedule(clock.time() + seconds(task, PENDING, "pending"), activate, task.task_arn)


def _reserves(task: Task) -> None:
    """A task took a place on an instance, or left it."""
    if task.container_instance_arn is None or not task.capacity_provider_name:
        return
    from labkit.sandbox.services import _ecs_reservation

    backend = store.backend_for(task.cluster_arn)
    _ecs_reservation.changed(backend, store.cluster(backend, task.cluster_arn))


def coming_up(arn: str, *statuses: str) -> Task | None:
    """The task, if it is in one of these statuses and nobody wants it stopped."""
    task = store.task(arn)
    if task is None or task.last_status not in statuses or task.desired_status != "RUNNING":
        return None
    return task


def attached(arn: str) -> None:
    """Due work: the network interface is there."""
    task = coming_up(arn, "PROVISIONING")
    if task is None:
        return
    clock = current().clock
    trouble = network.attach(task)
    if trouble:
        fail(task, trouble)
        return
    task.connectivity, task.connectivity_at = "CONNECTED", clock.time()
    tell.moved(task, "PENDING")
    clock.schedule(clock.time() + seconds(task, PENDING, "pending"), activate, task.task_arn)


def activate(arn: str) -> None:
    """Due work: the agent begins. The secrets first, then the images are pulled."""
    task = coming_up(arn, "PENDING")
    if task is None:
        return
    clock = current().clock
    if task.connectivity is None:
        task.connectivity, task.connectivity_at = "CONNECTED", clock.time()
    tell.moved(task, "ACTIVATING")
    if coming_up(arn, "ACTIVATING") is None:
        return
    trouble = secrets.fetch(task)
    if trouble:
        fail(task, trouble)
        return
    task.pull_started_at = clock.time()
    takes = _pull(task)
    if takes is not None:
        clock.schedule(clock.time() + takes, pulled, task.task_arn)


def _pull(task: Task) -> float | None:
    """Pull the images. Returns how long that takes, or None when it failed."""
    takes = 0.0
    for container in task.containers:
        image = secrets.pinned(task, container) or container.image
        try:
            found = pull(
                image, secrets.puller(task), task.account_id, task.region_name, session=task.id,
                architecture=task.attributes[0]["value"].upper(),
            )  # fmt: skip
        except CannotPull as trouble:
            if trouble.kind.startswith("CannotPull"):
                container.reason = str(trouble)
            fail(task, str(trouble))
            return None
        container.image_digest, container.source = found.digest, found.source
        takes += _pull_seconds(task, found)
    return takes * seconds(task, (0.9, 1.1), "pull")


def _pull_seconds(task: Task, found: Any) -> float:
    instance = network.instance_of(task)
    if instance is not None:
        had: set[str] = instance.__dict__.setdefault("pulled_images", set())
        if found.digest in had:
            return PULLED_BEFORE
        had.add(found.digest)
    return float(PULL_BEGINS + found.size_bytes / PULL_RATE)


def pulled(arn: str) -> None:
    """Due work: all images are here; containers start in the order in which they depend on each other."""
    task = coming_up(arn, "ACTIVATING")
    if task is None:
        return
    task.pull_stopped_at = current().clock.time()
    containers.start_ready(task)


def settle(task: Task) -> None:
    """After a container changed: is the task RUNNING now, or is it over?"""
    if task.last_status == "STOPPING":
        if all(one.stopped for one in task.containers):
            _all_ended(task)
        return
    if task.desired_status != "RUNNING":
        return
    if task.last_status == "ACTIVATING" and all(one.running or one.stopped for one in task.containers):
        task.started_at = current().clock.time()
        tell.moved(task, "RUNNING")


# -- going down ------------------------------------------------------------------------------------------


def fail(task: Task, reason: str, code: str = "TaskFailedToStart") -> None:
    """A task that cannot start. On an instance the reason stands at the container, on Fargate at the task."""
    task.failed = True
    if not on_fargate(task) and not reason.startswith("ResourceInitializationError"):
        broken = next((one for one in task.containers if one.reason), task.containers[0])
        broken.reason = broken.reason or reason
        reason = DID_NOT_START
    end(task, reason, code)


def end(task: Task, reason: str, code: str) -> None:
    """Begin to stop a task, whatever it is doing. Who comes second changes nothing."""
    if task.desired_status == "STOPPED" or task.last_status in AFTER:
        return
    now = current().clock.time()
    before = task.last_status
    task.desired_status = "STOPPED"
    task.stop_code, task.stopped_reason = code, reason
    task.stopping_at = now
    if any(one.running for one in task.containers):
        tell.moved(task, "DEACTIVATING")
        leave(task.task_arn)
        return
    for one in task.containers:
        one.last_status = "STOPPED"
    if before == "PROVISIONING" and not task.eni_id:
        _stopped(task)
        return
    task.execution_stopped_at = now if task.started_at is not None else None
    _deprovision(task)


def leave(arn: str) -> None:
    """Due work: once no load balancer sends requests any more, the containers get their SIGTERM."""
    task = store.task(arn)
    if task is None or task.last_status != "DEACTIVATING":
        return
    clock = current().clock
    if _draining(task) and any(one.running for one in task.containers):
        clock.schedule(clock.time() + LOOK_AGAIN, leave, arn)
        return
    tell.moved(task, "STOPPING")
    containers.stop_all(task)
    settle(task)


def _draining(task: Task) -> bool:
    """Whether a target group still lets requests in flight end. A task that dies by itself does not wait."""
    if task.stop_code == "EssentialContainerExited" or not task.service_arn:
        return False
    service = store.service(task.service_arn)
    if service is None:
        return False
    from labkit.sandbox.services import _ecs_health

    places = _ecs_health.targets(service, task)
    return any(balancing.health(one.group, one.ip, one.port) == "draining" for one in places)


def _all_ended(task: Task) -> None:
    task.execution_stopped_at = current().clock.time()
    _deprovision(task)


def _deprovision(task: Task) -> None:
    if task.network_mode != "awsvpc":
        _stopped(task)
        return
    clock = current().clock
    tell.moved(task, "DEPROVISIONING")
    clock.schedule(
        clock.time() + seconds(task, DEPROVISIONING, "deprovisioning"), deprovisioned, task.task_arn
    )


def deprovisioned(arn: str) -> None:
    """Due work: the network interface is gone."""
    task = store.task(arn)
    if task is not None and task.last_status == "DEPROVISIONING":
        network.detach(task)
        _stopped(task)


def _stopped(task: Task) -> None:
    clock = current().clock
    task.stopped_at = clock.time()
    for attachment in task.attachments:
        attachment["status"] = "DELETED"
    metrics.keep(task)
    for one in task.containers:
        one.box = None
        one.source = ""
        one.environment = {}
    roles.forget(task.task_arn)
    tell.moved(task, "STOPPED")
    _reserves(task)
    if task.awaited_by:
        from labkit.sandbox.services import _stepfunctions_ecs

        _stepfunctions_ecs.stopped(task)
    clock.schedule(clock.time() + SHOWN, forget, task.task_arn)


def forget(arn: str) -> None:
    """Due work: a stopped task is shown no more."""
    task = store.task(arn)
    found_in = store.backend_for(arn)
    if task is not None and task.last_status == "STOPPED":
        found_in.tasks[task.cluster_name].pop(arn, None)
