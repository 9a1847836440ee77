"""How many events a second go from a rule through a queue into a function, and how many bare moto puts into the queue?

    python tests/benchmarks/bench_events_chain.py [EVENTS]

The chain: PutEvents (10 entries a call) -> rule -> SQS queue -> event source mapping -> function, in batches of 10. The
measure is deliveries per second of processor time, of this process and of the functions' processes together. Beside
it, in a process of its own, moto alone: PutEvents -> rule -> queue, nothing behind it. Goal: at least twice as many.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping

ACCOUNT = "123456789012"
HANDLER = "def handler(event, context):\n    return len(event['Records'])\n"
RULE = f"arn:aws:events:eu-west-1:{ACCOUNT}:rule/all"
QUEUE = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:orders"


def used() -> float:
    """Seconds of processor time of this process."""
    times = os.times()
    return times.user + times.system


def used_by_others() -> float:
    """Seconds of processor time of processes this one started, and that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def route() -> tuple[object, str]:
    """A rule that takes every order to a queue. Returns the client for events and the queue's URL."""
    import boto3

    events, sqs = boto3.client("events"), boto3.client("sqs")
    url = sqs.create_queue(QueueName="orders", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    allowed = {
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": QUEUE, "Condition": {"ArnEquals": {"aws:SourceArn": RULE}},
    }  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    events.put_rule(Name="all", EventPattern=json.dumps({"source": ["shop"]}))
    events.put_targets(Rule="all", Targets=[{"Id": "1", "Arn": QUEUE}])
    return events, url


def publish(events: object, count: int) -> None:
    """Publish so many orders, ten in a call."""
    for start in range(0, count, 10):
        entries = [
            {"Source": "shop", "DetailType": "order", "Detail": json.dumps({"id": number})}
            for number in range(start, min(start + 10, count))
        ]
        events.put_events(Entries=entries)  # type: ignore[attr-defined]


def chain(count: int) -> float:
    """Deliveries into the function per second of processor time."""
    import boto3

    from labkit.sandbox import Sandbox

    with Sandbox() as sandbox:
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        may = {"Effect": "Allow", "Action": ["sqs:*", "logs:*"], "Resource": "*"}
        iam, functions = boto3.client("iam"), boto3.client("lambda")
        role = iam.create_role(RoleName="worker", AssumeRolePolicyDocument=_policy(trust))["Role"]["Arn"]
        iam.put_role_policy(RoleName="worker", PolicyName="own", PolicyDocument=_policy(may))
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("app.py", HANDLER)
        functions.create_function(
            FunctionName="work", Role=role, Runtime="python3.13", Handler="app.handler",
            Code={"ZipFile": buffer.getvalue()},
        )  # fmt: skip
        events, url = route()
        functions.create_event_source_mapping(EventSourceArn=QUEUE, FunctionName="work", BatchSize=10)
        publish(events, 20)
        sandbox.clock.advance(seconds=5)
        mark, began = sandbox.trace.mark(), used()
        publish(events, count)
        sandbox.clock.advance(seconds=5)
        took = used() - began
        sizes = [event.params["Size"] for event in sandbox.trace.where(action="BatchDelivered", since=mark)]
        if sum(sizes) != count:
            raise SystemExit(f"{sum(sizes)} of {count} events arrived in {url}")
        print(f"{len(sizes)} batches, {count / len(sizes):.1f} events each")
    # The functions' processes have ended now; their start counts, too.
    return count / (took + used_by_others())


def bare(count: int) -> float:
    """The same events from bare moto's rule into bare moto's queue."""
    os.environ.update(
        AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x", AWS_DEFAULT_REGION="eu-west-1",
        MOTO_ACCOUNT_ID=ACCOUNT,
    )  # fmt: skip
    from moto import mock_aws

    with mock_aws():
        events, _ = route()
        publish(events, 20)
        began = used()
        publish(events, count)
        return count / (used() - began)


def _policy(statement: Mapping[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    if sys.argv[2:] == ["bare"]:
        print(bare(number))
        raise SystemExit
    ours = chain(number)
    command = [sys.executable, __file__, str(number), "bare"]
    moto = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])
    print(f"rule -> queue -> function: {ours:8.0f} deliveries per processor second")
    print(f"bare moto, rule -> queue:  {moto:8.0f} deliveries per processor second")
    print(f"ratio {ours / moto:.2f}  goal >= 2")
