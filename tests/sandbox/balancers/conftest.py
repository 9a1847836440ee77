"""A VPC, a load balancer, a target group, and small programs behind addresses of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests

from labkit.sandbox import Sandbox
from labkit.sandbox.fleet import boxes
from labkit.sandbox.services import _elbv2_store, _elbv2_targets

SHOP = """
PORT = 8080
STARTS_IN = 1.0
CPU_PER_REQUEST = 0.004
LATENCY = 0.016

def handle(request, box):
    seen = {"X-Seen": request.headers.get("host", "")}
    return {"statusCode": 200, "body": box.ip + " " + request.path, "headers": seen}
"""


class Standing:
    """Containers without a service: the ground under ECS, used directly."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.at: dict[str, boxes.Box] = {}

    def box_at(self, region: str, ip: str, port: int) -> Any:
        box = self.at.get(ip)
        return (None, None, box) if box is not None and box.program.port == port else None

    def run(self, ip: str, source: str = SHOP) -> boxes.Box:
        box = boxes.Box(name=ip, source=source, digest="", home="standing", ip=ip, vcpus=1.0)
        boxes.start(box, self.sandbox.clock.time())
        self.at[ip] = box
        return box

    def kill(self, ip: str) -> None:
        boxes.kill(self.at[ip], self.sandbox.clock.time())
        _elbv2_targets.stirred(self.sandbox.region, ip)

    # what boxes ask of their home

    def said(self, box: boxes.Box, line: str) -> None: ...

    def ended(self, box: boxes.Box) -> None:
        _elbv2_targets.stirred(self.sandbox.region, box.ip)

    def stirred(self, box: boxes.Box) -> None:
        _elbv2_targets.stirred(self.sandbox.region, box.ip)


@pytest.fixture
def sandbox(sandbox: Sandbox) -> Iterator[Sandbox]:
    """An account whose clock moves only when the test moves it: the same story on every machine, however slow."""
    with sandbox.clock.paused():
        yield sandbox


@pytest.fixture
def standing(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Standing:
    found = Standing(sandbox)
    monkeypatch.setitem(boxes.HOMES, "standing", found)  # type: ignore[arg-type]
    monkeypatch.setattr(_elbv2_store, "neighbour", lambda name: found if name == "ecs" else None)
    return found


class Front:
    """One load balancer with one listener and one target group, made as a learner makes them."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.api: Any = boto3.client("elbv2")
        ec2: Any = boto3.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.vpc = vpc
        self.subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{place}.0/24", AvailabilityZone=f"eu-west-1{zone}")[
                "Subnet"
            ]["SubnetId"]
            for place, zone in enumerate("abc")
        ]
        made = self.api.create_load_balancer(Name="shop", Subnets=self.subnets[:2])["LoadBalancers"][0]
        self.arn, self.dns = made["LoadBalancerArn"], made["DNSName"]
        self.group = self.make_group("web")
        self.listener = self.api.create_listener(
            LoadBalancerArn=self.arn, Protocol="HTTP", Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.group}],
        )["Listeners"][0]["ListenerArn"]  # fmt: skip

    def make_group(self, name: str, **more: Any) -> str:
        settings = {"Protocol": "HTTP", "Port": 8080, "VpcId": self.vpc, "TargetType": "ip", **more}
        made = self.api.create_target_group(Name=name, **settings)
        return str(made["TargetGroups"][0]["TargetGroupArn"])

    def register(self, *ips: str, group: str = "", **more: Any) -> None:
        self.api.register_targets(
            TargetGroupArn=group or self.group, Targets=[{"Id": ip, **more} for ip in ips]
        )

    def health(self, group: str = "") -> dict[str, tuple[str, str]]:
        """Address -> state and reason."""
        found = self.api.describe_target_health(TargetGroupArn=group or self.group)
        return {
            one["Target"]["Id"]: (one["TargetHealth"]["State"], one["TargetHealth"].get("Reason", ""))
            for one in found["TargetHealthDescriptions"]
        }

    def states(self, group: str = "") -> list[str]:
        return [state for state, _ in self.health(group).values()]

    def ask(self, path: str, *, port: int = 0, timeout: float = 5, **more: Any) -> requests.Response:
        """One request from the notebook, without following redirects."""
        where = f"{self.dns}:{port}" if port else self.dns
        more.setdefault("allow_redirects", False)
        return requests.request(more.pop("method", "GET"), f"http://{where}{path}", timeout=timeout, **more)

    def set(self, group: str = "", **attributes: str) -> None:
        self.api.modify_target_group_attributes(
            TargetGroupArn=group or self.group,
            Attributes=[{"Key": key.replace("__", "."), "Value": value} for key, value in attributes.items()],
        )

    def pass_time(self, seconds: float) -> None:
        self.sandbox.clock.advance(seconds)


@pytest.fixture
def front(sandbox: Sandbox) -> Front:
    return Front(sandbox)
