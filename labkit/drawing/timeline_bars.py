"""Draws lanes: names, bars by state, signs, and words where there is room for them.

Bars of one state are one collection, and so are signs of one kind: matplotlib takes its time for each artist.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import Any, Final

from matplotlib.collections import PatchCollection
from matplotlib.patches import FancyBboxPatch, Patch, Rectangle

from labkit.drawing import text
from labkit.drawing.style import INK, PAPER, SOFT
from labkit.drawing.timeline_axis import Axis
from labkit.drawing.timeline_model import Bar, Lane, Look, Story
from labkit.drawing.timeline_paper import LEFT, PLOT
from labkit.drawing.timeline_signs import Placed, draw_number, draw_signs, spread
from labkit.drawing.timeline_words import clock_time

_WORD: Final = 10.5
_DASHES: Final = (0, (3, 2.4))


class LanesDrawing:
    """All lanes of a story on matplotlib axes whose unit is a pixel. A lane is `row` pixels high."""

    def __init__(self, axes: Any, story: Story, axis: Axis, row: int) -> None:
        self._axes, self._story, self._axis, self._row = axes, story, axis, row
        self._thick = row * 0.5
        self._size = 17.0 if row > 30 else 16.0 if row > 24 else 14.0
        self._tears = [(gap.left + gap.right) / 2 for gap in axis.breaks]
        self._bars: dict[str, list[Patch]] = defaultdict(list)
        self._ghosts: dict[str, list[Patch]] = defaultdict(list)
        self._signs: dict[str, list[tuple[float, float]]] = defaultdict(list)

    def draw(self) -> None:
        """Draw them, the first at the top."""
        for number, lane in enumerate(self._story.lanes):
            self._lane(lane, (number + 0.5) * self._row)
        for state, ghosts in self._ghosts.items():
            self._add(ghosts, PAPER, self._story.looks[state].edge, dashed=True, zorder=2)
        for state, bars in self._bars.items():
            look = self._story.looks[state]
            self._add(bars, look.fill, look.edge, dashed=look.dashed, zorder=3, hatch=look.hatch)
        for sign, places in self._signs.items():
            draw_signs(self._axes, self._story.signs[sign], places, self._size)

    def _add(self, shapes: list[Patch], fill: str, edge: str, *, dashed: bool, **more: Any) -> None:
        self._axes.add_collection(
            PatchCollection(
                shapes,
                facecolor=fill,
                edgecolor=edge,
                linewidth=1.1,
                linestyle=[_DASHES] if dashed else "solid",
                clip_on=False,
                **more,
            ),
            autolim=False,
        )

    # -- one lane --------------------------------------------------------------------------------

    def _lane(self, lane: Lane, y: float) -> None:
        self._name(lane, y)
        at = self._axis.at
        drawn = sorted((at(mark.time), place, mark) for place, mark in enumerate(lane.marks) if mark.sign)
        marks = spread([(x, mark) for x, _, mark in drawn], self._size + 1)
        taken = [*(x for x, *_ in marks), *self._tears]
        for bar in lane.bars:
            if not self._story.looks[bar.state].done:
                told = self._bar(bar, y, taken)
                if bar is lane.bars[-1] and not told:
                    self._standing(bar, y, max([at(bar.end), *(x for x, *_ in marks)]) + 14)
        self._marks(marks, y)

    def _name(self, lane: Lane, y: float) -> None:
        two_lines = lane.detail and self._row > 30
        name = text.cut(lane.name, 12, LEFT - 28)
        self._axes.text(12 - LEFT, y - (7 if two_lines else 0), name, size=12, color=INK, va="center")
        if two_lines:
            detail = text.cut(lane.detail, 10.5, LEFT - 28)
            self._axes.text(12 - LEFT, y + 8, detail, size=10.5, color=SOFT, va="center")

    def _marks(self, marks: list[Placed], y: float) -> None:
        for x, mark, number in marks:
            self._signs[mark.sign].append((x, y))
            shape = self._story.signs[mark.sign].shape
            inside = mark.text if number == 1 or mark.text else f"{number:,}"
            if inside and shape in ("disc", "ring"):
                draw_number(self._axes, x, y, inside, hollow=shape == "ring", size=self._size * 0.62)

    def _bar(self, bar: Bar, y: float, taken: list[float]) -> bool:
        """A state as a bar. Returns whether its name is on it."""
        look, top = self._story.looks[bar.state], y - self._thick / 2
        left, right = self._axis.at(bar.start), self._axis.at(bar.end)
        if bar.planned > bar.end:
            ends = self._axis.at(bar.planned)
            self._ghosts[bar.state].append(Rectangle((right, top), ends - right, self._thick))
            self._until(bar, look, left, right, ends, y)
        wide = max(right - left, 1.5)
        round_ = f"round,pad=0,rounding_size={min(3.0, wide / 2)}"
        self._bars[bar.state].append(FancyBboxPatch((left, top), wide, self._thick, boxstyle=round_))
        clear = [left + 4, *sorted(x for x in taken if left < x + 10 and x - 10 < right), right - 4]
        begin, end = max(itertools.pairwise(clear), key=lambda part: part[1] - part[0])
        word = bar.said or look.word
        fits = end - begin - 24 >= text.width(word, _WORD) and self._thick >= 12
        if fits:
            self._word((begin + end) / 2, y, word, look.ink, look.fill)
        return fits

    def _until(self, bar: Bar, look: Look, left: float, right: float, ends: float, y: float) -> None:
        """When the state ends by itself, at the end of the dashed part."""
        until = f"until {clock_time(bar.planned)}"
        if self._thick < 12:
            return
        if ends - right - 70 > text.width(look.word + until, _WORD):
            self._word(ends - 8, y, until, look.edge, side="right")
        elif ends - right - 16 > text.width(until, _WORD) and right - left > 30:
            self._word((right + ends) / 2, y, until, look.edge)

    def _standing(self, bar: Bar, y: float, x: float) -> None:
        """How a lane stands, right of its last bar, when that is too short for the word."""
        look = self._story.looks[bar.state]
        room = (self._axis.at(bar.planned) if bar.planned > bar.end else PLOT) - x - 6
        if room >= text.width(look.word, _WORD):
            self._word(x, y, look.word, INK, side="left")

    def _word(
        self, x: float, y: float, word: str, ink: str, ground: str = PAPER, side: str = "center"
    ) -> None:
        box = {"boxstyle": "round,pad=0.15", "facecolor": ground, "edgecolor": "none"}
        self._axes.text(
            x, y, word, color=ink, size=_WORD, ha=side, va="center_baseline", zorder=3.5, bbox=box
        )
