"""What may be published: text, subject, attributes, sizes, and one text for each protocol.

Sources: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html (message, subject, structure),
https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html (types, reserved characters, 10 attributes raw),
https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from labkit.sandbox.services._sns_errors import attribute_value, invalid

DEFAULT_SIZE: Final = 262_144
"""Bytes of a message with its attributes, unless the topic's MaximumMessageSize says otherwise."""
_SUBJECT: Final = 100
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]")
_IDENTITY: Final = re.compile(r"[A-Za-z0-9!-/:-@\[-`{-~]{1,128}")
_TYPES: Final = ("String", "Number", "Binary")

Attributes = dict[str, tuple[str, str]]
"""Name -> (type, value); a binary value is in base64."""


class Notice(NamedTuple):
    """One published message. `time` is in seconds since 1970; group, deduplication id and sequence may be empty."""

    topic: str
    id: str
    message: str
    subject: str
    attributes: tuple[tuple[str, str, str], ...]
    structured: bool
    time: float
    group: str = ""
    deduplication: str = ""
    sequence: str = ""
    replayed: bool = False

    def text_for(self, protocol: str) -> str:
        """The text for one protocol (`sqs`, `GCM`): the message itself, or the part meant for it."""
        if not self.structured:
            return self.message
        parts = json.loads(self.message)
        own = parts.get(protocol)
        return str(own if isinstance(own, str) else parts["default"])

    @property
    def sent_attributes(self) -> dict[str, dict[str, str]]:
        """The attributes as they are delivered. They are sent only with a message that is one text for all."""
        if self.structured:
            return {}
        return {name: {"Type": kind, "Value": value} for name, kind, value in self.attributes}


def check_message(message: str | None, structure: str | None) -> bool:
    """Whether the message is a JSON object with a text for each protocol. Raises `InvalidParameter`."""
    if not message:
        raise invalid("Empty message")
    if structure is None:
        return False
    if structure != "json":
        raise invalid("MessageStructure")
    try:
        parts = json.loads(message)
    except (ValueError, RecursionError):
        parts = None
    if not isinstance(parts, dict):
        raise invalid("Message Structure - JSON message body failed to parse")
    if not isinstance(parts.get("default"), str):
        raise invalid("Message Structure - No default entry in JSON message body")
    return True


def check_subject(subject: str | None) -> str:
    """A subject has 1 to 100 characters, none of them a line break or a control character."""
    if subject is None:
        return ""
    if not subject or len(subject) > _SUBJECT or any(ord(mark) < 32 or ord(mark) == 127 for mark in subject):
        raise invalid("Subject")
    return subject


def check_attributes(given: Mapping[str, Any] | None) -> Attributes:
    """The message attributes, checked. Takes them as botocore's model has them."""
    return {name: _attribute(name, value) for name, value in (given or {}).items()}


def _attribute(name: str, value: Mapping[str, Any]) -> tuple[str, str]:
    _check_name(name)
    kind = str(value.get("DataType") or "")
    base = kind.partition(".")[0]
    if not kind:
        raise attribute_value(
            f"The message attribute '{name}' must contain non-empty message attribute type."
        )
    if base not in _TYPES:
        raise attribute_value(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type "
            "prefixes is Binary, Number, and String."
        )
    field, other = ("BinaryValue", "StringValue") if base == "Binary" else ("StringValue", "BinaryValue")
    found = value.get(field)
    if not found and value.get(other):
        raise attribute_value(
            f"The message attribute '{name}' with type '{kind}' must use field '{field.removesuffix('Value')}'."
        )
    if not found:
        raise attribute_value(
            f"The message attribute '{name}' must contain non-empty message attribute value for message "
            f"attribute type '{kind}'."
        )
    if base == "Binary":
        return kind, base64.b64encode(_bytes(found)).decode()
    if base == "Number":
        _check_number(name, str(found))
    return kind, str(found)


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _check_number(name: str, text: str) -> None:
    try:
        float(text)
    except ValueError:
        raise attribute_value(f"Could not cast message attribute '{name}' value to number.") from None


def _check_name(name: str) -> None:
    if len(name.encode()) > 256:
        raise attribute_value("Length of message attribute name must be less than 256 bytes.")
    for mark in name:
        if not _NAME.fullmatch(mark):
            raise attribute_value(
                f"Invalid non-alphanumeric character '#x{ord(mark):X}' was found in the message attribute name. "
                "Can only include alphanumeric characters, hyphens, underscores, or dots."
            )
    if name.startswith("."):
        raise attribute_value("Invalid message attribute name starting with character '.' was found.")
    if name.endswith("."):
        raise attribute_value("Invalid message attribute name ending with character '.' was found.")
    if ".." in name:
        raise attribute_value("Message attribute name can not have successive '.' character.")


def size_of(message: str, attributes: Attributes) -> int:
    """Bytes of a message with the names, types and values of its attributes."""
    size = len(message.encode("utf-8", "surrogatepass"))
    for name, (kind, value) in attributes.items():
        size += len(name.encode()) + len(kind.encode())
        size += len(base64.b64decode(value)) if kind.startswith("Binary") else len(value.encode())
    return size


def check_order(fifo: bool, by_content: bool, group: str | None, deduplication: str | None) -> None:
    """Group and deduplication id: what a FIFO topic needs, and what another topic does not take."""
    for name, value in (("MessageGroupId", group), ("MessageDeduplicationId", deduplication)):
        if value and not _IDENTITY.fullmatch(value):
            raise invalid(name)
    if fifo:
        if not group:
            raise invalid("The MessageGroupId parameter is required for FIFO topics")
        if not deduplication and not by_content:
            raise invalid(
                "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId "
                "provided explicitly"
            )
    elif deduplication is not None:
        raise invalid(
            "MessageDeduplicationId",
            "The request includes MessageDeduplicationId parameter that is not valid for this topic type",
        )
