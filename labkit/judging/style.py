"""Makes what labkit shows below a cell one piece of HTML, with its style and without scripts."""

from __future__ import annotations

import functools
import re
from pathlib import Path

from labkit.judging.card import esc

_FOLDER = Path(__file__).with_name("styles")


@functools.cache
def sheet(name: str) -> str:
    """One of our style sheets, without comments and spare blanks."""
    text = (_FOLDER / f"{name}.css").read_text(encoding="utf-8")
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"\s+", " ", text)
    return re.sub(r" ?([{};,>]) ?", r"\1", text).replace(": ", ":").strip()


def page(inner: str, *, tone: str = "info", live: bool = False, label: str = "", css: str = "") -> str:
    """A card. `inner` is HTML whose foreign texts are escaped already.

    `tone` is pass, fail, wait, odd or info. `live` makes a screen reader speak the card when it appears;
    `label` names one that does not speak. `css` names a further style sheet.
    """
    role = 'role="status"' if live else f'role="group" aria-label="{esc(label)}"'
    style = sheet("base") + (sheet(css) if css else "")
    kind = f" lk-{css}-card" if css else ""
    return f'<div class="labkit lk-{tone}{kind}" {role}><style>{style}</style>{inner}</div>'
