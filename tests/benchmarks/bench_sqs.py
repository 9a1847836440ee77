"""How long SQS calls take with 0, 1,000 and 10,000 messages queued, side by side with bare moto.

    python tests/benchmarks/bench_sqs.py            # both, each in its own fresh process, prints the ratios
    python tests/benchmarks/bench_sqs.py --quick    # fewer calls, for a smoke test

Bare moto is measured at 0 messages only: deeper queues take it tens of milliseconds a call. The two
processes take turns, in rounds, so that a slow moment of the machine hits both. Times are CPU milliseconds
of the whole process per call; a ratio is the median of each round's own ratio.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DEPTHS = (0, 1_000, 10_000)
CALLS = ("send_message", "receive_message", "delete_message", "get_queue_attributes")
AT_MOST = 1.2
"""The limit for `send_message` at 1,000 and 10,000 messages against itself at 0. At 0 it may take as long as
bare moto. The other calls are shown for comparison."""


def measure(side: str, calls: int) -> None:
    """Inside a fresh process: answer each line of stdin with one round of measurements."""
    if side == "labkit":
        sys.path.insert(0, str(ROOT))
        from labkit.sandbox import Sandbox

        sqs, depths = Sandbox().start().client("sqs"), DEPTHS
    else:
        import boto3
        from moto import mock_aws

        mock_aws().start()
        sqs, depths = boto3.client("sqs", region_name="eu-west-1"), (0,)
    queues = {depth: _queue(sqs, depth, side) for depth in depths}
    for url in queues.values():
        _round(sqs, url, 20)  # warm
    print("ready", flush=True)
    for _ in sys.stdin:
        print(json.dumps({str(depth): _round(sqs, url, calls) for depth, url in queues.items()}), flush=True)


def _queue(sqs: Any, depth: int, side: str) -> str:
    url: str = sqs.create_queue(QueueName=f"{side}-{depth}")["QueueUrl"]
    for start in range(0, depth, 10):
        sqs.send_message_batch(
            QueueUrl=url, Entries=[{"Id": str(i), "MessageBody": f"message {start + i}"} for i in range(10)]
        )
    return url


def _round(sqs: Any, url: str, calls: int) -> dict[str, float]:
    """One send, receive, delete and look at a time, so that the queue keeps its depth."""
    spent = dict.fromkeys(CALLS, 0.0)

    def timed(name: str, **params: Any) -> Any:
        call = getattr(sqs, name)
        before = time.process_time()
        result = call(QueueUrl=url, **params)
        spent[name] += time.process_time() - before
        return result

    for _ in range(calls):
        timed("send_message", MessageBody="one more")
        found = timed("receive_message")["Messages"][0]
        timed("delete_message", ReceiptHandle=found["ReceiptHandle"])
        timed("get_queue_attributes", AttributeNames=["All"])
    return {name: 1000 * seconds / calls for name, seconds in spent.items()}


Samples = dict[str, dict[str, list[float]]]
"""Side and depth, such as `labkit 1000` -> call -> CPU milliseconds per call, one number per round."""


def compare(rounds: int, calls: int) -> Samples:
    """Measure both sides in turns."""
    sides = {side: _start(side, calls) for side in ("moto", "labkit")}
    samples: Samples = {}
    try:
        for _ in range(rounds):
            for side, process in sides.items():
                for depth, spent in _ask(process).items():
                    for name, value in spent.items():
                        samples.setdefault(f"{side} {depth}", {}).setdefault(name, []).append(value)
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


def _ask(process: subprocess.Popen[str]) -> dict[str, dict[str, float]]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    answer: dict[str, dict[str, float]] = json.loads(process.stdout.readline())
    return answer


def report(samples: Samples) -> bool:
    """Print the table and the ratios. Returns whether the limits of `send_message` are kept."""
    print(f"{'CPU ms per call, median':26}" + "".join(f"{row:>14}" for row in samples))
    for name in CALLS:
        print(f"{name:26}" + "".join(f"{statistics.median(of[name]):14.2f}" for of in samples.values()))
    print(
        f"\n{'ratio, median of rounds':26}{'moto 0':>14}"
        + "".join(f"{'own figure at 0':>28}" for _ in DEPTHS[1:])
    )
    good = True
    for name in CALLS:
        against = _ratio(samples, "labkit 0", "moto 0", name)
        growth = [_ratio(samples, f"labkit {depth}", "labkit 0", name) for depth in DEPTHS[1:]]
        grown = "".join(
            f"{f'{ratio:.2f} at {depth:,}':>28}" for depth, ratio in zip(DEPTHS[1:], growth, strict=True)
        )
        kept = against <= 1.0 and max(growth) <= AT_MOST
        verdict = (
            "" if name != "send_message" else f"   limits: 1.0, {AT_MOST}: {'kept' if kept else 'BROKEN'}"
        )
        print(f"{name:26}{against:14.2f}{grown}{verdict}")
        good = good and (kept or name != "send_message")
    return good


def _ratio(samples: Samples, row: str, peer: str, name: str) -> float:
    return statistics.median(a / b for a, b in zip(samples[row][name], samples[peer][name], strict=True))


def main() -> int:
    """Measure and print. The exit status says whether the limits hold."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--side", choices=("moto", "labkit"), help=argparse.SUPPRESS)
    options.add_argument("--calls", type=int, default=25, help="calls of each kind per round")
    options.add_argument("--rounds", type=int, default=41)
    options.add_argument("--quick", action="store_true")
    given = options.parse_args()
    if given.side:
        measure(given.side, given.calls)
        return 0
    rounds, calls = (5, 20) if given.quick else (given.rounds, given.calls)
    return 0 if report(compare(rounds, calls)) else 1


if __name__ == "__main__":
    sys.exit(main())
