"""What each service shows of a message to its filters.

EventBridge shows the event as it is. SNS shows the message attributes, or the body. Lambda and Pipes
show the record, in which the message itself may be JSON inside a string.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

View = Mapping[str, Any]

_NOT_JSON: Final = object()
_DATA_KEYS: Final = ("body", "data")
"""Where a queue's (`body`) or a stream's (`data`, in base64) own message is in a record."""


def attributes(given: Mapping[str, Any]) -> dict[str, Any]:
    """SNS message attributes as one flat event.

    Takes the form of the API (`DataType`, `StringValue`) and that of the delivered message (`Type`,
    `Value`). A Number is a number, each element of a String.Array a value of its own, Binary is left
    out. Quotation marks and backslashes count as escaped, so a policy has to escape them twice.
    Source: sns/latest/dg/subscription-filter-policy-constraints.html.
    """
    seen: dict[str, Any] = {}
    for name, attribute in given.items():
        if not isinstance(attribute, Mapping):
            continue
        kind = str(attribute.get("DataType", attribute.get("Type", "")))
        value = attribute.get("StringValue", attribute.get("Value"))
        if kind == "String.Array":
            seen[name] = _elements(value)
        elif kind.partition(".")[0] == "Number":
            seen[name] = _number(value)
        elif kind.partition(".")[0] == "String" and isinstance(value, str):
            seen[name] = value.replace("\\", "\\\\").replace('"', '\\"')
    return seen


def body(message: str | Mapping[str, Any]) -> View | None:
    """The body of an SNS message, if it is a JSON object; otherwise None, which no policy matches."""
    found = _parsed(message) if isinstance(message, str) else message
    return found if isinstance(found, Mapping) else None


class RecordView:
    """How the filters of an event source mapping or a pipe see a record.

    A pattern that names fields inside `body` (or `data`) expects JSON there; one that compares `body`
    itself expects plain text. A record of the other kind is dropped, whatever else matches. A pattern
    that leaves `body` out does not care. The inside of `kinesis` counts as top level, with its `data`
    decoded. Source: lambda/latest/dg/with-sqs-filtering.html and with-kinesis-filtering.html, and
    eventbridge/latest/userguide/eb-pipes-event-filtering.html.
    """

    def __init__(self, names: Iterable[str]) -> None:
        every = list(names)
        self._as_json = {key for key in _DATA_KEYS if any(name.startswith(f"{key}.") for name in every)}
        self._as_text = {key for key in _DATA_KEYS if key in every}

    def __call__(self, record: Mapping[str, Any]) -> View | str:
        """What the filter compares; or, for a record that is dropped at once, the reason as a sentence."""
        if not self._as_json and not self._as_text:
            return record
        view = dict(record)
        if isinstance(kinesis := record.get("kinesis"), Mapping):
            view.update(kinesis)
        for key in sorted(self._as_json | self._as_text):
            text = view.get(key)
            if not isinstance(text, str):
                continue
            if key == "data":
                text = _decoded(text)
            found = _parsed(text)
            if found is _NOT_JSON and key not in self._as_text:
                return f'"{key}" is plain text, but the pattern expects JSON in it, so the record is dropped.'
            if found is not _NOT_JSON and key not in self._as_json:
                return f'"{key}" is JSON, but the pattern expects plain text, so the record is dropped.'
            view[key] = text if found is _NOT_JSON else found
        return view


def _elements(value: object) -> object:
    found = _parsed(value) if isinstance(value, str) else value
    return found if isinstance(found, (list, str, int, float)) else []


def _number(value: object) -> object:
    try:
        return json.loads(str(value))
    except (ValueError, RecursionError):
        return str(value)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _NOT_JSON


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return text
