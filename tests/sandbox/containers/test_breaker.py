"""The deployment circuit breaker and deployment alarms: failure is found, and where asked for, taken back."""

from __future__ import annotations

import boto3

from labkit.sandbox import Sandbox, current
from tests.sandbox.containers import servicekit as kit

BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


def test_a_broken_release_is_rolled_back(story: Sandbox) -> None:
    kit.create(count=3, deploymentConfiguration=BREAKER)
    kit.stable()
    good = kit.service()["deployments"][0]["id"]
    kept = kit.arns(kit.running())
    kit.update(taskDefinition=kit.definition(kit.image(kit.CRASHES, tag="broken")))
    bad = kit.service()["deployments"][0]["id"]
    kit.until(lambda: kit.service()["deployments"][0]["id"] == good)
    first = kit.service()["deployments"][0]
    assert first["rolloutState"] == "IN_PROGRESS"
    assert (
        first["rolloutStateReason"] == f"ECS deployment circuit breaker: rolling back to deploymentId {good}."
    )
    failed = next((one for one in kit.service()["deployments"] if one["id"] == bad), None)
    if failed is not None:
        assert failed["rolloutState"] == "FAILED"
        assert failed["rolloutStateReason"] == "ECS deployment circuit breaker: tasks failed to start."
        assert failed["failedTasks"] == 3
    kit.stable()
    assert kit.service()["taskDefinition"].endswith("user:1")
    assert kit.arns(kit.running()) == kept
    said = kit.messages()
    at = said.index(f"(service user) (deployment {bad}) deployment failed: tasks failed to start.")
    assert said[at + 1] == f"(service user) rolling back to deployment {good}."
    assert said[-1] == "(service user) has reached a steady state."


def test_without_rollback_a_failed_deployment_starts_nothing_more(story: Sandbox) -> None:
    kit.create(
        count=2, deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
    )
    kit.stable()
    kept = kit.arns(kit.running())
    kit.update(taskDefinition=kit.definition(kit.image(kit.CRASHES, tag="broken")))
    current().clock.advance(minutes=10)
    newest, old = kit.service()["deployments"]
    assert (newest["status"], newest["rolloutState"]) == ("PRIMARY", "FAILED")
    assert old["runningCount"] == 2
    assert kit.arns(kit.running()) == kept
    count = len(kit.messages())
    current().clock.advance(hours=1)
    assert len(kit.messages()) == count


def test_images_that_cannot_be_pulled_trip_the_breaker_too(story: Sandbox) -> None:
    kit.create(count=1, deploymentConfiguration=BREAKER)
    kit.stable()
    kit.update(taskDefinition=kit.definition(kit.image().replace(":1", ":missing")))
    kit.until(lambda: any("rolling back" in one for one in kit.messages()), 1_800)
    kit.stable()
    assert kit.service()["taskDefinition"].endswith("user:1")


def test_a_release_that_never_gets_well_is_rolled_back(story: Sandbox) -> None:
    kit.create(count=1, task=kit.definition(kit.image(), check=kit.CHECK), deploymentConfiguration=BREAKER)
    kit.stable()
    kit.update(taskDefinition=kit.definition(kit.image(kit.SICK, tag="sick"), check=kit.CHECK))
    kit.until(lambda: any("rolling back" in one for one in kit.messages()), 1_800)
    assert sum("failed container health checks" in one for one in kit.messages()) == 3
    kit.stable()


def test_a_first_deployment_has_nowhere_to_go_back_to(story: Sandbox) -> None:
    task = kit.definition(kit.image(kit.CRASHES, tag="broken"))
    kit.create(count=1, task=task, deploymentConfiguration=BREAKER)
    current().clock.advance(minutes=30)
    (only,) = kit.service()["deployments"]
    assert (only["status"], only["rolloutState"], only["failedTasks"]) == ("PRIMARY", "FAILED", 3)
    assert not any("rolling back" in one for one in kit.messages())


def test_without_a_breaker_a_broken_release_goes_on_for_ever(story: Sandbox) -> None:
    kit.create(count=1)
    kit.stable()
    kit.update(taskDefinition=kit.definition(kit.image(kit.CRASHES, tag="broken")))
    current().clock.advance(hours=1)
    assert kit.service()["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    assert len(kit.running()) == 1 or len(kit.running()) == 2


def test_a_threshold_of_your_own(story: Sandbox) -> None:
    own = {"enable": True, "rollback": True, "thresholdConfiguration": {"type": "COUNT", "value": 1}}
    kit.create(count=1, deploymentConfiguration={"deploymentCircuitBreaker": own})
    kit.stable()
    kit.update(taskDefinition=kit.definition(kit.image(kit.CRASHES, tag="broken")))
    kit.stable()
    assert len([one for one in kit.tasks(status="STOPPED") if one["taskDefinitionArn"].endswith(":2")]) == 1


def test_an_alarm_takes_a_deployment_back(story: Sandbox) -> None:
    cloudwatch = boto3.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="errors", Namespace="Shop", MetricName="Errors", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    alarms = {"alarmNames": ["errors"], "enable": True, "rollback": True}
    kit.create(count=2, deploymentConfiguration={"alarms": alarms})
    kit.stable()
    second = kit.definition(kit.image())
    kit.update(taskDefinition=second)
    current().clock.advance(seconds=20)
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="drill")
    kit.stable()
    assert kit.service()["taskDefinition"].endswith("user:1")
    assert any("deployment failed: alarm detected." in one for one in kit.messages())
    newest = kit.ecs().list_service_deployments(cluster=kit.CLUSTER, service="user")["serviceDeployments"][0]
    described = kit.ecs().describe_service_deployments(serviceDeploymentArns=[newest["serviceDeploymentArn"]])
    assert described["serviceDeployments"][0]["alarms"]["triggeredAlarmNames"] == ["errors"]
