"""Where everything lies: read from the SVG that the renderer made of our boxes and arrows."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import Final

from labkit.drawing.dot import GROUP_MARK, LABEL_MARK, TILE_MARK
from labkit.drawing.svg import tag

_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
_MARKED: Final = re.compile(r"#(f[edc])([0-9a-f]{4})")


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in points."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.y + self.height


@dataclass(frozen=True, slots=True)
class Curve:
    """A connection: SVG path data, and the corners of its arrow heads."""

    path: str
    heads: tuple[str, ...]


@dataclass(slots=True)
class Layout:
    """A laid-out diagram. Nodes, groups and edges go by their place in the diagram's lists."""

    width: float = 0.0
    height: float = 0.0
    tiles: dict[int, Box] = field(default_factory=dict)
    groups: dict[str, Box] = field(default_factory=dict)
    headers: dict[int, Box] = field(default_factory=dict)
    labels: dict[int, Box] = field(default_factory=dict)
    curves: dict[int, Curve] = field(default_factory=dict)

    def content(self) -> Box:
        """What is drawn, without the room that invisible helpers took. Texts below tiles are not counted."""
        boxes = [*self.tiles.values(), *self.groups.values(), *self.labels.values()]
        for curve in self.curves.values():
            boxes.append(_box(curve.path, (0, 0)))
        if not boxes:
            return Box(0, 0, self.width, self.height)
        x, y = min(box.x for box in boxes), min(box.y for box in boxes)
        return Box(x, y, max(box.right for box in boxes) - x, max(box.bottom for box in boxes) - y)


def read(document: str) -> Layout:
    """The layout in an SVG document of Graphviz."""
    root = ET.fromstring(document)
    box = figures_in(root.get("viewBox", ""))
    result = Layout(box[2], box[3])
    shift = _shift(root)
    cells = {TILE_MARK: result.tiles, GROUP_MARK: result.headers, LABEL_MARK: result.labels}
    for polygon in root.iter(tag("polygon")):
        if marked := _MARKED.fullmatch(polygon.get("fill", "").lower()):
            cells[marked[1]][int(marked[2], 16)] = _box(polygon.get("points", ""), shift)
    for part in root.iter(tag("g")):
        kind = part.get("class")
        if kind == "cluster":
            name = (part.findtext(tag("title")) or "").removeprefix("cluster_")
            outline = next((one for one in part if one.tag in (tag("polygon"), tag("path"))), None)
            if outline is not None:
                result.groups[name] = _box(outline.get("points") or outline.get("d") or "", shift)
        elif kind == "edge" and re.fullmatch(r"e\d+", part.get("id", "")):
            path = next(iter(part.iter(tag("path"))), None)
            if path is not None:
                heads = tuple(
                    _moved(one.get("points", ""), shift)
                    for one in part.iter(tag("polygon"))
                    if not _MARKED.fullmatch(one.get("fill", "").lower())
                )
                result.curves[int(part.get("id", "e0")[1:])] = Curve(_moved(path.get("d", ""), shift), heads)
    return result


def _shift(root: ET.Element) -> tuple[float, float]:
    """Graphviz draws below zero and moves everything into sight with one `translate`."""
    for part in root.iter(tag("g")):
        if part.get("class") == "graph":
            found = re.search(r"translate\(([^)]*)\)", part.get("transform", ""))
            if found:
                x, y = figures_in(found[1])
                return x, y
    return 0.0, 0.0


def figures_in(told: str) -> list[float]:
    """Every number in a text, such as the data of a path."""
    return [float(one) for one in _NUMBER.findall(told)]


def _box(told: str, shift: tuple[float, float]) -> Box:
    numbers = figures_in(told)
    xs, ys = numbers[0::2], numbers[1::2]
    return Box(min(xs) + shift[0], min(ys) + shift[1], max(xs) - min(xs), max(ys) - min(ys))


def _moved(told: str, shift: tuple[float, float]) -> str:
    """Coordinates, moved. They come in pairs, x before y."""
    place = -1

    def move(match: re.Match[str]) -> str:
        nonlocal place
        place += 1
        return f"{float(match[0]) + shift[place % 2]:.1f}"

    return _NUMBER.sub(move, told)
