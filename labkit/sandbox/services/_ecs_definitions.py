"""Task definitions: checked as AWS checks them, told back as they were given.

Sources: API reference (RegisterTaskDefinition, DescribeTaskDefinition: "If you specify family only, the latest ACTIVE
revision is described"; DeregisterTaskDefinition, DeleteTaskDefinitions: at most 10, INACTIVE ones only,
DELETE_IN_PROGRESS while tasks or services use it; ListTaskDefinitions, ListTaskDefinitionFamilies);
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/delete-task-definition-v2.html.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.ecs.exceptions import EcsClientException, InvalidParameterException, TaskDefinitionNotFoundException
from moto.ecs.models import TaskDefinition

from labkit.sandbox import current, stores
from labkit.sandbox.hooks import hook
from labkit.sandbox.services import _ecs_attributes as attributes
from labkit.sandbox.services import _ecs_fargate as fargate
from labkit.sandbox.services import _ecs_model as model
from labkit.sandbox.services import _ecs_rules as rules

_DELETED_AFTER: Final = 60.0
"""Seconds until an unused definition that was deleted is gone. Ours: AWS gives no figure."""
_LOOK_AGAIN: Final = 3_600.0
_PASSED: Final = (
    "placementConstraints", "requiresCompatibilities", "runtimePlatform", "inferenceAccelerators", "pidMode",
    "ipcMode", "proxyConfiguration", "ephemeralStorage", "enableFaultInjection", "trustedExecutionConfiguration",
    "taskRoleArn", "executionRoleArn",
)  # fmt: skip
_HEALTH: Final = {"interval": 30, "timeout": 5, "retries": 3}
"""Defaults of a health check (API reference, HealthCheck)."""

Given = dict[str, Any]


def definition(params: Given) -> None:
    """Raise AWS's error when RegisterTaskDefinition would refuse these parameters."""
    _complete(params)


def register(backend: Any, params: Given, caller: str = "") -> TaskDefinition:
    """A new revision of a family. Raises what AWS says."""
    given = _complete(params)
    family = given["family"]
    revision = _next_revision(backend, family)
    made = TaskDefinition(family, revision, [], backend.account_id, backend.region_name)
    made.container_definitions = given["containerDefinitions"]
    made.volumes = given.get("volumes") or []
    made.tags = list(params.get("tags") or [])
    made.network_mode = given["networkMode"]
    made.cpu, made.memory = (_text(given.get(key)) for key in ("cpu", "memory"))
    made.task_role_arn = _role(given.get("taskRoleArn"), backend)
    made.execution_role_arn = _role(given.get("executionRoleArn"), backend)
    made.placement_constraints = given.get("placementConstraints") or []
    made.requires_compatibilities = given.get("requiresCompatibilities")
    made.compatibilities = attributes.compatibilities(given)
    made.runtime_platform, made.ephemeral_storage = (
        given.get("runtimePlatform"),
        given.get("ephemeralStorage"),
    )
    made.pid_mode, made.ipc_mode = given.get("pidMode"), given.get("ipcMode")
    made.proxy_configuration = given.get("proxyConfiguration")
    vars(made).update(
        given={key: given[key] for key in _PASSED if given.get(key)},
        requires_attributes=attributes.required(given),
        registered_at=current().clock.now(), registered_by=caller, deregistered_at=None, delete_requested_at=None,
    )  # fmt: skip
    backend.task_definitions.setdefault(family, {})[revision] = made
    return made


def _complete(params: Given) -> Given:
    """The parameters with AWS's defaults in place, if they are right."""
    if said := next(rules.size(params), None):
        raise EcsClientException(said)
    model.check("RegisterTaskDefinition", params)
    given = copy.deepcopy(params)
    for key, read in (("cpu", fargate.cpu_units), ("memory", fargate.mebibytes)):
        given[key] = read(str(given[key])) if given.get(key) else None
    if said := next(attributes.refusals(given), None):
        raise EcsClientException(said)
    given["networkMode"] = given.get("networkMode") or "bridge"
    given["containerDefinitions"] = [
        _container(one, given["networkMode"]) for one in given["containerDefinitions"]
    ]
    for volume in given.get("volumes") or ():
        if "efsVolumeConfiguration" in volume:
            volume["efsVolumeConfiguration"].setdefault("rootDirectory", "/")
        elif not set(volume) & {"dockerVolumeConfiguration", "fsxWindowsFileServerVolumeConfiguration"}:
            volume.setdefault("host", {})
    return given


def _container(given: Given, mode: str) -> Given:
    for key in ("portMappings", "environment", "mountPoints", "volumesFrom", "systemControls"):
        given[key] = given.get(key) or []
    given.setdefault("cpu", 0)
    given.setdefault("essential", True)
    for port in given["portMappings"]:
        port.setdefault("protocol", "tcp")
        if "containerPort" in port:
            port["hostPort"] = port.get("hostPort") or (
                port["containerPort"] if mode in ("awsvpc", "host") else 0
            )
    if given.get("healthCheck"):
        given["healthCheck"] = {**_HEALTH, **given["healthCheck"]}
    if given.get("logConfiguration"):
        given["logConfiguration"].setdefault("secretOptions", [])
    return given


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)


def _role(given: str | None, backend: Any) -> str | None:
    """Task roles may be given by their short name."""
    return (
        given if not given or given.startswith("arn:") else f"arn:aws:iam::{backend.account_id}:role/{given}"
    )


def _next_revision(backend: Any, family: str) -> int:
    """Revisions only grow, even when the newest was deleted."""
    kept: dict[str, int] = vars(backend).setdefault("labkit_revisions", {})
    last: int = max((kept.get(family, 0), *backend.task_definitions.get(family, {})))
    kept[family] = last + 1
    return last + 1


# -- telling ---------------------------------------------------------------------------------------------


def described(found: Any) -> Given:
    """A definition as DescribeTaskDefinition tells it."""
    given = vars(found).get("given", {})
    told: Given = {
        "taskDefinitionArn": found.arn, "containerDefinitions": found.container_definitions, "family": found.family,
        "networkMode": found.network_mode, "revision": found.revision, "volumes": found.volumes,
        "status": found.status, "placementConstraints": found.placement_constraints,
        "compatibilities": found.compatibilities,
        "requiresAttributes": vars(found).get("requires_attributes") or [],
        **given,
    }  # fmt: skip
    for key, attribute in (
        ("cpu", "cpu"), ("memory", "memory"), ("taskRoleArn", "task_role_arn"),
        ("executionRoleArn", "execution_role_arn"), ("registeredAt", "registered_at"),
        ("registeredBy", "registered_by"), ("deregisteredAt", "deregistered_at"),
        ("deleteRequestedAt", "delete_requested_at"),
    ):  # fmt: skip
        if value := vars(found).get(attribute):
            told[key] = value
    return told


def find(backend: Any, text: str) -> Any:
    """The definition of `family`, `family:revision` or an ARN, or None. A family means its newest ACTIVE revision."""
    family, _, number = text.rpartition("/")[2].partition(":")
    revisions = backend.task_definitions.get(family, {})
    if number:
        if not number.isdigit():
            raise InvalidParameterException(f"Invalid revision number. Number: {number}")
        return revisions.get(int(number))
    active = [one for one in revisions.values() if one.status == "ACTIVE"]
    return max(active, key=lambda one: int(one.revision), default=None)


@hook("moto.ecs.models:EC2ContainerServiceBackend.describe_task_definition")
def describe(original: Any, self: Any, task_definition_str: str) -> Any:
    """Everything in moto that looks for a definition."""
    found = find(self, task_definition_str)
    if found is None:
        raise TaskDefinitionNotFoundException
    return found


# -- the API ---------------------------------------------------------------------------------------------


@hook("moto.ecs.responses:EC2ContainerServiceResponse.register_task_definition")
def register_task_definition(original: Any, self: Any) -> ActionResult:
    """RegisterTaskDefinition."""
    from labkit.sandbox.authorization.account import caller_of

    caller = caller_of(self.access_key)
    made = register(self.ecs_backend, dict(self._get_params()), caller.principal.arn if caller else "")
    current().changed()
    return ActionResult({"taskDefinition": described(made), "tags": made.tags})


@hook("moto.ecs.responses:EC2ContainerServiceResponse.describe_task_definition")
def describe_task_definition(original: Any, self: Any) -> ActionResult:
    """DescribeTaskDefinition."""
    found = self.ecs_backend.describe_task_definition(self._get_param("taskDefinition"))
    told: Given = {"taskDefinition": described(found)}
    if "TAGS" in (self._get_param("include") or ()):
        told["tags"] = found.tags
    return ActionResult(told)


@hook("moto.ecs.responses:EC2ContainerServiceResponse.deregister_task_definition")
def deregister_task_definition(original: Any, self: Any) -> ActionResult:
    """DeregisterTaskDefinition: INACTIVE from now on. What runs goes on."""
    found = self.ecs_backend.deregister_task_definition(self._get_param("taskDefinition"))
    if not vars(found).get("deregistered_at"):
        vars(found)["deregistered_at"] = current().clock.now()
    current().changed()
    return ActionResult({"taskDefinition": described(found)})


@hook("moto.ecs.responses:EC2ContainerServiceResponse.delete_task_definitions")
def delete_task_definitions(original: Any, self: Any) -> ActionResult:
    """DeleteTaskDefinitions: INACTIVE ones go as soon as nothing uses them."""
    clock, backend = current().clock, self.ecs_backend
    deleted, failures = backend.delete_task_definitions(self._get_param("taskDefinitions"))
    for one in deleted:
        backend.task_definitions[one.family][one.revision] = one
        vars(one)["delete_requested_at"] = vars(one).get("delete_requested_at") or clock.now()
        clock.schedule(clock.time() + _DELETED_AFTER, forget, one.arn)
    current().changed()
    told = [{"arn": one.arn, "reason": one.reason} for one in failures]
    return ActionResult({"taskDefinitions": [described(one) for one in deleted], "failures": told})


def forget(arn: str) -> None:
    """Due work: drop a deleted definition, unless a task or service still needs it."""
    parts = stores.Arn.of(arn)
    backend = _backend(parts) if parts else None
    family, _, revision = arn.rpartition("/")[2].partition(":")
    if backend is None:
        return
    found = backend.task_definitions.get(family, {}).get(int(revision))
    if found is None or found.status != "DELETE_IN_PROGRESS":
        return
    clock = current().clock
    if _used(backend, arn):
        clock.schedule(clock.time() + _LOOK_AGAIN, forget, arn)
        return
    del backend.task_definitions[family][int(revision)]
    current().trace.record("state", "ecs", "TaskDefinitionDeleted", resource=arn)
    current().changed()


def _backend(parts: stores.Arn) -> Any:
    from moto.ecs.models import ecs_backends

    return dict.get(dict.get(ecs_backends, parts.account) or {}, parts.region)


def _used(backend: Any, arn: str) -> bool:
    tasks = (task for cluster in backend.tasks.values() for task in cluster.values())
    services = (one for one in backend.services.values() if one.status != "INACTIVE")
    return any(one.task_definition_arn == arn and one.last_status != "STOPPED" for one in tasks) or any(
        one.task_definition == arn for one in services
    )


@hook("moto.ecs.responses:EC2ContainerServiceResponse.list_task_definitions")
def list_task_definitions(original: Any, self: Any) -> ActionResult:
    """ListTaskDefinitions: by family and revision."""
    model.check("ListTaskDefinitions", self._get_params())
    family, status = self._get_param("familyPrefix"), self._get_param("status") or "ACTIVE"
    found = [
        one
        for revisions in self.ecs_backend.task_definitions.values()
        for one in revisions.values()
        if one.status == status and family in (None, one.family)
    ]
    found.sort(key=lambda one: (one.family, one.revision), reverse=self._get_param("sort") == "DESC")
    return ActionResult(_page(self, "taskDefinitionArns", [one.arn for one in found]))


@hook("moto.ecs.responses:EC2ContainerServiceResponse.list_task_definition_families")
def list_families(original: Any, self: Any) -> ActionResult:
    """ListTaskDefinitionFamilies: ACTIVE families have an ACTIVE revision."""
    model.check("ListTaskDefinitionFamilies", self._get_params())
    prefix, status = self._get_param("familyPrefix") or "", self._get_param("status") or "ALL"
    found = []
    for family, revisions in sorted(self.ecs_backend.task_definitions.items()):
        active = any(one.status == "ACTIVE" for one in revisions.values())
        inactive = not active and any(one.status == "INACTIVE" for one in revisions.values())
        wanted = {"ACTIVE": active, "INACTIVE": inactive, "ALL": active or inactive}[status]
        if wanted and family.startswith(prefix):
            found.append(family)
    return ActionResult(_page(self, "families", found))


def _page(request: Any, key: str, found: Sequence[str]) -> Given:
    most, token = model.size(request._get_params()), request._get_param("nextToken") or "0"
    if not str(token).isdigit() or int(token) > len(found):
        raise InvalidParameterException("Invalid token.")
    start = int(token)
    told: Given = {key: list(found[start : start + most])}
    if start + most < len(found):
        told["nextToken"] = str(start + most)
    return told


def registered_at(found: Any) -> datetime | None:
    """When a definition was registered."""
    when: datetime | None = vars(found).get("registered_at")
    return when
