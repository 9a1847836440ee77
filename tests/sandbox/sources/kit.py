"""What the tests of event source mappings and pipes share: functions, queues, roles, and what happened."""

from __future__ import annotations

import io
import json
import textwrap
import zipfile
from typing import Any

import boto3

from labkit.sandbox import Sandbox

ACCOUNT = "123456789012"
PLACE = f"eu-west-1:{ACCOUNT}"
QUEUES = f"arn:aws:sqs:{PLACE}:"

SAYS = """
    import json

    def handler(event, context):
        print("EVENT", json.dumps(event))
"""
"""A function that takes everything."""
FAILS = """
    import json

    def handler(event, context):
        print("EVENT", json.dumps(event))
        raise ValueError("no tea")
"""
"""A function that takes nothing."""
PICKY = """
    import json

    def handler(event, context):
        print("EVENT", json.dumps(event))
        bad = [r["messageId"] for r in event["Records"] if "bad" in r["body"]]
        return {"batchItemFailures": [{"itemIdentifier": one} for one in bad]}
"""
"""A function that reports the messages with "bad" in them."""


def package(source: str) -> bytes:
    """The source as a zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", textwrap.dedent(source))
    return buffer.getvalue()


def statement(*actions: str, resource: str = "*") -> str:
    """A policy that allows these actions."""
    allowed = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [allowed]})


class Kit:
    """An account with a role that may read everything."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.clock, self.trace = sandbox, sandbox.clock, sandbox.trace
        self.iam, self.sqs, self.lam = boto3.client("iam"), boto3.client("sqs"), boto3.client("lambda")
        self.role = self.make_role(
            "worker", "lambda.amazonaws.com", "sqs:*", "kinesis:*", "dynamodb:*", "logs:*"
        )

    def make_role(self, name: str, service: str, *actions: str) -> str:
        """A role that this service takes, with these permissions."""
        trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        arn: str = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        if actions:
            self.iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=statement(*actions))
        return arn

    def queue(self, name: str = "orders", **attributes: Any) -> str:
        """A queue's URL."""
        given = {key: str(value) for key, value in attributes.items()}
        url: str = self.sqs.create_queue(QueueName=name, Attributes=given)["QueueUrl"]
        return url

    def function(self, source: str = SAYS, name: str = "work", **settings: Any) -> str:
        """A function's ARN."""
        given = {
            "Runtime": "python3.13",
            "Handler": "app.handler",
            "Timeout": 5,
            "Role": self.role,
        } | settings
        answer = self.lam.create_function(FunctionName=name, Code={"ZipFile": package(source)}, **given)
        arn: str = answer["FunctionArn"]
        return arn

    def mapping(self, source: str = "orders", function: str = "work", **settings: Any) -> str:
        """A mapping's UUID. `source` is a queue's name or an ARN."""
        arn = source if source.startswith("arn:") else QUEUES + source
        answer = self.lam.create_event_source_mapping(EventSourceArn=arn, FunctionName=function, **settings)
        uuid: str = answer["UUID"]
        return uuid

    def send(self, url: str, *bodies: str, **more: Any) -> None:
        """Send messages, ten in a call."""
        for start in range(0, len(bodies), 10):
            some = bodies[start : start + 10]
            entries = [{"Id": str(place), "MessageBody": body, **more} for place, body in enumerate(some)]
            self.sqs.send_message_batch(QueueUrl=url, Entries=entries)

    def counts(self, url: str) -> tuple[int, int]:
        """Messages that are visible, and in flight."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return int(found[names[0]]), int(found[names[1]])

    def events(self, name: str = "work") -> list[Any]:
        """What the function was called with, oldest first."""
        logs = boto3.client("logs")
        group = f"/aws/lambda/{name}"
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            return []
        found = logs.filter_log_events(logGroupName=group)["events"]
        said = [line["message"] for line in found if line["message"].startswith("EVENT ")]
        return [json.loads(line.removeprefix("EVENT ")) for line in said]

    def bodies(self, name: str = "work") -> list[list[str]]:
        """The bodies of each batch."""
        return [[record["body"] for record in event["Records"]] for event in self.events(name)]

    def received(self, url: str) -> list[Any]:
        """What is in a queue, as a consumer gets it."""
        given = self.sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return list(given.get("Messages", []))

    def did(self, *actions: str) -> list[Any]:
        """The events in the trace with these actions."""
        return [event for event in self.trace if event.action in actions]
