"""RegisterScalableTarget, its limits in force, PutScalingPolicy with its alarms, DescribeScalingActivities.

Sources: botocore's model of Application Auto Scaling; the alarms of a target tracking policy as recorded in accounts
(names, 3 and 15 periods, the low alarm at 90 %); minimum and maximum are in force about a second after registration.
"""

from __future__ import annotations

import json
from typing import Any, Final

from moto.applicationautoscaling.exceptions import AWSValidationException
from moto.core.exceptions import JsonRESTError
from moto.moto_api._internal import mock_random

from labkit.sandbox import current
from labkit.sandbox.hooks import hook
from labkit.sandbox.scalable import RESOURCES
from labkit.sandbox.services import _applicationautoscaling_alarms as alarms
from labkit.sandbox.services import _applicationautoscaling_steps as steps
from labkit.sandbox.services import _applicationautoscaling_store as store

_BACKEND: Final = "moto.applicationautoscaling.models:ApplicationAutoscalingBackend"
_RESPONSE: Final = "moto.applicationautoscaling.responses:ApplicationAutoScalingResponse"
_SUSPENDED: Final = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
_LOOK: Final = 1.0


class ObjectNotFound(JsonRESTError):  # type: ignore[misc]  # moto ships no types
    """Something that was named does not exist."""

    code = 400

    def __init__(self, what: str, target: tuple[str, str, str]) -> None:
        namespace, resource_id, dimension = target
        super().__init__(
            "ObjectNotFoundException",
            f"No {what} for service namespace: {namespace}, resource ID: {resource_id}, "
            f"scalable dimension: {dimension}",
        )


# -- targets -----------------------------------------------------------------------------------------


@hook(f"{_BACKEND}.register_scalable_target")
def register_scalable_target(
    original: Any, self: Any, namespace: str, r_id: str, dimension: str, min_capacity: int | None,
    max_capacity: int | None, role_arn: str, suspended_state: dict[str, bool] | None,
) -> Any:  # fmt: skip
    """RegisterScalableTarget: limits are checked, and soon in force."""
    before = store.target(self, dimension, r_id)
    if dimension in RESOURCES:
        lowest = min_capacity if min_capacity is not None else getattr(before, "min_capacity", None)
        highest = max_capacity if max_capacity is not None else getattr(before, "max_capacity", None)
        if lowest is None or highest is None:
            raise AWSValidationException(
                "The minimum and maximum capacity are required to register a scalable target."
            )
        if lowest < 0 or highest < 0:
            raise AWSValidationException("Minimum and maximum capacity must be greater than or equal to 0.")
        if lowest > highest:
            raise AWSValidationException("Maximum capacity cannot be less than minimum capacity")
        if RESOURCES[dimension].desired(self.account_id, self.region_name, r_id) is None:
            raise AWSValidationException(f"ECS service doesn't exist: {r_id}")
        state = dict.fromkeys(_SUSPENDED, False)
        suspended_state = {
            **state,
            **(getattr(before, "suspended_state", None) or {}),
            **(suspended_state or {}),
        }
        role_arn = role_arn or _linked_role(self.account_id, namespace)
    registered = original(
        self, namespace, r_id, dimension, min_capacity, max_capacity, role_arn, suspended_state
    )
    if dimension in RESOURCES:
        clock = current().clock
        clock.schedule(clock.time() + _LOOK, enforce, self.account_id, self.region_name, dimension, r_id)
    return registered


def _linked_role(account: str, namespace: str) -> str:
    name = {"ecs": "ECSService", "dynamodb": "DynamoDBTable", "lambda": "LambdaConcurrency"}.get(
        namespace, namespace
    )
    place = f"{namespace}.application-autoscaling.amazonaws.com"
    return (
        f"arn:aws:iam::{account}:role/aws-service-role/{place}/AWSServiceRoleForApplicationAutoScaling_{name}"
    )


def enforce(account: str, region: str, dimension: str, resource_id: str) -> None:
    """Due work: bring a resource within its new limits."""
    found_in = store.backend(account, region)
    scaled = store.target(found_in, dimension, resource_id)
    if scaled is None:
        return
    desired = RESOURCES[dimension].desired(account, region, resource_id)
    if desired is not None and desired < scaled.min_capacity:
        store.scale(
            found_in, scaled, scaled.min_capacity, f"minimum capacity was set to {scaled.min_capacity}"
        )
    elif desired is not None and desired > scaled.max_capacity:
        store.scale(
            found_in, scaled, scaled.max_capacity, f"maximum capacity was set to {scaled.max_capacity}"
        )


@hook(f"{_BACKEND}.deregister_scalable_target")
def deregister_scalable_target(original: Any, self: Any, namespace: str, r_id: str, dimension: str) -> None:
    """DeregisterScalableTarget: its policies and scheduled actions go with it."""
    scaled = store.target(self, dimension, r_id)
    if scaled is None:
        raise ObjectNotFound("scalable target found", (namespace, r_id, dimension))
    for policy in store.policies(self, scaled):
        self.delete_scaling_policy(policy.policy_name, namespace, r_id, dimension)
    self.scheduled_actions = [
        one
        for one in self.scheduled_actions
        if (one.resource_id, one.scalable_dimension) != (r_id, dimension)
    ]
    original(self, namespace, r_id, dimension)


# -- policies ----------------------------------------------------------------------------------------


@hook(f"{_BACKEND}.put_scaling_policy")
def put_scaling_policy(
    original: Any, self: Any, policy_name: str, service_namespace: str, resource_id: str, scalable_dimension: str,
    policy_body: dict[str, Any] | None, policy_type: str | None,
) -> Any:  # fmt: skip
    """PutScalingPolicy: a policy that is put again keeps its ARN and gets new alarms."""
    where = (service_namespace, resource_id, scalable_dimension)
    if scalable_dimension not in RESOURCES:
        return original(self, policy_name, *where, policy_body, policy_type)
    if store.target(self, scalable_dimension, resource_id) is None:
        raise ObjectNotFound("scalable target registered", where)
    key = "\t".join((*where, policy_name))
    before = self.policies.get(key)
    kind = policy_type or (before.policy_type if before is not None else "StepScaling")
    if kind == "PredictiveScaling":
        raise AWSValidationException(
            "Predictive scaling is not simulated. Use TargetTrackingScaling or StepScaling here."
        )
    _check(kind, policy_body or {})
    if before is not None:
        before.delete_alarms(self.account_id, self.region_name)
    policy = original(self, policy_name, *where, policy_body, kind)
    if before is not None:
        policy.policy_arn, policy.creation_time = before.policy_arn, before.creation_time
        policy.delete_alarms(self.account_id, self.region_name)
        policy.alarms = []
        policy.create_alarms()
    alarms.watch(self.account_id, self.region_name)
    return policy


_TRACKED: Final = {
    "ECSServiceAverageCPUUtilization": ("AWS/ECS", "CPUUtilization", "Average"),
    "ECSServiceAverageMemoryUtilization": ("AWS/ECS", "MemoryUtilization", "Average"),
    "ALBRequestCountPerTarget": ("AWS/ApplicationELB", "RequestCountPerTarget", "Sum"),
}


def _check(kind: str, body: dict[str, Any]) -> None:
    if kind == "TargetTrackingScaling":
        if not body:
            raise AWSValidationException("TargetTrackingScalingPolicyConfiguration is required.")
        predefined, custom = (
            body.get("PredefinedMetricSpecification"),
            body.get("CustomizedMetricSpecification"),
        )
        if bool(predefined) == bool(custom):
            raise AWSValidationException(
                "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification is required."
            )
        if predefined:
            name = predefined.get("PredefinedMetricType")
            if name not in _TRACKED:
                raise AWSValidationException(
                    f"The metric {name} does not belong to ECS services, or is not simulated."
                )
            if name == "ALBRequestCountPerTarget" and "/targetgroup/" not in (
                predefined.get("ResourceLabel") or ""
            ):
                raise AWSValidationException(
                    "ResourceLabel is required for ALBRequestCountPerTarget, as "
                    "app/<load balancer>/<id>/targetgroup/<target group>/<id>."
                )
        if custom and custom.get("Metrics"):
            raise AWSValidationException("Metric math in a scaling policy is not simulated. Name one metric.")
    elif kind == "StepScaling":
        found = body.get("StepAdjustments")
        if not found:
            raise AWSValidationException("At least one StepAdjustment is required.")
        if not body.get("AdjustmentType"):
            raise AWSValidationException("AdjustmentType is required.")


@hook("moto.applicationautoscaling.models:FakeApplicationAutoscalingPolicy._generate_ecs_alarms")
def generate_ecs_alarms(original: Any, self: Any) -> list[Any]:
    """The alarms of a target tracking policy: above the target for 3 minutes, below 90 % of it for 15."""
    from moto.cloudwatch.models import cloudwatch_backends

    settings = self.target_tracking_scaling_policy_configuration
    target = float(settings["TargetValue"])
    metric = _metric(self)
    action = f"{self.policy_arn}:createdBy/{mock_random.uuid4()}"
    high, low = (
        ("High", "GreaterThanThreshold", 3, target),
        ("Low", "LessThanThreshold", 15, target * steps.LOW_SHARE),
    )
    made = []
    for side, comparison, periods, threshold in (high,) if settings.get("DisableScaleIn") else (high, low):
        alarm = cloudwatch_backends[self.account_id][self.region_name].put_metric_alarm(
            name=f"TargetTracking-{self.resource_id}-Alarm{side}-{mock_random.uuid4()}",
            metric_data_queries=[], comparison_operator=comparison, evaluation_periods=periods, period=60,
            threshold=threshold, alarm_actions=[action],
            description=f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {action}.", **metric,
        )  # fmt: skip
        alarm.state_value = "INSUFFICIENT_DATA"
        made.append(alarm)
    return made


def _metric(policy: Any) -> dict[str, Any]:
    settings = policy.target_tracking_scaling_policy_configuration
    custom = settings.get("CustomizedMetricSpecification")
    if custom:
        return {
            "namespace": custom.get("Namespace"), "metric_name": custom.get("MetricName"),
            "statistic": custom.get("Statistic") or "Average", "unit": custom.get("Unit"),
            "dimensions": custom.get("Dimensions") or [],
        }  # fmt: skip
    predefined = settings["PredefinedMetricSpecification"]
    namespace, name, statistic = _TRACKED[predefined["PredefinedMetricType"]]
    if name == "RequestCountPerTarget":
        balancer, _, group = predefined["ResourceLabel"].partition("/targetgroup/")
        places = {"LoadBalancer": balancer, "TargetGroup": f"targetgroup/{group}"}
        unit = None
    else:
        _, cluster, service = policy.resource_id.split("/")
        places, unit = {"ClusterName": cluster, "ServiceName": service}, "Percent"
    return {
        "namespace": namespace, "metric_name": name, "statistic": statistic, "unit": unit,
        "dimensions": [{"Name": key, "Value": text} for key, text in places.items()],
    }  # fmt: skip


# -- activities --------------------------------------------------------------------------------------


@hook(f"{_RESPONSE}.describe_scaling_activities", kind="new")
def describe_scaling_activities(self: Any) -> str:
    """DescribeScalingActivities, newest first."""
    found_in = self.applicationautoscaling_backend
    namespace, resource_id = self._get_param("ServiceNamespace"), self._get_param("ResourceId")
    dimension, unscaled = self._get_param("ScalableDimension"), self._get_param("IncludeNotScaledActivities")
    size, token = self._get_int_param("MaxResults") or 50, self._get_param("NextToken")
    found = [
        one
        for one in getattr(found_in, "activities", [])
        if one["ServiceNamespace"] == namespace
        and resource_id in (None, one["ResourceId"])
        and dimension in (None, one["ScalableDimension"])
        and (unscaled or "NotScaledReasons" not in one)
    ]
    first = int(token) if token and token.isdigit() else 0
    shown: dict[str, Any] = {"ScalingActivities": found[first : first + size]}
    if first + size < len(found):
        shown["NextToken"] = str(first + size)
    return json.dumps(shown)
