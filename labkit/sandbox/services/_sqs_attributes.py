"""The attributes of a queue: what they may be, and how they are shown.

Source: the CreateQueue, SetQueueAttributes and GetQueueAttributes pages of the API reference, as in
botocore's service model (`sqs/2012-11-05/service-2.json`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from labkit.sandbox.services._sqs_errors import (
    attribute_value,
    invalid,
    invalid_value,
    refusal,
    unknown_attribute,
)

RANGES: Final[dict[str, tuple[int, int]]] = {
    "DelaySeconds": (0, 900),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
    "MaximumMessageSize": (1_024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
}
"""Whole numbers and the range each may have: seconds, and bytes for the size."""
CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "ContentBasedDeduplication": ("true", "false"),
    "DeduplicationScope": ("messageGroup", "queue"),
    "FifoQueue": ("true", "false"),
    "FifoThroughputLimit": ("perMessageGroupId", "perQueue"),
    "SqsManagedSseEnabled": ("true", "false"),
}
_FIFO_ONLY: Final = ("ContentBasedDeduplication", "DeduplicationScope", "FifoQueue", "FifoThroughputLimit")
_TEXTS: Final = ("KmsMasterKeyId", "Policy", "RedriveAllowPolicy", "RedrivePolicy")
_BOOLEAN: Final = ("ContentBasedDeduplication", "FifoQueue", "SqsManagedSseEnabled")
_READ_ONLY: Final = (
    "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible", "CreatedTimestamp", "LastModifiedTimestamp", "QueueArn",
)  # fmt: skip
KNOWN: Final = frozenset((*RANGES, *CHOICES, *_TEXTS, *_READ_ONLY))
"""Every name GetQueueAttributes knows, besides `All`."""

_WORDS: Final = re.compile(r"[A-Z][a-z]+")
FIELDS: Final = {name: "_".join(_WORDS.findall(name)).lower() for name in (*RANGES, *CHOICES, *_TEXTS)}
"""Attribute -> the field of moto's `Queue` that holds it."""

_ARN: Final = re.compile(r"arn:[^:]+:([^:]+):([^:]*):([^:]*):(.+)")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,80}")
_FIFO_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,75}\.fifo")
_ALLOW_FORMAT: Final = "Amazon SQS can't create the redrive allow policy, as it’s in an unsupported format."  # noqa: RUF001
_ALLOW: Final = "Amazon SQS can't create the redrive allow policy. "

FindQueue = Callable[[str], Any]


def check_name(name: str, fifo: bool) -> None:
    """A queue's name: 1 to 80 letters, digits, hyphens, underscores; FIFO queues end in `.fifo`."""
    if fifo and not _FIFO_NAME.fullmatch(name):
        raise invalid(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, "
            "must end with .fifo suffix and be 1 to 80 in length"
        )
    if not fifo and not _NAME.fullmatch(name):
        raise invalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")


def wants_fifo(given: Mapping[str, Any]) -> bool:
    """Whether a new queue is to be a FIFO queue."""
    return _text(given.get("FifoQueue", "false")) == "true"


def checked(
    given: Mapping[str, Any], arn: str, find: FindQueue, queue: Any = None, fifo: bool = False
) -> dict[str, Any]:
    """The given attributes, checked, as numbers, booleans and texts.

    `queue` is the queue to change, or None for a new one, which is FIFO if `fifo`. Raises moto's
    `SQSException` with AWS's code and words.
    """
    fifo = queue.fifo_queue if queue is not None else fifo
    found = {name: _one(name, _text(value), arn, find, fifo, queue) for name, value in given.items()}
    _check_encryption(found, queue)
    _check_throughput(found, queue, fifo)
    return found


def shown(queue: Any, counts: Mapping[Any, int]) -> dict[str, Any]:
    """All attributes of a queue. `counts` has its messages `available`, `in flight` and `delayed`."""
    result: dict[str, Any] = {
        "QueueArn": queue.queue_arn,
        "ApproximateNumberOfMessages": counts["available"],
        "ApproximateNumberOfMessagesNotVisible": counts["in flight"],
        "ApproximateNumberOfMessagesDelayed": counts["delayed"],
        "CreatedTimestamp": int(queue.created_timestamp),
        "LastModifiedTimestamp": int(queue.last_modified_timestamp),
        "VisibilityTimeout": queue.visibility_timeout,
        "MaximumMessageSize": queue.maximum_message_size,
        "MessageRetentionPeriod": queue.message_retention_period,
        "DelaySeconds": queue.delay_seconds,
        "ReceiveMessageWaitTimeSeconds": queue.receive_message_wait_time_seconds,
        "SqsManagedSseEnabled": _boolean(queue.sqs_managed_sse_enabled),
    }
    if queue.policy:
        result["Policy"] = queue.policy
    if queue.redrive_policy:
        result["RedrivePolicy"] = json.dumps(queue.redrive_policy, separators=(",", ":"))
    if getattr(queue, "redrive_allow_policy", None):
        result["RedriveAllowPolicy"] = queue.redrive_allow_policy
    if queue.kms_master_key_id:
        result["KmsMasterKeyId"] = queue.kms_master_key_id
        result["KmsDataKeyReusePeriodSeconds"] = queue.kms_data_key_reuse_period_seconds
    if queue.fifo_queue:
        result["FifoQueue"] = "true"
        result["ContentBasedDeduplication"] = _boolean(queue.content_based_deduplication)
        result["DeduplicationScope"] = queue.deduplication_scope
        result["FifoThroughputLimit"] = queue.fifo_throughput_limit
    return result


def first_difference(given: Mapping[str, Any], queue: Any) -> str | None:
    """The first checked attribute that an existing queue has otherwise, or None."""
    has = shown(queue, {"available": 0, "in flight": 0, "delayed": 0})
    for name, value in given.items():
        old = has.get(name)
        if name in _TEXTS and name != "KmsMasterKeyId" and value and old:
            same = json.loads(old) == (json.loads(value) if isinstance(value, str) else value)
        else:
            same = (old or "") == (_boolean(value) if isinstance(value, bool) else value or "")
        if not same:
            return name
    return None


def allows(policy: str | None, source_arn: str) -> bool:
    """Whether a dead-letter queue's RedriveAllowPolicy lets this source queue use it."""
    rules = json.loads(policy) if policy else {}
    permission = rules.get("redrivePermission", "allowAll")
    return permission == "allowAll" or (permission == "byQueue" and source_arn in rules["sourceQueueArns"])


# -- one attribute -----------------------------------------------------------------------------------


def _one(name: str, value: str, arn: str, find: FindQueue, fifo: bool, queue: Any) -> Any:
    if name in RANGES:
        return _number(name, value)
    if name in CHOICES:
        return _choice(name, value, fifo, queue)
    if name == "Policy":
        return _policy(value)
    if name == "RedrivePolicy":
        return _redrive_policy(value, arn, find) if value else None
    if name == "RedriveAllowPolicy":
        return _redrive_allow_policy(value) if value else None
    if name == "KmsMasterKeyId":
        return value or None
    raise unknown_attribute(name)


def _number(name: str, value: str) -> int:
    low, high = RANGES[name]
    if not re.fullmatch(r"\d{1,9}", value) or not low <= int(value) <= high:
        raise attribute_value(name)
    return int(value)


def _choice(name: str, value: str, fifo: bool, queue: Any) -> Any:
    if name in _FIFO_ONLY and not fifo:
        if name in ("ContentBasedDeduplication", "FifoQueue"):
            raise unknown_attribute(name)
        raise refusal(
            "InvalidAttributeName", f"You can specify the {name} only when FifoQueue is set to true."
        )
    if name == "FifoQueue" and queue is not None and value != "true":
        raise attribute_value(name, "Modifying queue type is not supported.")
    if value not in CHOICES[name]:
        raise attribute_value(name)
    return value == "true" if name in _BOOLEAN else value


def _policy(value: str) -> str | None:
    if not value:
        return None
    policy = _json_map(value)
    if policy is None or not policy.get("Statement"):
        raise attribute_value("Policy")
    from labkit.sandbox.authorization.resources import PolicyRefused, check_policy

    try:
        check_policy("sqs", value)
    except PolicyRefused:
        raise attribute_value("Policy") from None
    return value


def _redrive_policy(value: str, arn: str, find: FindQueue) -> dict[str, Any]:
    policy = _json_map(value)
    if policy is None:
        raise attribute_value("RedrivePolicy", "Redrive policy is not a valid JSON map.")

    def refused(reason: str) -> Any:
        return invalid_value(value, "RedrivePolicy", reason)

    for name in ("maxReceiveCount", "deadLetterTargetArn"):
        if name not in policy:
            raise refused(f"Redrive policy does not contain mandatory attribute: {name}.")
    if len(policy) > 2:
        raise refused("Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount].")
    count, target = str(policy["maxReceiveCount"]), str(policy["deadLetterTargetArn"])
    if not re.fullmatch(r"\d{1,4}", count) or not 1 <= int(count) <= 1000:
        raise refused(
            f"Invalid value for maxReceiveCount: {count}, valid values are from 1 to 1000 both inclusive."
        )
    parts = _ARN.fullmatch(target)
    if parts is None:
        raise refused("Invalid value for deadLetterTargetArn.")
    if parts[1] != "sqs":
        raise refused("Only SQS queues are valid resources for deadLetterTargetArn.")
    if target.split(":")[3:5] != arn.split(":")[3:5]:
        raise refused("Dead-letter queue must be in the same account and Region as the source.")
    if target.endswith(".fifo") != arn.endswith(".fifo"):
        raise refused("Dead-letter queue must be same type of queue as the source..")
    dead_letter_queue = find(target)
    if dead_letter_queue is None:
        raise refused("Dead letter target does not exist.")
    if not allows(getattr(dead_letter_queue, "redrive_allow_policy", None), arn):
        raise refused("The RedriveAllowPolicy of the dead letter target does not allow this source queue.")
    return {"deadLetterTargetArn": target, "maxReceiveCount": int(count)}


def _redrive_allow_policy(value: str) -> str:
    policy = _json_map(value)
    permission = (policy or {}).get("redrivePermission")
    sources = (policy or {}).get("sourceQueueArns", [])
    well_formed = (
        policy is not None
        and permission in ("allowAll", "denyAll", "byQueue")
        and set(policy) <= {"redrivePermission", "sourceQueueArns"}
        and isinstance(sources, list)
        and all(isinstance(one, str) and _ARN.fullmatch(one) for one in sources)
    )
    if not well_formed:
        raise attribute_value("RedriveAllowPolicy", _ALLOW_FORMAT)
    reason = ""
    if permission != "byQueue" and "sourceQueueArns" in (policy or {}):
        reason = "To specify one or more source queue ARNs, you must set redrivePermission to byQueue."
    elif permission == "byQueue" and not sources:
        reason = (
            "When you specify the byQueue permission type, you must also specify one or more "
            "sourceQueueArns values."
        )
    elif len(sources) > 10:
        reason = "The maximum number of source queue ARNs you can specify is 10."
    if reason:
        raise invalid_value(value, "RedriveAllowPolicy", _ALLOW + reason)
    return value


# -- attributes that must fit together ---------------------------------------------------------------


def _check_encryption(found: dict[str, Any], queue: Any) -> None:
    key = found.get("KmsMasterKeyId")
    keeps_key = "KmsMasterKeyId" not in found and queue is not None and queue.kms_master_key_id
    if found.get("SqsManagedSseEnabled") and (key or keeps_key):
        raise refusal(
            "InvalidAttributeName",
            "You can use one type of server-side encryption (SSE) at one time. "
            "You can either enable KMS SSE or SQS SSE.",
        )
    if key:
        found["SqsManagedSseEnabled"] = False


def _check_throughput(found: Mapping[str, Any], queue: Any, fifo: bool) -> None:
    if not fifo:
        return
    scope = found.get("DeduplicationScope") or getattr(queue, "deduplication_scope", "queue")
    limit = found.get("FifoThroughputLimit") or getattr(queue, "fifo_throughput_limit", "perQueue")
    if limit == "perMessageGroupId" and scope != "messageGroup":
        raise attribute_value(
            "FifoThroughputLimit",
            "The perMessageGroupId value is allowed only when the value for DeduplicationScope is "
            "messageGroup.",
        )


def _json_map(value: str) -> dict[str, Any] | None:
    try:
        found = json.loads(value)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _text(value: Any) -> str:
    """A value as the API knows it. CloudFormation gives numbers, booleans and maps instead of texts."""
    if isinstance(value, bool):
        return _boolean(value)
    if isinstance(value, dict):
        return json.dumps(value)
    return "" if value is None else str(value)


def _boolean(value: Any) -> str:
    return str(value).lower()
