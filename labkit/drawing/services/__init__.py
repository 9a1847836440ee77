"""One small module per AWS service: which resources stand in moto's backend, and where they lead.

Every module has the same shape: `show(scene, backend)` adds the resources of one backend (one account and Region)
and their links. It reads and changes nothing. `CALLS` are the API actions that use a resource, as opposed to those
that set it up: they are counted from the trace. `MOVES` names events that carry something on: action -> the
parameter with the target's ARN.

To add a service, write `services/NAME.py` and name it here.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Final

SERVICES: Final[dict[str, str]] = {
    "sqs": "sqs",
    "sns": "sns",
    "events": "events",
    "scheduler": "scheduler",
    "pipes": "pipes",
    "stepfunctions": "stepfunctions",
    "lambda": "awslambda",
    "apigatewayv2": "apigatewayv2",
    "elbv2": "elbv2",
    "ecs": "ecs",
    "eks": "eks",
    "ecr": "ecr",
    "ec2": "ec2",
    "dynamodb": "dynamodb",
    "rds": "rds",
    "s3": "s3",
    "kinesis": "kinesis",
    "firehose": "firehose",
    "secretsmanager": "secretsmanager",
    "ssm": "ssm",
    "kms": "kms",
    "iam": "iam",
    "wafv2": "wafv2",
    "cloudwatch": "cloudwatch",
    "logs": "logs",
}
"""moto's name of a service -> the module here, in the order in which figures name them."""

ALIASES: Final = {"awslambda": "lambda", "eventbridge": "events", "elb": "elbv2", "apigateway": "apigatewayv2",
                  "states": "stepfunctions", "waf": "wafv2", "vpc": "ec2"}  # fmt: skip
"""Other names people give them."""


def module(name: str) -> ModuleType:
    """The module of a service."""
    return import_module(f"{__name__}.{SERVICES[name]}")
