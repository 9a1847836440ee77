"""People with few rights, for the tests of who may do what."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import ClientError

HERE = "123456789012"
REGION = "eu-west-1"
QUEUE = f"arn:aws:sqs:{REGION}:{HERE}:orders"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def trust(principal: Any, **more: Any) -> str:
    return policy({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more})


def make_role(name: str = "worker", *statements: dict[str, Any], trusts: Any = None, **more: Any) -> str:
    iam = boto3.client("iam")
    document = trust(trusts or {"AWS": HERE})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **more)["Role"]["Arn"]
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="Own", PolicyDocument=policy(*statements))
    return str(arn)


def keys_of(given: dict[str, Any]) -> dict[str, str]:
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        **({"aws_session_token": given["SessionToken"]} if "SessionToken" in given else {}),
    }


def session(role_arn: str, name: str = "one", **more: Any) -> dict[str, str]:
    """Credentials of a new session, for `boto3.client`."""
    sts = boto3.client("sts")
    return keys_of(sts.assume_role(RoleArn=role_arn, RoleSessionName=name, **more)["Credentials"])


def worker(*statements: dict[str, Any], **more: Any) -> dict[str, str]:
    """Credentials of a session of a new role with these statements."""
    return session(make_role("worker", *statements, **more))


def user(name: str, *statements: dict[str, Any], **more: Any) -> dict[str, str]:
    """Credentials of a new user with these statements."""
    iam = boto3.client("iam")
    iam.create_user(UserName=name, **more)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="Own", PolicyDocument=policy(*statements))
    return keys_of(iam.create_access_key(UserName=name)["AccessKey"])


def outcome(call: Callable[..., Any], **params: Any) -> str:
    """The error code of a call, or "ok"."""
    try:
        call(**params)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "ok"


def refusal(call: Callable[..., Any], **params: Any) -> tuple[str, str]:
    """Error code and message of a call that must be refused."""
    try:
        call(**params)
    except ClientError as error:
        return str(error.response["Error"]["Code"]), str(error.response["Error"]["Message"])
    raise AssertionError("The call was not refused.")
