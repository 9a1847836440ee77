"""Losing capacity: Spot tasks that AWS takes back, Spot that is not to be had, zones that go down."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox
from tests.sandbox.containers.capacitykit import (
    CLUSTER,
    cluster,
    ecs,
    instances,
    job,
    machines,
    network,
    run,
    tasks,
)
from tests.sandbox.containers.servicekit import definition, image

SLOW = "PORT = 8080\nSTARTS_IN = 1.0\nSTOPS_IN = 50.0\nMEMORY = 50\ndef on_sigterm(box):\n    box.log('draining')\n"
DEAF = "PORT = 8080\nSTARTS_IN = 1.0\nSTOPS_IN = None\nMEMORY = 50\n"
MIX: list[dict[str, Any]] = [
    {"capacityProvider": "FARGATE", "base": 2, "weight": 1},
    {"capacityProvider": "FARGATE_SPOT", "weight": 3},
]


@pytest.fixture(autouse=True)
def _account(sandbox: Sandbox) -> None:
    cluster(capacityProviders=["FARGATE", "FARGATE_SPOT"])


def start(sandbox: Sandbox, source: str = SLOW, count: int = 10, **more: Any) -> list[dict[str, Any]]:
    name = definition(image(source), container=more or {"stopTimeout": 120})
    run(name, count, capacityProviderStrategy=MIX, networkConfiguration=network(assignPublicIp="ENABLED"))
    sandbox.clock.advance(minutes=2)
    found = tasks()
    assert {task["lastStatus"] for task in found} == {"RUNNING"}
    return found


def spot(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [task for task in found if task["capacityProviderName"] == "FARGATE_SPOT"]


def test_a_reclaim_takes_the_spot_tasks_and_leaves_the_base(sandbox: Sandbox) -> None:
    assert len(spot(start(sandbox))) == 6
    sandbox.faults.put("ecs.spot_reclaim", target=CLUSTER)
    sandbox.clock.advance(seconds=1)
    going = spot(tasks("STOPPED"))
    assert len(going) == 6
    assert len(tasks()) == 4
    for task in going:
        assert task["stopCode"] == "SpotInterruption"
        assert task["stoppedReason"] == "Your Spot Task was interrupted."
        assert task["lastStatus"] in ("DEACTIVATING", "STOPPING"), "it still has its two minutes"
    sandbox.clock.advance(minutes=2)
    assert {task["containers"][0]["exitCode"] for task in spot(tasks("STOPPED"))} == {0}


def test_who_ignores_the_warning_is_killed_after_its_stop_timeout(sandbox: Sandbox) -> None:
    start(sandbox, DEAF, 3, stopTimeout=90)
    sandbox.faults.put("ecs.spot_reclaim")
    sandbox.clock.advance(seconds=85)
    (task,) = spot(tasks("STOPPED"))
    assert task["containers"][0]["lastStatus"] == "RUNNING"
    sandbox.clock.advance(seconds=30)
    (task,) = spot(tasks("STOPPED"))
    assert task["containers"][0]["exitCode"] == 137


def test_a_share_of_them_goes_and_the_same_for_the_same_seed(sandbox: Sandbox) -> None:
    start(sandbox)
    sandbox.faults.put("ecs.spot_reclaim", 0.5, after=60)
    sandbox.clock.advance(seconds=30)
    assert tasks("STOPPED") == []
    sandbox.clock.advance(seconds=40)
    assert len(spot(tasks("STOPPED"))) == 3


def test_a_fault_that_was_cleared_takes_nothing(sandbox: Sandbox) -> None:
    start(sandbox, count=3)
    sandbox.faults.put("ecs.spot_reclaim", after=60)
    sandbox.faults.clear("ecs.spot_reclaim")
    sandbox.clock.advance(minutes=5)
    assert tasks("STOPPED") == []


def test_only_the_target_is_meant(sandbox: Sandbox) -> None:
    found = spot(start(sandbox))
    sandbox.faults.put("ecs.spot_reclaim", target=found[0]["taskArn"])
    sandbox.faults.put("ecs.spot_reclaim", target="another-cluster")
    sandbox.clock.advance(seconds=1)
    assert [task["taskArn"] for task in tasks("STOPPED")] == [found[0]["taskArn"]]


def test_the_warning_is_an_event(sandbox: Sandbox) -> None:
    start(sandbox, count=3)
    sqs, events = boto3.client("sqs"), boto3.client("events")
    url = sqs.create_queue(QueueName="seen")["QueueUrl"]
    arn = "arn:aws:sqs:eu-west-1:123456789012:seen"
    allow = {
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}]
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(allow)})
    pattern = {
        "source": ["aws.ecs"],
        "detail": {"stopCode": ["SpotInterruption"], "desiredStatus": ["STOPPED"]},
    }
    events.put_rule(Name="spot", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="spot", Targets=[{"Id": "1", "Arn": arn}])
    sandbox.faults.put("ecs.spot_reclaim")
    sandbox.clock.advance(seconds=2)
    message = sqs.receive_message(QueueUrl=url)["Messages"][0]
    event = json.loads(message["Body"])
    assert event["detail-type"] == "ECS Task State Change"
    assert event["detail"]["stoppedReason"] == "Your Spot Task was interrupted."


def test_while_there_is_no_spot_capacity_none_starts(sandbox: Sandbox) -> None:
    name = definition(image())
    sandbox.faults.put("ecs.spot_unavailable", lasting=600)
    call = {"capacityProviderStrategy": MIX, "networkConfiguration": network(assignPublicIp="ENABLED")}
    found = run(name, 6, **call)
    assert {task["capacityProviderName"] for task in found["tasks"]} == {"FARGATE"}
    reason = (
        "Capacity is unavailable at this time. Please try again later or in a different availability zone"
    )
    assert {failure["reason"] for failure in found["failures"]} == {reason}
    sandbox.clock.advance(minutes=11)
    assert run(name, 6, **call)["failures"] == []


def test_a_lost_zone_kills_its_tasks_and_gets_no_new_ones(sandbox: Sandbox) -> None:
    start(sandbox, count=9)
    sandbox.faults.put("ecs.zone_loss", target="eu-west-1a", lasting=600)
    sandbox.clock.advance(seconds=20)
    assert {task["availabilityZone"] for task in tasks()} == {"eu-west-1b", "eu-west-1c"}
    gone = tasks("STOPPED")
    assert len(gone) == 3
    assert {task["containers"][0]["exitCode"] for task in gone} == {137}
    again = run("user", 4, launchType="FARGATE", networkConfiguration=network(assignPublicIp="ENABLED"))
    assert {task["availabilityZone"] for task in again["tasks"]} == {"eu-west-1b", "eu-west-1c"}


def test_a_lost_zone_takes_its_instances_along(sandbox: Sandbox) -> None:
    machines(sandbox, 0, 1)
    job()
    sandbox.faults.put("ecs.zone_loss", target="eu-west-1a")
    sandbox.clock.advance(seconds=1)
    (left,) = instances()
    found = run(count=2)
    assert {task["containerInstanceArn"] for task in found["tasks"]} == {left["containerInstanceArn"]}
    ecs().update_container_instances_state(
        cluster=CLUSTER, containerInstances=[left["containerInstanceArn"]], status="DRAINING"
    )
    assert run()["tasks"] == []


def test_a_service_replaces_what_spot_lost_and_never_has_less_than_its_base(sandbox: Sandbox) -> None:
    ecs().create_service(
        cluster=CLUSTER, serviceName="web", taskDefinition=definition(image()), desiredCount=10,
        capacityProviderStrategy=MIX, networkConfiguration=network(assignPublicIp="ENABLED"),
    )  # fmt: skip
    sandbox.clock.advance(minutes=3)
    assert len(spot(tasks())) == 6
    sandbox.faults.put("ecs.spot_reclaim", target="web")
    for _ in range(12):
        sandbox.clock.advance(seconds=20)
        steady = [one for one in tasks() if one["capacityProviderName"] == "FARGATE"]
        assert sum(one["lastStatus"] == "RUNNING" for one in steady) >= 2
    assert len(spot(tasks())) == 6
    assert {one["lastStatus"] for one in tasks()} == {"RUNNING"}
    sandbox.faults.put("ecs.spot_unavailable", lasting=600)
    sandbox.faults.put("ecs.spot_reclaim", target="web")
    sandbox.clock.advance(minutes=3)
    said = ecs().describe_services(cluster=CLUSTER, services=["web"])["services"][0]["events"][0]["message"]
    assert "Reason: Capacity is unavailable at this time." in said
    sandbox.clock.advance(minutes=20)
    assert len(tasks()) == 10
