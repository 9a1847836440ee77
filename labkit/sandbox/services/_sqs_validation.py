"""What a message must be like before a queue takes it.

Sources: the SendMessage and SendMessageBatch pages of the API reference (as in botocore's service model),
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
(attributes) and .../SQSDeveloperGuide/quotas-messages.html (sizes).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from labkit.sandbox.services._sqs_errors import invalid, invalid_value, missing, refusal, wrong_queue_type

LARGEST: Final = 1_048_576
"""The largest message and the largest batch, in bytes: 1 MiB."""
MOST_ATTRIBUTES: Final = 10
MOST_ENTRIES: Final = 10
LONGEST_DELAY: Final = 900
LONGEST_HIDDEN: Final = 43_200
LONGEST_POLL: Final = 20

_OUTSIDE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_TOKEN: Final = re.compile(r"[A-Za-z0-9!-/:-@\[-`{-~]{1,128}")
_ENTRY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,80}")
_ATTRIBUTE_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_TYPES: Final = ("String", "Number", "Binary")


def check_body(body: str | None, parameter: str = "MessageBody") -> None:
    """A body has at least one character, and only characters that XML 1.0 allows."""
    if not body:
        raise missing(parameter)
    check_characters(body)


def check_characters(text: str) -> None:
    """Only the characters SQS takes."""
    if _OUTSIDE.search(text):
        raise refusal(
            "InvalidMessageContents",
            "Invalid characters found. Valid unicode characters are "
            "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
        )


def check_token(value: str | None, parameter: str) -> None:
    """A group id, deduplication id or attempt id: 1 to 128 letters, digits and punctuation."""
    if value is not None and not _TOKEN.fullmatch(value):
        reason = f"{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length."
        raise invalid_value(value, parameter, reason)


def check_order(fifo: bool, by_content: bool, group: str | None, deduplication_id: str | None) -> None:
    """The group and the deduplication id fit the kind of queue."""
    check_token(group, "MessageGroupId")
    check_token(deduplication_id, "MessageDeduplicationId")
    if not fifo:
        if deduplication_id is not None:
            raise wrong_queue_type(deduplication_id, "MessageDeduplicationId")
        return
    if group is None:
        raise missing("MessageGroupId")
    if deduplication_id is None and not by_content:
        raise invalid(
            "The queue should either have ContentBasedDeduplication enabled or "
            "MessageDeduplicationId provided explicitly"
        )


def check_delay(fifo: bool, delay: int | None) -> None:
    """A delay of one message, in seconds. FIFO queues have one delay for all."""
    if delay is None:
        return
    if fifo and delay:
        raise wrong_queue_type(delay, "DelaySeconds")
    if not 0 <= delay <= LONGEST_DELAY:
        raise invalid_value(delay, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")


def check_attributes(attributes: Mapping[str, Any]) -> None:
    """The attributes a sender put on a message."""
    if len(attributes) > MOST_ATTRIBUTES:
        raise invalid(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum "
            f"[{MOST_ATTRIBUTES}]."
        )
    for name, value in attributes.items():
        _check_attribute_name(name)
        _check_attribute_type(name, str(value.get("DataType") or ""))
        _check_attribute_value(name, value)


def check_system_attributes(attributes: Mapping[str, Any]) -> None:
    """The one system attribute a sender may set is the X-Ray trace header."""
    for name, value in attributes.items():
        if name != "AWSTraceHeader":
            raise invalid(f"Message system attribute name '{name}' is invalid.")
        if value.get("DataType") != "String" or not value.get("StringValue"):
            raise invalid(
                f"Message (system) attribute '{name}' must contain a non-empty value of type 'String'."
            )


def size_of(body: str, attributes: Mapping[str, Any]) -> int:
    """The size of a message in bytes: its body, and each attribute's name, type and value."""
    total = len(body.encode("utf-8", "surrogatepass"))
    for name, value in attributes.items():
        total += len(name.encode()) + len(str(value.get("DataType", "")).encode())
        content = value.get("StringValue") or value.get("BinaryValue") or ""
        total += len(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    return total


def check_size(size: int, largest: int) -> None:
    """A message is at most as large as its queue's MaximumMessageSize, in bytes."""
    if size > largest:
        raise invalid(
            f"One or more parameters are invalid. Reason: Message must be shorter than {largest} bytes."
        )


def check_entries(entries: Iterable[Mapping[str, Any]], entry_name: str) -> list[dict[str, Any]]:
    """The entries of a batch: one to ten, each with an id of its own."""
    found = [dict(entry) for entry in entries]
    if not found:
        raise refusal("EmptyBatchRequest", f"There should be at least one {entry_name} in the request.")
    if len(found) > MOST_ENTRIES:
        raise refusal(
            "TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are {MOST_ENTRIES}. You have sent {len(found)}.",
        )
    seen: set[str] = set()
    for entry in found:
        name = str(entry.get("Id") or "")
        if not _ENTRY_ID.fullmatch(name):
            raise refusal(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
                "It can be at most 80 letters long.",
            )
        if name in seen:
            raise refusal("BatchEntryIdsNotDistinct", f"Id {name} repeated.")
        seen.add(name)
    return found


def check_batch_size(size: int) -> None:
    """All messages of a batch together."""
    if size > LARGEST:
        raise refusal(
            "BatchRequestTooLong",
            f"Batch requests cannot be longer than {LARGEST} bytes. You have sent {size} bytes.",
        )


def check_range(value: int, low: int, high: int, parameter: str, reason: str) -> None:
    """A whole number inside its range, refused in the words of `reason`."""
    if not low <= value <= high:
        raise invalid_value(value, parameter, reason)


def _check_attribute_name(name: str) -> None:
    if not name:
        raise invalid("The request must contain non-empty message (user) attribute names.")
    if len(name) > 256:
        raise invalid("Message (user) attribute name must be shorter than 256 bytes.")
    if not _ATTRIBUTE_NAME.fullmatch(name) or ".." in name:
        raise invalid(
            f"The message attribute name '{name}' is invalid. Attribute name can contain A-Z, a-z, 0-9, "
            "underscore (_), hyphen (-), and period (.) characters."
        )
    if name.lower().startswith(("aws.", "amazon.")) or name.startswith(".") or name.endswith("."):
        raise invalid(
            "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are "
            "reserved for internal use. Additionally, they cannot start or end with '.'."
        )


def _check_attribute_type(name: str, data_type: str) -> None:
    if not data_type:
        raise invalid(
            f"The message (user) attribute '{name}' must contain a non-empty message attribute value."
        )
    if len(data_type) > 256:
        raise invalid("Message (user) attribute type must be shorter than 256 bytes.")
    if data_type.partition(".")[0] not in _TYPES:
        raise invalid(
            f"The type of message (user) attribute '{name}' is invalid. You must use only the following "
            "supported type prefixes: Binary, Number, String."
        )


def _check_attribute_value(name: str, value: Mapping[str, Any]) -> None:
    if value.get("StringListValues") or value.get("BinaryListValues"):
        raise refusal(
            "UnsupportedOperation",
            "Message attribute list values in SendMessage operation are not supported.",
        )
    kind = str(value["DataType"]).partition(".")[0]
    content = value.get("BinaryValue" if kind == "Binary" else "StringValue")
    if not content:
        raise invalid(f"Message (user) attribute '{name}' must contain a non-empty value of type '{kind}'.")
    if isinstance(content, str):
        check_characters(content)
    if kind == "Number" and not _NUMBER.fullmatch(str(content)):
        raise invalid(f"Can't cast the value of message (user) attribute '{name}' to a number.")
