"""Two figures side by side, and below them what differs, in sentences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from labkit.drawing.compare import Difference, differences
from labkit.drawing.picture import MEDIA_TYPE, Picture
from labkit.errors import UsageError
from labkit.judging.card import Card, esc, plural, prose, wrap
from labkit.judging.style import page

SAME: Final = "Yours has everything that is wanted."
_SHOWN: Final = 12
"""Sentences shown of what is there without being wanted; how many more there are is said."""


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Card):
    """Yours beside wanted. `difference` is what to work with in code."""

    mine: Picture
    wanted: Picture
    difference: Difference
    names: tuple[str, str] = ("Yours", "Wanted")

    @property
    def verdict(self) -> str:
        """The result in one sentence."""
        if self.difference.complete:
            return SAME
        return f"{plural(len(self.difference.wrong), 'difference')} to what is wanted."

    def html(self) -> str:
        """Both figures and the list of differences."""
        figures = "".join(
            f"<figure><figcaption><strong>{esc(name)}</strong> {esc(picture.title)}</figcaption>"
            f"{picture.image()}{picture.details() if picture.svg else ''}</figure>"
            for name, picture in self._both()
        )
        rows = "".join(f"<li>{prose(one)}</li>" for one in self.difference.wrong)
        listed = f"<ul>{rows}</ul>" if rows else ""
        notes = {picture.note for _, picture in self._both() if picture.note}
        said = "".join(f'<p class="lk-note">{prose(note)}</p>' for note in sorted(notes))
        inner = (
            f'<div class="lk-beside">{figures}</div><p class="lk-lead"><strong>{esc(self.verdict)}</strong></p>'
            f"{listed}{self._also_html()}{said}"
        )
        return page(inner, label=f"{self.names[0]} beside {self.names[1]}", css="figure")

    def _also_html(self) -> str:
        rows = "".join(f"<li>{prose(one)}</li>" for one in self._also())
        return f"<details><summary>Not asked for</summary><ul>{rows}</ul></details>" if rows else ""

    def _also(self) -> list[str]:
        also = self.difference.also
        more = [f"And {len(also) - _SHOWN} more."] if len(also) > _SHOWN else []
        return [*also[:_SHOWN], *more]

    def text(self) -> str:
        """The differences first, then both figures in words."""
        lines = [wrap(self.verdict, "COMPARISON  ")]
        lines += [wrap(one, "  - ", "    ") for one in self.difference.wrong]
        if also := self._also():
            lines += ["  Not asked for:", *(wrap(one, "  - ", "    ") for one in also)]
        for name, picture in self._both():
            lines += ["", wrap(picture.title, f"{name.upper()}  "), picture.twin]
        return "\n".join(lines)

    def data(self) -> dict[str, Any]:
        """Both figures and the differences for programs."""
        both = {
            name: picture.data()[MEDIA_TYPE]
            for name, picture in zip(("mine", "wanted"), self._pictures(), strict=True)
        }
        return {
            MEDIA_TYPE: {
                "version": 1,
                "kind": "comparison",
                **both,
                "difference": differences(self.difference),
            }
        }

    def save(self, path: str | Path) -> Path:
        """Write it to a file: `.html` or `.txt`. Raises `UsageError` for another ending."""
        target = Path(path)
        if target.suffix.lower() not in (".html", ".txt"):
            raise UsageError('A comparison is saved as .html or .txt: for example save("beside.html").')
        target.write_text((self.html() if target.suffix.lower() == ".html" else self.text()) + "\n", "utf-8")
        return target

    def _pictures(self) -> tuple[Picture, Picture]:
        return self.mine, self.wanted

    def _both(self) -> list[tuple[str, Picture]]:
        return list(zip(self.names, self._pictures(), strict=True))
