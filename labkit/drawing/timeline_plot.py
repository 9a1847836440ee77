"""Draws a story with matplotlib: lanes with bars and signs, or, for many lanes, areas of counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from matplotlib.patches import Polygon

from labkit.drawing.style import INK, PAPER, SOFT
from labkit.drawing.timeline_axis import Axis, Stretch
from labkit.drawing.timeline_bars import LanesDrawing
from labkit.drawing.timeline_counts import Counts
from labkit.drawing.timeline_legend import draw_legend, legend_height
from labkit.drawing.timeline_model import Story
from labkit.drawing.timeline_paper import LEFT, PLOT, RULE, WIDTH, drawing, sheet, to_svg
from labkit.drawing.timeline_words import spoken

_HEAD: Final = 24
_FOOT: Final = 42
_AREA: Final = 250
_COLUMNS: Final = 700
"""Points of an area's outline at most: about one per pixel."""


def lanes_svg(story: Story, start: float) -> str:
    """One lane each, as SVG."""
    moments = [moment for lane in story.lanes for moment in lane.moments()]
    axis = Axis(moments, start, max([story.now, *moments]), PLOT, story.uneven)
    row = 36 if len(story.lanes) <= 12 else 28 if len(story.lanes) <= 24 else 22
    with drawing():
        figure, axes = _frame(story, axis, row * len(story.lanes))
        rules = [number * row for number in range(1, len(story.lanes))]
        axes.hlines(rules, 0, PLOT, color=RULE, linewidth=0.8, zorder=1)
        LanesDrawing(axes, story, axis, row).draw()
        return to_svg(figure)


def areas_svg(story: Story, counts: Counts) -> str:
    """How many lanes are in each state, as areas one upon the other."""
    states = list(counts.by_state)
    axis = Axis(counts.times, counts.times[0], max(story.now, counts.times[-1]), PLOT)
    with drawing():
        figure, axes = _frame(story, axis, _AREA)
        highest = max(map(sum, zip(*counts.by_state.values(), strict=True)))
        scale = _AREA * 0.96 / max(1, highest)
        times = _columns(counts.times, axis)
        places = [*(axis.at(time) for time in times), float(PLOT)]
        below = [0.0] * len(places)
        for state in reversed(states):
            look = story.looks[state]
            heights = [counts.at(state, time) * scale for time in times]
            above = [low + high for low, high in zip(below, [*heights, heights[-1]], strict=True)]
            axes.fill_between(
                places,
                [_AREA - low for low in below],
                [_AREA - high for high in above],
                step="post",
                facecolor=look.fill,
                edgecolor=look.edge,
                hatch=look.hatch,
                linewidth=1.0,
                zorder=3,
            )
            below = above
        _count_axis(axes, highest, scale, story.nouns[1])
        return to_svg(figure)


# -- the frame -------------------------------------------------------------------------------------


def _frame(story: Story, axis: Axis, height: float) -> tuple[Any, Any]:
    head = legend_height(story) + _HEAD
    total = head + height + _FOOT
    figure = sheet(total)
    draw_legend(figure, story, total)
    axes = figure.add_axes((LEFT / WIDTH, _FOOT / total, PLOT / WIDTH, height / total))
    axes.set(xlim=(0, PLOT), ylim=(height, 0), yticks=[])
    axes.patch.set_visible(False)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set(color=SOFT, linewidth=1.0)
    _ticks(axes, axis, height)
    for stretch in axis.breaks:
        _tear(axes, stretch, height)
    if axis.start < story.now <= axis.end and not story.over:
        place = axis.at(story.now)
        axes.axvline(place, color=INK, linewidth=1.2, linestyle=(0, (4, 3)), zorder=4.5)
        axes.text(place, -6, "now", color=INK, size=11, weight="bold", ha="center", va="bottom")
    return figure, axes


def _ticks(axes: Any, axis: Axis, height: float) -> None:
    ticks = axis.ticks()
    labels = [f"{tick.label}\n{tick.date}" if tick.date else tick.label for tick in ticks]
    axes.set_xticks([tick.place for tick in ticks], labels)
    axes.tick_params(axis="x", length=5, color=SOFT, labelcolor=SOFT, labelsize=11, pad=4)
    for tick in ticks:
        axes.axvline(tick.place, color=RULE, linewidth=0.8, zorder=0.5)
    axes.text(12 - LEFT, height + 9, "time in the lab (UTC)", color=SOFT, size=11, va="top")
    if axis.uneven:
        axes.text(12 - LEFT, height + 24, "long waits are drawn shorter", color=SOFT, size=10, va="top")


def _tear(axes: Any, stretch: Stretch, height: float) -> None:
    """The visible break: a torn strip, and how much time is left out."""
    middle, half, tooth = (stretch.left + stretch.right) / 2, 5.0, 6.0
    count = max(2, int(height / tooth))
    downs = [number * height / count for number in range(count + 1)]
    waves = [3.0 if number % 2 else -3.0 for number in range(count + 1)]
    left = [(middle - half + wave, y) for wave, y in zip(waves, downs, strict=True)]
    right = [(middle + half + wave, y) for wave, y in zip(waves, downs, strict=True)]
    axes.add_patch(
        Polygon([*left, *reversed(right)], facecolor=PAPER, edgecolor="none", zorder=4, clip_on=False)
    )
    for line in (left, right):
        axes.plot(*zip(*line, strict=True), color=SOFT, linewidth=1.0, zorder=4.2, clip_on=False)
    axes.text(
        middle,
        -6,
        spoken(stretch.seconds),
        color=SOFT,
        size=11,
        ha="center",
        va="bottom",
        style="italic",
    )


# -- areas -----------------------------------------------------------------------------------------


def _columns(times: Sequence[float], axis: Axis) -> list[float]:
    """The last time in each column of pixels."""
    columns = {int(axis.at(time) * _COLUMNS / PLOT): time for time in times}
    return sorted({times[0], *columns.values()})


def _count_axis(axes: Any, highest: int, scale: float, noun: str) -> None:
    rough = max(1, highest) / 4
    size = 10 ** (len(str(int(rough))) - 1)
    step = next(one * size for one in (1, 2, 5, 10) if one * size >= rough)
    marks = range(0, highest + 1, step)
    axes.set_yticks([_AREA - mark * scale for mark in marks], [f"{mark:,}" for mark in marks])
    axes.tick_params(axis="y", length=4, color=SOFT, labelcolor=SOFT, labelsize=11)
    axes.spines["left"].set(visible=True, color=SOFT, linewidth=1.0)
    for mark in marks:
        axes.axhline(_AREA - mark * scale, color=RULE, linewidth=0.8, zorder=0.5)
    axes.text(12 - LEFT, 6, noun, color=SOFT, size=11, va="top")
