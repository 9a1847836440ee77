"""The API of container instances.

Sources: API reference (RegisterContainerInstance, DeregisterContainerInstance, ListContainerInstances: `filter` in the
cluster query language, up to 100 results; DescribeContainerInstances; UpdateContainerInstancesState; PutAttributes and
DeleteAttributes: a target is named by its id or its ARN).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.ec2.exceptions import InvalidInstanceIdError
from moto.ecs.exceptions import ECSException, InvalidParameterException

from labkit.sandbox import current
from labkit.sandbox.hooks import hook
from labkit.sandbox.services import _ecs_instances as instances
from labkit.sandbox.services import _ecs_model as model
from labkit.sandbox.services import _ecs_queries as queries
from labkit.sandbox.services import _ecs_waiting as waiting

_RESPONSE: Final = "moto.ecs.responses:EC2ContainerServiceResponse"
_PAGE: Final = 100


@hook(f"{_RESPONSE}.register_container_instance")
def register_container_instance(original: Any, self: Any) -> ActionResult:
    """RegisterContainerInstance: what the agent calls. The identity document says which instance it is."""
    backend, params = self.ecs_backend, self._get_params()
    cluster = instances.cluster_of(backend, params.get("cluster"))
    try:
        identity = json.loads(params.get("instanceIdentityDocument") or "")
        instance_id = str(identity["instanceId"])
    except (ValueError, KeyError, TypeError):
        raise InvalidParameterException("The instance identity document is invalid.") from None
    more = {one["name"]: one.get("value", "") for one in params.get("attributes") or ()}
    try:
        made = waiting.joined(backend, cluster, instance_id, more=more)
    except InvalidInstanceIdError:
        raise InvalidParameterException("The instance identity document is invalid.") from None
    vars(made)["tags"] = params.get("tags") or []
    return ActionResult({"containerInstance": _told(backend, cluster, made)})


@hook(f"{_RESPONSE}.deregister_container_instance")
def deregister_container_instance(original: Any, self: Any) -> ActionResult:
    """DeregisterContainerInstance. With `force`, ECS forgets the tasks on it, and services replace theirs."""
    backend, params = self.ecs_backend, self._get_params()
    cluster = instances.cluster_of(backend, params.get("cluster"))
    found = instances.find(backend, cluster, str(params.get("containerInstance") or ""))
    if found is None:
        raise InvalidParameterException("Referenced container instance not found.")
    if instances.standing(backend, cluster, found) and not params.get("force"):
        raise InvalidParameterException("Found running tasks on the instance.")
    instances.leave(backend, cluster, found, "Container instance deregistered by user.")
    return ActionResult({"containerInstance": _told(backend, cluster, found)})


@hook(f"{_RESPONSE}.list_container_instances")
def list_container_instances(original: Any, self: Any) -> ActionResult:
    """ListContainerInstances: by status (ACTIVE and DRAINING without one) and a query."""
    backend, params = self.ecs_backend, self._get_params()
    model.check("ListContainerInstances", params)
    cluster = instances.cluster_of(backend, params.get("cluster"))
    status, query = params.get("status"), params.get("filter")
    names = {node.name: node for node in instances.nodes(backend, cluster, every=True)}
    if query:
        try:
            test = queries.parse(str(query))
        except queries.BadQuery as wrong:
            raise InvalidParameterException(f"Invalid filter '{query}': {wrong}.") from None
        names = {name: node for name, node in names.items() if test(node)}
    found = [
        one.container_instance_arn
        for one in instances.all_in(backend, cluster)
        if one.container_instance_arn in names and status in (None, one.status)
    ]
    token = str(params.get("nextToken") or "0")
    if not token.isdigit():
        raise InvalidParameterException("Invalid token")
    start, size = int(token), min(int(params.get("maxResults") or _PAGE), _PAGE)
    told: dict[str, Any] = {"containerInstanceArns": found[start : start + size]}
    if start + size < len(found):
        told["nextToken"] = str(start + size)
    return ActionResult(told)


@hook(f"{_RESPONSE}.describe_container_instances")
def describe_container_instances(original: Any, self: Any) -> ActionResult:
    """DescribeContainerInstances."""
    backend, params = self.ecs_backend, self._get_params()
    cluster = instances.cluster_of(backend, params.get("cluster"))
    found, failures = instances.wanted(backend, cluster, params.get("containerInstances"))
    told = [_told(backend, cluster, one) for one in found]
    if "TAGS" not in (params.get("include") or ()):
        told = [one | {"tags": []} for one in told]
    return ActionResult({"containerInstances": told, "failures": failures})


@hook(f"{_RESPONSE}.update_container_instances_state")
def update_container_instances_state(original: Any, self: Any) -> ActionResult:
    """UpdateContainerInstancesState: DRAINING takes no new tasks, and services move away."""
    backend, params = self.ecs_backend, self._get_params()
    cluster = instances.cluster_of(backend, params.get("cluster"))
    found, failures = instances.wanted(backend, cluster, params.get("containerInstances"))
    instances.drain(backend, cluster, found, str(params.get("status") or "").upper())
    current().changed()
    told = [_told(backend, cluster, one) for one in found]
    return ActionResult({"containerInstances": told, "failures": failures})


@hook(f"{_RESPONSE}.put_attributes")
def put_attributes(original: Any, self: Any) -> ActionResult:
    """PutAttributes: of an instance by id or ARN. Placement looks at them at once."""
    return ActionResult({"attributes": _attributes(self, "PutAttributes")})


@hook(f"{_RESPONSE}.delete_attributes")
def delete_attributes(original: Any, self: Any) -> ActionResult:
    """DeleteAttributes: one with another value stays."""
    return ActionResult({"attributes": _attributes(self, "DeleteAttributes")})


def _attributes(request: Any, operation: str) -> list[dict[str, str]]:
    from labkit.sandbox.services import _ecs_reconcile

    backend, params = request.ecs_backend, request._get_params()
    model.check(operation, params)
    cluster = instances.cluster_of(backend, params.get("cluster"))
    given = params.get("attributes") or []
    targets = [_target(backend, cluster, one) for one in given]
    told = []
    for one, found in zip(given, targets, strict=True):
        name, value = one["name"], one.get("value")
        if operation == "PutAttributes":
            found.attributes[name] = value
        elif value in (None, found.attributes.get(name)):
            found.attributes.pop(name, None)
        told.append(
            {"name": name, "targetId": found.container_instance_arn} | ({"value": value} if value else {})
        )
    current().trace.record(
        "state", "ecs", operation, resource=cluster.arn, params={"Names": [one["name"] for one in given]}
    )
    _ecs_reconcile.capacity_changed(cluster.arn)
    current().changed()
    return told


def _target(backend: Any, cluster: Any, given: Mapping[str, Any]) -> Any:
    name, kind = str(given.get("targetId") or ""), given.get("targetType")
    found = instances.find(backend, cluster, name) if kind in (None, "container-instance") else None
    if found is None:
        raise ECSException("TargetNotFoundException", f"Could not find {name}")
    return found


@hook(f"{_RESPONSE}.list_attributes")
def list_attributes(original: Any, self: Any) -> ActionResult:
    """ListAttributes: of all instances of a cluster, those with a name, or with a name and a value."""
    backend, params = self.ecs_backend, self._get_params()
    cluster = instances.cluster_of(backend, params.get("cluster"))
    name, value = params.get("attributeName"), params.get("attributeValue")
    if value is not None and name is None:
        raise InvalidParameterException("attributeValue cannot be specified without attributeName.")
    if params.get("targetType") != "container-instance":
        raise InvalidParameterException("targetType must be container-instance")
    found = [
        {"name": key, "targetType": "container-instance", "targetId": one.container_instance_arn}
        | ({"value": has} if has else {})
        for one in instances.all_in(backend, cluster)
        for key, has in one.attributes.items()
        if name in (None, key) and value in (None, has)
    ]
    return ActionResult({"attributes": found})


def _told(backend: Any, cluster: Any, instance: Any) -> dict[str, Any]:
    """An instance for moto to put into a response: there, attributes are a mapping."""
    told = instances.described(backend, cluster, instance)
    return told | {"attributes": {one["name"]: one.get("value") for one in told["attributes"]}}
