"""Where the label of a connection stands: at its own line, clear of everything else.

Graphviz keeps room for labels, but sets them where the lines of a fan-out still run side by side, and nobody can tell
which label belongs to which. Here every label tries places along its line and takes the clearest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from labkit.drawing.dot import MOST_PLACED, Texts, label_texts, node_texts
from labkit.drawing.layout import Box, Curve, Layout, figures_in

if TYPE_CHECKING:
    from labkit.drawing.diagram import Diagram

_Point = tuple[float, float]
_Line = list[_Point]
_SAMPLES: Final = 14
_SHARES: Final = (0.5, 0.58, 0.42, 0.66, 0.34, 0.74, 0.26, 0.82, 0.18)
_GAP: Final = 3.0
_BLOCKED: Final = 40.0
_CROSSED: Final = 6.0
_OWN: Final = 1.5
_DOUBTFUL: Final = 60.0
_OFF_CENTRE: Final = 26.0


def placed(diagram: Diagram, layout: Layout) -> dict[int, Box]:
    """The box of every label, by the number of its connection."""
    texts = {number: label_texts(edge) for number, edge in enumerate(diagram.edges)}
    labelled = {number: one for number, one in texts.items() if one is not None and number in layout.curves}
    if len(diagram.edges) > MOST_PLACED or not labelled:
        return dict(layout.labels)
    room = _Room(diagram, layout)
    boxes = {number: box for number, box in layout.labels.items() if number not in labelled}
    order = sorted(labelled, key=lambda number: (-labelled[number].width * labelled[number].height, number))
    for again in (False, True):
        for number in order:
            others = [box for other, box in boxes.items() if other != number]
            boxes[number] = room.best(number, labelled[number], others, boxes.get(number) if again else None)
    return boxes


class _Room:
    """Everything a label should keep clear of."""

    def __init__(self, diagram: Diagram, layout: Layout) -> None:
        self.lines = {number: _sampled(curve) for number, curve in layout.curves.items()}
        self.bounds = {number: _bounds(line) for number, line in self.lines.items()}
        self.solid = [*_tiles(diagram, layout), *layout.headers.values()]
        self.frames = list(layout.groups.values())
        self.graphviz = layout.labels

    def best(self, number: int, texts: Texts, others: Sequence[Box], now: Box | None) -> Box:
        """The clearest place for the label of this connection."""
        line = self.lines[number]
        options = list(_options(line, texts))
        given = now or self.graphviz.get(number)
        if given is not None:
            middle = given.y + given.height / 2
            options.append((Box(given.x, middle - texts.height / 2, texts.width, texts.height), 0.2))
        return min(options, key=lambda option: self._cost(number, option[0], option[1], others))[0]

    def _cost(self, number: int, box: Box, off: float, others: Sequence[Box]) -> float:
        cost = off * _OFF_CENTRE
        cost += _BLOCKED * sum(_overlap(box, one) for one in (*self.solid, *others))
        cost += 3 * sum(_on_border(box, frame) for frame in self.frames)
        middle = (box.x + box.width / 2, box.y + box.height / 2)
        own = _distance(self.lines[number], middle)
        cost += _OWN * _inside(self.lines[number], box)
        near = Box(box.x - 14, box.y - 14, box.width + 28, box.height + 28)
        for other, line in self.lines.items():
            if other != number and _overlap(near, self.bounds[other], least=1):
                cost += _CROSSED * _inside(line, box)
                if _distance(line, middle) < own + 2:
                    cost += _DOUBTFUL
        return cost


def _options(line: _Line, texts: Texts) -> Iterator[tuple[Box, float]]:
    """Boxes along the line, and how far from its middle each is."""
    for share in _SHARES:
        (x, y), (dx, dy) = _at(line, share)
        off = abs(share - 0.5)
        steep = abs(dy) > abs(dx)
        wide, high = texts.width, texts.height
        if not steep or abs(dy) < 0.25 * abs(dx):
            lift = abs(dy / dx) * wide / 2 * 0.5 if dx else 0
            yield Box(x - wide / 2, y - high - _GAP - lift, wide, high), off
            yield Box(x - wide / 2, y + _GAP + lift, wide, high), off + 0.04
        if abs(dy) >= 0.25 * abs(dx):
            lean = abs(dx / dy) * high / 2 if dy else 0
            yield Box(x + _GAP + lean + 2, y - high / 2, wide, high), off
            yield Box(x - wide - _GAP - lean - 2, y - high / 2, wide, high), off + 0.02


# -- lines ---------------------------------------------------------------------------------------


def _sampled(curve: Curve) -> _Line:
    """Points along the cubic curves of a path."""
    told = figures_in(curve.path)
    points = list(zip(told[0::2], told[1::2], strict=False))
    found = points[:1]
    for start in range(0, len(points) - 3, 3):
        a, b, c, d = points[start : start + 4]
        for step in range(1, _SAMPLES + 1):
            t = step / _SAMPLES
            u = 1 - t
            weights = (u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t)
            found.append(
                (
                    sum(w * p[0] for w, p in zip(weights, (a, b, c, d), strict=True)),
                    sum(w * p[1] for w, p in zip(weights, (a, b, c, d), strict=True)),
                )
            )
    return found


def _at(line: _Line, share: float) -> tuple[_Point, _Point]:
    """The point at a share of the line's length, and its direction there."""
    lengths = [math.dist(a, b) for a, b in pairwise(line)]
    left = share * sum(lengths)
    for length, (a, b) in zip(lengths, pairwise(line), strict=True):
        if left <= length and length > 0:
            part = left / length
            return (a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1])), (b[0] - a[0], b[1] - a[1])
        left -= length
    return line[-1], (1.0, 0.0)


def _inside(line: _Line, box: Box) -> float:
    """About how many points of a line's length run through a box."""
    total = 0.0
    for a, b in pairwise(line):
        x, y = (a[0] + b[0]) / 2, (a[1] + b[1]) / 2
        if box.x <= x <= box.right and box.y <= y <= box.bottom:
            total += math.dist(a, b)
    return total


def _distance(line: _Line, point: _Point) -> float:
    return min(math.dist(one, point) for one in line)


def _bounds(line: _Line) -> Box:
    xs, ys = [x for x, _ in line], [y for _, y in line]
    return Box(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


# -- boxes ---------------------------------------------------------------------------------------


def _tiles(diagram: Diagram, layout: Layout) -> Iterator[Box]:
    """Tiles with the words below and the mark above them."""
    for number, node in enumerate(diagram.nodes):
        tile, texts = layout.tiles[number], node_texts(node)
        above = 11.0 if node.mark or node.count > 1 else 2.0
        middle = tile.x + tile.width / 2
        yield Box(tile.x - 3, tile.y - above, tile.width + 6, tile.height + above)
        yield Box(middle - texts.width / 2 - 5, tile.bottom, texts.width + 10, texts.height + 2)


def _overlap(one: Box, other: Box, least: float = 0.0) -> float:
    wide = min(one.right, other.right) - max(one.x, other.x)
    high = min(one.bottom, other.bottom) - max(one.y, other.y)
    if least:
        return least if wide >= 0 and high >= 0 else 0.0
    return math.sqrt(wide * high) if wide > 0 and high > 0 else 0.0


def _on_border(box: Box, frame: Box) -> float:
    """Whether a label stands across the edge of a frame."""
    for edge in (
        Box(frame.x, frame.y, frame.width, 0.1),
        Box(frame.x, frame.bottom, frame.width, 0.1),
        Box(frame.x, frame.y, 0.1, frame.height),
        Box(frame.right, frame.y, 0.1, frame.height),
    ):
        if _overlap(box, edge) > 0:
            return 4.0
    return 0.0
