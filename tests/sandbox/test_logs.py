"""CloudWatch Logs: what filters let through, what log events cause, and log groups as targets."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox, delivery
from labkit.sandbox.parcels import Parcel

GROUP = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/events/orders"
RULE = "arn:aws:events:eu-west-1:123456789012:rule/orders"
STREAM = "arn:aws:kinesis:eu-west-1:123456789012:stream/logs"
ROLE = "arn:aws:iam::123456789012:role/logs"


# -- the API -----------------------------------------------------------------------------------------


class Log:
    """One log group with one stream, and what was written into it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.logs = boto3.client("logs")
        self.logs.create_log_group(logGroupName="/shop")
        self.logs.create_log_stream(logGroupName="/shop", logStreamName="web")

    def write(self, *lines: Any) -> None:
        now = int(self.sandbox.clock.time() * 1000)
        events = [
            {"timestamp": now + number, "message": line if isinstance(line, str) else json.dumps(line)}
            for number, line in enumerate(lines)
        ]
        self.logs.put_log_events(logGroupName="/shop", logStreamName="web", logEvents=events)

    def found(self, pattern: str = "") -> list[str]:
        answer = self.logs.filter_log_events(logGroupName="/shop", filterPattern=pattern)
        return [event["message"] for event in answer["events"]]

    def numbers(self, metric: str, **dimensions: str) -> list[float]:
        now = self.sandbox.clock.now()
        points = boto3.client("cloudwatch").get_metric_statistics(
            Namespace="Shop", MetricName=metric, StartTime=now - timedelta(hours=1), EndTime=now + timedelta(hours=1),
            Period=7200, Statistics=["Sum", "SampleCount"],
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        )["Datapoints"]  # fmt: skip
        return [number for point in points for number in (point["Sum"], point["SampleCount"])]


@pytest.fixture
def log(sandbox: Sandbox) -> Log:
    return Log(sandbox)


def test_filter_log_events_understands_json(log: Log) -> None:
    log.write({"level": "ERROR", "ms": 12}, {"level": "INFO", "ms": 900}, "plain ERROR")
    assert log.found('{ $.level = "ERROR" }') == ['{"level": "ERROR", "ms": 12}']
    assert log.found("{ $.ms > 100 }") == ['{"level": "INFO", "ms": 900}']
    assert len(log.found("ERROR")) == 2


def test_a_pattern_that_makes_no_sense_is_refused(log: Log) -> None:
    for call in (
        lambda: log.found("{ $.level = "),
        lambda: log.logs.put_metric_filter(
            logGroupName="/shop", filterName="f", filterPattern="{ oops }",
            metricTransformations=[{"metricName": "m", "metricNamespace": "Shop", "metricValue": "1"}],
        ),
    ):  # fmt: skip
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response["Error"]["Code"] == "InvalidParameterException"


def test_a_batch_that_is_too_large_is_refused(log: Log) -> None:
    with pytest.raises(ClientError, match="Upload too large: 1048627 bytes exceeds limit of 1048576"):
        log.write("x" * 1_000_000, "x" * 48_575)


# -- metrics -----------------------------------------------------------------------------------------


def metric(log: Log, pattern: str, value: str = "1", **more: Any) -> None:
    wanted = {"metricName": "Errors", "metricNamespace": "Shop", "metricValue": value, **more}
    log.logs.put_metric_filter(
        logGroupName="/shop", filterName="errors", filterPattern=pattern, metricTransformations=[wanted]
    )


def test_a_metric_filter_counts_what_comes_after_it(log: Log) -> None:
    log.write("ERROR one")
    metric(log, "ERROR")
    log.write("ERROR two", "all well", "ERROR three")
    assert log.numbers("Errors") == [2, 2]


def test_a_metric_filter_takes_values_and_dimensions_from_the_log_event(log: Log) -> None:
    metric(log, "{ $.ms > 0 }", "$.ms", dimensions={"Page": "$.page"})
    log.write({"ms": 100, "page": "/"}, {"ms": 50, "page": "/cart"}, {"ms": 7, "page": "/"}, {"ms": 1})
    assert log.numbers("Errors", Page="/") == [107, 2]


def test_a_metric_filter_reports_its_default_value(log: Log) -> None:
    metric(log, "ERROR", defaultValue=0)
    log.write("all well")
    assert log.numbers("Errors") == [0, 1]


def test_a_metric_filter_of_the_same_name_is_replaced(log: Log) -> None:
    metric(log, "WARN")
    metric(log, "ERROR", "5")
    log.write("ERROR", "WARN")
    assert log.numbers("Errors") == [5, 1]
    assert len(log.logs.describe_metric_filters(logGroupName="/shop")["metricFilters"]) == 1
    with pytest.raises(log.logs.exceptions.ResourceNotFoundException):
        log.logs.put_metric_filter(
            logGroupName="/none", filterName="f", filterPattern="",
            metricTransformations=[{"metricName": "m", "metricNamespace": "Shop", "metricValue": "1"}],
        )  # fmt: skip


def test_the_embedded_metric_format_makes_metrics(log: Log) -> None:
    directive = {
        "Namespace": "Shop",
        "Dimensions": [["Page"]],
        "Metrics": [{"Name": "Took", "Unit": "Milliseconds"}],
    }
    about = {"Timestamp": int(log.sandbox.clock.time() * 1000), "CloudWatchMetrics": [directive]}
    log.write({"_aws": about, "Page": "/", "Took": [3, 4]}, {"_aws": about, "Page": "/", "Took": 5})
    assert log.numbers("Took", Page="/") == [12, 3]


@pytest.mark.parametrize(
    "broken",
    [
        {"_aws": 1}, {"_aws": {}}, {"_aws": {"CloudWatchMetrics": [{"Metrics": [{"Name": "a"}]}]}}, '{"_aws": ',
        {"_aws": {"Timestamp": "x", "CloudWatchMetrics": [{"Namespace": "N", "Metrics": [{"Name": "a"}]}]}, "a": 1},
    ],
)  # fmt: skip
def test_a_broken_embedded_metric_is_only_a_log_event(log: Log, broken: Any) -> None:
    log.write(broken)
    assert len(log.found()) == 1


# -- retention ---------------------------------------------------------------------------------------


def test_log_events_go_when_their_time_is_over(log: Log) -> None:
    log.logs.put_retention_policy(logGroupName="/shop", retentionInDays=3)
    log.write("first")
    log.sandbox.clock.advance(days=2)
    log.write("second")
    assert log.found() == ["first", "second"]
    log.sandbox.clock.advance(days=1)
    assert log.found() == ["second"]
    log.sandbox.clock.advance(days=3)
    assert log.found() == []
    assert not log.sandbox.clock.waiting


def test_without_retention_they_stay_and_a_shorter_one_takes_the_old_ones_at_once(log: Log) -> None:
    log.write("old")
    log.sandbox.clock.advance(days=10)
    log.write("new")
    assert log.found() == ["old", "new"]
    log.logs.put_retention_policy(logGroupName="/shop", retentionInDays=7)
    assert log.found() == ["new"]
    log.logs.delete_retention_policy(logGroupName="/shop")
    log.sandbox.clock.advance(days=10)
    assert log.found() == ["new"]


def test_only_certain_numbers_of_days_are_taken(log: Log) -> None:
    with pytest.raises(ClientError, match="Value '4' at 'retentionInDays'"):
        log.logs.put_retention_policy(logGroupName="/shop", retentionInDays=4)


# -- subscriptions -----------------------------------------------------------------------------------


@pytest.fixture
def stream(log: Log) -> Any:
    kinesis, iam = boto3.client("kinesis"), boto3.client("iam")
    kinesis.create_stream(StreamName="logs", ShardCount=1)
    trust = {
        "Effect": "Allow", "Principal": {"Service": "logs.amazonaws.com"}, "Action": "sts:AssumeRole",
        "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:logs:eu-west-1:123456789012:*"}},
    }  # fmt: skip
    iam.create_role(
        RoleName="logs", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trust})
    )
    may = {"Effect": "Allow", "Action": "kinesis:PutRecord", "Resource": STREAM}
    policy = json.dumps({"Version": "2012-10-17", "Statement": may})
    iam.put_role_policy(RoleName="logs", PolicyName="may", PolicyDocument=policy)
    return kinesis


def subscribe(log: Log, pattern: str = "ERROR", name: str = "errors", **more: str) -> None:
    given = {"destinationArn": STREAM, "roleArn": ROLE, **more}
    log.logs.put_subscription_filter(logGroupName="/shop", filterName=name, filterPattern=pattern, **given)


def payloads(kinesis: Any) -> list[Any]:
    iterator = kinesis.get_shard_iterator(
        StreamName="logs", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = kinesis.get_records(ShardIterator=iterator)["Records"]
    return [json.loads(gzip.decompress(record["Data"])) for record in records]


def test_a_stream_gets_what_matches_compressed(log: Log, stream: Any) -> None:
    subscribe(log)
    log.write("ERROR one", "all well", "ERROR two")
    log.sandbox.clock.advance(seconds=1)
    [payload] = payloads(stream)
    ids = [event.pop("id") for event in payload["logEvents"]]
    assert [event["message"] for event in payload["logEvents"]] == ["ERROR one", "ERROR two"]
    known = log.logs.filter_log_events(logGroupName="/shop", filterPattern="ERROR")["events"]
    assert ids == [event["eventId"] for event in known]
    assert all(len(one) == 56 for one in ids)
    assert {name: payload[name] for name in payload if name != "logEvents"} == {
        "messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "/shop", "logStream": "web",
        "subscriptionFilters": ["errors"],
    }  # fmt: skip


def test_nothing_is_sent_when_nothing_matches(log: Log, stream: Any) -> None:
    subscribe(log)
    log.write("all well")
    log.sandbox.clock.advance(minutes=1)
    assert payloads(stream) == []


def test_a_destination_that_comes_back_gets_it_later(log: Log, stream: Any) -> None:
    subscribe(log)
    log.sandbox.faults.put("delivery.unavailable", target="logs", lasting=600)
    log.write("ERROR one")
    log.sandbox.clock.advance(hours=1)
    assert len(payloads(stream)) == 1


def test_a_role_that_may_not_is_refused_when_the_filter_is_made(log: Log, stream: Any) -> None:
    boto3.client("iam").delete_role_policy(RoleName="logs", PolicyName="may")
    with pytest.raises(ClientError, match="Could not deliver test message to specified Kinesis stream"):
        subscribe(log)


def test_a_group_has_two_filters_and_both_can_be_changed(log: Log, stream: Any) -> None:
    subscribe(log)
    subscribe(log, "WARN", "warnings")
    subscribe(log, "INFO", "warnings")
    with pytest.raises(log.logs.exceptions.LimitExceededException):
        subscribe(log, "x", "third")
    log.write("INFO")
    log.sandbox.clock.advance(seconds=1)
    assert payloads(stream)[0]["subscriptionFilters"] == ["warnings"]


FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:watch"


def function() -> Any:
    import io
    import zipfile

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "def handle(event, context):\n    pass\n")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    role = boto3.client("iam").create_role(RoleName="watch", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    client = boto3.client("lambda")
    client.create_function(
        FunctionName="watch",
        Runtime="python3.12",
        Handler="app.handle",
        Role=role,
        Code={"ZipFile": packed.getvalue()},
    )
    return client


@pytest.mark.parametrize("principal", ["logs.amazonaws.com", "logs.eu-west-1.amazonaws.com"])
def test_a_function_gets_the_payload_in_its_event(
    log: Log, principal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = function()
    with pytest.raises(ClientError, match="Make sure you have given CloudWatch Logs permission"):
        log.logs.put_subscription_filter(
            logGroupName="/shop", filterName="f", filterPattern="", destinationArn=FUNCTION
        )
    client.add_permission(
        FunctionName="watch", StatementId="logs", Action="lambda:InvokeFunction", Principal=principal,
        SourceArn="arn:aws:logs:eu-west-1:123456789012:log-group:/shop:*",
    )  # fmt: skip
    log.logs.put_subscription_filter(
        logGroupName="/shop", filterName="f", filterPattern="", destinationArn=FUNCTION
    )
    seen: list[str] = []

    def accept(parcel: Parcel) -> str:
        seen.append(parcel.body)
        return "taken"

    receiver = delivery.receiver_of(FUNCTION)
    assert receiver
    monkeypatch.setitem(
        delivery.receivers, "arn:lambda", delivery.Receiver(receiver.actions, accept, receiver.find)
    )
    log.write("hello")
    log.sandbox.clock.advance(seconds=2)
    [body] = seen
    packed = json.loads(body)["awslogs"]["data"]
    payload = json.loads(gzip.decompress(base64.b64decode(packed)))
    assert payload["logEvents"][0]["message"] == "hello"


# -- a log group as a target -------------------------------------------------------------------------


def rule_writes(sandbox: Sandbox, body: str, target: str = GROUP) -> None:
    with sandbox.lock:
        delivery.send(Parcel("events", RULE, target, body, "events.amazonaws.com", id="e-1"))
        sandbox.clock.catch_up()


def let_rules_write(log: Log, **more: Any) -> None:
    statement = {
        "Sid": "Rules", "Effect": "Allow",
        "Principal": {"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/events/*:*", **more,
    }  # fmt: skip
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    log.logs.put_resource_policy(policyName="rules", policyDocument=document)


def written(log: Log) -> list[str]:
    answer = log.logs.filter_log_events(logGroupName="/aws/events/orders")
    return [event["message"] for event in answer["events"]]


@pytest.mark.parametrize("target", [GROUP, f"{GROUP}:*"])
def test_a_rule_writes_its_events(log: Log, target: str) -> None:
    log.logs.create_log_group(logGroupName="/aws/events/orders")
    let_rules_write(log)
    rule_writes(log.sandbox, '{"detail": {}}', target)
    assert written(log) == ['{"detail": {}}']
    assert len(log.logs.describe_log_streams(logGroupName="/aws/events/orders")["logStreams"]) == 1


def test_a_transformed_event_chooses_time_and_text(log: Log) -> None:
    log.logs.create_log_group(logGroupName="/aws/events/orders")
    let_rules_write(log)
    rule_writes(log.sandbox, '{"timestamp": 1700000000000, "message": {"order": 7}}')
    [event] = log.logs.filter_log_events(logGroupName="/aws/events/orders")["events"]
    assert (event["timestamp"], event["message"]) == (1700000000000, '{"order": 7}')


@pytest.mark.parametrize("how", ["none", "other source", "one action"])
def test_without_the_resource_policy_nothing_is_written(log: Log, how: str) -> None:
    log.logs.create_log_group(logGroupName="/aws/events/orders")
    if how == "other source":
        let_rules_write(log, Condition={"ArnEquals": {"aws:SourceArn": RULE + "-not"}})
    elif how == "one action":
        let_rules_write(log, Action="logs:CreateLogStream")
    rule_writes(log.sandbox, "{}")
    [refused] = log.sandbox.trace.where(action="DeliveryRefused")
    assert refused.error == "AccessDenied"
    assert written(log) == []


def test_a_group_that_is_gone_refuses_for_good(log: Log) -> None:
    let_rules_write(log)
    rule_writes(log.sandbox, "{}")
    [refused] = log.sandbox.trace.where(action="DeliveryRefused")
    assert refused.error == "ResourceNotFoundException"
