"""What tests of the meter share: an account, and its bill as plain numbers."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from labkit.cost import meter, services
from labkit.sandbox import Sandbox

ROLE_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {
                "Service": ["lambda.amazonaws.com", "states.amazonaws.com", "scheduler.amazonaws.com"]
            },
            "Action": "sts:AssumeRole",
        }
    ],
}


@pytest.fixture
def units(sandbox: Sandbox) -> Callable[..., dict[str, float]]:
    """What the meter counted, by `service unit`, since a mark."""

    def measured(since: object = None) -> dict[str, float]:
        found: dict[str, float] = {}
        for one in services.measure(meter.period_of(sandbox, since)):
            name = f"{one.service} {one.unit}"
            found[name] = found.get(name, 0) + one.amount
        return found

    return measured


@pytest.fixture
def role(sandbox: Sandbox) -> str:
    """A role that may do everything."""
    iam = boto3.client("iam")
    arn = iam.create_role(RoleName="works", AssumeRolePolicyDocument=json.dumps(ROLE_TRUST))["Role"]["Arn"]
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    iam.put_role_policy(
        RoleName="works",
        PolicyName="all",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    return str(arn)


@pytest.fixture
def function(role: str) -> Callable[..., Any]:
    """Make a function from its source."""

    def make(name: str, source: str, **settings: Any) -> Any:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("app.py", source)
        client = boto3.client("lambda")
        client.create_function(
            FunctionName=name, Runtime="python3.12", Role=role, Handler="app.handler",
            Code={"ZipFile": buffer.getvalue()}, **settings,
        )  # fmt: skip
        return client

    return make
