"""Draws a laid-out diagram as SVG: paper, groups, connections, tiles, texts, and a legend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from labkit.drawing import style, text, words
from labkit.drawing.dot import Texts, group_title, label_texts, node_texts
from labkit.drawing.glyphs import GLYPHS
from labkit.drawing.icons import SERVICES
from labkit.drawing.layout import Box, Layout
from labkit.drawing.placing import placed
from labkit.judging.card import esc

if TYPE_CHECKING:
    from labkit.drawing.diagram import Diagram, Edge, Group, Node

_CHIP: Final = 17.0
_STROKES: Final = 'fill="none" stroke="#fff" stroke-width="{}" stroke-linecap="round" stroke-linejoin="round"'
_LEGEND: Final = 20.0
_MARGIN: Final = 8.0
_ABOVE: Final = 10.0


def paint(diagram: Diagram, layout: Layout) -> str:
    """The SVG document."""
    layout.labels.update(placed(diagram, layout))
    legend = _legend(diagram)
    box = _drawn(diagram, layout)
    width = max(box.width, legend[1])
    height = box.height + (_LEGEND if legend[0] else 0)
    paper = f'x="{box.x:.1f}" y="{box.y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    parts = [f'<rect {paper} rx="7" fill="{style.PAPER}"/>']
    parts += [_group(group, layout) for group in diagram.groups]
    parts += [_curve(edge, number, layout) for number, edge in enumerate(diagram.edges)]
    parts += [_empty(group, diagram, layout) for group in diagram.groups]
    parts += [_header(group, layout) for group in diagram.groups]
    parts += [_node(node, layout.tiles[number]) for number, node in enumerate(diagram.nodes)]
    parts += [_label(edge, _label_box(edge, number, layout)) for number, edge in enumerate(diagram.edges)]
    if legend[0]:
        parts.append(f'<g transform="translate({box.x + 8:.1f} {box.bottom + 6:.1f})">{legend[0]}</g>')
    scale = style.PIXELS_PER_POINT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * scale:.0f}" height="{height * scale:.0f}" '
        f'viewBox="{box.x:.1f} {box.y:.1f} {width:.1f} {height:.1f}" font-family="{style.FONTS}">{"".join(parts)}</svg>'
    )


def _drawn(diagram: Diagram, layout: Layout) -> Box:
    """The part of the layout that is drawn on, with a margin."""
    box = layout.content()
    left, top, right, bottom = box.x, box.y, box.right, box.bottom
    for number, node in enumerate(diagram.nodes):
        tile, texts = layout.tiles[number], node_texts(node)
        middle = tile.x + tile.width / 2
        left, right = min(left, middle - texts.width / 2), max(right, middle + texts.width / 2)
        bottom = max(bottom, tile.bottom + texts.height)
        top = min(top, tile.y - (_ABOVE if node.mark or node.count > 1 else 0))
    for number, edge in enumerate(diagram.edges):
        if (label := _label_box(edge, number, layout)) is not None:
            right, top = max(right, label.right), min(top, label.y)
    return Box(left - _MARGIN, top - _MARGIN, right - left + 2 * _MARGIN, bottom - top + 2 * _MARGIN)


# -- groups --------------------------------------------------------------------------------------


def _group(group: Group, layout: Layout) -> str:
    looks = style.GROUPS[group.kind]
    box = layout.groups.get(group.id)
    if box is None:
        return ""
    dashes = ' stroke-dasharray="5 3"' if looks.dashed else ""
    return (
        f'<rect class="group" x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" '
        f'rx="9" fill="{looks.fill}" stroke="{looks.edge}" stroke-width="1.25"{dashes}/>'
    )


def _header(group: Group, layout: Layout) -> str:
    looks = style.GROUPS[group.kind]
    box = layout.groups.get(group.id)
    if box is None:
        return ""
    x, y = box.x + 7, box.y + 6
    chip = (
        f'<svg x="{x:.1f}" y="{y:.1f}" width="{_CHIP}" height="{_CHIP}" viewBox="0 0 48 48">'
        f'<rect width="48" height="48" rx="10" fill="{looks.edge}"/>'
        f"<g {_STROKES.format(3.4)}>{GLYPHS[looks.glyph]}</g></svg>"
    )
    title = _line(
        group_title(group), x + _CHIP + 6, y + 12.4, style.TITLE, looks.ink, bold=True, anchor="start"
    )
    return chip + title


def _empty(group: Group, diagram: Diagram, layout: Layout) -> str:
    """A word for a group in which nothing lies."""
    box = layout.groups.get(group.id)
    if (
        box is None
        or any(one.group is group for one in diagram.nodes)
        or any(g.parent is group for g in diagram.groups)
    ):
        return ""
    return _line(words.EMPTY, box.x + box.width / 2, box.y + box.height / 2 + 12, style.DETAIL, style.SOFT)


# -- nodes ---------------------------------------------------------------------------------------


def _node(node: Node, tile: Box) -> str:
    texts = node_texts(node)
    middle = tile.x + tile.width / 2
    x, y = middle - style.TILE / 2, tile.y + (tile.height - style.TILE) / 2
    parts = [_tile(node, x, y)]
    base = y + style.TILE + 2
    for line in texts.name:
        base += style.NAME * style.LEADING
        parts.append(_line(line, middle, base - 1.5, style.NAME, style.INK, bold=True))
    for line in (*texts.detail, *texts.alert):
        base += style.DETAIL * style.LEADING
        loud = line in texts.alert
        parts.append(
            _line(line, middle, base - 1, style.DETAIL, style.FAILED if loud else style.SOFT, bold=loud)
        )
    return f'<g class="node">{"".join(parts)}</g>'


def _tile(node: Node, x: float, y: float) -> str:
    colour, size = node.service.colour, style.TILE
    behind = ""
    if node.count > 1:  # a pile stands for several
        behind = "".join(
            f'<rect x="{x + off:.1f}" y="{y - off:.1f}" width="{size}" height="{size}" rx="8.6" fill="{colour}" '
            f'fill-opacity="{shade}" stroke="#fff"/>'
            for off, shade in ((6, 0.35), (3, 0.6))
        )
    if node.mark == "absent":  # something points at it, and it does not exist
        tile = (
            f'<rect x="0.8" y="0.8" width="46.4" height="46.4" rx="9" fill="#fff" stroke="{style.SOFT}" '
            'stroke-width="1.6" stroke-dasharray="4 3"/>'
        )
        strokes = _STROKES.format(2.3).replace("#fff", style.SOFT)
    else:
        colour = style.OFF if node.mark == "off" else colour
        tile = f'<rect width="48" height="48" rx="9" fill="{colour}"/>'
        strokes = _STROKES.format(2.3)
    inner = f"{tile}<g {strokes}>{node.service.markup}</g>"
    picture = f'<svg x="{x:.1f}" y="{y:.1f}" width="{size}" height="{size}" viewBox="0 0 48 48">{inner}</svg>'
    badge = _badge(x, y) if node.badge else ""
    return behind + picture + badge + (_mark(node.mark, x, y) if node.mark else "")


def _badge(x: float, y: float) -> str:
    """A small pass at the tile's lower corner: it works with a role."""
    colour, size = SERVICES["iam"].colour, 16.0
    left, top = x + style.TILE - size + 5, y + style.TILE - size + 4
    return (
        f'<svg x="{left:.1f}" y="{top:.1f}" width="{size:g}" height="{size:g}" viewBox="0 0 48 48">'
        f'<rect x="2" y="2" width="44" height="44" rx="11" fill="{colour}" stroke="#fff" stroke-width="4"/>'
        f"<g {_STROKES.format(3)}>{GLYPHS['badge']}</g></svg>"
    )


def _mark(mark: str, x: float, y: float) -> str:
    """A dashed ring around a tile and a word on it."""
    word, size = style.MARKS[mark], style.TILE
    wide = text.width(word, 8, True) + 9
    ring, colour = "", style.mark_colour(mark)
    if mark not in ("absent", "off"):
        ring = (
            f'<rect x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="{size + 7}" height="{size + 7}" rx="11.5" '
            f'fill="none" stroke="{colour}" stroke-width="1.6" stroke-dasharray="4 2.6"/>'
        )
    left = x + size / 2 - wide / 2
    return (
        f'{ring}<rect x="{left:.1f}" y="{y - 10:.1f}" width="{wide:.1f}" height="12.4" rx="6.2" '
        f'fill="{colour}"/>' + _line(word, x + size / 2, y - 1, 8, "#fff", bold=True, halo=False)
    )


# -- connections ---------------------------------------------------------------------------------


def _curve(edge: Edge, number: int, layout: Layout) -> str:
    curve = layout.curves.get(number)
    if curve is None:
        return _loop(edge, layout)
    return _stroked(edge, curve.path, curve.heads)


def _stroked(edge: Edge, path: str, heads: tuple[str, ...]) -> str:
    looks = style.SWITCHED_OFF if edge.mark == "off" else style.LINES[edge.style]
    colour, dashes = looks.colour, looks.dashes
    if edge.mark not in ("", "off"):
        colour = style.mark_colour(edge.mark)
    pattern = f' stroke-dasharray="{dashes}"' if dashes else ""
    cap = ' stroke-linecap="round"' if edge.style == "optional" else ""
    width = 1.3 if edge.mark in ("", "off") else 2
    line = f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{pattern}{cap}/>'
    points = "".join(f'<polygon points="{head}" fill="{colour}"/>' for head in heads)
    return f'<g class="edge">{line}{points}</g>'


def _loop(edge: Edge, layout: Layout) -> str:
    """A connection of a node to itself: around the upper right corner of its tile."""
    if edge.source is not edge.target:
        return ""
    tile = layout.tiles[edge.source.diagram.nodes.index(edge.source)]
    x, y = tile.x + tile.width / 2 + style.TILE / 2, tile.y
    path = f"M{x - 11:.1f} {y - 1:.1f}c0 -17 26 -14 26 2c0 9 -7 11 -10 11"
    head = f"{x + 1:.1f},{y + 12:.1f} {x + 7.2:.1f},{y + 9.8:.1f} {x + 7.2:.1f},{y + 14.2:.1f}"
    return _stroked(edge, path, (head,))


def _label_box(edge: Edge, number: int, layout: Layout) -> Box | None:
    texts = label_texts(edge)
    if edge.source is not edge.target or texts is None:
        return layout.labels.get(number)
    tile = layout.tiles[edge.source.diagram.nodes.index(edge.source)]
    right = tile.x + tile.width / 2 + style.TILE / 2
    return Box(right + 17, tile.y - texts.height, texts.width, texts.height)


def _label(edge: Edge, box: Box | None) -> str:
    texts = label_texts(edge)
    if texts is None or box is None:
        return ""
    x, middle = box.x + (box.width - texts.width) / 2, box.y + box.height / 2
    parts = []
    if edge.step:
        parts.append(_step(edge.step, x + style.STEP, middle))
        x += 2 * style.STEP + 3
    parts += _label_lines(texts, x, middle, _label_colour(edge))
    return f'<g class="label">{"".join(parts)}</g>'


def _label_colour(edge: Edge) -> str:
    if edge.mark in ("", "refused", "failing"):
        return style.INK
    return style.mark_colour(edge.mark)


def _label_lines(texts: Texts, x: float, middle: float, colour: str) -> list[str]:
    leading = style.LABEL * style.LEADING
    top = middle - leading * (len(texts.detail) + len(texts.alert)) / 2
    parts = [
        _line(line, x, top + leading * (place + 0.76), style.LABEL, colour, anchor="start")
        for place, line in enumerate(texts.detail)
    ]
    top += leading * len(texts.detail)
    if texts.sign:
        parts.append(_cross(x + 5, top + leading / 2))
        x += style.SIGN
    return parts + [
        _line(line, x, top + leading * (place + 0.76), style.LABEL, style.FAILED, anchor="start", bold=True)
        for place, line in enumerate(texts.alert)
    ]


def _cross(x: float, y: float) -> str:
    """The sign of what was not let through."""
    strokes = f'stroke="#fff" stroke-width="1.5" stroke-linecap="round" fill="{style.FAILED}"'
    return (
        f'<g {strokes}><circle cx="{x:.1f}" cy="{y:.1f}" r="5.2" stroke-width="1"/>'
        f'<path d="M{x - 2:.1f} {y - 2:.1f}l4 4M{x - 2:.1f} {y + 2:.1f}l4 -4"/></g>'
    )


def _step(step: int, x: float, y: float) -> str:
    number = _line(str(step), x, y + 2.9, 8.2, "#fff", bold=True, halo=False)
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{style.STEP}" fill="{style.INK}" stroke="#fff"/>{number}'


# -- texts and the legend ------------------------------------------------------------------------


def _line(
    told: str, x: float, y: float, size: float, colour: str, *, bold: bool = False, anchor: str = "middle",
    halo: bool = True,
) -> str:  # fmt: skip
    """One line of text. Its halo keeps it readable where a line passes behind it."""
    weight = ' font-weight="bold"' if bold else ""
    around = ' paint-order="stroke" stroke="#fff" stroke-width="2.4" stroke-linejoin="round"' if halo else ""
    place = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{colour}"{weight}{place}{around}>'
        f"{esc(told)}</text>"
    )


def _legend(diagram: Diagram) -> tuple[str, float]:
    """What the kinds of lines mean, and how wide that is. Nothing when there is only one kind of line."""
    on = [edge for edge in diagram.edges if edge.mark != "off"]
    used = {kind: looks for kind, looks in style.LINES.items() if any(edge.style == kind for edge in on)}
    if len(on) < len(diagram.edges):
        used["off"] = style.SWITCHED_OFF
    if len(used) < 2:
        return "", 0.0
    parts, x = [], 4.0
    for kind, looks in used.items():
        meaning = diagram.legend.get(kind, looks.meaning)
        pattern = f' stroke-dasharray="{looks.dashes}"' if looks.dashes else ""
        parts.append(f'<path d="M{x:.1f} 4h24" stroke="{looks.colour}" stroke-width="1.3"{pattern}/>')
        parts.append(_line(meaning, x + 29, 7, style.DETAIL, style.SOFT, anchor="start", halo=False))
        x += 29 + text.width(meaning, style.DETAIL) + 18
    return "".join(parts), x + 8
