"""What a pipe's enrichment or target receives: the record, or a filled-in template; and dynamic parameters.

Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html (variables, paths,
"Implicit body data parsing", each record by itself) and eb-pipes-event-target.html (dynamic path parameters).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any, Final

_MISSING: Final = object()
_PLACEHOLDER: Final = re.compile(r"<(\$[^<>]*|aws\.pipes\.[a-z.\-]+)>")
_STEP: Final = re.compile(r"\.([\w/\-]+)|\[(\d+|\*)\]")
_PARSED: Final = ("body", "data", "value", "key")
"""Fields that are decoded and parsed when a path goes into them."""
_WHOLE: Final = ("aws.pipes.event", "aws.pipes.event.json")


def value_at(path: str, record: Any) -> Any:
    """What stands at a JSON path (`$.body.id`), or None. Text that is JSON is opened on the way."""
    found = _value_at(path, record)
    return None if found is _MISSING else found


def dynamic(given: Any, record: Any) -> Any:
    """A parameter: a path is replaced by its value, anything else stays."""
    if isinstance(given, str) and given.startswith("$."):
        found = value_at(given, record)
        return found if found is None or isinstance(found, str) else compact(found)
    return given


def compact(value: Any) -> str:
    """JSON without spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def filled(template: str, record: Any, variables: Mapping[str, str]) -> str:
    """The template with its placeholders replaced, as text.

    Inside quotes a value stands as text, elsewhere as JSON; a template that does not begin like JSON is plain text
    throughout. A path that leads nowhere gives an empty text.
    """
    structured = template.lstrip()[:1] in ("{", "[", '"')
    parts: list[str] = []
    end, quoted = 0, False
    for match in _PLACEHOLDER.finditer(template):
        between = template[end : match.start()]
        quoted = _quoted_after(between, quoted)
        parts += [between, _shown(_value_of(match[1], record, variables), quoted, structured)]
        end = match.end()
    return "".join([*parts, template[end:]])


def _value_of(name: str, record: Any, variables: Mapping[str, str]) -> Any:
    if name in _WHOLE:
        return _opened(record) if name.endswith(".json") else record
    return _value_at(name, record) if name.startswith("$") else variables.get(name, _MISSING)


def _shown(value: Any, quoted: bool, structured: bool) -> str:
    if value is _MISSING:
        return "" if quoted or not structured else '""'
    if not structured:
        return value if isinstance(value, str) else compact(value)
    if not quoted:
        return compact(value)
    text = value if isinstance(value, str) else compact(value)
    return compact(text)[1:-1]


def _quoted_after(text: str, quoted: bool) -> bool:
    escaped = False
    for letter in text:
        if escaped:
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter == '"':
            quoted = not quoted
    return quoted


def _value_at(path: str, record: Any) -> Any:
    at, here = 1, record
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            return _MISSING
        name, place = step.groups()
        if isinstance(here, str):
            here = _read(here)
        if name is not None:
            if not isinstance(here, Mapping) or name not in here:
                return _MISSING
            here = here[name]
            here = _decoded(here) if name == "data" and isinstance(here, str) else here
        elif place == "*":
            if not isinstance(here, list):
                return _MISSING
            every = [_value_at("$" + path[step.end() :], one) for one in here]
            return [one for one in every if one is not _MISSING]
        elif not isinstance(here, list) or int(place) >= len(here):
            return _MISSING
        else:
            here = here[int(place)]
        at = step.end()
    return here


def _opened(record: Any) -> Any:
    if not isinstance(record, Mapping):
        return record
    opened = dict(record)
    for name in _PARSED:
        if isinstance(opened.get(name), str):
            text = _decoded(opened[name]) if name == "data" else opened[name]
            opened[name] = _read(text)
    return opened


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return text
