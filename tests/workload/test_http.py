"""Seeded traffic to a load balancer and to an ECS service: every request is recorded, and the clock need not move."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from labkit.errors import UsageError
from labkit.sandbox import Sandbox
from labkit.workload import Traffic, play, steady
from tests.sandbox.containers import servicekit as kit

USER = """
PORT = 8080
STARTS_IN = 2.0
CPU_PER_REQUEST = 0.004
LATENCY = 0.016
MEMORY_PER_REQUEST = 0.01
STOPS_IN = 2.0
VERSION = "1"

def handle(request, box):
    return {"statusCode": 404 if request.path == "/missing" else 200, "body": VERSION}
"""


def front(group_settings: dict[str, Any] | None = None) -> tuple[str, str]:
    """A load balancer in the default VPC. Gives its address and its target group."""
    api, ec2 = boto3.client("elbv2"), boto3.client("ec2")
    subnets = kit.zones(3)
    vpc = ec2.describe_subnets(SubnetIds=subnets)["Subnets"][0]["VpcId"]
    made = api.create_load_balancer(Name="shop", Subnets=subnets)["LoadBalancers"][0]
    settings: Any = {
        "Name": "user", "Protocol": "HTTP", "Port": 8080, "VpcId": vpc, "TargetType": "ip",
        "HealthCheckIntervalSeconds": 10, **(group_settings or {}),
    }  # fmt: skip
    group = api.create_target_group(**settings)["TargetGroups"][0]["TargetGroupArn"]
    api.modify_target_group_attributes(
        TargetGroupArn=group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "20"}]
    )
    api.create_listener(
        LoadBalancerArn=made["LoadBalancerArn"], Protocol="HTTP", Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )  # fmt: skip
    return f"http://{made['DNSName']}", group


@pytest.fixture
def shop(sandbox: Sandbox) -> Any:
    """Three tasks of a service behind a load balancer. Gives the address."""
    with sandbox.clock.paused():
        url, group = front()
        behind = [{"targetGroupArn": group, "containerName": "app", "containerPort": 8080}]
        kit.create(task=kit.definition(kit.image(USER)), loadBalancers=behind)
        kit.stable()
        sandbox.clock.advance(60)
        yield url


def test_requests_go_to_a_load_balancer_and_every_one_is_kept(sandbox: Sandbox, shop: str) -> None:
    load = Traffic(
        sandbox, steady(20, 60), shop, path={"/users/7": 0.9, "/missing": 0.1}, users=["ana", "ben"]
    )
    before = sandbox.clock.time()
    play(sandbox, load)
    assert sandbox.clock.time() - before == pytest.approx(60)
    assert 1_000 < len(load.records) < 1_400
    assert load.records.share_good() == pytest.approx(0.9, abs=0.03)
    assert set(load.records.errors) == {"404"}
    assert load.records.percentile(0.5) == pytest.approx(0.032, abs=0.001)  # 0.004 s of a quarter of a vCPU
    assert 0.4 < len(load.records.by("ana")) / len(load.records) < 0.6


def test_the_seed_decides_the_story(sandbox: Sandbox, shop: str) -> None:
    def told(seed: int) -> list[Any]:
        with sandbox.rehearsal():
            load = Traffic(sandbox, steady(20, 30), shop, users=["ana", "ben"], seed=seed)
            play(sandbox, load)
            return list(load.records)

    assert told(1) == told(1) != told(2)


def test_the_quick_way_tells_the_same_story_as_the_slow_one(
    sandbox: Sandbox, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> tuple[list[Any], list[str]]:
        with sandbox.rehearsal() as rehearsal:
            load = Traffic(sandbox, steady(30, 120), shop)
            sandbox.clock.schedule(sandbox.clock.time() + 40, lose_one)
            play(sandbox, load)
            sandbox.clock.advance(30)
        return list(load.records), [f"{one.time:.3f} {one.action} {one.note}" for one in rehearsal.trace]

    quick = told()
    monkeypatch.setattr(type(sandbox.clock), "pass_to", lambda clock, moment: False)
    assert told() == quick
    assert {record.status for record in quick[0]} == {200, 502}


def lose_one() -> None:
    from labkit.sandbox.services import _ecs_tasks

    _ecs_tasks.kill(kit.running()[0]["taskArn"])


def test_a_new_revision_goes_out_without_a_failed_request(sandbox: Sandbox, shop: str) -> None:
    second = kit.definition(kit.image(USER.replace('VERSION = "1"', 'VERSION = "2"'), tag="2"))
    kit.update(taskDefinition=second)
    load = Traffic(sandbox, steady(20, 600), shop)
    play(sandbox, load)
    assert load.records.share_good() == 1.0
    assert {one["taskDefinitionArn"].rpartition("/")[2] for one in kit.running()} == {second}


def test_a_task_that_is_killed_costs_some_requests_and_is_replaced(sandbox: Sandbox, shop: str) -> None:
    sandbox.clock.schedule(sandbox.clock.time() + 60, lose_one)
    load = Traffic(sandbox, steady(20, 300), shop)
    play(sandbox, load)
    assert set(load.records.errors) <= {"502"}
    assert load.records.between(200, 300).share_good() == 1.0
    assert len(kit.running()) == 3


def test_requests_go_straight_to_a_service(sandbox: Sandbox, shop: str) -> None:
    for to in (("shop", "user"), kit.service()["serviceArn"]):
        load = Traffic(sandbox, steady(20, 30), to)
        play(sandbox, load)
        assert load.records.share_good() == 1.0
    kit.update(desiredCount=0)
    sandbox.clock.advance(300)
    load = Traffic(sandbox, steady(5, 10), ("shop", "user"))
    play(sandbox, load)
    assert load.records.errors == {"no task listens": len(load.records)}


def test_a_sender_gives_up_after_its_timeout(sandbox: Sandbox, shop: str) -> None:
    load = Traffic(sandbox, steady(20, 10), shop, timeout=0.03)
    play(sandbox, load)
    assert load.records.errors == {"Timeout": len(load.records)}
    assert load.records.percentile(1) == 0.03


def test_a_sample_loads_the_programs_like_all_it_stands_for(sandbox: Sandbox, shop: str) -> None:
    def latencies(rate: float, sample: int) -> tuple[float, Any]:
        with sandbox.rehearsal():
            load = Traffic(sandbox, steady(rate, 60), shop, sample=sample)
            play(sandbox, load)
            return load.records.percentile(0.5), load.records

    calm, _ = latencies(20, 1)
    whole, _ = latencies(240, 1)  # three quarters of a vCPU do 187 in a second
    sampled, records = latencies(240, 20)
    assert whole > 10 * calm
    assert sampled > 10 * calm
    assert records.requests == 20 * len(records)
    assert f"Requests: {records.requests:,} ({len(records):,} were sent, each stands for 20)" in repr(records)


def test_a_path_may_come_from_the_request(sandbox: Sandbox, shop: str) -> None:
    load = Traffic(
        sandbox, steady(5, 10), shop, path=lambda one: "/missing" if one.number % 2 else "/a", evenly=True
    )
    play(sandbox, load)
    assert [one.status for one in load.records][:4] == [404, 200, 404, 200]


@pytest.mark.parametrize(
    ("given", "cure"),
    [
        (
            {"to": "http://nobody-1.eu-west-1.elb.amazonaws.com"},
            "No load balancer here has the name nobody-1",
        ),
        ({"to": ("shop", "nobody")}, "There is no ECS service nobody in the cluster shop"),
        ({"to": 7}, "to is the address of a load balancer"),
        ({"to": print, "sample": 20}, "sample is for requests to a load balancer or a service"),
        ({"path": ""}, None),
        ({"path": []}, "path is"),
        ({"timeout": 0}, "timeout is how many seconds"),
        ({"sample": 0}, "sample is how many requests one stands for"),
        ({"profile": steady(1_000, 86_400)}, "sample=87"),
    ],
)
def test_nonsense_is_refused_with_the_cure(sandbox: Sandbox, given: dict[str, Any], cure: str | None) -> None:
    kit.cluster()
    url, _ = front()
    arguments: dict[str, Any] = {"profile": steady(1, 1), "to": url, **given}
    profile, to = arguments.pop("profile"), arguments.pop("to")
    if cure is None:
        Traffic(sandbox, profile, to, **arguments)
        return
    with pytest.raises(UsageError) as caught:
        Traffic(sandbox, profile, to, **arguments)
    assert cure in str(caught.value)
