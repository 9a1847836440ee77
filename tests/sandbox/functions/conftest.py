"""A learner's way to functions: a role that may everything, short ways to make and call them."""

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

ROLE = "arn:aws:iam::123456789012:role/orders"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def package(source: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", textwrap.dedent(source))
    return buffer.getvalue()


class Functions:
    """Functions of one account."""

    ROLE = ROLE
    TRUST = TRUST
    package = staticmethod(package)

    def __init__(self) -> None:
        self.api = boto3.client("lambda")
        iam = boto3.client("iam")
        iam.create_role(RoleName="orders", AssumeRolePolicyDocument=json.dumps(TRUST))
        iam.put_role_policy(RoleName="orders", PolicyName="all", PolicyDocument=json.dumps(EVERYTHING))

    def make(self, source: str, name: str = "f", **settings: Any) -> dict[str, Any]:
        given = {"Runtime": "python3.13", "Handler": "app.handler", "Timeout": 5} | settings
        return self.api.create_function(
            FunctionName=name, Role=ROLE, Code={"ZipFile": package(source)}, **given
        )

    def call(self, payload: object = None, name: str = "f", **options: Any) -> tuple[Any, dict[str, Any]]:
        answer = self.api.invoke(FunctionName=name, Payload=json.dumps(payload or {}), **options)
        body = answer["Payload"].read()
        return (json.loads(body) if body else None), answer

    def lines(self, name: str = "f") -> list[str]:
        events = boto3.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        return [event["message"] for event in events]


@pytest.fixture
def functions(sandbox: Sandbox) -> Functions:
    return Functions()


