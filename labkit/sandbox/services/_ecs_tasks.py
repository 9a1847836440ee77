"""Tasks: beginning and ending them. What follows is on the clock: see `_ecs_life`.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html,
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from moto.moto_api._internal import mock_random

from labkit.sandbox import current
from labkit.sandbox.fleet import boxes
from labkit.sandbox.services import _ecs_containers as containers
from labkit.sandbox.services import _ecs_life as life
from labkit.sandbox.services import _ecs_roles as roles
from labkit.sandbox.services import _ecs_store as store
from labkit.sandbox.services import _ecs_tell as tell
from labkit.sandbox.services._ecs_store import Task

STORAGE: Final = 20
"""GiB of storage that each task on Fargate has (platform 1.4.0)."""


def launch(
    backend: Any,
    cluster: Any,
    definition: Any,
    where: Any,
    *,
    group: str,
    started_by: str = "",
    overrides: Mapping[str, Any] | None = None,
    tags: Sequence[Mapping[str, str]] | None = None,
    service_arn: str = "",
    deployment_id: str = "",
    execute_command: bool = False,
) -> Task:
    """A new task at a place that `_ecs_capacity.choose` found. It comes up by the clock."""
    task = Task(backend, cluster, definition, mock_random.uuid4().hex)
    task.created_at = current().clock.time()
    task.overrides = dict(overrides or {})
    task.group, task.started_by = group, started_by
    task.tags = [dict(one) for one in tags or []]
    task.service_arn, task.deployment_id = service_arn, deployment_id
    task.enable_execute_command = execute_command
    task.task_role_arn = roles.role_arn(definition, "taskRoleArn", task.overrides)
    task.execution_role_arn = roles.role_arn(definition, "executionRoleArn", task.overrides)
    _place(task, definition, where)
    _size(task, definition)
    task.containers = containers.make(task, definition)
    backend.tasks.setdefault(cluster.name, {})[task.task_arn] = task
    life.begin(task)
    return task


def _place(task: Task, definition: Any, where: Any) -> None:
    task.launch_type, task.capacity_provider_name = where.launch_type, where.capacity_provider or None
    task.platform_version, task.platform_family = (
        where.platform_version or None,
        where.platform_family or None,
    )
    task.container_instance_arn, task.availability_zone = where.instance_arn or None, where.zone or None
    task.network_mode = definition.network_mode or "bridge"
    task.subnet, task.security_groups = where.subnet or "", list(where.security_groups or [])
    task.public_ip = bool(where.public_ip)
    task.asked = dict(getattr(where, "asked", None) or {})
    architecture = (definition.runtime_platform or {}).get("cpuArchitecture", "X86_64")
    task.attributes = [{"name": "ecs.cpu-architecture", "value": architecture.lower()}]
    if life.waits(task):
        task.last_status = "PROVISIONING"
    elif task.network_mode != "awsvpc":
        task.last_status = "PENDING"
    if task.network_mode != "awsvpc" or task.attachments:
        return
    task.attachments = [
        {
            "id": str(mock_random.uuid4()), "type": "ElasticNetworkInterface", "status": "PRECREATED",
            "details": [{"name": "subnetId", "value": task.subnet}],
        }
    ]  # fmt: skip


def place(task: Task, where: Any) -> None:
    """A task that waited for an instance has its place now."""
    definition = store.definition(task.task_definition_arn)
    if definition is None or task.desired_status != "RUNNING" or not life.waits(task):
        return
    provider = task.capacity_provider_name
    _place(task, definition, where)
    task.capacity_provider_name = task.capacity_provider_name or provider
    if task.last_status == "PENDING":
        task.last_status = "PROVISIONING"
        tell.moved(task, "PENDING")
    life.go_on(task)


def _size(task: Task, definition: Any) -> None:
    task.cpu = _text(task.overrides.get("cpu") or definition.cpu)
    task.memory = _text(task.overrides.get("memory") or definition.memory)
    each = definition.container_definitions
    if task.cpu is None:
        task.cpu = _text(sum(int(one.get("cpu") or 0) for one in each))
    if task.memory is None:
        task.memory = _text(sum(int(one.get("memory") or one.get("memoryReservation") or 0) for one in each))
    storage = task.overrides.get("ephemeralStorage") or definition.ephemeral_storage
    if storage or life.on_fargate(task):
        task.ephemeral_storage = dict(storage) if storage else {"sizeInGiB": STORAGE}


def _text(value: Any) -> str | None:
    return str(value) if value is not None and value != "" else None


def stop(task: Task, reason: str, code: str) -> None:
    """Stop a task: SIGTERM, then SIGKILL after the containers' stopTimeout. Nothing happens when it stops already."""
    life.end(task, reason, code)


def kill(task_arn: str, exit_code: int = boxes.KILLED) -> bool:
    """Kill the essential containers of a running task at once, as from outside. Returns whether there were any."""
    return _end(task_arn, exit_code)


def crash(task_arn: str) -> bool:
    """Have the program of a running task crash: exit code 1, with a traceback in its log."""
    task = store.task(task_arn)
    for container in task.containers if task is not None else ():
        if container.essential and container.running and container.box is not None:
            home = boxes.HOMES[container.box.home]
            for line in ("Traceback (most recent call last):", '  File "/app/app.py", line 1, in <module>'):
                home.said(container.box, line)
            home.said(container.box, "RuntimeError: the program crashed")
            break
    return _end(task_arn, 1)


def _end(task_arn: str, code: int) -> bool:
    task = store.task(task_arn)
    running = [one for one in task.containers if one.essential and one.running] if task is not None else []
    for container in running:
        assert task is not None
        containers.end_now(task, container, code)
    return bool(running)
