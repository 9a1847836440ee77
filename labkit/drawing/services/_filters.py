"""Event patterns and filter policies in a few words: what must be so for something to be let through."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

_WORDS: Final = {
    "prefix": "starts with", "suffix": "ends with", "equals-ignore-case": "is like", "wildcard": "is like",
    "cidr": "in",
}  # fmt: skip
_MOST: Final = 3


def pattern(given: Any) -> Mapping[str, Any]:
    """A pattern as a mapping; an empty one for what is none."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            return {}
    return given if isinstance(given, Mapping) else {}


def phrase(given: Any) -> str:
    """Such as "amount >= 100, country AT or DE"."""
    return ", ".join(_fields(pattern(given), ""))


def in_full(given: Any) -> str:
    """The pattern as JSON on one line, or nothing when there is none."""
    told = pattern(given)
    return json.dumps(told, ensure_ascii=False) if told else ""


def _fields(told: Mapping[str, Any], above: str) -> Iterator[str]:
    for name, asked in told.items():
        path = f"{above}{name}"
        if name == "$or" and isinstance(asked, list):
            yield " or ".join(", ".join(_fields(one, above)) for one in asked if isinstance(one, Mapping))
        elif isinstance(asked, Mapping):
            yield from _fields(asked, f"{path}." if name not in ("detail", "body") or above else "")
        else:
            yield _asked(path, asked if isinstance(asked, list) else [asked])


def _asked(name: str, values: list[Any]) -> str:
    words = [_value(one) for one in values[:_MOST]]
    words += [f"{len(values) - _MOST} more"] if len(values) > _MOST else []
    return f"{name} {' or '.join(words)}"


def _value(one: Any) -> str:
    if not isinstance(one, Mapping):
        return "null" if one is None else str(one).lower() if isinstance(one, bool) else str(one) or '""'
    for word, asked in one.items():
        if word == "numeric" and isinstance(asked, list):
            pairs = [f"{sign} {number}" for sign, number in zip(asked[::2], asked[1::2], strict=False)]
            return " and ".join(pairs)
        if word == "exists":
            return "is there" if asked else "is not there"
        if word == "anything-but":
            return f"not {_listed(asked)}"
        return f"{_WORDS.get(word, word)} {_listed(asked)}"
    return "anything"


def _listed(asked: Any) -> str:
    if isinstance(asked, Mapping):
        return _value(asked)
    return " or ".join(map(str, asked)) if isinstance(asked, list) else str(asked)
