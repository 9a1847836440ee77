"""Somebody else's things fill an account of every service, and stay out of the way."""

from __future__ import annotations

import json
from collections.abc import Callable

import boto3
import pytest

from labkit.sandbox import Sandbox
from labkit.workbook import messy
from labkit.workbook.messy_services import NAME

NAMED: dict[str, Callable[[], list[str]]] = {
    "sns": lambda: [one["TopicArn"] for one in boto3.client("sns").list_topics()["Topics"]],
    "events": lambda: [one["Name"] for one in boto3.client("events").list_event_buses()["EventBuses"]],
    "scheduler": lambda: [one["Name"] for one in boto3.client("scheduler").list_schedules()["Schedules"]],
    "pipes": lambda: [one["Name"] for one in boto3.client("pipes").list_pipes()["Pipes"]],
    "lambda": lambda: [one["FunctionName"] for one in boto3.client("lambda").list_functions()["Functions"]],
    "iam": lambda: [one["RoleName"] for one in boto3.client("iam").list_roles()["Roles"]],
    "logs": lambda: [one["logGroupName"] for one in boto3.client("logs").describe_log_groups()["logGroups"]],
    "kinesis": lambda: boto3.client("kinesis").list_streams()["StreamNames"],
    "kms": lambda: [one["AliasName"] for one in boto3.client("kms").list_aliases()["Aliases"]],
    "s3": lambda: [one["Name"] for one in boto3.client("s3").list_buckets()["Buckets"]],
    "sqs": lambda: boto3.client("sqs").list_queues()["QueueUrls"],
    "dynamodb": lambda: boto3.client("dynamodb").list_tables()["TableNames"],
}


@pytest.mark.parametrize("service", NAMED)
def test_a_service_gets_somebody_elses_things_and_the_trace_does_not_tell(
    sandbox: Sandbox, service: str
) -> None:
    messy.fill(sandbox, [service])
    assert len(sandbox.trace) == 0
    assert [name for name in NAMED[service]() if NAME in name]


def test_every_service_with_a_filler_is_tried_here() -> None:
    assert set(NAMED) == set(messy._FILLERS)


def test_all_of_it_in_one_account_goes_on_quietly(sandbox: Sandbox) -> None:
    messy.fill(sandbox, [*messy._FILLERS, "unheard-of"])
    sandbox.clock.advance(days=1)
    strangers = [
        event
        for event in sandbox.trace
        if event.kind in ("delivery", "refused", "invocation")
        and NAME not in str(event.params) + event.resource
    ]
    assert strangers == []  # nothing of it reaches what is not somebody else's
    assert not [event for event in sandbox.trace if event.kind == "refused"]


def test_messages_in_flight_are_put_only_where_none_waits(sandbox: Sandbox) -> None:
    sqs = boto3.client("sqs")
    empty, full = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("empty", "full"))
    sqs.send_message(QueueUrl=full, MessageBody="mine")
    messy.put_in_flight(sandbox)
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = [
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"] for url in (empty, full)
    ]
    assert [[one[name] for name in names] for one in counts] == [["0", "1"], ["1", "0"]]


def test_a_queue_whose_policy_lets_nobody_in_is_left_alone(sandbox: Sandbox) -> None:
    sqs = boto3.client("sqs")
    shut, open_ = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("a-shut-one", "open"))
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    sqs.set_queue_attributes(QueueUrl=shut, Attributes={"Policy": policy})
    messy.put_in_flight(sandbox)
    hidden = "ApproximateNumberOfMessagesNotVisible"
    counts = [
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[hidden])["Attributes"][hidden]
        for url in (shut, open_)
    ]
    assert counts == ["0", "1"]
