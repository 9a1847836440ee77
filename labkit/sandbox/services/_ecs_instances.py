"""Container instances: EC2 machines with the ECS agent, what is left on them, draining and leaving.

What is left is counted from the tasks each time, so it is always true. Sources: API reference
(RegisterContainerInstance, DeregisterContainerInstance: `force`, UpdateContainerInstancesState, ContainerInstance);
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-instance-draining.html (PENDING service tasks
stop at once), ecs_cwe_events.html ("ECS Container Instance State Change"), memory-management.html.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from moto.ecs.exceptions import ClusterNotFoundException, EcsClientException, InvalidParameterException
from moto.ecs.models import ContainerInstance

from labkit.sandbox import current
from labkit.sandbox.announce import announce
from labkit.sandbox.fleet.nodes import CPU, MEMORY, Node, Thing
from labkit.sandbox.services import _ecs_attributes as attributes
from labkit.sandbox.services import _ecs_managed as managed
from labkit.sandbox.services import _ecs_providers as providers
from labkit.sandbox.services import _ecs_store as store

ENI: Final = "eni"
_OWN_PORTS: Final = ("22", "2375", "2376", "51678", "51679")
"""Ports the agent, Docker and SSH hold (API reference, ContainerInstance: remainingResources)."""
_VERSIONS: Final = {
    "agentVersion": "1.98.0",
    "agentHash": "labkit00",
    "dockerVersion": "DockerVersion: 25.0.8",
}
_STATES: Final = ("ACTIVE", "DRAINING")


# -- nodes -----------------------------------------------------------------------------------------------


def thing(definition: Any, group: str, overrides: Mapping[str, Any] | None = None) -> Thing:
    """What a task of a definition asks of an instance."""
    cpu, memory = needs(definition, overrides)
    mode = definition.network_mode or "bridge"
    ports = [
        f"{port['hostPort']}/{port.get('protocol') or 'tcp'}"
        for container in definition.container_definitions
        for port in container.get("portMappings") or ()
        if mode in ("bridge", "host") and port.get("hostPort")
    ]
    wanted = {CPU: cpu, MEMORY: memory} | ({ENI: 1} if mode == "awsvpc" else {})
    required = tuple(
        one["name"] for one in vars(definition).get("requires_attributes") or () if "value" not in one
    )
    return Thing(wanted, frozenset(ports), required, group)


def needs(definition: Any, overrides: Mapping[str, Any] | None = None) -> tuple[int, int]:
    """CPU units and MiB that are reserved for a task on an instance."""
    overrides = overrides or {}
    changed = {one.get("name"): one for one in overrides.get("containerOverrides") or ()}
    cpu = memory = 0
    for container in definition.container_definitions:
        own = {**container, **changed.get(container.get("name"), {})}
        cpu += own.get("cpu") or 0
        memory += own.get("memoryReservation") or own.get("memory") or 0
    given_cpu = overrides.get("cpu") or definition.cpu
    given_memory = overrides.get("memory") or definition.memory
    return int(given_cpu or cpu), int(given_memory or memory)


def nodes(backend: Any, cluster: Any, provider: str | None = None, *, every: bool = False) -> list[Node]:
    """The container instances of a cluster as nodes, with everything that stands on them.

    With a provider, only its own; without one, all but those of Managed Instances.
    """
    found: dict[str, Node] = {}
    for one in all_in(backend, cluster):
        own = vars(one).get("capacity_provider_name")
        free = own is None or providers.kind(backend, own) != "MANAGED_INSTANCES"
        if every or own == provider or (provider is None and free):
            found[one.container_instance_arn] = _node(one)
    for task in store.tasks(backend, cluster):
        node = found.get(task.container_instance_arn or "")
        if node is not None and task.last_status != "STOPPED":
            _put(node, task)
    return list(found.values())


def _put(node: Node, task: Any) -> None:
    definition = store.definition(task.task_definition_arn)
    if definition is None:
        node.groups.append(task.group)
        return
    standing = thing(definition, task.group, task.overrides)
    dynamic = {
        f"{one['hostPort']}/{one.get('protocol') or 'tcp'}"
        for container in task.containers
        for one in container.network_bindings
        if one.get("hostPort")
    }
    node.put(Thing(standing.needs, standing.ports | dynamic, (), task.group))


def _node(instance: Any) -> Node:
    size = managed.size_of(str(instance.attributes.get("ecs.instance-type") or ""))
    return Node(
        instance.container_instance_arn,
        zone=str(instance.attributes.get("ecs.availability-zone") or ""),
        capacity={CPU: size.cpu, MEMORY: size.memory, ENI: size.interfaces - 1},
        ports={f"{port}/tcp" for port in _OWN_PORTS},
        attributes={name: value or "" for name, value in instance.attributes.items()},
        ready=instance.status == "ACTIVE",
        connected=bool(instance.agent_connected),
        facts={
            "ec2InstanceId": instance.ec2_instance_id,
            "agentVersion": _VERSIONS["agentVersion"],
            "registeredAt": instance.registered_at.isoformat(),
        },
    )


def all_in(backend: Any, cluster: Any) -> list[Any]:
    """The container instances registered in a cluster, oldest first."""
    return list(backend.container_instances.get(cluster.name, {}).values())


def find(backend: Any, cluster: Any, name: str) -> Any:
    """A container instance by id or ARN, or None."""
    return backend.container_instances.get(cluster.name, {}).get(name.rpartition("/")[2])


# -- coming and going ------------------------------------------------------------------------------------


def register(
    backend: Any,
    cluster: Any,
    ec2_instance_id: str,
    *,
    more: Mapping[str, str] | None = None,
    provider: str | None = None,
    tags: Iterable[Mapping[str, str]] = (),
) -> Any:
    """The agent of an EC2 instance joins a cluster. Registering again changes nothing."""
    for one in all_in(backend, cluster):
        if one.ec2_instance_id == ec2_instance_id:
            return one
    made = ContainerInstance(ec2_instance_id, backend.account_id, backend.region_name, cluster.name, backend)
    vpc, subnet = _network(backend, ec2_instance_id)
    made.attributes |= {
        "ecs.cpu-architecture": "x86_64", "ecs.os-family": "LINUX", "ecs.vpc-id": vpc, "ecs.subnet-id": subnet,
        "ecs.instance-id": ec2_instance_id, **dict.fromkeys(attributes.CAPABILITIES, ""), **(more or {}),
    }  # fmt: skip
    vars(made).update(
        capacity_provider_name=provider,
        tags=[dict(one) for one in tags],
        version=1,
        registered_at=current().clock.now(),
    )
    backend.container_instances.setdefault(cluster.name, {})[made.id] = made
    cluster.registered_container_instances_count = len(all_in(backend, cluster))
    tell(backend, cluster, made, "ContainerInstanceRegistered")
    return made


def _network(backend: Any, ec2_instance_id: str) -> tuple[str, str]:
    from moto.ec2.models import ec2_backends

    instance = ec2_backends[backend.account_id][backend.region_name].get_instance(ec2_instance_id)
    return str(instance.vpc_id or ""), str(instance.subnet_id or "")


def leave(backend: Any, cluster: Any, instance: Any, reason: str) -> None:
    """An instance is gone for good: its tasks die with it."""
    kept = backend.container_instances.get(cluster.name, {})
    if kept.pop(instance.id, None) is None:
        return
    instance.status, instance.agent_connected = "INACTIVE", False
    cluster.registered_container_instances_count = len(kept)
    lose(standing(backend, cluster, instance), reason, "TerminationNotice")
    tell(backend, cluster, instance, "ContainerInstanceDeregistered")


def lose(tasks: Sequence[Any], reason: str, code: str) -> None:
    """Tasks whose machine is gone: no SIGTERM reaches them."""
    from labkit.sandbox.services import _ecs_tasks

    for task in tasks:
        if task.last_status != "STOPPED":
            _ecs_tasks.stop(task, reason, code)
            _ecs_tasks.kill(task.task_arn)


def connect(backend: Any, cluster: Any, instance: Any, connected: bool) -> None:
    """The agent of an instance comes back, or is heard of no more. What runs goes on."""
    if instance.agent_connected != connected:
        instance.agent_connected = connected
        tell(backend, cluster, instance, "AgentConnected" if connected else "AgentDisconnected")


def standing(backend: Any, cluster: Any, instance: Any) -> list[Any]:
    """The tasks on an instance that are not STOPPED."""
    arn = instance.container_instance_arn
    return [
        one
        for one in store.tasks(backend, cluster)
        if one.container_instance_arn == arn and one.last_status != "STOPPED"
    ]


def tell(backend: Any, cluster: Any, instance: Any, action: str) -> None:
    """Trace a change of an instance, announce it, and have services look."""
    from labkit.sandbox.services import _ecs_reconcile, _ecs_reservation

    vars(instance)["version"] = vars(instance).get("version", 0) + 1
    arn, told = instance.container_instance_arn, described(backend, cluster, instance)
    current().trace.record(
        "state", "ecs", action, resource=arn,
        params={"cluster": cluster.name, "status": instance.status, "ec2InstanceId": instance.ec2_instance_id},
    )  # fmt: skip
    told |= {"clusterArn": cluster.arn, "registeredAt": instance.registered_at.isoformat()}
    announce(
        "aws.ecs", "ECS Container Instance State Change", told, (arn,),
        account=backend.account_id, region=backend.region_name,
    )  # fmt: skip
    _ecs_reconcile.capacity_changed(cluster.arn)
    _ecs_reservation.changed(backend, cluster)
    current().changed()


# -- telling ---------------------------------------------------------------------------------------------


def described(backend: Any, cluster: Any, instance: Any) -> dict[str, Any]:
    """An instance as DescribeContainerInstances tells it."""
    node = _node(instance)
    tasks = standing(backend, cluster, instance)
    registered = _resources(node)
    for task in tasks:
        _put(node, task)
    told = {
        "containerInstanceArn": instance.container_instance_arn, "ec2InstanceId": instance.ec2_instance_id,
        "version": vars(instance).get("version", 1), "versionInfo": dict(_VERSIONS), "status": instance.status,
        "agentConnected": instance.agent_connected, "registeredResources": registered,
        "remainingResources": _resources(node),
        "runningTasksCount": sum(one.last_status not in store.BEFORE for one in tasks),
        "pendingTasksCount": sum(one.last_status in store.BEFORE for one in tasks),
        "attributes": [
            {"name": name, **({"value": value} if value else {})}
            for name, value in sorted(instance.attributes.items())
        ],
        "registeredAt": instance.registered_at, "attachments": [], "tags": vars(instance).get("tags") or [],
    }  # fmt: skip
    if provider := vars(instance).get("capacity_provider_name"):
        told["capacityProviderName"] = provider
    return told


def _resources(node: Node) -> list[dict[str, Any]]:
    by_kind: dict[str, list[str]] = {"tcp": [], "udp": []}
    for port in node.ports:
        number, _, protocol = port.partition("/")
        by_kind[protocol].append(number)
    whole = {"doubleValue": 0.0, "longValue": 0, "type": "INTEGER"}
    ports = {"doubleValue": 0.0, "longValue": 0, "integerValue": 0, "type": "STRINGSET"}
    return [
        {"name": "CPU", **whole, "integerValue": node.free(CPU)},
        {"name": "MEMORY", **whole, "integerValue": node.free(MEMORY)},
        {"name": "PORTS", **ports, "stringSetValue": sorted(by_kind["tcp"], key=int)},
        {"name": "PORTS_UDP", **ports, "stringSetValue": sorted(by_kind["udp"], key=int)},
    ]


def cluster_of(backend: Any, name: str | None) -> Any:
    """The cluster of a request. Raises ClusterNotFoundException."""
    found = store.cluster(backend, name)
    if found is None:
        raise ClusterNotFoundException
    return found


def wanted(backend: Any, cluster: Any, names: Sequence[str] | None) -> tuple[list[Any], list[dict[str, str]]]:
    """The instances a request names, and a failure for each that is not there."""
    if not names:
        raise EcsClientException("Container Instances cannot be empty.")
    found, failures = [], []
    for name in names:
        one = find(backend, cluster, name)
        if one is None:
            front = cluster.arn.split(":cluster/")[0]
            arn = name if name.startswith("arn:") else f"{front}:container-instance/{cluster.name}/{name}"
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(one)
    return found, failures


def drain(backend: Any, cluster: Any, instances: Sequence[Any], status: str) -> None:
    """UpdateContainerInstancesState. Service tasks leave a DRAINING instance as their service allows."""
    if status not in _STATES:
        raise InvalidParameterException("Container instance status should be one of [ACTIVE, DRAINING]")
    for one in instances:
        if one.status != status:
            one.status = status
            tell(
                backend,
                cluster,
                one,
                "ContainerInstanceDraining" if status == "DRAINING" else "ContainerInstanceActive",
            )
