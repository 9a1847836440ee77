"""Text in figures: made safe, measured, broken into lines, and cut where it is too long.

The layout engine never sees a name. It gets boxes, measured here, so every text can be drawn: markup, emoji,
any alphabet. The widths are those of Helvetica and Arial.
"""

from __future__ import annotations

import functools
import unicodedata
from typing import Final

from labkit.judging.card import clean

CUT: Final = "\N{HORIZONTAL ELLIPSIS}"
_SLACK: Final = 1.04
"""Other sans-serif fonts of the stack are a little wider than the one that was measured."""
_BOLD: Final = 1.07
_WIDE: Final = 1250
_OTHER: Final = 620
_BREAKS: Final = "-_./: "
_SHORTEST: Final = 4
"""A line of fewer characters, such as the `i-` of an instance, looks lost."""
_SAME_WIDTH: Final = {
    191: "'",
    222: "ijl",
    260: "|",
    278: " !,./:;I[\\]ft",
    333: "()-`r",
    334: "{}",
    355: '"',
    389: "*",
    469: "^",
    500: "Jcksvxyz",
    556: "#$0123456789?L_abdeghnopqu",
    584: "+<=>~",
    611: "FTZ",
    667: "&ABEKPSVXY",
    722: "CDHNRUw",
    778: "GOQ",
    833: "Mm",
    889: "%",
    944: "W",
    1015: "@",
}
"""Width in thousandths of the font size -> the characters that have it."""
_WIDTHS: Final = {one: width for width, same in _SAME_WIDTH.items() for one in same}


def safe(text: object) -> str:
    """A text as one line that any document can hold: no control characters, no broken ones."""
    told = str(text).encode("utf-8", "replace").decode("utf-8")
    return " ".join(clean(" ".join(told.split())).split())


@functools.lru_cache(maxsize=4096)
def width(text: str, size: float, bold: bool = False) -> float:
    """The width of a line of text in points, when its font has that size."""
    thousandths = sum(map(_character, text))
    return thousandths / 1000 * size * _SLACK * (_BOLD if bold else 1)


def _character(one: str) -> int:
    if one in _WIDTHS:
        return _WIDTHS[one]
    if unicodedata.combining(one) or one in "\N{ZERO WIDTH JOINER}\N{VARIATION SELECTOR-16}":
        return 0
    if unicodedata.east_asian_width(one) in "WF" or ord(one) > 0x1F000:
        return _WIDE
    return _OTHER


def cut(text: str, size: float, most: float, bold: bool = False) -> str:
    """The text, or its beginning and its end when it is wider than `most` points."""
    if width(text, size, bold) <= most:
        return text
    low, high = 0, len(text)
    while low < high:  # the most characters that fit
        middle = (low + high + 1) // 2
        if width(_shortened(text, middle), size, bold) <= most:
            low = middle
        else:
            high = middle - 1
    return _shortened(text, low)


def _shortened(text: str, kept: int) -> str:
    """Names often differ at their end (`-dlq`), so a third of what is kept comes from there."""
    end = kept // 3
    return text[: kept - end] + CUT + (text[-end:] if end else "")


def lines(text: str, size: float, most: float, bold: bool = False, count: int = 2) -> list[str]:
    """The text in at most `count` lines, none wider than `most` points. The last one is cut if it must be."""
    told = safe(text)
    result: list[str] = []
    while told and len(result) < count - 1 and width(told, size, bold) > most:
        end = _break(told, size, most, bold)
        if not end:
            break
        result.append(told[:end].rstrip())
        told = told[end:].lstrip()
    if told:
        result.append(cut(told, size, most, bold))
    return result


def _break(text: str, size: float, most: float, bold: bool) -> int:
    """How many characters the first line takes: to the last good place that fits, or 0 when there is none."""
    fitting = [
        place
        for place, one in enumerate(text, 1)
        if one in _BREAKS and place > _SHORTEST and width(text[:place].rstrip(), size, bold) <= most
    ]
    good = [place for place in fitting if text[place - 2 : place] in (", ", "; ")]
    return (good or fitting or [0])[-1]
