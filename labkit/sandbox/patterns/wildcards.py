"""Wildcards: reading them, and the rule that a pattern with too many of them is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from labkit.sandbox.patterns.operators import AnythingBut, Operator, Wildcard

TOO_COMPLEX: Final = (
    "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences "
    "after a wildcard character"
)

MOST_AT_ONCE: Final = 10
"""So many beginnings of wildcards one value may match at the same time.

AWS describes the rule and not the number: eb-create-pattern-operators.html, "Wildcard matching". The
measure is that of the engine's MachineComplexityEvaluator. The number is the one that fits what people
saw the service take (three of `*:stack/NAME/*`, which makes 9) and refuse (four of these, which makes
12, and `*:*:*:*:*:event-bus/*`, 11).
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


def too_complex(branches: Iterable[Mapping[str, tuple[Operator, ...]]]) -> bool:
    """Whether a rule of these branches has wildcards that the service would call too complex."""
    every = list(branches)
    if not any(has_wildcard(field) for branch in every for field in branch.values()):
        return False
    return any(_too_many_at_once(list(_wildcards(field))) for field in _compared_at_once(every))


def has_wildcard(field: Iterable[Operator]) -> bool:
    """Whether the field uses a wildcard. A bus takes only so many rules that do (eb-quota.html)."""
    return next(_wildcards(field), None) is not None


@dataclass(slots=True)
class _Machine:
    """What the engine compares one field with, having passed the fields before it; and where each leads."""

    operators: list[Operator] = field(default_factory=list)
    after: dict[str, _Fields] = field(default_factory=dict)


_Fields = dict[str, _Machine]


def _compared_at_once(branches: list[Mapping[str, tuple[Operator, ...]]]) -> list[list[Operator]]:
    """The operators on one field, joined over the branches that agree on the fields before it.

    The engine takes the fields in the order of their names. An alternative that an earlier branch has
    at the same point leads on to the same place.
    """
    start: _Fields = {}
    machines: list[_Machine] = []
    for branch in branches:
        here = [start]
        for name, operators in sorted(branch.items()):
            there: dict[int, _Fields] = {}
            for fields in here:
                if name not in fields:
                    machines.append(fields.setdefault(name, _Machine()))
                machine, following = fields[name], None
                machine.operators += operators
                for one in operators:
                    following = machine.after.setdefault(repr(one), {} if following is None else following)
                    there[id(following)] = following
            here = list(there.values())
    return [machine.operators for machine in machines]


_Wanted = tuple[str, Wildcard]
"""The operator that a wildcard belongs to, and the wildcard. A list in `anything-but` is one operator."""


def _wildcards(operators: Iterable[Operator]) -> Iterator[_Wanted]:
    for one in operators:
        if isinstance(one, Wildcard):
            yield one.text, one
        elif isinstance(one, AnythingBut):
            inner = {each.text: each for each in one.inner if isinstance(each, Wildcard)}
            yield from ((f"but {sorted(inner)}", each) for each in inner.values())


_Place = tuple[int, int]
"""A wildcard of the field, and how many of its characters and stars are matched."""


def _too_many_at_once(wildcards: list[_Wanted]) -> bool:
    """Follow every value there could be, as a set of beginnings matched so far; stop at the first too large."""
    tokens = [_tokens(one.parts) for _, one in wildcards]
    labels = [_labels(owner, number, tokens[number]) for number, (owner, _) in enumerate(wildcards)]
    start = _closure(tokens, {(number, 0) for number in range(len(tokens))})
    seen, waiting = {start}, [start]
    while waiting:
        here = waiting.pop()
        if len({labels[n][at] for n, at in here}) > MOST_AT_ONCE or len(seen) > _MOST_STATES:
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


def _labels(owner: str, number: int, tokens: list[str | None]) -> list[tuple[object, ...]]:
    """What each place counts as: the engine keeps equal beginnings of one operator only once.

    It stops doing so at the first letter behind a star, as ByteMachine.canReuseNextByteState says.
    """
    star = tokens.index(None) if None in tokens else len(tokens)
    shared = next((at for at in range(star, len(tokens)) if _has_two_cases(tokens[at])), len(tokens))
    labels: list[tuple[object, ...]] = [(owner, *tokens[:at]) for at in range(shared + 1)]
    labels += [(number, at) for at in range(shared + 1, len(tokens) + 1)]
    labels[-1] = (owner, "end")
    return labels


def _has_two_cases(token: str | None) -> bool:
    return token is not None and token.lower() != token.upper()


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
