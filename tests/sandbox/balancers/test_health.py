"""Health checks: states and reasons as AWS writes them, at their times, and no work where nothing can change."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox

SICK = """
PORT = 8080
def handle(request, box):
    return {"statusCode": 404 if request.path == "/missing" else 200, "body": ""}
"""
SLOW = "PORT = 8080\nLATENCY = 7.0\n"
SWITCH = """
PORT = 8080
def handle(request, box):
    if request.path == "/break":
        box.state["broken"] = True
    if request.path == "/mend":
        box.state.pop("broken", None)
    return {"statusCode": 500 if box.state.get("broken") else 200}
"""
LATER = """
PORT = 8080
def main(box):
    box.state["until"] = box.now + 300
def handle(request, box):
    return {"statusCode": 200 if box.now < box.state["until"] else 503}
"""


def describe(front: Any) -> dict[str, Any]:
    found = front.api.describe_target_health(TargetGroupArn=front.group)["TargetHealthDescriptions"]
    return dict(found[0]["TargetHealth"])


def test_a_new_target_is_initial_until_its_first_good_check(front: Any, standing: Any) -> None:
    standing.run("10.0.0.5")
    front.register("10.0.0.5")
    assert describe(front) == {
        "State": "initial", "Reason": "Elb.RegistrationInProgress", "Description": "Target registration is in progress",
    }  # fmt: skip
    front.pass_time(3)
    assert describe(front) == {
        "State": "initial", "Reason": "Elb.InitialHealthChecking", "Description": "Initial health checks in progress",
    }  # fmt: skip
    front.pass_time(3)
    assert describe(front) == {"State": "healthy"}


def test_a_listener_with_targets_needs_no_ecs(sandbox: Sandbox) -> None:
    ec2, elb = boto3.client("ec2"), boto3.client("elbv2")
    found = [one for one in ec2.describe_subnets()["Subnets"] if one["DefaultForAz"]][:2]
    balancer = elb.create_load_balancer(Name="web", Subnets=[one["SubnetId"] for one in found])
    group = elb.create_target_group(
        Name="web", Protocol="HTTP", Port=80, VpcId=found[0]["VpcId"], TargetType="ip"
    )["TargetGroups"][0]["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": "172.31.0.9"}])
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"], Protocol="HTTP", Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )  # fmt: skip
    [told] = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert told["TargetHealth"]["State"] == "initial"


def test_describing_changes_nothing(front: Any, standing: Any, sandbox: Sandbox) -> None:
    standing.run("10.0.0.5")
    front.register("10.0.0.5")
    front.health()
    before = sandbox.digest()
    for _ in range(3):
        front.health()
        front.api.describe_target_groups()
        front.api.describe_load_balancers()
    assert sandbox.digest() == before


def test_a_settled_target_costs_the_clock_nothing(front: Any, standing: Any, sandbox: Sandbox) -> None:
    standing.run("10.0.0.5")
    front.register("10.0.0.5")
    front.pass_time(10)
    assert sandbox.clock.waiting == ()
    assert sandbox.clock.advance(hours=24).played == 0
    assert front.states() == ["healthy"]


@pytest.mark.parametrize(
    ("source", "path", "reason", "description"),
    [
        (SICK, "/missing", "Target.ResponseCodeMismatch", "Health checks failed with these codes: [404]"),
        (SLOW, "/", "Target.Timeout", "Request timed out"),
        ("PORT = 9999\n", "/", "Target.FailedHealthChecks", "Health checks failed"),
        ("PORT = None\n", "/", "Target.FailedHealthChecks", "Health checks failed"),
    ],
)
def test_two_bad_checks_make_a_target_unhealthy(
    front: Any, standing: Any, source: str, path: str, reason: str, description: str
) -> None:
    front.api.modify_target_group(TargetGroupArn=front.group, HealthCheckPath=path)
    standing.run("10.0.0.5", source)
    front.register("10.0.0.5")
    front.pass_time(34)
    assert front.states() == ["initial"]
    front.pass_time(2)
    assert describe(front) == {"State": "unhealthy", "Reason": reason, "Description": description}


def test_an_unhealthy_target_needs_five_good_checks_in_a_row(front: Any, standing: Any) -> None:
    standing.run("10.0.0.5", SWITCH)
    front.register("10.0.0.5")
    front.pass_time(10)
    assert front.states() == ["healthy"]
    front.ask("/break")
    front.pass_time(60)
    assert front.states() == ["unhealthy"]
    front.ask("/mend")  # all are unhealthy: the load balancer fails open
    front.pass_time(4 * 30)
    assert front.states() == ["unhealthy"]
    front.pass_time(30)
    assert front.states() == ["healthy"]


def test_a_program_that_looks_at_the_clock_is_asked_each_time(front: Any, standing: Any) -> None:
    standing.run("10.0.0.5", LATER)
    front.register("10.0.0.5")
    front.pass_time(290)
    assert front.states() == ["healthy"]
    front.pass_time(70)
    assert front.states() == ["unhealthy"]


def test_a_container_that_dies_is_noticed_without_traffic(front: Any, standing: Any) -> None:
    standing.run("10.0.0.5")
    front.register("10.0.0.5")
    front.pass_time(1_000)
    standing.kill("10.0.0.5")
    front.pass_time(61)
    assert front.health() == {"10.0.0.5": ("unhealthy", "Target.FailedHealthChecks")}


def test_a_container_that_starts_late_becomes_healthy(front: Any, standing: Any) -> None:
    standing.run("10.0.0.5", "PORT = 8080\nSTARTS_IN = 50\n")
    front.register("10.0.0.5")
    front.pass_time(40)
    assert front.states() == ["unhealthy"]
    front.pass_time(4 * 30)
    assert front.states() == ["unhealthy"]
    front.pass_time(30)
    assert front.states() == ["healthy"]


def test_matcher_path_interval_and_thresholds_are_asked(front: Any, standing: Any) -> None:
    standing.run("10.0.0.5", SICK)
    group = front.make_group(
        "quick", HealthCheckPath="/missing", HealthCheckIntervalSeconds=10, UnhealthyThresholdCount=3,
        Matcher={"HttpCode": "200-299,404"},
    )  # fmt: skip
    front.api.modify_listener(
        ListenerArn=front.listener, DefaultActions=[{"Type": "forward", "TargetGroupArn": group}]
    )
    front.register("10.0.0.5", group=group)
    front.pass_time(6)
    assert front.states(group) == ["healthy"]
    front.api.modify_target_group(TargetGroupArn=group, Matcher={"HttpCode": "200"})
    front.pass_time(28)
    assert front.states(group) == ["healthy"]
    front.pass_time(2)
    assert front.states(group) == ["unhealthy"]


def test_a_group_that_no_listener_uses_is_not_checked(front: Any, standing: Any) -> None:
    standing.run("10.0.0.5")
    group = front.make_group("spare")
    front.register("10.0.0.5", group=group)
    front.pass_time(60)
    assert front.health(group) == {"10.0.0.5": ("unused", "Target.NotInUse")}
    rule = front.api.create_rule(
        ListenerArn=front.listener, Priority=1, Actions=[{"Type": "forward", "TargetGroupArn": group}],
        Conditions=[{"Field": "path-pattern", "Values": ["/spare*"]}],
    )["Rules"][0]  # fmt: skip
    front.pass_time(6)
    assert front.states(group) == ["healthy"]
    front.api.delete_rule(RuleArn=rule["RuleArn"])
    assert front.health(group) == {"10.0.0.5": ("unused", "Target.NotInUse")}
    shown = front.api.describe_target_groups(TargetGroupArns=[group])["TargetGroups"][0]
    assert shown.get("LoadBalancerArns", []) == []


def test_a_target_in_a_zone_that_is_not_enabled_is_unused(front: Any, standing: Any) -> None:
    standing.run("10.0.2.5")  # the third subnet; the load balancer has the first two
    front.register("10.0.2.5")
    front.pass_time(60)
    assert describe(front) == {
        "State": "unused", "Reason": "Target.NotInUse",
        "Description": "Target is in an Availability Zone that is not enabled for the load balancer",
    }  # fmt: skip


def test_a_deregistered_target_drains_for_five_minutes(front: Any, standing: Any) -> None:
    standing.run("10.0.0.5")
    front.register("10.0.0.5")
    front.pass_time(10)
    front.api.deregister_targets(TargetGroupArn=front.group, Targets=[{"Id": "10.0.0.5"}])
    assert describe(front) == {
        "State": "draining", "Reason": "Target.DeregistrationInProgress",
        "Description": "Target deregistration is in progress",
    }  # fmt: skip
    assert front.ask("/").status_code == 503
    front.pass_time(298)
    assert front.states() == ["draining"]
    front.pass_time(3)
    assert front.states() == []
    asked = front.api.describe_target_health(TargetGroupArn=front.group, Targets=[{"Id": "10.0.0.5"}])
    assert asked["TargetHealthDescriptions"][0]["TargetHealth"] == {
        "State": "unused", "Reason": "Target.NotRegistered",
        "Description": "Target is not registered to the target group",
    }  # fmt: skip


def test_a_draining_target_that_registers_again_starts_anew(front: Any, standing: Any) -> None:
    standing.run("10.0.0.5")
    front.register("10.0.0.5")
    front.pass_time(10)
    front.api.deregister_targets(TargetGroupArn=front.group, Targets=[{"Id": "10.0.0.5"}])
    front.pass_time(100)
    front.register("10.0.0.5")
    assert front.states() == ["initial"]
    front.pass_time(400)
    assert front.states() == ["healthy"]


def test_without_a_delay_a_target_is_gone_at_once(front: Any, standing: Any) -> None:
    front.set(deregistration_delay__timeout_seconds="0")
    standing.run("10.0.0.5")
    front.register("10.0.0.5")
    front.pass_time(10)
    front.api.deregister_targets(TargetGroupArn=front.group, Targets=[{"Id": "10.0.0.5"}])
    assert front.states() == []


def test_one_address_has_several_ports(front: Any, standing: Any) -> None:
    standing.run("10.0.0.5")
    front.register("10.0.0.5", Port=8080)
    front.register("10.0.0.5", Port=9090)
    front.pass_time(40)
    found = front.api.describe_target_health(TargetGroupArn=front.group)["TargetHealthDescriptions"]
    states = {one["Target"]["Port"]: one["TargetHealth"]["State"] for one in found}
    assert states == {8080: "healthy", 9090: "unhealthy"}
    front.api.deregister_targets(TargetGroupArn=front.group, Targets=[{"Id": "10.0.0.5", "Port": 9090}])
    front.pass_time(301)
    assert front.states() == ["healthy"]


def test_a_snapshot_in_the_middle_of_everything(front: Any, standing: Any, sandbox: Sandbox) -> None:
    standing.run("10.0.0.5")
    front.register("10.0.0.5")
    front.pass_time(3)
    kept = sandbox.snapshot()
    front.pass_time(10)
    assert front.states() == ["healthy"]
    front.api.deregister_targets(TargetGroupArn=front.group, Targets=[{"Id": "10.0.0.5"}])
    sandbox.restore(kept)
    assert front.states() == ["initial"]
    front.pass_time(3)
    assert front.states() == ["healthy"]
