"""The trace header that tells a function that it feeds itself."""

from __future__ import annotations

from labkit.sandbox import lineage

PACK = "arn:aws:lambda:eu-west-1:123456789012:function:pack"
SHIP = "arn:aws:lambda:eu-west-1:123456789012:function:ship"


def ran(header: str, *functions: str) -> str:
    for number, function in enumerate(functions):
        header = lineage.grown(header, function, f"request-{number}")
    return header


def test_each_run_is_counted_for_its_function() -> None:
    header = ran("", PACK, SHIP, PACK)
    assert (lineage.count(header, PACK), lineage.count(header, SHIP)) == (2, 1)
    assert lineage.count("", PACK) == lineage.count("nonsense", PACK) == 0


def test_a_chain_keeps_its_root() -> None:
    first = ran("", PACK)
    assert ran(first, SHIP).split(";")[0] == first.split(";")[0]


def test_of_a_batch_the_chain_with_most_runs_of_the_function_counts() -> None:
    mine, longer = ran("", PACK, PACK, PACK), ran("", *[SHIP] * 9, PACK)
    assert lineage.strongest(["", longer, mine], PACK) == mine
    assert lineage.strongest(["", longer, mine], SHIP) == longer
    assert lineage.strongest([], PACK) == ""
