"""What a function is, what one call of it is, and what comes out."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from labkit.sandbox import identity

MOST_REPLY: Final = 6_291_556
"""The largest reply in bytes: 6 MB and 100 bytes. Source: the text of AWS's own error."""
TASK_ROOT, LAYERS_ROOT, RUNTIME_ROOT = "/var/task", "/opt", "/var/runtime"

Reason = Literal["", "timeout", "exit", "memory", "processes", "size", "init"]
"""Why an environment ended: time ran out, the process ended, no memory was left, too many processes were
started, the reply was too large, or it never got ready. Empty: it did not end because of this call."""


@dataclass(frozen=True)
class FunctionSpec:
    """Everything an execution environment needs to know about a function.

    Sizes are in MB (`memory_mb`, `ephemeral_mb`), times in seconds. `code` and `layers` are zip files.
    """

    name: str
    handler: str
    code: bytes = field(repr=False)
    layers: tuple[bytes, ...] = field(default=(), repr=False)
    memory_mb: int = 128
    timeout_s: float = 3
    ephemeral_mb: int = 512
    environment: Mapping[str, str] = field(default_factory=dict)
    runtime: str = "python3.13"
    version: str = "$LATEST"
    arn: str = ""
    region: str = identity.REGION
    access_key: str = identity.credentials(identity.LEARNER)["aws_access_key_id"]
    secret_key: str = field(
        default=identity.credentials(identity.LEARNER)["aws_secret_access_key"], repr=False
    )
    session_token: str = field(default="", repr=False)
    log_group: str = ""
    log_stream: str = ""
    log_format: Literal["Text", "JSON"] = "Text"
    log_level: str = ""
    caller: str = ""
    """The name under which the function's own AWS calls stand in the trace; the function's name when empty."""

    @functools.cached_property
    def code_key(self) -> str:
        """A name for the code: the same code has the same name."""
        return _digest(self.code)

    @functools.cached_property
    def layers_key(self) -> str:
        """A name for the layers, in their order."""
        return _digest(*self.layers)

    @property
    def own_arn(self) -> str:
        """The function's ARN; one in the lab's account when none was given."""
        return self.arn or f"arn:aws:lambda:{self.region}:{identity.ACCOUNT}:function:{self.name}"

    def variables(self, task: str, opt: str) -> dict[str, str]:
        """The environment variables the function sees. `task` and `opt` are where its files are.

        Source: AWS Lambda developer guide, "Defined runtime environment variables". Reserved names win.
        """
        group = self.log_group or f"/aws/lambda/{self.name}"
        reserved = {
            "_HANDLER": self.handler,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{self.runtime}",
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory_mb),
            "AWS_LAMBDA_FUNCTION_VERSION": self.version,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": group,
            "AWS_LAMBDA_LOG_STREAM_NAME": self.log_stream,
            "AWS_LAMBDA_LOG_FORMAT": self.log_format,
            "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "LAMBDA_TASK_ROOT": task,
            "LAMBDA_RUNTIME_DIR": RUNTIME_ROOT,
            "TZ": ":UTC",
        }
        if self.session_token:
            reserved["AWS_SESSION_TOKEN"] = self.session_token
        if self.log_level:
            reserved["AWS_LAMBDA_LOG_LEVEL"] = self.log_level
        changeable = {
            "LANG": "en_US.UTF-8",
            "PATH": os.pathsep.join((*_programs(), os.path.join(opt, "bin"))),
            "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        }
        return changeable | dict(self.environment) | reserved | _LAB


# Not there on AWS. botocore in a function needs them, as it does in the notebook (`identity.environment`).
_LAB: Final = {
    name: value for name, value in identity.environment().items()
    if name.startswith(("AWS_CONFIG", "AWS_SHARED", "AWS_IGNORE", "AWS_EC2", "AWS_ACCOUNT"))
}  # fmt: skip


def _programs() -> tuple[str, ...]:
    if os.name == "nt":
        return tuple(os.environ.get("PATH", "").split(os.pathsep))
    return "/usr/local/bin", "/usr/bin", "/bin"


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call. `payload` is JSON; `deadline` is in seconds since 1970 on the account's clock.

    Without a deadline the function has its time-out from the moment the call begins.
    """

    payload: bytes = b"{}"
    request_id: str = "00000000-0000-4000-8000-000000000000"
    deadline: float | None = None
    client_context: Mapping[str, Any] | None = None
    identity: Mapping[str, Any] | None = None
    invoked_arn: str = ""
    trace_id: str = ""
    tenant_id: str | None = None


@dataclass(frozen=True, slots=True)
class FunctionError:
    """Why a call failed, as AWS says it: always `Unhandled`.

    `note` is a sentence for the learner where AWS's own words do not say what happened.
    """

    type: str
    message: str
    stack: tuple[str, ...] | None = None
    request_id: str = ""
    note: str = ""

    def payload(self) -> bytes:
        """The error as the reply's JSON. Errors of the runtime's own making have a stack and a request id."""
        if self.stack is None:
            return json.dumps({"errorType": self.type, "errorMessage": self.message}).encode()
        fields = {
            "errorMessage": self.message,
            "errorType": self.type,
            "requestId": self.request_id,
            "stackTrace": list(self.stack),
        }
        return json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace")


class Result(NamedTuple):
    """What one call gave.

    Times are milliseconds on the account's clock. `init_ms` is set for the first call of an environment
    only. `logs` is what the function and its programs wrote during the call, at most `LOG_KEPT` bytes.
    When `alive` is false the environment has ended, for `reason`, and serves no further call.
    """

    payload: bytes
    error: FunctionError | None
    logs: str
    duration_ms: float
    init_ms: float | None
    max_memory_mb: int
    reason: Reason
    alive: bool

    @property
    def function_error(self) -> str:
        """The value of AWS's `X-Amz-Function-Error` header: `Unhandled`, or empty."""
        return "Unhandled" if self.error else ""


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:24]
