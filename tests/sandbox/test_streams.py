"""Kinesis streams and Firehose delivery streams as targets of other services."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox, delivery
from labkit.sandbox.parcels import NEVER, Parcel, Phase, Retry

RULE = "arn:aws:events:eu-west-1:123456789012:rule/clicks"
ROLE = "arn:aws:iam::123456789012:role/sender"
STREAM = "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks"
HOSE = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/archive"


@pytest.fixture
def role(sandbox: Sandbox) -> Any:
    iam = boto3.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam.create_role(
        RoleName="sender", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trust})
    )
    may = {"Effect": "Allow", "Action": ["kinesis:PutRecord", "firehose:PutRecord"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": may})
    iam.put_role_policy(RoleName="sender", PolicyName="may", PolicyDocument=policy)
    return iam


def send(sandbox: Sandbox, target: str, body: str = "tea", *, retry: Retry = NEVER, **options: str) -> None:
    parcel = Parcel(
        "test",
        RULE,
        target,
        body,
        "events.amazonaws.com",
        ROLE,
        id="7",
        options=tuple(options.items()),
        retry=retry,
    )
    with sandbox.lock:
        delivery.send(parcel)
        sandbox.clock.catch_up()


def outcome(sandbox: Sandbox) -> list[tuple[str, str]]:
    return [(event.action, event.error) for event in sandbox.trace if event.service == "test"]


def records(kinesis: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for shard in kinesis.list_shards(StreamName="clicks")["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName="clicks", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found += kinesis.get_records(ShardIterator=iterator)["Records"]
    return found


# -- Kinesis -----------------------------------------------------------------------------------------


def test_a_record_carries_the_body_and_the_partition_key(sandbox: Sandbox, role: Any) -> None:
    kinesis = boto3.client("kinesis")
    kinesis.create_stream(StreamName="clicks", ShardCount=4)
    send(sandbox, STREAM, "Grüße", PartitionKey="customer-7")
    send(sandbox, STREAM, "tea")
    assert sorted((record["Data"].decode(), record["PartitionKey"]) for record in records(kinesis)) == [
        ("Grüße", "customer-7"), ("tea", "7"),
    ]  # fmt: skip
    [event, _] = sandbox.trace.where(action="Delivered")
    assert event.params["Arrived"] in [record["SequenceNumber"] for record in records(kinesis)]


def test_bytes_arrive_as_bytes(sandbox: Sandbox, role: Any) -> None:
    kinesis = boto3.client("kinesis")
    kinesis.create_stream(StreamName="clicks", ShardCount=1)
    send(sandbox, STREAM, "H4sI/w==", encoding="base64")
    assert records(kinesis)[0]["Data"] == b"\x1f\x8b\x08\xff"
    send(sandbox, STREAM, "not base64", encoding="base64")
    assert outcome(sandbox)[-2:] == [
        ("DeliveryRefused", "InvalidArgumentException"), ("Dropped", "InvalidArgumentException"),
    ]  # fmt: skip


@pytest.mark.parametrize("target", [STREAM, HOSE, "arn:aws:kinesis:us-east-1:999999999999:stream/far"])
def test_a_stream_that_is_not_there_refuses_for_good(sandbox: Sandbox, role: Any, target: str) -> None:
    send(sandbox, target, retry=Retry((Phase(3, 1, 1),)))
    sandbox.clock.advance(minutes=1)
    assert outcome(sandbox) == [
        ("DeliveryRefused", "ResourceNotFoundException"), ("Dropped", "ResourceNotFoundException"),
    ]  # fmt: skip


def test_a_role_without_the_permission_puts_nothing(sandbox: Sandbox, role: Any) -> None:
    kinesis = boto3.client("kinesis")
    kinesis.create_stream(StreamName="clicks", ShardCount=1)
    role.delete_role_policy(RoleName="sender", PolicyName="may")
    send(sandbox, STREAM)
    assert outcome(sandbox)[0] == ("DeliveryRefused", "AccessDenied")
    assert records(kinesis) == []


def test_a_record_that_is_too_large_is_refused(sandbox: Sandbox, role: Any) -> None:
    boto3.client("kinesis").create_stream(StreamName="clicks", ShardCount=1)
    send(sandbox, STREAM, "x" * (1024 * 1024))
    assert outcome(sandbox)[0] == ("DeliveryRefused", "InvalidArgumentException")


# -- Firehose ----------------------------------------------------------------------------------------


def hose(bucket: str = "archive") -> Any:
    firehose = boto3.client("firehose")
    destination = {"RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{bucket}", "Prefix": "raw/"}
    firehose.create_delivery_stream(
        DeliveryStreamName="archive",
        DeliveryStreamType="DirectPut",
        ExtendedS3DestinationConfiguration=destination,
    )
    return firehose


def bucket() -> Any:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="archive", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return s3


def test_a_record_becomes_an_object(sandbox: Sandbox, role: Any) -> None:
    s3 = bucket()
    hose()
    send(sandbox, HOSE, "one line\n")
    [found] = s3.list_objects_v2(Bucket="archive")["Contents"]
    assert found["Key"].startswith(f"raw/{sandbox.clock.now():%Y/%m/%d/}")
    assert s3.get_object(Bucket="archive", Key=found["Key"])["Body"].read() == b"one line\n"


def test_a_bucket_that_is_gone_is_no_error_for_who_puts_records(sandbox: Sandbox, role: Any) -> None:
    firehose = hose("nowhere")
    assert firehose.put_record(DeliveryStreamName="archive", Record={"Data": b"x"})["RecordId"]
    send(sandbox, HOSE)
    assert outcome(sandbox) == [("Delivered", "")]
    assert len(sandbox.trace.where(service="firehose", action="Dropped")) == 2


def test_a_delivery_stream_that_is_not_there_is_an_error_for_who_puts_records(sandbox: Sandbox) -> None:
    with pytest.raises(ClientError, match="not found"):
        boto3.client("firehose").put_record(DeliveryStreamName="none", Record={"Data": b"x"})
