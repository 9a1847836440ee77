"""The `context` a handler is called with.

Source: AWS Lambda developer guide, "Using the Lambda context object to retrieve Python function information".
"""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import Any


class Client:
    """The mobile client that called, when there is one."""

    __slots__ = (
        "app_package_name",
        "app_title",
        "app_version_code",
        "app_version_name",
        "installation_id",
    )

    def __init__(self, given: dict[str, Any]) -> None:
        for name in self.__slots__:
            setattr(self, name, given.get(name))


class ClientContext:
    """What the caller passed as `ClientContext`."""

    __slots__ = ("client", "custom", "env")

    def __init__(self, given: dict[str, Any]) -> None:
        client = given.get("client")
        self.client = Client(client) if isinstance(client, dict) else None
        self.custom = given.get("custom")
        self.env = given.get("env")


class CognitoIdentity:
    """The Cognito identity that signed the call, when there is one."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self, given: dict[str, Any]) -> None:
        self.cognito_identity_id = given.get("cognitoIdentityId")
        self.cognito_identity_pool_id = given.get("cognitoIdentityPoolId")


class LambdaContext:
    """What a handler may know about its call. Times are on the account's clock."""

    function_name: str | None
    function_version: str | None
    memory_limit_in_mb: str | None
    """A text, as on AWS."""
    log_group_name: str | None
    log_stream_name: str | None
    invoked_function_arn: str

    def __init__(self, call: dict[str, Any], deadline: float) -> None:
        self.aws_request_id: str = call["request_id"]
        self.tenant_id: str | None = call.get("tenant_id")
        if "arn" in call:
            self.invoked_function_arn = call["arn"]
        client, identity = call.get("client_context"), call.get("identity")
        self.client_context = ClientContext(client) if isinstance(client, dict) else None
        self.identity = CognitoIdentity(identity if isinstance(identity, dict) else {})
        self._epoch_deadline_time_in_ms = int(deadline * 1000)

    @classmethod
    def of(cls, arn: str) -> None:
        """Take what is the same for all calls of a function from its environment."""
        names = {
            "function_name": "FUNCTION_NAME",
            "function_version": "FUNCTION_VERSION",
            "memory_limit_in_mb": "FUNCTION_MEMORY_SIZE",
            "log_group_name": "LOG_GROUP_NAME",
            "log_stream_name": "LOG_STREAM_NAME",
        }
        for name, variable in names.items():
            setattr(cls, name, os.environ.get(f"AWS_LAMBDA_{variable}"))
        cls.invoked_function_arn = arn

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the time-out; never below 0."""
        return max(0, self._epoch_deadline_time_in_ms - int(time.time() * 1000))

    def log(self, message: object) -> None:
        """Write to the function's log."""
        sys.stdout.write(str(message))

    def __repr__(self) -> str:
        names = (
            "aws_request_id", "log_group_name", "log_stream_name", "function_name", "memory_limit_in_mb",
            "function_version", "invoked_function_arn", "client_context", "identity", "tenant_id",
        )  # fmt: skip
        return f"LambdaContext([{','.join(f'{name}={getattr(self, name)}' for name in names)}])"


class RequestId(logging.Filter):
    """Lets each log record carry the id of the call it belongs to."""

    def __init__(self) -> None:
        super().__init__()
        self.current = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the id."""
        record.aws_request_id = self.current
        return True
