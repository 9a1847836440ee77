"""The door: one record per call, clear refusals, and threads that lose nothing."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
import requests
from botocore.exceptions import ClientError, ParamValidationError

from labkit import pins
from labkit.errors import LabkitError
from labkit.sandbox import Sandbox, current, running
from labkit.sandbox.dispatch import NotSimulated, SimulationFailed


def test_a_service_moto_lacks_is_one_clear_sentence(sandbox: Sandbox) -> None:
    with pytest.raises(NotSimulated, match="MediaConvert ListJobs is not simulated here; it exists on AWS"):
        boto3.client("mediaconvert").list_jobs()
    assert sandbox.trace.last(1)[0].error == "NotSimulated"


def test_an_operation_moto_lacks_is_one_clear_sentence(sandbox: Sandbox) -> None:
    with pytest.raises(ClientError, match=r"SNS GetDataProtectionPolicy is not simulated here"):
        boto3.client("sns").get_data_protection_policy(ResourceArn="arn:aws:sns:eu-west-1:123456789012:t")


def test_a_package_that_is_not_installed_reads_as_not_simulated(sandbox: Sandbox) -> None:
    with pytest.raises(NotSimulated, match="CreateStack is not simulated here"):
        boto3.client("cloudformation").create_stack(StackName="s", TemplateBody="{}")


def test_a_break_inside_the_simulation_is_our_fault_and_says_so(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    boto3.client("sns").list_topics()
    monkeypatch.setattr("moto.sns.responses.SNSResponse.list_topics", lambda self: 1 / 0)
    with pytest.raises(SimulationFailed, match="our fault, not yours"):
        boto3.client("sns").list_topics()


def test_parameters_botocore_refuses_never_reach_the_account(sandbox: Sandbox) -> None:
    with pytest.raises(ParamValidationError):
        boto3.client("sqs").create_queue(Name="orders")
    assert sandbox.trace.where(action="CreateQueue") == []


def test_a_plain_http_request_to_the_account_is_answered_and_recorded(sandbox: Sandbox) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="orchard", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="orchard", Key="note.txt", Body=b"apples")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "orchard", "Key": "note.txt"})
    assert requests.get(url, timeout=5).content == b"apples"
    (event,) = sandbox.trace.where(service="http")
    assert "X-Amz" not in event.resource


def test_eight_threads_lose_and_duplicate_nothing(sandbox: Sandbox) -> None:
    sqs, table = boto3.client("sqs"), boto3.client("dynamodb")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    table.create_table(
        TableName="counter",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )

    def produce(number: int) -> None:
        for item in range(25):
            sqs.send_message(QueueUrl=url, MessageBody=f"{number}-{item}")
            table.update_item(
                TableName="counter",
                Key={"k": {"S": "n"}},
                UpdateExpression="ADD hits :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(produce, range(4)))

    seen: Counter[str] = Counter()
    guard = threading.Lock()

    def consume(_: int) -> None:
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            with guard:
                seen.update(message["Body"] for message in messages)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(consume, range(8)))
    item = table.get_item(TableName="counter", Key={"k": {"S": "n"}})["Item"]
    assert item["hits"]["N"] == "100"
    assert sorted(seen) == sorted(f"{number}-{item}" for number in range(4) for item in range(25))
    assert set(seen.values()) == {1}


def test_alone_a_long_wait_takes_no_real_time_and_lets_virtual_time_pass(sandbox: Sandbox) -> None:
    start = sandbox.clock.time()
    with sandbox.lock:
        assert not sandbox.wait_until(lambda: False, 20)
    assert sandbox.clock.time() - start == pytest.approx(20, abs=2)


def test_with_another_thread_a_wait_is_real_and_the_other_can_act(sandbox: Sandbox) -> None:
    done, waiting = threading.Event(), threading.Event()

    def other() -> None:
        waiting.wait(5)
        with sandbox.lock:  # free, although the first thread waits inside it
            done.set()
            sandbox.changed()

    thread = threading.Thread(target=other)
    thread.start()
    start = sandbox.clock.time()
    with sandbox.lock:
        waiting.set()
        assert sandbox.wait_until(done.is_set, 20)
    thread.join()
    assert sandbox.clock.time() - start < 10


def test_only_one_account_is_open_at_a_time() -> None:
    with Sandbox() as first:
        assert current() is first
        assert first.start() is first
        with pytest.raises(LabkitError, match="Stop it first"):
            Sandbox().start()
    assert running() is None
    with pytest.raises(LabkitError, match="No lab is open"):
        current()


def test_another_version_of_moto_is_refused_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "installed", lambda name: "9.9.9" if name == "moto" else pins.PINS[name])
    monkeypatch.setattr(pins, "_fit", {})  # as in a process that opens its first account
    with pytest.raises(LabkitError, match=r"pip install moto==5\.2\.5"):
        Sandbox().start()
    assert running() is None


def test_a_failed_start_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")

    def broken(self: Sandbox) -> None:
        raise RuntimeError("no")

    with monkeypatch.context() as patch:
        patch.setattr(Sandbox, "_start_moto", broken)
        with pytest.raises(RuntimeError):
            Sandbox().start()
    import os

    assert os.environ["AWS_PROFILE"] == "mine"
    with Sandbox():
        pass
