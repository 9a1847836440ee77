"""Application Auto Scaling of ECS services: target tracking, steps, schedules, activities, and what stops it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox, current
from labkit.sandbox.fleet import boxes
from labkit.sandbox.services import _ecs_store
from tests.sandbox.containers import servicekit as kit
from tests.sandbox.enforced import refusal

TARGET: dict[str, Any] = {
    "ServiceNamespace": "ecs", "ResourceId": "service/shop/user", "ScalableDimension": "ecs:service:DesiredCount",
}  # fmt: skip
WORKS = "PORT = 8080\nSTARTS_IN = 1.0\nCPU = 0.0\nCPU_PER_REQUEST = 0.01\nMEMORY = 60\n"


def scaling() -> Any:
    return boto3.client("application-autoscaling")


def register(low: int = 1, high: int = 10, **more: Any) -> None:
    scaling().register_scalable_target(**TARGET, MinCapacity=low, MaxCapacity=high, **more)


def track(
    value: float = 50.0, name: str = "cpu", metric: str = "ECSServiceAverageCPUUtilization", **more: Any
) -> Any:
    return scaling().put_scaling_policy(
        **TARGET, PolicyName=name, PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": value, "PredefinedMetricSpecification": {"PredefinedMetricType": metric}, **more,
        },
    )  # fmt: skip


def activities(**more: Any) -> list[dict[str, Any]]:
    return list(scaling().describe_scaling_activities(ServiceNamespace="ecs", **more)["ScalingActivities"])


def load(minutes: float, per_second: Callable[[], float]) -> None:
    """Requests come evenly to all tasks that listen."""
    clock = current().clock
    for _ in range(int(minutes * 6)):
        found = [_ecs_store.task(one) for one in sorted(kit.arns(kit.running()))]
        for task in found:
            assert task is not None
            box = task.containers[0].box
            if box is not None:
                boxes.serve(box, boxes.Request(weight=per_second() * 10 / len(found)), clock.time())
        clock.advance(seconds=10)


@pytest.fixture
def shop(story: Sandbox) -> Sandbox:
    """A service of two tasks with a quarter of a vCPU each; 25 requests a second are 50 % of both."""
    kit.create(count=2, task=kit.definition(kit.image(WORKS)))
    kit.stable()
    # Alarms look at whole minutes: a test that began in the middle of one would tell another story each time.
    story.clock.advance(seconds=60 - story.clock.time() % 60)
    return story


def test_load_above_the_target_scales_out_in_proportion(shop: Sandbox) -> None:
    register()
    made = track(50.0, ScaleOutCooldown=0)
    names = [one["AlarmName"] for one in made["Alarms"]]
    assert [one.rpartition("-Alarm")[0][:37] for one in names] == ["TargetTracking-service/shop/user"] * 2
    load(5, lambda: 40.0)
    assert kit.service()["desiredCount"] == 4
    newest = activities()[0]
    high = next(one for one in names if "AlarmHigh" in one)
    assert newest["Description"] == "Setting desired count to 4."
    assert newest["Cause"] == f"monitor alarm {high} in state ALARM triggered policy cpu"
    load(4, lambda: 40.0)
    (newest,) = activities()  # the minutes before it tell of two tasks, and call for no more than four
    assert newest["StatusCode"] == "Successful"
    assert newest["StatusMessage"] == (
        "Successfully set desired count to 4. Change successfully fulfilled by ecs."
    )


def test_it_takes_three_minutes_above_and_fifteen_below(shop: Sandbox) -> None:
    register()
    track(50.0)
    begin = current().clock.time()
    load(4.5, lambda: 40.0)
    grown = next(one for one in activities() if "4." in one["Description"])["StartTime"].timestamp()
    assert 180 <= grown - begin <= 250
    load(8, lambda: 10.0)
    assert kit.service()["desiredCount"] == 4
    load(14, lambda: 10.0)
    assert kit.service()["desiredCount"] < 4


def test_the_alarms_tell_the_truth(shop: Sandbox) -> None:
    register()
    track(50.0)
    cloudwatch = boto3.client("cloudwatch")

    def states() -> dict[str, str]:
        found = cloudwatch.describe_alarms(AlarmNamePrefix="TargetTracking-")["MetricAlarms"]
        return {"high" if "AlarmHigh" in one["AlarmName"] else "low": one["StateValue"] for one in found}

    load(5, lambda: 40.0)
    assert states()["high"] == "ALARM" or kit.service()["desiredCount"] == 4
    load(20, lambda: 40.0)
    assert states() == {"high": "OK", "low": "ALARM"} or states() == {"high": "OK", "low": "OK"}
    current().clock.advance(minutes=20)
    assert states()["low"] == "ALARM"
    thresholds = {
        one["ComparisonOperator"]: (one["Threshold"], one["EvaluationPeriods"])
        for one in cloudwatch.describe_alarms(AlarmNamePrefix="TargetTracking-")["MetricAlarms"]
    }
    assert thresholds == {"GreaterThanThreshold": (50.0, 3), "LessThanThreshold": (45.0, 15)}


def test_no_scale_in_when_that_is_switched_off_or_suspended(shop: Sandbox) -> None:
    register()
    made = track(50.0, DisableScaleIn=True)
    assert len(made["Alarms"]) == 1
    current().clock.advance(minutes=40)
    assert kit.service()["desiredCount"] == 2
    track(50.0)
    register(SuspendedState={"DynamicScalingInSuspended": True})
    current().clock.advance(minutes=40)
    assert kit.service()["desiredCount"] == 2
    register(SuspendedState={"DynamicScalingInSuspended": False})
    current().clock.advance(minutes=5)
    assert kit.service()["desiredCount"] == 1


def test_no_scale_in_while_a_deployment_is_in_progress(shop: Sandbox) -> None:
    register()
    track(50.0)
    current().clock.advance(minutes=2)
    broken = kit.definition(kit.image(kit.CRASHES, tag="broken"))
    kit.update(taskDefinition=broken)
    current().clock.advance(minutes=30)
    assert kit.service()["desiredCount"] == 2


def test_the_minimum_is_in_force_at_once_and_is_an_activity(shop: Sandbox) -> None:
    register(low=4)
    current().clock.advance(seconds=5)
    assert kit.service()["desiredCount"] == 4
    assert activities()[0]["Cause"] == "minimum capacity was set to 4"
    register(low=1, high=3)
    current().clock.advance(seconds=5)
    assert kit.service()["desiredCount"] == 3
    assert activities()[0]["Cause"] == "maximum capacity was set to 3"
    assert activities()[1]["StatusCode"] in ("Overridden", "Successful")


def test_the_maximum_holds_and_says_so(shop: Sandbox) -> None:
    register(high=2)
    track(50.0)
    load(6, lambda: 45.0)
    assert kit.service()["desiredCount"] == 2
    assert activities() == []
    (told,) = activities(IncludeNotScaledActivities=True)
    assert told["NotScaledReasons"][0] == {
        "Code": "AlreadyAtMaxCapacity",
        "MaxCapacity": 2,
        "CurrentCapacity": 2,
    }


def test_a_step_policy_follows_your_own_alarm(shop: Sandbox) -> None:
    register()
    arn = scaling().put_scaling_policy(
        **TARGET, PolicyName="steps", PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity", "Cooldown": 120,
            "StepAdjustments": [
                {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 50, "ScalingAdjustment": 1},
                {"MetricIntervalLowerBound": 50, "ScalingAdjustment": 3},
            ],
        },
    )["PolicyARN"]  # fmt: skip
    cloudwatch = boto3.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="waiting", Namespace="Shop", MetricName="Waiting", Statistic="Average", Period=60,
        EvaluationPeriods=2, Threshold=100, ComparisonOperator="GreaterThanOrEqualToThreshold", AlarmActions=[arn],
    )  # fmt: skip

    def waiting(value: float, minutes: int) -> None:
        for _ in range(minutes):
            cloudwatch.put_metric_data(
                Namespace="Shop", MetricData=[{"MetricName": "Waiting", "Value": value}]
            )
            current().clock.advance(minutes=1)

    waiting(120, 3)
    assert kit.service()["desiredCount"] == 3
    waiting(10, 3)
    waiting(200, 3)
    assert kit.service()["desiredCount"] == 6


def test_scheduled_actions_change_the_limits_on_time(shop: Sandbox) -> None:
    register()
    at = current().clock.now() + timedelta(hours=1)
    scaling().put_scheduled_action(
        **TARGET, ScheduledActionName="morning", Schedule=f"at({at:%Y-%m-%dT%H:%M:%S})",
        ScalableTargetAction={"MinCapacity": 5, "MaxCapacity": 8},
    )  # fmt: skip
    current().clock.advance(minutes=59)
    assert kit.service()["desiredCount"] == 2
    current().clock.advance(minutes=3)
    assert kit.service()["desiredCount"] == 5
    target = scaling().describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"][0]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (5, 8)
    assert [one["Description"] for one in activities()] == [
        "Setting desired count to 5.", "Setting min capacity to 5 and max capacity to 8",
    ]  # fmt: skip
    assert activities()[1]["Cause"] == "scheduled action name morning was triggered"


def test_a_recurring_action_runs_again_and_a_deleted_one_never(shop: Sandbox) -> None:
    register()
    scaling().put_scheduled_action(
        **TARGET, ScheduledActionName="often", Schedule="rate(10 minutes)", ScalableTargetAction={"MinCapacity": 3},
    )  # fmt: skip
    current().clock.advance(minutes=35)
    said = [one for one in activities() if one["Description"] == "Setting min capacity to 3"]
    assert len(said) == 3
    scaling().delete_scheduled_action(**TARGET, ScheduledActionName="often")
    current().clock.advance(minutes=35)
    assert len([one for one in activities() if "min capacity to 3" in one["Description"]]) == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"Schedule": "never"}, "Invalid Schedule Expression never."),
        ({"Schedule": "rate(1 hour)", "Timezone": "Mars/Olympus"}, "Unknown time zone: Mars/Olympus"),
    ],
)
def test_a_bad_schedule_is_refused(shop: Sandbox, given: dict[str, Any], said: str) -> None:
    register()
    code, text = refusal(
        scaling().put_scheduled_action, **TARGET, ScheduledActionName="x", ScalableTargetAction={"MinCapacity": 1},
        **given,
    )  # fmt: skip
    assert code == "ValidationException"
    assert said in text


def test_what_has_to_be_there_first(story: Sandbox) -> None:
    kit.cluster()
    assert refusal(register) == ("ValidationException", "ECS service doesn't exist: service/shop/user")
    kit.create(count=1)
    assert refusal(track) == (
        "ObjectNotFoundException",
        "No scalable target registered for service namespace: ecs, resource ID: service/shop/user, "
        "scalable dimension: ecs:service:DesiredCount",
    )
    assert refusal(register, low=5, high=2)[0] == "ValidationException"
    register()
    assert refusal(track, metric="ALBRequestCountPerTarget")[0] == "ValidationException"


def test_putting_a_policy_again_keeps_its_arn_and_replaces_its_alarms(shop: Sandbox) -> None:
    register()
    first, second = track(50.0), track(70.0)
    assert first["PolicyARN"] == second["PolicyARN"]
    kept = boto3.client("cloudwatch").describe_alarms(AlarmNamePrefix="TargetTracking-")["MetricAlarms"]
    assert {one["AlarmName"] for one in kept} == {one["AlarmName"] for one in second["Alarms"]}
    scaling().deregister_scalable_target(**TARGET)
    assert boto3.client("cloudwatch").describe_alarms(AlarmNamePrefix="TargetTracking-")["MetricAlarms"] == []


def test_a_service_that_is_gone_is_left_alone(shop: Sandbox) -> None:
    register()
    track(50.0)
    kit.ecs().delete_service(cluster=kit.CLUSTER, service="user", force=True)
    current().clock.advance(hours=1)
    assert kit.service()["status"] == "INACTIVE"
