"""API calls that fail on purpose: boto3 meets the error below its own retries, and no real time passes."""

from __future__ import annotations

import time
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox

ONCE = Config(retries={"total_max_attempts": 1})


def refusal(call: Any, **params: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize(
    ("service", "operation", "params", "throttled"),
    [
        ("sqs", "list_queues", {}, "ThrottlingException"),
        ("dynamodb", "list_tables", {}, "ThrottlingException"),
        ("sns", "list_topics", {}, "Throttling"),
        ("lambda", "list_functions", {}, "ThrottlingException"),
        ("s3", "list_buckets", {}, "ThrottlingException"),
    ],
)
def test_every_protocol_reads_the_error(
    sandbox: Sandbox, service: str, operation: str, params: dict[str, Any], throttled: str
) -> None:
    call = getattr(boto3.client(service, config=ONCE), operation)
    sandbox.faults.put("api.error")
    assert refusal(call, **params) == ("InternalFailure", 500)
    sandbox.faults.clear()
    sandbox.faults.put("api.throttle")
    assert refusal(call, **params) == (throttled, 400)
    sandbox.faults.clear()
    assert call(**params)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_fault_strikes_the_call_it_names_only(sandbox: Sandbox) -> None:
    sqs = boto3.client("sqs", config=ONCE)
    orders, other = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("orders", "other"))
    sandbox.faults.put("api.throttle", service="sqs", action="SendMessage", target="orders")
    assert refusal(sqs.send_message, QueueUrl=orders, MessageBody="x")[0] == "ThrottlingException"
    sqs.send_message(QueueUrl=other, MessageBody="x")
    sqs.receive_message(QueueUrl=orders)
    boto3.client("sns").list_topics()


def test_boto3_tries_again_in_virtual_time(sandbox: Sandbox) -> None:
    sandbox.faults.put("api.error", 0.5)
    sqs = boto3.client("sqs", config=Config(retries={"total_max_attempts": 10}))
    began, ahead = time.perf_counter(), sandbox.clock.ahead
    tries = [
        sqs.create_queue(QueueName=f"q{number}")["ResponseMetadata"]["RetryAttempts"] for number in range(20)
    ]
    assert 8 < sum(tries) < 40
    assert time.perf_counter() - began < 10
    assert sandbox.clock.ahead > ahead  # the waits moved the clock on, and nobody waited
    assert len(sandbox.trace.where(action="CreateQueue", error="")) == 20


def test_a_share_strikes_its_share_and_nothing_happens_in_a_call_that_was_struck(sandbox: Sandbox) -> None:
    sqs = boto3.client("sqs", config=ONCE)
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    sandbox.faults.put("api.throttle", 0.3, action="SendMessage")
    struck = 0
    for _ in range(200):
        try:
            sqs.send_message(QueueUrl=url, MessageBody="x")
        except ClientError:
            struck += 1
    assert 35 < struck < 90
    count = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    assert int(count["Attributes"]["ApproximateNumberOfMessages"]) == 200 - struck
    assert len(sandbox.trace.where(action="SendMessage", error="ThrottlingException")) == struck
