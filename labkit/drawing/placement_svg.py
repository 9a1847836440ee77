"""Draws the placement view: a column for each zone, a row for each kind of capacity, a block for each task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from labkit.drawing import style, text
from labkit.drawing.placement import Block, Board, Host, Row
from labkit.judging.card import esc

WIDTH: Final = 960
_LEFT: Final = 170
_PAD: Final = 10
_BLOCK: Final = 26
_STEP: Final = 32
_HEAD: Final = 34
_HOST_HEAD: Final = 48
_METER: Final = 46
_RULE: Final = "#D5DCE5"
_COLOURS: Final = ("#0F5E93", "#8A4B00", "#4A6A00", "#6B2FE0", "#B01A57", "#006A72", "#48566C")
"""One for each service, in the order of their names; further services share the last one. Letters tell them apart."""
_STATES: Final = {
    "starting": "starting",
    "running": "running",
    "unhealthy": "unhealthy",
    "stopping": "stopping",
}


def board_svg(board: Board) -> str:
    """The whole view."""
    letters = _letters(board.owners)
    colours = {owner: _COLOURS[min(place, len(_COLOURS) - 1)] for place, owner in enumerate(board.owners)}
    wide = (WIDTH - _LEFT - _PAD) / max(1, len(board.zones))
    legend, top = _legend(board, letters, colours)
    parts = [legend, _zones(board, wide, top)]
    top += _HEAD
    for row in board.rows:
        drawn, height = _row(row, board.zones, wide, top, letters, colours)
        parts += [_line(top), drawn]
        top += height
    top += _PAD
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top:.0f}" viewBox="0 0 {WIDTH} {top:.0f}" '
        f'font-family="{style.FONTS}"><rect width="{WIDTH}" height="{top:.0f}" rx="7" fill="{style.PAPER}"/>'
        f"{''.join(parts)}</svg>"
    )


def _letters(owners: Sequence[str]) -> dict[str, str]:
    """A short sign for each owner: its first letter, with a second one where two begin alike."""
    found: dict[str, str] = {}
    for owner in owners:
        choices = [owner[:1], *(owner[0] + letter for letter in owner[1:]), owner[:1] + str(len(found))]
        found[owner] = next(one for one in [*choices, str(len(found))] if one and one not in found.values())
    return found


def _say(x: float, y: float, told: str, ink: str = style.INK, size: float = 12, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{ink}"{more}>{esc(told)}</text>'


def _line(y: float) -> str:
    return f'<path d="M12 {y:.1f}H{WIDTH - 12}" stroke="{_RULE}" stroke-width="1"/>'


def _legend(board: Board, letters: dict[str, str], colours: dict[str, str]) -> tuple[str, float]:
    x, y, parts = 14.0, 10.0, []
    states = [one for one in _STATES if any(block.state == one for row in board.rows for block in _all(row))]
    entries = [(Block(owner, "", "running", 0, 0), owner) for owner in board.owners]
    entries += [(Block("", "", state, 0, 0), _STATES[state]) for state in states if state != "running"]
    for block, word in entries:
        shown = text.cut(word, 12, 200)
        room = 20 + 8 + text.width(shown, 12) + 20
        if x > 14 and x + room > WIDTH - 14:
            x, y = 14.0, y + 26
        parts.append(_block(block, x, y, letters.get(word, ""), colours.get(word, style.SOFT), 20))
        parts.append(_say(x + 28, y + 14.5, shown))
        x += room
    return "".join(parts), y + 30 if entries else 8.0


def _all(row: Row) -> list[Block]:
    from labkit.drawing.placement import everything

    return list(everything(row))


def _zones(board: Board, wide: float, top: float) -> str:
    bold = ' font-weight="600"'
    titles = [_say(14, top + 21, "capacity", style.SOFT, 12, bold)]
    titles += [
        _say(_LEFT + place * wide + 6, top + 21, zone, style.SOFT, 12, bold)
        for place, zone in enumerate(board.zones)
    ]
    return "".join(titles)


def _row(
    row: Row, zones: Sequence[str], wide: float, top: float, letters: dict[str, str], colours: dict[str, str]
) -> tuple[str, float]:
    parts, tallest = [], 0.0
    for place, zone in enumerate(zones):
        x, y = _LEFT + place * wide + 6, top + _PAD
        blocks = row.blocks.get(zone, [])
        if blocks:
            drawn, height = _blocks(blocks, x, y, wide - 12, letters, colours)
            parts.append(drawn)
            y += height
        for host in row.hosts.get(zone, ()):
            drawn, height = _host(host, x, y, wide - 12, letters, colours)
            parts.append(drawn)
            y += height + 8
        tallest = max(tallest, y - top)
    height = max(tallest + 4, 52.0)
    count = sum(row.count(zone) for zone in zones)
    parts.append(_say(14, top + 25, text.cut(row.name, 12, _LEFT - 24), style.INK, 12, ' font-weight="600"'))
    parts.append(_say(14, top + 42, f"{count} task{'' if count == 1 else 's'}", style.SOFT, 11))
    return "".join(parts), height


def _blocks(
    blocks: Sequence[Block], x: float, y: float, wide: float, letters: dict[str, str], colours: dict[str, str]
) -> tuple[str, float]:
    """Blocks in lines; returns the drawing and its height."""
    fit = max(1, int(wide // _STEP))
    parts = [
        _block(one, x + place % fit * _STEP, y + place // fit * _STEP, letters[one.owner], colours[one.owner])
        for place, one in enumerate(sorted(blocks, key=lambda block: (block.owner, block.id)))
    ]
    return "".join(parts), -(-len(blocks) // fit) * _STEP


def _block(block: Block, x: float, y: float, sign: str, colour: str, size: float = _BLOCK) -> str:
    fill, edge, ink, dashes, width = colour, colour, "#FFFFFF", "", 1.2
    if block.state != "running":
        fill, ink = style.PAPER, colour
    if block.state == "starting":
        dashes = ' stroke-dasharray="3 2"'
    if block.state == "unhealthy":
        edge, width = style.FAILED, 2.6
    if block.state == "stopping":
        fill = "#E4E8EE"
    drawn = (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{size:g}" height="{size:g}" rx="4" fill="{fill}" stroke="{edge}" '
        f'stroke-width="{width:g}"{dashes}/>'
    )
    if block.state in ("unhealthy", "stopping"):
        slash = f"M{x + 3:.1f} {y + size - 3:.1f}L{x + size - 3:.1f} {y + 3:.1f}"
        drawn += f'<path d="{slash}" stroke="{edge}" stroke-width="1.4"/>'
    if not sign:
        return drawn
    middle = ' text-anchor="middle" font-weight="600"'
    return drawn + _say(x + size / 2, y + size / 2 + 4, sign, ink, 12 if len(sign) == 1 else 10.5, middle)


def _host(
    host: Host, x: float, y: float, wide: float, letters: dict[str, str], colours: dict[str, str]
) -> tuple[str, float]:
    drawn, inner = _blocks(host.blocks, x + 8, y + _HOST_HEAD, wide - 16, letters, colours)
    height = _HOST_HEAD + max(inner, 6)
    dashed = "" if host.status == "ACTIVE" else ' stroke-dasharray="4 3"'
    frame = (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{height:.1f}" rx="5" fill="#F7F9FB" '
        f'stroke="{style.SOFT}"{dashed}/>'
    )
    status = "" if host.status == "ACTIVE" else f" {host.status.lower()}"
    name = text.cut(f"{host.kind or host.name}{status}", 11, wide - 16)
    return frame + _say(x + 8, y + 16, name, style.INK, 11) + _meters(
        host, x + 8, y + 22, wide - 16
    ) + drawn, height


def _meters(host: Host, x: float, y: float, wide: float) -> str:
    """Two thin bars: how much of the CPU and of the memory is taken."""
    parts = []
    for place, (word, (taken, whole)) in enumerate((("CPU", host.cpu), ("memory", host.memory))):
        top = y + place * 10
        share = min(1.0, taken / whole) if whole else 0.0
        begin, room = x + _METER, max(10.0, wide - _METER)
        parts.append(
            _say(x, top + 5.5, word, style.SOFT, 9.5)
            + f'<rect x="{begin:.1f}" y="{top:.1f}" width="{room:.1f}" height="5" rx="2.5" fill="#E3E8EE"/>'
            f'<rect x="{begin:.1f}" y="{top:.1f}" width="{room * share:.1f}" height="5" rx="2.5" fill="{style.SOFT}"/>'
        )
    return "".join(parts)
