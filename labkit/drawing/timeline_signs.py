"""The signs on a timeline: a filled shape with a white stroke or a number in it, each told by its shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from matplotlib.path import Path

from labkit.drawing.style import INK
from labkit.drawing.timeline_model import Mark, Sign

Placed = tuple[float, Mark, int]

_GROUND: Final = {"diamond": "D", "down": "s", "left": "o", "plus": "s"}
_SCALE: Final = {"diamond": 0.62, "down": 0.86, "plus": 0.86}


def _strokes(*lines: Sequence[tuple[float, float]]) -> Path:
    points = [point for line in lines for point in line]
    codes = [code for line in lines for code in [int(Path.MOVETO), *[int(Path.LINETO)] * (len(line) - 1)]]
    return Path(points, codes)


_GLYPHS: Final = {
    "check": _strokes([(-0.5, 0.02), (-0.12, -0.38), (0.52, 0.4)]),
    "cross": _strokes([(-0.4, -0.4), (0.4, 0.4)], [(-0.4, 0.4), (0.4, -0.4)]),
    "down": _strokes([(0, 0.5), (0, -0.45)], [(-0.4, -0.05), (0, -0.48), (0.4, -0.05)]),
    "plus": _strokes([(0, -0.5), (0, 0.45)], [(-0.4, 0.05), (0, 0.48), (0.4, 0.05)]),
    "left": _strokes([(0.5, 0), (-0.45, 0)], [(-0.05, 0.4), (-0.48, 0), (-0.05, -0.4)]),
}


def draw_signs(axes: Any, sign: Sign, places: Sequence[tuple[float, float]], size: float) -> None:
    """The sign at each place (x, y). `size` is its diameter."""
    if not places:
        return
    xs, ys = [x for x, _ in places], [y for _, y in places]
    marker = _GROUND.get(sign.shape, "o")
    ground = size * _SCALE.get(sign.shape, 1.0)
    hollow = sign.shape == "ring"
    axes.scatter(
        xs,
        ys,
        s=(ground - (2 if hollow else 0)) ** 2,
        marker=marker,
        facecolor="#FFFFFF" if hollow else sign.color,
        edgecolor=sign.color if hollow else "#FFFFFF",
        linewidth=2.0 if hollow else 1.2,
        zorder=6,
        clip_on=False,
    )
    if sign.shape in _GLYPHS:
        # matplotlib blows a marker up to unit size only when it is filled; strokes are scaled here
        glyph = _GLYPHS[sign.shape]
        axes.scatter(
            xs, ys, s=(size * 0.5) ** 2, marker=glyph, facecolor="none", edgecolor="#FFFFFF",
            linewidth=1.7, zorder=7, clip_on=False, capstyle="round", joinstyle="round",
        )  # fmt: skip


def draw_number(axes: Any, x: float, y: float, text: str, hollow: bool = False, size: float = 10) -> None:
    """A number in a sign."""
    axes.text(
        x,
        y,
        text,
        color=INK if hollow else "#FFFFFF",
        size=size if len(text) < 3 else size - 2,
        weight="bold",
        ha="center",
        va="center_baseline",
        zorder=8,
    )


def spread(marks: Sequence[tuple[float, Mark]], room: float, most: int = 4) -> list[Placed]:
    """Where the marks of a lane stand: side by side when they would lie on each other.

    Takes (place, mark) in order; `room` is the least distance. Where more than `most` are at one place, those of
    one sign become one. Gives (place, mark, how many it stands for).
    """
    window = room
    while True:
        placed = _side_by_side(_merged(marks, window, most), room)
        if len(placed) <= most or max(place - true for place, true, *_ in placed) <= 2.5 * room:
            return [(place, mark, number) for place, _, mark, number in placed]
        window, most = 2 * window, 1


def _merged(marks: Sequence[tuple[float, Mark]], window: float, most: int) -> list[Placed]:
    out: list[Placed] = []
    place = 0
    while place < len(marks):
        begin, end = place, marks[place][0] + window
        while place < len(marks) and marks[place][0] < end:
            place += 1
        inside = marks[begin:place]
        by_sign: dict[object, Placed] = {}
        for number, (x, mark) in enumerate(inside):
            key = mark.sign if len(inside) > most else number
            first, _, count = by_sign.get(key, (x, mark, 0))
            by_sign[key] = (first, mark, count + 1)
        out += by_sign.values()
    return out


def _side_by_side(marks: Sequence[Placed], room: float) -> list[tuple[float, float, Mark, int]]:
    out, free = [], float("-inf")
    for true, mark, number in marks:
        place = max(true, free)
        out.append((place, true, mark, number))
        free = place + room
    return out
