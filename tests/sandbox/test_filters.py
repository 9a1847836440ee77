"""Patterns where they work: rules of EventBridge and filter policies of SNS, in front of real queues."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox

EVENT = {
    "id": "1", "account": "123456789012", "source": "orchard.orders", "time": "2026-11-23T10:00:00Z",
    "region": "eu-west-1", "resources": [], "detail-type": "OrderPlaced",
    "detail": {"total": 12, "lines": [{"sku": "tea"}]},
}  # fmt: skip


class Inbox:
    """A queue behind a topic or a rule."""

    def __init__(self) -> None:
        self.sqs = boto3.client("sqs")
        self.url = self.sqs.create_queue(QueueName="inbox")["QueueUrl"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        self.arn = attributes["Attributes"]["QueueArn"]
        services = ["events.amazonaws.com", "sns.amazonaws.com"]
        allow = {"Effect": "Allow", "Principal": {"Service": services}, "Action": "sqs:SendMessage"}
        policy = {"Version": "2012-10-17", "Statement": [{**allow, "Resource": self.arn}]}
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": json.dumps(policy)})

    def bodies(self) -> list[Any]:
        messages = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in messages]


@pytest.fixture
def inbox(sandbox: Sandbox) -> Inbox:
    return Inbox()


def rule(inbox: Inbox, pattern: Any = None, **settings: Any) -> None:
    events = boto3.client("events")
    given = {"EventPattern": json.dumps(pattern)} if pattern is not None else {}
    events.put_rule(Name="r", **given, **settings)
    events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": inbox.arn}])


def put(detail: Any) -> None:
    entry = {"Source": "orchard.orders", "DetailType": "OrderPlaced", "Detail": json.dumps(detail)}
    assert boto3.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


@pytest.mark.parametrize(
    ("pattern", "detail", "through"),
    [
        ({"source": ["orchard.orders"]}, {}, True),
        ({"source": ["Orchard.orders"]}, {}, False),
        ({"detail": {"total": [{"numeric": [">", 10]}]}}, {"total": 12}, True),
        ({"detail": {"total": [{"numeric": [">", 10]}]}}, {"total": "12"}, False),
        ({"detail": {"sku": [{"anything-but": {"suffix": "-old"}}]}}, {"sku": "tea-old"}, False),
        ({"detail": {"ip": [{"cidr": "10.0.0.0/8"}]}}, {"ip": "10.1.2.3"}, True),
        ({"detail": {"$or": [{"a": [1]}, {"b": [2]}]}}, {"b": 2}, True),
        (
            {"detail": {"lines": {"sku": ["tea"], "n": [1]}}},
            {"lines": [{"sku": "tea", "n": 2}, {"sku": "mug", "n": 1}]},
            False,
        ),
    ],
)  # fmt: skip
def test_a_rule_delivers_what_its_pattern_takes(
    inbox: Inbox, pattern: Any, detail: Any, through: bool
) -> None:
    rule(inbox, pattern)
    put(detail)
    assert [event["detail"] for event in inbox.bodies()] == ([detail] if through else [])


def test_a_disabled_rule_is_silent(inbox: Inbox) -> None:
    rule(inbox, {"source": ["orchard.orders"]}, State="DISABLED")
    put({})
    assert inbox.bodies() == []
    boto3.client("events").enable_rule(Name="r")
    put({})
    assert len(inbox.bodies()) == 1


def test_a_schedule_does_not_react_to_events(inbox: Inbox) -> None:
    rule(inbox, None, ScheduleExpression="rate(1 hour)")
    put({})
    assert inbox.bodies() == []


@pytest.mark.parametrize(
    "pattern", ['{"source": "orchard"}', '{"source": []}', '{"detail": {"a": [{"prefx": "x"}]}}', "{"]
)
def test_an_invalid_pattern_is_refused_with_a_reason(sandbox: Sandbox, pattern: str) -> None:
    with pytest.raises(ClientError, match="Event pattern is not valid. Reason: ") as caught:
        boto3.client("events").put_rule(Name="r", EventPattern=pattern)
    assert caught.value.response["Error"]["Code"] == "InvalidEventPatternException"
    assert boto3.client("events").list_rules()["Rules"] == []


@pytest.mark.parametrize(
    ("pattern", "result"), [({"detail": {"total": [12]}}, True), ({"detail": {"total": [13]}}, False)]
)
def test_a_pattern_can_be_tried_without_a_rule(sandbox: Sandbox, pattern: Any, result: bool) -> None:
    answer = boto3.client("events").test_event_pattern(
        EventPattern=json.dumps(pattern), Event=json.dumps(EVENT)
    )
    assert answer["Result"] is result


@pytest.mark.parametrize("event", ["[]", "{", json.dumps({"source": "x"})])
def test_what_is_no_event_is_refused(sandbox: Sandbox, event: str) -> None:
    with pytest.raises(ClientError, match="Parameter Event is not valid"):
        boto3.client("events").test_event_pattern(EventPattern='{"source": ["x"]}', Event=event)


def subscribe(inbox: Inbox, policy: Any = None, scope: str | None = None) -> tuple[str, str]:
    sns = boto3.client("sns")
    topic = sns.create_topic(Name="news")["TopicArn"]
    attributes = {"FilterPolicy": json.dumps(policy)} if policy is not None else {}
    attributes |= {"FilterPolicyScope": scope} if scope else {}
    answer = sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=inbox.arn, Attributes=attributes, ReturnSubscriptionArn=True
    )
    return topic, answer["SubscriptionArn"]


def attribute(kind: str, value: str) -> dict[str, str]:
    return {"DataType": kind, "StringValue": value}


@pytest.mark.parametrize(
    ("policy", "attributes", "through"),
    [
        ({"kind": ["order"]}, {"kind": attribute("String", "order")}, True),
        ({"kind": ["order"]}, {}, False),
        ({"kind": [{"equals-ignore-case": "ORDER"}]}, {"kind": attribute("String", "order")}, True),
        ({"total": [{"numeric": [">=", 10, "<", 20]}]}, {"total": attribute("Number", "12")}, True),
        ({"total": [{"numeric": [">=", 10]}]}, {"total": attribute("String", "12")}, False),
        ({"tags": [{"prefix": "gar"}]}, {"tags": attribute("String.Array", '["kitchen", "garden"]')}, True),
        ({"kind": [{"anything-but": {"prefix": "test-"}}]}, {"kind": attribute("String", "test-a")}, False),
        ({"kind": ["a", {"exists": False}]}, {"other": attribute("String", "x")}, True),
    ],
)
def test_a_filter_on_attributes(inbox: Inbox, policy: Any, attributes: Any, through: bool) -> None:
    topic, _ = subscribe(inbox, policy)
    boto3.client("sns").publish(TopicArn=topic, Message="hello", MessageAttributes=attributes)
    assert len(inbox.bodies()) == through


@pytest.mark.parametrize(
    ("policy", "message", "through"),
    [
        ({"order": {"total": [{"numeric": [">", 10]}]}}, '{"order": {"total": 12}}', True),
        ({"order": {"total": [{"numeric": [">", 10]}]}}, '{"order": {"total": "12"}}', False),
        ({"paid": [True]}, '{"paid": 1}', False),
        ({"note": [None]}, '{"note": null}', True),
        ({"a": {"b": [{"exists": False}]}}, "{}", True),
        ({"kind": ["order"]}, "no JSON at all", False),
    ],
)
def test_a_filter_on_the_body(inbox: Inbox, policy: Any, message: str, through: bool) -> None:
    topic, _ = subscribe(inbox, policy, "MessageBody")
    boto3.client("sns").publish(TopicArn=topic, Message=message)
    assert len(inbox.bodies()) == through


@pytest.mark.parametrize(
    "policy", ['{"kind": "order"}', "no json", '{"kind": [{"prefx": "x"}]}', '{"kind": []}']
)
def test_an_invalid_filter_policy_is_refused_and_the_old_one_stays(inbox: Inbox, policy: str) -> None:
    sns = boto3.client("sns")
    topic, subscription = subscribe(inbox, {"kind": ["order"]})
    with pytest.raises(ClientError, match="Invalid parameter: ") as caught:
        sns.set_subscription_attributes(
            SubscriptionArn=subscription, AttributeName="FilterPolicy", AttributeValue=policy
        )
    assert caught.value.response["Error"]["Code"] == "InvalidParameter"
    kept = sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]["FilterPolicy"]
    assert json.loads(kept) == {"kind": ["order"]}
    sns.publish(TopicArn=topic, Message="x", MessageAttributes={"kind": attribute("String", "bill")})
    assert inbox.bodies() == []


def test_the_scope_can_be_changed_and_the_policy_follows(inbox: Inbox) -> None:
    sns = boto3.client("sns")
    topic, subscription = subscribe(inbox, {"kind": ["order"]})
    sns.set_subscription_attributes(
        SubscriptionArn=subscription, AttributeName="FilterPolicyScope", AttributeValue="MessageBody"
    )
    sns.publish(TopicArn=topic, Message='{"kind": "order"}')
    assert len(inbox.bodies()) == 1
