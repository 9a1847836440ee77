"""Runtimes and environment variables: which AWS takes.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html (deprecated runtimes),
https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html (4 KB, reserved names),
https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html (Java 11, Python 3.12, .NET 8 and newer).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from labkit.sandbox.services import _lambda_requests as requests
from labkit.sandbox.services._lambda_requests import invalid


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_MOST_ENVIRONMENT: Final = 4_096
RESERVED: Final = _words(
    "_HANDLER _X_AMZN_TRACE_ID AWS_DEFAULT_REGION AWS_REGION AWS_EXECUTION_ENV AWS_LAMBDA_FUNCTION_NAME "
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE AWS_LAMBDA_FUNCTION_VERSION AWS_LAMBDA_INITIALIZATION_TYPE "
    "AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_LOG_STREAM_NAME AWS_ACCESS_KEY AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY "
    "AWS_SESSION_TOKEN AWS_LAMBDA_RUNTIME_API LAMBDA_TASK_ROOT LAMBDA_RUNTIME_DIR"
)
"""Environment variables that belong to Lambda."""
DEPRECATED: Final = _words(
    "nodejs nodejs4.3 nodejs4.3-edge nodejs6.10 nodejs8.10 nodejs10.x nodejs12.x nodejs14.x nodejs16.x java8 "
    "python2.7 python3.6 python3.7 python3.8 dotnetcore1.0 dotnetcore2.0 dotnetcore2.1 dotnetcore3.1 dotnet6 go1.x "
    "ruby2.5 ruby2.7 provided"
)
"""Runtimes for which AWS creates no functions any more."""
_SNAPSTART: Final = ("java", "dotnet", "python")
_NO_SNAPSTART: Final = _words(
    "java8 java8.al2 java8.al2023 dotnet6 python3.6 python3.7 python3.8 python3.9 python3.10 python3.11"
)


def check_snapstart(runtime: str) -> None:
    """Refuse SnapStart for runtimes that have none."""
    if runtime in _NO_SNAPSTART or not runtime.startswith(_SNAPSTART):
        invalid(f"{runtime} is not supported for SnapStart enabled functions.")


def check_runtime(runtime: str) -> None:
    """Refuse runtimes AWS does not know, and those it creates no functions for any more."""
    known = requests.model()["shapes"]["Runtime"]["enum"]
    if runtime not in known:
        current = ", ".join(one for one in known if one not in DEPRECATED)
        invalid(
            f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
            f"[{current}] or be a valid ARN"
        )
    if runtime in DEPRECATED:
        invalid(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda "
            "functions. We recommend you use a supported runtime while creating or updating functions."
        )


def check_environment(variables: Mapping[str, str]) -> None:
    """Refuse reserved names, and more than 4 KB together."""
    taken = sorted(name for name in variables if name in RESERVED)
    start = "Lambda was unable to configure your environment variables because the environment variables you have "
    if taken:
        invalid(
            f"{start}provided contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(taken)}"
        )
    text = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(text.encode()) > _MOST_ENVIRONMENT:
        invalid(f"{start}provided exceeded the 4KB limit. String measured: {text}")
