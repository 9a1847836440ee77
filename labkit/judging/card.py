"""What every thing labkit shows has in common: one media bundle, with an HTML and a complete text form."""

from __future__ import annotations

import html as _html
import re
import textwrap
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

WIDTH: Final = 88
"""The widest line of a text form."""

LONGEST: Final = 600
"""Characters shown of one text that a learner's code made; the middle of longer ones is left out."""

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Step(NamedTuple):
    """What a learner can do next: a sentence, and the call that does it (may be empty)."""

    text: str
    call: str = ""


class Card:
    """Something shown below a cell. Subclasses say what it looks like as HTML and as text."""

    def html(self) -> str:
        """The inner HTML, escaped where it holds anything a learner or author wrote."""
        raise NotImplementedError

    def text(self) -> str:
        """The same in plain text, complete: nothing lives only in the HTML."""
        raise NotImplementedError

    def data(self) -> dict[str, Any]:
        """Further forms for programs, by media type."""
        return {}

    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None, **_: Any
    ) -> dict[str, Any]:
        forms: dict[str, Any] = {"text/html": self.html(), "text/plain": self.text(), **self.data()}
        wanted = set(include or forms) - set(exclude or ())
        return {name: form for name, form in forms.items() if name in wanted}

    def __repr__(self) -> str:
        return self.text()


def clean(text: object) -> str:
    """A text safe to show: no control characters and none that change the direction of reading."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", str(text))


def shorten(text: object) -> str:
    """A text that is not endless: of a long one, the beginning and the end."""
    shown = str(text)
    if len(shown) <= LONGEST + 40:  # to say that two characters are left out takes longer than to show them
        return shown
    left_out = len(shown) - LONGEST
    return f"{shown[: LONGEST // 2]} ... ({left_out:,} characters left out) ... {shown[-LONGEST // 2 :]}"


def esc(text: object) -> str:
    """Text as HTML, with nothing in it that could be markup."""
    return _html.escape(clean(text), quote=True)


def prose(text: object) -> str:
    """A sentence as HTML; what stands between backticks is set as code."""
    parts = esc(text).split("`")
    if len(parts) % 2 == 0:  # an odd backtick is one of the learner's own: leave all as they are
        return "`".join(parts)
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))


def code(text: str) -> str:
    """A piece of code as HTML."""
    return f"<code>{esc(text)}</code>"


def wrap(text: object, first: str = "", rest: str | None = None) -> str:
    """Text broken into lines of at most `WIDTH`, with a lead for the first line and one for the others."""
    lead = " " * len(first) if rest is None else rest
    lines: list[str] = []
    for paragraph in clean(text).splitlines() or [""]:
        begin = first if not lines else lead
        lines += textwrap.wrap(
            paragraph,
            WIDTH,
            initial_indent=begin,
            subsequent_indent=lead,
            break_on_hyphens=False,
            break_long_words=False,
        ) or [begin.rstrip()]
    return "\n".join(lines)


def fenced(source: str, indent: str = "    ") -> str:
    """Code for the text form: moved to the right, never broken."""
    return textwrap.indent(source.rstrip(), indent)


def plural(count: int, one: str, many: str = "") -> str:
    """A number with its noun: "1 point", "2 points"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
