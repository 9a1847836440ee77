"""One small module per AWS service: which resources stand in moto's backend, and where they lead.

Every module has the same shape. `show(scene, backend)` adds the resources of one backend (one account and Region)
and their links. It reads, and changes nothing. The rest is for what the trace tells:

* `CALLS`: the API actions that use a resource, as opposed to those that set it up. They are counted.
* `USED`: the parameters of such a call that name the resource, when they are not the usual ones; or a function
  `used(params)` where a list of parameters is not enough.
* `MOVES`: events that carry something on: action -> the parameter with the target's ARN.

To add a service, write `services/NAME.py` and name it here.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Final

SERVICES: Final[dict[str, str]] = {
    "sqs": "sqs",
    "sns": "sns",
    "lambda": "awslambda",
    "dynamodb": "dynamodb",
    "s3": "s3",
    "rds": "rds",
    "kinesis": "kinesis",
    "firehose": "firehose",
    "secretsmanager": "secretsmanager",
    "ssm": "ssm",
    "kms": "kms",
    "ecr": "ecr",
    "ec2": "ec2",
    "ecs": "ecs",
    "eks": "eks",
    "elbv2": "elbv2",
    "apigatewayv2": "apigatewayv2",
    "events": "events",
    "scheduler": "scheduler",
    "pipes": "pipes",
    "stepfunctions": "stepfunctions",
    "wafv2": "wafv2",
    "iam": "iam",
    "cloudwatch": "cloudwatch",
    "logs": "logs",
}
"""moto's name of a service -> the module here. What others point at comes first."""

ALIASES: Final = {"awslambda": "lambda", "eventbridge": "events", "elb": "elbv2", "apigateway": "apigatewayv2",
                  "states": "stepfunctions", "waf": "wafv2", "vpc": "ec2"}  # fmt: skip
"""Other names people give them."""


def module(name: str) -> ModuleType:
    """The module of a service."""
    return import_module(f"{__name__}.{SERVICES[name]}")
