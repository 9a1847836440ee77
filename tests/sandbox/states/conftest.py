"""An account with a role for Step Functions, and short words for starting state machines."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox


class Flows:
    """A sandbox with Step Functions."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox, self.clock = sandbox, sandbox.clock
        self.sfn = boto3.client("stepfunctions")
        self.iam = boto3.client("iam")
        self.role = self.make_role("flows", "*")
        self.count = 0

    def make_role(self, name: str, *actions: str) -> str:
        """A role for Step Functions and Lambda that may do these actions."""
        services = ["states.amazonaws.com", "lambda.amazonaws.com"]
        trust = {"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        if actions:
            allow = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
            self.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy)
        return str(role)

    def function(self, name: str, code: str, timeout: int = 60) -> str:
        """A Lambda function; `code` defines `handler`."""
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr("app.py", code)
        made = boto3.client("lambda").create_function(
            FunctionName=name, Runtime="python3.12", Handler="app.handler", Role=self.role,
            Code={"ZipFile": data.getvalue()}, Timeout=timeout,
        )  # fmt: skip
        return str(made["FunctionArn"])

    def machine(self, states: dict[str, Any], **more: Any) -> str:
        """A state machine that starts at its first state; returns its ARN. `type`, `role`, `name` are for the API."""
        self.count += 1
        api = {key: more.pop(key) for key in ("type", "loggingConfiguration") if key in more}
        role, name = more.pop("role", self.role), more.pop("name", f"flow-{self.count}")
        definition = {"StartAt": next(iter(states)), "States": states, **more}
        made = self.sfn.create_state_machine(
            name=name, definition=json.dumps(definition), roleArn=role, **api
        )
        return str(made["stateMachineArn"])

    def start(self, machine: str, data: Any = None, **more: Any) -> str:
        """Start an execution; returns its ARN."""
        text = json.dumps({} if data is None else data)
        return str(self.sfn.start_execution(stateMachineArn=machine, input=text, **more)["executionArn"])

    def run(self, states: dict[str, Any], data: Any = None, hours: float = 1, **more: Any) -> dict[str, Any]:
        """Run a new state machine, let time pass, and describe the execution. `result` is its output."""
        arn = self.start(self.machine(states, **more), data)
        self.clock.advance(hours=hours)
        return self.look(arn)

    def look(self, arn: str) -> dict[str, Any]:
        """DescribeExecution, with the output as `result`."""
        found: dict[str, Any] = self.sfn.describe_execution(executionArn=arn)
        return found | {"result": json.loads(found.get("output", "null"))}

    def history(self, arn: str) -> list[dict[str, Any]]:
        """All events."""
        pages = self.sfn.get_paginator("get_execution_history").paginate(executionArn=arn)
        return [event for page in pages for event in page["events"]]

    def types(self, arn: str) -> list[str]:
        """The types of all events."""
        return [event["type"] for event in self.history(arn)]


@pytest.fixture
def flows() -> Iterator[Flows]:
    """A new account."""
    with Sandbox() as sandbox, sandbox.clock.paused():
        yield Flows(sandbox)
