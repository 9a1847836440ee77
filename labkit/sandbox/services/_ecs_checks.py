"""What RunTask, StartTask, CreateService and UpdateService refuse before anything happens.

Sources: botocore's model of these operations (count up to 10, launchType or capacityProviderStrategy, platformVersion
for Fargate only, startedBy); sentences from issues of hashicorp/terraform-provider-aws, aws/aws-cli and
aws/amazon-ecs-cli and from the rules of github.com/badmintoncryer/cdk-preflight (rules/ecs, September 2026); about
target groups: umotif-public/terraform-aws-ecs-fargate (43), riboseinc/terraform-aws-ecs-gitlab (5), Shippable/support
(4698).
Ours: count, MANAGED_INSTANCES as a launch type, overrides of sizes, propagateTags, and how a query is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from moto.ecs.exceptions import (
    ClusterNotFoundException,
    EcsClientException,
    ECSException,
    InvalidParameterException,
)

from labkit.sandbox import balancing
from labkit.sandbox.services import _ecs_definitions as definitions
from labkit.sandbox.services import _ecs_fargate as fargate
from labkit.sandbox.services import _ecs_instances as instances
from labkit.sandbox.services import _ecs_model as model
from labkit.sandbox.services import _ecs_networks as networks
from labkit.sandbox.services import _ecs_providers as providers
from labkit.sandbox.services import _ecs_queries as queries
from labkit.sandbox.services import _ecs_store as store

_MOST_TASKS: Final = 10
_MOST_STRATEGIES: Final = 5
_MOST_CONSTRAINTS: Final = 10
_NAME: Final = re.compile(r"[a-zA-Z0-9\-_]{1,255}")
_STARTED_BY: Final = re.compile(r"[a-zA-Z0-9\-_/ ]{0,128}")  # Step Functions writes its name with spaces
_NO_ROLE: Final = (
    "because a valid taskRoleArn is not being used. "
    "Specify a valid task role in your task definition and try again."
)
_NO_GROUP: Final = (
    "Unable to assume role and validate the specified targetGroupArn. Please verify that the ECS service role being "
    "passed has the proper permissions."
)
"""What AWS says to an ARN that is none of a target group."""
Params = Mapping[str, Any]


# -- the operations --------------------------------------------------------------------------------------


def definition(params: Params) -> None:
    """RegisterTaskDefinition."""
    definitions.definition(dict(params))


def run_task(params: Params, backend: Any) -> None:
    """RunTask."""
    model.check("RunTask", params)
    cluster = _cluster(params, backend)
    _count(params)
    found = _definition(params, backend, InvalidParameterException)
    launch_type = _launch(params, backend, cluster, found)
    _network(params, backend, found, launch_type)
    _placement(params, launch_type, "placementStrategy")
    _platform(params, launch_type)
    _overrides(params, found, launch_type)
    if params.get("propagateTags") == "SERVICE":
        raise InvalidParameterException("propagateTags SERVICE is not supported for RunTask.")
    if not _STARTED_BY.fullmatch(params.get("startedBy") or ""):
        raise InvalidParameterException("startedBy contains invalid characters or is too long.")
    role = (params.get("overrides") or {}).get("taskRoleArn") or found.task_role_arn
    if params.get("enableExecuteCommand") and not role:
        raise InvalidParameterException(f"The task couldn't be started {_NO_ROLE}")
    strategy = providers.asked_strategy(cluster, params)
    if launch_type in ("EC2", "EXTERNAL") and not strategy and not instances.all_in(backend, cluster):
        raise InvalidParameterException("No Container Instances were found in your cluster.")


def start_task(params: Params, backend: Any) -> None:
    """StartTask: the caller names the container instances, at most ten."""
    model.check("StartTask", params)
    _cluster(params, backend)
    found = _definition(params, backend, InvalidParameterException)
    if not params.get("containerInstances"):
        raise InvalidParameterException("Container Instances cannot be empty.")
    if len(params["containerInstances"]) > _MOST_TASKS:
        raise InvalidParameterException(f"Container Instances can have at most {_MOST_TASKS} items.")
    _compatible(found, "EC2")
    _network(params, backend, found, "EC2")
    _overrides(params, found, "EC2")


def create_service(params: Params, backend: Any) -> None:
    """CreateService."""
    model.check("CreateService", params)
    name = params.get("serviceName") or ""
    if not _NAME.fullmatch(name):
        raise InvalidParameterException(f"ServiceName must match ^[a-zA-Z0-9\\-_]{{1,255}}$, but was {name}")
    cluster = _cluster(params, backend)
    if not params.get("taskDefinition"):
        raise InvalidParameterException("TaskDefinition can not be blank.")
    found = _definition(params, backend, EcsClientException)
    _service(params, backend, cluster, found, "created", new=True)


def update_service(params: Params, service: Any) -> None:
    """UpdateService. What the request leaves out is as the service has it."""
    model.check("UpdateService", params)
    backend = store.backend_for(service.arn)
    cluster = store.cluster(backend, service.cluster_name)
    wanted = dict(service.settings) | {key: value for key, value in params.items() if value is not None}
    if params.get("capacityProviderStrategy"):
        wanted.pop("launchType", None)
    wanted["taskDefinition"] = params.get("taskDefinition") or service.task_definition
    wanted["schedulingStrategy"] = service.scheduling_strategy
    found = _definition(wanted, backend, EcsClientException, inactive="taskDefinition" not in params)
    _service(wanted, backend, cluster, found, "updated", new=False)


def _service(params: Params, backend: Any, cluster: Any, found: Any, done: str, *, new: bool) -> None:
    launch_type = _launch(params, backend, cluster, found)
    daemon = params.get("schedulingStrategy") == "DAEMON"
    if daemon:
        _daemon(params, launch_type, new)
    elif new and params.get("desiredCount") is None and _controller(params) != "EXTERNAL":
        raise InvalidParameterException("You must specify desiredCount for REPLICA services.")
    if (params.get("desiredCount") or 0) < 0:
        raise InvalidParameterException("desiredCount must be at least 0")
    _percent(params.get("deploymentConfiguration") or {}, daemon)
    _network(params, backend, found, launch_type)
    _placement(params, launch_type, "placementStrategy")
    _platform(params, launch_type)
    for balancer in params.get("loadBalancers") or ():
        _balanced(balancer, found)
    if len(params.get("serviceRegistries") or ()) > 1:
        raise InvalidParameterException("service registries can have at most 1 items.")
    connects = params.get("serviceConnectConfiguration") or {}
    if connects.get("enabled") and not (connects.get("namespace") or cluster.service_connect_defaults):
        raise InvalidParameterException("Namespace is missing")
    if params.get("enableExecuteCommand") and not found.task_role_arn:
        raise InvalidParameterException(f"The service couldn't be {done} {_NO_ROLE}")


# -- one thing at a time ---------------------------------------------------------------------------------


def _cluster(params: Params, backend: Any) -> Any:
    found = store.cluster(backend, params.get("cluster"))
    if found is None:
        raise ClusterNotFoundException
    if found.status == "INACTIVE":
        raise ECSException("ClusterNotFoundException", "The referenced cluster was inactive.")
    return found


def _count(params: Params) -> None:
    count = params.get("count")
    if count is not None and not 1 <= count <= _MOST_TASKS:
        raise InvalidParameterException(f"count must be between 1 and {_MOST_TASKS}.")


def _definition(params: Params, backend: Any, error: Any, *, inactive: bool = False) -> Any:
    found = definitions.find(backend, str(params.get("taskDefinition") or ""))
    if found is None:
        raise error("TaskDefinition not found.")
    if found.status != "ACTIVE" and not inactive:
        raise error("TaskDefinition is inactive")
    return found


def _launch(params: Params, backend: Any, cluster: Any, found: Any) -> str:
    if params.get("launchType") and params.get("capacityProviderStrategy"):
        raise InvalidParameterException(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."
        )
    if params.get("launchType") == "MANAGED_INSTANCES":
        raise InvalidParameterException(
            "The launch type MANAGED_INSTANCES is not supported. Use a capacity provider strategy with an Amazon ECS "
            "Managed Instances capacity provider and omit the launch type."
        )
    strategy = providers.asked_strategy(cluster, params)
    if strategy:
        providers.check(backend, cluster, strategy)
    launch_type = providers.launch_type(backend, cluster, params)
    _compatible(found, launch_type)
    return launch_type


def _compatible(found: Any, launch_type: str) -> None:
    if launch_type not in found.compatibilities:
        raise InvalidParameterException(f"Task definition does not support launch_type {launch_type}.")


def _network(params: Params, backend: Any, found: Any, launch_type: str) -> None:
    given = params.get("networkConfiguration")
    if found.network_mode != "awsvpc":
        if given:
            raise InvalidParameterException(
                "Network Configuration is not valid for the given networkMode of this task definition."
            )
        return
    if not given or not given.get("awsvpcConfiguration"):
        raise InvalidParameterException(
            "Network Configuration must be provided when networkMode 'awsvpc' is specified."
        )
    if launch_type != "FARGATE" and given["awsvpcConfiguration"].get("assignPublicIp") == "ENABLED":
        raise InvalidParameterException("Assign public IP is not supported for this launch type.")
    networks.check(backend, given)


def _placement(params: Params, launch_type: str, key: str) -> None:
    rules, strategies = params.get("placementConstraints") or [], params.get(key) or []
    if launch_type == "FARGATE":
        for what, found in (("constraints", rules), ("strategies", strategies)):
            if found:
                raise InvalidParameterException(
                    f"Placement {what} are not supported with FARGATE launch type."
                )
    if len(strategies) > _MOST_STRATEGIES:
        raise InvalidParameterException(f"Maximum number of strategies is {_MOST_STRATEGIES}.")
    if len(rules) > _MOST_CONSTRAINTS:
        raise InvalidParameterException(f"Maximum number of constraints is {_MOST_CONSTRAINTS}.")
    for one in strategies:
        _strategy(one.get("type"), one.get("field") or "")
    for one in rules:
        _constraint(one)


def _strategy(kind: str | None, field: str) -> None:
    if kind == "random" and field:
        raise InvalidParameterException("random field should not be specified.")
    if kind == "binpack" and field.lower() not in ("cpu", "memory"):
        raise InvalidParameterException(f"binpack field '{field}' is invalid.")
    spread = field.startswith("attribute:") or field.lower() in ("instanceid", "host")
    if kind == "spread" and not spread:
        raise InvalidParameterException(f"spread field '{field}' is invalid.")


def _constraint(one: Params) -> None:
    expression = one.get("expression") or ""
    if one.get("type") == "distinctInstance":
        if expression:
            raise InvalidParameterException("distinctInstance expression should not be specified.")
        return
    try:
        queries.parse(expression)
    except queries.BadQuery as wrong:
        raise InvalidParameterException(f"Invalid memberOf expression '{expression}': {wrong}.") from None


def _platform(params: Params, launch_type: str) -> None:
    version = params.get("platformVersion")
    if version is None:
        return
    if launch_type != "FARGATE":
        raise InvalidParameterException(
            "The platform version must be null when specifying an EC2 launch type."
        )
    known = {one for versions in fargate.PLATFORMS.values() for one in versions}
    if version != "LATEST" and version not in known:
        raise ECSException("PlatformUnknownException", "The specified platform version does not exist.")


def _overrides(params: Params, found: Any, launch_type: str) -> None:
    given = params.get("overrides") or {}
    names = {one["name"] for one in found.container_definitions}
    for one in given.get("containerOverrides") or ():
        if one.get("name") not in names:
            raise InvalidParameterException(
                f"Override for container named {one.get('name')} is not a container in the TaskDefinition."
            )
    if launch_type != "FARGATE" or not (given.get("cpu") or given.get("memory")):
        return
    cpu = fargate.cpu_units(str(given.get("cpu") or found.cpu))
    memory = fargate.mebibytes(str(given.get("memory") or found.memory))
    if memory not in fargate.SIZES.get(cpu or 0, ()):
        raise InvalidParameterException(
            f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. "
            "See the Amazon ECS documentation for the valid values."
        )


def _controller(params: Params) -> str:
    return str((params.get("deploymentController") or {}).get("type") or "ECS")


def _daemon(params: Params, launch_type: str, new: bool) -> None:
    if new and params.get("desiredCount") is not None:
        raise InvalidParameterException(
            "The daemon scheduling strategy does not support a desired count for services. Remove the desired count "
            "value and try again"
        )
    if params.get("placementStrategy"):
        raise InvalidParameterException(
            "The daemon scheduling strategy does not support placement strategies"
        )
    if launch_type == "FARGATE":
        raise InvalidParameterException(
            "The daemon scheduling strategy is not supported with FARGATE launch type."
        )
    if params.get("availabilityZoneRebalancing") == "ENABLED" and new:
        raise InvalidParameterException("Availability Zone Rebalancing does not support DAEMON services")


def _percent(configuration: Params, daemon: bool) -> None:
    least, most = configuration.get("minimumHealthyPercent"), configuration.get("maximumPercent")
    if least is not None and least > 100:
        raise InvalidParameterException("minimumHealthyPercent must be at most 100")
    if daemon:
        if most is not None and most > 100:
            raise InvalidParameterException(
                "The daemon scheduling strategy does not support values above 100 for maximumPercent"
            )
        return
    if most is not None and most < 100:
        raise InvalidParameterException("maximumPercent must be at least 100")
    if least == 100 and most == 100:
        raise InvalidParameterException(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments."
        )


def _balanced(balancer: Params, found: Any) -> None:
    if balancer.get("targetGroupArn") and balancer.get("loadBalancerName"):
        raise InvalidParameterException("loadBalancerName and targetGroupArn cannot both be specified.")
    name, port = balancer.get("containerName"), balancer.get("containerPort")
    container = next((one for one in found.container_definitions if one["name"] == name), None)
    if container is None:
        raise InvalidParameterException(f"The container {name} does not exist in the task definition.")
    if port not in {one.get("containerPort") for one in container.get("portMappings") or ()}:
        raise InvalidParameterException(f"The container {name} did not have a container port {port} defined.")
    if not balancer.get("targetGroupArn"):
        return
    group = balancing.group(balancer["targetGroupArn"])
    if group is None:
        raise InvalidParameterException(_NO_GROUP)
    wanted = "ip" if found.network_mode == "awsvpc" else "instance"
    if group.kind != wanted:
        raise InvalidParameterException(
            f"The provided target group {group.arn} has target type {group.kind}, which is incompatible with the "
            f"{found.network_mode} network mode specified in the task definition."
        )
    if not group.balanced:
        raise InvalidParameterException(
            f"The target group with targetGroupArn {group.arn} does not have an associated load balancer."
        )
