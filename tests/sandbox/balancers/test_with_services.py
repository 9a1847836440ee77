"""Load balancers before ECS services: registration, scaling on requests, and tasks that were registered by hand."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox
from labkit.workload import Traffic, play, steady
from tests.sandbox.containers import servicekit as kit
from tests.workload.test_http import USER, front


@pytest.fixture
def shop(sandbox: Sandbox) -> Any:
    """A service of two tasks behind a load balancer. Gives its address and target group."""
    url, group = front()
    behind = [{"targetGroupArn": group, "containerName": "app", "containerPort": 8080}]
    kit.create(task=kit.definition(kit.image(USER)), count=2, loadBalancers=behind)
    kit.stable()
    sandbox.clock.advance(60)
    return url, group


def states(group: str) -> dict[str, str]:
    found = boto3.client("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return {one["Target"]["Id"]: one["TargetHealth"]["State"] for one in found}


def addresses() -> set[str]:
    return {
        detail["value"]
        for task in kit.running()
        for attachment in task["attachments"]
        for detail in attachment["details"]
        if detail["name"] == "privateIPv4Address"
    }


def test_a_service_registers_its_tasks_and_takes_them_out_again(sandbox: Sandbox, shop: Any) -> None:
    _, group = shop
    assert states(group) == dict.fromkeys(addresses(), "healthy")
    kit.update(desiredCount=1)
    sandbox.clock.advance(10)
    assert sorted(states(group).values()) == ["draining", "healthy"]
    sandbox.clock.advance(60)
    assert states(group) == dict.fromkeys(addresses(), "healthy")


def test_a_service_scales_on_requests_for_each_target(sandbox: Sandbox, shop: Any) -> None:
    url, group = shop
    scaling, resource = boto3.client("application-autoscaling"), "service/shop/user"
    balancer = boto3.client("elbv2").describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    where: Any = {
        "ServiceNamespace": "ecs", "ResourceId": resource, "ScalableDimension": "ecs:service:DesiredCount",
    }  # fmt: skip
    scaling.register_scalable_target(MinCapacity=1, MaxCapacity=8, **where)
    label = f"{balancer.partition('loadbalancer/')[2]}/{group.rpartition(':')[2]}"
    scaling.put_scaling_policy(
        PolicyName="requests", PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 300.0, "PredefinedMetricSpecification": {
                "PredefinedMetricType": "ALBRequestCountPerTarget", "ResourceLabel": label,
            },
        }, **where,
    )  # fmt: skip
    load = Traffic(sandbox, steady(20, 900), url)  # 1,200 in a minute: four tasks with 300 each
    play(sandbox, load)
    told = scaling.describe_scaling_activities(ServiceNamespace="ecs", ResourceId=resource)
    grown = [int(one["Description"].split()[-1].strip(".")) for one in told["ScalingActivities"]]
    assert max(grown) in (4, 5)  # a busy minute has some requests more than 1,200
    assert load.records.share_good() == 1.0


def test_a_task_that_a_user_registers_by_hand_is_watched_as_well(sandbox: Sandbox) -> None:
    url, group = front()
    kit.cluster()
    definition = kit.definition(kit.image(USER))
    task = kit.ecs().run_task(
        cluster=kit.CLUSTER, taskDefinition=definition, launchType="FARGATE", networkConfiguration=kit.network(1)
    )["tasks"][0]["taskArn"]  # fmt: skip
    sandbox.clock.advance(120)
    shown = kit.ecs().describe_tasks(cluster=kit.CLUSTER, tasks=[task])["tasks"][0]
    details = {one["name"]: one["value"] for one in shown["attachments"][0]["details"]}
    elb = boto3.client("elbv2")
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": details["privateIPv4Address"]}])
    sandbox.clock.advance(6)
    assert list(states(group).values()) == ["healthy"]
    kit.ecs().stop_task(cluster=kit.CLUSTER, task=task)
    sandbox.clock.advance(30)
    assert list(states(group).values()) == ["unhealthy"]
    load = Traffic(sandbox, steady(1, 5), url, evenly=True)
    play(sandbox, load)
    assert load.records.errors == {"502": 5}
