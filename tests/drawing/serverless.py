"""An order system of topics, rules, schedules, pipes and functions, in which some things go wrong."""

from __future__ import annotations

import io
import json
import textwrap
import zipfile
from typing import Any

import boto3

from labkit.sandbox import Sandbox
from tests.drawing.accounts import arn, queue, table, trust

PACK = """
    import json

    import boto3

    sales = boto3.resource("dynamodb").Table("sales")

    def handler(event, context):
        for record in event["Records"]:
            sales.put_item(Item={"id": record["messageId"]})
"""
FAILS = """
    def handler(event, context):
        raise ValueError("no stamps left")
"""
PASSES = """
    def handler(event, context):
        return event
"""


def allow(resource: str, action: str, *services: str, **condition: str) -> str:
    """A resource policy that lets services in; `condition` are source ARNs by Sid."""
    statements: list[dict[str, Any]] = [
        {
            "Sid": service.partition(".")[0],
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": action,
            "Resource": resource,
        }
        for service in services
    ]
    for statement in statements:
        if statement["Sid"] in condition:
            statement["Condition"] = {"ArnEquals": {"aws:SourceArn": condition[statement["Sid"]]}}
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def open_queue(name: str, *services: str, dead_letters: str = "", **more: str) -> str:
    """A queue that these services may send to; its URL."""
    policy = allow(arn("sqs", name), "sqs:SendMessage", *services, **more)
    return queue(name, dead_letters, Policy=policy)


def role(name: str, service: str, *actions: str, resource: str = "*") -> str:
    """A role that a service takes, with these permissions; its ARN."""
    iam = boto3.client("iam")
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"Service": service}))
    if actions:
        allowed = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document)
    return str(made["Role"]["Arn"])


def function(name: str, source: str, own_role: str, **settings: Any) -> str:
    """A function of one file; its ARN."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", textwrap.dedent(source))
    given: dict[str, Any] = {"Runtime": "python3.13", "Handler": "app.handler", "Timeout": 5}
    made = boto3.client("lambda").create_function(
        FunctionName=name, Role=own_role, Code={"ZipFile": buffer.getvalue()}, **(given | settings)
    )
    return str(made["FunctionArn"])


def fan_out() -> str:
    """A topic with subscriptions of every kind; one queue does not let it in. Its ARN."""
    sns, lam = boto3.client("sns"), boto3.client("lambda")
    topic = str(sns.create_topic(Name="order-events")["TopicArn"])
    open_queue("lost-orders", "sns.amazonaws.com")
    open_queue("billing", "sns.amazonaws.com", sns=topic)
    queue("stock")
    own = role("notify-role", "lambda.amazonaws.com", "logs:*")
    notify = function("notify", PASSES, own)
    lam.add_permission(
        FunctionName="notify", StatementId="topic", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com",
        SourceArn=topic,
    )  # fmt: skip
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn("sqs", "lost-orders")})}
    filtered = {"FilterPolicy": json.dumps({"amount": [{"numeric": [">=", 100]}], "country": ["AT", "DE"]})}
    for protocol, endpoint, attributes in (
        ("sqs", arn("sqs", "billing"), filtered),
        ("sqs", arn("sqs", "stock"), redrive),
        ("lambda", notify, {}),
        ("https", "https://shop.example/hook", redrive),
        ("email", "ada@example.com", {}),
        ("sms", "+431234567", {}),
    ):
        sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint, Attributes=attributes)
    return topic


def publish(topic: str, *amounts: int) -> None:
    """An order of each amount, to the topic."""
    for amount in amounts:
        boto3.client("sns").publish(
            TopicArn=topic,
            Message=json.dumps({"amount": amount}),
            MessageAttributes={
                "amount": {"DataType": "Number", "StringValue": str(amount)},
                "country": {"DataType": "String", "StringValue": "AT"},
            },
        )


def order_system(sandbox: Sandbox) -> None:
    """Bus, rules, queues, functions, a schedule, a pipe, and dead letters."""
    events, lam = boto3.client("events"), boto3.client("lambda")
    events.create_event_bus(Name="shop")
    events.create_archive(
        ArchiveName="shop-archive", EventSourceArn=arn("events", "event-bus/shop"), RetentionDays=7
    )
    queue("orders-dlq")
    open_queue("rule-dlq", "events.amazonaws.com")
    open_queue("orders", "events.amazonaws.com", dead_letters="orders-dlq")
    queue("audit")
    table("sales")
    pack = function(
        "pack", PACK, role("pack-role", "lambda.amazonaws.com", "sqs:*", "dynamodb:PutItem", "logs:*")
    )
    mail = function("mail", FAILS, role("mail-role", "lambda.amazonaws.com", "sqs:SendMessage", "logs:*"))
    queue("unsent-mail")
    lam.put_function_event_invoke_config(
        FunctionName="mail", DestinationConfig={"OnFailure": {"Destination": arn("sqs", "unsent-mail")}}
    )
    lam.create_event_source_mapping(
        EventSourceArn=arn("sqs", "orders"), FunctionName="pack", BatchSize=10, MaximumBatchingWindowInSeconds=5,
        FilterCriteria={"Filters": [{"Pattern": json.dumps({"body": {"source": ["shop"]}})}]},
    )  # fmt: skip
    dead = {"DeadLetterConfig": {"Arn": arn("sqs", "rule-dlq")}}
    _rule("placed", {"detail-type": ["OrderPlaced"]}, {"Id": "orders", "Arn": arn("sqs", "orders")})
    _rule("paid", {"detail-type": ["OrderPaid"]}, {"Id": "mail", "Arn": mail})
    _rule("everything", {"source": ["shop"]}, {"Id": "audit", "Arn": arn("sqs", "audit"), **dead})
    _rule("old", {"source": ["old-shop"]}, {"Id": "x", "Arn": arn("sqs", "audit")}, State="DISABLED")
    lam.add_permission(
        FunctionName="mail", StatementId="rule", Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com", SourceArn=arn("events", "rule/shop/paid"),
    )  # fmt: skip
    boto3.client("scheduler").create_schedule(
        Name="nightly-report", ScheduleExpression="cron(0 9 * * ? *)", ScheduleExpressionTimezone="Europe/Vienna",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": pack, "RoleArn": role("nightly-role", "scheduler.amazonaws.com", "lambda:InvokeFunction")},
    )  # fmt: skip


def _rule(name: str, pattern: dict[str, Any], *targets: dict[str, Any], **more: str) -> None:
    events = boto3.client("events")
    events.put_rule(Name=name, EventBusName="shop", EventPattern=json.dumps(pattern), **more)
    events.put_targets(Rule=name, EventBusName="shop", Targets=list(targets))


def put_orders(count: int, kind: str = "OrderPlaced") -> None:
    """Events on the bus."""
    entry = {"EventBusName": "shop", "Source": "shop", "DetailType": kind}
    for number in range(count):
        boto3.client("events").put_events(Entries=[{**entry, "Detail": json.dumps({"order": number})}])


def outage(sandbox: Sandbox, minutes: int = 60, then: int = 30) -> None:
    """A queue that is away for an hour while a rule delivers to it, and `then` so many minutes more."""
    boto3.client("events").create_event_bus(Name="shop")
    open_queue("orders", "events.amazonaws.com")
    open_queue("rule-dlq", "events.amazonaws.com")
    _rule("placed", {"detail-type": ["OrderPlaced"]}, {"Id": "orders", "Arn": arn("sqs", "orders")})
    sandbox.faults.put("delivery.unavailable", target="orders", lasting=60 * minutes)
    put_orders(2)
    sandbox.clock.advance(minutes=minutes + then)
