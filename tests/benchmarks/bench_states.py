"""How long do state machines take: the first one of a process, a one-Pass execution, and a Map of many items?

    python tests/benchmarks/bench_states.py [ROUNDS]

CPU milliseconds, beside bare moto with its own interpreter, in turn, each round in fresh processes. moto's interpreter
wants two packages that labkit has no use for (`pip install antlr4-python3-runtime==4.13.2 jsonpath-ng`); without them
only ours is measured. Goals: the first create_state_machine at most half of moto's, a one-Pass execution at most
moto's, and a Map whose time grows linearly with its items.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TRUST = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
PASS = {"Type": "Pass", "End": True}
GOALS = {"first create_state_machine": 0.5, "one Pass": 1.0}


def timed(work: Any) -> float:
    """CPU milliseconds of one call, and of what it started in threads."""
    before = set(threading.enumerate())
    began = time.process_time()
    work()
    while left := set(threading.enumerate()) - before:  # they start others
        for thread in left:
            with contextlib.suppress(RuntimeError):  # it has not begun yet
                thread.join(0.01)
    return 1000 * (time.process_time() - began)


def account(side: str) -> Any:
    """The simulated account of one side, as a context manager."""
    if side == "labkit":
        sys.path.insert(0, str(ROOT))
        from labkit.sandbox import Sandbox

        return Sandbox()
    from moto import mock_aws

    return mock_aws(config={"stepfunctions": {"execute_state_machine": True}})


def measure(side: str) -> dict[str, float]:
    """Inside a fresh process: milliseconds by what was measured."""
    with account(side):
        import boto3

        region = {"region_name": "eu-west-1"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
        role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
        sfn = boto3.client("stepfunctions", **region)

        def made(name: str, state: dict[str, Any]) -> str:
            text = json.dumps({"StartAt": "A", "States": {"A": state}})
            return str(sfn.create_state_machine(name=name, definition=text, roleArn=role)["stateMachineArn"])

        def run(machine: str, number: str, text: str = "{}") -> float:
            return timed(lambda: sfn.start_execution(stateMachineArn=machine, name=number, input=text))

        times = {"first create_state_machine": timed(lambda: made("one", PASS))}
        one = made("two", PASS)
        mapped = {"Type": "Map", "ItemProcessor": {"StartAt": "B", "States": {"B": PASS}}, "End": True}
        many = made("many", mapped)
        run(one, "warm")
        times["one Pass"] = statistics.median(run(one, f"pass{number}") for number in range(30))
        for size in (100, 1_000) if side == "labkit" else (100,):
            text = json.dumps(list(range(size)))
            run(many, f"warm{size}", text)
            times[f"Map of {size:,}"] = run(many, f"map{size}", text)
        return times


def fresh(side: str) -> dict[str, float]:
    """Measure in a process of its own."""
    words = [sys.executable, __file__, "--side", side]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(rounds: int) -> None:
    """Take turns, and print medians and the medians of each round's own ratio."""
    sides = ["labkit"]
    if importlib.util.find_spec("antlr4") and importlib.util.find_spec("jsonpath_ng"):
        sides.append("moto")
    else:
        print("Bare moto is left out: its interpreter is not installed (see above).")
    found: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side in sides:
            found[side].append(fresh(side))
    print(f"{'':28}{'labkit ms':>10}{'moto ms':>10}{'ratio':>8}  goal")
    for name in found["labkit"][0]:
        ours = [one[name] for one in found["labkit"]]
        line = f"{name:28}{statistics.median(ours):10.1f}"
        if name in found.get("moto", [{}])[0]:
            theirs = [one[name] for one in found["moto"]]
            ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
            line += f"{statistics.median(theirs):10.1f}{ratio:8.2f}"
            line += f"  <= {GOALS[name]}" if name in GOALS else ""
        print(line)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--side"]:
        print(json.dumps(measure(sys.argv[2])))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
