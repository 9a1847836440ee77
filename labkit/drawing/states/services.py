"""What a Task state calls, in a few words: `Lambda charge`, `SQS SendMessage to orders`.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html (resources and patterns).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from labkit.drawing.icons import ALIASES, SERVICES
from labkit.drawing.text import safe
from labkit.sandbox.trace import short_name

_SHORT: Final = {
    "lambda": "Lambda", "sqs": "SQS", "sns": "SNS", "events": "EventBridge", "dynamodb": "DynamoDB",
    "states": "Step Functions", "sfn": "Step Functions", "ecs": "ECS", "s3": "S3", "ssm": "Systems Manager",
    "secretsmanager": "Secrets Manager", "eventbridge": "EventBridge", "batch": "Batch", "glue": "Glue",
    "http": "HTTP", "apigateway": "API Gateway", "kms": "KMS", "iam": "IAM", "ec2": "EC2", "sts": "STS",
}  # fmt: skip
_WORDS: Final = {"sfn": "stepfunctions", "states": "stepfunctions", "http": "internet"}
_NAMED: Final = (
    "FunctionName", "QueueUrl", "TopicArn", "TableName", "StateMachineArn", "Bucket", "EventBusName", "TaskDefinition",
    "SecretId", "Name",
)  # fmt: skip
"""Arguments that name what is called, the likeliest first."""
_PATTERNS: Final = {
    "sync": "waits until it is done", "sync:2": "waits until it is done", "waitForTaskToken": "waits for the token",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    """What a task calls. `word` is the service's word in figures, `waits` what ends the task, if not the answer."""

    word: str
    told: str
    waits: str = ""


def call(state: Mapping[str, Any]) -> Call:
    """What a Task state calls."""
    resource = safe(state.get("Resource", ""))
    parts = resource.split(":")
    if ":activity:" in resource:
        return Call("person", f"activity {resource.rpartition(':')[2]}")
    if len(parts) > 6 and parts[2] == "lambda":
        return Call("function", f"Lambda {':'.join(parts[6:])}")
    if len(parts) < 7 or parts[2] != "states":
        return Call("generic", resource or "no resource")
    service, action = (parts[6], parts[7:]) if parts[5] == "aws-sdk" else (parts[5], parts[6:])
    if parts[5] == "aws-sdk" and not action:
        action = [""]
    name, _, pattern = ":".join(action).partition(".")
    target = _target(state)
    word = ALIASES.get(_WORDS.get(service, service), _WORDS.get(service, service))
    title = _SHORT.get(service, service)
    if service == "lambda" and name.lower() == "invoke" and target:
        told = f"{title} {target}"
    else:
        told = " ".join(filter(None, (title, name[:1].upper() + name[1:])))
        told += f": {target}" if target else ""
    return Call(word if word in SERVICES else "generic", told, _PATTERNS.get(pattern, ""))


def _target(state: Mapping[str, Any]) -> str:
    """What the call is about, where the definition names it; expressions name nothing yet."""
    given = state.get("Arguments", state.get("Parameters"))
    if not isinstance(given, dict):
        return ""
    entries = given.get("Entries")
    if isinstance(entries, list) and entries and isinstance(entries[0], dict):
        given = {**entries[0], **given}
    for name in _NAMED:
        told = given.get(name)
        if isinstance(told, str) and told and not told.startswith(("{%", "$")):
            return safe(short_name(told))
    return ""
