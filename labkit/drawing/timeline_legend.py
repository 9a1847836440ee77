"""The legend above a timeline: each state and each sign that occurs, with its word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from matplotlib.patches import FancyBboxPatch

from labkit.drawing.style import INK
from labkit.drawing.text import width
from labkit.drawing.timeline_model import Look, Sign, Story
from labkit.drawing.timeline_paper import WIDTH
from labkit.drawing.timeline_signs import draw_signs

_LINE: Final = 24
_TOP: Final = 8
_SIZE: Final = 11.5
_SWATCH: Final = 26
_SIGN: Final = 16


def legend_height(story: Story) -> float:
    """Pixels the legend takes."""
    lines = max((line for *_, line in _places(story)), default=-1) + 1
    return lines * _LINE + _TOP


def draw_legend(figure: Any, story: Story, total: float) -> None:
    """Draw it at the top of the figure, which is `total` pixels high."""
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(total, 0))
    axes.set_axis_off()
    for entry, x, line in _places(story):
        y = _TOP + (line + 0.5) * _LINE
        if isinstance(entry, Sign):
            draw_signs(axes, entry, [(x + _SIGN / 2, y)], _SIGN)
            begin = x + _SIGN + 6
        else:
            _swatch(axes, entry, x, y)
            begin = x + _SWATCH + 6
        axes.text(begin, y, entry.word, size=_SIZE, color=INK, va="center_baseline")


def _swatch(axes: Any, look: Look, x: float, y: float) -> None:
    box = FancyBboxPatch(
        (x, y - 7), _SWATCH, 14, boxstyle="round,pad=0,rounding_size=3", facecolor=look.fill,
        edgecolor=look.edge, linewidth=1.0, hatch=look.hatch,
        linestyle=(0, (3, 2)) if look.dashed else "solid",
    )  # fmt: skip
    axes.add_patch(box)


def _places(story: Story) -> Iterator[tuple[Look | Sign, float, int]]:
    """Each entry, where it begins, and in which line."""
    x, line = 12.0, 0
    for entry in _entries(story):
        room = (_SIGN if isinstance(entry, Sign) else _SWATCH) + 6 + width(entry.word, _SIZE)
        if x > 12 and x + room > WIDTH - 12:
            x, line = 12.0, line + 1
        yield entry, x, line
        x += room + 22


def _entries(story: Story) -> list[Look | Sign]:
    states = {bar.state for lane in story.lanes for bar in lane.bars}
    looks = [look for state, look in story.looks.items() if state in states and (story.many or not look.done)]
    signs = {mark.sign for lane in story.lanes for mark in lane.marks}
    return [*looks, *(sign for name, sign in story.signs.items() if name in signs and not story.many)]
