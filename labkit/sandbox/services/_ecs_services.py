"""CreateService, UpdateService, DeleteService, DescribeServices, ListServices, ListServicesByNamespace.

Source: botocore's model of these operations (what they change, which statuses a service goes through, errors).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from labkit.sandbox.services import _ecs_deployments as deployments
from labkit.sandbox.services import _ecs_model as model
from labkit.sandbox.services import _ecs_reconcile as reconcile
from labkit.sandbox.services import _ecs_service as services
from labkit.sandbox.services._ecs_service import Service

_RESPONSE: Final = "moto.ecs.responses:EC2ContainerServiceResponse"
_MOST_DESCRIBED: Final = 10
_PAGE: Final = 10


def find(backend: Any, cluster: str | None, name_or_arn: str) -> Service:
    """A service that is still there. Raises AWS's errors."""
    found = cluster_of(backend, cluster or _cluster_in(name_or_arn))
    service = backend.services.get(f"{found.name}:{name_or_arn.rpartition('/')[2]}")
    if not isinstance(service, Service):
        raise ServiceNotFoundException
    return service


def _cluster_in(name_or_arn: str) -> str | None:
    parts = name_or_arn.split("/")
    return parts[1] if name_or_arn.startswith("arn:") and len(parts) == 3 else None


def cluster_of(backend: Any, name_or_arn: str | None) -> Any:
    """An active cluster. Raises ClusterNotFoundException."""
    from labkit.sandbox.services import _ecs_store as store

    found = store.cluster(backend, name_or_arn)
    if found is None or found.status == "INACTIVE":
        raise ClusterNotFoundException
    return found


# -- creating ----------------------------------------------------------------------------------------


@hook(f"{_RESPONSE}.create_service")
def create_service(original: Any, self: Any) -> ActionResult:
    """CreateService."""
    service = create(self.ecs_backend, self._get_params())
    return ActionResult({"service": services.described(service)})


@hook("moto.ecs.models:EC2ContainerServiceBackend.create_service")
def create_for_template(
    original: Any, self: Any, cluster_str: str, service_name: str, desired_count: int, *args: Any, **more: Any
) -> Service:
    """A service that CloudFormation makes."""
    params = {"cluster": cluster_str, "serviceName": service_name, "desiredCount": desired_count or 0}
    return create(self, params | {"taskDefinition": more.get("task_definition_str") or (args or [None])[0]})


def create(backend: Any, params: Mapping[str, Any]) -> Service:
    """A new service, or the one that is there already when nothing about it differs."""
    from labkit.sandbox.services import _ecs_checks as checks

    given = {name: value for name, value in params.items() if value is not None and name != "clientToken"}
    cluster = cluster_of(backend, given.get("cluster"))
    checks.create_service(dict(given), backend)
    _simulated(given.get("deploymentConfiguration"), given.get("deploymentController"))
    key = f"{cluster.name}:{given['serviceName']}"
    before = backend.services.get(key)
    if isinstance(before, Service) and before.status == "ACTIVE":
        if before.given == given:
            return before
        raise InvalidParameterException("Creation of service was not idempotent.")
    if isinstance(before, Service) and before.status == "DRAINING":
        raise InvalidParameterException("Unable to Start a service that is still Draining.")
    definition = _definition(backend, str(given.get("taskDefinition") or ""))
    service = Service(backend, cluster, given, definition)
    service.created_by = _caller()
    backend.services[key] = service
    current().trace.record(
        "state", "ecs", "ServiceCreated", resource=service.arn,
        params={"DesiredCount": service.desired_count, "TaskDefinition": service.task_definition},
    )  # fmt: skip
    deployments.begin(service)
    reconcile.wake(service)
    return service


def _definition(backend: Any, wanted: str) -> Any:
    if not wanted:
        raise InvalidParameterException("TaskDefinition can not be blank.")
    found = backend.describe_task_definition(wanted)
    if found.status != "ACTIVE":
        raise EcsClientException("TaskDefinition is inactive")
    return found


def _simulated(configuration: Mapping[str, Any] | None, controller: Mapping[str, Any] | None) -> None:
    """Refuse what would be kept without being done."""
    strategy = (configuration or {}).get("strategy") or "ROLLING"
    if strategy != "ROLLING":
        raise EcsClientException(
            f"Deployments with the strategy {strategy} are not simulated yet. Use ROLLING here."
        )
    kind = (controller or {}).get("type") or "ECS"
    if kind != "ECS":
        raise EcsClientException(f"The deployment controller {kind} is not simulated yet. Use ECS here.")
    if (configuration or {}).get("lifecycleHooks"):
        raise EcsClientException("Lifecycle hooks of deployments are not simulated yet.")


def _caller() -> str:
    from labkit.sandbox import identity

    return f"arn:aws:iam::{identity.ACCOUNT}:user/{identity.LEARNER}"


# -- changing ----------------------------------------------------------------------------------------


@hook(f"{_RESPONSE}.update_service")
def update_service(original: Any, self: Any) -> ActionResult:
    """UpdateService."""
    params = {name: value for name, value in self._get_params().items() if value is not None}
    service = update(self.ecs_backend, params)
    return ActionResult({"service": services.described(service)})


@hook("moto.ecs.models:EC2ContainerServiceBackend.update_service")
def update_for_template(original: Any, self: Any, service_properties: dict[str, Any]) -> Service:
    """A service that CloudFormation changes."""
    names = {"task_definition": "taskDefinition", "desired_count": "desiredCount"}
    params = {names.get(name, name): value for name, value in service_properties.items() if value is not None}
    return update(self, params)


def update(backend: Any, params: Mapping[str, Any]) -> Service:
    """Change a service, and begin a new deployment where that needs one."""
    from labkit.sandbox.services import _ecs_checks as checks

    service = find(backend, params.get("cluster"), params["service"])
    if service.status != "ACTIVE":
        raise ECSException("ServiceNotActiveException", "Service was not ACTIVE.")
    checks.update_service(dict(params), service)
    _simulated(params.get("deploymentConfiguration"), params.get("deploymentController"))
    definition = service.task_definition
    if params.get("taskDefinition"):
        definition = _definition(backend, params["taskDefinition"]).arn
    deploys = bool(params.get("forceNewDeployment")) or definition != service.task_definition
    deploys |= any(
        name in params and params[name] != service.settings.get(name) for name in services.DEPLOYED
    )
    _apply(service, params)
    service.task_definition = definition
    if params.get("desiredCount") is not None and service.scheduling_strategy == "REPLICA":
        set_count(service, int(params["desiredCount"]), told=False)
    if deploys:
        deployments.begin(service)
    newest = deployments.primary(service)
    if newest is not None:
        newest.desired, newest.updated = service.desired_count, current().clock.time()
    reconcile.wake(service)
    current().changed()
    return service


def _apply(service: Service, params: Mapping[str, Any]) -> None:
    """Take over the settings that were named."""
    for name in services.CHANGED:
        if name not in params:
            continue
        value = params[name]
        if name == "deploymentConfiguration":
            before = service.settings[name]
            value = services.configuration(value, service.scheduling_strategy, before)
        if name == "propagateTags":
            service.propagate_tags = value
            continue
        if name == "capacityProviderStrategy":
            service.settings.pop("launchType", None)
            if services.on_fargate({name: value}):
                service.settings.setdefault("platformVersion", "LATEST")
                service.settings["platformFamily"] = "Linux"
        service.settings[name] = value
    newest = deployments.primary(service)
    if newest is not None and "capacityProviderStrategy" in params:
        newest.settings.pop("launchType", None)
        newest.settings["capacityProviderStrategy"] = params["capacityProviderStrategy"]


def set_count(service: Service, count: int, *, told: bool = True) -> None:
    """Another desired count. `told`: it came from scaling, which is announced."""
    from labkit.sandbox.services import _ecs_events as events

    if count == service.desired_count:
        return
    before, service.desired_count = service.desired_count, count
    newest = deployments.primary(service)
    if newest is not None:
        newest.desired, newest.updated, newest.steady = count, current().clock.time(), False
    current().trace.record(
        "state", "ecs", "DesiredCount", resource=service.arn, params={"Before": before, "DesiredCount": count}
    )
    if told:
        events.action(service, "SERVICE_DESIRED_COUNT_UPDATED", desiredCount=count)
    reconcile.wake(service)
    current().changed()


# -- deleting ----------------------------------------------------------------------------------------


@hook(f"{_RESPONSE}.delete_service")
def delete_service(original: Any, self: Any) -> ActionResult:
    """DeleteService."""
    service = delete(
        self.ecs_backend,
        self._get_param("cluster"),
        self._get_param("service"),
        bool(self._get_param("force")),
    )
    return ActionResult({"service": services.described(service)})


@hook("moto.ecs.models:EC2ContainerServiceBackend.delete_service")
def delete_for_template(
    original: Any, self: Any, cluster_name: str, service_name: str, force: bool
) -> Service:
    """A service that CloudFormation deletes."""
    return delete(self, cluster_name, service_name, force)


def delete(backend: Any, cluster: str | None, name: str, force: bool) -> Service:
    """ACTIVE becomes DRAINING while tasks are left, then INACTIVE."""
    from labkit.sandbox.services import _ecs_launches as launches

    service = find(backend, cluster, name)
    if service.status == "INACTIVE":
        raise ServiceNotFoundException
    if service.status == "DRAINING":
        return service
    if service.desired_count > 0 and service.scheduling_strategy == "REPLICA" and not force:
        raise InvalidParameterException("The service cannot be stopped while it is scaled above 0.")
    service.status, service.desired_count = "DRAINING", 0
    for one in service.rollouts:
        one.desired = 0
    for record in service.records:
        if record.status not in deployments.OVER:
            record.turn("STOPPED", "The service was deleted.")
    current().trace.record("state", "ecs", "ServiceDraining", resource=service.arn)
    if launches.tasks(service):
        reconcile.wake(service)
    else:
        launches.drain(service)
    current().changed()
    return service


@hook(f"{_RESPONSE}.create_task_set")
def create_task_set(original: Any, self: Any) -> ActionResult:
    """CreateTaskSet: AWS's answer to services that ECS deploys, and there are no others here."""
    params = self._get_params()
    find(self.ecs_backend, params.get("cluster"), str(params.get("service") or ""))
    raise InvalidParameterException(
        "Amazon ECS only supports task set management on services configured to use external deployment controllers."
    )


# -- reading -----------------------------------------------------------------------------------------


@hook(f"{_RESPONSE}.describe_services")
def describe_services(original: Any, self: Any) -> ActionResult:
    """DescribeServices."""
    names = self._get_param("services") or []
    if not names:
        raise InvalidParameterException("Services cannot be empty.")
    if len(names) > _MOST_DESCRIBED:
        raise InvalidParameterException(f"You may specify at most {_MOST_DESCRIBED} services.")
    backend, cluster = self.ecs_backend, cluster_of(self.ecs_backend, self._get_param("cluster"))
    tags = "TAGS" in (self._get_param("include") or [])
    found, failures = [], []
    for name in names:
        service = backend.services.get(f"{cluster.name}:{name.rpartition('/')[2]}")
        if isinstance(service, Service):
            found.append(services.described(service, tags=tags))
        else:
            front = f"arn:aws:ecs:{backend.region_name}:{backend.account_id}:service/{cluster.name}"
            arn = name if name.startswith("arn:") else f"{front}/{name}"
            failures.append({"arn": arn, "reason": "MISSING"})
    return ActionResult({"services": found, "failures": failures})


@hook(f"{_RESPONSE}.list_services")
def list_services(original: Any, self: Any) -> ActionResult:
    """ListServices: the active services of a cluster."""
    model.check("ListServices", self._get_params())
    cluster = cluster_of(self.ecs_backend, self._get_param("cluster"))
    launch_type, strategy = self._get_param("launchType"), self._get_param("schedulingStrategy")
    arns = [
        service.arn
        for service in _active(self.ecs_backend)
        if service.cluster_arn == cluster.arn
        and launch_type in (None, service.settings.get("launchType"))
        and strategy in (None, service.scheduling_strategy)
    ]
    return ActionResult(page("serviceArns", sorted(arns), self))


@hook(f"{_RESPONSE}.list_services_by_namespace", kind="new")
def list_services_by_namespace(self: Any) -> ActionResult:
    """ListServicesByNamespace: services whose Service Connect uses a Cloud Map namespace."""
    wanted = self._get_param("namespace")
    arns = [
        service.arn
        for service in _active(self.ecs_backend)
        if (service.settings.get("serviceConnectConfiguration") or {}).get("namespace") == wanted
    ]
    return ActionResult(page("serviceArns", sorted(arns), self))


def _active(backend: Any) -> Iterator[Service]:
    for service in backend.services.values():
        if isinstance(service, Service) and service.status == "ACTIVE":
            yield service


def page(name: str, found: Sequence[Any], response: Any, usual: int = _PAGE) -> dict[str, Any]:
    """One page of a list. Raises InvalidParameterException for a token that nobody gave out."""
    size, token = model.size(response._get_params(), usual), response._get_param("nextToken")
    if token is not None and not str(token).isdigit():
        raise InvalidParameterException("Invalid token.")
    first = int(token or 0)
    shown: dict[str, Any] = {name: list(found[first : first + size])}
    if first + size < len(found):
        shown["nextToken"] = str(first + size)
    return shown
