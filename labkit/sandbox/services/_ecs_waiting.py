"""Tasks that wait in PROVISIONING for an instance, and the instances their capacity provider brings.

A provider with an Auto Scaling group and managed scaling raises the group's desired capacity; a Managed Instances
provider launches the instance type that fits. Sources:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cluster-auto-scaling.html and
https://aws.amazon.com/blogs/containers/deep-dive-on-amazon-ecs-cluster-auto-scaling/ (the group follows
CapacityProviderReservation, see `_ecs_reservation`: it grows by at least the minimum and at most the maximum step; it
shrinks when the reservation stays below the target for 15 minutes, here instances that carry nothing);
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-instances-capacity-providers-concept.html.
How long an instance boots, and how often we look, are our figures.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from labkit.sandbox import current
from labkit.sandbox.fleet.nodes import CPU, MEMORY, Node
from labkit.sandbox.services import _ecs_instances as instances
from labkit.sandbox.services import _ecs_managed as managed
from labkit.sandbox.services import _ecs_networks as networks
from labkit.sandbox.services import _ecs_providers as providers
from labkit.sandbox.services import _ecs_reservation as reservation
from labkit.sandbox.services import _ecs_store as store

BOOT: Final = 60.0
"""Seconds from the launch of an instance until its agent registers. Ours."""
_SOON: Final = 2.0
_LOOK_AGAIN: Final = 60.0
_IDLE: Final = 15 * 60.0
"""Seconds for which an instance must carry nothing before its provider takes it away."""
_IMAGE: Final = "ami-12c6146b"


def came(task: Any) -> None:
    """A task waits for an instance: look for one soon."""
    clock = current().clock
    clock.schedule(clock.time() + _SOON, look, task.cluster_arn, False)
    backend = store.backend_for(task.cluster_arn)
    reservation.changed(backend, store.cluster(backend, task.cluster_arn))


def soon(cluster_arn: str) -> None:
    """Too much of a group is needed: look, unless that is planned already."""
    clock = current().clock
    if not any(due.action is look and due.args[0] == cluster_arn for due in clock.waiting):
        clock.schedule(clock.time() + _SOON, look, cluster_arn, False)


def look(cluster_arn: str, again: bool) -> None:
    """Due work: give waiting tasks their places, and have instances come for the rest."""
    backend = store.backend_for(cluster_arn)
    cluster = store.cluster(backend, cluster_arn)
    if cluster is None or cluster.status != "ACTIVE":
        return
    left = [task for task in waiting(backend, cluster) if not _placed(backend, cluster, task)]
    for name in dict.fromkeys(task.capacity_provider_name for task in left):
        provider = providers.find(backend, name)
        if provider is not None and vars(provider).get("managed_instances_provider"):
            _launch_managed(
                backend,
                cluster,
                provider,
                [size(task) for task in left if task.capacity_provider_name == name],
            )
    for provider, scaling in reservation.scaled(backend, cluster):
        _raise_group(backend, cluster, provider, scaling)
    clock = current().clock
    if left and (again or not _looks(cluster_arn)):
        clock.schedule(clock.time() + _LOOK_AGAIN, look, cluster_arn, True)


def _looks(cluster_arn: str) -> bool:
    return any(due.action is look and due.args == (cluster_arn, True) for due in current().clock.waiting)


def waiting(backend: Any, cluster: Any) -> list[Any]:
    """The tasks of a cluster that wait for an instance, oldest first."""
    return [
        task
        for task in store.tasks(backend, cluster)
        if task.last_status == "PROVISIONING"
        and task.desired_status == "RUNNING"
        and task.launch_type not in ("FARGATE", "EXTERNAL")
        and task.container_instance_arn is None
    ]


def _placed(backend: Any, cluster: Any, task: Any) -> bool:
    """Whether there is a place for a waiting task now; if so, it goes there."""
    from labkit.sandbox.services import _ecs_capacity as capacity
    from labkit.sandbox.services import _ecs_tasks

    definition = store.definition(task.task_definition_arn)
    if definition is None:
        return True
    asked = task.asked | {"capacityProviderStrategy": [{"capacityProvider": task.capacity_provider_name}]}
    others = [one for one in store.tasks(backend, cluster) if one.group == task.group and one is not task]
    found = capacity.choose(backend, cluster, definition, 1, asked, others)[0]
    if not isinstance(found, capacity.Where) or found.waits:
        return False
    _ecs_tasks.place(task, found)
    return True


# -- growing ---------------------------------------------------------------------------------------------


def size(task: Any) -> tuple[int, int]:
    """CPU units and MiB that a task needs."""
    definition = store.definition(task.task_definition_arn)
    return instances.needs(definition, task.overrides) if definition is not None else (0, 0)


def machines(sizes: Iterable[tuple[int, int]], size: managed.Size) -> int:
    """How many instances of a size hold tasks of these sizes, filled one after another."""
    nodes: list[Node] = []
    for cpu, memory in sizes:
        if cpu > size.cpu or memory > size.memory:
            continue
        node = next((one for one in nodes if one.free(CPU) >= cpu and one.free(MEMORY) >= memory), None)
        if node is None:
            node = Node("", capacity={CPU: size.cpu, MEMORY: size.memory})
            nodes.append(node)
        node.used[CPU] = node.used.get(CPU, 0) + cpu
        node.used[MEMORY] = node.used.get(MEMORY, 0) + memory
    return len(nodes)


def group_of(backend: Any, provider: Any) -> Any:
    """The Auto Scaling group of a provider, or None when it is gone."""
    from moto.autoscaling.models import autoscaling_backends

    given = (provider.auto_scaling_group_provider or {}).get("autoScalingGroupArn") or ""
    groups = autoscaling_backends[backend.account_id][backend.region_name].autoscaling_groups
    return groups.get(given.rpartition("/")[2])


def _raise_group(backend: Any, cluster: Any, provider: Any, scaling: Mapping[str, Any]) -> None:
    """Grow a group until what is needed is the target's share of it: below 100 %, some capacity stays free."""
    group = group_of(backend, provider)
    if group is None:
        return
    registered = {one.ec2_instance_id for one in instances.all_in(backend, cluster)}
    coming = sum(one.instance.id not in registered for one in group.instance_states)
    needed, there = reservation.measure(backend, cluster, provider)
    step = math.ceil(needed * 100 / (scaling.get("targetCapacity") or 100)) - there - coming
    if step <= 0:
        return
    step = max(
        scaling.get("minimumScalingStepSize") or 1, min(step, scaling.get("maximumScalingStepSize") or 10_000)
    )
    capacity = min(group.max_size, (group.desired_capacity or 0) + step)
    if capacity <= (group.desired_capacity or 0):
        return
    group.set_desired_capacity(capacity)
    current().trace.record(
        "state", "ecs", "CapacityProviderScaledOut", resource=provider.capacity_provider_arn,
        params={"Group": group.name, "DesiredCapacity": capacity, "Needed": needed, "There": there},
    )  # fmt: skip
    current().changed()


def _launch_managed(backend: Any, cluster: Any, provider: Any, sizes: Sequence[tuple[int, int]]) -> None:
    given = vars(provider)["managed_instances_provider"]
    template = given.get("instanceLaunchTemplate") or {}
    coming: dict[str, float] = vars(provider).setdefault("coming", {})
    if coming:
        return
    left = sorted(sizes, reverse=True)
    while left:
        size = managed.pick(template.get("instanceRequirements"), *left[0])
        if size is None:
            left = left[1:]
            continue
        instance_id = _run(backend, provider, template, size)
        if instance_id is None:
            return
        coming[instance_id] = current().clock.time()
        node = Node("", capacity={CPU: size.cpu, MEMORY: size.memory})
        rest = []
        for cpu, memory in left:
            if node.free(CPU) >= cpu and node.free(MEMORY) >= memory:
                node.used[CPU] = node.used.get(CPU, 0) + cpu
                node.used[MEMORY] = node.used.get(MEMORY, 0) + memory
            else:
                rest.append((cpu, memory))
        left = rest
        clock = current().clock
        clock.schedule(clock.time() + BOOT, managed_came, cluster.arn, provider.name, instance_id)


def _run(backend: Any, provider: Any, template: Mapping[str, Any], size: managed.Size) -> str | None:
    """Launch an EC2 instance for a Managed Instances provider, in the emptiest of its zones. None: no zone is up."""
    from moto.ec2.models import ec2_backends

    from labkit.sandbox.services import _ecs_capacity as capacity

    given = template.get("networkConfiguration") or {}
    subnets = [
        found for name in given.get("subnets") or () if (found := networks.subnet(backend, name)) is not None
    ]
    able = [one for one in subnets if not capacity.lost(one.zone)]
    if not able:
        return None
    own = list(owned(backend, provider.name))
    chosen = min(able, key=lambda one: sum(mine.attributes.get("ecs.subnet-id") == one.id for mine in own))
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    made = ec2.run_instances(
        _IMAGE, 1, None, [], instance_type=size.name, subnet_id=chosen.id, key_name=None,
        security_group_ids=list(given.get("securityGroups") or ()), placement=chosen.zone,
        tags={"instance": {"aws:ecs:capacityProvider": provider.name}}, is_instance_type_default=False,
    )  # fmt: skip
    instance_id = str(made.instances[0].id)
    current().trace.record(
        "state", "ecs", "ManagedInstanceLaunched", resource=provider.capacity_provider_arn,
        params={"InstanceId": instance_id, "InstanceType": size.name, "Zone": chosen.zone},
    )  # fmt: skip
    current().changed()
    return instance_id


def owned(backend: Any, name: str) -> list[Any]:
    """The container instances of a provider."""
    return [
        one
        for kept in backend.container_instances.values()
        for one in kept.values()
        if vars(one).get("capacity_provider_name") == name
    ]


def managed_came(cluster_arn: str, name: str, instance_id: str) -> None:
    """Due work: the agent of a managed instance is there."""
    backend = store.backend_for(cluster_arn)
    cluster = store.cluster(backend, cluster_arn)
    provider = providers.find(backend, name) if backend is not None else None
    if cluster is None or provider is None:
        return
    vars(provider).setdefault("coming", {}).pop(instance_id, None)
    joined(backend, cluster, instance_id, provider=name)


def joined(
    backend: Any,
    cluster: Any,
    instance_id: str,
    *,
    provider: str | None = None,
    more: Mapping[str, str] | None = None,
) -> Any:
    """An instance registers; tasks that waited for one look at once, and it is watched for idleness."""
    made = instances.register(backend, cluster, instance_id, provider=provider, more=more)
    clock = current().clock
    clock.schedule(clock.time(), look, cluster.arn, False)
    if provider is not None:
        clock.schedule(clock.time() + _IDLE, idle, made.container_instance_arn, provider, 0)
    return made


# -- shrinking -------------------------------------------------------------------------------------------


def idle(instance_arn: str, name: str, since: float) -> None:
    """Due work: an instance that carried nothing for a quarter of an hour is given back.

    `since` is when it was first seen empty, or 0.
    """
    backend, clock = store.backend_for(instance_arn), current().clock
    cluster = store.cluster(backend, instance_arn.rsplit("/", 2)[1])
    instance = instances.find(backend, cluster, instance_arn) if cluster is not None else None
    provider = providers.find(backend, name) if backend is not None else None
    if instance is None or provider is None:
        return
    now = clock.time()
    carries = any(reservation.counts(task) for task in instances.standing(backend, cluster, instance))
    if carries or not _may_shrink(backend, cluster, provider):
        clock.schedule(now + _LOOK_AGAIN, idle, instance_arn, name, 0)
        return
    since = since or now
    if now - since < _IDLE:
        clock.schedule(since + _IDLE, idle, instance_arn, name, since)
        return
    _give_back(backend, cluster, provider, instance)


def _may_shrink(backend: Any, cluster: Any, provider: Any) -> bool:
    """Whether one instance less leaves the reservation at its target or below."""
    given = vars(provider).get("managed_instances_provider")
    if given:
        return bool((given.get("infrastructureOptimization") or {}).get("scaleInAfter") != -1)
    group = group_of(backend, provider)
    scaling = provider.auto_scaling_group_provider.get("managedScaling") or {}
    if group is None or scaling.get("status") != "ENABLED" or len(group.instance_states) <= group.min_size:
        return False
    needed, there = reservation.measure(backend, cluster, provider)
    return bool(needed * 100 <= (scaling.get("targetCapacity") or 100) * (there - 1))


def _give_back(backend: Any, cluster: Any, provider: Any, instance: Any) -> None:
    from moto.ec2.models import ec2_backends

    current().trace.record(
        "state", "ecs", "CapacityProviderScaledIn", resource=provider.capacity_provider_arn,
        params={"InstanceId": instance.ec2_instance_id},
    )  # fmt: skip
    group = None if vars(provider).get("managed_instances_provider") else group_of(backend, provider)
    if group is not None:
        group.instance_states = [
            one for one in group.instance_states if one.instance.id != instance.ec2_instance_id
        ]
        group.desired_capacity = len(group.instance_states)
    ec2_backends[backend.account_id][backend.region_name].terminate_instances([instance.ec2_instance_id])
    instances.leave(backend, cluster, instance, f"Host EC2 (instance {instance.ec2_instance_id}) terminated.")
