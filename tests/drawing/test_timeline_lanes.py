"""The generic parts: any service's events can become lanes, counts and signs."""

from __future__ import annotations

from itertools import pairwise

import pytest

from labkit.drawing import live_svg, style
from labkit.drawing.lanes import calls, sqs
from labkit.drawing.timeline_counts import count
from labkit.drawing.timeline_model import Bar, Lane, Look, Mark, Sign, Story
from labkit.drawing.timeline_plot import lanes_svg
from labkit.drawing.timeline_signs import spread
from labkit.drawing.timeline_text import lanes_text, samples
from labkit.drawing.timeline_words import cut, ordinal, spoken, times

TEN = 1_795_428_000.0


def tasks() -> Story:
    """A story no module tells yet: containers that start, run and stop."""
    lane = Lane(
        "web-1",
        (
            Bar(TEN, TEN + 20, "pending"),
            Bar(TEN + 20, TEN + 90, "running"),
            Bar(TEN + 90, TEN + 90, "stopped"),
        ),
        (Mark(TEN, "", "asked for"), Mark(TEN + 90, "killed", "killed", "out of memory")),
    )
    return Story(
        title="Tasks",
        nouns=("task", "tasks"),
        lanes=(lane,),
        looks={
            "pending": Look("pending", hatch="////", dashed=True),
            "running": Look("running", fill="#0F5E93", ink="#FFFFFF"),
            "stopped": Look("stopped", done=True),
        },
        signs={"killed": Sign("killed", "cross", "#B8233B")},
        now=TEN + 100,
    )


def test_another_kind_of_story_is_drawn_and_told_by_the_same_code() -> None:
    svg = lanes_svg(tasks(), TEN)
    assert ">web-1<" in svg
    assert ">running<" in svg
    assert lanes_text(tasks()) == "  web-1: asked for 10:00:00, killed 10:01:30 (out of memory)."


def test_counts_follow_the_bars() -> None:
    lanes = [
        Lane("a", (Bar(0, 10, "waiting"), Bar(10, 20, "flying"), Bar(20, 50, "done"))),
        Lane("b", (Bar(5, 50, "waiting"),)),
    ]
    counts = count(lanes, ["waiting", "flying", "done"], 0, 50)
    assert [counts.at("waiting", time) for time in (0, 5, 10, 49)] == [1, 2, 1, 1]
    assert [counts.at("flying", time) for time in (5, 10, 20)] == [0, 1, 0]
    assert counts.at("done", 50) == 1
    assert counts.most("waiting") == 2


def test_counts_from_a_later_time_know_what_was_before() -> None:
    lanes = [Lane("a", (Bar(0, 10, "waiting"), Bar(10, 60, "flying")))]
    counts = count([lane for lane in (one.since(20) for one in lanes) if lane], ["waiting", "flying"], 20, 60)
    assert counts.at("flying", 20) == 1
    assert "waiting" not in counts.by_state


def mark(sign: str, text: str = "") -> Mark:
    return Mark(TEN, sign, sign, text=text)


def test_signs_at_one_place_stand_side_by_side() -> None:
    placed = spread([(100, mark("receive")), (101, mark("delete"))], room=18)
    assert [place for place, *_ in placed] == [100, 118]


def test_many_signs_of_one_kind_become_one_with_their_number() -> None:
    [(place, last, number)] = spread([(100 + one / 10, mark("call", str(one))) for one in range(50)], room=18)
    assert (place, last.text, number) == (100, "49", 50)


def test_signs_never_drift_far_from_their_time() -> None:
    crowd = [(float(one), mark("receive" if one % 2 else "timeout")) for one in range(700)]
    placed = spread(crowd, room=18)
    assert sum(number for *_, number in placed) == 700
    gaps = [right[0] - left[0] for left, right in pairwise(placed)]
    assert min(gaps) >= 18
    assert placed[-1][0] < 700 + 3 * 18


def test_a_lane_tells_its_first_and_last_events_when_there_are_many() -> None:
    lane = Lane("busy", (), tuple(Mark(TEN + one, "call", "called") for one in range(100)))
    story = Story("Calls", ("lane", "lanes"), (lane,), {}, {}, TEN + 100)
    told = lanes_text(story)
    assert "(86 more)" in told
    assert "10:00:00" in told
    assert "10:01:39" in told


@pytest.mark.parametrize(
    ("count", "word"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (22, "22nd")]
)
def test_ordinals(count: int, word: str) -> None:
    assert ordinal(count) == word


def test_words() -> None:
    assert [times(1), times(2), times(1200)] == ["once", "twice", "1,200 times"]
    assert [spoken(0), spoken(61), spoken(90_000)] == ["0 s", "1 min 1 s", "1 d 1 h"]
    assert cut("a\nb" + "c" * 90, 10) == "a bcccc..."
    assert cut("\ud800", 10) == "?"
    assert samples(100, 3) == [0, 50, 99]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2: the ratio of two colours' relative luminance."""

    def luminance(color: str) -> float:
        parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_words_and_lines_can_be_seen() -> None:
    for look in sqs.LOOKS.values():
        assert contrast(look.ink, look.fill) >= 4.5
        assert contrast(look.edge, style.PAPER) >= 3
    for sign in (*sqs.SIGNS.values(), *calls.SIGNS.values()):
        assert contrast(sign.color, style.PAPER) >= 3
    for fill, edge, ink, _ in live_svg._LOOKS.values():
        assert contrast(ink, fill) >= 4.5
        assert contrast(edge, style.PAPER) >= 3
    assert all(contrast(color, style.PAPER) >= 3 for color in live_svg._RIVER.values())
