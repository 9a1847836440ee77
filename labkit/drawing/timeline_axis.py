"""The time axis: seconds to places, with long quiet stretches cut short.

Twelve hours in which nothing happens would press the interesting seconds into one line. Such a stretch
gets a fixed small width and a visible break that says how long it is.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from labkit.drawing.timeline_words import clock_time, date_of

BREAK_WIDTH: Final = 46.0
SHORTEST_SPAN: Final = 10.0
"""Seconds an axis shows at least, so that one busy second is not drawn as if it were the world."""
_SAME_MOMENT: Final = 0.5
_LONG: Final = 20
"""A gap is cut when it is this many times as long as a usual short gap (the lower quartile)."""
_NEVER_CUT: Final = 120.0
_TICK_ROOM: Final = 74.0
_STEPS: Final = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
    172800, 604800, 1209600, 2592000, 31536000,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the axis: from time to time, from place to place. `cut` when it is a break."""

    start: float
    end: float
    left: float
    right: float
    cut: bool

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on the axis. `date` is given where a new day begins to be shown."""

    place: float
    label: str
    date: str = ""


class Axis:
    """From time (seconds since 1970, virtual) to a place between 0 and `width`, and back to words."""

    def __init__(
        self, moments: Iterable[float], start: float, end: float, width: float, uneven: str = ""
    ) -> None:
        self.start = start
        self.end = max(end, start + SHORTEST_SPAN)
        self.width = width
        inside = sorted({start, self.end, *(one for one in moments if start < one < self.end)})
        self.uneven = uneven
        self.stretches = _uneven(inside, width, SCALES[uneven]) if uneven else _stretches(inside, width)
        self._starts = [stretch.start for stretch in self.stretches]

    def at(self, time: float) -> float:
        """The place of a time; times outside get the nearest end."""
        time = min(max(time, self.start), self.end)
        stretch = self.stretches[max(0, bisect.bisect_right(self._starts, time) - 1)]
        share = (time - stretch.start) / stretch.seconds
        return stretch.left + share * (stretch.right - stretch.left)

    @property
    def breaks(self) -> list[Stretch]:
        """The stretches that were cut short."""
        return [stretch for stretch in self.stretches if stretch.cut]

    def ticks(self) -> list[Tick]:
        """Round times along the axis, and at least one in every stretch that is not cut."""
        if self.uneven:
            return self._ticks_at_moments()
        ticks: list[Tick] = []
        day, free = "", 0.0
        for stretch in self.stretches:
            if stretch.cut:
                continue
            for time, label in _round_times(stretch):
                place = self.at(time)
                if ticks and place < free:
                    continue
                date = date_of(time)
                ticks.append(Tick(place, label, date if date != day else ""))
                day, free = date, place + _TICK_ROOM * 0.75
        return ticks

    def _ticks_at_moments(self) -> list[Tick]:
        """The times at which something happens, as many as have room: between them, no distance tells a time."""
        ticks: list[Tick] = []
        day, free = "", 0.0
        for stretch in self.stretches:
            label = clock_time(stretch.start)
            if stretch.left < free or (ticks and ticks[-1].label == label):
                continue
            date = date_of(stretch.start)
            ticks.append(Tick(stretch.left, label, date if date != day else ""))
            day, free = date, stretch.left + _TICK_ROOM
        return ticks


SCALES: Final[dict[str, Callable[[float], float]]] = {
    "waits": lambda seconds: seconds**0.4,
    "runs": lambda seconds: math.log10(1 + seconds / 0.01),
    "steps": lambda seconds: math.log10(1 + seconds / 0.1),
}
"""How wide a gap is on an uneven axis: for retries after seconds and hours, for runs of milliseconds among minutes,
for the attempts of an execution beside its long waits."""


def _uneven(moments: list[float], width: float, weigh: Callable[[float], float]) -> list[Stretch]:
    gaps = list(itertools.pairwise(moments))
    weights = [weigh(end - start) for start, end in gaps]
    scale = width / sum(weights)
    stretches, left = [], 0.0
    for (start, end), weight in zip(gaps, weights, strict=True):
        stretches.append(Stretch(start, end, left, left + weight * scale, False))
        left += weight * scale
    return stretches


def _stretches(moments: list[float], width: float) -> list[Stretch]:
    gaps = list(itertools.pairwise(moments))
    limit = longest_uncut([end - start for start, end in gaps])
    parts: list[tuple[float, float, bool]] = []
    for start, end in gaps:
        cut = end - start > limit
        if parts and not cut and not parts[-1][2]:
            parts[-1] = (parts[-1][0], end, False)
        else:
            parts.append((start, end, cut))
    cuts = sum(1 for _, _, cut in parts if cut)
    break_width = min(BREAK_WIDTH, width / 3 / cuts) if cuts else 0.0
    seconds = sum(end - start for start, end, cut in parts if not cut)
    scale = (width - cuts * break_width) / seconds if seconds else 0.0
    stretches, left = [], 0.0
    for start, end, cut in parts:
        right = left + (break_width if cut else (end - start) * scale)
        stretches.append(Stretch(start, end, left, right, cut))
        left = right
    return stretches


def longest_uncut(gaps: Iterable[float]) -> float:
    """Gaps longer than this many seconds are cut."""
    telling = sorted(gap for gap in gaps if gap >= _SAME_MOMENT)
    if len(telling) < 2:
        return float("inf")
    return max(_LONG * telling[(len(telling) - 1) // 4], _NEVER_CUT)


def _round_times(stretch: Stretch) -> list[tuple[float, str]]:
    scale = (stretch.right - stretch.left) / stretch.seconds
    step = next((one for one in _STEPS if one * scale >= _TICK_ROOM), _STEPS[-1])
    first = -(-stretch.start // step) * step
    count = int((stretch.end - first) // step) + 1 if first <= stretch.end else 0
    times = [first + number * step for number in range(count)]
    if not times or (times[0] - stretch.start) * scale > _TICK_ROOM:
        times.insert(0, stretch.start)
    return [(time, clock_time(time, seconds=step < 60 or time % 60 >= 1)) for time in times]
