"""How states and their outcomes look. Each outcome has a sign and a word besides its colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from labkit.drawing.glyphs import GLYPHS
from labkit.drawing.icons import SERVICES
from labkit.drawing.states.graph import Box
from labkit.drawing.style import FAILED, INK, OFF, PAPER, SOFT


@dataclass(frozen=True, slots=True)
class Look:
    """How a card looks: ground, edge, the colour of its words, the word in the legend, its sign (SVG in 12 units)."""

    fill: str
    edge: str
    ink: str
    word: str
    sign: str = ""
    dashed: bool = False


_CHECK: Final = '<path d="M3.4 6.2l1.9 2 3.4-4"/>'
_CROSS: Final = '<path d="M4 4l4 4M8 4l-4 4"/>'
_LOOP: Final = '<path d="M9 6a3 3 0 1 1-1.1-2.3M8.3 2.1l-.2 1.9 1.9.2"/>'
_PLAY: Final = '<path d="M4.8 3.6L8.8 6l-4 2.4z" fill="#fff"/>'
_STOP: Final = '<path d="M4.2 4.2h3.6v3.6H4.2z" fill="#fff"/>'
_CAUGHT: Final = '<path d="M3.6 3.4h2.2a2 2 0 0 1 2 2v2.8M6 6.8l1.8 1.900 1.8-1.900"/>'

LOOKS: Final = {
    "done": Look("#F2F6E8", "#5C7A10", "#436000", "done", _CHECK),
    "retried": Look("#FDF3DF", "#A36200", "#8A5200", "done after retries", _LOOP),
    "caught": Look("#FFF1EA", "#C2541B", "#A33B00", "failed, and caught", _CAUGHT),
    "failed": Look("#FBE3E6", FAILED, "#A81E36", "failed", _CROSS),
    "running": Look("#E8F2FA", "#0F5E93", "#0B4F7D", "running", _PLAY),
    "stopped": Look("#EEF1F4", SOFT, "#48566C", "stopped", _STOP),
    "far": Look(PAPER, SOFT, SOFT, "in child executions"),
    "": Look(PAPER, OFF, SOFT, "not visited", dashed=True),
    "plain": Look(PAPER, SOFT, INK, "a state"),
}
"""State of a box -> its look; "plain" when no execution is shown."""
TAKEN: Final = "#2B3A50"
"""The colour of an arrow that was taken."""
QUIET: Final = "#8B98AB"
"""The colour of an arrow that was not taken: a line, no text. It is dotted too."""

_QUESTION: Final = '<path d="M18 18.5c0-8 12-8 12-.5 0 5-6 5-6 10M24 34v.8"/>'
_KINDS: Final = {
    "Choice": '<path d="M24 9.5L38.5 24 24 38.5 9.5 24z"/><path d="M24 18v7M24 30v.6"/>',
    "Parallel": '<path d="M24 9.5v7M12 38.5v-9c0-8 24-8 24 0v9M24 16.5v22"/>',
    "Map": '<rect x="9.5" y="17" width="21" height="21" rx="3"/><path d="M15 11.5h18.5a3 3 0 0 1 3 3V33"/>',
    "Wait": GLYPHS["clock"],
    "Pass": '<path d="M10 24h26M27 14.5l9.5 9.5-9.5 9.5"/>',
    "Succeed": '<path d="M11.5 25l8.500 9 16.5-20"/>',
    "Fail": '<path d="M13 13l22 22M35 13L13 35"/>',
    "missing": _QUESTION,
    "unknown": _QUESTION,
}
_COLOURS: Final = {
    "Succeed": "#5C7A10",
    "Fail": FAILED,
    "missing": FAILED,
    "unknown": FAILED,
    "Choice": "#6B2FE0",
    "Wait": "#0F5E93",
}


def chip(box: Box) -> tuple[str, str]:
    """The colour of a card's tile, and the pictogram in it: the service of a task, the type of another state."""
    if box.kind == "Task":
        service = SERVICES.get(box.word, SERVICES["generic"])
        return service.colour, service.markup
    return _COLOURS.get(box.kind, SOFT), _KINDS.get(box.kind, GLYPHS["cube"])
