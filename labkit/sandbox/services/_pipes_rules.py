"""What a pipe may be: checked when it is made and when it is changed.

Sources: botocore's model, pipes/2015-10-07/service-2.json (ranges, names, error codes);
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html (the
largest batches of targets).
The words of refusals are ours where the model gives none.
"""

from __future__ import annotations

import re
from typing import Any, Final

from moto.pipes.exceptions import ConflictException, NotFoundException, ValidationException

SOURCES: Final[dict[str, str]] = {
    "sqs": "SqsQueueParameters",
    "dynamodb": "DynamoDBStreamParameters",
    "kinesis": "KinesisStreamParameters",
}
"""Sources that are simulated, and the name of their parameters."""
DEFAULT_BATCH: Final = {"sqs": 10, "dynamodb": 100, "kinesis": 100}
LARGEST_BATCH: Final[dict[str, int]] = {
    "sqs": 10,
    "sns": 10,
    "events": 10,
    "kinesis": 500,
    "firehose": 500,
    "logs": 10_000,
}
"""Records a target takes at once. Functions and state machines take any batch."""
_RANGES: Final = {
    "BatchSize": (1, 10_000), "MaximumBatchingWindowInSeconds": (0, 300), "ParallelizationFactor": (1, 10),
    "MaximumRecordAgeInSeconds": (-1, 604_800), "MaximumRetryAttempts": (-1, 10_000),
}  # fmt: skip
_NAME: Final = re.compile(r"[.\-_A-Za-z0-9]{1,64}")
_ARN: Final = re.compile(r"arn:aws[a-zA-Z0-9-]*:[a-zA-Z0-9-]+:[a-z0-9-]*:(\d{12})?:.+")
_ROLE: Final = re.compile(r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z0-9+=,.@\-_/]+")
MOST_FILTERS: Final = 5


def kind_of(arn: str) -> str:
    """The service of an ARN; an API destination is a kind of its own."""
    parts = arn.split(":")
    kind = parts[2] if len(parts) > 5 else ""
    return "api-destination" if kind == "events" and parts[5].startswith("api-destination/") else kind


def parameters_of(source: str, given: dict[str, Any] | None) -> dict[str, Any]:
    """The parameters that belong to this source."""
    found: dict[str, Any] = (given or {}).get(SOURCES.get(kind_of(source), ""), {})
    return found


def batch_of(source: str, target: str, given: dict[str, Any] | None) -> int:
    """Records in a batch: what was asked for, else the source's default, as far as the target takes them."""
    asked = parameters_of(source, given).get("BatchSize")
    if asked:
        return int(asked)
    return min(DEFAULT_BATCH.get(kind_of(source), 1), largest(target))


def largest(target: str) -> int:
    """The largest batch that a target takes."""
    kind = kind_of(target)
    return 10_000 if kind in ("lambda", "states") else LARGEST_BATCH.get(kind, 1)


def check_name(name: str, taken: bool) -> None:
    """A pipe's name."""
    if not _NAME.fullmatch(name):
        raise _constraint("name", name, "Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+")
    if taken:
        raise ConflictException(f"Pipe {name} already exists.", resource_id=name, resource_type="Pipe")


def not_found(name: str) -> NotFoundException:
    """There is no such pipe."""
    return NotFoundException(f"Pipe {name} does not exist.")


def check(pipe: dict[str, Any]) -> None:
    """The whole pipe as it will be."""
    for field in ("Source", "Target"):
        if not _ARN.fullmatch(str(pipe.get(field) or "")):
            raise _constraint(field.lower(), pipe.get(field), "Member must be an ARN")
    if not _ROLE.fullmatch(str(pipe.get("RoleArn") or "")):
        raise _constraint("roleArn", pipe.get("RoleArn"), "Member must be the ARN of a role")
    source, target = pipe["Source"], pipe["Target"]
    if kind_of(source) not in SOURCES:
        raise NotImplementedError
    given = pipe.get("SourceParameters") or {}
    for name in given:
        if name not in (SOURCES[kind_of(source)], "FilterCriteria"):
            raise ValidationException(f"{name} do not belong to the source {source}.")
    _check_ranges(parameters_of(source, given))
    _check_start(source, parameters_of(source, given))
    _check_filters(given)
    asked = parameters_of(source, given).get("BatchSize") or 1
    if asked > largest(target):
        raise ValidationException(
            f"BatchSize {asked} is larger than the target supports: at most {largest(target)}."
        )
    _check_target(target, pipe.get("TargetParameters") or {})


def _check_ranges(given: dict[str, Any]) -> None:
    for name, (least, most) in _RANGES.items():
        value = given.get(name)
        if value is not None and not least <= int(value) <= most:
            reason = (
                f"Member must have value greater than or equal to {least}"
                if int(value) < least
                else f"Member must have value less than or equal to {most}"
            )
            raise _constraint(name[0].lower() + name[1:], value, reason)


def _check_start(source: str, given: dict[str, Any]) -> None:
    if kind_of(source) == "sqs":
        if source.endswith(".fifo") and given.get("MaximumBatchingWindowInSeconds"):
            raise ValidationException("Batching window is not supported for FIFO queues.")
        return
    start = given.get("StartingPosition")
    if start is None:
        raise ValidationException("StartingPosition is required for a stream.")
    if start == "AT_TIMESTAMP" and given.get("StartingPositionTimestamp") is None:
        raise ValidationException("StartingPositionTimestamp is required for AT_TIMESTAMP.")


def _check_filters(given: dict[str, Any]) -> None:
    from labkit.sandbox.patterns import InvalidPattern, Pattern

    filters = (given.get("FilterCriteria") or {}).get("Filters") or []
    if len(filters) > MOST_FILTERS:
        raise _constraint(
            "sourceParameters.filterCriteria.filters", len(filters),
            f"Member must have length less than or equal to {MOST_FILTERS}",
        )  # fmt: skip
    for one in filters:
        try:
            Pattern.parse(one.get("Pattern") or "", dialect="pipes")
        except InvalidPattern as error:
            raise ValidationException(str(error)) from None


def _check_target(target: str, given: dict[str, Any]) -> None:
    kind = kind_of(target)
    group = (given.get("SqsQueueParameters") or {}).get("MessageGroupId")
    if kind == "sqs" and target.endswith(".fifo") and not group:
        raise ValidationException("MessageGroupId is required for a FIFO queue.")
    if kind == "sns" and target.endswith(".fifo"):
        raise ValidationException("SNS FIFO topics are not supported as a target.")
    if kind == "kinesis" and not (given.get("KinesisStreamParameters") or {}).get("PartitionKey"):
        raise ValidationException("PartitionKey is required for a Kinesis stream.")


def _constraint(field: str, value: object, reason: str) -> ValidationException:
    return ValidationException(
        f"1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: {reason}"
    )
