"""The throughput of FIFO queues, in stories where the clock stands still between requests."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox
from labkit.workload import Request, Traffic, play, steady

HIGH = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}


@pytest.fixture
def sqs(sandbox: Sandbox) -> Any:
    return boto3.client("sqs", config=Config(retries={"total_max_attempts": 1}))


def fifo(sqs: Any, **attributes: str) -> str:
    given = {"FifoQueue": "true", "ContentBasedDeduplication": "true", **attributes}
    return str(sqs.create_queue(QueueName="orders.fifo", Attributes=given)["QueueUrl"])


def sender(sqs: Any, url: str, groups: int = 100) -> Any:
    def send(request: Request) -> Any:
        group = f"customer-{request.number % groups}"
        return sqs.send_message(QueueUrl=url, MessageBody=str(request.number), MessageGroupId=group)

    return send


@pytest.mark.parametrize(("rate", "share"), [(290, 1.0), (600, 0.5)])
def test_a_fifo_queue_takes_300_sends_a_second(sandbox: Sandbox, sqs: Any, rate: int, share: float) -> None:
    load = Traffic(sandbox, steady(rate, 2), sender(sqs, fifo(sqs)), evenly=True)
    play(sandbox, load)
    assert load.records.share_good() == pytest.approx(share, abs=0.02)
    assert set(load.records.errors) <= {"RequestThrottled"}


def test_batches_carry_ten_times_as_much(sandbox: Sandbox, sqs: Any) -> None:
    url = fifo(sqs)

    def send(request: Request) -> Any:
        entries = [
            {"Id": str(place), "MessageBody": f"{request.number}.{place}", "MessageGroupId": "g"}
            for place in range(10)
        ]
        return sqs.send_message_batch(QueueUrl=url, Entries=entries)

    load = Traffic(sandbox, steady(250, 1), send, evenly=True)
    play(sandbox, load)
    assert load.records.share_good() == 1.0


def test_high_throughput_goes_beyond_with_many_groups_only(sandbox: Sandbox, sqs: Any) -> None:
    url = fifo(sqs, **HIGH)
    many = Traffic(sandbox, steady(1_000, 1), sender(sqs, url, groups=50), evenly=True)
    one = Traffic(sandbox, steady(1_000, 1), sender(sqs, url, groups=1), evenly=True)
    play(sandbox, many)
    play(sandbox, one)
    assert many.records.share_good() == 1.0
    assert one.records.share_good() == pytest.approx(0.3, abs=0.02)


def test_receives_and_deletes_are_counted_for_themselves(sandbox: Sandbox, sqs: Any) -> None:
    url = fifo(sqs)
    with sandbox.clock.paused():
        for number in range(300):
            sqs.send_message(QueueUrl=url, MessageBody=str(number), MessageGroupId="g")
        for _ in range(300):
            sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)
        with pytest.raises(ClientError) as caught:
            sqs.receive_message(QueueUrl=url)
        assert caught.value.response["Error"]["Code"] == "RequestThrottled"
        sandbox.clock.advance(seconds=1)
        assert sqs.receive_message(QueueUrl=url)["Messages"]


def test_boto3_tries_again_and_its_waits_are_virtual(sandbox: Sandbox, sqs: Any) -> None:
    url = fifo(sqs)
    patient = boto3.client("sqs", config=Config(retries={"total_max_attempts": 8}))
    load = Traffic(sandbox, steady(400, 1), sender(patient, url), evenly=True)
    play(sandbox, load)
    assert load.records.share_good() == 1.0
    assert load.records.percentile(1.0) > 0.05


def test_standard_queues_and_real_time_loops_are_free(sandbox: Sandbox, sqs: Any) -> None:
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    load = Traffic(sandbox, steady(1_000, 1), lambda one: sqs.send_message(QueueUrl=url, MessageBody="x"))
    play(sandbox, load)
    assert load.records.share_good() == 1.0
    ordered = fifo(sqs)
    for number in range(400):
        sqs.send_message(QueueUrl=ordered, MessageBody=str(number), MessageGroupId="g")
