"""The rules of a Choice state in JSONPath.

Source: https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html (operators). A comparison with a value of
another type is false, and no error.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from labkit.sandbox.states import paths
from labkit.sandbox.states.errors import RUNTIME, StateFailed
from labkit.sandbox.states.scope import Scope, look_up

Rule = Mapping[str, Any]
_TIMESTAMP: Final = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")
_SIGNS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "Equals": operator.eq, "LessThan": operator.lt, "LessThanEquals": operator.le,
    "GreaterThan": operator.gt, "GreaterThanEquals": operator.ge,
}  # fmt: skip


def moment(text: Any) -> float | None:
    """A timestamp of RFC3339 as seconds since 1970, or None: upper-case T and Z, and a time zone."""
    if not isinstance(text, str) or not _TIMESTAMP.match(text):
        return None
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


_KINDS: Final[dict[str, Callable[[Any], Any]]] = {
    "String": _text, "Numeric": _number, "Boolean": _truth, "Timestamp": moment,
}  # fmt: skip
_IS: Final[dict[str, Callable[[Any], bool]]] = {
    "IsNull": lambda value: value is None,
    "IsNumeric": lambda value: _number(value) is not None,
    "IsString": lambda value: isinstance(value, str),
    "IsBoolean": lambda value: isinstance(value, bool),
    "IsTimestamp": lambda value: moment(value) is not None,
}
COMPARISONS: Final[dict[str, tuple[str, str]]] = {
    f"{kind}{sign}": (kind, sign)
    for kind in _KINDS
    for sign in _SIGNS
    if kind != "Boolean" or sign == "Equals"
}
OPERATORS: Final = frozenset(
    {*COMPARISONS, *(f"{name}Path" for name in COMPARISONS), *_IS, "IsPresent", "StringMatches"}
)
"""Every data-test operator."""


def holds(rule: Rule, scope: Scope) -> bool:
    """Whether a rule holds. Raises `StateFailed` when its path leads nowhere."""
    if "And" in rule:
        return all(holds(one, scope) for one in rule["And"])
    if "Or" in rule:
        return any(holds(one, scope) for one in rule["Or"])
    if "Not" in rule:
        return not holds(rule["Not"], scope)
    name = next(one for one in rule if one in OPERATORS)
    return _test(name, rule[name], rule["Variable"], scope)


def _test(name: str, wanted: Any, variable: str, scope: Scope) -> bool:
    if name == "IsPresent":
        return _present(variable, scope) is wanted
    value = _at(variable, scope)
    if name in _IS:
        return _IS[name](value) is wanted
    if name == "StringMatches":
        return isinstance(value, str) and _pattern(wanted).fullmatch(value) is not None
    if name.endswith("Path"):
        name, wanted = name.removesuffix("Path"), _at(wanted, scope)
    kind, sign = COMPARISONS[name]
    left, right = _KINDS[kind](value), _KINDS[kind](wanted)
    return left is not None and right is not None and _SIGNS[sign](left, right)


def _present(variable: str, scope: Scope) -> bool:
    try:
        look_up(variable, scope)
    except paths.NoResult:
        return False
    return True


def _at(path: str, scope: Scope) -> Any:
    try:
        return look_up(path, scope)
    except (paths.NoResult, paths.InvalidPath):
        said = f"Invalid path '{path}': The choice state's condition path references an invalid value."
        raise StateFailed(RUNTIME, said) from None


def _pattern(text: str) -> re.Pattern[str]:
    """`*` stands for any letters, `\\*` for a star."""
    parts = re.split(r"(\\.|\*)", text)
    made = [
        ".*" if part == "*" else re.escape(part[1] if part.startswith("\\") and len(part) == 2 else part)
        for part in parts
    ]
    return re.compile("".join(made), re.DOTALL)
