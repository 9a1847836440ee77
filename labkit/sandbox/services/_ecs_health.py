"""What a service thinks of its tasks: starting, healthy or unhealthy.

Sources: botocore's model of DeploymentConfiguration (which checks have to pass before a task counts, the 40 seconds
of a task without one) and of UpdateService (healthCheckGracePeriodSeconds).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

from labkit.sandbox import balancing
from labkit.sandbox.services import _ecs_planning as planning

Condition = Literal["starting", "healthy", "unhealthy"]
PENDING: Final = ("PROVISIONING", "PENDING", "ACTIVATING")
GONE: Final = ("DEPROVISIONING", "STOPPED", "DELETED")


class Verdict(NamedTuple):
    """What a service thinks of a task, until when at the latest (0.0: until something happens), and why."""

    condition: Condition
    again: float = 0.0
    why: str = ""


class Target(NamedTuple):
    """A place at a target group."""

    group: str
    ip: str
    port: int
    zone: str


def seconds(moment: Any) -> float | None:
    """A time as seconds since 1970, whether it is kept as a number or as moto keeps it."""
    if moment is None or isinstance(moment, (int, float)):
        return moment
    assert isinstance(moment, datetime)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def live(task: Any) -> bool:
    """Whether a task is there and meant to stay."""
    return task.desired_status == "RUNNING" and task.last_status in (*PENDING, "RUNNING")


def judge(service: Any, task: Any, definition: Any, now: float) -> Verdict:
    """What the service thinks of a task that is there."""
    if task.last_status != "RUNNING":
        return Verdict("starting")
    began = seconds(task.started_at) or now
    grace = began + float(service.settings.get("healthCheckGracePeriodSeconds") or 0)
    verdicts = [*_checks(task, definition), *_targets(service, task)]
    bad = next((one for one in verdicts if one.condition == "unhealthy"), None)
    if bad is not None:
        return Verdict("starting", grace, bad.why) if now < grace else bad
    if not verdicts:
        counted = began + planning.SETTLE_SECONDS
        return Verdict("starting", counted) if now < counted else Verdict("healthy")
    if all(one.condition == "healthy" for one in verdicts):
        return Verdict("healthy")
    return Verdict("starting")


def has_checks(definition: Any) -> bool:
    """Whether an essential container has a health check."""
    return any(
        one.get("healthCheck") and one.get("essential", True)
        for one in (definition.container_definitions if definition is not None else [])
    )


def _checks(task: Any, definition: Any) -> Iterator[Verdict]:
    if not has_checks(definition):
        return
    if task.health_status == "UNHEALTHY":
        yield Verdict("unhealthy", why="container")
    else:
        yield Verdict("healthy" if task.health_status == "HEALTHY" else "starting")


def _targets(service: Any, task: Any) -> Iterator[Verdict]:
    for target in targets(service, task):
        state = balancing.health(target.group, target.ip, target.port)
        if state == "unhealthy":
            yield Verdict("unhealthy", why=target.group)
        else:
            yield Verdict("healthy" if state in ("healthy", "unused") else "starting")


def targets(service: Any, task: Any) -> list[Target]:
    """Where a task stands, or will stand, behind the load balancers of its deployment."""
    from labkit.sandbox.services._ecs_deployments import found

    deployment = found(service, task.deployment_id)
    settings = deployment.settings if deployment is not None else service.settings
    places = [_target(task, one) for one in settings.get("loadBalancers") or []]
    return [place for place in places if place is not None]


def _target(task: Any, balancer: dict[str, Any]) -> Target | None:
    group, name = balancer.get("targetGroupArn"), balancer.get("containerName")
    port = balancer.get("containerPort")
    container = next((one for one in task.containers if one.name == name), None)
    if not group or container is None or port is None:
        return None
    for binding in container.network_bindings or []:
        if binding.get("containerPort") == port and task.container_instance_arn:
            instance = _instance(task)
            if instance and not container.network_interfaces:
                return Target(group, instance, int(binding["hostPort"]), task.availability_zone or "")
    for interface in container.network_interfaces or []:
        ip = interface.get("privateIpv4Address")
        if ip:
            return Target(group, ip, int(port), task.availability_zone or "")
    return None


def _instance(task: Any) -> str:
    """The EC2 instance that a task runs on."""
    instance = host(task)
    return str(getattr(instance, "ec2_instance_id", "") or "")


def host(task: Any) -> Any:
    """The container instance that a task runs on, or None."""
    if not task.container_instance_arn:
        return None
    from labkit.sandbox.services import _ecs_store as store

    account, region = task.container_instance_arn.split(":")[4], task.container_instance_arn.split(":")[3]
    kept = store.backend(account, region).container_instances.get(task.cluster_name, {})
    return kept.get(task.container_instance_arn.rpartition("/")[2])
