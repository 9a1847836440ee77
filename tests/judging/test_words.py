"""The words that checks put into sentences."""

from __future__ import annotations

from labkit.judging import GOODS, NAMES, number, shown


def test_a_count_with_its_word() -> None:
    told = number(0, "order"), number(1, "order"), number(3, "order"), number(2, "box", "boxes")
    assert told == ("0 orders", "1 order", "3 orders", "2 boxes")
    assert number(12_345, "message was", "messages were") == "12,345 messages were"


def test_the_first_few_of_many() -> None:
    assert shown([]) == "nothing"
    assert shown(["a", 2, None]) == "a, 2, None"
    assert shown([1, 2, 3, 4, 5]) == "1, 2, 3 and 2 more"
    assert shown([1, 2, 3], most=2) == "1, 2 and 1 more"


def test_names_and_goods_are_different_and_one_name_is_not_ascii() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert len(set(GOODS)) == len(GOODS)
    assert not all(name.isascii() for name in NAMES)
