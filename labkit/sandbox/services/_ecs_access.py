"""Protection of tasks from scale-in.

Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection.html (1 to 2,880 minutes,
120 unless said; tasks of services only: TASK_NOT_VALID).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.ecs.exceptions import InvalidParameterException

from labkit.sandbox import current
from labkit.sandbox.hooks import hook
from labkit.sandbox.services import _ecs_store as store
from labkit.sandbox.services._ecs_calls import _arn_of, cluster_in, task_in
from labkit.sandbox.services._ecs_store import Task

_RESPONSE: Final = "moto.ecs.responses:EC2ContainerServiceResponse"
_USUAL_MINUTES: Final = 120
_MOST_MINUTES: Final = 2_880
_NOT_VALID: Final = "Task protection is only supported for tasks that are part of a service."


@hook(f"{_RESPONSE}.update_task_protection", kind="new")
def update_task_protection(self: Any) -> ActionResult:
    """UpdateTaskProtection: scale-in and deployments leave the task alone for a time."""
    params = self._get_params()
    minutes = params.get("expiresInMinutes")
    if minutes is not None and not 1 <= int(minutes) <= _MOST_MINUTES:
        raise InvalidParameterException(f"expiresInMinutes must be between 1 and {_MOST_MINUTES}.")
    found, failures = _wanted(self, params)
    clock = current().clock
    for task in found:
        task.protection_enabled = bool(params.get("protectionEnabled"))
        task.protected_until = None
        if task.protection_enabled:
            task.protected_until = clock.time() + 60.0 * int(minutes or _USUAL_MINUTES)
            clock.schedule(task.protected_until, expire, task.task_arn, task.protected_until)
        _told(task)
    return ActionResult({"protectedTasks": [_protection(task) for task in found], "failures": failures})


@hook(f"{_RESPONSE}.get_task_protection", kind="new")
def get_task_protection(self: Any) -> ActionResult:
    """GetTaskProtection."""
    found, failures = _wanted(self, self._get_params())
    return ActionResult({"protectedTasks": [_protection(task) for task in found], "failures": failures})


def _wanted(response: Any, params: Mapping[str, Any]) -> tuple[list[Task], list[dict[str, str]]]:
    backend = response.ecs_backend
    cluster = cluster_in(backend, params.get("cluster"))
    names = params.get("tasks") or []
    if len(names) > 10:
        raise InvalidParameterException("Tasks cannot have more than 10 elements.")
    found: list[Task] = []
    failures = []
    for name in names:
        task = task_in(backend, cluster, str(name))
        if task is None:
            failures.append({"arn": _arn_of(backend, cluster, str(name)), "reason": "MISSING"})
        elif not task.service_arn:
            failures.append({"arn": task.task_arn, "reason": "TASK_NOT_VALID", "detail": _NOT_VALID})
        else:
            found.append(task)
    return found, failures


def _protection(task: Task) -> dict[str, Any]:
    answer: dict[str, Any] = {"taskArn": task.task_arn, "protectionEnabled": task.protection_enabled}
    if task.protection_enabled:
        answer["expirationDate"] = task.protected_until
    return answer


def expire(arn: str, until: float) -> None:
    """Due work: the protection is over, unless it was renewed."""
    task = store.task(arn)
    if task is not None and task.protected_until == until:
        task.protection_enabled, task.protected_until = False, None
        _told(task)


def _told(task: Task) -> None:
    params = {"Cluster": task.cluster_name, "Enabled": task.protection_enabled}
    current().trace.record("state", "ecs", "TaskProtection", resource=task.task_arn, params=params)
    if task.service_arn:
        from labkit.sandbox.services import _ecs_reconcile

        _ecs_reconcile.task_changed(task.task_arn, task.last_status, task.last_status)
    current().changed()
