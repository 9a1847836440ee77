"""The rules of a Choice state in a few words: `total > 100`, `method = "card"`, `coupon is there`.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html (operators).
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from labkit.drawing.text import safe

_KINDS: Final = ("String", "Numeric", "Boolean", "Timestamp")
_SIGNS: Final = {
    "Equals": "=", "LessThanEquals": "<=", "LessThan": "<", "GreaterThanEquals": ">=", "GreaterThan": ">",
}  # fmt: skip
_IS: Final = {
    "IsNull": "null", "IsNumeric": "a number", "IsString": "a text", "IsBoolean": "true or false",
    "IsTimestamp": "a timestamp",
}  # fmt: skip
_DEEPEST: Final = 6
ELSE: Final = "else"


def rule(told: Any, depth: int = 0) -> str:
    """A rule of a Choice state, in JSONPath or JSONata."""
    if not isinstance(told, dict) or depth > _DEEPEST:
        return "..."
    if "Condition" in told:
        return expression(told["Condition"])
    for name, word in (("And", " and "), ("Or", " or ")):
        if isinstance(told.get(name), list):
            parts = [rule(one, depth + 1) for one in told[name]]
            joined = word.join(parts)
            return f"({joined})" if depth and len(parts) > 1 else joined
    if "Not" in told:
        return f"not ({rule(told['Not'], depth + 1)})"
    return _test(told)


def _test(told: dict[str, Any]) -> str:
    name = path(told.get("Variable", "?"))
    for operator, wanted in told.items():
        if operator == "IsPresent":
            return f"{name} is {'' if wanted else 'not '}there"
        if operator in _IS:
            return f"{name} is {'' if wanted else 'not '}{_IS[operator]}"
        if operator == "StringMatches":
            return f"{name} like {value(wanted)}"
        if operator == "BooleanEquals":
            return f"{name} is {value(wanted)}"
        kind = next((one for one in _KINDS if operator.startswith(one)), "")
        sign = _SIGNS.get(operator.removeprefix(kind).removesuffix("Path")) if kind else None
        if sign:
            return f"{name} {sign} {path(wanted) if operator.endswith('Path') else value(wanted)}"
    return name


def path(told: Any) -> str:
    """A path without the signs before it: `$.order.total` is `order.total`."""
    text = safe(told)
    if text in ("$", "$$"):
        return "the input" if text == "$" else "the context"
    return text.removeprefix("$$.").removeprefix("$.")


def value(told: Any) -> str:
    """A value as JSON writes it."""
    return safe(json.dumps(told, ensure_ascii=False))


def expression(told: Any) -> str:
    """A JSONata expression without its brackets and without the long name of the input."""
    text = safe(told)
    if text.startswith("{%") and text.endswith("%}"):
        text = text[2:-2].strip()
    return re.sub(r"\$states\.(?:input|context)\.", "", text)
