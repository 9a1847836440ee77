"""What an author and a learner write, in short: exercises from functions, functions from notebook cells."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from typing import Any

from labkit.judging import Exercise, exercise


def as_exercise(function: Callable[..., None], **more: Any) -> Exercise:
    return exercise("Do it", hints=("a", "b", "c"), **more)(function)


def cell(source: str) -> dict[str, Any]:
    """Run a learner's cell and return her variables."""
    file = f"<cell {abs(hash(source))}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names: dict[str, Any] = {}
    exec(compile(source, file, "exec"), names)
    return names
