"""Deployments of a service: their records, and how one begins, completes, fails and is rolled back.

A deployment is what DescribeServices lists while it has tasks. Beside each stands a service deployment, which is kept
(DescribeServiceDeployments), and the service revision it brings about (DescribeServiceRevisions).

Sources: botocore's model (Deployment, ServiceDeployment, ServiceRevision), "View service history using Amazon ECS
service deployments" (service-deployment.html), "Container image resolution" (deployment-type-ecs.html: a tag becomes a
digest once for each deployment).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from moto.moto_api._internal import mock_random

from labkit.sandbox import current
from labkit.sandbox.services import _ecs_breaker as breaker
from labkit.sandbox.services import _ecs_events as events

OVER: Final = ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")
_REVISED: Final = (
    "capacityProviderStrategy", "launchType", "platformVersion", "platformFamily", "loadBalancers",
    "serviceRegistries", "networkConfiguration", "serviceConnectConfiguration", "volumeConfigurations",
    "vpcLatticeConfigurations",
)  # fmt: skip
"""Settings that a deployment takes with it: later changes of the service do not reach it."""
LATEST: Final = "1.4.0"
"""The platform version of Fargate that LATEST stands for (platform-fargate.html)."""
_KEPT: Final = 100
"""How many service deployments and revisions of a service can be looked up. AWS keeps 90 days."""


class Deployment:
    """One deployment of a service. Times are seconds since 1970."""

    def __init__(self, definition: str, settings: Mapping[str, Any], desired: int) -> None:
        now = current().clock.time()
        self.id = f"ecs-svc/{mock_random.randint(10**18, 10**19 - 1)}"
        self.status = "PRIMARY"
        self.definition = definition
        self.settings = {name: settings[name] for name in _REVISED if settings.get(name)}
        if self.settings.get("platformVersion") == "LATEST":
            self.settings["platformVersion"] = LATEST
        self.desired = desired
        self.created = self.updated = now
        self.state = "IN_PROGRESS"
        self.reason = f"ECS deployment {self.id} in progress."
        self.images: dict[str, str] = {}
        self.revision = ""
        self.record = ""
        self.failed = 0
        """Failed tasks in a row, as the circuit breaker counts them."""
        self.never_ran = 0
        """Tasks in a row that never ran, which slow the service down."""
        self.not_before = 0.0
        self.told = ""
        """The trouble that was announced last, so that it is told once."""
        self.steady = False

    def turn(self, state: str, reason: str) -> None:
        """Go over to another rollout state."""
        self.state, self.reason, self.updated = state, reason, current().clock.time()


class Record:
    """One service deployment, as it is kept."""

    def __init__(self, service: Any, target: str, sources: list[str]) -> None:
        now = current().clock.time()
        token = mock_random.get_random_string(length=21)
        self.arn = f"{place(service, 'service-deployment')}/{token}"
        self.target = target
        self.sources = sources
        self.created = self.started = self.updated = now
        self.finished: float | None = None
        self.stopped: float | None = None
        self.status = "IN_PROGRESS"
        self.reason = ""
        self.stage = "SCALE_UP"
        self.rollback: dict[str, Any] | None = None
        self.configuration = dict(service.settings["deploymentConfiguration"])
        self.deployment_id = ""
        self.counted = 0
        self.triggered: list[str] = []

    def turn(self, status: str, reason: str = "") -> None:
        """Go over to another status; the last ones end it."""
        now = current().clock.time()
        self.status, self.updated = status, now
        self.reason = reason or self.reason
        if status == "STOPPED":
            self.stopped = self.finished = now
        elif status in OVER:
            self.finished = now


def place(service: Any, kind: str) -> str:
    """The front of the ARNs of a service's own resources."""
    front = service.arn.split(":service/")[0]
    return f"{front}:{kind}/{service.cluster_name}/{service.name}"


def primary(service: Any) -> Deployment | None:
    """The newest deployment of a service, if it has one."""
    return next((one for one in service.rollouts if one.status == "PRIMARY"), None)


def found(service: Any, deployment_id: str) -> Deployment | None:
    """A deployment that is still there."""
    return next((one for one in service.rollouts if one.id == deployment_id), None)


def record_of(service: Any, deployment: Deployment | None) -> Record | None:
    """The service deployment that a deployment belongs to."""
    arn = deployment.record if deployment is not None else ""
    return next((one for one in service.records if one.arn == arn), None)


def image_for(service_arn: str, deployment_id: str, container: str) -> str:
    """The digest that a deployment has pinned for a container, or "" while no task has pulled it yet."""
    from labkit.sandbox.services import _ecs_store as store

    service = store.service(service_arn)
    deployment = found(service, deployment_id) if service is not None else None
    return deployment.images.get(container, "") if deployment is not None else ""


# -- beginning ---------------------------------------------------------------------------------------


def begin(service: Any) -> Deployment:
    """A new deployment with the service's settings of now; the one before becomes ACTIVE."""
    before = primary(service)
    sources = [one.revision for one in service.rollouts]
    earlier = record_of(service, before)
    if earlier is not None and earlier.status not in OVER:
        earlier.turn("STOPPED", "A newer service deployment has replaced this one.")
    for one in service.rollouts:
        one.status = "ACTIVE"
    new = Deployment(service.task_definition, service.settings, service.desired_count)
    new.revision = f"{place(service, 'service-revision')}/{mock_random.randint(10**18, 10**19 - 1)}"
    record = Record(service, new.revision, sources)
    new.record, record.deployment_id = record.arn, new.id
    service.rollouts.insert(0, new)
    service.records.insert(0, record)
    service.revisions.insert(0, _revision(service, new))
    del service.records[_KEPT:], service.revisions[_KEPT:]
    _told(service, new, "SERVICE_DEPLOYMENT_IN_PROGRESS")
    return new


def _revision(service: Any, deployment: Deployment) -> dict[str, Any]:
    from labkit.sandbox.services import _ecs_store as store

    definition = store.definition(deployment.definition)
    images = [
        {"containerName": one["name"], "image": one.get("image", "")}
        for one in (definition.container_definitions if definition is not None else [])
    ]
    return {
        "serviceRevisionArn": deployment.revision, "serviceArn": service.arn, "clusterArn": service.cluster_arn,
        "taskDefinition": deployment.definition, **deployment.settings, "containerImages": images,
        "guardDutyEnabled": False, "createdAt": events.stamp(deployment.created),
    }  # fmt: skip


def pin(service: Any, deployment: Deployment, container: str, digest: str) -> None:
    """Keep the digest that the first task of a deployment has pulled."""
    if deployment.images.setdefault(container, digest) != digest:
        return
    for revision in service.revisions:
        if revision["serviceRevisionArn"] == deployment.revision:
            for image in revision["containerImages"]:
                if image["containerName"] == container:
                    image["imageDigest"] = digest


# -- ending ------------------------------------------------------------------------------------------


def complete(service: Any, deployment: Deployment) -> None:
    """The service is steady on its newest deployment."""
    back = _rolled_back_to(service, deployment)
    deployment.turn("COMPLETED", f"ECS deployment {deployment.id} completed.")
    service.completed = deployment
    record = record_of(service, deployment)
    if back is not None:
        back.turn("ROLLBACK_SUCCESSFUL")
    elif record is not None and record.status not in OVER:
        record.stage = "CLEAN_UP"
        record.turn("SUCCESSFUL")
    events.say(service, f"(deployment {deployment.id}) deployment completed.")
    _told(service, deployment, "SERVICE_DEPLOYMENT_COMPLETED")


def fail(service: Any, deployment: Deployment, *, rollback: bool, cause: str, event: str) -> None:
    """The newest deployment has failed: it starts nothing more, and where that is asked for, the last one returns.

    `cause` is the reason of the rollout state, `event` what the service says.
    """
    deployment.turn("FAILED", cause)
    record = record_of(service, deployment)
    if record is not None:
        record.counted = deployment.failed
    back = _rolled_back_to(service, deployment)
    events.say(service, f"(deployment {deployment.id}) {event}")
    events.deployment(service, deployment.id, "SERVICE_DEPLOYMENT_FAILED", cause, kind="ERROR")
    _trace(service, deployment, "DeploymentFailed")
    if back is not None:
        back.turn("ROLLBACK_FAILED", cause)
        return
    target = service.completed if rollback else None
    if target is None or target is deployment:
        if record is not None:
            record.turn("ROLLBACK_FAILED" if rollback else "STOPPED", cause)
        return
    roll_back(service, deployment, target, cause)


def roll_back(service: Any, failed: Deployment, target: Deployment, cause: str) -> None:
    """Make the last completed deployment the newest again."""
    record = record_of(service, failed)
    if record is not None:
        record.turn("ROLLBACK_IN_PROGRESS", cause)
        record.rollback = {
            "reason": cause, "startedAt": events.stamp(current().clock.time()),
            "serviceRevisionArn": target.revision,
        }  # fmt: skip
    events.say(service, f"rolling back to deployment {target.id}.")
    for one in service.rollouts:
        one.status = "ACTIVE"
    if target in service.rollouts:
        service.rollouts.remove(target)
    service.rollouts.insert(0, target)
    target.status = "PRIMARY"
    target.desired = service.desired_count
    target.failed = target.never_ran = 0
    target.not_before, target.told, target.steady = 0.0, "", False
    target.turn("IN_PROGRESS", f"ECS deployment circuit breaker: rolling back to deploymentId {target.id}.")
    service.completed = None  # until it is steady again it is no place to go back to
    service.task_definition = target.definition
    for name in _REVISED:
        if name in target.settings and name != "platformVersion":
            service.settings[name] = target.settings[name]
    _told(service, target, "SERVICE_DEPLOYMENT_IN_PROGRESS")


def is_rollback(service: Any, deployment: Deployment) -> bool:
    """Whether a deployment is on its way back: alarms do not stop that."""
    return _rolled_back_to(service, deployment) is not None


def _rolled_back_to(service: Any, deployment: Deployment) -> Record | None:
    """The failed service deployment whose rollback leads to this deployment, while that is going on."""
    return next(
        (
            one
            for one in service.records
            if one.status in ("ROLLBACK_IN_PROGRESS", "ROLLBACK_REQUESTED")
            and one.rollback is not None
            and one.rollback["serviceRevisionArn"] == deployment.revision
        ),
        None,
    )


def _told(service: Any, deployment: Deployment, name: str) -> None:
    events.deployment(service, deployment.id, name, deployment.reason)
    _trace(service, deployment, f"Deployment{deployment.state.title().replace('_', '')}")


def _trace(service: Any, deployment: Deployment, action: str) -> None:
    params = {
        "Deployment": deployment.id, "TaskDefinition": deployment.definition, "RolloutState": deployment.state,
        "Reason": deployment.reason, "Failed": deployment.failed,
    }  # fmt: skip
    current().trace.record("state", "ecs", action, resource=service.arn, params=params)


# -- describing --------------------------------------------------------------------------------------


def described(deployment: Deployment, running: int, pending: int) -> dict[str, Any]:
    """An entry of `deployments` of DescribeServices."""
    return {
        "id": deployment.id, "status": deployment.status, "taskDefinition": deployment.definition,
        "desiredCount": deployment.desired, "pendingCount": pending, "runningCount": running,
        "failedTasks": deployment.failed, "createdAt": events.stamp(deployment.created),
        "updatedAt": events.stamp(deployment.updated),
        **{name: value for name, value in deployment.settings.items() if name in _DESCRIBED},
        "rolloutState": deployment.state, "rolloutStateReason": deployment.reason,
    }  # fmt: skip


_DESCRIBED: Final = (
    "capacityProviderStrategy", "launchType", "platformVersion", "platformFamily", "networkConfiguration",
    "serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations",
)  # fmt: skip


def alarms(service: Any, record: Record) -> dict[str, Any]:
    """The deployment alarms of a service deployment."""
    names = breaker.watched(record.configuration)
    if not names:
        return {"status": "DISABLED"}
    if record.triggered:
        return {"status": "TRIGGERED", "alarmNames": names, "triggeredAlarmNames": record.triggered}
    status = "MONITORING" if record.status == "IN_PROGRESS" else "MONITORING_COMPLETE"
    return {"status": status, "alarmNames": names}
