"""Runs what stands above an exercise, so that a learner can begin there: `lab.jump_to(...)`."""

from __future__ import annotations

import contextlib
import io
import linecache
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from labkit.errors import LabkitError
from labkit.judging.blame import describe
from labkit.notebook.shell import shell

if TYPE_CHECKING:
    from labkit.course.catalogue import BuiltLab


class CellBroke(LabkitError):
    """A worked example or solution above an exercise did not run: never the learner's fault."""


def run_story(lab: BuiltLab, exercise: str, names: dict[str, Any]) -> tuple[int, list[str]]:
    """Run the setup, the worked examples and the solutions above an exercise in `names`.

    Returns how many cells ran and which variables they made or changed. What they print is not shown.
    Raises `CellBroke` when one of them fails.
    """
    cells = [source for source in (lab.setup(), *lab.story_before(exercise)) if source.strip()]
    before = dict(names)
    with _silent():
        for place, source in enumerate(cells, 1):
            _run(source, f"<lab {lab.number}, cell {place} before {exercise}>", names)
    made = [
        name
        for name, value in names.items()
        if not name.startswith("_") and value is not before.get(name, _run)
    ]
    return len(cells), made


def _run(source: str, file: str, names: dict[str, Any]) -> None:
    # With its source at hand, a traceback shows the line, and a function can be packed for Lambda.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    try:
        exec(compile(source, file, "exec"), names)
    except Exception as error:
        raise CellBroke(
            f"Our fault: a cell that should bring you there broke ({file}: {describe(error)}). "
            "Your account is as it was. Please report it."
        ) from error


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    if shell() is None:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
        return
    from IPython.utils.capture import capture_output

    with capture_output():
        yield
