"""Wildcards: reading them, and the rule that a pattern with too many of them is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from labkit.sandbox.patterns.operators import AnythingBut, Operator, Wildcard

TOO_COMPLEX: Final = (
    "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences "
    "after a wildcard character"
)

MOST_AT_ONCE: Final = 10
"""So many beginnings of wildcards one value may match at the same time.

AWS describes the rule and not the number: eb-create-pattern-operators.html, "Wildcard matching". The
measure is that of the engine's MachineComplexityEvaluator. The number fits what the service was seen
to take (two of `*/datasync/*.tif`, which makes 8) and to refuse (`*:*:*:*:*:event-bus/*`, 11).
"""

_MOST_STATES: Final = 4000


class Malformed(ValueError):
    """The text of a wildcard breaks its grammar; the message is AWS's reason."""


def wildcard(text: str) -> Wildcard:
    """Read the text of a `wildcard`. Raises `Malformed` with AWS's reason.

    Positions count bytes of UTF-8 and start behind the opening quote, which is byte 0.
    """
    parts: list[str] = [""]
    position, starred, escaped = 1, False, False
    for char, after in zip(text, [*text[1:], '"'], strict=True) if text else ():
        if escaped:
            escaped = False
        elif char == "*":
            if after == "*":
                raise Malformed(f"Consecutive wildcard characters at pos {position}")
            parts.append("")
            starred = True
        elif char == "\\":
            if after not in ("*", "\\"):
                raise Malformed(f"Invalid escape character at pos {position}")
            parts[-1] += after
            escaped = True
        else:
            parts[-1] += char
        position += len(char.encode("utf-8", "surrogatepass"))
    return Wildcard(text, tuple(parts) if starred else (parts[0],))


def too_complex(fields: Iterable[tuple[Operator, ...]]) -> bool:
    """Whether one of the fields has wildcards that the service would call too complex."""
    return any(_too_many_at_once(list(_wildcards(field))) for field in fields)


def has_wildcard(field: Iterable[Operator]) -> bool:
    """Whether the field uses a wildcard. A bus takes only so many rules that do (eb-quota.html)."""
    return next(_wildcards(field), None) is not None


def _wildcards(field: Iterable[Operator]) -> Iterator[Wildcard]:
    for one in field:
        if isinstance(one, Wildcard):
            yield one
        elif isinstance(one, AnythingBut):
            yield from (inner for inner in one.inner if isinstance(inner, Wildcard))


_Place = tuple[int, int]
"""A wildcard of the field, and how many of its characters and stars are matched."""


def _too_many_at_once(wildcards: list[Wildcard]) -> bool:
    """Follow every value there could be, as a set of beginnings matched so far; stop at the first too large."""
    tokens = [_tokens(one.parts) for one in wildcards]
    start = _closure(tokens, {(number, 0) for number in range(len(tokens))})
    seen, waiting = {start}, [start]
    while waiting:
        here = waiting.pop()
        if len(here) > MOST_AT_ONCE or len(seen) > _MOST_STATES:
            return True
        letters = {token for n, at in here if at < len(tokens[n]) and (token := tokens[n][at]) is not None}
        for letter in [*sorted(letters), ""]:  # "" is any letter that none of them names
            there = _closure(tokens, _step(tokens, here, letter))
            if there and there not in seen:
                seen.add(there)
                waiting.append(there)
    return False


def _tokens(parts: tuple[str, ...]) -> list[str | None]:
    """The characters up to the closing quote, which the engine counts too, with None for a star."""
    tokens: list[str | None] = []
    for number, part in enumerate(parts):
        tokens += [None] * bool(number) + list(part)
    return [*tokens, '"']


def _step(tokens: list[list[str | None]], here: frozenset[_Place], letter: str) -> set[_Place]:
    there = set()
    for number, at in here:
        if at and tokens[number][at - 1] is None:
            there.add((number, at))  # behind a star, which takes the letter too
        if at < len(tokens[number]) and tokens[number][at] == letter:
            there.add((number, at + 1))
    return there


def _closure(tokens: list[list[str | None]], places: set[_Place]) -> frozenset[_Place]:
    """A beginning that may be followed by a star is also matched with that star: it may stand for nothing."""
    after_star = {(n, at + 1) for n, at in places if at < len(tokens[n]) and tokens[n][at] is None}
    return frozenset(places | after_star)
