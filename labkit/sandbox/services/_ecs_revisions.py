"""DescribeServiceRevisions, ListServiceDeployments, DescribeServiceDeployments, StopServiceDeployment.

Sources: botocore's model of these operations; "Stopping Amazon ECS service deployments"
(stop-service-deployment.html: which states can be stopped, ROLLBACK).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.ecs.exceptions import EcsClientException, ECSException, InvalidParameterException

from labkit.sandbox import current
from labkit.sandbox.hooks import hook
from labkit.sandbox.services import _ecs_breaker as breaker
from labkit.sandbox.services import _ecs_deployments as deployments
from labkit.sandbox.services import _ecs_events as events
from labkit.sandbox.services import _ecs_model as model
from labkit.sandbox.services import _ecs_reconcile as reconcile
from labkit.sandbox.services import _ecs_services as services
from labkit.sandbox.services._ecs_health import seconds
from labkit.sandbox.services._ecs_service import Service

_RESPONSE: Final = "moto.ecs.responses:EC2ContainerServiceResponse"
_MOST: Final = 20
"""How many ARNs one call describes (API reference)."""


@hook(f"{_RESPONSE}.describe_service_revisions", kind="new")
def describe_service_revisions(self: Any) -> ActionResult:
    """DescribeServiceRevisions."""
    wanted = _arns(self._get_param("serviceRevisionArns"), "serviceRevisionArns")
    kept = {one["serviceRevisionArn"]: one for service in _all(self.ecs_backend) for one in service.revisions}
    found = [_with_balancers(kept[arn]) for arn in wanted if arn in kept]
    failures = [{"arn": arn, "reason": "MISSING"} for arn in wanted if arn not in kept]
    return ActionResult({"serviceRevisions": found, "failures": failures})


def _with_balancers(revision: Mapping[str, Any]) -> dict[str, Any]:
    groups = [one["targetGroupArn"] for one in revision.get("loadBalancers") or [] if "targetGroupArn" in one]
    resolved = {"loadBalancers": [{"targetGroupArn": group} for group in groups]}
    return {**revision, **({"resolvedConfiguration": resolved} if groups else {})}


@hook(f"{_RESPONSE}.list_service_deployments", kind="new")
def list_service_deployments(self: Any) -> ActionResult:
    """ListServiceDeployments, newest first."""
    model.check("ListServiceDeployments", self._get_params())
    service = services.find(self.ecs_backend, self._get_param("cluster"), self._get_param("service"))
    statuses, created = self._get_param("status") or [], self._get_param("createdAt") or {}
    found = [
        _brief(service, one)
        for one in service.records
        if (not statuses or one.status in statuses) and _within(one.created, created)
    ]
    return ActionResult(services.page("serviceDeployments", found, self, usual=_MOST))


def _within(moment: float, created: Mapping[str, Any]) -> bool:
    before, after = (_moment(created.get(name)) for name in ("before", "after"))
    return (before is None or moment < before) and (after is None or moment > after)


def _moment(value: Any) -> float | None:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return seconds(value)


@hook(f"{_RESPONSE}.describe_service_deployments", kind="new")
def describe_service_deployments(self: Any) -> ActionResult:
    """DescribeServiceDeployments."""
    wanted = _arns(self._get_param("serviceDeploymentArns"), "serviceDeploymentArns")
    kept = {one.arn: (service, one) for service in _all(self.ecs_backend) for one in service.records}
    found = [_described(*kept[arn]) for arn in wanted if arn in kept]
    failures = [{"arn": arn, "reason": "MISSING"} for arn in wanted if arn not in kept]
    return ActionResult({"serviceDeployments": found, "failures": failures})


@hook(f"{_RESPONSE}.stop_service_deployment", kind="new")
def stop_service_deployment(self: Any) -> ActionResult:
    """StopServiceDeployment: back to the last completed deployment."""
    arn, kind = self._get_param("serviceDeploymentArn"), self._get_param("stopType") or "ROLLBACK"
    found = next(
        ((service, one) for service in _all(self.ecs_backend) for one in service.records if one.arn == arn),
        None,
    )
    if found is None:
        raise ECSException("ServiceDeploymentNotFoundException", "Service deployment not found.")
    if kind != "ROLLBACK":
        raise EcsClientException(f"The stop type {kind} is not simulated. Use ROLLBACK here.")
    service, record = found
    newest = deployments.primary(service)
    if record.status != "IN_PROGRESS" or newest is None or newest.record != record.arn:
        raise ECSException(
            "ConflictException", f"The service deployment is {record.status} and cannot be stopped."
        )
    if service.completed is None:
        raise EcsClientException("There is no completed service revision to roll back to.")
    reason = "Service deployment rolled back because of a StopServiceDeployment request."
    newest.turn("FAILED", f"ECS deployment {newest.id} was stopped.")
    deployments.roll_back(service, newest, service.completed, reason)
    reconcile.wake(service)
    current().changed()
    return ActionResult({"serviceDeploymentArn": arn})


def _arns(given: Any, name: str) -> list[str]:
    wanted = list(given or [])
    if not wanted or len(wanted) > _MOST:
        raise InvalidParameterException(f"{name} takes 1 to {_MOST} ARNs.")
    return wanted


def _all(backend: Any) -> Iterator[Service]:
    for service in backend.services.values():
        if isinstance(service, Service):
            yield service


def _brief(service: Service, record: deployments.Record) -> dict[str, Any]:
    shown = {
        "serviceDeploymentArn": record.arn, "serviceArn": service.arn, "clusterArn": service.cluster_arn,
        "targetServiceRevisionArn": record.target, "status": record.status, **_times(record),
    }  # fmt: skip
    return shown | ({"statusReason": record.reason} if record.reason else {})


def _times(record: deployments.Record) -> dict[str, Any]:
    times = {"createdAt": record.created, "startedAt": record.started, "finishedAt": record.finished}
    return {name: events.stamp(value) for name, value in times.items() if value is not None}


def _described(service: Service, record: deployments.Record) -> dict[str, Any]:
    deployment = next((one for one in service.rollouts if one.id == record.deployment_id), None)
    failed = (
        deployment.failed if deployment is not None and record.status == "IN_PROGRESS" else record.counted
    )
    state = (
        "IN_PROGRESS" if record.status == "IN_PROGRESS" else deployment.state if deployment else "COMPLETED"
    )
    shown = {
        "serviceDeploymentArn": record.arn, "serviceArn": service.arn, "clusterArn": service.cluster_arn,
        **_times(record), "updatedAt": events.stamp(record.updated), "status": record.status,
        "lifecycleStage": record.stage, "deploymentConfiguration": record.configuration,
        "sourceServiceRevisions": [_summary(service, arn) for arn in record.sources],
        "targetServiceRevision": _summary(service, record.target),
        "deploymentCircuitBreaker": breaker.described(
            record.configuration, service.desired_count, failed, "FAILED" if record.counted else state
        ),
        "alarms": deployments.alarms(service, record),
    }  # fmt: skip
    if record.reason:
        shown["statusReason"] = record.reason
    if record.stopped is not None:
        shown["stoppedAt"] = events.stamp(record.stopped)
    if record.rollback is not None:
        shown["rollback"] = record.rollback
    return shown


def _summary(service: Service, revision: str) -> dict[str, Any]:
    deployment = next((one for one in service.rollouts if one.revision == revision), None)
    running, pending = service.counts(deployment.id) if deployment is not None else (0, 0)
    asked = deployment.desired if deployment is not None and deployment.status == "PRIMARY" else 0
    return {
        "arn": revision, "requestedTaskCount": asked, "runningTaskCount": running, "pendingTaskCount": pending
    }  # fmt: skip
