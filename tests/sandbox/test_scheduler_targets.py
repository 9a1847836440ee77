"""EventBridge Scheduler: its templated targets beside queues, and what becomes of those that are not there."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox, delivery
from labkit.sandbox.parcels import Parcel

ARN = "arn:aws:{}:eu-west-1:123456789012:{}"
ROLE = "arn:aws:iam::123456789012:role/scheduler"


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture
def scheduler(sandbox: Sandbox) -> Any:
    iam = boto3.client("iam")
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "scheduler.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    iam.create_role(RoleName="scheduler", AssumeRolePolicyDocument=document(trust))
    may = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    iam.put_role_policy(RoleName="scheduler", PolicyName="may", PolicyDocument=document(may))
    return boto3.client("scheduler")


def once(sandbox: Sandbox, scheduler: Any, arn: str, text: str | None = None, **target: Any) -> None:
    """Let a schedule run once."""
    given = {"Arn": arn, "RoleArn": ROLE, **target, **({"Input": text} if text is not None else {})}
    scheduler.create_schedule(
        Name="once", ScheduleExpression="rate(1 day)", FlexibleTimeWindow={"Mode": "OFF"}, Target=given
    )
    sandbox.clock.advance(seconds=5)


def outcome(sandbox: Sandbox) -> list[tuple[str, str]]:
    return [
        (event.action, event.error)
        for event in sandbox.trace.where(service="scheduler")
        if event.kind in ("delivery", "refused")
    ]


def test_a_bus_gets_an_event_of_the_given_source(sandbox: Sandbox, scheduler: Any) -> None:
    events, sqs = boto3.client("events"), boto3.client("sqs")
    url = sqs.create_queue(QueueName="seen")["QueueUrl"]
    events.put_rule(
        Name="nightly", EventPattern=json.dumps({"source": ["shop.clock"], "detail": {"job": ["bill"]}})
    )
    allow = {
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": ARN.format("sqs", "seen"),
    }  # fmt: skip
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(allow)})
    events.put_targets(Rule="nightly", Targets=[{"Id": "1", "Arn": ARN.format("sqs", "seen")}])
    block = {"DetailType": "Night", "Source": "shop.clock"}
    once(
        sandbox,
        scheduler,
        ARN.format("events", "event-bus/default"),
        '{"job": "bill"}',
        EventBridgeParameters=block,
    )
    event = json.loads(sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"])
    assert (event["detail-type"], event["source"], event["detail"]) == (
        "Night",
        "shop.clock",
        {"job": "bill"},
    )
    assert (event["account"], event["region"]) == ("123456789012", "eu-west-1")


def test_a_topic_publishes_the_input(sandbox: Sandbox, scheduler: Any) -> None:
    boto3.client("sns").create_topic(Name="news")
    once(sandbox, scheduler, ARN.format("sns", "news"), "good night")
    assert outcome(sandbox) == [("Delivered", "")]


def test_a_function_gets_the_input_as_its_event(
    sandbox: Sandbox, scheduler: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Parcel] = []

    def accept(parcel: Parcel) -> str:
        seen.append(parcel)
        return "taken"

    monkeypatch.setitem(
        delivery.receivers, "arn:lambda", delivery.Receiver(("lambda:InvokeFunction",), accept)
    )
    once(sandbox, scheduler, ARN.format("lambda", "function:night"), '{"job": 7}')
    assert [(parcel.body, parcel.role) for parcel in seen] == [('{"job": 7}', ROLE)]


def test_a_stream_gets_a_record(sandbox: Sandbox, scheduler: Any) -> None:
    kinesis = boto3.client("kinesis")
    kinesis.create_stream(StreamName="clicks", ShardCount=1)
    once(
        sandbox,
        scheduler,
        ARN.format("kinesis", "stream/clicks"),
        "tick",
        KinesisParameters={"PartitionKey": "night"},
    )
    iterator = kinesis.get_shard_iterator(
        StreamName="clicks", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    [record] = kinesis.get_records(ShardIterator=iterator)["Records"]
    assert (record["Data"], record["PartitionKey"]) == (b"tick", "night")


def test_a_delivery_stream_gets_a_record(sandbox: Sandbox, scheduler: Any) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="archive", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    boto3.client("firehose").create_delivery_stream(
        DeliveryStreamName="archive",
        ExtendedS3DestinationConfiguration={"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::archive"},
    )
    once(sandbox, scheduler, ARN.format("firehose", "deliverystream/archive"), "tick")
    assert len(s3.list_objects_v2(Bucket="archive")["Contents"]) == 1


@pytest.mark.parametrize(
    ("arn", "block"),
    [
        (ARN.format("sns", "none"), {}),
        (ARN.format("sqs", "none"), {}),
        (ARN.format("lambda", "function:none"), {}),
        (ARN.format("kinesis", "stream/none"), {"KinesisParameters": {"PartitionKey": "1"}}),
        (ARN.format("firehose", "deliverystream/none"), {}),
        (
            ARN.format("events", "event-bus/none"),
            {"EventBridgeParameters": {"DetailType": "a", "Source": "b"}},
        ),
        (ARN.format("codebuild", "project/none"), {}),
    ],
)
def test_a_target_that_is_not_there_is_given_up_at_once(
    sandbox: Sandbox, scheduler: Any, arn: str, block: dict[str, Any]
) -> None:
    once(sandbox, scheduler, arn, **block)
    assert [action for action, _ in outcome(sandbox)] == ["DeliveryRefused", "Dropped"]


def test_universal_calls_know_the_names_of_step_functions_and_eventbridge(
    sandbox: Sandbox, scheduler: Any
) -> None:
    universal = "arn:aws:scheduler:::aws-sdk:eventbridge:putEvents"
    entries = {"Entries": [{"Source": "shop", "DetailType": "t", "Detail": "{}"}]}
    once(sandbox, scheduler, universal, json.dumps(entries))
    assert outcome(sandbox) == [("Delivered", "")]
    [call] = sandbox.trace.where(service="events", action="PutEvents")
    assert call.error == ""
