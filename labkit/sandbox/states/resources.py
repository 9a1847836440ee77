"""What a Task state works with: a function, an activity, or an API of a service.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html (services and patterns)
and connect-to-resource.html (patterns; Express workflows have request-response only).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_SERVICE: Final = re.compile(
    r"^arn:aws[\w-]*:states:[\w-]*::(?P<service>aws-sdk:[a-z0-9]+|[a-z0-9-]+):(?P<action>[A-Za-z0-9]+)"
    r"(?:\.(?P<pattern>sync:2|sync|waitForTaskToken))?$"
)
_FUNCTION: Final = re.compile(r"^arn:aws[\w-]*:lambda:[\w-]+:\d{12}:function:[\w$:-]+$")
_ACTIVITY: Final = re.compile(r"^arn:aws[\w-]*:states:[\w-]+:\d{12}:activity:.+$")

OPTIMIZED: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("lambda", "invoke"): ("", "waitForTaskToken"),
    ("sqs", "sendMessage"): ("", "waitForTaskToken"),
    ("sns", "publish"): ("", "waitForTaskToken"),
    ("events", "putEvents"): ("", "waitForTaskToken"),
    ("states", "startExecution"): ("", "sync", "sync:2", "waitForTaskToken"),
    ("dynamodb", "getItem"): ("",),
    ("dynamodb", "putItem"): ("",),
    ("dynamodb", "updateItem"): ("",),
    ("dynamodb", "deleteItem"): ("",),
    ("http", "invoke"): ("",),
    ("ecs", "runTask"): ("", "sync", "waitForTaskToken"),
}
"""Integrations that are simulated here -> their patterns on AWS ("" is request-response)."""
OTHERS: Final = frozenset(
    {
        "apigateway", "athena", "batch", "bedrock", "codebuild", "eks", "elasticmapreduce", "emr-containers",
        "emr-serverless", "glue", "databrew", "mediaconvert", "sagemaker", "ecr",
    }
)  # fmt: skip
"""Optimized integrations that exist on AWS and are not simulated here."""


ADDED: Final[dict[tuple[str, str], dict[str, str]]] = {
    ("ecs", "runTask"): {"StartedBy": "AWS Step Functions"}
}
"""What an integration adds to the arguments; the history shows it."""


class Resource(NamedTuple):
    """`kind` is "function", "activity" or "service"; the rest is for services (`sdk`: any action of any service)."""

    arn: str
    kind: str
    service: str = ""
    action: str = ""
    pattern: str = ""
    sdk: bool = False

    @property
    def resource_type(self) -> str:
        """How the history names the service."""
        return f"aws-sdk:{self.service}" if self.sdk else self.service

    @property
    def shown(self) -> str:
        """How the history names the action."""
        return f"{self.action}.{self.pattern}" if self.pattern else self.action


def parse(arn: object) -> Resource | None:
    """What a Resource field names, or None when it is no resource AWS knows."""
    if not isinstance(arn, str):
        return None
    if _FUNCTION.match(arn):
        return Resource(arn, "function")
    if _ACTIVITY.match(arn):
        return Resource(arn, "activity")
    found = _SERVICE.match(arn)
    if found is None:
        return None
    service, action, pattern = found["service"], found["action"], found["pattern"] or ""
    if service.startswith("aws-sdk:"):
        name = service.partition(":")[2]
        known = pattern in ("", "waitForTaskToken") and action[0].islower()
        return Resource(arn, "service", name, action, pattern, True) if known else None
    if (service, action) in OPTIMIZED:
        return (
            Resource(arn, "service", service, action, pattern)
            if pattern in OPTIMIZED[service, action]
            else None
        )
    return Resource(arn, "service", service, action, pattern) if service in OTHERS else None
