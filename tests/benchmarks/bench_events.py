"""What PutEvents and a delivery to a queue cost, next to bare moto.

    python tests/benchmarks/bench_events.py            # prints tables, ends with 1 when a limit is broken
    python tests/benchmarks/bench_events.py --quick    # fewer rounds, for a smoke test

Two fresh processes take turns, bare moto and labkit. Times are CPU time. A ratio is the median over the
rounds, each against bare moto in the same round. `one rule` and `100 rules` put one event that one rule sends to
a queue; `nobody` puts one that no rule wants. `ten in a call` puts ten entries at a time, through a rule to a queue.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CASES = ("one rule", "100 rules", "nobody", "ten in a call")
AT_LEAST = {"one rule": 4.0, "100 rules": 4.0, "nobody": 0.0, "ten in a call": 2.0}
"""How many times cheaper than bare moto it must be. `nobody` is shown for comparison: there is nothing to save."""
ACCOUNT = "123456789012"


def measure(side: str, calls: int) -> None:
    """Inside a fresh process: answer each line of stdin with one round of measurements."""
    import boto3

    if side == "labkit":
        sys.path.insert(0, str(ROOT))
        from labkit.sandbox import Sandbox

        Sandbox().start()
    else:
        from moto import mock_aws

        mock_aws().start()
    warnings.simplefilter("ignore")
    events = boto3.client("events", region_name="eu-west-1")
    sqs = boto3.client("sqs", region_name="eu-west-1")
    _round(events, sqs, 0, 5, 50)  # warm
    print("ready", flush=True)
    for number, _ in enumerate(sys.stdin, 1):
        print(json.dumps(_round(events, sqs, number, calls, 10 * calls)), flush=True)


def _bus(events: Any, sqs: Any, name: str, rules: int) -> None:
    """A bus with rules for different sources, each with the queue as its target."""
    account = boto_account()
    queue = f"arn:aws:sqs:eu-west-1:{account}:{name}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = {"Version": "2012-10-17", "Statement": [{**allow, "Resource": queue}]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    events.create_event_bus(Name=name)
    for number in range(rules):
        pattern = {"source": [f"shop.{number}"], "detail": {"total": [{"numeric": [">", 10]}]}}
        events.put_rule(Name=f"rule-{number}", EventBusName=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=f"rule-{number}", EventBusName=name, Targets=[{"Id": "queue", "Arn": queue}])


def boto_account() -> str:
    """The account the calls belong to."""
    import boto3

    return str(boto3.client("sts", region_name="eu-west-1").get_caller_identity()["Account"])


def _entry(bus: str, source: str = "shop.0") -> dict[str, str]:
    detail = {"total": 310.5, "order": "o-1", "lines": [{"fruit": "plum", "kilos": 3}]}
    return {
        "EventBusName": bus, "Source": source, "DetailType": "Order Placed", "Detail": json.dumps(detail)
    }  # fmt: skip


def _round(events: Any, sqs: Any, number: int, calls: int, many: int) -> dict[str, float]:
    """CPU milliseconds for one event of each case, with empty queues at the beginning."""
    one, hundred = f"one-{number}", f"hundred-{number}"
    _bus(events, sqs, one, 1)
    _bus(events, sqs, hundred, 100)

    def spent(entries: list[dict[str, str]], times: int) -> float:
        before = time.process_time()
        for _ in range(times):
            events.put_events(Entries=entries)
        return 1000 * (time.process_time() - before) / (times * len(entries))

    return {
        "one rule": spent([_entry(one)], calls),
        "100 rules": spent([_entry(hundred)], calls),
        "nobody": spent([_entry(one, "elsewhere")], calls),
        "ten in a call": spent([_entry(one)] * 10, many // 10),
    }


Samples = dict[str, dict[str, list[float]]]


def compare(rounds: int, calls: int) -> Samples:
    """Measure both sides in turns: side -> case -> one number per round."""
    sides = {side: _start(side, calls) for side in ("moto", "labkit")}
    samples: Samples = {side: {case: [] for case in CASES} for side in sides}
    try:
        for _ in range(rounds):
            for side, process in sides.items():
                for case, value in _ask(process).items():
                    samples[side][case].append(value)
    finally:
        for process in sides.values():
            process.communicate()
    return samples


def _start(side: str, calls: int) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--side", side, "--calls", str(calls)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if process.stdout is None or process.stdout.readline() != "ready\n":
        raise SystemExit(f"the {side} side did not start")
    return process


def _ask(process: subprocess.Popen[str]) -> dict[str, float]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    answer: dict[str, float] = json.loads(process.stdout.readline())
    return answer


def report(samples: Samples) -> bool:
    """Print the table. Returns whether the limits are kept."""
    print(f"{'CPU ms per event, median':26}{'moto':>10}{'labkit':>10}{'cheaper':>10}{'events/CPU s':>14}")
    good = True
    for case in CASES:
        theirs, ours = samples["moto"][case], samples["labkit"][case]
        ratio = statistics.median(a / b for a, b in zip(theirs, ours, strict=True))
        mine, kept = statistics.median(ours), ratio >= AT_LEAST[case]
        verdict = f"   at least {AT_LEAST[case]}: {'kept' if kept else 'BROKEN'}"
        print(
            f"{case:26}{statistics.median(theirs):10.2f}{mine:10.2f}{ratio:9.1f}x{1000 / mine:14.0f}{verdict}"
        )
        good = good and kept
    return good


def main() -> int:
    """Measure and print. The exit status says whether the limits hold."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--side", choices=("moto", "labkit"), help=argparse.SUPPRESS)
    options.add_argument("--calls", type=int, default=100, help="calls of each kind per round")
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--quick", action="store_true")
    given = options.parse_args()
    if given.side:
        measure(given.side, given.calls)
        return 0
    rounds, calls = (2, 20) if given.quick else (given.rounds, given.calls)
    return 0 if report(compare(rounds, calls)) else 1


if __name__ == "__main__":
    sys.exit(main())
