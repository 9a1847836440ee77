"""Runs a check. Whatever happens inside, a learner reads a report and her account is as it was."""

from __future__ import annotations

import secrets
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from labkit.judging.blame import describe, learner_files, line_in, tell
from labkit.judging.exercises import Exercise
from labkit.judging.expect import REPAIR, Expect, Finding, Stop, not_reached
from labkit.judging.report import FAULT, NOT_STARTED, Report, outcome_of
from labkit.judging.values import misfit
from labkit.judging.world import Attempt, World

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labkit.sandbox import Sandbox
    from labkit.sandbox.trace import Trace

STOPPED: Final = "Stopped. Your account is as it was, and nothing was counted."
OUR_FAULT: Final = (
    "Our fault, not judged: this check broke. Your account is as it was and your score is unchanged."
)


class Interrupted(KeyboardInterrupt):
    """The learner stopped a check. IPython shows one sentence instead of our traceback."""

    def __init__(self) -> None:
        super().__init__(STOPPED)

    def _render_traceback_(self) -> list[str]:
        return [STOPPED, "KeyboardInterrupt"]


def judge(
    exercise: Exercise,
    sandbox: Sandbox,
    values: Mapping[str, object] | None = None,
    *,
    lab: str = "",
    number: str = "",
    seed: int | None = None,
    attempts: Callable[[str], Sequence[Attempt]] = lambda _: (),
) -> Report:
    """Run one check in a rehearsal and report.

    `values` are what the learner passed by name. `seed` makes the random values; without it they are fresh.
    Raises nothing but `Interrupted`, when Ctrl-C was pressed; the account is put back before that.
    """
    begun = time.perf_counter()
    given = dict(values or {})
    chosen = secrets.randbelow(1_000_000) if seed is None else seed
    blank = Report(
        lab=lab,
        exercise=exercise.name,
        number=number,
        title=exercise.title,
        status=FAULT,
        findings=(),
        points=exercise.points,
        seed=chosen,
    )
    try:
        report = _judged(exercise, sandbox, given, blank, attempts)
    except KeyboardInterrupt:
        raise Interrupted from None
    except BaseException as error:
        report = _fault(blank, exercise, error)
    return replace(report, seconds=time.perf_counter() - begun)


def _judged(
    exercise: Exercise,
    sandbox: Sandbox,
    values: dict[str, object],
    blank: Report,
    attempts: Callable[[str], Sequence[Attempt]],
) -> Report:
    problem = misfit(exercise.name, exercise.values, values)
    if problem:
        return replace(blank, status=NOT_STARTED, message=problem, findings=_complete(exercise, ()))
    expect = Expect()
    world = World(sandbox, blank.seed, _trace_so_far(sandbox), attempts)
    with world.rehearsal(), _limited_output():
        sandbox.faults.clear()  # a check brings its own faults; the learner's are put back at its end
        sandbox.faults.seed = blank.seed
        try:
            exercise.function(world, expect, **values)
        except Stop:
            pass
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if not _learner_stopped(exercise, expect, values, error):
                raise
    findings = _complete(exercise, expect.findings)
    status = outcome_of(findings)
    if status is None:
        left = ", ".join(one.id for one in findings if one.status == "NOT REACHED") or "anything"
        raise RuntimeError(f"the check of {exercise.name} ended without judging {left}")
    return replace(blank, status=status, findings=findings)


def _learner_stopped(
    exercise: Exercise, expect: Expect, values: Mapping[str, object], error: BaseException
) -> bool:
    """When the error came from the learner's own lines, note it as the next criterion missed."""
    files = learner_files(values.values()) - {exercise.file}
    if line_in(error, files) is None and not _cannot_be_called(error, values.values()):
        return False
    waiting = [one for one in exercise.criteria if not expect.judged(one.id)]
    if not waiting:
        return False
    functions = [name for name, value in values.items() if learner_files([value])]
    expect.miss(waiting[0].id, waiting[0].wanted, tell(error, files, functions[0]), REPAIR)
    return True


def _cannot_be_called(error: BaseException, values: Iterable[object]) -> bool:
    """Whether a function of the learner's does not take what it is handed: none of its lines ran."""
    names = {getattr(value, "__qualname__", None) for value in values}
    return isinstance(error, TypeError) and str(error).partition("()")[0] in names


def _complete(exercise: Exercise, judged: Sequence[Finding]) -> tuple[Finding, ...]:
    """All criteria in the order of the check; those nobody came to are NOT REACHED."""
    by_id = {one.id: one for one in judged}
    listed = [
        by_id.pop(one.id) if one.id in by_id else not_reached(one.id, one.wanted, one.prerequisite)
        for one in exercise.criteria
    ]
    return (*listed, *by_id.values())


def _fault(blank: Report, exercise: Exercise, error: BaseException) -> Report:
    line = line_in(error, {exercise.file})
    where = f" in line {line.number} of the check" if line else ""
    message = (
        f"{OUR_FAULT} Please report it, with the lab, the number of the exercise and the seed "
        f"below. ({describe(error)}{where})"
    )
    trouble = "".join(traceback.format_exception(error))
    return replace(blank, status=FAULT, message=message, trouble=trouble)


def _trace_so_far(sandbox: Sandbox) -> Trace:
    """The learner's trace as it stands, not touched by what the check does."""
    from labkit.sandbox.trace import Trace

    with sandbox.lock:
        events = sandbox.trace.swap()
        sandbox.trace.swap(events)
    return Trace.holding(events)


# -- output of the learner's functions -----------------------------------------------------------

SHOWN_LINES: Final = 20


class _Limited:
    """Passes on the first lines a learner's functions print during a check and counts the others."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self._lines = 0

    def write(self, text: str) -> int:
        if self._lines < SHOWN_LINES:
            kept = "".join(text.splitlines(keepends=True)[: SHOWN_LINES - self._lines])
            self._real.write(kept)
        self._lines += text.count("\n")
        return len(text)

    def say_rest(self) -> None:
        hidden = self._lines - SHOWN_LINES
        if hidden > 0:
            self._real.write(f"({hidden:,} more lines printed during this check are not shown.)\n")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@contextmanager
def _limited_output() -> Iterator[None]:
    import sys

    real = sys.stdout
    limited = _Limited(real)
    sys.stdout = limited
    try:
        yield
    finally:
        if sys.stdout is limited:
            sys.stdout = real
        limited.say_rest()
