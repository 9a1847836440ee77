"""Services keep their count: created, scaled, struck, deleted; and everything a learner set comes back."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox, current
from labkit.sandbox.services import _ecs_tasks
from tests.sandbox.containers import servicekit as kit
from tests.sandbox.enforced import make_role, refusal


def test_a_new_service_starts_its_tasks_spread_over_the_zones(story: Sandbox) -> None:
    made = kit.create(count=3)
    assert (made["status"], made["desiredCount"], made["runningCount"]) == ("ACTIVE", 3, 0)
    kit.stable()
    found = kit.tasks()
    assert len({one["availabilityZone"] for one in found}) == 3
    assert {one["startedBy"] for one in found} == {kit.service()["deployments"][0]["id"]}
    assert {one["group"] for one in found} == {"service:user"}


def test_what_a_service_says_when_it_is_born(story: Sandbox) -> None:
    kit.create(count=2)
    kit.stable()
    deployment = kit.service()["deployments"][0]["id"]
    said = kit.messages()
    assert said[0].startswith("(service user) has started 2 tasks: (task ")
    assert said[1:] == [
        f"(service user) (deployment {deployment}) deployment completed.",
        "(service user) has reached a steady state.",
    ]


def test_the_waiter_for_stable_services_ends(story: Sandbox) -> None:
    kit.create()
    kit.ecs().get_waiter("services_stable").wait(cluster=kit.CLUSTER, services=["user"])
    assert kit.service()["runningCount"] == 3


def test_everything_that_was_set_comes_back(story: Sandbox) -> None:
    given: dict[str, Any] = {
        "deploymentConfiguration": {
            "maximumPercent": 150, "minimumHealthyPercent": 50,
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
        },
        "healthCheckGracePeriodSeconds": 30, "enableExecuteCommand": True, "enableECSManagedTags": True,
        "propagateTags": "SERVICE", "availabilityZoneRebalancing": "DISABLED", "platformVersion": "1.4.0",
        "tags": [{"key": "team", "value": "orders"}],
    }  # fmt: skip
    role = make_role("task", trusts={"Service": "ecs-tasks.amazonaws.com"})
    made = kit.create(task=kit.definition(kit.image(), taskRoleArn=role), **given)
    kit.stable()
    for shown in (made, kit.service()):
        configuration = shown.pop("deploymentConfiguration")
        assert {**configuration, **given["deploymentConfiguration"]} == configuration
        assert configuration["strategy"] == "ROLLING"
        for name in given.keys() - {"deploymentConfiguration"}:
            assert shown[name] == given[name], name
    arn = kit.tasks()[0]["taskArn"]
    task = kit.ecs().describe_tasks(cluster=kit.CLUSTER, tasks=[arn], include=["TAGS"])["tasks"][0]
    assert {one["key"] for one in task["tags"]} == {"team", "aws:ecs:clusterName", "aws:ecs:serviceName"}


def test_the_defaults_are_those_of_aws(story: Sandbox) -> None:
    made = kit.create()
    configuration = made["deploymentConfiguration"]
    assert (configuration["maximumPercent"], configuration["minimumHealthyPercent"]) == (200, 100)
    assert made["availabilityZoneRebalancing"] == "ENABLED"
    assert made["schedulingStrategy"] == "REPLICA"
    assert made["platformVersion"] == "LATEST"
    assert made["deployments"][0]["platformVersion"] == "1.4.0"


def test_a_killed_and_a_crashed_task_are_replaced_within_a_minute(story: Sandbox) -> None:
    kit.create(count=3)
    kit.stable()
    before = kit.arns(kit.tasks())
    first, second, _ = sorted(before)
    assert _ecs_tasks.kill(first)
    assert _ecs_tasks.crash(second)
    current().clock.advance(seconds=60)
    now = kit.arns(kit.running())
    assert len(now) == 3
    assert len(now - before) == 2
    assert kit.service()["deployments"][0]["rolloutState"] == "COMPLETED"


def test_a_stopped_task_is_replaced(story: Sandbox) -> None:
    kit.create(count=1)
    kit.stable()
    arn = kit.tasks()[0]["taskArn"]
    kit.ecs().stop_task(cluster=kit.CLUSTER, task=arn, reason="drill")
    kit.until(lambda: kit.running() and kit.running()[0]["taskArn"] != arn)


def test_scaling_out_and_in_changes_no_deployment(story: Sandbox) -> None:
    kit.create(count=2)
    kit.stable()
    deployment = kit.service()["deployments"][0]["id"]
    kit.update(desiredCount=6)
    kit.stable()
    assert len(kit.running()) == 6
    kit.update(desiredCount=3)
    kit.stable()
    found = kit.running()
    assert len({one["availabilityZone"] for one in found}) == 3
    assert [one["id"] for one in kit.service()["deployments"]] == [deployment]
    gone = kit.tasks(status="STOPPED")
    assert {one["stopCode"] for one in gone} == {"ServiceSchedulerInitiated"}
    assert {one["stoppedReason"] for one in gone} == {
        f"Scaling activity initiated by (deployment {deployment})"
    }


def test_protected_tasks_survive_scaling_in(story: Sandbox) -> None:
    kit.create(count=3)
    kit.stable()
    kept = sorted(kit.arns(kit.tasks()))[0]
    kit.ecs().update_task_protection(
        cluster=kit.CLUSTER, tasks=[kept], protectionEnabled=True, expiresInMinutes=60
    )
    kit.update(desiredCount=1)
    current().clock.advance(minutes=3)
    assert kit.arns(kit.running()) == {kept}


def test_a_service_may_want_nothing(story: Sandbox) -> None:
    kit.create(count=0)
    kit.stable()
    assert kit.tasks() == []
    kit.update(desiredCount=1)
    kit.stable()
    kit.update(desiredCount=0)
    kit.stable()
    assert kit.service()["runningCount"] == 0


def test_a_service_that_is_scaled_up_is_deleted_only_by_force(story: Sandbox) -> None:
    kit.create(count=2)
    kit.stable()
    code, text = refusal(kit.ecs().delete_service, cluster=kit.CLUSTER, service="user")
    assert (code, text) == (
        "InvalidParameterException", "The service cannot be stopped while it is scaled above 0.",
    )  # fmt: skip
    gone = kit.ecs().delete_service(cluster=kit.CLUSTER, service="user", force=True)["service"]
    assert gone["status"] == "DRAINING"
    assert kit.ecs().list_services(cluster=kit.CLUSTER)["serviceArns"] == []
    kit.ecs().get_waiter("services_inactive").wait(cluster=kit.CLUSTER, services=["user"])
    assert kit.service()["status"] == "INACTIVE"
    assert kit.tasks() == []


def test_an_inactive_service_can_be_made_again_and_not_changed(story: Sandbox) -> None:
    task = kit.definition(kit.image())
    kit.create(count=0, task=task)
    kit.ecs().delete_service(cluster=kit.CLUSTER, service="user")
    assert refusal(kit.ecs().update_service, cluster=kit.CLUSTER, service="user", desiredCount=1) == (
        "ServiceNotActiveException", "Service was not ACTIVE.",
    )  # fmt: skip
    kit.create(count=1, task=task)
    kit.stable()


def test_a_draining_service_blocks_its_name(story: Sandbox) -> None:
    task = kit.definition(kit.image())
    kit.create(count=1, task=task)
    kit.stable()
    kit.ecs().delete_service(cluster=kit.CLUSTER, service="user", force=True)
    given = {"networkConfiguration": kit.network(), "launchType": "FARGATE", "desiredCount": 1}
    code, text = refusal(
        kit.ecs().create_service, cluster=kit.CLUSTER, serviceName="user", taskDefinition=task, **given
    )
    assert (code, text) == ("InvalidParameterException", "Unable to Start a service that is still Draining.")


def test_creating_twice_is_idempotent_or_refused(story: Sandbox) -> None:
    task = kit.definition(kit.image())
    first = kit.create(count=1, task=task)
    assert kit.create(count=1, task=task)["serviceArn"] == first["serviceArn"]
    code, text = refusal(kit.create, count=2, task=task)
    assert (code, text) == ("InvalidParameterException", "Creation of service was not idempotent.")


def test_a_service_that_nobody_made(story: Sandbox) -> None:
    kit.cluster()
    assert refusal(kit.ecs().update_service, cluster=kit.CLUSTER, service="nobody", desiredCount=1) == (
        "ServiceNotFoundException", "Service not found.",
    )  # fmt: skip
    failures = kit.ecs().describe_services(cluster=kit.CLUSTER, services=["nobody"])["failures"]
    assert [one["reason"] for one in failures] == ["MISSING"]
    assert (
        refusal(kit.ecs().describe_services, cluster="none", services=["x"])[0] == "ClusterNotFoundException"
    )


def test_services_are_listed_in_pages_of_ten(story: Sandbox) -> None:
    task = kit.definition(kit.image())
    for number in range(12):
        kit.create(f"s{number:02}", count=0, task=task)
    first = kit.ecs().list_services(cluster=kit.CLUSTER)
    assert len(first["serviceArns"]) == 10
    rest = kit.ecs().list_services(cluster=kit.CLUSTER, nextToken=first["nextToken"])
    assert len(rest["serviceArns"]) == 2
    assert "nextToken" not in rest
    assert kit.ecs().list_services(cluster=kit.CLUSTER, launchType="EC2")["serviceArns"] == []


@pytest.mark.parametrize("strategy", ["BLUE_GREEN", "LINEAR", "CANARY"])
def test_other_strategies_are_refused_in_one_sentence(story: Sandbox, strategy: str) -> None:
    more: dict[str, Any] = {"strategy": strategy}
    if strategy == "BLUE_GREEN":
        more["bakeTimeInMinutes"] = 1
    code, text = refusal(kit.create, deploymentConfiguration=more)
    assert code == "ClientException"
    assert text == f"Deployments with the strategy {strategy} are not simulated yet. Use ROLLING here."


def test_a_cluster_without_instances_says_why_nothing_is_placed(story: Sandbox) -> None:
    kit.cluster()
    task = kit.definition(kit.image(), requiresCompatibilities=["EC2"], networkMode="bridge")
    kit.ecs().create_service(
        cluster=kit.CLUSTER, serviceName="user", taskDefinition=task, desiredCount=1, launchType="EC2"
    )
    current().clock.advance(minutes=10)
    assert kit.service()["runningCount"] == 0
    assert kit.messages() == [
        "(service user) was unable to place a task because no container instance met all of its requirements. "
        "Reason: No Container Instances were found in your cluster. For more information, see the Troubleshooting "
        "section of the Amazon ECS Developer Guide."
    ]


def test_tasks_that_never_run_slow_the_service_down(story: Sandbox) -> None:
    missing = kit.image().replace(":1", ":missing")
    kit.create(count=1, task=kit.definition(missing))
    current().clock.advance(hours=2)
    said = kit.messages()
    assert said.count("(service user) is unable to consistently start tasks successfully.") == 1
    started = [one for one in said if "has started 1 tasks" in one]
    assert 5 < len(started) < 20
    kit.update(taskDefinition=kit.definition(kit.image()))
    kit.stable()


def test_a_service_says_again_that_it_is_steady(story: Sandbox) -> None:
    kit.create(count=1)
    kit.stable()
    current().clock.advance(hours=13)
    assert kit.messages().count("(service user) has reached a steady state.") == 3


def test_at_most_a_hundred_events_are_shown(story: Sandbox) -> None:
    kit.create(count=1)
    kit.stable()
    for _ in range(55):
        (arn,) = kit.ecs().list_tasks(cluster=kit.CLUSTER, serviceName="user")["taskArns"]
        _ecs_tasks.kill(arn)
        current().clock.advance(minutes=3)
    assert len(kit.service()["events"]) == 100


def test_a_copy_in_the_middle_of_everything_goes_on(story: Sandbox) -> None:
    kit.create(count=3)
    current().clock.advance(seconds=9)
    copy = story.snapshot()
    kit.stable()
    later = kit.messages()
    story.restore(copy)
    kit.stable()
    assert kit.messages() == later


def test_service_actions_reach_the_event_bus(story: Sandbox) -> None:
    events, sqs = boto3.client("events"), boto3.client("sqs")
    url = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"},'
        f'"Action":"sqs:SendMessage","Resource":"{arn}"}}]}}'
    )
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    pattern = '{"source":["aws.ecs"],"detail-type":["ECS Service Action","ECS Deployment State Change"]}'
    events.put_rule(Name="tell", EventPattern=pattern)
    events.put_targets(Rule="tell", Targets=[{"Id": "1", "Arn": arn}])
    kit.create(count=1)
    kit.stable()
    current().clock.advance(seconds=5)
    bodies = [
        one["Body"]
        for _ in range(5)
        for one in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    ]
    for name in ("SERVICE_DEPLOYMENT_IN_PROGRESS", "SERVICE_DEPLOYMENT_COMPLETED", "SERVICE_STEADY_STATE"):
        assert sum(name in body for body in bodies) == 1, name
