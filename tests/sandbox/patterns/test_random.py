"""Random patterns and events: the matcher against the reference, and no input that makes it fall over."""

from __future__ import annotations

import json
import random
import string
from collections import Counter
from typing import Any

import pytest

from labkit.sandbox.patterns import DIALECTS, InvalidPattern, Pattern
from labkit.sandbox.patterns.wildcards import TOO_COMPLEX
from tests.sandbox.patterns import reference

NAMES = ("a", "b", "c", "a.b")
TEXTS = ("", "x", "X", "xy", "xyx", "yx", "10.0.0.1", "10.0.9.9")
NUMBERS = (0, 1, 2, 2.5, -1, 1e3)
SCALARS = (*TEXTS, *NUMBERS, True, False, None)


def some_event(chance: random.Random, depth: int = 3) -> dict[str, Any]:
    return {name: _some_value(chance, depth) for name in chance.sample(NAMES, chance.randint(1, 3))}


def _some_value(chance: random.Random, depth: int) -> Any:
    roll = chance.random() if depth else 0.0
    if roll < 0.35:
        return chance.choice(SCALARS)
    if roll < 0.6:
        return some_event(chance, depth - 1)
    return [_some_value(chance, depth - 1) for _ in range(chance.randint(0, 3))]


def some_pattern(chance: random.Random, depth: int = 2, *, inside_or: bool = False) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name in chance.sample(NAMES, chance.randint(1, 2)):
        if depth and chance.random() < 0.5:
            made[name] = some_pattern(chance, depth - 1)
        else:
            made[name] = [_some_alternative(chance) for _ in range(chance.randint(1, 2))]
    if depth and not inside_or and chance.random() < 0.3:
        either = [some_pattern(chance, depth - 1, inside_or=True) for _ in range(chance.randint(2, 3))]
        made = dict(chance.sample([*made.items(), ("$or", either)], len(made) + 1))
    return made


def _some_alternative(chance: random.Random) -> Any:
    text, number = chance.choice(TEXTS[:6]), chance.choice(NUMBERS)
    words = chance.sample(("x", "xy", "yx"), 2)
    return chance.choice(
        [
            *([text, number, True, False, None] * 2),
            {"exists": True},
            {"exists": False},
            {"prefix": text},
            {"suffix": text},
            {"prefix": {"equals-ignore-case": text}},
            {"suffix": {"equals-ignore-case": text}},
            {"equals-ignore-case": text},
            {"wildcard": f"{text}*"},
            {"wildcard": f"*{words[0]}*y"},
            {"anything-but": text},
            {"anything-but": number},
            {"anything-but": words},
            {"anything-but": [1, 2.5]},
            {"anything-but": {chance.choice(("prefix", "suffix")): words}},
            {"anything-but": {"equals-ignore-case": words[0]}},
            {"anything-but": {"wildcard": ["x*", "*y"]}},
            {"numeric": [chance.choice(("<", "<=", "=", ">=", ">")), number]},
            {"numeric": [">", -1, "<=", number + 0.5]},
            {"cidr": chance.choice(("10.0.0.0/24", "10.0.0.0/16", "::/8"))},
        ]
    )


@pytest.mark.parametrize("seed", range(8))
def test_random_patterns_match_what_the_reference_matches(seed: int) -> None:
    chance = random.Random(seed)
    seen: Counter[bool] = Counter()
    reasons: set[str] = set()
    for _ in range(400):
        given = some_pattern(chance)
        try:
            pattern = Pattern.parse(given)
        except InvalidPattern as refused:
            reasons.add(refused.reason)
            continue
        for _ in range(6):
            event = some_event(chance)
            expected = reference.matches(given, event)
            assert pattern.matches(event) == expected, (given, event)
            assert (pattern.explain(event) == []) == expected, (given, event)
            seen[expected] += 1
    assert min(seen[True], seen[False]) > 50
    assert reasons <= {TOO_COMPLEX}, "only that can be wrong with them: the many branches of $or add up"


@pytest.mark.parametrize("seed", range(4))
def test_the_elements_of_arrays_are_kept_apart_as_in_the_reference(seed: int) -> None:
    """The same few names, deep in arrays, so that many patterns match but for their places."""
    chance = random.Random(100 + seed)
    seen: Counter[bool] = Counter()
    for _ in range(600):
        fields = {
            name: [chance.choice([1, 2, 3, {"exists": False}, {"exists": True}])] for name in ("p", "q", "r")
        }
        given = {"list": {**fields, "inner": {"p": [1], "q": [chance.choice([1, 2])]}}}
        event = {"list": _elements(chance, 2)}
        expected = reference.matches(given, event)
        assert Pattern.parse(given).matches(event) == expected, (given, event)
        seen[expected] += 1
    assert min(seen[True], seen[False]) > 10


def _elements(chance: random.Random, depth: int) -> list[Any]:
    elements: list[Any] = []
    for _ in range(chance.randint(1, 3)):
        element = {name: chance.choice([1, 2, [1, 3]]) for name in "pqr" if chance.random() < 0.8}
        if depth:
            element["inner"] = _elements(chance, depth - 1)
        elements.append(element if chance.random() < 0.8 else [element])
    return elements


# -- no input makes it fall over ---------------------------------------------------------------------

SEEDS = (
    '{"source":["x"],"detail":{"n":[{"numeric":[">",0,"<=",5]}],"ip":[{"cidr":"10.0.0.0/8"}]}}',
    '{"$or":[{"a":[{"prefix":{"equals-ignore-case":"x"}}]},{"b":[{"exists":false},null,true,1e3]}]}',
    '{"a":[{"anything-but":{"wildcard":["x*","*\\\\*y"]}},{"anything-but":[1,2]},{"suffix":"\\u00e9"}]}',
    '{"body":{"a":[{"equals-ignore-case":"x"}]},"data":{"b":[""]}}',
    '{"a":["x","y",null,{"numeric":[">",0]}],"body":[{"exists":true},{"prefix":"x"}]}',
)
PIECES = (
    *'{}[]",:\\* \n\t0-1.eE+',
    *("null", "true", "NaN", "Infinity", "1e999", "-0", "9" * 400, "\\u0000", "\\ud800", "\ud800", "\x00"),
    *(
        "é",
        "𝄞",
        "$or",
        '"$or":',
        "[[",
        "{}",
        '{"exists":',
        '{"numeric":[',
        '"cidr":',
        "::",
        "/33",
        "/*",
        "//",
    ),
    *("anything-but", "wildcard", "prefix", "\ufeff", "'", "[" * 200, '{"a":' * 200),
)


def broken(chance: random.Random, text: str) -> str:
    """The text with a few pieces taken out, doubled, or put in."""
    for _ in range(chance.randint(1, 4)):
        at, end = sorted(chance.choices(range(len(text) + 1), k=2))
        end = min(end, at + 8)
        text = chance.choice(
            (
                text[:at] + text[end:],
                text[:end] + text[at:],
                text[:at] + chance.choice(PIECES) + text[at:],
                text[:at] + chance.choice(PIECES) + text[end:],
            )
        )
    return text


def anything(chance: random.Random, depth: int = 4) -> Any:
    """Any value at all, also such as no JSON text could make."""
    roll = chance.random()
    if depth and roll < 0.3:
        keys = (*NAMES, "body", "data", "kinesis", "$or", "Type", "Value", "", "a..b", ".", 5, None)
        return {chance.choice(keys): anything(chance, depth - 1) for _ in range(3)}
    if depth and roll < 0.5:
        return chance.choice((list, tuple))(anything(chance, depth - 1) for _ in range(3))
    odd = (float("nan"), float("inf"), 10**400, "\ud800", b"x", object(), "{" * 3000, "[" * 100_000, {1, 2})
    return chance.choice((*SCALARS, *odd, '{"a":{"b":"x"}}', "10.0.0.256", "1:2::3::4", "x" * 300))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_text_makes_parsing_raise_anything_else(dialect: str) -> None:
    chance = random.Random(dialect)
    taken, messages = 0, set()
    for _ in range(1500):
        text = broken(chance, chance.choice(SEEDS))
        try:
            pattern = Pattern.parse(text, dialect)
        except InvalidPattern as refused:
            messages.add(str(refused))
        else:
            taken += 1
            pattern.matches({"a": ["x"], "body": "x"})
    assert taken
    assert "" not in messages


@pytest.mark.parametrize("dialect", DIALECTS)
def test_random_letters_are_refused(dialect: str) -> None:
    chance = random.Random(dialect)
    for _ in range(500):
        text = "".join(chance.choices(string.printable, k=chance.randint(1, 30)))
        with pytest.raises(InvalidPattern):
            Pattern.parse("x" + text, dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_value_makes_parsing_raise_anything_else(dialect: str) -> None:
    chance = random.Random(dialect)
    refusals = 0
    for _ in range(1500):
        given = anything(chance)
        if not isinstance(given, dict):
            given = {"a": given}
        try:
            Pattern.parse(given, dialect)
        except InvalidPattern:
            refusals += 1
    assert refusals > 500


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_event_makes_matching_or_explaining_raise(dialect: str) -> None:
    chance = random.Random(dialect)
    patterns = []
    for seed in SEEDS:
        try:
            patterns.append(Pattern.parse(seed, dialect))
        except InvalidPattern:
            continue  # this dialect lacks one of the operators
    patterns.append(Pattern.parse({"a": [{"exists": False}], "data": ["x"]}, dialect))
    for _ in range(1500):
        event = anything(chance)
        for pattern in patterns:
            assert (pattern.explain(event) == []) == pattern.matches(event), (pattern, event)


def test_a_very_deep_event_is_no_trouble() -> None:
    text = '{"a":' * 900 + "1" + "}" * 900
    assert Pattern.parse({"a": {"a": [{"exists": False}]}}).matches(json.loads(text))
    deep: Any = "x"
    for _ in range(5_000):
        deep = [deep]
    assert Pattern.parse({"a": ["x"]}).matches({"a": deep})


def test_many_array_elements_are_no_trouble() -> None:
    """Any two of the three fields meet in an element, never all three; trying all would take 10**11 steps."""
    event = {"rows": [dict.fromkeys(("ab", "bc", "ac")[row % 3], 1) for row in range(6_000)]}
    assert not Pattern.parse({"rows": {"a": [1], "b": [1], "c": [1]}}).matches(event)
    assert Pattern.parse({"rows": {"a": [1], "b": [1]}}).matches(event)
