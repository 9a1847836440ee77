"""A figure: a picture for eyes, the same in words, and the same as data for programs.

Every figure of labkit is a `Picture`: architectures, timelines, live views. The SVG reaches the notebook as
an image inside the HTML, because that is the one form that JupyterLab shows alike in trusted and in untrusted
notebooks. It brings its own light paper, so it is readable in light and dark themes without knowing which.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from labkit.drawing.svg import accessible
from labkit.errors import UsageError
from labkit.judging.card import Card, esc, prose, wrap
from labkit.judging.style import page

MEDIA_TYPE: Final = "application/vnd.labkit.figure+json"
PAPER: Final = "#ffffff"
_KINDS: Final = (".svg", ".txt", ".html")
_IMAGE: Final = (
    f"max-width:100%;height:auto;background:{PAPER};border-radius:8px;border:1px solid #d9dee4;"
    "box-sizing:border-box;padding:6px;"
)


@dataclass(frozen=True, eq=False, repr=False)
class Picture(Card):
    """A figure with its text twin.

    `drawing` is an SVG document, or empty when it could not be drawn: then the words stand alone. `title` names
    the figure. `description` is one or two sentences that say what to notice. `twin` is everything the drawing
    shows, in lines of text. `note` is one line of help that is shown with it. `payload` is what programs get
    beside these, `kind` its shape ("architecture", "timeline", ...).
    """

    drawing: str
    title: str
    description: str
    twin: str
    kind: str = "figure"
    note: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def svg(self) -> str:
        """The SVG document with its title, its description, the role `img`, and ids of its own; or empty."""
        return accessible(self.drawing, self.title, self.description) if self.drawing else ""

    @property
    def uri(self) -> str:
        """The SVG as a data URI."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg.encode()).decode()

    @property
    def words(self) -> str:
        """One line that stands for the drawing where images cannot be seen."""
        return " ".join(f"{self.title}. {self.description}".split())

    def image(self) -> str:
        """Only the `<img>`, for who lays out several figures; the words when there is no drawing."""
        if not self.svg:
            return f"<pre>{esc(self.twin)}</pre>" if self.twin else ""
        return f'<img src="{self.uri}" alt="{esc(self.words)}" style="{_IMAGE}">'

    def html(self) -> str:
        """The image, what to notice, and the text twin folded away below it."""
        parts = [self.image(), f"<figcaption>{self.caption()}</figcaption>"]
        if self.svg:
            parts.append(self.details())
        return page(f"<figure>{''.join(parts)}</figure>", label=self.title, css="figure")

    def caption(self) -> str:
        """Title, what to notice, and the line of help, as HTML."""
        note = f'<p class="lk-note">{prose(self.note)}</p>' if self.note else ""
        return f"<strong>{esc(self.title)}</strong> {prose(self.description)}{note}"

    def details(self) -> str:
        """The text twin as HTML, folded away."""
        return f"<details><summary>The figure in words</summary><pre>{esc(self.twin)}</pre></details>"

    def text(self) -> str:
        """The whole figure in words."""
        parts = [wrap(self.title, "FIGURE  "), wrap(self.description, "  ") if self.description else ""]
        parts += [
            "",
            self.twin.rstrip() if self.twin else "",
            wrap(self.note, "  Note: ") if self.note else "",
        ]
        return "\n".join(part for place, part in enumerate(parts) if part or place == 2).rstrip()

    def data(self) -> dict[str, Any]:
        """The figure for programs."""
        words = {"title": self.title, "description": self.description, "text": self.twin}
        return {MEDIA_TYPE: {"version": 1, "kind": self.kind, **words, **self.payload}}

    def save(self, path: str | Path) -> Path:
        """Write the figure to a file: `.svg` the drawing, `.txt` the words, `.html` what the notebook shows.

        Returns the path. Raises `UsageError` for another ending, and for `.svg` when nothing was drawn.
        """
        target = Path(path)
        kind = target.suffix.lower()
        if kind not in _KINDS:
            raise UsageError(f'A figure is saved as {", ".join(_KINDS)}: for example save("figure.svg").')
        if kind == ".svg" and not self.svg:
            raise UsageError(f'This figure has no drawing. {self.note} Save the words: save("figure.txt").')
        content = {".svg": lambda: self.svg, ".txt": self.text, ".html": self.html}[kind]()
        target.write_text(content + "\n", encoding="utf-8")
        return target
