"""Losing capacity: Spot tasks that AWS takes back, and zones that go down.

`sandbox.faults.put("ecs.spot_reclaim", 0.5, target="shop")` takes back half of the Fargate Spot tasks of a cluster,
service or task, `ecs.spot_unavailable` keeps new ones from starting, `ecs.zone_loss` kills all in a zone.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html (a warning of two
minutes: an event with stopCode SpotInterruption and "Your Spot Task was interrupted.", SIGTERM to the running task,
then SIGKILL after stopTimeout, at most 120 seconds; the scheduler tries to start others when capacity is there).
"""

from __future__ import annotations

import random
from typing import Any, Final

from labkit.sandbox import current, faults, stores
from labkit.sandbox.services import _ecs_instances as instances
from labkit.sandbox.services import _ecs_providers as providers
from labkit.sandbox.services import _ecs_store as store

RECLAIM: Final = "ecs.spot_reclaim"
ZONE_LOSS: Final = "ecs.zone_loss"
NO_SPOT: Final = "ecs.spot_unavailable"
INTERRUPTED: Final = "Your Spot Task was interrupted."


def began(name: str, target: str | None, share: float) -> None:
    """Due work: a fault that was switched on begins, if nobody has cleared it meanwhile."""
    if not any(one.name == name and one.target == target for one in current().faults.active):
        return
    if name == RECLAIM:
        reclaim(target, share)
    elif name == ZONE_LOSS and share > 0:
        lose_zone(target or "")
    else:
        look()


def ended(name: str) -> None:
    """Due work: a fault is over. What waited for capacity looks again."""
    if name in (ZONE_LOSS, NO_SPOT):
        look()


def reclaim(target: str | None = None, share: float = 1.0) -> list[str]:
    """Take Spot tasks back: all, or a share of those of a cluster, service or task. Returns their ARNs.

    Of a share, the seed says which; at least one goes.
    """
    from labkit.sandbox.services import _ecs_tasks

    found = [
        task
        for task in _tasks()
        if task.capacity_provider_name == providers.SPOT
        and task.desired_status == "RUNNING"
        and _meant(task, target)
    ]
    if share < 1 and found:
        dice = random.Random(f"{current().seed}/{RECLAIM}/{target}/{len(found)}")
        found = sorted(dice.sample(found, max(1, round(len(found) * share))), key=lambda task: task.task_arn)
    if share <= 0:
        return []
    for task in found:
        _ecs_tasks.stop(task, INTERRUPTED, "SpotInterruption")
    return [task.task_arn for task in found]


def _meant(task: Any, target: str | None) -> bool:
    """Whether a target names this task, its service or its cluster, by ARN or name."""
    if target is None:
        return True
    names = {task.task_arn, task.cluster_arn, task.service_arn, task.id, task.cluster_name, task.group}
    return target in names or (bool(task.service_arn) and target == task.service_arn.rpartition("/")[2])


def lose_zone(zone: str) -> list[str]:
    """A zone goes down: its tasks die without a warning, its instances are gone. Returns the ARNs of the tasks."""
    gone = []
    for backend in _backends():
        for cluster in list(backend.clusters.values()):
            for instance in instances.all_in(backend, cluster):
                if instance.attributes.get("ecs.availability-zone") == zone:
                    gone += [task.task_arn for task in instances.standing(backend, cluster, instance)]
                    reason = f"Host EC2 (instance {instance.ec2_instance_id}) terminated."
                    instances.leave(backend, cluster, instance, reason)
    there = [task for task in _tasks() if task.availability_zone == zone and task.last_status != "STOPPED"]
    left = [task for task in there if task.desired_status == "RUNNING"]
    gone += [task.task_arn for task in left]
    current().trace.record("state", "ecs", "ZoneLost", resource=zone, params={"Tasks": len(gone)})
    instances.lose(left, f"The Availability Zone {zone} is not available.", "TerminationNotice")
    current().changed()
    return gone


def look() -> None:
    """Capacity is different now: services and waiting tasks look again."""
    from labkit.sandbox.services import _ecs_reconcile
    from labkit.sandbox.services import _ecs_waiting as waiting

    for backend in _backends():
        for cluster in list(backend.clusters.values()):
            _ecs_reconcile.capacity_changed(cluster.arn)
            if waiting.waiting(backend, cluster):
                waiting.look(cluster.arn, False)


def _backends() -> list[Any]:
    registry = stores.registry_of("ecs")
    found = [dict.values(regions) for regions in dict.values(registry)] if registry is not None else []
    return [backend for regions in found for backend in regions]


def _tasks() -> list[Any]:
    return [task for backend in _backends() for task in store.tasks(backend)]


def put(active: faults.Active) -> None:
    """A fault of ours was switched on: it begins and ends on the clock."""
    if active not in current().faults.active:
        return
    clock = current().clock
    clock.schedule(active.begins, began, active.name, active.target, active.share)
    if active.ends < float("inf"):
        clock.schedule(active.ends, ended, active.name)


faults.listen(RECLAIM, put)
faults.listen(ZONE_LOSS, put)
faults.listen(NO_SPOT, put)
