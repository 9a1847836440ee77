"""The API of tasks: RunTask, StartTask, DescribeTasks, ListTasks, StopTask.

Sources: API reference of these operations (count 1 to 10, tasks up to 100, the default of desiredStatus, clientToken),
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html (MISSING and other failures).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.ecs.exceptions import (
    ClusterNotFoundException,
    EcsClientException,
    ECSException,
    InvalidParameterException,
    ServiceNotFoundException,
)

from labkit.sandbox import current
from labkit.sandbox.hooks import hook
from labkit.sandbox.services import _ecs_model as model
from labkit.sandbox.services import _ecs_roles as roles
from labkit.sandbox.services import _ecs_store as store
from labkit.sandbox.services import _ecs_tasks as ecs_tasks
from labkit.sandbox.services import _ecs_tell as tell
from labkit.sandbox.services._ecs_store import Task

_RESPONSE: Final = "moto.ecs.responses:EC2ContainerServiceResponse"
_PAGE: Final = 100
_TOKEN_LASTS: Final = 24 * 3_600.0
NOT_FOUND: Final = "The referenced task was not found."
STOPPED_BY_USER: Final = "Task stopped by user"

Given = Mapping[str, Any]


def cluster_in(backend: Any, name: Any) -> Any:
    """The cluster of a call. Raises AWS's error when there is none, or it was deleted."""
    found = store.cluster(backend, name)
    if found is None or found.status == "INACTIVE":
        raise ClusterNotFoundException
    return found


def task_in(backend: Any, cluster: Any, name: str) -> Task | None:
    """A task of a cluster by id or ARN."""
    wanted = name.rpartition("/")[2]
    if name.startswith("arn:"):
        found = store.task(name)
        return found if found is not None and found.cluster_arn == cluster.arn else None
    return next((one for one in store.tasks(backend, cluster) if one.id == wanted), None)


def need_task(backend: Any, cluster: Any, name: str) -> Task:
    """A task of a cluster. Raises AWS's error when it is not there."""
    found = task_in(backend, cluster, name)
    if found is None:
        raise InvalidParameterException(NOT_FOUND)
    return found


# -- beginning -------------------------------------------------------------------------------------------


@hook(f"{_RESPONSE}.run_task")
def run_task(original: Any, self: Any) -> ActionResult:
    """RunTask: find a place for each task, and let them come up."""
    from labkit.sandbox.services import _ecs_capacity, _ecs_checks

    backend, params = self.ecs_backend, dict(self._get_params())
    cluster = cluster_in(backend, params.get("cluster"))
    again = _same_call(cluster, params)
    if again is not None:
        return ActionResult(tell.answer_of(again, []))
    _ecs_checks.run_task(params, backend)
    definition = backend.describe_task_definition(str(params["taskDefinition"]))
    _check_roles(definition, params)
    places = _ecs_capacity.choose(backend, cluster, definition, int(params.get("count") or 1), params)
    started = [
        _launch(backend, cluster, definition, one, params) for one in places if hasattr(one, "launch_type")
    ]
    failures = [_failure(one) for one in places if not hasattr(one, "launch_type")]
    _remember_call(cluster, params, started)
    return ActionResult(tell.answer_of(started, failures))


@hook(f"{_RESPONSE}.start_task")
def start_task(original: Any, self: Any) -> ActionResult:
    """StartTask: on exactly these instances."""
    from labkit.sandbox.services import _ecs_capacity, _ecs_checks

    backend, params = self.ecs_backend, dict(self._get_params())
    cluster = cluster_in(backend, params.get("cluster"))
    _ecs_checks.start_task(params, backend)
    definition = backend.describe_task_definition(str(params["taskDefinition"]))
    _check_roles(definition, params)
    started, failures = [], []
    for name in params["containerInstances"]:
        place = _ecs_capacity.start_on(backend, cluster, definition, str(name), params)
        if hasattr(place, "launch_type"):
            started.append(_launch(backend, cluster, definition, place, params))
        else:
            failures.append(_failure(place))
    return ActionResult(tell.answer_of(started, failures))


def _check_roles(definition: Any, params: Given) -> None:
    refused = roles.refusal(definition, params.get("overrides"))
    if refused:
        raise EcsClientException(refused)


def _failure(one: Any) -> dict[str, str]:
    return {
        name: value for name in ("arn", "reason", "detail") if (value := str(getattr(one, name, "") or ""))
    }


def _launch(backend: Any, cluster: Any, definition: Any, place: Any, params: Given) -> Task:
    return ecs_tasks.launch(
        backend, cluster, definition, place,
        group=str(params.get("group") or f"family:{definition.family}"), started_by=str(params.get("startedBy") or ""),
        overrides=params.get("overrides"), tags=_tags(cluster, definition, params),
        execute_command=bool(params.get("enableExecuteCommand")),
    )  # fmt: skip


def _tags(cluster: Any, definition: Any, params: Given) -> list[dict[str, str]]:
    found = {one["key"]: one.get("value", "") for one in params.get("tags") or []}
    if params.get("propagateTags") == "TASK_DEFINITION":
        found = {one["key"]: one.get("value", "") for one in definition.tags or []} | found
    if params.get("enableECSManagedTags"):
        found["aws:ecs:clusterName"] = cluster.name
    return [{"key": key, "value": value} for key, value in found.items()]


def _same_call(cluster: Any, params: Given) -> list[Task] | None:
    """The tasks of an earlier call with the same clientToken, or None."""
    token, now = params.get("clientToken"), current().clock.time()
    kept = vars(cluster).get("run_tokens", {}).get(token) if token else None
    if kept is None or kept[0] < now:
        return None
    if kept[1] != json.dumps(params, sort_keys=True, default=str):
        raise ECSException(
            "ConflictException", "The request uses the same client token as a previous, different request."
        )
    return [task for arn in kept[2] if (task := store.task(arn)) is not None]


def _remember_call(cluster: Any, params: Given, started: Sequence[Task]) -> None:
    if params.get("clientToken"):
        tokens = vars(cluster).setdefault("run_tokens", {})
        until = current().clock.time() + _TOKEN_LASTS
        given = json.dumps(params, sort_keys=True, default=str)
        tokens[params["clientToken"]] = (until, given, [task.task_arn for task in started])


# -- looking ---------------------------------------------------------------------------------------------


@hook(f"{_RESPONSE}.describe_tasks")
def describe_tasks(original: Any, self: Any) -> ActionResult:
    """DescribeTasks. It changes nothing."""
    backend, params = self.ecs_backend, self._get_params()
    cluster = cluster_in(backend, params.get("cluster"))
    names = params.get("tasks") or []
    if not names:
        raise InvalidParameterException("Tasks cannot be empty.")
    if len(names) > _PAGE:
        raise InvalidParameterException("Tasks cannot have more than 100 elements.")
    found, failures = [], []
    for name in dict.fromkeys(str(one) for one in names):
        task = task_in(backend, cluster, name)
        if task is not None:
            found.append(task)
        else:
            failures.append({"arn": _arn_of(backend, cluster, name), "reason": "MISSING"})
    return ActionResult(tell.answer_of(found, failures, tags="TAGS" in (params.get("include") or [])))


def _arn_of(backend: Any, cluster: Any, name: str) -> str:
    if name.startswith("arn:"):
        return name
    return f"arn:aws:ecs:{backend.region_name}:{backend.account_id}:task/{cluster.name}/{name}"


@hook(f"{_RESPONSE}.list_tasks")
def list_tasks(original: Any, self: Any) -> ActionResult:
    """ListTasks: the tasks that shall run, unless desiredStatus says STOPPED."""
    backend, params = self.ecs_backend, self._get_params()
    model.check("ListTasks", params)
    cluster = cluster_in(backend, params.get("cluster"))
    status = params.get("desiredStatus") or "RUNNING"
    found = [one for one in store.tasks(backend, cluster) if one.desired_status == status]
    if name := params.get("serviceName"):
        service = backend.services.get(f"{cluster.name}:{str(name).rpartition('/')[2]}")
        if service is None:
            raise ServiceNotFoundException
        found = [one for one in found if one.service_arn == service.arn]
    if family := params.get("family"):
        found = [one for one in found if _family(one) == family]
    if starter := params.get("startedBy"):
        found = [one for one in found if one.started_by == starter]
    if launch_type := params.get("launchType"):
        found = [one for one in found if one.launch_type == launch_type]
    if instance := params.get("containerInstance"):
        wanted = str(instance).rpartition("/")[2]
        found = [one for one in found if (one.container_instance_arn or "").rpartition("/")[2] == wanted]
    return ActionResult(_page([one.task_arn for one in found], params))


def _family(task: Task) -> str:
    return task.task_definition_arn.rpartition("/")[2].partition(":")[0]


def _page(arns: list[str], params: Given) -> dict[str, Any]:
    size = model.size(params)
    token = str(params.get("nextToken") or "0")
    if not token.isdigit():
        raise InvalidParameterException("Invalid token")
    first = int(token)
    answer: dict[str, Any] = {"taskArns": arns[first : first + size]}
    if first + size < len(arns):
        answer["nextToken"] = str(first + size)
    return answer


# -- ending ----------------------------------------------------------------------------------------------


@hook(f"{_RESPONSE}.stop_task")
def stop_task(original: Any, self: Any) -> ActionResult:
    """StopTask: SIGTERM, and SIGKILL after the containers' stopTimeout."""
    backend, params = self.ecs_backend, self._get_params()
    cluster = cluster_in(backend, params.get("cluster"))
    task = need_task(backend, cluster, str(params.get("task") or ""))
    ecs_tasks.stop(task, str(params.get("reason") or STOPPED_BY_USER), "UserInitiated")
    return ActionResult({"task": tell.shown(task)})
