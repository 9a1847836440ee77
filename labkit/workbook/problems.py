"""What authors are told: one problem, one place in one file, one cure."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from labkit.errors import LabkitError


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing an author must change.

    `line` counts from 1; 0 stands for the whole file. `what` says what is wrong, `how` what to change.
    """

    path: Path
    line: int
    what: str
    how: str

    def __str__(self) -> str:
        place = shown(self.path) + (f":{self.line}" if self.line else "")
        return f"{place}: {self.what} {self.how}"


class SourceError(LabkitError):
    """A lab's source that cannot be built. `problems` lists everything found, not only the first thing."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(map(str, self.problems)))


def shown(path: Path) -> str:
    """The path as an author would type it: relative to the working directory where it lies below it."""
    inside = os.path.relpath(path)
    return str(path) if inside.startswith("..") else Path(inside).as_posix()
