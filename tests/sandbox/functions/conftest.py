"""A learner's way to functions: a role that may everything, and short ways to make and call them."""

from __future__ import annotations

import io
import json
import textwrap
import zipfile
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox

ACCOUNT = "123456789012"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


class Functions:
    """Functions of one account."""

    ECHO = "def handler(event, context):\n    return event\n"
    FAILS = "def handler(event, context):\n    raise ValueError('no tea')\n"
    COUNTS = """
        import time
        n = 0

        def handler(event, context):
            global n
            n += 1
            print("call", n, event.get("word", ""))
            time.sleep(event.get("sleep", 0))
            if event.get("boom"):
                raise ValueError(event["boom"])
            return {"n": n, "left": context.get_remaining_time_in_millis(), "arn": context.invoked_function_arn,
                    "version": context.function_version}
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.api = boto3.client("lambda")
        self.role("orders", {"Effect": "Allow", "Action": "*", "Resource": "*"})

    @staticmethod
    def package(source: str = "", files: dict[str, str] | None = None) -> bytes:
        """A zip with `app.py` and more files."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in ({"app.py": source} | (files or {})).items():
                archive.writestr(name, textwrap.dedent(text))
        return buffer.getvalue()

    @staticmethod
    def role(name: str, *statements: dict[str, Any], trust: Any = TRUST) -> str:
        """An execution role with these statements; its ARN."""
        iam = boto3.client("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        if statements:
            document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
            iam.put_role_policy(RoleName=name, PolicyName="given", PolicyDocument=document)
        return str(arn)

    def make(self, source: str = ECHO, name: str = "f", **settings: Any) -> dict[str, Any]:
        given: dict[str, Any] = {
            "Runtime": "python3.13", "Handler": "app.handler", "Timeout": 5,
            "Role": f"arn:aws:iam::{ACCOUNT}:role/orders", "Code": {"ZipFile": self.package(source)},
        }  # fmt: skip
        made: dict[str, Any] = self.api.create_function(FunctionName=name, **(given | settings))
        return made

    def call(self, payload: object = None, name: str = "f", **options: Any) -> tuple[Any, dict[str, Any]]:
        answer = self.api.invoke(FunctionName=name, Payload=json.dumps(payload or {}), **options)
        body = answer["Payload"].read()
        return (json.loads(body) if body else None), answer

    def send(self, payload: object = None, name: str = "f", **options: Any) -> None:
        """An asynchronous call."""
        self.call(payload, name, InvocationType="Event", **options)

    @staticmethod
    def lines(name: str = "f", group: str = "") -> list[str]:
        events = boto3.client("logs").filter_log_events(logGroupName=group or f"/aws/lambda/{name}")["events"]
        return [event["message"] for event in events]

    @staticmethod
    def queue(name: str = "end") -> tuple[str, str]:
        """A queue's URL and ARN."""
        sqs = boto3.client("sqs")
        return sqs.create_queue(QueueName=name)["QueueUrl"], f"arn:aws:sqs:eu-west-1:{ACCOUNT}:{name}"

    @staticmethod
    def received(url: str) -> list[dict[str, Any]]:
        found = boto3.client("sqs").receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
        )
        return list(found.get("Messages", []))

    @staticmethod
    def refused(call: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[str, str]:
        """The code and message with which a call is refused."""
        with pytest.raises(ClientError) as caught:
            call(*args, **kwargs)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    def runs(self) -> list[Any]:
        """What ran, by the trace."""
        return self.sandbox.trace.where(kind="invocation")


@pytest.fixture
def functions(sandbox: Sandbox) -> Functions:
    return Functions(sandbox)


@pytest.fixture
def new_functions() -> Callable[[Sandbox], Functions]:
    """For accounts a test opens itself."""
    return Functions
