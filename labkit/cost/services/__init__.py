"""One module per service, all of one shape: `usage(period)` yields what AWS would bill. Each rule has its source.

`LEAVES_OUT` of a module says in whole sentences what it cannot count; a bill shows them when the service was used.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from labkit.cost.usage import Period, Usage

METERS: Final = {
    "sqs": "sqs",
    "sns": "sns",
    "lambda": "lambda_",
    "events": "events",
    "scheduler": "scheduler",
    "pipes": "pipes",
    "stepfunctions": "stepfunctions",
    "dynamodb": "dynamodb",
    "kms": "kms",
    "s3": "s3",
    "logs": "logs",
    "secretsmanager": "secretsmanager",
    "fargate": "fargate",
    "ec2": "ec2",
    "ecr": "ecr",
    "elbv2": "elbv2",
}
"""Service as the price table calls it -> its module here."""
FREE: Final = frozenset(
    {"iam", "sts", "ecs", "application-autoscaling", "resourcegroupstaggingapi", "tagging"}
)
"""Services whose calls cost nothing. ECS is paid for through what its tasks run on.

"IAM, STS, and CloudFormation incur no charges":
https://docs.aws.amazon.com/prescriptive-guidance/latest/secure-dx-telemetry-sharing-with-wan-service-providers/cost-model.html
"There is no additional charge for Amazon ECS": https://aws.amazon.com/ecs/pricing/
"""
COUNTED_ELSEWHERE: Final = frozenset({"lab", "http"})
"""Not services of AWS: what the lab itself notes, and requests to programs, which their services count."""


def measure(period: Period) -> Iterator[Usage]:
    """The usage of all services, in the order of the table above."""
    for module in METERS.values():
        yield from importlib.import_module(f"{__name__}.{module}").usage(period)


def left_out(used: set[str]) -> list[str]:
    """What the meters of these services cannot count, and which services have no meter."""
    told = []
    for service, module in METERS.items():
        if service in used:
            told += importlib.import_module(f"{__name__}.{module}").LEAVES_OUT
    for service in sorted(used - set(METERS) - FREE - COUNTED_ELSEWHERE):
        told.append(f"{service}: the meter does not know this service.")
    return told
