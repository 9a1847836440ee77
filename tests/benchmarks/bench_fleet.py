"""How long does a day of a fleet take: five services behind one load balancer, under 100 requests a second?

    python tests/benchmarks/bench_fleet.py [REQUESTS_PER_SECOND]

CPU seconds of 24 virtual hours, each story in a fresh process: five services of three tasks on Fargate, registered with
target groups, in turn under a wave of traffic. Requests are sampled: one stands for SAMPLE. Then twice the tasks, and
twice the hours, beside it: both should cost about twice as much at most. Goal: under 10 s for the first.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("user", "order", "payment", "web", "report")
SAMPLE = 100
GOAL = 10.0
PROGRAM = """
PORT = 8080
STARTS_IN = 2.0
MEMORY = 90
MEMORY_PER_REQUEST = 0.05
CPU_PER_REQUEST = 0.004
LATENCY = 0.010
def handle(request, box):
    return {"statusCode": 200, "body": request.path}
"""


def fleet(tasks: int) -> str:
    """The services and their load balancer. Gives its address."""
    import boto3

    from tests.sandbox.containers import servicekit as kit

    api, ec2 = boto3.client("elbv2"), boto3.client("ec2")
    subnets = kit.zones(3)
    vpc = ec2.describe_subnets(SubnetIds=subnets)["Subnets"][0]["VpcId"]
    made = api.create_load_balancer(Name="shop", Subnets=subnets)["LoadBalancers"][0]
    listener = None
    task = kit.definition(kit.image(PROGRAM))
    for place, name in enumerate(SERVICES, 1):
        group = api.create_target_group(
            Name=name, Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip"
        )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
        forward: Any = [{"Type": "forward", "TargetGroupArn": group}]
        if listener is None:
            listener = api.create_listener(
                LoadBalancerArn=made["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=forward
            )["Listeners"][0]["ListenerArn"]  # fmt: skip
        api.create_rule(
            ListenerArn=listener, Priority=place, Actions=forward,
            Conditions=[{"Field": "path-pattern", "Values": [f"/{name}*"]}],
        )  # fmt: skip
        behind = [{"targetGroupArn": group, "containerName": "app", "containerPort": 8080}]
        kit.create(name, tasks, task, loadBalancers=behind)
    return f"http://{made['DNSName']}"


def measure(tasks: int, hours: int, rate: float) -> dict[str, float]:
    """Inside a fresh process: CPU seconds of the story, and what came of it."""
    sys.path.insert(0, str(ROOT))
    from labkit.sandbox import Sandbox
    from labkit.workload import Traffic, play, wave

    with Sandbox(seed=1) as sandbox, sandbox.clock.paused():
        url = fleet(tasks)
        sandbox.clock.advance(minutes=5)
        paths = [f"/{name}/7" for name in SERVICES]
        day = wave(rate * 0.5, rate * 1.5, seconds=hours * 3_600.0)
        load = Traffic(sandbox, day, url, path=lambda one: paths[one.number % len(paths)], sample=SAMPLE)
        began = time.process_time()
        play(sandbox, load)
        records = load.records
        spent = time.process_time() - began
        return {
            "seconds": spent, "requests": records.requests, "sent": len(records), "good": records.share_good(),
            "p99": records.percentile(0.99),
        }  # fmt: skip


def story(tasks: int, hours: int, rate: float) -> dict[str, float]:
    """The same in a process of its own, the better of two."""
    program = [sys.executable, __file__, "--one", str(tasks), str(hours), str(rate)]
    found = []
    for _ in range(2):
        done = subprocess.run(program, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return min(found, key=lambda one: float(one["seconds"]))


def main() -> None:
    """Print the table."""
    if len(sys.argv) > 2 and sys.argv[1] == "--one":
        print(json.dumps(measure(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))))
        return
    rate = float(sys.argv[1]) if len(sys.argv) > 1 else 100.0
    print(
        f"Five services, {rate:g} requests a second in the mean; one request is sent for {SAMPLE}, and weighs as many."
    )
    print(f"{'tasks each':>10} {'hours':>6} {'requests':>12} {'sent':>8} {'good':>8} {'p99':>8} {'CPU s':>7}")
    base = 0.0
    for tasks, hours in ((3, 24), (6, 24), (3, 48)):
        got = story(tasks, hours, rate)
        base = base or got["seconds"]
        print(
            f"{tasks:>10} {hours:>6} {got['requests']:>12,.0f} {got['sent']:>8,.0f} {got['good']:>8.2%} "
            f"{got['p99'] * 1000:>5.0f} ms {got['seconds']:>7.2f}   x {got['seconds'] / base:.2f}"
        )
    print(f"Goal: the first under {GOAL:g} s. {'Met.' if base < GOAL else 'Missed.'}")


if __name__ == "__main__":
    main()
