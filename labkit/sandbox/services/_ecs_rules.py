"""What no task definition may say, whatever it runs on.

Sources: botocore's model of ECS (ContainerDefinition, HealthCheck, EphemeralStorage: ranges and defaults); the
sentences were recorded from the real API by the rules of github.com/badmintoncryer/cdk-preflight (rules/ecs, deployed
in September 2026) and stand in issues of boto/boto3 (2436), ansible/ansible (22860), Shippable/support (2946, 4194),
aws/amazon-ecs-cli (184: too many containers), aws/amazon-ecs-agent (1220: ports; 872: log options), cfn-lint (1787:
required log options), terraform-linters/tflint-ruleset-aws (348: awslogs-create-group), dagster-io/dagster (11622) and
CircleCI-Public/aws-ecs-orb (190) (names of secrets), aws-samples/aws-modern-application-workshop (9: roles).
Ours are the sentences about circles of dependsOn, image names, stop and start time-outs, `none` with ports, and ports.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from labkit.sandbox.services import _ecs_fargate as fargate

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")
_IMAGE: Final = re.compile(r"[A-Za-z0-9._:/@#${}-]{1,255}")
_HEALTH: Final = {"interval": (5, 300), "timeout": (2, 60), "retries": (1, 10), "startPeriod": (0, 300)}
_CPU: Final = (128, 196_608)
"""CPU units a task may ask for outside Fargate (API reference, RegisterTaskDefinition)."""
_LEAST_MEMORY: Final = 6
"""MiB: Docker gives a container no less (API reference, ContainerDefinition)."""
_STORAGE: Final = (21, 200)
_CONDITIONS: Final = ("START", "COMPLETE", "SUCCESS", "HEALTHY")
_MOST_CONTAINERS: Final = 10
_ROLE: Final = re.compile(r"(arn:aws[a-z-]*:iam::\d{12}:role/)?[\w+=,.@/-]+")
_LOG_NEEDS: Final = ("awslogs-region", "awslogs-group")
_LOG_OPTIONS: Final = (
    *_LOG_NEEDS, "awslogs-create-group", "awslogs-stream-prefix", "awslogs-datetime-format",
    "awslogs-multiline-pattern", "mode", "max-buffer-size",
)  # fmt: skip
"""Options of `awslogs` (API reference, LogConfiguration)."""

Given = Mapping[str, Any]


def size(given: Given) -> Iterator[str]:
    """What is wrong with cpu and memory as they were written."""
    cpu, memory = given.get("cpu"), given.get("memory")
    more = "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
    if cpu:
        units = fargate.cpu_units(str(cpu))
        if units is None or not _CPU[0] <= units <= _CPU[1]:
            yield f"Invalid 'cpu' setting for task. {more}"
    if memory:
        mebibytes = fargate.mebibytes(str(memory))
        if not mebibytes:
            yield f"Invalid 'memory' setting for task. {more}"


def wrong(given: Given) -> Iterator[str]:
    """All that is wrong with a definition, in AWS's words. `cpu` and `memory` are integers or None."""
    family, containers = given.get("family") or "", given.get("containerDefinitions") or ()
    if not family:
        yield "Family should not be null or empty."
    elif not _NAME.fullmatch(family):
        yield "Family contains invalid characters."
    if not containers:
        yield "Container list cannot be empty."
    if len(containers) > _MOST_CONTAINERS:
        yield "Too many containers."
    for key in ("taskRoleArn", "executionRoleArn"):
        if given.get(key) and not _ROLE.fullmatch(given[key]):
            yield "Role is not valid"
    for container in containers:
        yield from _named(container)
    names = [str(one.get("name")) for one in containers]
    if len(set(names)) < len(names):
        yield "Container names must be unique within a task definition"
    if containers and not any(one.get("essential", True) for one in containers):
        yield "Task definition doesn't have any essential container"
    for container in containers:
        yield from _resources(given, container)
        yield from _network(given, container)
        yield from _timing(container)
        yield from _volumes(given, container, names)
        yield from _secrets(given, container)
        yield from _logs(container)
    yield from _ports(given, containers)
    yield from _sums(given, containers)
    yield from _order(containers)
    yield from _links(containers)
    yield from _storage(given)


def _named(container: Given) -> Iterator[str]:
    name, image = container.get("name") or "", container.get("image") or ""
    if not name:
        yield "Container.name should not be null or empty."
    elif not _NAME.fullmatch(name):
        yield "Container.name contains invalid characters."
    if not image:
        yield "Container.image should not be null or empty."
    elif not _IMAGE.fullmatch(image):
        yield "Container.image contains invalid characters."


def _resources(given: Given, container: Given) -> Iterator[str]:
    name, memory, soft = container.get("name"), container.get("memory"), container.get("memoryReservation")
    on_fargate = "FARGATE" in (given.get("requiresCompatibilities") or ())  # it asks for the task's memory
    if memory is None and soft is None and given.get("memory") is None and not on_fargate:
        yield (
            f"Invalid setting for container '{name}'. "
            "At least one of 'memory' or 'memoryReservation' must be specified."
        )
    for key, value in (("memory", memory), ("memoryReservation", soft)):
        if value is not None and value < _LEAST_MEMORY:
            yield f"Invalid setting for container '{name}'. '{key}' must be at least {_LEAST_MEMORY}."
    if memory is not None and soft is not None and soft > memory:
        yield (
            f"Invalid setting for container '{name}'. "
            "'memory' must be greater than or equal to 'memoryReservation'"
        )
    if memory is not None and given.get("memory") is not None and memory > given["memory"]:
        yield f"The 'memory' setting for container '{name}' is greater than for the task"
    for limit in container.get("ulimits") or ():
        if limit.get("softLimit", 0) > limit.get("hardLimit", 0):
            yield f"Soft limit exceeds hard limit for ulimit {limit.get('name')}"


def _network(given: Given, container: Given) -> Iterator[str]:
    mode, ports = given.get("networkMode") or "bridge", container.get("portMappings") or ()
    if mode == "awsvpc":
        for key, said in (
            ("links", "Links are not supported when networkMode=awsvpc."),
            ("hostname", "hostname is not supported on container when networkMode=awsvpc."),
            ("extraHosts", "Extra hosts are not supported on container when networkMode=awsvpc."),
            ("dnsServers", "DNS servers are not supported on container when networkMode=awsvpc."),
            (
                "disableNetworking",
                "Disable Networking is not supported on container when networkMode=awsvpc.",
            ),
        ):
            if container.get(key):
                yield said
    if mode == "host" and container.get("links"):
        yield "Links are not supported when networkMode=host."
    if mode == "none" and ports:
        yield "Port mappings are not supported when networkMode=none."
    for port in ports:
        inside, outside = port.get("containerPort"), port.get("hostPort")
        if port.get("containerPortRange") and (inside is not None or outside is not None):
            yield "cannot specify both single port and port range"
        for value, least in ((inside, 1), (outside, 0)):
            if value is not None and not least <= value <= 65_535:
                yield f"Invalid port {value} for container '{container.get('name')}'."
        if mode in ("awsvpc", "host") and outside not in (None, 0, inside):
            yield f"When networkMode={mode}, the host ports and container ports in port mappings must match."


def _ports(given: Given, containers: Sequence[Given]) -> Iterator[str]:
    """Two containers of a task cannot have the same port of its network interface, or of the instance."""
    seen: set[tuple[str, int]] = set()
    shared = given.get("networkMode") in ("awsvpc", "host")
    for port in (port for one in containers for port in one.get("portMappings") or ()):
        number = port.get("hostPort") or (port.get("containerPort") if shared else None)
        place = (str(port.get("protocol") or "tcp").upper(), number or 0)
        if number and place in seen:
            yield f"{place[0]} host port '{number}' is mapped multiple times in task."
        seen.add(place)


def _timing(container: Given) -> Iterator[str]:
    name, health = container.get("name"), container.get("healthCheck")
    if health is not None:
        command = health.get("command") or []
        if not command or command[0] not in ("CMD", "CMD-SHELL", "NONE"):
            yield f"Health check command must start with CMD or CMD-SHELL for container '{name}'"
        for key, (least, most) in _HEALTH.items():
            value = health.get(key)
            if value is not None and value > most:
                yield (
                    f"Health check {key} must be less than or equal to the maximum allowed value {most} "
                    f"for container '{name}'"
                )
            if value is not None and value < least:
                yield (
                    f"Health check {key} must be greater than or equal to the minimum allowed value {least} "
                    f"for container '{name}'"
                )
    for key in ("startTimeout", "stopTimeout"):
        if (value := container.get(key)) is not None and value < (2 if key == "startTimeout" else 0):
            yield f"Invalid '{key}' setting for container '{name}'."
    period = (container.get("restartPolicy") or {}).get("restartAttemptPeriod")
    if period is not None and not 60 <= period <= 1800:
        yield f"the 'restartAttemptPeriod' setting for container '{name}' must be between 60 and 1800"


def _volumes(given: Given, container: Given, names: Sequence[str]) -> Iterator[str]:
    volumes = {one.get("name") for one in given.get("volumes") or ()}
    for mount in container.get("mountPoints") or ():
        if mount.get("sourceVolume") not in volumes:
            yield f"Unknown volume '{mount.get('sourceVolume')}'."
    for source in container.get("volumesFrom") or ():
        if source.get("sourceContainer") not in names:
            yield f"Invalid 'volumesFrom' setting. Unknown container: '{source.get('sourceContainer')}'."


def _secrets(given: Given, container: Given) -> Iterator[str]:
    if container.get("secrets") and not given.get("executionRoleArn"):
        yield (
            "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."
        )
    names = [one.get("name") for one in container.get("secrets") or ()]
    if twice := sorted({str(name) for name in names if names.count(name) > 1}):
        yield f"Duplicate secret names found: {', '.join(twice)}. Each secret name must be unique."
    for one in container.get("environment") or ():
        if one.get("name") in names:
            yield (
                "The secret name must be unique and not shared with any new or existing environment variables set on "
                f"the container, such as '{one.get('name')}'."
            )


def _logs(container: Given) -> Iterator[str]:
    logs = container.get("logConfiguration") or {}
    if logs.get("logDriver") != "awslogs":
        return
    options = logs.get("options") or {}
    if lacks := [name for name in _LOG_NEEDS if not options.get(name)]:
        yield f"Log driver awslogs requires options: {', '.join(lacks)}"
    if unknown := [name for name in options if name not in _LOG_OPTIONS]:
        yield f"Log driver awslogs disallows options: {', '.join(unknown)}"
    if options.get("awslogs-create-group", "true") != "true":
        yield (
            "Log driver awslogs option 'awslogs-create-group' should only be set to 'true', else omit option."
        )


def _sums(given: Given, containers: Sequence[Given]) -> Iterator[str]:
    cpu, memory = given.get("cpu"), given.get("memory")
    if cpu is not None and sum(one.get("cpu") or 0 for one in containers) > cpu:
        yield "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'."
    soft = sum(one.get("memoryReservation") or 0 for one in containers)
    if memory is not None and soft > memory:
        yield (
            "The sum of all container 'memoryReservation' values cannot be greater than "
            "the value of the task 'memory'."
        )
    names = [port["name"] for one in containers for port in one.get("portMappings") or () if port.get("name")]
    if len(set(names)) < len(names):
        yield "port mapping name is already used"


def _order(containers: Sequence[Given]) -> Iterator[str]:
    known = {one.get("name"): one for one in containers}
    after: dict[str, list[str]] = {}
    for container in containers:
        for need in container.get("dependsOn") or ():
            name, condition = need.get("containerName"), need.get("condition")
            if name not in known:
                yield f"Cannot depend on container + '{name}' because it does not exist"
                continue
            after.setdefault(str(container.get("name")), []).append(name)
            if condition in ("SUCCESS", "COMPLETE") and known[name].get("essential", True):
                yield (
                    "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container"
                )
            if condition == "HEALTHY" and not known[name].get("healthCheck"):
                yield "A dependency container with HEALTHY condition must have health check configured"
    if circular(after):
        yield "Container dependencies should not have a cycle"


def _links(containers: Sequence[Given]) -> Iterator[str]:
    links = {
        str(one.get("name")): [str(link).partition(":")[0] for link in one.get("links") or ()]
        for one in containers
    }
    if circular(links):
        yield "Container links should not have a cycle"


def circular(after: Mapping[str, Sequence[str]]) -> bool:
    """Whether following the arrows from some name ever comes back to it."""
    done: set[str] = set()
    path: set[str] = set()

    def visit(name: str) -> bool:
        if name in path:
            return True
        if name in done:
            return False
        path.add(name)
        found = any(visit(other) for other in after.get(name, ()))
        path.discard(name)
        done.add(name)
        return found

    return any(visit(name) for name in after)


def _storage(given: Given) -> Iterator[str]:
    storage, asked = given.get("ephemeralStorage"), given.get("requiresCompatibilities") or ()
    if storage is None:
        return
    if asked and "FARGATE" not in asked:
        yield "Tasks using the EC2 launch type do not support EphemeralStorage"
    if storage.get("sizeInGiB", 0) < _STORAGE[0]:
        yield f"EphemeralStorage size should be at least {_STORAGE[0]}"
    if storage.get("sizeInGiB", 0) > _STORAGE[1]:
        yield f"EphemeralStorage size should be at most {_STORAGE[1]}"
