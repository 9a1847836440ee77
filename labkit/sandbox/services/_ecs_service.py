"""A service as it stands in moto's store, and how it is described.

Source: botocore's model (Service, DeploymentConfiguration: defaults; UpdateService: which parameters begin a new
deployment).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from moto.ecs.models import Service as MotoService

from labkit.sandbox import current
from labkit.sandbox.services import _ecs_deployments as deployments
from labkit.sandbox.services import _ecs_events as events
from labkit.sandbox.services import _ecs_health as health
from labkit.sandbox.services import _ecs_launches as launches

CHANGED: Final = (
    "deploymentConfiguration", "availabilityZoneRebalancing", "networkConfiguration", "placementConstraints",
    "placementStrategy", "platformVersion", "healthCheckGracePeriodSeconds", "enableExecuteCommand",
    "enableECSManagedTags", "loadBalancers", "propagateTags", "serviceRegistries", "serviceConnectConfiguration",
    "volumeConfigurations", "vpcLatticeConfigurations", "capacityProviderStrategy", "monitoring", "gatewayConnectors",
)  # fmt: skip
"""What UpdateService may change, beside the count and the task definition."""
DEPLOYED: Final = (
    "networkConfiguration", "platformVersion", "loadBalancers", "serviceRegistries", "serviceConnectConfiguration",
    "volumeConfigurations", "vpcLatticeConfigurations",
)  # fmt: skip
"""Of these, a change begins a new deployment."""
_PLAIN: Final = (
    "placementConstraints", "placementStrategy", "loadBalancers", "serviceRegistries", "networkConfiguration",
    "capacityProviderStrategy", "launchType", "platformVersion", "platformFamily", "healthCheckGracePeriodSeconds",
    "deploymentConfiguration", "availabilityZoneRebalancing", "enableECSManagedTags", "enableExecuteCommand",
)  # fmt: skip
_LISTS: Final = ("placementConstraints", "placementStrategy", "loadBalancers", "serviceRegistries")


class Service(MotoService):  # type: ignore[misc]  # moto ships no types
    """A service that keeps its count. It stands in moto's store in the place of moto's own."""

    def __init__(self, backend: Any, cluster: Any, params: Mapping[str, Any], definition: Any) -> None:
        # moto's own would count tasks that do not exist, and has no place for most settings.
        self._backend = backend
        self._account_id = backend.account_id
        self.region_name: str = cluster.region_name
        self.cluster_name: str = cluster.name
        self.cluster_arn: str = cluster.arn
        self.name: str = params["serviceName"]
        self.status = "ACTIVE"
        self.given = dict(params)
        self.desired_count = int(params.get("desiredCount") or 0)
        self.task_definition: str = definition.arn
        self.scheduling_strategy: str = params.get("schedulingStrategy") or "REPLICA"
        self.deployment_controller = params.get("deploymentController") or {"type": "ECS"}
        self.settings = settings_of(cluster, params, self.scheduling_strategy)
        self.launch_type = self.settings.get("launchType")
        self.tags: list[dict[str, str]] = list(params.get("tags") or [])
        self.propagate_tags: str = params.get("propagateTags") or "NONE"
        self.role_arn = self._role(params)
        self.created = current().clock.time()
        self.created_by = ""
        self.events: list[dict[str, Any]] = []
        self.task_sets: list[Any] = []
        self.rollouts: list[deployments.Deployment] = []
        self.records: list[deployments.Record] = []
        self.revisions: list[dict[str, Any]] = []
        self.completed: deployments.Deployment | None = None
        self.next_look: float | None = None
        self.steady_since = 0.0
        self.rebalancing = ""
        self.unbalanced = False

    @property
    def account_id(self) -> str:
        """The account it belongs to."""
        return str(self._account_id)

    # What moto's other parts read of a service.
    @property
    def load_balancers(self) -> list[dict[str, Any]]:
        """Where its tasks are registered."""
        return list(self.settings.get("loadBalancers") or [])

    @load_balancers.setter
    def load_balancers(self, value: list[dict[str, Any]]) -> None:
        self.settings["loadBalancers"] = value

    @property
    def service_registries(self) -> list[dict[str, Any]]:
        """Its service discovery."""
        return list(self.settings.get("serviceRegistries") or [])

    @property
    def network_configuration(self) -> dict[str, Any]:
        """Subnets and security groups of its tasks."""
        return dict(self.settings.get("networkConfiguration") or {})

    @property
    def platform_version(self) -> str | None:
        """The platform version it asks for."""
        return self.settings.get("platformVersion")

    @property
    def running_count(self) -> int:
        """Tasks that run now."""
        return self.counts()[0]

    @property
    def pending_count(self) -> int:
        """Tasks that are coming up now."""
        return self.counts()[1]

    @property
    def deployments(self) -> list[dict[str, Any]]:
        """The deployments as DescribeServices shows them."""
        return [deployments.described(one, *self.counts(one.id)) for one in self.rollouts]

    def counts(self, deployment_id: str = "") -> tuple[int, int]:
        """Running and pending tasks, of the service or of one deployment."""
        mine = [
            one for one in launches.tasks(self) if not deployment_id or one.deployment_id == deployment_id
        ]
        running = sum(one.last_status == "RUNNING" for one in mine)
        return running, sum(one.last_status in health.PENDING for one in mine)

    def _role(self, params: Mapping[str, Any]) -> str | None:
        if params.get("role"):
            return str(params["role"])
        if not params.get("loadBalancers"):
            return None
        return f"arn:aws:iam::{self._account_id}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"


def settings_of(cluster: Any, params: Mapping[str, Any], strategy: str) -> dict[str, Any]:
    """All settings of a new service, with AWS's defaults."""
    settings = {name: params[name] for name in CHANGED if params.get(name) is not None}
    launch_type = params.get("launchType")
    if not launch_type and not settings.get("capacityProviderStrategy"):
        default = cluster.default_capacity_provider_strategy
        if default:
            settings["capacityProviderStrategy"] = [{"weight": 0, "base": 0} | dict(one) for one in default]
        else:
            launch_type = "EC2"
    if launch_type:
        settings["launchType"] = launch_type
    if on_fargate(settings):
        settings.setdefault("platformVersion", "LATEST")
        settings["platformFamily"] = "Linux"
    settings["deploymentConfiguration"] = configuration(params.get("deploymentConfiguration") or {}, strategy)
    # A service on its way to more than one zone: new services are rebalanced unless they say otherwise.
    settings.setdefault("availabilityZoneRebalancing", "ENABLED")
    settings.setdefault("healthCheckGracePeriodSeconds", 0)
    settings.setdefault("enableECSManagedTags", False)
    settings.setdefault("enableExecuteCommand", False)
    for name in _LISTS:
        settings.setdefault(name, [])
    return settings


def on_fargate(settings: Mapping[str, Any]) -> bool:
    """Whether the tasks run on Fargate."""
    providers = [one.get("capacityProvider", "") for one in settings.get("capacityProviderStrategy") or []]
    return settings.get("launchType") == "FARGATE" or any(one.startswith("FARGATE") for one in providers)


def configuration(
    given: Mapping[str, Any], strategy: str, before: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A deployment configuration with AWS's defaults, or changed from the one before."""
    daemon = strategy == "DAEMON"
    base: dict[str, Any] = {
        "deploymentCircuitBreaker": {"enable": False, "rollback": False},
        "maximumPercent": 100 if daemon else 200, "minimumHealthyPercent": 0 if daemon else 100,
        "strategy": "ROLLING", "bakeTimeInMinutes": 0,
    }  # fmt: skip
    return {**base, **(before or {}), **{name: value for name, value in given.items() if value is not None}}


def described(service: Service, *, tags: bool = True) -> dict[str, Any]:
    """What DescribeServices, CreateService and the others show of a service."""
    running, pending = service.counts()
    newest = deployments.primary(service)
    shown: dict[str, Any] = {
        "serviceArn": service.arn, "serviceName": service.name, "clusterArn": service.cluster_arn,
        "status": service.status, "desiredCount": service.desired_count, "runningCount": running,
        "pendingCount": pending, "taskDefinition": service.task_definition, "deployments": service.deployments,
        "events": list(service.events), "createdAt": events.stamp(service.created),
        "schedulingStrategy": service.scheduling_strategy, "deploymentController": service.deployment_controller,
        "propagateTags": service.propagate_tags, "createdBy": service.created_by,
        **{name: service.settings[name] for name in _PLAIN if name in service.settings},
    }  # fmt: skip
    if service.role_arn:
        shown["roleArn"] = service.role_arn
    if tags:
        shown["tags"] = list(service.tags)
    if newest is not None:
        shown["currentServiceDeployment"] = newest.record
        shown["currentServiceRevisions"] = [
            dict(
                zip(
                    ("arn", "requestedTaskCount", "runningTaskCount", "pendingTaskCount"),
                    (one.revision, one.desired if one is newest else 0, *service.counts(one.id)),
                    strict=True,
                )
            )
            for one in service.rollouts
        ]
    return shown
