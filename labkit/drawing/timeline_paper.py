"""The paper timelines are drawn on: matplotlib without its global state, and an SVG fit for a notebook.

matplotlib is imported here and in the modules that draw, never above them: it costs a second. One unit of a
figure is one CSS pixel. Text stays text; it is laid out with the widths of DejaVu Sans, which matplotlib brings,
so every machine draws the same lines.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from labkit.drawing.style import FONTS, INK

WIDTH: Final = 960
LEFT: Final = 208
RIGHT: Final = 30
PLOT: Final = WIDTH - LEFT - RIGHT
"""The room between the names of lanes and the right edge."""
RULE: Final = "#E3E8EE"

_OWN: Final = ("axes", "figure", "font", "grid", "hatch", "legend", "lines", "patch", "path", "scatter")
_TICKS: Final = ("markers", "svg", "text", "xtick", "ytick")
_SETTINGS: Final = {
    "font.family": ["DejaVu Sans"],
    "font.size": 12.0,
    "hatch.linewidth": 0.7,
    "svg.fonttype": "none",
    "svg.hashsalt": "labkit",
    "text.color": INK,
    "text.parse_math": False,  # a learner's "$" is a dollar
}


@contextmanager
def drawing() -> Iterator[None]:
    """matplotlib's settings as ours, whatever the learner has set; hers are put back."""
    settings: Any = {
        name: value
        for name, value in matplotlib.rcParamsDefault.items()
        if name.partition(".")[0] in (*_OWN, *_TICKS)
    }
    settings.update(_SETTINGS)
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # A name may hold signs that the font for measuring lacks. The reader's own font draws them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        yield


def sheet(height: float) -> Figure:
    """An empty figure, `WIDTH` pixels wide."""
    figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72)
    figure.patch.set_visible(False)
    return figure


def to_svg(figure: Figure) -> str:
    """The figure as one SVG element, the same for the same figure."""
    buffer = io.BytesIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(buffer, metadata=nothing)
    text = buffer.getvalue().decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"(width|height)=\"([\d.]+)pt\"", r'\1="\2"', text, count=2)
    text = text.replace("'DejaVu Sans'", FONTS).replace("<svg ", f'<svg font-family="{FONTS}" ', 1)
    used = set(re.findall(r"#([\w-]+)", text))
    # matplotlib names every group; only names that something refers to are worth their bytes.
    return re.sub(r' id="([\w-]+)"', lambda found: found[0] if found[1] in used else "", text)
