"""Where each statement stands in the text of a policy, as the policy simulator reports it.

Lines and columns count from 1. A statement of a list begins behind the bracket or comma before it, a statement alone
behind its brace, and each ends behind its brace: so do the sample answers of
https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from __future__ import annotations

import json
import re
from typing import Any

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()

Span = tuple[int, int]
"""Offsets of a statement's beginning and end in the text."""


def statement_spans(text: str) -> list[Span]:
    """One span for each statement, in order; nothing for a text that is no policy."""
    try:
        return _spans(text, _statement_offset(text))
    except (ValueError, IndexError, RecursionError, StopIteration):
        return []


def position(text: str, offset: int) -> dict[str, int]:
    """An offset as AWS's Position: the line and the column."""
    return {"Line": text.count("\n", 0, offset) + 1, "Column": offset - text.rfind("\n", 0, offset)}


def _statement_offset(text: str) -> int:
    place = _after_space(text, 0) + 1
    while True:
        place = _after_space(text, place)
        name, place = _DECODER.raw_decode(text, place)
        place = _after_space(text, _after_space(text, place) + 1)
        if name == "Statement":
            return place
        _, place = _DECODER.raw_decode(text, place)
        place = _after_space(text, place) + 1


def _spans(text: str, place: int) -> list[Span]:
    if text[place] == "{":
        return [(place + 1, _end_of_value(text, place))]
    spans: list[Span] = []
    while text[place] in "[,":
        start = place + 1
        end = _end_of_value(text, _after_space(text, start))
        spans.append((start, end))
        place = _after_space(text, end)
    return spans


def _end_of_value(text: str, place: int) -> int:
    value: tuple[Any, int] = _DECODER.raw_decode(text, place)
    return value[1]


def _after_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    assert found is not None
    return found.end()
