"""Draws a laid-out state machine as SVG: paper, frames, arrows, cards, labels, and a legend."""

from __future__ import annotations

from typing import Final

from labkit.drawing import style, text
from labkit.drawing.layout import Box as Place
from labkit.drawing.states.graph import JOIN, MISSING, UNKNOWN, Arrow, Box, Graph
from labkit.drawing.states.layout import CHIP, PAD, SIGN, Label, Plan, Words
from labkit.drawing.states.looks import LOOKS, QUIET, TAKEN, Look, chip
from labkit.drawing.states.outcome import Outcome, brief
from labkit.judging.card import esc

_STROKES: Final = 'fill="none" stroke="{}" stroke-width="{}" stroke-linecap="round" stroke-linejoin="round"'
_MARGIN: Final = 10.0
_LEGEND: Final = 18.0
_CATCH: Final = style.LINES["failure"]


def paint(graph: Graph, outcome: Outcome | None, plan: Plan) -> str:
    """The SVG document."""
    layout = plan.layout
    content = layout.content()
    entries = _legend(graph, outcome)
    rows = _rows(entries, max(content.width, 220.0))
    left, top = content.x - _MARGIN, content.y - _MARGIN
    widest = max((x + one[1] for row in rows for x, one in row), default=0.0)
    width = max(content.width, widest) + 2 * _MARGIN
    height = content.height + 2 * _MARGIN + (len(rows) * _LEGEND + 4 if rows else 0)
    place = f'x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"'
    parts = [f'<rect {place} rx="7" fill="{style.PAPER}"/>']
    parts += [_frame(box, outcome, plan) for box in graph.boxes if box.holds]
    order = sorted(enumerate(graph.arrows), key=lambda one: bool(outcome and outcome.ways[one[1]].count))
    parts += [_arrow(number, arrow, outcome, plan) for number, arrow in order]
    parts += [_box(box, outcome, plan) for box in graph.boxes]
    parts += [
        _label(graph.arrows[number], one, outcome, layout.labels.get(number))
        for number, one in plan.labels.items()
    ]
    base = content.bottom + _MARGIN + 6
    for number, row in enumerate(rows):
        y = base + number * _LEGEND
        parts += [
            f'<g class="legend" transform="translate({content.x + x:.1f} {y:.1f})">{one[0]}</g>'
            for x, one in row
        ]
    scale = style.PIXELS_PER_POINT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * scale:.0f}" height="{height * scale:.0f}" '
        f'viewBox="{left:.1f} {top:.1f} {width:.1f} {height:.1f}" font-family="{style.FONTS}">{"".join(parts)}</svg>'
    )


def look_of(box: Box, outcome: Outcome | None) -> Look:
    """How a box looks: its outcome, or plain without an execution."""
    return (
        LOOKS["plain"] if outcome is None else LOOKS[outcome.seen[box].state if box in outcome.seen else ""]
    )


# -- frames and boxes ----------------------------------------------------------------------------


def _frame(box: Box, outcome: Outcome | None, plan: Plan) -> str:
    place = plan.layout.groups.get(f"g{box.id}")
    if place is None:
        return ""
    look = look_of(box, outcome)
    behind = ""
    if box.kind == "Map":  # a pile: the same for every item
        behind = "".join(
            f'<rect x="{place.x + off:.1f}" y="{place.y + off:.1f}" width="{place.width:.1f}" '
            f'height="{place.height:.1f}" rx="9" fill="#fff" stroke="{look.edge}" stroke-opacity="{shade}"/>'
            for off, shade in ((5, 0.35), (2.5, 0.6))
        )
    return (
        f'{behind}<rect class="frame" x="{place.x:.1f}" y="{place.y:.1f}" width="{place.width:.1f}" '
        f'height="{place.height:.1f}" rx="9" fill="#F7F9FB" stroke="{look.edge}" stroke-width="1.1"'
        f"{_dashes('5 3')}/>"
    )


def _box(box: Box, outcome: Outcome | None, plan: Plan) -> str:
    place = plan.layout.tiles.get(box.id)
    if place is None:
        return ""
    look = look_of(box, outcome)
    if box.kind == JOIN:
        colour = style.LINE if outcome is None else TAKEN if outcome.seen[box].state else QUIET
        x, y = place.x + place.width / 2, place.y + place.height / 2
        return f'<circle class="join" cx="{x:.1f}" cy="{y:.1f}" r="3.2" fill="{colour}"/>'
    words = plan.words[box]
    if not box.is_state and not box.detail:
        return _pill(box, place, look, outcome)
    return _card(box, words, _centred(place, words), look, outcome)


def _centred(place: Place, words: Words) -> Place:
    """A card of its own size, in the middle of the room the renderer kept for it."""
    middle, centre = place.x + place.width / 2, place.y + place.height / 2
    return Place(middle - words.width / 2, centre - words.height / 2, words.width, words.height)


def _pill(box: Box, place: Place, look: Look, outcome: Outcome | None) -> str:
    used = outcome is None or outcome.seen[box].state
    ground, ink = (style.INK, "#fff") if used else (style.PAPER, style.SOFT)
    edge = style.INK if used else look.edge
    rect = _rect(place, place.height / 2, ground, edge, dashed=not used)
    told = _line(
        box.name, place.x + place.width / 2, place.y + place.height / 2 + 3.2, style.DETAIL, ink, bold=True
    )
    return f'<g class="node">{rect}{told}</g>'


def _card(box: Box, words: Words, place: Place, look: Look, outcome: Outcome | None) -> str:
    visited = not look.dashed
    missing = box.kind in (MISSING, UNKNOWN)
    edge = style.FAILED if missing else look.edge
    parts = [_rect(place, 8, look.fill, edge, dashed=look.dashed or missing, wide=1.5 if look.sign else 1.1)]
    colour, glyph = chip(box)
    strokes = _STROKES.format("#fff", 2.6)
    parts.append(
        f'<svg x="{place.x + PAD:.1f}" y="{place.y + (place.height - CHIP) / 2:.1f}" width="{CHIP:g}" '
        f'height="{CHIP:g}" viewBox="0 0 48 48"><rect width="48" height="48" rx="10" '
        f'fill="{colour if visited else style.OFF}"/><g {strokes}>{glyph}</g></svg>'
    )
    x = place.x + CHIP + 2 * PAD
    y = place.y + (place.height - _text_height(words)) / 2
    for line in words.name:
        y += style.NAME * style.LEADING
        parts.append(
            _line(line, x, y - 3, style.NAME, style.INK if visited else style.SOFT, bold=True, anchor="start")
        )
    for line in words.detail:
        y += style.DETAIL * style.LEADING
        parts.append(_line(line, x, y - 2.4, style.DETAIL, "#48566C", anchor="start"))
    if words.more:
        parts.append(_sign(LOOKS["retried" if visited else ""], x, y + 0.2, 0.82, LOOKS["retried"].sign))
    for line in words.more:
        y += style.DETAIL * style.LEADING
        parts.append(_line(line, x + SIGN, y - 2.4, style.DETAIL, "#48566C", anchor="start"))
    if words.outcome and look.sign:
        parts.append(_sign(look, x - 0.5, y + 0.2, 0.82))
    for line in words.outcome:
        y += style.DETAIL * style.LEADING
        parts.append(_line(line, x + SIGN, y - 2.4, style.DETAIL, look.ink, bold=True, anchor="start"))
    title = f"<title>{esc(_tip(box, outcome))}</title>"
    return f'<g class="node">{title}{"".join(parts)}</g>'


def _tip(box: Box, outcome: Outcome | None) -> str:
    told = [f"{box.name} ({box.kind})", box.detail, box.more]
    if outcome is not None and box in outcome.seen:
        told.append(outcome.seen[box].told or "not visited")
    return "; ".join(filter(None, told))


def _text_height(words: Words) -> float:
    small = len(words.detail) + len(words.more) + len(words.outcome)
    return (len(words.name) * style.NAME + small * style.DETAIL) * style.LEADING


def _sign(look: Look, x: float, y: float, scale: float, glyph: str = "") -> str:
    strokes = _STROKES.format("#fff", 1.5)
    return (
        f'<g class="sign" transform="translate({x:.1f} {y:.1f}) scale({scale:g})" {strokes}>'
        f'<circle cx="6" cy="6" r="6" fill="{look.edge}" stroke="none"/>{glyph or look.sign}</g>'
    )


# -- arrows --------------------------------------------------------------------------------------


def _arrow(number: int, arrow: Arrow, outcome: Outcome | None, plan: Plan) -> str:
    curve = plan.layout.curves.get(number)
    if curve is None:
        return ""
    colour, wide, dashes = stroke(arrow, outcome)
    line = f'<path d="{curve.path}" fill="none" stroke="{colour}" stroke-width="{wide:g}"{_dashes(dashes)}/>'
    heads = "".join(f'<polygon points="{head}" fill="{colour}"/>' for head in curve.heads)
    title = ""
    if outcome is not None and outcome.ways[arrow].data:
        title = f"<title>{esc(brief(outcome.ways[arrow].data[0], 300))}</title>"
    return f'<g class="edge">{title}{line}{heads}</g>'


def stroke(arrow: Arrow, outcome: Outcome | None) -> tuple[str, float, str]:
    """Colour, width and dashes of an arrow: taken ones are thick, others thin; a Catch is dashed."""
    caught = arrow.kind == "catch"
    dashes = _CATCH.dashes if caught else ""
    if outcome is None or outcome.hidden(arrow):
        return (_CATCH.colour if caught else style.LINE), 1.3, dashes
    if outcome.ways[arrow].count:
        return (_CATCH.colour if caught else TAKEN), 2.4, dashes
    return QUIET, 1.0, dashes or "1.4 3"


def _label(arrow: Arrow, label: Label, outcome: Outcome | None, place: Place | None) -> str:
    if place is None:
        return ""
    taken = outcome is None or outcome.hidden(arrow) or bool(outcome.ways[arrow].count)
    colour = style.SOFT if not taken else _CATCH.colour if arrow.kind == "catch" else style.INK
    x, y = place.x + 4, place.y + (place.height - label.height) / 2 + 2
    parts = []
    for line in label.said:
        y += style.LABEL * style.LEADING
        parts.append(
            _line(
                line,
                x,
                y - 2,
                style.LABEL,
                colour,
                anchor="start",
                halo=True,
                bold=taken and outcome is not None,
            )
        )
    for line in label.data:
        y += (style.LABEL - 1) * style.LEADING
        parts.append(_line(line, x, y - 2, style.LABEL - 1, "#0B4F7D", anchor="start", halo=True))
    return f'<g class="label">{"".join(parts)}</g>'


# -- the legend ----------------------------------------------------------------------------------

Entry = tuple[str, float]


def _legend(graph: Graph, outcome: Outcome | None) -> list[Entry]:
    """What occurs in the figure and needs a word: outcomes with their signs, kinds of arrows."""
    entries: list[Entry] = []
    if outcome is not None:
        states = {outcome.seen[box].state for box in graph.states}
        for name in LOOKS:
            if name in states:
                entries.append(_swatch(LOOKS[name]))
        entries.append(_stroke_entry(TAKEN, 2.4, "", "way taken"))
    if any(arrow.kind == "catch" for arrow in graph.arrows):
        entries.append(
            _stroke_entry(_CATCH.colour, 1.3, _CATCH.dashes, "Catch: any error, or the named ones")
        )
    return entries


def _swatch(look: Look) -> Entry:
    if look.sign:
        mark = _sign(look, 0, -1, 0.9)
    else:
        mark = _rect(Place(0, 0, 11, 9), 2.5, look.fill, look.edge, dashed=look.dashed)
    return mark + _line(look.word, 16, 7.6, style.DETAIL, "#48566C", anchor="start"), _wide(look.word, 16)


def _stroke_entry(colour: str, wide: float, dashes: str, word: str) -> Entry:
    mark = f'<path d="M0 4.5h24" stroke="{colour}" stroke-width="{wide:g}"{_dashes(dashes)}/>'
    return mark + _line(word, 29, 7.6, style.DETAIL, "#48566C", anchor="start"), _wide(word, 29)


def _wide(word: str, before: float) -> float:
    return before + text.width(word, style.DETAIL)


def _rows(entries: list[Entry], room: float) -> list[list[tuple[float, Entry]]]:
    rows: list[list[tuple[float, Entry]]] = []
    x = 0.0
    for entry in entries:
        if not rows or x + entry[1] > room:
            rows.append([])
            x = 0.0
        rows[-1].append((x, entry))
        x += entry[1] + 16
    return rows


# -- small parts -----------------------------------------------------------------------------------


def _rect(
    place: Place, radius: float, fill: str, edge: str, *, dashed: bool = False, wide: float = 1.1
) -> str:
    return (
        f'<rect x="{place.x:.1f}" y="{place.y:.1f}" width="{place.width:.1f}" height="{place.height:.1f}" '
        f'rx="{radius:g}" fill="{fill}" stroke="{edge}" stroke-width="{wide:g}"{_dashes("4 2.6" if dashed else "")}/>'
    )


def _dashes(pattern: str) -> str:
    return f' stroke-dasharray="{pattern}"' if pattern else ""


def _line(
    told: str, x: float, y: float, size: float, colour: str, *, bold: bool = False, anchor: str = "middle",
    halo: bool = False,
) -> str:  # fmt: skip
    weight = ' font-weight="bold"' if bold else ""
    around = ' paint-order="stroke" stroke="#fff" stroke-width="2.6" stroke-linejoin="round"' if halo else ""
    place = f' text-anchor="{anchor}"' if anchor != "start" else ""
    looks = f'font-size="{size:g}" fill="{colour}"{weight}{place}{around}'
    return f'<text x="{x:.1f}" y="{y:.1f}" {looks}>{esc(told)}</text>'
