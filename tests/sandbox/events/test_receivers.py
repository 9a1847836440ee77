"""Rules in front of the other services that can receive: topics, log groups, streams, state machines."""

from __future__ import annotations

import json
from typing import Any

import boto3

ACCOUNT, REGION = "123456789012", "eu-west-1"


def allow(action: str | list[str], resource: str) -> str:
    statement = {
        "Effect": "Allow", "Principal": {"Service": ["events.amazonaws.com", "sns.amazonaws.com"]},
        "Action": action, "Resource": resource,
    }  # fmt: skip
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_a_topic_whose_policy_allows_it(shop: Any) -> None:
    sns: Any = boto3.client("sns")
    topic = sns.create_topic(Name="news")["TopicArn"]
    queue = shop.queue("inbox", open_to_all=False)
    shop.sqs.set_queue_attributes(
        QueueUrl=shop.urls["inbox"], Attributes={"Policy": allow("sqs:SendMessage", queue)}
    )
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
    shop.rule("orders", topic, InputPath="$.detail")

    shop.put({"n": 1})
    assert shop.texts("inbox") == []  # a new topic's policy names its owner only

    sns.set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=allow("sns:Publish", topic)
    )
    shop.put({"n": 2})
    assert shop.bodies("inbox") == [{"n": 2}]


def test_a_log_group_opened_by_a_resource_policy(shop: Any) -> None:
    logs: Any = boto3.client("logs")
    logs.create_log_group(logGroupName="/aws/events/orders")
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/events/orders"
    shop.rule("orders", arn)
    shop.put({"n": 1})
    assert logs.filter_log_events(logGroupName="/aws/events/orders")["events"] == []

    logs.put_resource_policy(
        policyName="events", policyDocument=allow(["logs:CreateLogStream", "logs:PutLogEvents"], f"{arn}:*")
    )
    shop.put({"n": 2})
    (event,) = logs.filter_log_events(logGroupName="/aws/events/orders")["events"]
    assert json.loads(event["message"])["detail"] == {"n": 2}


def test_a_stream_with_a_key_from_the_event(shop: Any) -> None:
    kinesis: Any = boto3.client("kinesis")
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/orders"
    role = shop.role("write", "kinesis:PutRecord", arn)
    shop.rule("orders", arn, RoleArn=role, KinesisParameters={"PartitionKeyPath": "$.detail.customer"})
    shop.target("orders", arn, Id="two", RoleArn=role)
    shop.clock.advance(minutes=1)

    result = shop.put({"customer": "ann"})

    shard = kinesis.describe_stream(StreamName="orders")["StreamDescription"]["Shards"][0]["ShardId"]
    start = kinesis.get_shard_iterator(StreamName="orders", ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = kinesis.get_records(ShardIterator=start["ShardIterator"])["Records"]
    assert [record["PartitionKey"] for record in records] == ["ann", result["EventId"]]
    assert json.loads(records[0]["Data"])["detail"] == {"customer": "ann"}


def test_a_state_machine_needs_a_role_that_may_start_it(shop: Any) -> None:
    """Whether it runs is the business of another module; here: the parcel is made and the role is asked."""
    arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:orders"
    shop.rule("orders", arn, RoleArn=shop.role("start", "states:StartExecution", arn))
    shop.put()
    tried = [
        event for event in shop.sandbox.trace.where(service="events") if event.params.get("target") == arn
    ]
    assert tried
