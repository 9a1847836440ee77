"""What is known about a request: its condition keys and their values.

Names of keys ignore case. A key may have one value or a list of them: AWS calls the second kind
multivalued, and only set operators look at more than one value.

Sources, under https://docs.aws.amazon.com/IAM/latest/UserGuide/ :
reference_policies_variables.html (key names ignore case; only single-valued keys work as variables),
reference_policies_condition-single-vs-multi-valued-context-keys.html.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Value:
    """The values of one key as texts. `many` says that they came as a list, of whatever length."""

    texts: tuple[str, ...]
    many: bool = False

    @property
    def empty(self) -> bool:
        """Whether nothing is there: no value at all, or nothing but empty texts."""
        return not any(self.texts)


class Context:
    """Condition keys of a request. Build it from a mapping; `None` as a value means that a key is absent.

    Values may be texts, numbers, booleans, bytes, dates, or lists, tuples and sets of these.
    """

    __slots__ = ("_names", "_values")

    def __init__(self, given: Mapping[str, Any] | None = None) -> None:
        self._values: dict[str, Value] = {}
        self._names: dict[str, str] = {}
        for name, value in (given or {}).items():
            self._set(str(name), value)

    def _set(self, name: str, value: Any) -> None:
        folded = name.casefold()
        if value is None:
            self._values.pop(folded, None)
            return
        self._names[folded] = name
        if isinstance(value, (list, tuple, set, frozenset)):
            some = sorted(value, key=str) if isinstance(value, (set, frozenset)) else value
            self._values[folded] = Value(tuple(text_of(one) for one in some if one is not None), many=True)
        else:
            self._values[folded] = Value((text_of(value),))

    def get(self, name: str) -> Value | None:
        """The values of a key, or None when the request does not have it."""
        return self._values.get(name.casefold())

    def variable(self, name: str) -> str | None:
        """The one text a policy variable stands for, or None: keys with several values are no variables."""
        value = self.get(name)
        return value.texts[0] if value is not None and len(value.texts) == 1 else None

    def __contains__(self, name: str) -> bool:
        return name.casefold() in self._values

    def __iter__(self) -> Iterator[str]:
        return (self._names[folded] for folded in self._values)

    def __repr__(self) -> str:
        return f"Context({', '.join(self)})"


def text_of(value: Any) -> str:
    """A value as policies write it: `true`, `12.5`, `2026-11-23T08:00:00Z`; bytes in base64."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
