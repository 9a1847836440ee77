"""Telling: what AWS shows of a task, and who is told when it changes.

Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html (the event; health is not in
it, times are ISO texts; the two fields `version` and `updatedAt`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from labkit.sandbox import current
from labkit.sandbox.announce import announce
from labkit.sandbox.services import _ecs_store as store
from labkit.sandbox.services._ecs_store import Container, Task

_TIMES: Final = {
    "connectivityAt": "connectivity_at", "createdAt": "created_at", "executionStoppedAt": "execution_stopped_at",
    "pullStartedAt": "pull_started_at", "pullStoppedAt": "pull_stopped_at", "startedAt": "started_at",
    "stoppedAt": "stopped_at", "stoppingAt": "stopping_at",
}  # fmt: skip
_TEXTS: Final = {
    "availabilityZone": "availability_zone", "capacityProviderName": "capacity_provider_name",
    "connectivity": "connectivity", "containerInstanceArn": "container_instance_arn", "cpu": "cpu", "group": "group",
    "launchType": "launch_type", "memory": "memory", "platformVersion": "platform_version",
    "platformFamily": "platform_family", "startedBy": "started_by", "stopCode": "stop_code",
    "stoppedReason": "stopped_reason",
}  # fmt: skip


def shown(task: Task, *, tags: bool = True) -> dict[str, Any]:
    """A task as the API answers it."""
    answer: dict[str, Any] = {
        "taskArn": task.task_arn, "clusterArn": task.cluster_arn, "taskDefinitionArn": task.task_definition_arn,
        "lastStatus": task.last_status, "desiredStatus": task.desired_status, "healthStatus": task.health_status,
        "attachments": task.attachments, "attributes": task.attributes, "version": task.version,
        "containers": [_container(task, one) for one in task.containers],
        "enableExecuteCommand": task.enable_execute_command, "overrides": _overrides(task),
        "tags": task.tags if tags else [],
    }  # fmt: skip
    answer |= {
        name: getattr(task, attribute) for name, attribute in _TEXTS.items() if getattr(task, attribute)
    }
    answer |= {
        name: getattr(task, attribute)
        for name, attribute in _TIMES.items()
        if getattr(task, attribute) is not None
    }
    if task.ephemeral_storage:
        answer["ephemeralStorage"] = answer["fargateEphemeralStorage"] = task.ephemeral_storage
    return answer


def _container(task: Task, container: Container) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "containerArn": container.container_arn, "taskArn": task.task_arn, "name": container.name,
        "image": container.image, "lastStatus": container.last_status, "networkBindings": container.network_bindings,
        "networkInterfaces": container.network_interfaces, "healthStatus": container.health_status,
        "cpu": container.cpu,
    }  # fmt: skip
    optional = {
        "imageDigest": container.image_digest, "runtimeId": container.runtime_id, "reason": container.reason,
        "memory": container.memory, "memoryReservation": container.memory_reservation,
        "managedAgents": container.managed_agents,
    }  # fmt: skip
    answer |= {name: value for name, value in optional.items() if value}
    if container.exit_code is not None:
        answer["exitCode"] = container.exit_code
    return answer


def _overrides(task: Task) -> dict[str, Any]:
    given = dict(task.overrides)
    named = {one.get("name"): dict(one) for one in given.get("containerOverrides") or []}
    given["containerOverrides"] = [named.get(one.name, {"name": one.name}) for one in task.containers]
    given.setdefault("inferenceAcceleratorOverrides", [])
    return given


# -- changes ---------------------------------------------------------------------------------------------


def moved(task: Task, status: str) -> None:
    """A task comes into another status, and everybody who cares is told."""
    before, task.last_status = task.last_status, status
    _count(task, before, status)
    changed(task, before)


def changed(task: Task, before: str, *, quietly: bool = False) -> None:
    """Something about a task is different. `before` is its status before; `quietly`: no event on the bus."""
    sandbox = current()
    task.version += 1
    status = task.last_status
    if before != status or task.version == 1:
        record(task)
    if not quietly:
        announce(
            "aws.ecs", "ECS Task State Change", _event(task), [task.task_arn],
            account=task.account_id, region=task.region_name,
        )  # fmt: skip
    if task.service_arn:
        from labkit.sandbox.services import _ecs_reconcile

        _ecs_reconcile.task_changed(task.task_arn, before, status)
    sandbox.changed()


def record(task: Task) -> None:
    """One line of a task's life in the trace."""
    params: dict[str, Any] = {
        "Cluster": task.cluster_name, "Group": task.group,
        "Family": task.task_definition_arn.rpartition("/")[2], "LaunchType": task.launch_type,
        "CapacityProvider": task.capacity_provider_name, "PlatformVersion": task.platform_version,
        "PlatformFamily": task.platform_family, "Zone": task.availability_zone, "Cpu": task.cpu, "Memory": task.memory,
        "Service": task.service_arn.rpartition("/")[2], "Deployment": task.deployment_id,
        "Instance": task.container_instance_arn,
        "EphemeralGiB": (task.ephemeral_storage or {}).get("sizeInGiB"), "StopCode": task.stop_code,
        "Reason": task.stopped_reason,
    }  # fmt: skip
    if task.last_status == "STOPPED":
        params["ExitCodes"] = {one.name: one.exit_code for one in task.containers}
        params["PullStartedAt"] = (
            task.pull_started_at
        )  # from here on a task is billed; ECS forgets it after an hour
        params["Architecture"] = next(
            (one["value"] for one in task.attributes if one["name"] == "ecs.cpu-architecture"), None
        )
    current().trace.record(
        "state", "ecs", f"Task{task.last_status.title()}", resource=task.task_arn,
        params={name: value for name, value in params.items() if value not in (None, "")},
    )  # fmt: skip


def container_changed(task: Task, container: Container, action: str, note: str = "") -> None:
    """A container started, ended, or its health changed."""
    params: dict[str, Any] = {"Cluster": task.cluster_name, "Task": task.id, "Container": container.name}
    if container.exit_code is not None and container.stopped:
        params["ExitCode"] = container.exit_code
    if container.reason:
        params["Reason"] = container.reason
    current().trace.record(
        "state", "ecs", action, resource=task.task_arn, params=params, note=note or container.name
    )
    changed(task, task.last_status, quietly=action.startswith("ContainerHealth"))


def _count(task: Task, before: str, after: str) -> None:
    found_in = store.backend_for(task.task_arn)
    cluster = store.cluster(found_in, task.cluster_name)
    if cluster is None:
        return
    for status, step in ((before, -1), (after, 1)):
        if status == "RUNNING":
            cluster.running_tasks_count = max(0, cluster.running_tasks_count + step)
        elif status in store.BEFORE:
            cluster.pending_tasks_count = max(0, cluster.pending_tasks_count + step)


def began(task: Task) -> None:
    """A task is there for the first time."""
    _count(task, "", task.last_status)
    task.version = 0
    changed(task, "")


def _event(task: Task) -> dict[str, Any]:
    detail = {
        name: value for name, value in shown(task, tags=False).items() if name not in ("healthStatus", "tags")
    }
    detail["updatedAt"] = current().clock.time()
    for name in (*_TIMES, "updatedAt"):
        if name in detail:
            detail[name] = _iso(detail[name])
    detail["containers"] = [
        {name: value for name, value in one.items() if name != "healthStatus"} for one in detail["containers"]
    ]
    return detail


def _iso(moment: float) -> str:
    at = datetime.fromtimestamp(moment, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def answer_of(
    tasks: Sequence[Task], failures: Sequence[Mapping[str, Any]], *, tags: bool = True
) -> dict[str, Any]:
    """Tasks and failures as RunTask, StartTask and DescribeTasks answer them."""
    return {"tasks": [shown(task, tags=tags) for task in tasks], "failures": [dict(one) for one in failures]}
