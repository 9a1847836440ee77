"""What Fargate sells: the sizes of tasks, and what a definition for it must not ask for.

Sources: API reference, RegisterTaskDefinition (table at `memory`; what "isn't supported for tasks run on Fargate");
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html ("Invalid 'cpu' setting for
task."). The other sentences were recorded from the real API by the rules of github.com/badmintoncryer/cdk-preflight
(rules/ecs, deployed in September 2026) or stand in issues of aws/amazon-ecs-cli and hashicorp/terraform-provider-aws.
Ours is only the sentence about stopTimeout and startTimeout.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

SIZES: Final[dict[int, tuple[int, ...]]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
}
"""CPU units -> the MiB of memory one can have with them."""

LEAST_WINDOWS: Final = 1024
"""CPU units a Windows task on Fargate needs at least."""
LONGEST_STOP: Final = 120
"""Seconds of `stopTimeout` and of `startTimeout` on Fargate (API reference, ContainerDefinition)."""
DEFAULT_STORAGE: Final = 20
"""GiB of ephemeral storage a task gets without asking (developer guide, fargate-task-storage)."""
LOG_DRIVERS: Final = ("awslogs", "splunk", "awsfirelens")
PLATFORMS: Final[dict[str, tuple[str, ...]]] = {"Linux": ("1.4.0",), "Windows": ("1.0.0",)}
"""Platform versions that still run, the newest last. 1.3.0 was terminated on 2026-06-30."""

_CPU: Final = re.compile(r"(\d+)|(\d*\.?\d+) ?vcpu", re.IGNORECASE)
_MEMORY: Final = re.compile(r"(\d+)|(\d*\.?\d+) ?gb", re.IGNORECASE)
_EC2_ONLY: Final = {
    "sharedMemorySize": "sharedMemorySize", "maxSwap": "maxSwap", "swappiness": "swappiness", "tmpfs": "tmpfs",
    "devices": "devices",
}  # fmt: skip
_SYS_PTRACE: Final = "SYS_PTRACE"


def cpu_units(text: str) -> int | None:
    """CPU units of `"256"`, `".25 vCPU"` or `"1 vcpu"`; None for anything else."""
    return _number(_CPU, text)


def mebibytes(text: str) -> int | None:
    """MiB of `"512"`, `"0.5 GB"` or `"1GB"`; None for anything else."""
    return _number(_MEMORY, text)


def _number(form: re.Pattern[str], text: str) -> int | None:
    found = form.fullmatch(text.strip())
    if found is None:
        return None
    return int(found[1]) if found[1] else round(float(found[2]) * 1024)


def platform_of(given: Mapping[str, Any]) -> str:
    """`Linux` or `Windows`: what the definition's runtime platform says."""
    family = str((given.get("runtimePlatform") or {}).get("operatingSystemFamily") or "LINUX")
    return "Windows" if family.startswith("WINDOWS") else "Linux"


def wrong(given: Mapping[str, Any]) -> Iterator[str]:
    """All that keeps a definition from running on Fargate, in AWS's words and order.

    `given` holds the parameters of RegisterTaskDefinition, with `cpu` and `memory` as integers or None.
    """
    if given.get("networkMode") != "awsvpc":
        yield "Fargate only supports network mode \u2018awsvpc\u2019."
    yield from _size(given)
    yield from _task(given)
    for container in given.get("containerDefinitions") or ():
        yield from _container(given, container)


def _size(given: Mapping[str, Any]) -> Iterator[str]:
    cpu, memory = given.get("cpu"), given.get("memory")
    for name, value in (("cpu", cpu), ("memory", memory)):
        if value is None:
            yield f"Fargate requires that '{name}' be defined at the task level."
    if cpu is None or memory is None:
        return
    small = platform_of(given) == "Windows" and cpu < LEAST_WINDOWS
    if small or memory not in SIZES.get(cpu, ()):
        yield (
            f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. "
            "See the Amazon ECS documentation for the valid values."
        )


def _task(given: Mapping[str, Any]) -> Iterator[str]:
    if (mode := given.get("pidMode")) not in (None, "task"):
        yield (
            f"Tasks using the Fargate launch type do not support pidMode '{mode}'. "
            "The supported value for pidMode is 'task'."
        )
    if given.get("ipcMode"):
        yield "Tasks using the Fargate launch type do not support ipcMode."
    if given.get("placementConstraints"):
        yield "Fargate compatible task definitions do not support constraints"
    for volume in given.get("volumes") or ():
        if volume.get("dockerVolumeConfiguration"):
            yield "Fargate compatible task definitions do not support dockerVolumeConfiguration"
        if (volume.get("host") or {}).get("sourcePath"):
            yield "Fargate compatible task definitions do not support sourcePath"


def _container(given: Mapping[str, Any], container: Mapping[str, Any]) -> Iterator[str]:
    if container.get("privileged"):
        yield "Fargate requires that the \u2018privileged\u2019 setting be \u2018false\u2019 at the container level."
    if container.get("dockerSecurityOptions"):
        yield "Fargate compatible task definitions do not support dockerSecurityOptions"
    if any(one.get("type") == "GPU" for one in container.get("resourceRequirements") or ()):
        yield "Tasks using the Fargate launch type do not support GPU resource requirements."
    linux = container.get("linuxParameters") or {}
    for key, said in _EC2_ONLY.items():
        if linux.get(key):
            yield f"Fargate compatible task definitions do not support {said}"
    for capability in (linux.get("capabilities") or {}).get("add") or ():
        if capability != _SYS_PTRACE:
            yield f"{capability} is not allowed on Fargate."
    for key in ("stopTimeout", "startTimeout"):
        if (container.get(key) or 0) > LONGEST_STOP:
            yield (
                f"Invalid '{key}' setting for container '{container.get('name')}': "
                f"Fargate supports at most {LONGEST_STOP} seconds."
            )
    yield from _logs(given, container.get("logConfiguration") or {})


def _logs(given: Mapping[str, Any], logs: Mapping[str, Any]) -> Iterator[str]:
    driver = logs.get("logDriver")
    if driver is not None and driver not in LOG_DRIVERS:
        yield f"{driver} is not a valid log driver. Must be one of [{','.join(LOG_DRIVERS)}]"
    if driver != "awslogs":
        return
    if "awslogs-stream-prefix" not in (logs.get("options") or {}):
        yield (
            "Fargate requires log configuration options to include awslogs-stream-prefix "
            "to support log driver awslogs."
        )
    if not given.get("executionRoleArn"):
        yield "Fargate requires task definition to have execution role ARN to support log driver awslogs."
