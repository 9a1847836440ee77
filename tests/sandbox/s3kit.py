"""A bucket with a queue, for the tests of event notifications."""

from __future__ import annotations

import json
from typing import Any

import boto3

from labkit.sandbox import Sandbox

ARN = "arn:aws:{}:eu-west-1:123456789012:{}"
QUEUE, TOPIC = ARN.format("sqs", "uploads"), ARN.format("sns", "uploads")
FUNCTION = ARN.format("lambda", "function:thumbnail")


class Shop:
    """A bucket, and a queue that lets this bucket in."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.s3, self.sqs = boto3.client("s3"), boto3.client("sqs")
        self.s3.create_bucket(Bucket="photos", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        self.url = self.sqs.create_queue(QueueName="uploads")["QueueUrl"]
        self.allow()

    def allow(self, **statement: Any) -> None:
        allowed = {
            "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": QUEUE,
            "Condition": {
                "ArnLike": {"aws:SourceArn": "arn:aws:s3:*:*:photos"},
                "StringEquals": {"aws:SourceAccount": "123456789012"},
            },
            **statement,
        }  # fmt: skip
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        self.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": policy})

    def notify(self, *queues: dict[str, Any], skip: bool = False, **others: Any) -> None:
        given = [{"QueueArn": QUEUE, "Events": ["s3:ObjectCreated:*"], **queue} for queue in queues]
        configuration = {"QueueConfigurations": given, **others} if given else others
        self.s3.put_bucket_notification_configuration(
            Bucket="photos", NotificationConfiguration=configuration, SkipDestinationValidation=skip
        )

    def messages(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while messages := self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def records(self) -> list[dict[str, Any]]:
        return [record for message in self.messages() for record in message.get("Records", [])]

    def events(self) -> list[tuple[str, str]]:
        return sorted((record["eventName"], record["s3"]["object"]["key"]) for record in self.records())

    def put(self, *keys: str) -> None:
        for key in keys:
            self.s3.put_object(Bucket="photos", Key=key, Body=b"12345")


def where(prefix: str = "", suffix: str = "") -> dict[str, Any]:
    rules = [
        {"Name": name, "Value": value} for name, value in (("prefix", prefix), ("suffix", suffix)) if value
    ]
    return {"Filter": {"Key": {"FilterRules": rules}}}
