"""Container instances: how they come, what is left on them, placement, draining and leaving."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox
from tests.sandbox.containers.capacitykit import (
    CLUSTER,
    JOINS,
    cluster,
    ecs,
    fargate,
    instances,
    job,
    left,
    machines,
    network,
    per,
    register,
    run,
    subnets,
    tasks,
)
from tests.sandbox.enforced import refusal

MEMORY: dict[str, Any] = {"placementStrategy": [{"type": "binpack", "field": "memory"}]}
ZONES: dict[str, Any] = {
    "placementStrategy": [{"type": "spread", "field": "attribute:ecs.availability-zone"}]
}


@pytest.fixture(autouse=True)
def _account(sandbox: Sandbox) -> None:
    cluster()
    job()


def test_an_instance_joins_with_the_size_of_its_type(sandbox: Sandbox) -> None:
    (name,) = machines(sandbox, 1, kind="m5.xlarge")
    (found,) = instances()
    assert (found["ec2InstanceId"], found["status"], found["agentConnected"]) == (name, "ACTIVE", True)
    assert left(found, "CPU") == 4096
    assert 15_000 < left(found, "MEMORY") < 16_384
    has = {one["name"]: one.get("value") for one in found["attributes"]}
    assert has["ecs.instance-type"] == "m5.xlarge"
    assert has["ecs.availability-zone"] == "eu-west-1b"
    assert "22" in left(found, "PORTS")
    described = ecs().describe_clusters(clusters=[CLUSTER])["clusters"][0]
    assert described["registeredContainerInstancesCount"] == 1


def test_an_instance_without_the_agent_s_setting_stays_out(sandbox: Sandbox) -> None:
    machines(sandbox, 0, user_data="#!/bin/bash\necho hello")
    machines(sandbox, 0, user_data=JOINS.replace(CLUSTER, "elsewhere"))
    assert instances() == []


def test_the_agent_s_own_call_registers_too(sandbox: Sandbox) -> None:
    (name,) = machines(sandbox, 0, user_data="")
    made = ecs().register_container_instance(
        cluster=CLUSTER, instanceIdentityDocument=json.dumps({"instanceId": name}),
        attributes=[{"name": "stack", "value": "prod"}],
    )["containerInstance"]  # fmt: skip
    assert {"name": "stack", "value": "prod"} in made["attributes"]
    found = ecs().list_container_instances(cluster=CLUSTER, filter="attribute:stack == prod")
    assert found["containerInstanceArns"] == [made["containerInstanceArn"]]
    for wrong in ("{}", "no json", json.dumps({"instanceId": "i-0"})):
        code, _ = refusal(ecs().register_container_instance, cluster=CLUSTER, instanceIdentityDocument=wrong)
        assert code == "InvalidParameterException"


def test_what_is_left_is_true_while_tasks_come_and_go(sandbox: Sandbox) -> None:
    machines(sandbox, 0)
    job("web", cpu=300, memory=700, container={"portMappings": [{"containerPort": 80, "hostPort": 8080}]})
    (before,) = instances()
    (task,) = run("web")["tasks"]
    (now,) = instances()
    assert left(before, "CPU") - left(now, "CPU") == 300
    assert left(before, "MEMORY") - left(now, "MEMORY") == 700
    assert "8080" in left(now, "PORTS")
    assert now["pendingTasksCount"] == 1
    failure = run("web")["failures"]
    assert failure == [{"arn": now["containerInstanceArn"], "reason": "RESOURCE:PORTS"}]
    ecs().stop_task(cluster=CLUSTER, task=task["taskArn"])
    sandbox.clock.advance(minutes=2)
    assert instances()[0]["remainingResources"] == before["remainingResources"]


def test_twelve_tasks_packed_use_fewest_instances_and_spread_use_all_zones(sandbox: Sandbox) -> None:
    machines(sandbox, 0, 0, 1, 1, 2, 2, kind="m5.xlarge")
    packed = (
        run(count=10, group="packed", **MEMORY)["tasks"] + run(count=2, group="packed", **MEMORY)["tasks"]
    )
    assert per(packed, "containerInstanceArn") == [8, 4]
    spread = run(count=10, group="spread", **ZONES)["tasks"] + run(count=2, group="spread", **ZONES)["tasks"]
    assert per(spread, "availabilityZone") == [4, 4, 4]


def test_distinct_instances_and_queries_restrict_the_choice(sandbox: Sandbox) -> None:
    machines(sandbox, 0, 1)
    machines(sandbox, 2, kind="m5.xlarge")
    found = run(count=4, placementConstraints=[{"type": "distinctInstance"}])
    assert per(found["tasks"], "containerInstanceArn") == [1, 1, 1]
    assert found["failures"][0]["reason"] == "DistinctInstance placement constraint unsatisfied."
    large = [{"type": "memberOf", "expression": "attribute:ecs.instance-type == m5.xlarge"}]
    assert per(run(count=2, placementConstraints=large)["tasks"], "availabilityZone") == [2]
    none = [{"type": "memberOf", "expression": "attribute:ecs.instance-type =~ t3.*"}]
    assert (
        run(placementConstraints=none)["failures"][0]["reason"]
        == "MemberOf placement constraint unsatisfied."
    )


def test_a_full_cluster_says_what_it_lacks(sandbox: Sandbox) -> None:
    machines(sandbox, 0)
    job("fat", memory=100_000)
    job("busy", cpu=5_000)
    assert run("fat")["failures"][0]["reason"] == "RESOURCE:MEMORY"
    assert run("busy")["failures"][0]["reason"] == "RESOURCE:CPU"


def test_a_draining_instance_takes_nothing_new(sandbox: Sandbox) -> None:
    machines(sandbox, 0)
    (one,) = instances()
    arn = one["containerInstanceArn"]
    done = ecs().update_container_instances_state(
        cluster=CLUSTER, containerInstances=[arn, "nope"], status="DRAINING"
    )
    assert done["containerInstances"][0]["status"] == "DRAINING"
    assert done["failures"][0]["reason"] == "MISSING"
    assert run()["failures"][0]["reason"] == "NO ACTIVE INSTANCES"
    started = ecs().start_task(cluster=CLUSTER, taskDefinition="job", containerInstances=[arn])
    assert started["failures"][0]["reason"] == "INACTIVE"
    ecs().update_container_instances_state(cluster=CLUSTER, containerInstances=[arn], status="ACTIVE")
    started = ecs().start_task(cluster=CLUSTER, taskDefinition="job", containerInstances=[arn])
    assert started["tasks"][0]["containerInstanceArn"] == arn


def test_an_instance_with_tasks_is_deregistered_only_by_force(sandbox: Sandbox) -> None:
    machines(sandbox, 0)
    run()
    arn = instances()[0]["containerInstanceArn"]
    assert refusal(ecs().deregister_container_instance, cluster=CLUSTER, containerInstance=arn) == (
        "InvalidParameterException", "Found running tasks on the instance."
    )  # fmt: skip
    gone = ecs().deregister_container_instance(cluster=CLUSTER, containerInstance=arn, force=True)
    assert gone["containerInstance"]["status"] == "INACTIVE"
    assert instances() == []
    assert tasks() == []


def test_a_terminated_instance_takes_its_tasks_along(sandbox: Sandbox) -> None:
    (name,) = machines(sandbox, 0)
    (task,) = run()["tasks"]
    sandbox.clock.advance(seconds=30)
    boto3.client("ec2").terminate_instances(InstanceIds=[name])
    sandbox.clock.advance(seconds=30)
    assert instances() == []
    (found,) = ecs().describe_tasks(cluster=CLUSTER, tasks=[task["taskArn"]])["tasks"]
    assert found["lastStatus"] == "STOPPED"
    assert found["stopCode"] in (
        "TerminationNotice",
        "TaskFailedToStart",
    )


def test_a_stopped_instance_s_agent_is_not_connected(sandbox: Sandbox) -> None:
    (name,) = machines(sandbox, 0)
    ec2 = boto3.client("ec2")
    ec2.stop_instances(InstanceIds=[name])
    assert instances()[0]["agentConnected"] is False
    assert run()["failures"][0]["reason"] == "AGENT"
    ec2.start_instances(InstanceIds=[name])
    assert instances()[0]["agentConnected"] is True


def test_changes_of_instances_are_announced(sandbox: Sandbox) -> None:
    sqs, events = boto3.client("sqs"), boto3.client("events")
    url = sqs.create_queue(QueueName="seen")["QueueUrl"]
    arn = "arn:aws:sqs:eu-west-1:123456789012:seen"
    allow = {
        "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
        ]
    }  # fmt: skip
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(allow)})
    events.put_rule(
        Name="r", EventPattern=json.dumps({"detail-type": ["ECS Container Instance State Change"]})
    )
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": arn}])
    machines(sandbox, 0)
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    event = json.loads(message["Body"])
    assert event["source"] == "aws.ecs"
    assert event["detail"]["status"] == "ACTIVE"
    assert event["detail"]["clusterArn"].endswith(f"cluster/{CLUSTER}")


def test_a_task_with_its_own_interface_needs_a_subnet_in_the_zone_of_the_instance(sandbox: Sandbox) -> None:
    machines(sandbox, 0)
    register(**fargate(requiresCompatibilities=["EC2"]))
    there = {"awsvpcConfiguration": {"subnets": [subnets()[0]]}}
    assert run("web", networkConfiguration=there)["tasks"][0]["availabilityZone"] == "eu-west-1a"
    elsewhere = {"awsvpcConfiguration": {"subnets": [subnets()[2]]}}
    assert run("web", networkConfiguration=elsewhere)["failures"][0]["reason"] == "ATTRIBUTE"
    found = [run("web", networkConfiguration=network()) for _ in range(2)]
    assert found[-1]["failures"][0]["reason"] == "RESOURCE:ENI", (
        "an m5.large has three interfaces, one its own"
    )


def test_own_attributes_are_listed_and_asked_for(sandbox: Sandbox) -> None:
    machines(sandbox, 0, 1)
    arn = instances()[1]["containerInstanceArn"]
    ecs().put_attributes(cluster=CLUSTER, attributes=[{"name": "stack", "value": "prod", "targetId": arn}])
    found = ecs().list_attributes(cluster=CLUSTER, targetType="container-instance", attributeName="stack")
    assert [(one["value"], one["targetId"]) for one in found["attributes"]] == [("prod", arn)]
    only = [{"type": "memberOf", "expression": "attribute:stack == prod"}]
    assert {task["containerInstanceArn"] for task in run(count=2, placementConstraints=only)["tasks"]} == {
        arn
    }
    by_arn = {"name": "stack", "targetId": arn, "targetType": "container-instance"}
    by_id = by_arn | {"targetId": arn.rpartition("/")[2]}
    for target in (by_arn, by_id):
        ecs().put_attributes(cluster=CLUSTER, attributes=[target | {"value": "prod"}])
        ecs().delete_attributes(cluster=CLUSTER, attributes=[target])
        assert run(placementConstraints=only)["failures"][0]["reason"].startswith("MemberOf")
    nowhere = [by_arn | {"targetId": "nowhere"}]
    assert refusal(ecs().put_attributes, cluster=CLUSTER, attributes=nowhere)[0] == "TargetNotFoundException"


def test_a_service_finds_its_place_when_an_instance_gets_the_attribute(sandbox: Sandbox) -> None:
    machines(sandbox, 0)
    job()
    ecs().create_service(
        cluster=CLUSTER, serviceName="picky", taskDefinition="job", desiredCount=1,
        placementConstraints=[{"type": "memberOf", "expression": "attribute:stack == prod"}],
    )  # fmt: skip
    sandbox.clock.advance(minutes=2)
    assert tasks() == []
    arn = instances()[0]["containerInstanceArn"]
    ecs().put_attributes(cluster=CLUSTER, attributes=[{"name": "stack", "value": "prod", "targetId": arn}])
    sandbox.clock.advance(seconds=10)
    assert [one["lastStatus"] for one in tasks()] == ["RUNNING"]


def test_a_definition_can_name_its_instances_itself(sandbox: Sandbox) -> None:
    machines(sandbox, 0, 2)
    rule = {"type": "memberOf", "expression": "attribute:ecs.availability-zone in [eu-west-1c]"}
    job("there", placementConstraints=[rule])
    assert per(run("there", count=2)["tasks"], "availabilityZone") == [2]


def test_waiting_instances_survive_a_rehearsal(sandbox: Sandbox) -> None:
    machines(sandbox, 0)
    with sandbox.rehearsal():
        machines(sandbox, 1)
        sandbox.faults.put("ecs.zone_loss", target="eu-west-1a")
        sandbox.clock.advance(seconds=1)
        assert [left(one, "CPU") for one in instances()] == [2048]
        run(count=2)
    assert len(instances()) == 1
    assert run()["tasks"][0]["availabilityZone"] == "eu-west-1a"
