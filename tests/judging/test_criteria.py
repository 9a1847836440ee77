"""The criteria of a check are listed without running it."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.judging.criteria import NotLiteral, scan


def two_ways(world: Any, expect: Any) -> None:
    orders = expect.found("exists", world, "There is a queue.")
    if orders:
        expect("moves", True, "It moves.")
    else:
        expect("moves", False, "It moves.")
    expect.call("runs", print, "wanted", "is not this", wanted="It runs.")
    helper(world, expect)
    by_keyword(found=expect)
    expect(
        "last",
        True,
        "A long text in two pieces.",
    )


def helper(world: Any, say: Any) -> None:
    say("helped", True, "A helper judges.")
    helper(world, say)  # a helper may call itself


def by_keyword(found: Any) -> None:
    found("by_keyword", True, wanted="Named.")


def test_all_criteria_in_the_order_of_the_source() -> None:
    criteria = scan(two_ways)
    assert [one.id for one in criteria] == ["exists", "moves", "runs", "helped", "by_keyword", "last"]
    assert criteria[-1].wanted == "A long text in two pieces."
    assert criteria[2].wanted == "It runs."
    assert [one.id for one in criteria if one.prerequisite] == ["exists"]


def test_a_criterion_knows_its_line() -> None:
    first = scan(two_ways)[0]
    assert first.line == two_ways.__code__.co_firstlineno + 1


def computed_id(world: Any, expect: Any) -> None:
    expect("a" + "b", True, "Computed.")


def computed_text(world: Any, expect: Any) -> None:
    expect("a", True, f"At {world}.")


@pytest.mark.parametrize(("check", "what"), [(computed_id, "id"), (computed_text, "wanted")])
def test_a_computed_criterion_is_refused_with_its_line(check: Any, what: str) -> None:
    with pytest.raises(NotLiteral, match=rf"test_criteria\.py, line \d+: write `{what}` as a plain text"):
        scan(check)
