"""The shape of a wildcard against regular expressions, and the rule about too many of them."""

from __future__ import annotations

import random
import re
from itertools import product
from typing import Any

import pytest

from labkit.sandbox.patterns import InvalidPattern, Pattern

LETTERS = "abcdefghijk"
TOO_COMPLEX = (
    "Event pattern is not valid. Reason: Rule is too complex - try using fewer wildcard characters or "
    "fewer repeating character sequences after a wildcard character"
)


def wildcards(*texts: str) -> list[dict[str, Any]]:
    return [{"wildcard": text} for text in texts]


ACCEPTED: dict[str, list[Any]] = {
    "one star": wildcards("*"),
    "a path": wildcards("orchard/*/crates/*/labels/*.pdf"),
    "two with the same ending": wildcards("*/harvest/*.csv", "*/pressing/*.csv"),
    "three with a name between": wildcards(*(f"*:bay/{name}/*" for name in ("north", "south", "west"))),
    "four endings": wildcards("*.csv", "*.pdf", "*.png", "*.txt"),
    "as many as may match at once": wildcards(*(f"{letter}*" for letter in "abcdefghij")),
    "any number of plain values": [f"file-{number}" for number in range(40)],
    "no star at all": wildcards("abc", "abcabc", "abcabcabc"),
}
REFUSED: dict[str, list[Any]] = {
    "a repeated piece": wildcards("*-*-*-*-*-*-crate"),
    "the same in anything-but": [{"anything-but": {"wildcard": "*-*-*-*-*-*-crate"}}],
    "spread over a list": [{"anything-but": {"wildcard": ["*a*a*crate", "*a*a*box", "*a*a*sack"]}}],
    "many with the same beginnings": wildcards(
        *(f"*/harvest/*.{end}" for end in ("csv", "pdf", "png", "txt"))
    ),
    "four with a name between": wildcards(
        *(f"*:bay/{name}/*" for name in ("north", "south", "west", "east"))
    ),
    "too many for one field": wildcards(*(f"{letter}*" for letter in "abcdefghijk")),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_these_wildcards_are_taken(name: str) -> None:
    assert Pattern.parse({"key": ACCEPTED[name]}).names == ("key",)


@pytest.mark.parametrize("name", REFUSED)
def test_these_wildcards_are_too_complex(name: str) -> None:
    with pytest.raises(InvalidPattern) as refused:
        Pattern.parse({"key": REFUSED[name]})
    assert str(refused.value) == TOO_COMPLEX
    assert refused.value.line is None


def test_each_field_is_judged_by_itself() -> None:
    halves = {name: wildcards(*(f"{letter}*" for letter in "abcdef")) for name in ("from", "to")}
    assert Pattern.parse({"detail": halves}).has_wildcards
    both = halves["from"] + wildcards(*(f"{letter}*" for letter in "uvwxyz"))
    with pytest.raises(InvalidPattern, match="Rule is too complex"):
        Pattern.parse({"detail": {"from": both}})


def test_the_fields_of_each_or_branch_are_judged() -> None:
    with pytest.raises(InvalidPattern, match="Rule is too complex"):
        Pattern.parse({"$or": [{"a": ["x"]}, {"b": REFUSED["a repeated piece"]}]})


def test_the_branches_of_or_add_up_where_they_compare_the_same_field() -> None:
    def either(*fields: str) -> dict[str, Any]:
        return {
            "$or": [{fields[n % len(fields)]: wildcards(f"{letter}*")} for n, letter in enumerate(LETTERS)]
        }

    with pytest.raises(InvalidPattern, match="Rule is too complex"):
        Pattern.parse(either("key"))
    assert Pattern.parse(either("key", "name")).has_wildcards, "six for each of two fields"


def test_a_field_compared_after_different_ones_is_judged_apart() -> None:
    """The engine goes by the names: with `a` first the two lists of `b` stand behind different values of it."""
    lists = [wildcards(*(f"{letter}*" for letter in part)) for part in (LETTERS[:6], LETTERS[5:])]
    apart = [{"a": [number], "b": one} for number, one in enumerate(lists)]
    assert Pattern.parse({"$or": apart}).has_wildcards
    together = [{"b": one, "c": [number]} for number, one in enumerate(lists)]
    with pytest.raises(InvalidPattern, match="Rule is too complex"):
        Pattern.parse({"$or": together})


def test_a_list_in_anything_but_keeps_equal_beginnings_once() -> None:
    paths = [f"*/*/*-{number}" for number in range(4)]
    with pytest.raises(InvalidPattern, match="Rule is too complex"):
        Pattern.parse({"key": wildcards(*paths)})
    assert Pattern.parse({"key": [{"anything-but": {"wildcard": paths}}]}).has_wildcards


def test_a_pattern_knows_whether_it_uses_wildcards() -> None:
    assert Pattern.parse({"a": ["x"], "b": [{"anything-but": {"wildcard": "x*"}}]}).has_wildcards
    assert not Pattern.parse({"a": [{"prefix": "x*"}]}).has_wildcards


def test_wildcards_match_as_regular_expressions_do() -> None:
    chance = random.Random(7)
    texts = ["".join(letters) for length in range(6) for letters in product("ab", repeat=length)]
    for _ in range(300):
        pieces = ["".join(chance.choices("ab", k=chance.randint(0, 2))) for _ in range(chance.randint(1, 4))]
        pieces[1:-1] = [piece or "a" for piece in pieces[1:-1]]  # two stars side by side are refused
        pattern = Pattern.parse({"s": wildcards("*".join(pieces))})
        same = re.compile(".*".join(pieces))
        for text in texts:
            assert pattern.matches({"s": text}) == bool(same.fullmatch(text)), (pattern, text)


def test_complexity_is_how_many_beginnings_one_value_can_match() -> None:
    """Count them the slow way: for every value up to a length, over the beginnings of every wildcard."""
    chance = random.Random(11)
    verdicts = set()
    for _ in range(60):
        texts = {
            "*".join(
                "".join(chance.choices("ab", k=chance.randint(1, 2))) for _ in range(chance.randint(2, 4))
            )
            for _ in range(chance.randint(2, 6))
        }
        expected = max(_beginnings(texts, value) for value in _values()) > 10
        try:
            Pattern.parse({"s": wildcards(*sorted(texts))})
            refused = False
        except InvalidPattern:
            refused = True
        assert refused == expected, texts
        verdicts.add(refused)
    assert verdicts == {True, False}


def _values() -> list[str]:
    return ["".join(letters) for length in range(10) for letters in product("ab", repeat=length)]


def _beginnings(texts: set[str], value: str) -> int:
    return sum(
        re.fullmatch(text[:end].replace("*", ".*"), value) is not None
        for text in texts
        for end in range(len(text) + 1)
    )
