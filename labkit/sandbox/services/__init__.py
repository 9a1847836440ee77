"""One module per AWS service: the behaviour moto lacks.

Every module has the same shape. Its docstring is the fidelity card: *Simulated here*, *Differs on
AWS*, *Not simulated*. Below it stand the hooks it puts into moto, and small functions of behaviour.
A service module imports no other service.

To add a service, write `services/NAME.py` and name it here beside the package of moto it changes.
"""

from __future__ import annotations

from typing import Final

SERVICES: Final[dict[str, tuple[str, ...]]] = {
    "moto.applicationautoscaling": ("applicationautoscaling",),
    "moto.awslambda": ("lambda_", "lambda_sources"),
    "moto.cloudwatch": ("cloudwatch",),
    "moto.dynamodb": ("dynamodb",),
    "moto.ecr": ("ecr",),
    "moto.ec2": ("ecs_machines",),
    "moto.ecs": ("ecs",),
    "moto.elbv2": ("elbv2",),
    "moto.events": ("events",),
    "moto.firehose": ("firehose",),
    "moto.iam": ("iam",),
    "moto.kms": ("kms",),
    "moto.pipes": ("pipes",),
    "moto.logs": ("logs",),
    "moto.s3": ("s3",),
    "moto.scheduler": ("scheduler",),
    "moto.kinesis": ("kinesis_streams", "kinesis"),
    "moto.sns": ("sns",),
    "moto.sqs": ("sqs",),
    "moto.ssm": ("ssm",),
    "moto.stepfunctions": ("stepfunctions",),
    "moto.sts": ("sts",),
}
"""Package of moto -> our modules that change it. They load when moto loads the package."""
