"""A small account with topics and queues, for the tests of Amazon SNS."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox

ACCOUNT = "123456789012"
SQS = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:"
SNS = f"arn:aws:sns:eu-west-1:{ACCOUNT}:"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/"


class Post:
    """Topics, and queues that let them write."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.sns, self.sqs = boto3.client("sns"), boto3.client("sqs")

    def topic(self, name: str = "news", **attributes: str) -> str:
        """Make a topic; a name that ends in .fifo makes a FIFO topic."""
        if name.endswith(".fifo"):
            attributes["FifoTopic"] = "true"
        return str(self.sns.create_topic(Name=name, Attributes=attributes)["TopicArn"])

    def queue(self, name: str = "orders", *, allowed: bool = True, **attributes: str) -> str:
        """Make a queue that SNS may send to; returns its ARN."""
        if name.endswith(".fifo"):
            attributes["FifoQueue"] = "true"
        if allowed:
            attributes["Policy"] = self.policy(SQS + name)
        self.sqs.create_queue(QueueName=name, Attributes=attributes)
        return SQS + name

    @staticmethod
    def policy(resource: str, action: str = "sqs:SendMessage", service: str = "sns.amazonaws.com") -> str:
        """A resource policy that lets a service in."""
        allowed = {
            "Sid": service.partition(".")[0], "Effect": "Allow", "Principal": {"Service": service}, "Action": action,
            "Resource": resource,
        }  # fmt: skip
        return json.dumps({"Version": "2012-10-17", "Statement": [allowed]})

    def subscribe(self, topic: str, protocol: str, endpoint: str, **attributes: str) -> str:
        """Subscribe; returns the subscription's ARN, also while it waits."""
        answer = self.sns.subscribe(
            TopicArn=topic,
            Protocol=protocol,
            Endpoint=endpoint,
            Attributes=attributes,
            ReturnSubscriptionArn=True,
        )
        return str(answer["SubscriptionArn"])

    def publish(self, topic: str, message: str = "tea", **more: Any) -> dict[str, Any]:
        """Publish to a topic."""
        answer: dict[str, Any] = self.sns.publish(TopicArn=topic, Message=message, **more)
        return answer

    def received(self, queue: str = SQS + "orders") -> list[dict[str, Any]]:
        """The messages of a queue; they are deleted."""
        url = self.sqs.get_queue_url(QueueName=queue.rpartition(":")[2])["QueueUrl"]
        found: list[dict[str, Any]] = []
        while True:
            answer = self.sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            )  # fmt: skip
            messages = answer.get("Messages", [])
            if not messages:
                return found
            for message in messages:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found += messages

    def bodies(self, queue: str = SQS + "orders") -> list[str]:
        """The bodies of a queue's messages."""
        return [message["Body"] for message in self.received(queue)]

    def texts(self, queue: str = SQS + "orders") -> list[str]:
        """What was published, out of the envelopes in a queue."""
        return [json.loads(body)["Message"] for body in self.bodies(queue)]

    def events(self, *actions: str) -> list[Any]:
        """What the trace has of these actions."""
        return [event for event in self.sandbox.trace if event.action in actions]

    def role(self, name: str, service: str, *actions: str) -> str:
        """A role that a service may take, and what it may do."""
        iam = boto3.client("iam")
        trust = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
        }
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        if actions:
            allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
            iam.put_role_policy(
                RoleName=name,
                PolicyName="p",
                PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
            )
        return ROLE + name


def refusal(call: Any, *args: Any, **params: Any) -> tuple[str, str]:
    """Code and message of the error a call ends with."""
    with pytest.raises(ClientError) as caught:
        call(*args, **params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]
