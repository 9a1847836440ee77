"""What an event source mapping may be: checked when it is made and when it is changed, with AWS's errors.

Sources: botocore's model, lambda/2015-03-31/service-2.json (ranges); the developer guide's pages
services-sqs-parameters.html, services-ddb-params.html, services-kinesis-parameters.html (what belongs to which source,
defaults). The words are those the service answered: recorded in LocalStack's tests (event_source_mapping), in issues of
terraform-provider-aws (18099: visibility timeout), aws-cdk (6770: permissions) and chalice (2146: conflict), and for
streams in the errors that CloudFormation shows ("Cannot access stream ...").
"""

from __future__ import annotations

from typing import Any, Final

from moto.awslambda.exceptions import InvalidParameterValueException, LambdaClientError

from labkit.sandbox.pollers import rights, shards, sources

RANGES: Final[dict[str, tuple[int, int]]] = {
    "BatchSize": (1, 10_000),
    "MaximumBatchingWindowInSeconds": (0, 300),
    "ParallelizationFactor": (1, 10),
    "MaximumRecordAgeInSeconds": (-1, 604_800),
    "MaximumRetryAttempts": (-1, 10_000),
    "TumblingWindowInSeconds": (0, 900),
}
MOST_FILTERS: Final = 5
"""Filters of one mapping, by default (invocation-eventfiltering.html)."""
CONCURRENCY: Final = (2, 1_000)
_STREAMS_ONLY: Final = (
    "ParallelizationFactor", "MaximumRecordAgeInSeconds", "MaximumRetryAttempts", "TumblingWindowInSeconds",
    "BisectBatchOnFunctionError",
)  # fmt: skip
_START: Final = ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP")


class Constraint(LambdaClientError):  # type: ignore[misc]  # moto ships no types
    """A value outside its range."""

    def __init__(self, name: str, value: object, reason: str) -> None:
        field = name[0].lower() + name[1:]
        super().__init__(
            "ValidationException",
            f"1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: {reason}",
        )


class Conflict(LambdaClientError):  # type: ignore[misc]  # moto ships no types
    """There is such a mapping already."""

    code = 409

    def __init__(self, source: str, function_name: str, uuid: str) -> None:
        if kind_of(source) == "sqs":
            start = f'An event source mapping with SQS arn (" {source} ") and function (" {function_name} ")'
        else:
            start = f'The event source arn (" {source} ") and function (" {function_name} ") provided mapping'
        super().__init__(
            "ResourceConflictException",
            f"{start} already exists. Please update or delete the existing mapping with UUID {uuid}",
        )


class InUse(LambdaClientError):  # type: ignore[misc]  # moto ships no types
    """A mapping that is just being made, changed or deleted."""

    code = 400

    def __init__(self) -> None:
        super().__init__(
            "ResourceInUseException",
            "Cannot update the event source mapping because it is in use.",
        )


class NotFound(LambdaClientError):  # type: ignore[misc]  # moto ships no types
    """There is no such mapping."""

    code = 404

    def __init__(self) -> None:
        super().__init__("ResourceNotFoundException", "The resource you requested does not exist.")


def kind_of(source: str) -> str:
    """`sqs`, `dynamodb` or `kinesis`, from the source's ARN."""
    parts = source.split(":")
    return parts[2] if len(parts) > 5 else ""


def check_ranges(spec: dict[str, Any]) -> None:
    """Numbers and enumerations."""
    for name, (least, most) in RANGES.items():
        value = spec.get(name)
        if value is None:
            continue
        if int(value) < least:
            raise Constraint(name, value, f"Member must have value greater than or equal to {least}")
        if int(value) > most:
            raise Constraint(name, value, f"Member must have value less than or equal to {most}")
    start = spec.get("StartingPosition")
    if start is not None and start not in _START:
        raise Constraint(
            "StartingPosition",
            start,
            "Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]",
        )
    most_at_once = (spec.get("ScalingConfig") or {}).get("MaximumConcurrency")
    if most_at_once is not None:
        least, most = CONCURRENCY
        where = "ScalingConfig.maximumConcurrency"
        if most_at_once < least:
            raise Constraint(where, most_at_once, f"Member must have value greater than or equal to {least}")
        if most_at_once > most:
            raise Constraint(where, most_at_once, f"Member must have value less than or equal to {most}")


def check_filters(spec: dict[str, Any]) -> None:
    """Filter patterns."""
    from labkit.sandbox.patterns import InvalidPattern, Pattern

    filters = (spec.get("FilterCriteria") or {}).get("Filters") or []
    if len(filters) > MOST_FILTERS:
        raise InvalidParameterValueException(
            f"The number of filters for the event source mapping exceeds the limit of {MOST_FILTERS}."
        )
    for one in filters:
        text = one.get("Pattern")
        try:
            if not isinstance(text, str) or not text:
                raise InvalidParameterValueException("Invalid filter pattern definition.")
            Pattern.parse(text, dialect="lambda")
        except InvalidPattern as error:
            raise LambdaClientError(error.code, str(error)) from None


def check_source(spec: dict[str, Any], *, new: bool = True) -> None:
    """What goes with the kind of source. `spec` is the whole mapping as it will be."""
    source = spec["EventSourceArn"]
    kind = kind_of(source)
    if kind == "sqs":
        _check_queue_options(spec, source.endswith(".fifo"))
    elif kind in ("dynamodb", "kinesis"):
        _check_stream_options(spec, kind, new)
    else:
        raise InvalidParameterValueException(f"Unrecognized event source: {source}.")


def _check_queue_options(spec: dict[str, Any], fifo: bool) -> None:
    if spec.get("StartingPosition") is not None or spec.get("StartingPositionTimestamp") is not None:
        raise InvalidParameterValueException("StartingPosition is not valid for SQS event sources.")
    for name in _STREAMS_ONLY:
        if spec.get(name):
            raise InvalidParameterValueException(f"{name} is not supported for SQS event sources.")
    if (spec.get("DestinationConfig") or {}).get("OnFailure"):
        raise InvalidParameterValueException(
            "Unsupported DestinationConfig parameter for given event source mapping type."
        )
    size, window = spec.get("BatchSize") or 10, spec.get("MaximumBatchingWindowInSeconds") or 0
    if fifo and window:
        raise InvalidParameterValueException("Batching window is not supported for FIFO queues.")
    if fifo and size > 10:
        raise InvalidParameterValueException("Batch size must not exceed 10 for FIFO queues.")
    _check_window(size, window)


def _check_stream_options(spec: dict[str, Any], kind: str, new: bool) -> None:
    start, moment = spec.get("StartingPosition"), spec.get("StartingPositionTimestamp")
    source = spec["EventSourceArn"]
    if new:
        if start is None:
            raise InvalidParameterValueException(
                "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: "
                "Member must not be null."
            )
        if moment is not None and start != "AT_TIMESTAMP":
            raise InvalidParameterValueException("Timestamp only valid with StartingPosition AT_TIMESTAMP")
        if start == "AT_TIMESTAMP" and kind == "dynamodb":
            raise InvalidParameterValueException(f"Unsupported starting position for arn type: {source}")
        if start == "AT_TIMESTAMP" and moment is None:
            raise InvalidParameterValueException("StartingPositionTimestamp is required for AT_TIMESTAMP.")
    if spec.get("ScalingConfig"):
        raise InvalidParameterValueException("ScalingConfig is only supported for SQS event sources.")
    _check_window(spec.get("BatchSize") or 100, spec.get("MaximumBatchingWindowInSeconds") or 0, stream=True)
    if spec.get("TumblingWindowInSeconds") and (spec.get("ParallelizationFactor") or 1) > 1:
        raise InvalidParameterValueException(
            "Parallelization factor must be 1 when a tumbling window is configured."
        )


def _check_window(size: int, window: int, *, stream: bool = False) -> None:
    if not stream and size > 10 and not window:
        raise InvalidParameterValueException(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )


def check_reach(source: str, function: Any, role: str) -> None:
    """Whether the source exists, in this Region, and the function's role may read it."""
    kind, region = kind_of(source), source.split(":")[3]
    if region != function.region:
        raise InvalidParameterValueException(
            f"The event source ARN {source} is not in the Region {function.region} of the function."
        )
    if kind == "sqs":
        _check_queue(source, function, role)
    elif shards.find(source) is None:
        raise InvalidParameterValueException(f"Stream not found: {source}")
    elif rights.refusal(role, function.function_name, source) is not None:
        actions = "GetRecords, GetShardIterator, DescribeStream, " + (
            "ListShards, and ListStreams" if kind == "kinesis" else "and ListStreams"
        )
        raise InvalidParameterValueException(
            f"Cannot access stream {source}. Please ensure the role can perform the {actions} Actions on your "
            "stream in IAM."
        )


def _check_queue(source: str, function: Any, role: str) -> None:
    refusal = rights.refusal(role, function.function_name, source)
    if refusal is not None:
        action = refusal.action.partition(":")[2]
        service = "KMS" if refusal.action.startswith("kms:") else "SQS"
        raise InvalidParameterValueException(
            f"The function execution role does not have permissions to call {action} on {service}"
        )
    queue = sources.find_queue(source)
    if queue is None:
        raise InvalidParameterValueException(
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
            "SQS Error Message: The specified queue does not exist."
        )
    hidden, longest = int(queue.visibility_timeout), int(function.timeout)
    if hidden < longest:
        raise InvalidParameterValueException(
            f"Queue visibility timeout: {hidden} seconds is less than Function timeout: {longest} seconds"
        )
