"""How much CPU a fan-out takes: publishes to a topic with five queues, raw and in the envelope, beside bare moto.

    python tests/benchmarks/bench_sns.py            # both, each in its own fresh process, prints the ratios
    python tests/benchmarks/bench_sns.py --quick    # fewer publishes, for a smoke test

Here every delivery asks the queue's policy and leaves a record; bare moto asks nobody. Both sign what is enveloped.
The processes take turns, in rounds. Times are CPU milliseconds of the whole process per publish with its five
deliveries; a ratio is the median of each round's own ratio.
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
QUEUES = 5
FORMS = ("enveloped", "raw")
PUBLISHES = 1_000


def measure(side: str, publishes: int) -> None:
    """Inside a fresh process: answer each line of stdin with one round of measurements."""
    if side == "labkit":
        sys.path.insert(0, str(ROOT))
        from labkit.sandbox import Sandbox

        sandbox = Sandbox().start()
        sns, sqs = sandbox.client("sns"), sandbox.client("sqs")
    else:
        import boto3
        from moto import mock_aws

        mock_aws().start()
        sns, sqs = (boto3.client(name, region_name="eu-west-1") for name in ("sns", "sqs"))
    topics = {form: _fan(sns, sqs, form) for form in FORMS}
    for topic, urls in topics.values():
        _round(sns, sqs, topic, urls, 10)  # warm
    print("ready", flush=True)
    for _ in sys.stdin:
        spent = {form: _round(sns, sqs, *fan, publishes) for form, fan in topics.items()}
        print(json.dumps(spent), flush=True)


def _fan(sns: Any, sqs: Any, form: str) -> tuple[str, list[str]]:
    topic = sns.create_topic(Name=form)["TopicArn"]
    urls = []
    for number in range(QUEUES):
        name = f"{form}-{number}"
        arn = f"{topic.rpartition(':')[0].replace(':sns:', ':sqs:')}:{name}"
        statement = {
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }  # fmt: skip
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        urls.append(sqs.create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"])
        raw = {"RawMessageDelivery": "true"} if form == "raw" else {}
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=raw)
    return topic, urls


def _round(sns: Any, sqs: Any, topic: str, urls: list[str], publishes: int) -> float:
    before = time.process_time()
    for number in range(publishes):
        sns.publish(TopicArn=topic, Message=f'{{"order": {number}}}')
    spent = time.process_time() - before
    for url in urls:
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        assert int(found["Attributes"]["ApproximateNumberOfMessages"]) == publishes, "a message was lost"
        for queue in _backend_queues(url):
            queue.clear()
    return 1000 * spent / publishes


def _backend_queues(url: str) -> list[Any]:
    """Empty a queue outside the measurement: PurgeQueue may be called only once a minute."""
    from moto.sqs.models import sqs_backends

    queue = sqs_backends["123456789012"]["eu-west-1"].queues[url.rpartition("/")[2]]
    return [_Emptied(queue)]


class _Emptied:
    """A queue of either side that can be emptied."""

    def __init__(self, queue: Any) -> None:
        self.queue = queue

    def clear(self) -> None:
        """Throw all messages away."""
        if isinstance(self.queue._messages, list):
            self.queue._messages.clear()
        else:
            from labkit.sandbox.services import _sqs_engine as engine

            self.queue._messages = engine.make_store(self.queue)


def compare(publishes: int, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Side -> form -> CPU milliseconds per publish, one number for each round."""
    program = [sys.executable, __file__, "--publishes", str(publishes), "--side"]
    children = {
        side: subprocess.Popen([*program, side], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for side in ("labkit", "moto")
    }
    found: dict[str, dict[str, list[float]]] = {side: {form: [] for form in FORMS} for side in children}
    for child in children.values():
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "ready"
    for _ in range(rounds):
        for side, child in children.items():
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write("go\n")
            child.stdin.flush()
            for form, spent in json.loads(child.stdout.readline()).items():
                found[side][form].append(spent)
    for child in children.values():
        child.communicate()
    return found


def main() -> None:
    """Parse the command line and print the ratios."""
    parser = argparse.ArgumentParser(description="SNS fan-out beside bare moto")
    parser.add_argument("--quick", action="store_true", help="fewer publishes")
    parser.add_argument("--publishes", type=int, default=PUBLISHES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=("labkit", "moto"))
    given = parser.parse_args()
    publishes = 50 if given.quick else given.publishes
    if given.side:
        measure(given.side, publishes)
        return
    found = compare(publishes, given.rounds)
    print(f"{publishes} publishes to {QUEUES} queues, CPU ms per publish (median of {given.rounds} rounds)")
    for form in FORMS:
        ours, moto = found["labkit"][form], found["moto"][form]
        ratio = statistics.median(a / b for a, b in zip(ours, moto, strict=True))
        print(
            f"{form:10} labkit {statistics.median(ours):7.2f}  moto {statistics.median(moto):7.2f}  ratio {ratio:5.2f}"
        )


if __name__ == "__main__":
    main()
