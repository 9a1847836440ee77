"""From a diagram to its picture: lay out, fold if it is too wide, paint; or say why it is in words only."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from labkit.drawing import words
from labkit.drawing.dot import Plan, source
from labkit.drawing.layout import Layout, read
from labkit.drawing.paint import paint
from labkit.drawing.picture import Picture
from labkit.drawing.render import NoRenderer, render
from labkit.drawing.style import COMFORTABLE, WIDEST

if TYPE_CHECKING:
    from labkit.drawing.diagram import Diagram

PLANS: Final = (Plan(), Plan(between=0.3), Plan(5, 0.4), Plan(4, 0.4), Plan(3, 0.4), Plan(2, 0.35))
"""Ways to lay a diagram out. Folding costs more than small letters, so the narrow ones come last."""
PATIENCE: Final = 1.0
"""Seconds after which no narrower layout is tried."""


def draw(diagram: Diagram, note: str = "") -> Picture:
    """The picture of a diagram, or its words with one line that says why there is no drawing."""
    drawing = ""
    if diagram.nodes or diagram.groups:
        try:
            drawing = paint(diagram, _best_layout(diagram))
        except NoRenderer as error:
            note = f"{note} {error}".strip()
    return Picture(
        drawing, diagram.title, words.notice(diagram), words.twin(diagram), "architecture", note,
        words.payload(diagram),
    )  # fmt: skip


def _best_layout(diagram: Diagram) -> Layout:
    """The first layout that is comfortably wide, or that cannot get narrower without a fold; else the narrowest."""
    tried: dict[str, Layout] = {}
    began = time.monotonic()
    for place, plan in enumerate(PLANS):
        dot = source(diagram, plan)
        if dot not in tried:
            tried[dot] = read(render(dot))
        width = tried[dot].width
        if time.monotonic() - began > PATIENCE:
            break
        if width <= COMFORTABLE or (place > 0 and width <= WIDEST):
            return tried[dot]
    return min(tried.values(), key=lambda one: one.width)
