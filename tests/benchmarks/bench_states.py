"""How long do state machines take: the first one of a process, a one-Pass execution, and a Map of many items?

    python tests/benchmarks/bench_states.py [ROUNDS]

CPU milliseconds. Goals: the first create_state_machine at most half of bare moto's with its interpreter (1,150 ms),
a one-Pass execution at most bare moto's 6 ms, and a Map whose time grows linearly with its items.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import Any

TRUST = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
PASS = {"Type": "Pass", "End": True}


def timed(work: Any) -> float:
    """CPU milliseconds of one call."""
    began = time.process_time()
    work()
    return 1000 * (time.process_time() - began)


def measure(rounds: int) -> dict[str, list[float]]:
    """Milliseconds by what was measured."""
    from labkit.sandbox import Sandbox

    with Sandbox():
        import boto3

        policy = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
        role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
        sfn = boto3.client("stepfunctions")

        def made(name: str, state: dict[str, Any]) -> str:
            text = json.dumps({"StartAt": "A", "States": {"A": state}})
            return str(sfn.create_state_machine(name=name, definition=text, roleArn=role)["stateMachineArn"])

        times = {"first create_state_machine": [timed(lambda: made("one", PASS))]}
        one = made("one", PASS)
        mapped = {"Type": "Map", "ItemProcessor": {"StartAt": "B", "States": {"B": PASS}}, "End": True}
        many = made("many", mapped)
        times["one Pass"] = [
            timed(lambda: sfn.start_execution(stateMachineArn=one)) for _ in range(10 * rounds)
        ]
        for size in (100, 1_000):
            text = json.dumps(list(range(size)))
            times[f"Map of {size:,}"] = [
                timed(lambda text=text: sfn.start_execution(stateMachineArn=many, input=text))
                for _ in range(rounds)
            ]
        return times


if __name__ == "__main__":
    for name, values in measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5).items():
        print(f"{name:28}{statistics.median(values):10.1f}{max(values):10.1f}")
