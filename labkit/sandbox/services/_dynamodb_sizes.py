"""How many bytes DynamoDB counts for an item.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

_OVERHEAD = 3  # of a list or a map


def size_of(attributes: Mapping[str, Any]) -> int:
    """Bytes of the names and values of an item in DynamoDB's JSON (`{"id": {"S": "7"}}`)."""
    return sum(len(str(name).encode()) + _value(value) for name, value in attributes.items())


def _value(typed: Any) -> int:
    if not isinstance(typed, Mapping) or len(typed) != 1:
        return len(str(typed).encode())
    kind, value = next(iter(typed.items()))
    if kind == "S":
        return len(str(value).encode())
    if kind == "N":
        return _number(str(value))
    if kind == "B":
        return len(value if isinstance(value, bytes) else base64.b64decode(str(value) + "=="))
    if kind in ("BOOL", "NULL"):
        return 1
    if kind in ("SS", "NS", "BS"):
        return sum(_value({kind[0]: one}) for one in value)
    if kind == "L":
        return _OVERHEAD + sum(1 + _value(one) for one in value)
    if kind == "M":
        return _OVERHEAD + sum(1 + len(str(name).encode()) + _value(one) for name, one in value.items())
    return len(str(value).encode())


def _number(text: str) -> int:
    digits = text.lstrip("-").partition("E")[0].replace(".", "").strip("0")
    return math.ceil(len(digits) / 2) + 1 + text.startswith("-")
