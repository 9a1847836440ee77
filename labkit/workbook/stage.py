"""Plays a lab in this process, cell by cell, and tries any answer in front of its exercise.

One stage holds one account. The solved lab is played once from top to bottom; in front of each exercise the state
is kept, and every answer starts from there: the account, the trace, the variables, the progress file.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import io
import linecache
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Any, Self
from unittest.mock import patch

from labkit.errors import LabkitError
from labkit.judging import run
from labkit.judging.blame import describe
from labkit.judging.expect import FAIL, Expect, Stop
from labkit.sandbox import models
from labkit.workbook.assemble import check_source, predict_source, setup_source
from labkit.workbook.bind import Lab
from labkit.workbook.limit import TooLong, at_most, prepare
from labkit.workbook.places import SOLVED
from labkit.workbook.source import Cell

if TYPE_CHECKING:
    from labkit.judging import Report
    from labkit.sandbox import Sandbox, Snapshot

SEED = 20
"""The seed of every check that is proved: the same words and numbers each time, so feedback can be compared."""

CASE_SECONDS = 20
"""What one answer and its check may take, in real seconds. A bent loop may never end."""

PLAIN = (list, dict, set, bytearray, deque)


class CellBroke(LabkitError):
    """A cell of the lab did not run. `line` is where in lab.py."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line
        self.what = what

    def __reduce__(self) -> tuple[type[CellBroke], tuple[int, str]]:
        """It travels between processes; an exception with two arguments does not by itself."""
        return CellBroke, (self.line, self.what)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one answer led to. `broke` says why there is no report; `touched` what the check changed for good."""

    report: Report | None
    broke: str = ""
    touched: str = ""
    line: int = 0  # where in lab.py it broke

    @property
    def passed(self) -> bool:
        """Whether the check passed."""
        return self.report is not None and self.report.passed

    @property
    def missed(self) -> tuple[str, ...]:
        """The criteria that were missed."""
        return self.report.missed if self.report else ()

    def __str__(self) -> str:
        if self.report is None:
            return self.broke
        seen = "; ".join(
            f"{one.id}: {one.seen or one.wanted}" for one in self.report.findings if one.status == "FAIL"
        )
        return f"{self.report.status}" + (f", {seen}" if seen else f", {self.report.message}".rstrip(", "))


@dataclass(frozen=True, slots=True)
class Mark:
    """A state to come back to."""

    account: Snapshot
    trace: deque[Any]
    names: dict[str, Any]
    plain: dict[str, Any]
    progress: bytes | None
    snapshots: dict[str, Snapshot]


class _Brief(Expect):
    """Ends a check at the first criterion that is missed: from there on it cannot pass."""

    def _judge(self, *told: Any, **more: Any) -> None:
        super()._judge(*told, **more)
        if any(one.status == FAIL for one in self.findings):
            raise Stop

    def miss(self, *told: Any, **more: Any) -> None:
        """The learner's code ended the check already."""
        with contextlib.suppress(Stop):
            super().miss(*told, **more)


class Stage:
    """A lab with its account open. A context manager; only one in a process at a time."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.names: dict[str, Any] = {}
        self._exit = ExitStack()
        self._home = Path()

    # -- life ------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            home = stack.enter_context(tempfile.TemporaryDirectory(prefix="labkit-stage-"))
            self._home = Path(home)
            environment = {"LABKIT_HOME": home, "LABKIT_WORKBOOK": str(self.lab.root)}
            stack.enter_context(patch.dict(os.environ, environment))
            stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            stack.enter_context(_fixed_seed())
            prepare()
            models.remember()  # one account after another
            self.names.update({"__name__": "__main__", "__builtins__": __builtins__})
            self._exit = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if "lab" in self.names:
            self.names["lab"].sandbox.stop()
        self._exit.close()

    @property
    def sandbox(self) -> Sandbox:
        """The account. The lab is open once its setup cell ran."""
        from labkit.sandbox import current

        return current()

    # -- playing ---------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the lab without the author's lines. The setup cell then finds it open."""
        self.names["lab"] = self._run(f'import labkit\nlab = labkit.open("{self.lab.key}")\nlab', "open", 1)

    def play(self, cell: Cell) -> None:
        """Run one cell as the solved notebook has it. Raises CellBroke."""
        match cell.role:
            case "setup":
                self._run(setup_source(self.lab), "setup", cell.line)
            case "code" | "solved" | "solution":
                self._run(cell.source, f"{cell.role} in line {cell.line}", cell.body)
            case "predict":
                self._run(predict_source(self.lab, cell.name or "", SOLVED), "predict", cell.line)

    def check(self, exercise: str) -> Outcome:
        """Run the check cell of an exercise and see whether it leaves the account alone."""
        before, due = self._account(), self.sandbox.clock.next_due
        report = self._report(exercise)
        after = self._account()
        # While the check ran, real time went on. What became due by that is not the check's doing.
        stood = abs(after[2] - before[2]) < 1e-6
        came_due = stood and due is not None and due <= self.sandbox.clock.time()
        return Outcome(report, touched="" if came_due else _difference(before, after))

    def _report(self, exercise: str) -> Report:
        own = next(one.check for one in self.lab.source.exercises() if one.name == exercise)
        line = own.body if own else 0
        report: Report = self._run(check_source(own, exercise), f"check of {exercise}", line)
        if not hasattr(report, "findings"):
            raise CellBroke(line, f"The check cell of {exercise!r} does not end with `lab.check(...)`.")
        return report

    def answer(
        self,
        exercise: str,
        source: str,
        line: int,
        seconds: float = CASE_SECONDS,
        between: Callable[[], None] | None = None,
        brief: bool = False,
    ) -> Outcome:
        """Run one answer and its check. Whatever the answer raises becomes an outcome without a report.

        `line` is where the answer stands in lab.py; `between` is called before the check. With `brief`, the check ends
        at the first criterion that is missed, and nobody looks at what it leaves: all it tells is whether it passes.
        """
        try:
            with at_most(seconds):
                self._run(source, f"answer to {exercise}", line)
                if between is not None:
                    between()
                if not brief:
                    return self.check(exercise)
                with patch.object(run, "Expect", _Brief):
                    return Outcome(self._report(exercise))
        except TooLong:
            return Outcome(None, f"It did not end within {seconds:g} seconds.")
        except CellBroke as broke:
            return Outcome(None, broke.what, line=broke.line)

    # -- coming back -----------------------------------------------------------------------------

    def mark(self) -> Mark:
        """The state as it is now."""
        names = dict(self.names)
        plain = copy.deepcopy({name: value for name, value in names.items() if _is_plain(value)})
        progress = self._progress_file
        kept = progress.read_bytes() if progress.exists() else None
        snapshots = dict(names["lab"]._snapshots) if "lab" in names else {}
        return Mark(self.sandbox.snapshot(), deque(_events(self.sandbox)), names, plain, kept, snapshots)

    def back(self, mark: Mark) -> None:
        """Put the state back. Can be done any number of times."""
        self.sandbox.restore(mark.account)
        self.sandbox.trace.swap(deque(mark.trace, mark.trace.maxlen))
        self.names.clear()  # the same dict: functions of earlier cells look their globals up here
        self.names.update(mark.names)
        self.names.update(copy.deepcopy(mark.plain))
        if "lab" in self.names:  # one answer's `lab.snapshot("before")` must not help the next one
            self.names["lab"]._snapshots = dict(mark.snapshots)
        if mark.progress is None:
            self._progress_file.write_text('{"version": 1, "labs": {}}', encoding="utf-8")
        else:
            self._progress_file.write_bytes(mark.progress)

    # -- inside ----------------------------------------------------------------------------------

    @property
    def _progress_file(self) -> Path:
        return self._home / "progress.json"

    def _run(self, source: str, what: str, line: int) -> Any:
        """Run code as a notebook cell does, and return the value of its last expression."""
        file = f"<{self.lab.key}: {what}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        tree = ast.parse(source, file)
        last = tree.body[-1] if tree.body else None
        try:
            if not isinstance(last, ast.Expr):
                exec(compile(tree, file, "exec"), self.names)
                return None
            tree.body.pop()
            exec(compile(tree, file, "exec"), self.names)
            value = eval(compile(ast.Expression(last.value), file, "eval"), self.names)
            repr(value)  # a notebook would show it; some things are told only once
            return value
        except TooLong:
            raise
        except (Exception, SystemExit) as error:
            place = _line_in(error, file)
            where = f" in line {place} of the cell" if place else ""
            at = line + place - 1 if place else line
            raise CellBroke(at, f"It stopped with {describe(error)}{where}.") from error

    def _account(self) -> tuple[str, int, float]:
        sandbox = self.sandbox
        return sandbox.digest(), len(sandbox.trace), sandbox.clock.ahead.total_seconds()


def _events(sandbox: Sandbox) -> deque[Any]:
    events = sandbox.trace.swap()
    sandbox.trace.swap(events)
    return events


def _difference(before: tuple[str, int, float], after: tuple[str, int, float]) -> str:
    """What a check changed, in words; "" where it changed nothing."""
    words = []
    if before[0] != after[0]:
        words.append("the account is not as it was")
    if before[1] != after[1]:
        words.append(f"the trace has {after[1] - before[1]} events more")
    if abs(before[2] - after[2]) > 1e-6:
        words.append(f"the clock moved by {after[2] - before[2]:g} seconds")
    return ", ".join(words)


def _is_plain(value: object) -> bool:
    """Containers of plain data, which an answer may change in place."""
    if isinstance(value, dict):
        return all(map(_is_plain_item, value)) and all(map(_is_plain_item, value.values()))
    return isinstance(value, PLAIN) and all(map(_is_plain_item, value))


def _is_plain_item(value: object) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain_item, value))
    return value is None or isinstance(value, (str, int, float, bytes, bool)) or _is_plain(value)


def _line_in(error: BaseException, file: str) -> int:
    """The line of that file which was running, 0 where none was."""
    found = 0
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == file:
            found = step.tb_lineno
        step = step.tb_next
    return found


@contextlib.contextmanager
def _fixed_seed() -> Iterator[None]:
    """Inside, every check draws the same random values."""
    with patch.object(run, "secrets", SimpleNamespace(randbelow=lambda most: SEED % most)):
        yield
