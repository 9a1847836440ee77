"""Draws a live view: a dot for each message, in the column where it is, and a river of what has flowed.

Written as SVG by hand: a view is redrawn after every cell, so it must be there in milliseconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from labkit.drawing import style, text
from labkit.drawing.live_state import Dot, Frame, QueueRow
from labkit.drawing.timeline_axis import Axis
from labkit.drawing.timeline_words import clock_time, spoken
from labkit.judging.card import esc

WIDTH: Final = 960
MOST_DOTS: Final = 60
_NAMED: Final = 5
"""Up to so many messages of a cell have their names beside their dots."""
_STEP: Final = 21
_LABEL: Final = 170
_COLUMNS: Final = (
    ("waiting", 184, 250),
    ("in flight", 444, 210),
    ("done", 664, 130),
    ("dead letters", 804, 144),
)
_RULE: Final = "#E3E8EE"
_LOOKS: Final = {
    # state: fill, edge, ink, dashes
    "waiting": ("#D9E9F7", "#147EBA", style.INK, ""),
    "delayed": ("#FFFFFF", "#5A6B86", style.INK, ' stroke-dasharray="3 2"'),
    "in flight": ("#0F5E93", "#0B4870", "#FFFFFF", ""),
    "done": ("#4A6A00", "#4A6A00", "#FFFFFF", ""),
    "dead": ("#FBE3E6", "#B8233B", style.INK, ""),
}
_RIVER: Final = {
    "sent": "#147EBA",
    "received": "#0F5E93",
    "asked, nothing came": "#78849A",
    "deleted": "#4A6A00",
    "failed": "#B8233B",
}
_BIN: Final = 14
_LANE: Final = 40
_TALLEST: Final = 20


def frame_svg(frame: Frame) -> str:
    """The whole view."""
    parts, top = [], 12.0
    if frame.rows:
        parts.append(_titles(top))
        top += 30
        for row in frame.rows:
            drawn, height = _row(row, top)
            parts.append(drawn)
            top += height
        notes = _notes(frame)
        if notes:
            parts.append(_text(14, top + 18, notes, style.SOFT, 11))
            top += 22
        top += 12
    if any(frame.flows.values()):
        drawn, height = _river(frame, top)
        parts.append(drawn)
        top += height
    height = max(top, 60)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
        f'viewBox="0 0 {WIDTH} {height:.0f}" font-family="{style.FONTS}">'
        f'<rect width="{WIDTH}" height="{height:.0f}" rx="7" fill="{style.PAPER}"/>{"".join(parts)}</svg>'
    )


def _notes(frame: Frame) -> str:
    """What the signs mean, where they occur."""
    dots = [dot for row in frame.rows for dot in (*row.waiting, *row.in_flight, *row.dead)]
    notes = [f"And {frame.hidden:,} quieter queues."] if frame.hidden else []
    notes += (
        ["The number in a dot: how often the message was received."] if any(d.receives for d in dots) else []
    )
    notes += ["A dashed dot: delayed."] if any(dot.state == "delayed" for dot in dots) else []
    return " ".join(notes)


def _text(
    x: float,
    y: float,
    told: str,
    ink: str = style.INK,
    size: float = 12,
    more: str = "",
    anchor: str = "start",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{ink}" text-anchor="{anchor}"{more}>'
        f"{esc(told)}</text>"
    )


# -- queues ----------------------------------------------------------------------------------------


def _titles(top: float) -> str:
    titles = [_text(x, top + 14, word, style.SOFT, 12, ' font-weight="600"') for word, x, _ in _COLUMNS]
    titles.append(_text(14, top + 14, "queue", style.SOFT, 12, ' font-weight="600"'))
    return "".join(titles) + _line(top + 22)


def _line(y: float) -> str:
    return f'<path d="M12 {y:.1f}H{WIDTH - 12}" stroke="{_RULE}" stroke-width="1"/>'


def _row(row: QueueRow, top: float) -> tuple[str, float]:
    done = tuple(Dot("", "done", 0) for _ in range(min(row.done, MOST_DOTS + 1)))
    cells = [
        _cell(row.waiting, len(row.waiting), _COLUMNS[0], top),
        _cell(row.in_flight, len(row.in_flight), _COLUMNS[1], top),
        _cell(done, row.done, _COLUMNS[2], top),
        _cell(
            tuple(Dot(dot.name, "dead", dot.receives) for dot in row.dead), len(row.dead), _COLUMNS[3], top
        ),
    ]
    name = text.cut(text.safe(row.name), 13, _LABEL - 20, bold=True)
    label = _text(14, top + 20, name, style.INK, 13, ' font-weight="600"')
    notes = [f"{row.lost:,} expired or purged"] if row.lost else []
    notes += [f"dead letters: {row.dead_letter}"] if row.dead_letter else []
    for place, note in enumerate(notes):
        label += _text(
            14, top + 36 + 14 * place, text.cut(text.safe(note), 10.5, _LABEL - 20), style.SOFT, 10.5
        )
    height = max(38.0 + 14 * max(0, len(notes) - 0), *(size for _, size in cells))
    return label + "".join(drawn for drawn, _ in cells) + _line(top + height), height


def _cell(dots: Sequence[Dot], count: int, column: tuple[str, int, int], top: float) -> tuple[str, float]:
    _, x, wide = column
    if not count:
        return _text(x, top + 20, "none", style.SOFT, 11), 38.0
    if count > MOST_DOTS:
        dot = _dot(dots[0], x + 8, top + 19, number=False)
        number = _text(x + 24, top + 25, f"{count:,}", style.INK, 18, ' font-weight="700"')
        beside = x + 30 + text.width(f"{count:,}", 18, bold=True)
        return dot + number + _text(beside, top + 24, "messages", style.SOFT, 11), 40.0
    if len(dots) <= _NAMED and any(dot.name for dot in dots):
        return _named(dots, x, wide, top)
    across = max(1, wide // _STEP)
    drawn = "".join(
        _dot(dot, x + 8 + place % across * _STEP, top + 19 + place // across * _STEP)
        for place, dot in enumerate(dots)
    )
    return drawn, 17.0 + _STEP * (1 + (len(dots) - 1) // across)


def _named(dots: Sequence[Dot], x: float, wide: float, top: float) -> tuple[str, float]:
    drawn = []
    for place, dot in enumerate(dots):
        y = top + 19 + place * _STEP
        until = f"until {clock_time(dot.until)}" if dot.until else ""
        room = wide - 26 - (text.width(until, 10.5) + 8 if until else 0)
        name = text.cut(dot.name, 11.5, room)
        drawn.append(_dot(dot, x + 8, y) + _text(x + 22, y + 4, name, style.INK, 11.5))
        if until:
            beside = x + 22 + text.width(name, 11.5) + 8
            drawn.append(_text(beside, y + 4, until, style.SOFT, 10.5))
    return "".join(drawn), 17.0 + _STEP * len(dots)


def _dot(dot: Dot, x: float, y: float, number: bool = True) -> str:
    fill, edge, ink, dashes = _LOOKS[dot.state]
    paint = f'fill="{fill}" stroke="{edge}" stroke-width="1.3"{dashes}'
    if dot.state == "dead":
        shape = (
            f'<rect class="dot" x="{x - 7.5:.1f}" y="{y - 7.5:.1f}" width="15" height="15" rx="3" {paint}/>'
        )
    else:
        shape = f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="8" {paint}/>'
    if dot.state == "done":
        d = f"M{x - 3.6:.1f} {y + 0.2:.1f}l2.6 2.8 4.8-5.6"
        return (
            f'{shape}<path d="{d}" fill="none" stroke="#fff" stroke-width="1.8" stroke-linecap="round" '
            'stroke-linejoin="round"/>'
        )
    if not number or not dot.receives:
        return shape
    told = str(dot.receives) if dot.receives < 100 else "99+"
    size = 10 if len(told) < 2 else 9 if len(told) < 3 else 7
    return shape + _text(x, y + size * 0.36, told, ink, size, ' font-weight="700"', "middle")


# -- the river -------------------------------------------------------------------------------------


def _river(frame: Frame, top: float) -> tuple[str, float]:
    left, wide = _COLUMNS[0][1], WIDTH - _COLUMNS[0][1] - 26
    moments = [time for times in frame.flows.values() for time in times]
    axis = Axis(moments, min(moments), max(frame.now, *moments), wide)
    parts = []
    bins = {
        word: Counter(int(axis.at(time) // _BIN) for time in times) for word, times in frame.flows.items()
    }
    most = max(count for one in bins.values() for count in one.values())
    for place, (word, counts) in enumerate(bins.items()):
        base = top + (place + 1) * _LANE
        parts.append(_text(14, base - 4, word, style.INK, 12))
        parts.append(_text(_LABEL - 6, base - 4, f"{counts.total():,}", style.SOFT, 12, "", "end"))
        parts.append(f'<path d="M{left} {base:.1f}h{wide}" stroke="{_RULE}" stroke-width="1"/>')
        parts += [
            _column(left + column * _BIN, base, count, most, _RIVER[word]) for column, count in counts.items()
        ]
    bottom = top + len(bins) * _LANE
    parts.append(_scale(axis, left, wide, bottom))
    return "".join(parts), len(bins) * _LANE + 46


def _column(x: float, base: float, count: int, most: int, color: str) -> str:
    tall = max(3.0, _TALLEST * count / most)
    bar = (
        f'<rect class="flow" x="{x + 1:.1f}" y="{base - tall:.1f}" width="{_BIN - 2}" height="{tall:.1f}" rx="2" '
        f'fill="{color}"/>'
    )
    told = f"{count:,}" if count < 1000 else f"{count // 1000}k"
    return bar + (
        _text(x + _BIN / 2, base - tall - 3, told, style.SOFT, 9, "", "middle") if count > 1 else ""
    )


def _scale(axis: Axis, left: float, wide: float, bottom: float) -> str:
    parts = [f'<path d="M{left} {bottom:.1f}h{wide}" stroke="{style.SOFT}" stroke-width="1"/>']
    for tick in axis.ticks():
        x = left + tick.place
        parts.append(f'<path d="M{x:.1f} {bottom:.1f}v5" stroke="{style.SOFT}" stroke-width="1"/>')
        parts.append(_text(x, bottom + 18, tick.label, style.SOFT, 11, "", "middle"))
        if tick.date:
            parts.append(_text(x, bottom + 32, tick.date, style.SOFT, 11, "", "middle"))
    for gap in axis.breaks:
        x = left + (gap.left + gap.right) / 2
        parts.append(
            f'<path d="M{x - 5:.1f} {bottom + 6:.1f}l4-12M{x + 1:.1f} {bottom + 6:.1f}l4-12" '
            f'stroke="{style.SOFT}" stroke-width="1.2"/>'
        )
        italic = ' font-style="italic"'
        parts.append(_text(x, bottom + 32, spoken(gap.seconds), style.SOFT, 11, italic, "middle"))
    parts.append(_text(14, bottom + 18, "time in the lab (UTC)", style.SOFT, 11))
    return "".join(parts)
