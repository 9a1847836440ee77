"""What an AWS call costs inside a function, against the same call over HTTP; and what an hour's outage costs.

    python tests/benchmarks/bench_inside.py [rounds]

Both kinds of callers are processes of their own that reach one account in this process: the function through its
worker's socket, the other through the lab's HTTP endpoint. They take turns; the ratio is the median of each round's
own. The outage: a topic delivers to a queue that is down for one hour, and `advance` plays every attempt.
"""

from __future__ import annotations

import io
import json
import statistics
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
CALLS = 100
FUNCTION = f"""
import time, boto3
sqs = boto3.client("sqs")
def handler(event, context):
    began = time.perf_counter()
    for _ in range({CALLS}):
        sqs.send_message(QueueUrl=event["url"], MessageBody="hello")
    return (time.perf_counter() - began) * 1000 / {CALLS}
"""
OUTSIDE = f"""
import sys, time, boto3
keys = dict(aws_access_key_id="123456789012", aws_secret_access_key="none")
sqs = boto3.client("sqs", region_name="eu-west-1", endpoint_url=sys.argv[1], **keys)
print("ready", flush=True)
for line in sys.stdin:
    began = time.perf_counter()
    for _ in range({CALLS}):
        sqs.send_message(QueueUrl=line.strip(), MessageBody="hello")
    print((time.perf_counter() - began) * 1000 / {CALLS}, flush=True)
"""
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def document(*statements: dict[str, Any]) -> str:
    """A policy as JSON."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def made_function(boto3: Any) -> None:
    """The function `sender`, with a role that may do everything."""
    iam = boto3.client("iam")
    role = iam.create_role(RoleName="sender", AssumeRolePolicyDocument=document(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName="sender", PolicyName="all", PolicyDocument=document(ALL))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", FUNCTION)
    boto3.client("lambda").create_function(
        FunctionName="sender", Role=role, Runtime="python3.12", Handler="app.handler", Timeout=900,
        Code={"ZipFile": packed.getvalue()},
    )  # fmt: skip


def calls(rounds: int) -> None:
    """Print milliseconds per call, inside and over HTTP, and the ratio."""
    import boto3

    from labkit.sandbox import Sandbox, endpoint

    with Sandbox() as sandbox:
        url = boto3.client("sqs").create_queue(QueueName="orders")["QueueUrl"]
        made_function(boto3)
        awslambda, address = boto3.client("lambda"), endpoint.of(sandbox).url
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen([sys.executable, "-c", OUTSIDE, address], text=True, **pipes) as outside:
            assert outside.stdin is not None
            assert outside.stdout is not None
            assert outside.stdout.readline() == "ready\n"
            inside_ms, http_ms = [], []
            for number in range(rounds + 1):
                answer = awslambda.invoke(FunctionName="sender", Payload=json.dumps({"url": url}))
                inside = float(json.loads(answer["Payload"].read()))
                outside.stdin.write(url + "\n")
                outside.stdin.flush()
                http = float(outside.stdout.readline())
                if number:  # the first round warms both up
                    inside_ms.append(inside)
                    http_ms.append(http)
            outside.stdin.close()
    ratio = statistics.median(a / b for a, b in zip(inside_ms, http_ms, strict=True))
    print(f"SendMessage inside a function {statistics.median(inside_ms):8.2f} ms")
    print(f"SendMessage over HTTP         {statistics.median(http_ms):8.2f} ms")
    print(f"ratio                         {ratio:8.2f}  goal <= 0.75")


def outage(rounds: int) -> None:
    """Print what an hour of failing deliveries costs in processor time."""
    import boto3

    from labkit.sandbox import Sandbox

    spent, attempts = [], 0
    for _ in range(rounds):
        with Sandbox() as sandbox:
            sns, sqs = boto3.client("sns"), boto3.client("sqs")
            topic = sns.create_topic(Name="orders")["TopicArn"]
            url = sqs.create_queue(QueueName="inbox")["QueueUrl"]
            arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
                "QueueArn"
            ]
            may = {
                "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage",
                "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
            }  # fmt: skip
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(may)})
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
            sandbox.faults.put("delivery.unavailable", target="inbox", lasting=3600)
            sns.publish(TopicArn=topic, Message="hello")
            began = time.process_time()
            sandbox.clock.advance(minutes=61)
            spent.append((time.process_time() - began) * 1000)
            attempts = len(sandbox.trace.where(service="sns", action="DeliveryFailed"))
            assert sandbox.trace.where(service="sns", action="Delivered")
    print(f"an hour's outage, {attempts} attempts {statistics.median(spent):8.2f} ms of CPU  goal < 100")


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    calls(wanted)
    outage(wanted)
