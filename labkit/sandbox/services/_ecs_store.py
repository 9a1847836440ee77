"""Tasks as we keep them in moto's ECS, and how everything in it is found. Looking makes nothing.

All times are seconds since 1970 on the account's clock, or None while they have not come.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from moto.ecs.models import Task as MotoTask

from labkit.sandbox import stores
from labkit.sandbox.fleet.boxes import Box

BEFORE: Final = ("PROVISIONING", "PENDING", "ACTIVATING")
"""Statuses of a task that does not run yet."""
AFTER: Final = ("DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED")
"""Statuses of a task that is on its way out."""


@dataclass(slots=True, eq=False)
class Container:
    """One container of a task. `definition` is its part of the task definition, overrides included."""

    name: str
    container_arn: str
    task_arn: str
    image: str
    definition: dict[str, Any]
    essential: bool = True
    last_status: str = "PENDING"
    image_digest: str = ""
    runtime_id: str = ""
    exit_code: int | None = None
    reason: str = ""
    health_status: str = "UNKNOWN"
    failed_checks: int = 0
    next_check: float | None = None
    network_interfaces: list[dict[str, Any]] = field(default_factory=list)
    network_bindings: list[dict[str, Any]] = field(default_factory=list)
    managed_agents: list[dict[str, Any]] = field(default_factory=list)
    cpu: str = ""
    memory: str | None = None
    memory_reservation: str | None = None
    box: Box | None = None
    source: str = field(default="", repr=False)
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    asked_to_stop: bool = False
    started_at: float | None = None
    stopped_at: float | None = None
    restarts: int = 0
    log_group: str = ""
    log_stream: str = ""
    log_region: str = ""
    lines: list[tuple[float, str]] = field(default_factory=list, repr=False)
    """Lines that wait to be sent to CloudWatch Logs."""

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self.last_status == "RUNNING"

    @property
    def stopped(self) -> bool:
        """Whether it ran and is over, or will never run."""
        return self.last_status == "STOPPED"

    @property
    def health_check(self) -> dict[str, Any] | None:
        """Its health check, or None when it has none."""
        check = self.definition.get("healthCheck")
        command = check.get("command") if check else None
        return check if command and command[0] != "NONE" else None


class Task(MotoTask):  # type: ignore[misc]  # moto ships no types
    """A task. It stands in moto's store in the place of moto's own, and moves by the clock alone."""

    last_status: str = "PROVISIONING"  # moto's is a property that moves when somebody looks

    def __init__(self, backend: Any, cluster: Any, definition: Any, identifier: str) -> None:
        # moto's own would make a network interface at once and one container only.
        self._backend = backend
        self._account_id = backend.account_id
        self.region_name = backend.region_name
        self.id = identifier
        long = backend.enable_long_arn_for_name(name="taskLongArnFormat")
        path = f"{cluster.name}/{identifier}" if long else identifier
        self.arn = f"arn:aws:ecs:{self.region_name}:{self._account_id}:task/{path}"
        self.cluster_name: str = cluster.name
        self.cluster_arn: str = cluster.arn
        self.task_definition_arn: str = definition.arn
        self.last_status = "PROVISIONING"
        self.desired_status = "RUNNING"
        self.containers: list[Container] = []
        self.health_status = "UNKNOWN"
        self.created_at: float = 0.0
        self.pull_started_at: float | None = None
        self.pull_stopped_at: float | None = None
        self.connectivity: str | None = None
        self.connectivity_at: float | None = None
        self.started_at: float | None = None
        self.stopping_at: float | None = None
        self.stopped_at: float | None = None
        self.execution_stopped_at: float | None = None
        self.stop_code: str | None = None
        self.stopped_reason: str | None = None
        self.launch_type = ""
        self.capacity_provider_name: str | None = None
        self.platform_version: str | None = None
        self.platform_family: str | None = None
        self.container_instance_arn: str | None = None
        self.availability_zone: str | None = None
        self.attachments: list[dict[str, Any]] = []
        self.attributes: list[dict[str, str]] = [{"name": "ecs.cpu-architecture", "value": "x86_64"}]
        self.cpu: str | None = None
        self.memory: str | None = None
        self.ephemeral_storage: dict[str, int] | None = None
        self.group = ""
        self.started_by = ""
        self.overrides: dict[str, Any] = {}
        self.tags: list[dict[str, str]] = []
        self.version = 1
        self.enable_execute_command = False
        self.protected_until: float | None = None
        self.protection_enabled = False
        self.resource_requirements: dict[str, Any] | None = None
        # Ours besides:
        self.service_arn = ""
        self.awaited_by: tuple[tuple[str, int, int], ...] = ()
        """States of state machines that wait for its end: execution, track, epoch."""
        self.deployment_id = ""
        self.network_mode = ""
        self.subnet = ""
        self.security_groups: list[str] = []
        self.public_ip = False
        self.asked: dict[str, Any] = {}
        self.eni_id = ""
        self.task_role_arn = ""
        self.execution_role_arn = ""
        self.failed = False
        """Whether it failed before it ever ran, or its containers were killed before that."""

    @property
    def task_arn(self) -> str:
        """Its ARN, in the form that the account had chosen when it was made."""
        return self.arn

    @property
    def account_id(self) -> str:
        """The account it runs in."""
        return str(self._account_id)

    @property
    def ip(self) -> str:
        """Its private address, or nothing while it has none."""
        return next(
            (one.box.ip for one in self.containers if one.box is not None and one.box.ip), self._eni_ip()
        )

    def _eni_ip(self) -> str:
        for attachment in self.attachments:
            for detail in attachment["details"]:
                if detail["name"] == "privateIPv4Address":
                    return str(detail["value"])
        return ""

    @property
    def healthy(self) -> bool:
        """Whether it runs and no health check says otherwise."""
        return self.last_status == "RUNNING" and self.health_status != "UNHEALTHY"

    @property
    def protected(self) -> bool:
        """Whether its protection from scale-in was switched on. Whether it expired, the clock decides."""
        return self.protection_enabled

    def container(self, name: str) -> Container | None:
        """Its container of this name."""
        return next((one for one in self.containers if one.name == name), None)


# -- finding ---------------------------------------------------------------------------------------------


def backend(account: str, region: str) -> Any:
    """moto's ECS of an account and Region, or None while nobody has used it there."""
    return stores.backend_of("ecs", account, region)


def backend_for(arn: str) -> Any:
    """moto's ECS behind an ARN of ECS, or None."""
    parts = arn.split(":", 5)
    return backend(parts[4], parts[3]) if len(parts) == 6 else None


def cluster(found_in: Any, name_or_arn: str | None) -> Any:
    """A cluster by name or ARN; `default` without one. None when there is none."""
    return (
        found_in.clusters.get((name_or_arn or "default").rpartition("/")[2]) if found_in is not None else None
    )


def task(arn: str) -> Task | None:
    """The task of an ARN, or None when it is gone."""
    found_in = backend_for(arn)
    if found_in is None:
        return None
    parts = arn.rsplit("/", 2)
    if len(parts) == 3:
        return found_in.tasks.get(parts[1], {}).get(arn)  # type: ignore[no-any-return]
    return next((kept[arn] for kept in found_in.tasks.values() if arn in kept), None)


def tasks(
    found_in: Any, cluster: Any = None, service: str | None = None, deployment: str | None = None
) -> list[Task]:
    """Tasks in the order in which they were made, the stopped ones that are still shown included.

    `cluster` is a cluster, its name or ARN; `service` the ARN of a service, `deployment` the id of a deployment.
    """
    if found_in is None:
        return []
    if cluster is None:
        kept: Iterator[Task] = (one for held in list(found_in.tasks.values()) for one in list(held.values()))
    else:
        name = cluster if isinstance(cluster, str) else cluster.name
        kept = iter(list(found_in.tasks.get(name.rpartition("/")[2], {}).values()))
    return [
        one
        for one in kept
        if (service is None or one.service_arn == service)
        and (deployment is None or one.deployment_id == deployment)
    ]


def service(arn: str) -> Any:
    """The service of an ARN, or None."""
    found_in = backend_for(arn)
    kept = list(found_in.services.values()) if found_in is not None else []
    return next((one for one in kept if one.arn == arn), None)


def definition(arn: str) -> Any:
    """The task definition of an ARN, or None."""
    found_in = backend_for(arn)
    family, _, revision = arn.rpartition("/")[2].partition(":")
    if found_in is None or not revision.isdigit():
        return None
    return found_in.task_definitions.get(family, {}).get(int(revision))


def owner(box: Box) -> tuple[Task, Container] | None:
    """The task and container a box belongs to, or None when they are gone."""
    arn, _, name = box.owner.partition("#")
    found = task(arn)
    container = found.container(name) if found is not None else None
    return (found, container) if found is not None and container is not None else None


def box_at(region: str, ip: str, port: int) -> tuple[Task, Container, Box] | None:
    """What stands behind an address and port: of a task's own interface, or of an instance's port.

    A box that was killed is still found until its task is stopped; it refuses connections.
    """
    for found_in in stores.backends_in("ecs", region):
        for held in list(found_in.tasks.values()):
            for one in held.values():
                if one.last_status == "STOPPED":
                    continue
                for container in one.containers:
                    if container.box is not None and _answers(one, container, container.box, ip, port):
                        return one, container, container.box
    return None


def _answers(task: Task, container: Container, box: Box, ip: str, port: int) -> bool:
    if box.ip != ip:
        return False
    if task.network_mode in ("awsvpc", "host"):
        return listening_port(box) == port
    return any(int(one.get("hostPort") or 0) == port for one in container.network_bindings)


def listening_port(box: Box) -> int | None:
    """The port of a box's program, or None when it has none or cannot be read."""
    from labkit.sandbox.fleet.programs import BadProgram

    try:
        return box.program.port
    except BadProgram:
        return None


def never() -> float:
    """A time that does not come."""
    return math.inf
