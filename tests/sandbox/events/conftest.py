"""A small shop on EventBridge, for the tests beside this file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox

ACCOUNT, REGION = "123456789012", "eu-west-1"
EVENTS = "events.amazonaws.com"


class Shop:
    """Queues that EventBridge may write to, rules that send there, and what arrived."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.clock = sandbox.clock
        self.events: Any = boto3.client("events")
        self.sqs: Any = boto3.client("sqs")
        self.iam: Any = boto3.client("iam")
        self.urls: dict[str, str] = {}

    def queue(self, name: str, *, open_to_all: bool = True, **attributes: str) -> str:
        """Make a queue that EventBridge may send to; returns its ARN."""
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        if open_to_all:
            self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy("sqs:SendMessage", arn)})
        self.urls[name] = url
        return arn

    def rule(
        self,
        name: str,
        target: str = "",
        pattern: dict[str, Any] | None = None,
        bus: str = "default",
        **extra: Any,
    ) -> str:
        """A rule for the events of `shop` with one target; returns the rule's ARN."""
        pattern = {"source": ["shop"]} if pattern is None else pattern
        made = self.events.put_rule(Name=name, EventPattern=json.dumps(pattern), EventBusName=bus)
        if target:
            self.target(name, target, bus=bus, **extra)
        return str(made["RuleArn"])

    def target(self, rule: str, arn: str, bus: str = "default", **extra: Any) -> None:
        """Give a rule a target. `extra` are the target's other fields."""
        one = {"Id": extra.pop("Id", "one"), "Arn": arn, **extra}
        self.events.put_targets(Rule=rule, EventBusName=bus, Targets=[one])

    def role(self, name: str, action: str, resource: str = "*") -> str:
        """A role that EventBridge can take, allowed one action; returns its ARN."""
        trust = {"Effect": "Allow", "Principal": {"Service": EVENTS}, "Action": "sts:AssumeRole"}
        made = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))
        allow = {"Effect": "Allow", "Action": action, "Resource": resource}
        self.iam.put_role_policy(RoleName=name, PolicyName="allow", PolicyDocument=document(allow))
        return str(made["Role"]["Arn"])

    def put(self, detail: Any = None, **fields: Any) -> dict[str, Any]:
        """Put one event of the shop; returns its result entry."""
        entry = {"Source": "shop", "DetailType": "Order Placed", "Detail": json.dumps(detail or {}), **fields}
        result: dict[str, Any] = self.events.put_events(Entries=[entry])["Entries"][0]
        return result

    def texts(self, name: str) -> list[str]:
        """The bodies of all messages in a queue; they are deleted."""
        return [message["Body"] for message in self.messages(name)]

    def bodies(self, name: str) -> list[Any]:
        """The same, read as JSON."""
        return [json.loads(text) for text in self.texts(name)]

    def messages(self, name: str) -> list[dict[str, Any]]:
        """All messages of a queue with their attributes; they are deleted."""
        found: list[dict[str, Any]] = []
        while True:
            answer = self.sqs.receive_message(
                QueueUrl=self.urls[name], MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            )
            for message in answer.get("Messages", []):
                self.sqs.delete_message(QueueUrl=self.urls[name], ReceiptHandle=message["ReceiptHandle"])
                found.append(message)
            if not answer.get("Messages"):
                return found


def document(*statements: dict[str, Any]) -> str:
    """A policy as JSON."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def policy(action: str, resource: str) -> str:
    """A policy that lets EventBridge do one thing."""
    return document(
        {"Effect": "Allow", "Principal": {"Service": EVENTS}, "Action": action, "Resource": resource}
    )


@pytest.fixture
def shop(sandbox: Sandbox) -> Iterator[Shop]:
    """The shop in a running account. Time passes only when a test says so, also on a slow machine."""
    with sandbox.clock.paused():
        yield Shop(sandbox)
