"""Rules for a lab's prose: one H1, ordered headings, pictures that exist and have a text twin."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from labkit.workbook.problems import Problem

_HEADING = re.compile(r"^(#{1,6}) +(.+?)\s*#*\s*$")
_FENCE = re.compile(r"^\s*(```|~~~)")
IMAGE = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<target>[^)\s]+)\)")


class Prose(Protocol):
    """A text cell, as far as these rules care."""

    @property
    def source(self) -> str:
        """Its text."""
        ...

    @property
    def line(self) -> int:
        """Where the cell begins in its file."""
        ...

    @property
    def body(self) -> int:
        """Where its text begins in its file."""
        ...


def headings(cell: Prose) -> Iterator[tuple[int, int, str]]:
    """(line in the file, level, title) of each heading in a text cell; code fences do not count."""
    fenced = False
    for offset, line in enumerate(cell.source.splitlines()):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced and (match := _HEADING.match(line)):
            yield cell.body + offset, len(match[1]), match[2]


def is_local(target: str) -> bool:
    """Whether a picture is a file beside the lab, not an address or an inlined picture."""
    return not re.match(r"^[a-z][a-z0-9+.-]*:", target)


def prose_problems(path: Path, cells: Sequence[Prose]) -> list[Problem]:
    """Everything wrong with the prose of one lab."""
    return [*_heading_problems(path, cells), *_image_problems(path, cells)]


def _heading_problems(path: Path, cells: Sequence[Prose]) -> Iterator[Problem]:
    found = [heading for cell in cells for heading in headings(cell)]
    tops = [line for line, level, _ in found if level == 1]
    if not tops:
        line = cells[0].body if cells else 0
        yield Problem(path, line, "There is no H1.", "Begin the first text cell with `# Title of the lab`.")
    elif found[0][1] != 1:
        yield Problem(path, found[0][0], "The first heading is not the H1.", "Move the H1 above it.")
    for line in tops[1:]:
        yield Problem(path, line, "This is a second H1.", "Make it `##`.")
    for (_, before, _), (line, level, title) in itertools.pairwise(found):
        if level > before + 1:
            how = f"Use {before + 1} of `#`."
            yield Problem(path, line, f"{title!r} jumps from level {before} to {level}.", how)


def _image_problems(path: Path, cells: Sequence[Prose]) -> Iterator[Problem]:
    for cell in cells:
        for match in IMAGE.finditer(cell.source):
            line = cell.body + cell.source.count("\n", 0, match.start())
            if not match["alt"].strip():
                how = "Say in the square brackets what it shows, for those who cannot see it."
                yield Problem(path, line, f"The picture {match['target']} has no text.", how)
            if is_local(match["target"]) and not (path.parent / match["target"]).is_file():
                how = f"Put the file beside {path.name}, or correct its name."
                yield Problem(path, line, f"There is no picture {match['target']}.", how)
