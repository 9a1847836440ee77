"""Where a service's tasks are: zones, instances, capacity providers, target groups, and what happens when those go."""

from __future__ import annotations

from collections import Counter
from typing import Any

import boto3

from labkit.sandbox import Sandbox, current
from tests.sandbox.containers import capacitykit as machines
from tests.sandbox.containers import servicekit as kit


def zones() -> list[int]:
    return sorted(Counter(one["availabilityZone"] for one in kit.running()).values(), reverse=True)


def on_instances(name: str = "user", count: int | None = 3, **more: Any) -> None:
    given: dict[str, Any] = {"requiresCompatibilities": ["EC2"], "networkMode": "bridge"}
    task = kit.definition(kit.image(), container={"cpu": 256, "memory": 512}, **given)
    if count is not None:
        more["desiredCount"] = count
    kit.ecs().create_service(
        cluster=kit.CLUSTER, serviceName=name, taskDefinition=task, launchType="EC2", **more
    )


def test_tasks_wait_for_instances_and_start_when_they_come(story: Sandbox) -> None:
    kit.cluster()
    on_instances(count=2)
    current().clock.advance(minutes=5)
    assert kit.running() == []
    machines.machines(story, 0)
    kit.stable()
    assert len(kit.running()) == 2


def test_a_daemon_runs_once_on_each_instance(story: Sandbox) -> None:
    kit.cluster()
    machines.machines(story, 0, 1)
    on_instances(count=None, schedulingStrategy="DAEMON")
    kit.stable()
    assert len({one["containerInstanceArn"] for one in kit.running()}) == 2
    machines.machines(story, 2)
    kit.stable()
    assert len({one["containerInstanceArn"] for one in kit.running()}) == 3
    assert kit.service()["desiredCount"] == 3
    kit.update(forceNewDeployment=True)
    kit.stable()
    gone = kit.ecs().delete_service(cluster=kit.CLUSTER, service="user")["service"]
    assert gone["status"] == "DRAINING"


def test_tasks_leave_a_draining_instance(story: Sandbox) -> None:
    kit.cluster()
    machines.machines(story, 0, 1)
    on_instances(count=2)
    kit.stable()
    arn = kit.running()[0]["containerInstanceArn"]
    kit.ecs().update_container_instances_state(
        cluster=kit.CLUSTER, containerInstances=[arn], status="DRAINING"
    )
    kit.until(
        lambda: len(kit.running()) == 2 and arn not in {one["containerInstanceArn"] for one in kit.running()}
    )


def test_a_strategy_decides_who_carries_the_tasks(story: Sandbox) -> None:
    kit.cluster(capacityProviders=["FARGATE", "FARGATE_SPOT"])
    strategy = [
        {"capacityProvider": "FARGATE", "base": 2, "weight": 1}, {"capacityProvider": "FARGATE_SPOT", "weight": 3},
    ]  # fmt: skip
    kit.create(count=10, capacityProviderStrategy=strategy)
    kit.stable()
    assert Counter(one["capacityProviderName"] for one in kit.running()) == {"FARGATE": 4, "FARGATE_SPOT": 6}
    shown = kit.service()
    assert "launchType" not in shown
    assert [one["capacityProvider"] for one in shown["capacityProviderStrategy"]] == [
        "FARGATE",
        "FARGATE_SPOT",
    ]
    assert shown["deployments"][0]["capacityProviderStrategy"] == shown["capacityProviderStrategy"]


def test_a_lost_zone_is_made_good_and_balanced_when_it_returns(story: Sandbox) -> None:
    kit.create(count=6)
    kit.stable()
    assert zones() == [2, 2, 2]
    story.faults.put("ecs.zone_loss", target="eu-west-1a")
    current().clock.advance(minutes=5)
    assert zones() == [3, 3]
    story.faults.clear()
    current().clock.advance(minutes=15)
    assert zones() == [2, 2, 2]
    said = [one for one in kit.messages() if "balanced" in one or "AZ Rebalance" in one]
    assert said[0] == (
        "(service user) is not AZ balanced with 0 tasks in eu-west-1a, 3 tasks in eu-west-1b, 3 tasks in eu-west-1c. "
        "AZ Rebalancing in progress."
    )
    assert said[1].startswith("(service user) has started 1 tasks in eu-west-1a to AZ Rebalance: (task ")
    assert said[-1] == (
        "(service user) is AZ balanced with 2 tasks in eu-west-1a, 2 tasks in eu-west-1b, 2 tasks in eu-west-1c."
    )


def test_without_rebalancing_the_zones_stay_unequal(story: Sandbox) -> None:
    kit.create(count=6, availabilityZoneRebalancing="DISABLED")
    kit.stable()
    story.faults.put("ecs.zone_loss", target="eu-west-1a")
    current().clock.advance(minutes=5)
    story.faults.clear()
    current().clock.advance(minutes=15)
    assert zones() == [3, 3]


# -- load balancers ----------------------------------------------------------------------------------


def group(name: str = "users", **more: Any) -> str:
    """A target group behind a load balancer."""
    elb, ec2 = boto3.client("elbv2"), boto3.client("ec2")
    vpc = ec2.describe_subnets(SubnetIds=kit.zones(1))["Subnets"][0]["VpcId"]
    arn = elb.create_target_group(
        Name=name, Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip", HealthCheckPath="/health",
        HealthCheckIntervalSeconds=10, **more,
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    elb.modify_target_group_attributes(
        TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "20"}]
    )
    balancer = elb.create_load_balancer(Name=name, Subnets=kit.zones())["LoadBalancers"][0]["LoadBalancerArn"]
    elb.create_listener(
        LoadBalancerArn=balancer, Protocol="HTTP", Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
    )  # fmt: skip
    return str(arn)


def healths(arn: str) -> list[str]:
    found = boto3.client("elbv2").describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    return sorted(one["TargetHealth"]["State"] for one in found)


def behind(arn: str) -> list[dict[str, Any]]:
    return [{"targetGroupArn": arn, "containerName": "app", "containerPort": 8080}]


def test_tasks_are_registered_and_the_deployment_waits_for_their_health(story: Sandbox) -> None:
    arn = group()
    kit.create(count=2, loadBalancers=behind(arn))
    kit.stable()
    assert healths(arn) == ["healthy", "healthy"]
    assert f"(service user) registered 1 targets in (target-group {arn})" in kit.messages()
    assert kit.service()["roleArn"].endswith("AWSServiceRoleForECS")


def test_a_rollout_behind_a_load_balancer_drains_the_old_targets(story: Sandbox) -> None:
    arn = group()
    kit.create(count=2, loadBalancers=behind(arn))
    kit.stable()
    kit.update(forceNewDeployment=True)
    for _ in range(120):
        current().clock.advance(seconds=2)
        assert healths(arn).count("healthy") >= 2
    kit.stable()
    assert healths(arn) == ["healthy", "healthy"]
    said = kit.messages()
    assert sum(f"targets in (target-group {arn})" in one and " deregistered " in one for one in said) in (
        1,
        2,
    )
    assert any("has begun draining connections on " in one for one in said)


def test_a_task_that_fails_the_load_balancers_check_is_replaced(story: Sandbox) -> None:
    arn = group()
    kit.create(count=1, loadBalancers=behind(arn), task=kit.definition(kit.image(kit.SICK)))
    current().clock.advance(minutes=4)
    gone = kit.tasks(status="STOPPED")
    assert gone
    assert {one["stoppedReason"] for one in gone} == {
        f"Task failed ELB health checks in (target-group {arn})"
    }
    assert any(
        " is unhealthy in (target-group " in one and "due to (reason " in one for one in kit.messages()
    )


def test_a_deleted_service_leaves_its_target_group(story: Sandbox) -> None:
    arn = group()
    kit.create(count=2, loadBalancers=behind(arn))
    kit.stable()
    kit.ecs().delete_service(cluster=kit.CLUSTER, service="user", force=True)
    current().clock.advance(minutes=2)
    assert healths(arn) == []
    assert kit.service()["status"] == "INACTIVE"
