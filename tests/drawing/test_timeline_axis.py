from __future__ import annotations

from itertools import pairwise

import pytest

from labkit.drawing.timeline_axis import BREAK_WIDTH, Axis

TEN = 1_795_428_000.0  # 2026-11-23 10:00:00 UTC
HOURS = 12 * 3600.0
BUSY = [TEN, TEN + 5, TEN + 35, TEN + 40, TEN + 70]


def test_time_runs_from_left_to_right_over_the_whole_width() -> None:
    axis = Axis(BUSY, TEN, TEN + 100, 700)
    places = [axis.at(TEN + second) for second in range(0, 101, 5)]
    assert places[0] == 0
    assert places[-1] == pytest.approx(700)
    assert places == sorted(places)


def test_a_time_outside_gets_the_nearest_end() -> None:
    axis = Axis(BUSY, TEN, TEN + 100, 700)
    assert axis.at(TEN - 1000) == 0
    assert axis.at(TEN + 1000) == pytest.approx(700)


def test_seconds_of_the_same_size_are_not_cut() -> None:
    assert Axis(BUSY, TEN, TEN + 100, 700).breaks == []


def test_a_long_quiet_stretch_becomes_a_short_visible_break() -> None:
    later = [time + HOURS for time in BUSY]
    axis = Axis([*BUSY, *later], TEN, TEN + HOURS + 100, 700)
    [gap] = axis.breaks
    assert gap.seconds == pytest.approx(HOURS - 70)
    assert gap.right - gap.left == pytest.approx(BREAK_WIDTH)
    # thirty busy seconds stay wide enough to read, before and after the break
    assert axis.at(TEN + 35) - axis.at(TEN + 5) > 60
    assert axis.at(later[2]) - axis.at(later[1]) > 60


def test_many_breaks_share_a_third_of_the_width() -> None:
    moments = [TEN + day * 86400 + second for day in range(60) for second in (0, 5, 10, 15)]
    axis = Axis(moments, TEN, moments[-1], 700)
    assert len(axis.breaks) == 59
    assert sum(gap.right - gap.left for gap in axis.breaks) == pytest.approx(700 / 3)


def test_one_busy_second_is_not_drawn_as_if_it_were_the_world() -> None:
    axis = Axis([TEN, TEN + 0.01], TEN, TEN + 0.01, 700)
    assert axis.at(TEN + 0.01) < 1


def test_ticks_are_round_times_that_do_not_touch() -> None:
    ticks = Axis(BUSY, TEN, TEN + 100, 700).ticks()
    assert [tick.label for tick in ticks][:3] == ["10:00:00", "10:00:15", "10:00:30"]
    assert all(right.place - left.place > 50 for left, right in pairwise(ticks))


def test_the_date_stands_at_the_first_tick_of_each_day() -> None:
    moments = [TEN, TEN + 5, TEN + 86400, TEN + 86405]
    dates = [tick.date for tick in Axis(moments, TEN, moments[-1] + 5, 700).ticks() if tick.date]
    assert dates == ["2026-11-23", "2026-11-24"]


def test_after_a_break_there_is_a_time_again() -> None:
    later = [time + HOURS + 3 for time in BUSY]
    axis = Axis([*BUSY, *later], TEN, later[-1], 700)
    [gap] = axis.breaks
    assert any(tick.place >= gap.right for tick in axis.ticks())
