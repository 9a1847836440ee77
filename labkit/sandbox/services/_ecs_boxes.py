"""How a container becomes a box, and what the box's program gets from ECS: its log, its credentials, its share.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html (cpu as shares that
others may use while they are idle, memory as the hard limit), task-metadata-endpoint-v4.html and task-iam-roles.html
(the environment variables that ECS sets).
"""

from __future__ import annotations

import math
from typing import Any, Final

from labkit.sandbox import balancing, current
from labkit.sandbox.fleet import boxes
from labkit.sandbox.fleet.boxes import Box
from labkit.sandbox.fleet.programs import BadProgram, load
from labkit.sandbox.services import _ecs_logs as logs
from labkit.sandbox.services import _ecs_network as network
from labkit.sandbox.services import _ecs_roles as roles
from labkit.sandbox.services import _ecs_store as store
from labkit.sandbox.services._ecs_store import Container, Task

NAME: Final = "ecs"
_DYNAMIC: Final = (32_768, 60_999)
"""Host ports for mappings that name none (task definition parameters, hostPort)."""


class EcsHome:
    """ECS as the home of boxes."""

    def said(self, box: Box, line: str) -> None:
        """A line of output goes to the container's log driver."""
        found = store.owner(box)
        if found is not None:
            logs.said(*found, line)

    def client(self, box: Box, service: str, region: str | None) -> Any:
        """The program calls AWS as the task role. Without one, an instance's role may be reached, as on AWS."""
        found = store.owner(box)
        if found is None:
            return roles.without_credentials(service, region or current().region)
        task = found[0]
        role = task.task_role_arn
        if not role and not logs.is_fargate(task) and task.network_mode != "awsvpc":
            role = network.instance_role(task)
        if not role:
            return roles.without_credentials(service, region or task.region_name)
        return roles.client(task, role, service, region)

    def ended(self, box: Box) -> None:
        """Its process ended while it worked: the container's end is due now."""
        from labkit.sandbox.services import _ecs_containers as containers

        found = store.owner(box)
        if found is not None and box.exits_at is not None:
            task, container = found
            clock = current().clock
            when = max(clock.time(), box.exits_at)
            clock.schedule(when, containers.exited, task.task_arn, container.name, container.restarts)

    def stirred(self, box: Box) -> None:
        """Health checks that rested begin again: the container's own and those of load balancers."""
        from labkit.sandbox.services import _ecs_checkups as checkups

        found = store.owner(box)
        if found is not None:
            checkups.wake(*found)
            stirred_behind(found[0], box)


def stirred_behind(task: Task, box: Box) -> None:
    """Tell load balancers that something happened at an address."""
    balancing.stirred(task.region_name, box.ip)


boxes.HOMES[NAME] = EcsHome()


# -- making ----------------------------------------------------------------------------------------------


def box_for(task: Task, container: Container) -> Box:
    """A new box for a container."""
    definition = container.definition
    command = [*(definition.get("entryPoint") or []), *(definition.get("command") or [])]
    environment = {
        **container.environment,
        "ECS_CONTAINER_METADATA_URI_V4": f"http://169.254.170.2/v4/{container.runtime_id}",
        "ECS_AGENT_URI": f"http://169.254.170.2/api/{container.runtime_id}",
        "HOSTNAME": f"ip-{_ip(task).replace('.', '-')}.{task.region_name}.compute.internal",
    }
    if logs.is_fargate(task):
        environment |= {
            "AWS_REGION": task.region_name,
            "AWS_DEFAULT_REGION": task.region_name,
            "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        }
    else:
        environment["AWS_EXECUTION_ENV"] = "AWS_ECS_EC2"
    if task.task_role_arn:
        environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = f"/v2/credentials/{task.id}"
    return Box(
        name=container.name, source=container.source, digest=container.image_digest, home=NAME,
        owner=f"{task.task_arn}#{container.name}", ip=_ip(task), command=tuple(str(word) for word in command),
        environment=environment, vcpus=_vcpus(task, container), memory_limit=_memory(task, container),
        seed=f"{current().seed}/{task.id}/{container.name}/{container.restarts}",
    )  # fmt: skip


def _ip(task: Task) -> str:
    return task.ip if task.network_mode == "awsvpc" else network.instance_address(task)


def _vcpus(task: Task, container: Container) -> float:
    """Its share, and what the others leave idle."""
    total = _number(task.cpu) / 1024 or _instance_vcpus(task)
    others = [one for one in task.containers if one is not container]
    if not others:
        return total
    own = _number(container.definition.get("cpu")) / 1024
    idle = sum(_idle(one)[0] for one in others)
    return max(own, total - idle, total / (16 * len(task.containers)))


def _instance_vcpus(task: Task) -> float:
    instance = network.instance_of(task)
    for one in getattr(instance, "registered_resources", None) or []:
        if one.get("name") == "CPU":
            return max(0.25, _number(one.get("integerValue")) / 1024)
    return 1.0


def _memory(task: Task, container: Container) -> float:
    """MiB until it is killed: its own hard limit, and what the others leave of the task's."""
    own = _number(container.definition.get("memory")) or math.inf
    total = _number(task.memory) if _has_task_size(task) else 0.0
    if not total:
        return own
    others = sum(_idle(one)[1] for one in task.containers if one is not container)
    return min(own, max(1.0, total - others))


def _has_task_size(task: Task) -> bool:
    definition = store.definition(task.task_definition_arn)
    return bool(task.overrides.get("memory") or getattr(definition, "memory", None))


def _idle(container: Container) -> tuple[float, float]:
    """vCPUs and MiB that a container uses when nothing happens; nothing once it has ended."""
    if container.stopped or not container.source:
        return 0.0, 0.0
    try:
        program = load(container.source, container.image_digest)
    except BadProgram:
        return 0.0, 0.0
    return program.cpu, program.memory


def _number(value: Any) -> float:
    try:
        return float(value or 0)
    except ValueError:
        return 0.0


def squeeze(box: Box, now: float, ends: float | None) -> float | None:
    """A program that needs more memory than it may have when idle dies while it starts. Returns when it ends."""
    try:
        program = box.program
    except BadProgram:
        return ends
    if program.memory <= box.memory_limit or not box.alive(now):
        return ends
    lives = program.starts_in * box.memory_limit / program.memory
    box.ready = None
    return boxes.exit_at(box, now + lives, boxes.KILLED, boxes.OUT_OF_MEMORY)


def bindings(task: Task, container: Container) -> list[dict[str, Any]]:
    """The host ports of a container on an instance. Mappings without one get a free port of the dynamic range."""
    if task.network_mode == "awsvpc":
        return []
    taken = {
        int(one.get("hostPort") or 0)
        for other in store.tasks(store.backend_for(task.task_arn), task.cluster_name)
        if other.container_instance_arn == task.container_instance_arn and other.last_status != "STOPPED"
        for held in other.containers
        for one in held.network_bindings
    }
    found = []
    for mapping in container.definition.get("portMappings") or []:
        inside = mapping.get("containerPort")
        host = inside if task.network_mode == "host" else mapping.get("hostPort") or 0
        if not host:
            host = next(port for port in range(*_DYNAMIC) if port not in taken)
        taken.add(host)
        found.append(
            {
                "bindIP": "0.0.0.0", "containerPort": inside, "hostPort": host,
                "protocol": mapping.get("protocol") or "tcp",
            }
        )  # fmt: skip
    return found
