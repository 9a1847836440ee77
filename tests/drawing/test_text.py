"""Text in figures: measured, broken, cut."""

from __future__ import annotations

import pytest

from labkit.drawing import text

ROOM = 100.0


@pytest.mark.parametrize("one", ["", "orders", "x" * 500, "日本語" * 40, "\U0001f600" * 50, "a-b" * 60])
@pytest.mark.parametrize("most", [20.0, 60.0, 118.0])
def test_a_cut_text_fits(one: str, most: float) -> None:
    assert text.width(text.cut(one, 10, most), 10) <= most


def test_a_short_text_is_left_alone() -> None:
    assert text.cut("orders", 10, ROOM) == "orders"
    assert text.lines("orders", 10, ROOM) == ["orders"]


def test_the_end_of_a_name_stays_visible() -> None:
    assert text.cut("the-orders-that-nobody-could-pack-dlq", 10, ROOM).endswith("dlq")


def test_names_break_where_they_have_a_joint() -> None:
    assert text.lines("fulfil-orders-of-the-week", 10, ROOM) == ["fulfil-orders-of-the-", "week"]


def test_lists_break_between_their_entries() -> None:
    assert text.lines("5 SendMessage, 1 ReceiveMessage", 9, 96) == ["5 SendMessage,", "1 ReceiveMessage"]


def test_no_line_is_left_with_three_characters() -> None:
    assert text.lines("i-a557473615671b4b2a557473615671b4b2", 10, ROOM)[0] != "i-"


def test_there_are_never_more_lines_than_asked_for() -> None:
    long = " ".join(["word"] * 100)
    assert len(text.lines(long, 10, ROOM, count=3)) == 3
    assert all(text.width(line, 10) <= ROOM for line in text.lines(long, 10, ROOM, count=3))


def test_wide_and_bold_letters_take_more_room() -> None:
    assert text.width("日", 10) > text.width("a", 10)
    assert text.width("orders", 10, bold=True) > text.width("orders", 10)
    assert text.width("W", 10) > text.width("i", 10)
    assert text.width("e\u0301", 10) == text.width("e", 10)


@pytest.mark.parametrize("dirty", ["a\nb", "a\r\n\tb", " a  b ", "a\u2028b"])
def test_one_line_comes_out(dirty: str) -> None:
    assert text.safe(dirty) == "a b"


def test_what_no_document_can_hold_is_replaced() -> None:
    assert "\x00" not in text.safe("a\x00b")
    assert "\u202e" not in text.safe("\u202egnp.exe")
    text.safe("\ud800").encode()
