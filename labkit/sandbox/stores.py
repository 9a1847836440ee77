"""moto's objects behind ARNs. Looking makes nothing: what nobody has used is not there.

This module imports nothing of ours, because every call looks here.
"""

from __future__ import annotations

import sys
from typing import Any, Final, NamedTuple


class Arn(NamedTuple):
    """An ARN taken apart. `name` is everything behind the account."""

    whole: str
    service: str
    region: str
    account: str
    name: str

    @classmethod
    def of(cls, text: str) -> Arn | None:
        """The parts of an ARN, or None when the text is none."""
        parts = text.split(":", 5)
        return cls(text, *parts[2:]) if len(parts) == 6 and parts[0] == "arn" else None


_PLACES: Final = {
    "sqs": ("moto.sqs.models", "sqs_backends"),
    "sns": ("moto.sns.models", "sns_backends"),
    "lambda": ("moto.awslambda.models", "lambda_backends"),
    "events": ("moto.events.models", "events_backends"),
    "kms": ("moto.kms.models", "kms_backends"),
    "s3": ("moto.s3.models", "s3_backends"),
    "secretsmanager": ("moto.secretsmanager.models", "secretsmanager_backends"),
    "ec2": ("moto.ec2.models", "ec2_backends"),
    "ecr": ("moto.ecr.models", "ecr_backends"),
    "ecs": ("moto.ecs.models", "ecs_backends"),
    "elasticloadbalancing": ("moto.elbv2.models", "elbv2_backends"),
    "cloudwatch": ("moto.cloudwatch.models", "cloudwatch_backends"),
    "dynamodb": ("moto.dynamodb.models", "dynamodb_backends"),
    "kinesis": ("moto.kinesis.models", "kinesis_backends"),
    "logs": ("moto.logs.models", "logs_backends"),
    "ssm": ("moto.ssm.models", "ssm_backends"),
    "iam": ("moto.iam.models", "iam_backends"),
    "sts": ("moto.sts.models", "sts_backends"),
    "pipes": ("moto.pipes.models", "pipes_backends"),
    "states": ("moto.stepfunctions.models", "stepfunctions_backends"),
}
"""Service as ARNs name it -> the module of moto and its registry of backends."""


def registry_of(service: str) -> Any:
    """moto's registry of a service's backends, or None while nothing uses the service."""
    module, name = _PLACES.get(service, ("", ""))
    return getattr(sys.modules.get(module), name, None)


def backends_in(service: str, region: str) -> list[Any]:
    """moto's backends of a service in one Region, of every account that has used it there."""
    registry = registry_of(service)
    found = [dict.get(regions, region) for regions in dict.values(registry)] if registry is not None else []
    return [backend for backend in found if backend is not None]


def backend_of(service: str, account: str, region: str) -> Any:
    """moto's backend of a service in an account and Region, or None when nobody has used it there."""
    registry = registry_of(service)
    regions = dict.get(registry, account) if registry is not None else None
    return dict.get(regions, region) if regions is not None else None


def _backend(arn: Arn) -> Any:
    return backend_of(arn.service, arn.account, arn.region)


def queue(arn: Arn) -> Any:
    """A queue, or None."""
    backend = _backend(arn)
    return backend.queues.get(arn.name) if backend is not None else None


def topic(arn: Arn) -> Any:
    """A topic, or None."""
    backend = _backend(arn)
    return backend.topics.get(arn.whole) if backend is not None else None


def function(arn: Arn) -> Any:
    """The newest code of the function that an ARN with or without qualifier names, or None."""
    backend, parts = _backend(arn), arn.name.split(":")
    if backend is None or len(parts) < 2 or parts[0] != "function":
        return None
    found = dict.get(backend._lambdas._functions, parts[1])
    return found.get("latest") if found else None


def bus(arn: Arn) -> Any:
    """An event bus, or None."""
    backend = _backend(arn)
    return backend.event_buses.get(arn.name.removeprefix("event-bus/")) if backend is not None else None


def key(wanted: str, account: str, region: str) -> Any:
    """The KMS key of an id, ARN, alias or ARN of an alias, or None."""
    arn = Arn.of(wanted)
    if arn is not None:
        region, account, wanted = arn.region, arn.account, arn.name
    backend = backend_of("kms", account, region)
    if backend is None:
        return None
    if wanted.startswith("alias/"):
        return next((one for one in list(backend.keys.values()) if wanted in one.aliases), None)
    return dict(backend.keys).get(wanted.removeprefix("key/"))


def bucket(name: str) -> Any:
    """The bucket of this name, in whatever account: names of buckets are global. None when there is none."""
    registry = registry_of("s3")
    for regions in list(dict.values(registry)) if registry is not None else ():
        for backend in list(dict.values(regions)):
            if name in backend.buckets:
                return backend.buckets[name]
    return None


def secret(wanted: str, account: str, region: str) -> Any:
    """A secret by name, ARN, or ARN without the six characters at its end, or None."""
    arn = Arn.of(wanted)
    backend = backend_of("secretsmanager", *((arn.account, arn.region) if arn else (account, region)))
    kept = list(dict.values(backend.secrets)) if backend is not None else []
    exact = next((one for one in kept if wanted in (one.arn, one.name)), None)
    return exact or next((one for one in kept if one.arn[:-7] == wanted), None)


def repository(arn: Arn) -> Any:
    """An ECR repository, or None."""
    backend = _backend(arn)
    return backend.repositories.get(arn.name.removeprefix("repository/")) if backend is not None else None


def table(arn: Arn) -> Any:
    """The table of an ARN of a table, index or stream, or None."""
    backend, parts = _backend(arn), arn.name.split("/")
    return backend.tables.get(parts[1]) if backend is not None and len(parts) > 1 else None


def log_group(arn: Arn) -> Any:
    """A log group, or None."""
    backend = _backend(arn)
    name = arn.name.removeprefix("log-group:").partition(":")[0]
    return backend.groups.get(name) if backend is not None else None


def parameter(arn: Arn) -> Any:
    """The newest version of an SSM parameter, or None."""
    backend = _backend(arn)
    path = arn.name.removeprefix("parameter")
    versions = (
        (dict.get(backend._parameters, path) or dict.get(backend._parameters, path[1:])) if backend else None
    )
    return versions[-1] if versions else None


def role(arn: Arn) -> Any:
    """An IAM role, or None."""
    backend = backend_of("iam", arn.account, "aws")
    roles = list(backend.roles.values()) if backend is not None else []
    return next((one for one in roles if one.arn == arn.whole), None)
