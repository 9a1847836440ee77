"""CloudWatch metrics of load balancers, in their minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox
from labkit.workload import Traffic, play, steady


def read(sandbox: Sandbox, name: str, statistic: str, **dimensions: str) -> float:
    now = datetime.fromtimestamp(sandbox.clock.time(), UTC)
    found = boto3.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/ApplicationELB", MetricName=name, StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1), Period=7_200, Statistics=[statistic],
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
    )["Datapoints"]  # fmt: skip
    return float(sum(one[statistic] for one in found))


def test_requests_are_counted_by_who_answered_them(front: Any, standing: Any, sandbox: Sandbox) -> None:
    boto3.client("cloudwatch").list_metrics()
    for ip in ("10.0.0.5", "10.0.0.6"):
        standing.run(ip)
        front.register(ip)
    front.pass_time(60)
    for _ in range(10):
        front.ask("/")
    standing.kill("10.0.0.6")
    for _ in range(4):
        front.ask("/")
    front.pass_time(120)
    balancer = front.arn.partition("loadbalancer/")[2]
    group = front.group.rpartition(":")[2]
    both = {"LoadBalancer": balancer, "TargetGroup": group}
    assert read(sandbox, "RequestCount", "Sum", LoadBalancer=balancer) == 14
    assert read(sandbox, "RequestCount", "Sum", **both) == 14
    assert read(sandbox, "HTTPCode_Target_2XX_Count", "Sum", **both) == 12
    assert read(sandbox, "HTTPCode_ELB_5XX_Count", "Sum", LoadBalancer=balancer) == 2
    assert read(sandbox, "HTTPCode_ELB_502_Count", "Sum", LoadBalancer=balancer) == 2
    assert read(sandbox, "RequestCountPerTarget", "Sum", TargetGroup=group) == 7
    assert read(sandbox, "TargetResponseTime", "Average", LoadBalancer=balancer) == pytest.approx(
        0.02, abs=1e-3
    )
    assert read(sandbox, "UnHealthyHostCount", "Maximum", **both) == 1


def test_a_sampled_request_counts_for_all_it_stands_for(front: Any, standing: Any, sandbox: Sandbox) -> None:
    boto3.client("cloudwatch").list_metrics()
    standing.run("10.0.0.5")
    front.register("10.0.0.5")
    front.pass_time(60)
    load = Traffic(sandbox, steady(50, 60), f"http://{front.dns}", sample=10)
    play(sandbox, load)
    front.pass_time(120)
    balancer = front.arn.partition("loadbalancer/")[2]
    assert read(sandbox, "RequestCount", "Sum", LoadBalancer=balancer) == load.records.requests


def test_fixed_answers_and_redirects_have_counts_of_their_own(front: Any, sandbox: Sandbox) -> None:
    boto3.client("cloudwatch").list_metrics()
    for place, action in enumerate(
        (
            {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "403"}},
            {"Type": "redirect", "RedirectConfig": {"Path": "/b", "StatusCode": "HTTP_302"}},
        ),
        1,
    ):
        front.api.create_rule(
            ListenerArn=front.listener, Priority=place, Actions=[action],
            Conditions=[{"Field": "path-pattern", "Values": [f"/{place}"]}],
        )  # fmt: skip
        front.ask(f"/{place}")
    front.pass_time(61)
    balancer = front.arn.partition("loadbalancer/")[2]
    assert read(sandbox, "HTTP_Fixed_Response_Count", "Sum", LoadBalancer=balancer) == 1
    assert read(sandbox, "HTTP_Redirect_Count", "Sum", LoadBalancer=balancer) == 1
