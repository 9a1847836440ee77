"""The comparisons of the pattern language: each takes one JSON value of the event and says yes or no.

An operator also knows how to say in plain words what it wants; feedback is made of that.

Source of the meaning: eventbridge/latest/userguide/eb-create-pattern-operators.html and the README of
github.com/aws/event-ruler. A value is one leaf of the event: a string, a number, true, false or null.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

Scalar = str | int | float | bool | None

LARGEST: Final = 5_000_000_000
"""Numbers are compared by value from -5.0e9 to 5.0e9, to six decimals: same page, "Numeric matching"."""

_LOOKS_V4: Final = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+", re.ASCII)
_LOOKS_V6: Final = re.compile(r"[0-9a-fA-F:]*:[0-9a-fA-F:]*", re.ASCII)


def is_number(value: object) -> bool:
    """Whether the value is a JSON number; true and false are not."""
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def scaled(value: Any) -> int | None:
    """The number in millionths, or None when it is no number, or too large to be compared by value."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value * 1_000_000 if -LARGEST <= value <= LARGEST else None
    if isinstance(value, float):
        return round(value * 1_000_000) if -LARGEST <= value <= LARGEST else None  # not so for nan
    if isinstance(value, Decimal):
        return scaled(float(value)) if value.is_finite() else None
    return None


class Operator:
    """One comparison. Calling it with a value answers yes or no; it never raises."""

    __slots__ = ()

    def __call__(self, value: Any) -> bool:
        """Whether the value is one that the pattern asks for."""
        raise NotImplementedError

    def wanted(self) -> str:
        """What it asks for, to stand behind "the pattern wants"."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, eq=False)
class Exact(Operator):
    """The very value: a string, true, false, null, or a number (300 and 300.0 are the same number).

    The documentation says 300 and 300.0 differ; the service answers that they match (recorded in
    LocalStack's number_comparison_float). A string never equals a number. Two spellings of the same IP
    address are equal, because the engine compares addresses as addresses.
    """

    value: Scalar

    def __call__(self, value: Any) -> bool:
        """Whether it is the very value."""
        mine = self.value
        if isinstance(mine, str):
            return isinstance(value, str) and (value == mine or same_address(value, mine))
        if mine is None or isinstance(mine, bool):
            return value is mine
        number = scaled(mine)
        if number is not None:
            return scaled(value) == number
        return type(value) is type(mine) and bool(value == mine)

    def wanted(self) -> str:
        """The same in words."""
        return shown(self.value)


@dataclass(frozen=True, slots=True, eq=False)
class Affix(Operator):
    """`prefix` or `suffix`, of strings only, with or without regard to case."""

    text: str
    at_end: bool = False
    folded: bool = False

    def __call__(self, value: Any) -> bool:
        """Whether it is text that begins, or ends, so."""
        if not isinstance(value, str):
            return False
        text = self.text
        if self.folded:
            value, text = value.lower(), text.lower()
        return bool(value.endswith(text) if self.at_end else value.startswith(text))

    def wanted(self) -> str:
        """The same in words."""
        verb = "ends with" if self.at_end else "starts with"
        return f"text that {verb} {shown(self.text)}{' in any case' if self.folded else ''}"


@dataclass(frozen=True, slots=True, eq=False)
class Folded(Operator):
    """`equals-ignore-case`, of strings only."""

    text: str

    def __call__(self, value: Any) -> bool:
        """Whether it is the text, in whatever case."""
        return isinstance(value, str) and (
            value.lower() == self.text.lower() or value.upper() == self.text.upper()
        )

    def wanted(self) -> str:
        """The same in words."""
        return f"{shown(self.text)} in any case"


@dataclass(frozen=True, slots=True, eq=False)
class Wildcard(Operator):
    """`*` stands for any characters, also none; `\\*` is a star and `\\\\` a backslash. Strings only."""

    text: str
    parts: tuple[str, ...]
    """The fixed pieces between the stars; one piece alone means there is no star."""

    def __call__(self, value: Any) -> bool:
        """Whether it is text of this shape."""
        if not isinstance(value, str):
            return False
        first, *middle = self.parts
        if not middle:
            return value == first
        last = middle.pop()
        if len(value) < len(first) + len(last) or not value.startswith(first) or not value.endswith(last):
            return False
        at, end = len(first), len(value) - len(last)
        for piece in middle:  # the earliest place is always as good as any later one
            found = value.find(piece, at, end)
            if found < 0:
                return False
            at = found + len(piece)
        return True

    def wanted(self) -> str:
        """The same in words."""
        return f"text like {shown(self.text)}, where * stands for anything"


@dataclass(frozen=True, slots=True, eq=False)
class AnythingBut(Operator):
    """Any value that is there and that none of the inner comparisons takes; null counts as a value."""

    inner: tuple[Operator, ...]

    def __call__(self, value: Any) -> bool:
        """Whether it is none of the unwanted values."""
        return not any(unwanted(value) for unwanted in self.inner)

    def wanted(self) -> str:
        """The same in words."""
        return f"anything but {listed(one.wanted() for one in self.inner)}"


@dataclass(frozen=True, slots=True, eq=False)
class Numeric(Operator):
    """A number between two bounds, in millionths; a string of digits is no number."""

    low: int
    high: int
    low_open: bool
    high_open: bool
    terms: tuple[str | float, ...]

    def __call__(self, value: Any) -> bool:
        """Whether it is a number within the bounds."""
        number = scaled(value)
        if number is None or number < self.low or number > self.high:
            return False
        return not ((self.low_open and number == self.low) or (self.high_open and number == self.high))

    def wanted(self) -> str:
        """The same in words."""
        pairs = zip(self.terms[::2], self.terms[1::2], strict=True)
        return "a number " + " and ".join(f"{sign} {number}" for sign, number in pairs)


@dataclass(frozen=True, slots=True, eq=False)
class Cidr(Operator):
    """An IP address, version 4 or 6, in a block."""

    network: ipaddress.IPv4Network | ipaddress.IPv6Network

    def __call__(self, value: Any) -> bool:
        """Whether it is text that spells an address of the block."""
        found = address(value) if isinstance(value, str) else None
        return found is not None and found.version == self.network.version and found in self.network

    def wanted(self) -> str:
        """The same in words."""
        return f"an IP address in {self.network}"


@dataclass(frozen=True, slots=True, eq=False)
class Present(Operator):
    """`{"exists": true}`: any leaf will do. For SNS it must hold something (sns attribute-key-matching)."""

    filled: bool = False

    def __call__(self, value: Any) -> bool:
        """Whether it counts as present, which it does."""
        return not (self.filled and (value is None or value == ""))

    def wanted(self) -> str:
        """The same in words."""
        return "a value that is not empty" if self.filled else "any value"


@dataclass(frozen=True, slots=True, eq=False)
class Absent(Operator):
    """`{"exists": false}`: no value matches, only its absence does."""

    def __call__(self, value: Any) -> bool:
        """Never: a value is there."""
        del value
        return False

    def wanted(self) -> str:
        """The same in words."""
        return "no such field"


class Field:
    """All alternatives for one field of the pattern, arranged so that the frequent ones are quick."""

    __slots__ = ("_numbers", "_others", "_strings", "absent", "alternatives")

    def __init__(self, alternatives: tuple[Operator, ...]) -> None:
        self.alternatives = alternatives
        self.absent = any(isinstance(one, Absent) for one in alternatives)
        exact = [one for one in alternatives if isinstance(one, Exact)]
        self._strings = frozenset(one.value for one in exact if isinstance(one.value, str))
        self._numbers = frozenset(n for one in exact if (n := scaled(one.value)) is not None)
        self._others = tuple(one for one in alternatives if not self._is_quick(one))

    def _is_quick(self, one: Operator) -> bool:
        if isinstance(one, Absent):
            return True
        if not isinstance(one, Exact):
            return False
        return (isinstance(one.value, str) and address(one.value) is None) or scaled(one.value) is not None

    def takes(self, value: Any) -> bool:
        """Whether one of the alternatives takes the value."""
        if isinstance(value, str):
            if value in self._strings:
                return True
        elif self._numbers and scaled(value) in self._numbers:
            return True
        return any(one(value) for one in self._others)

    def wanted(self) -> str:
        """What the field may hold, in words."""
        return listed(one.wanted() for one in self.alternatives)


@lru_cache(maxsize=4096)
def address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address that the text spells, or None. `010.0.0.1` is 10.0.0.1, as Java reads it."""
    try:
        if _LOOKS_V4.fullmatch(text):
            return ipaddress.IPv4Address(".".join(str(int(part)) for part in text.split(".")))
        if _LOOKS_V6.fullmatch(text):
            found = ipaddress.IPv6Address(text)
            return found.ipv4_mapped or found
    except ValueError:
        pass
    return None


def same_address(one: str, other: str) -> bool:
    """Whether both texts spell the same IP address."""
    found = address(other)
    return found is not None and found == address(one)


def looks_like_address(text: str) -> bool:
    """Whether the text has the outer form of an address, valid or not."""
    return bool(_LOOKS_V4.fullmatch(text) or _LOOKS_V6.fullmatch(text))


def listed(words: Iterable[str], conjunction: str = "or") -> str:
    """`a`, `a or b`, `a, b or c`; a long list is cut."""
    every = list(dict.fromkeys(words))
    if len(every) > 6:
        every = [*every[:5], f"{len(every) - 5} more"]
    if len(every) < 2:
        return "".join(every)
    return f"{', '.join(every[:-1])} {conjunction} {every[-1]}"


def shown(value: object, most: int = 60) -> str:
    """The value as it stands in JSON, cut when it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= most else f"{text[: most - 4]}...{text[-1]}"
