"""The signs on a timeline: a filled shape with a white stroke or a number in it, each told by its shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from matplotlib.path import Path

from labkit.drawing.timeline_model import Mark, Sign
from labkit.drawing.timeline_paper import INK

_GROUND: Final = {"diamond": "D", "down": "s", "left": "o", "plus": "s"}
_SCALE: Final = {"diamond": 0.62, "down": 0.86, "plus": 0.86}


def _strokes(*lines: Sequence[tuple[float, float]]) -> Path:
    points = [point for line in lines for point in line]
    codes = [
        code for line in lines for code in [int(Path.MOVETO), *[int(Path.LINETO)] * (len(line) - 1)]
    ]
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


def spread(marks: Sequence[tuple[float, Mark]], room: float, most: int = 4) -> list[tuple[float, Mark, int]]:
    """Where the marks of a lane stand, side by side when they are at the same place.

    Takes (place, mark) in order; `room` is the least distance. Of many at one place, runs of the same sign become
    one. Gives (place, mark, how many it stands for).
    """
    out: list[tuple[float, Mark, int]] = []
    crowd: list[tuple[float, Mark]] = []
    edge = float("-inf")
    for place, mark in marks:
        if crowd and place >= edge:
            out += _settled(crowd, room, most, out)
            crowd = []
        edge = max(edge, place) + room if crowd else place + room
        crowd.append((place, mark))
    return out + (_settled(crowd, room, most, out) if crowd else [])


def _settled(
    crowd: list[tuple[float, Mark]], room: float, most: int, before: list[tuple[float, Mark, int]]
) -> list[tuple[float, Mark, int]]:
    runs: list[tuple[float, Mark, int]] = []
    for place, mark in crowd:
        if len(crowd) > most and runs and runs[-1][1].sign == mark.sign:
            runs[-1] = (runs[-1][0], mark, runs[-1][2] + 1)
        else:
            runs.append((place, mark, 1))
    if len(runs) > 2 * most:
        hidden = sum(number for _, _, number in runs[1:-1])
        runs = [runs[0], (runs[1][0], Mark(runs[1][1].time, "", "", text=f"+{hidden:,}"), hidden), runs[-1]]
    left = before[-1][0] + room if before else float("-inf")
    placed = []
    for place, mark, number in runs:
        left = max(left, place)
        placed.append((left, mark, number))
        left += room
    return placed
