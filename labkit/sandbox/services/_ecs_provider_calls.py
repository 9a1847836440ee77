"""The API of capacity providers, and which of them a cluster has.

Sources: API reference (CreateCapacityProvider, DescribeCapacityProviders: up to 100, FARGATE and FARGATE_SPOT among
them; UpdateCapacityProvider, DeleteCapacityProvider: the reserved ones stay; PutClusterCapacityProviders). The texts
about names, steps and protection were recorded by github.com/badmintoncryer/cdk-preflight (rules/ecs), the one about
use stands in the API reference. Ours: an unknown Auto Scaling group, both or neither kind, reserved providers.
"""

from __future__ import annotations

import copy
import re
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.ecs.exceptions import (
    ClusterNotFoundException,
    EcsClientException,
    ECSException,
    InvalidParameterException,
)
from moto.ecs.models import CapacityProvider

from labkit.sandbox import current
from labkit.sandbox.hooks import hook
from labkit.sandbox.services import _ecs_instances as instances
from labkit.sandbox.services import _ecs_model as model
from labkit.sandbox.services import _ecs_providers as providers
from labkit.sandbox.services import _ecs_store as store
from labkit.sandbox.services import _ecs_waiting as waiting

_RESPONSE: Final = "moto.ecs.responses:EC2ContainerServiceResponse"
_NAME: Final = re.compile(r"(?!aws|ecs|fargate)[A-Za-z0-9_-]{1,255}", re.IGNORECASE)
_MOST: Final = 100
_IN_USE: Final = "The specified capacity provider is in use and cannot be removed."

Given = dict[str, Any]


# -- telling ---------------------------------------------------------------------------------------------


def described(backend: Any, provider: Any) -> Given:
    """A provider as DescribeCapacityProviders tells it."""
    told: Given = {
        "capacityProviderArn": provider.capacity_provider_arn, "name": provider.name, "status": provider.status,
        "tags": list(provider.tags or []),
    }  # fmt: skip
    if provider.update_status:
        told["updateStatus"] = provider.update_status
    managed = vars(provider).get("managed_instances_provider")
    if managed:
        told |= {"managedInstancesProvider": managed, "cluster": vars(provider)["cluster"]}
        return told | {"type": "MANAGED_INSTANCES"}
    return told | {
        "autoScalingGroupProvider": provider.auto_scaling_group_provider,
        "type": "EC2_AUTOSCALING",
    }


def reserved(backend: Any, name: str) -> Given:
    """FARGATE or FARGATE_SPOT, which every account has."""
    arn = f"arn:aws:ecs:{backend.region_name}:{backend.account_id}:capacity-provider/{name}"
    return {"capacityProviderArn": arn, "name": name, "status": "ACTIVE", "tags": [], "type": name}


@hook(f"{_RESPONSE}.describe_capacity_providers")
def describe_capacity_providers(original: Any, self: Any) -> ActionResult:
    """DescribeCapacityProviders: all of them when none is named."""
    backend, params = self.ecs_backend, self._get_params()
    cluster = store.cluster(backend, params["cluster"]) if params.get("cluster") else None
    if params.get("cluster") and cluster is None:
        raise ClusterNotFoundException
    names = params.get("capacityProviders") or [*providers.RESERVED, *backend.capacity_providers]
    if len(names) > _MOST:
        raise InvalidParameterException(f"capacityProviders can have at most {_MOST} items.")
    found, failures = [], []
    for name in dict.fromkeys(providers.short(str(one)) for one in names):
        one = providers.find(backend, name)
        if cluster is not None and name not in {
            providers.short(kept) for kept in cluster.capacity_providers or ()
        }:
            continue
        if name in providers.RESERVED:
            found.append(reserved(backend, name))
        elif one is not None:
            found.append(described(backend, one))
        else:
            failures.append({"arn": reserved(backend, name)["capacityProviderArn"], "reason": "MISSING"})
    if "TAGS" not in (params.get("include") or ()):
        found = [{key: value for key, value in one.items() if key != "tags"} | {"tags": []} for one in found]
    token = str(params.get("nextToken") or "0")
    if not token.isdigit():
        raise InvalidParameterException("Invalid token")
    start, size = int(token), int(params.get("maxResults") or _MOST)
    told: Given = {"capacityProviders": found[start : start + size], "failures": failures}
    if start + size < len(found):
        told["nextToken"] = str(start + size)
    return ActionResult(told)


# -- changing --------------------------------------------------------------------------------------------


@hook(f"{_RESPONSE}.create_capacity_provider")
def create_capacity_provider(original: Any, self: Any) -> ActionResult:
    """CreateCapacityProvider: an Auto Scaling group, or Managed Instances for one cluster."""
    backend, params = self.ecs_backend, copy.deepcopy(dict(self._get_params()))
    model.check("CreateCapacityProvider", params)
    name = params.get("name") or ""
    if not _NAME.fullmatch(name):
        raise InvalidParameterException(
            "The specified capacity provider name is invalid. Up to 255 characters are allowed, including letters "
            "(upper and lowercase), numbers, underscores, and hyphens. The name cannot be prefixed with "
            '"aws", "ecs", or "fargate". Specify a valid name and try again.'
        )
    if providers.find(backend, name) is not None:
        raise EcsClientException(
            "The specified capacity provider already exists. To change the configuration of an existing capacity "
            "provider, update the capacity provider."
        )
    group, managed = params.get("autoScalingGroupProvider"), params.get("managedInstancesProvider")
    if bool(group) == bool(managed):
        raise InvalidParameterException(
            "Specify either autoScalingGroupProvider or managedInstancesProvider and try again."
        )
    made = CapacityProvider(backend.account_id, backend.region_name, name, group or {}, params.get("tags"))
    if managed:
        _managed(backend, made, managed, params.get("cluster"))
    else:
        made.auto_scaling_group_provider.setdefault("managedDraining", "ENABLED")
        _check_group(backend, made)
    backend.capacity_providers[name] = made
    made.update_status = "CREATE_COMPLETE"
    current().changed()
    return ActionResult({"capacityProvider": described(backend, made)})


def _managed(backend: Any, made: Any, given: Given, cluster_name: str | None) -> None:
    if not cluster_name:
        raise InvalidParameterException(
            "A cluster must be specified for a capacity provider with managedInstancesProvider."
        )
    cluster = _cluster(backend, cluster_name)
    template = given.get("instanceLaunchTemplate") or {}
    if not (template.get("networkConfiguration") or {}).get("subnets"):
        raise InvalidParameterException("subnets can not be empty.")
    given.setdefault("propagateTags", "NONE")
    template.setdefault("monitoring", "BASIC")
    template.setdefault("capacityOptionType", "ON_DEMAND")
    vars(made).update(managed_instances_provider=given, cluster=cluster.arn, auto_scaling_group_provider={})
    cluster.capacity_providers = [*(cluster.capacity_providers or []), made.name]


def _check_group(backend: Any, made: Any) -> None:
    given = made.auto_scaling_group_provider
    scaling = given["managedScaling"]
    if scaling["minimumScalingStepSize"] > scaling["maximumScalingStepSize"]:
        raise InvalidParameterException(
            "The minimum or maximum scaling step size value is invalid. Specify a minimum scaling step size value that "
            "is less than or equal to the maximum scaling step size value and try again."
        )
    group = waiting.group_of(backend, made)
    if group is None:
        raise InvalidParameterException("The specified Auto Scaling group was not found.")
    if given["managedTerminationProtection"] != "ENABLED":
        return
    if scaling["status"] != "ENABLED":
        raise InvalidParameterException(
            "To enable managed termination protection for a capacity provider, managed scaling must be enabled."
        )
    if not group.new_instances_protected_from_scale_in:
        raise InvalidParameterException(
            "To enable managed termination protection for a capacity provider, the Auto Scaling group must have "
            "instance protection from scale in enabled."
        )


@hook(f"{_RESPONSE}.update_capacity_provider")
def update_capacity_provider(original: Any, self: Any) -> ActionResult:
    """UpdateCapacityProvider."""
    backend, params = self.ecs_backend, copy.deepcopy(dict(self._get_params()))
    model.check("UpdateCapacityProvider", params)
    found = _made(backend, params.get("name") or "")
    managed = vars(found).get("managed_instances_provider")
    if managed and params.get("managedInstancesProvider"):
        for key, value in params["managedInstancesProvider"].items():
            managed[key] = managed[key] | value if key == "instanceLaunchTemplate" else value
    elif not managed and params.get("autoScalingGroupProvider"):
        given = params["autoScalingGroupProvider"]
        if "managedDraining" in given:
            found.auto_scaling_group_provider["managedDraining"] = given["managedDraining"]
        before = copy.deepcopy(found.auto_scaling_group_provider)
        found.update(given)
        try:
            _check_group(backend, found)
        except InvalidParameterException:
            found.auto_scaling_group_provider = before
            raise
    found.update_status = "UPDATE_COMPLETE"
    current().changed()
    return ActionResult({"capacityProvider": described(backend, found)})


@hook(f"{_RESPONSE}.delete_capacity_provider")
def delete_capacity_provider(original: Any, self: Any) -> ActionResult:
    """DeleteCapacityProvider: not while a cluster has it. Managed Instances leave their cluster with it."""
    backend = self.ecs_backend
    found = _made(backend, self._get_param("capacityProvider") or "")
    managed = vars(found).get("managed_instances_provider")
    for cluster in backend.clusters.values():
        if cluster.status != "ACTIVE" or found.name not in (cluster.capacity_providers or ()):
            continue
        if not managed or _used(backend, cluster, found.name):
            raise EcsClientException(
                "The capacity provider cannot be deleted because it is associated with cluster: "
                f"{cluster.name}. Remove the capacity provider from the cluster and try again."
            )
        cluster.capacity_providers = [one for one in cluster.capacity_providers if one != found.name]
    del backend.capacity_providers[found.name]
    found.status, found.update_status = "INACTIVE", "DELETE_COMPLETE"
    current().changed()
    return ActionResult({"capacityProvider": described(backend, found)})


def _made(backend: Any, name: str) -> Any:
    if providers.short(name) in providers.RESERVED:
        raise EcsClientException(
            f"The {providers.short(name)} capacity provider is reserved and cannot be changed or deleted."
        )
    found = providers.find(backend, name)
    if found is None:
        raise EcsClientException(f"The specified capacity provider '{providers.short(name)}' was not found.")
    return found


# -- clusters --------------------------------------------------------------------------------------------


@hook("moto.ecs.models:EC2ContainerServiceBackend.create_cluster")
def create_cluster(original: Any, self: Any, cluster_name: str, *args: Any, **more: Any) -> Any:
    """CreateCluster checks its providers; an ACTIVE cluster of this name is given back as it is."""
    names = (
        "tags",
        "cluster_settings",
        "configuration",
        "capacity_providers",
        "default_capacity_provider_strategy",
    )
    given = dict(zip(names, args, strict=False)) | more
    there = self.clusters.get(cluster_name)
    if there is not None and there.status == "ACTIVE":
        return there
    providers.check_default(
        self, given.get("capacity_providers") or [], given.get("default_capacity_provider_strategy") or []
    )
    return original(self, cluster_name, *args, **more)


@hook(f"{_RESPONSE}.put_cluster_capacity_providers")
def put_cluster_capacity_providers(original: Any, self: Any) -> ActionResult:
    """PutClusterCapacityProviders: what is left out is taken away, if nothing uses it."""
    backend, params = self.ecs_backend, self._get_params()
    cluster = _cluster(backend, params.get("cluster"))
    names = [providers.short(str(one)) for one in params.get("capacityProviders") or ()]
    strategy = params.get("defaultCapacityProviderStrategy") or []
    model.check("PutClusterCapacityProviders", params)
    providers.check_default(backend, names, strategy)
    for name in cluster.capacity_providers or ():
        if name not in names and _used(backend, cluster, name):
            raise ECSException("ResourceInUseException", _IN_USE)
    cluster.capacity_providers, cluster.default_capacity_provider_strategy = names, list(strategy)
    current().trace.record(
        "state", "ecs", "ClusterCapacityProviders", resource=cluster.arn, params={"CapacityProviders": names}
    )
    current().changed()
    return ActionResult({"cluster": cluster})


def _used(backend: Any, cluster: Any, name: str) -> bool:
    return any(
        task.capacity_provider_name == name and task.last_status != "STOPPED"
        for task in store.tasks(backend, cluster)
    )


def _cluster(backend: Any, name: Any) -> Any:
    found = instances.cluster_of(backend, name)
    if found.status == "INACTIVE":
        raise ECSException("ClusterNotFoundException", "The referenced cluster was inactive.")
    return found
