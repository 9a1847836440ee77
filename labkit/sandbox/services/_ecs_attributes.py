"""What a definition asks of a container instance, and what the agent of the ECS-optimized image offers.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-placement-constraints.html (built-in
attributes); names and meaning of the capabilities: github.com/aws/amazon-ecs-agent, agent/app/agent_capability.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from labkit.sandbox.services import _ecs_fargate as fargate
from labkit.sandbox.services import _ecs_rules as rules

_DOCKER: Final = "com.amazonaws.ecs.capability.docker-remote-api."
_OLD: Final = "com.amazonaws.ecs.capability."
_NEW: Final = "ecs.capability."
_ECR: Final = re.compile(r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/")
_LOG_DRIVERS: Final = ("awslogs", "json-file", "syslog", "none", "splunk", "fluentd", "gelf", "journald")

CAPABILITIES: Final = (
    *(f"{_DOCKER}1.{minor}" for minor in range(17, 25)),
    *(f"{_OLD}logging-driver.{driver}" for driver in _LOG_DRIVERS),
    f"{_OLD}privileged-container", f"{_OLD}ecr-auth", f"{_OLD}task-iam-role", f"{_OLD}task-iam-role-network-host",
    *(
        _NEW + name
        for name in (
            "task-eni", "execution-role-awslogs", "execution-role-ecr-pull", "container-health-check",
            "container-ordering", "task-cpu-mem-limit", "secrets.asm.environment-variables",
            "secrets.ssm.environment-variables", "pid-ipc-namespace-sharing", "env-files.s3", "efs", "efsAuth",
            "firelens.fluentbit", "firelens.options.config.file", "full-sync", "container-restart-policy",
        )
    ),
)  # fmt: skip
"""What an instance with the ECS-optimized Amazon Linux image says it can do."""

Given = Mapping[str, Any]


def required(given: Given) -> list[dict[str, str]]:
    """`requiresAttributes` of a definition."""
    names: list[str] = []
    for name in _task(given):
        if name not in names:
            names.append(name)
    for container in given.get("containerDefinitions") or ():
        for name in _container(given, container):
            if name not in names:
                names.append(name)
    return [{"name": name} for name in names]


def _task(given: Given) -> Iterator[str]:
    if given.get("taskRoleArn"):
        yield (
            f"{_OLD}task-iam-role-network-host"
            if given.get("networkMode") == "host"
            else f"{_OLD}task-iam-role"
        )
    if given.get("networkMode") == "awsvpc":
        yield f"{_NEW}task-eni"
    if given.get("cpu") or given.get("memory"):
        yield f"{_NEW}task-cpu-mem-limit"
    if given.get("pidMode") or given.get("ipcMode"):
        yield f"{_NEW}pid-ipc-namespace-sharing"
    if any(one.get("efsVolumeConfiguration") for one in given.get("volumes") or ()):
        yield f"{_NEW}efs"


def _container(given: Given, container: Given) -> Iterator[str]:
    yield f"{_DOCKER}1.18"
    ecr = _ECR.match(str(container.get("image") or ""))
    if ecr:
        yield f"{_OLD}ecr-auth"
    if ecr and given.get("executionRoleArn"):
        yield f"{_NEW}execution-role-ecr-pull"
    driver = (container.get("logConfiguration") or {}).get("logDriver")
    if driver == "awsfirelens":
        yield f"{_NEW}firelens.fluentbit"
    elif driver:
        yield f"{_OLD}logging-driver.{driver}"
    if driver == "awslogs" and given.get("executionRoleArn"):
        yield f"{_NEW}execution-role-awslogs"
    if container.get("healthCheck"):
        yield f"{_NEW}container-health-check"
        yield f"{_DOCKER}1.24"
    if container.get("dependsOn"):
        yield f"{_NEW}container-ordering"
    if container.get("privileged"):
        yield f"{_OLD}privileged-container"
    if container.get("memoryReservation"):
        yield f"{_DOCKER}1.21"
    if container.get("environmentFiles"):
        yield f"{_NEW}env-files.s3"
    if container.get("restartPolicy"):
        yield f"{_NEW}container-restart-policy"
    for secret in container.get("secrets") or ():
        manager = ":secretsmanager:" in str(secret.get("valueFrom"))
        yield f"{_NEW}secrets.{'asm' if manager else 'ssm'}.environment-variables"


def compatibilities(given: Given) -> list[str]:
    """On what a definition that is otherwise right can run, in the order AWS lists it."""
    if given.get("ephemeralStorage"):
        return ["FARGATE"]
    mode, found = given.get("networkMode") or "bridge", []
    if mode != "awsvpc" and fargate.platform_of(given) == "Linux":
        found.append("EXTERNAL")
    found.append("EC2")
    if mode in ("awsvpc", "host") and fargate.platform_of(given) == "Linux":
        found.append("MANAGED_INSTANCES")
    if next(fargate.wrong(given), None) is None:
        found.append("FARGATE")
    return found


def refusals(given: Given) -> Iterator[str]:
    """All that AWS would say against a definition, first things first."""
    yield from rules.wrong(given)
    asked = given.get("requiresCompatibilities") or ()
    if "FARGATE" in asked:
        yield from fargate.wrong(given)
    if "MANAGED_INSTANCES" in asked and (given.get("networkMode") or "bridge") not in ("awsvpc", "host"):
        yield "Managed Instances only support network modes 'awsvpc' and 'host'."
    if "EXTERNAL" in asked and given.get("networkMode") == "awsvpc":
        yield "External instances do not support network mode 'awsvpc'."
