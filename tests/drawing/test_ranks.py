"""Columns and folds."""

from __future__ import annotations

import random
from itertools import pairwise

from labkit.drawing import ranks


def test_every_step_leads_to_the_right() -> None:
    column, back = ranks.columns("abcd", [("a", "b"), ("b", "c"), ("a", "c"), ("c", "d")])
    assert column == {"a": 0, "b": 1, "c": 2, "d": 3}
    assert back == set()


def test_cycles_and_loops_lead_back() -> None:
    column, back = ranks.columns("abc", [("a", "b"), ("b", "c"), ("c", "a"), ("b", "b")])
    assert sorted(column.values()) == [0, 1, 2]
    assert ("b", "b") in back
    assert len(back) == 2


def test_any_depth() -> None:
    nodes = [str(number) for number in range(5_000)]
    column, _ = ranks.columns(nodes, list(pairwise(nodes)))
    assert column["4999"] == 4_999


def test_in_any_graph_what_does_not_lead_back_leads_on() -> None:
    dice = random.Random(7)
    for _ in range(200):
        nodes = [str(number) for number in range(dice.randint(1, 12))]
        pairs = [(dice.choice(nodes), dice.choice(nodes)) for _ in range(dice.randint(0, 25))]
        column, back = ranks.columns(nodes, pairs)
        assert all(column[a] < column[b] for a, b in pairs if (a, b) not in back)


def test_a_fold_is_where_a_row_ends() -> None:
    nodes = "abcdefgh"
    pairs = list(pairwise(nodes))
    column, _ = ranks.columns(nodes, pairs)
    assert ranks.folds(column, pairs, 3) == {("c", "d"), ("f", "g")}


def test_a_single_end_does_not_begin_a_row() -> None:
    pairs = [("a", "b"), ("b", "c"), ("c", "d")]
    column, _ = ranks.columns("abcd", pairs)
    assert ranks.leaves(column, pairs, 3) == {"d": "b"}
    assert ranks.leaves(column, pairs, 4) == {}


def test_parts_that_hang_together() -> None:
    assert ranks.components("abcde", [("a", "c"), ("d", "c")]) == [["a", "c", "d"], ["b"], ["e"]]
