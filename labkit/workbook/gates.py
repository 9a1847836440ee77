"""The fourteen gates of a lab, each a small function from a proof to what the author must change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from labkit.judging.report import FAULT
from labkit.workbook import assemble, build, feedback, places
from labkit.workbook.order import order_problems
from labkit.workbook.problems import Problem
from labkit.workbook.proof import Played, Proof, Solved, Tried
from labkit.workbook.shape import shape_problems
from labkit.workbook.sockets import socket_problems
from labkit.workbook.stage import CellBroke

Problems = Iterator[Problem]


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate: its number in the design, what it asks, and the functions that look at a lab and an exercise."""

    number: int
    asks: str
    of_lab: Callable[[Proof], Problems] | None = None
    of_exercise: Callable[[Proof, str], Problems] | None = None

    def look(self, proof: Proof) -> Problems:
        """Everything this gate finds in a lab and in all its exercises."""
        if self.of_lab:
            yield from self.of_lab(proof)
        if self.of_exercise:
            for exercise in proof.lab.exercises:
                yield from self.of_exercise(proof, exercise.name)


def shape(proof: Proof) -> Problems:
    """Gate 1."""
    yield from shape_problems(proof.lab)


def stub_fails(proof: Proof, exercise: str) -> Problems:
    """Gate 2."""
    yield from _broken(proof, proof.calm(exercise))
    for one in proof.calm(exercise).of("stub"):
        if one.outcome.report is None:
            how = "A learner runs every cell: let the stub run as it is."
            yield _at(proof, one, f"The stub of {exercise!r} breaks. {one.outcome.broke}", how)
        elif one.outcome.passed:
            how = "Let the check look at what the exercise asks for, or take the answer out of the stub."
            yield _at(proof, one, f"The untouched stub of {exercise!r} passes.", how)
        else:
            yield from _fault(proof, one)


def right_answers_pass(proof: Proof, exercise: str) -> Problems:
    """Gate 3."""
    yield from _broken(proof, proof.calm(exercise))
    refused = [one for one in proof.calm(exercise).of("solution", "right") if not one.outcome.passed]
    for one in refused:
        how = "Repair the answer, or let the check judge what it does and not how."
        yield _at(proof, one, f"{_named(one)} does not pass: {one.outcome}.", how)
    told = [one.cell for one in refused]
    for one in proof.messy(exercise).tried:
        if not one.outcome.passed and one.cell not in told:
            what = f"{_named(one)} passes alone, but not among other people's things: {one.outcome}."
            how = "Let the check find what it made itself, by a fresh name or message id, and count nothing else."
            yield proof.lab.in_checks(exercise, what, how)


def wrong_answers_fail(proof: Proof, exercise: str) -> Problems:
    """Gate 4."""
    yield from _broken(proof, proof.calm(exercise))
    for one in proof.calm(exercise).of("wrong"):
        if one.outcome.report is None:
            how = (
                'Let it run to its end. A function that breaks when it is called is wrong with `finds="..."`.'
            )
            yield _at(proof, one, f"{_named(one)} breaks before it is checked. {one.outcome.broke}", how)
        elif one.outcome.report.status == FAULT:
            yield from _fault(proof, one)
        elif set(one.outcome.missed) != set(one.cell.finds):
            missed = ",".join(one.outcome.missed)
            what = f"{_named(one)} should miss {', '.join(one.cell.finds)}. It misses {missed or 'nothing'}."
            rename = f'Write `finds="{missed}"` if that is meant, or repair the check.'
            yield _at(proof, one, what, rename if missed else "Sharpen the check.")


def every_criterion_is_missed(proof: Proof, exercise: str) -> Problems:
    """Gate 5. A stub does nothing and so misses almost everything: it proves prerequisites only."""
    played = proof.calm(exercise)
    yield from _broken(proof, played)
    by_stub, by_wrong = played.missed_by("stub"), played.missed_by("wrong")
    for criterion in proof.lab.checks.exercises[exercise].criteria:
        if criterion.id in by_wrong or (criterion.prerequisite and criterion.id in by_stub):
            continue
        what = f"No wrong answer to {exercise!r} misses the criterion {criterion.id!r}."
        how = f'Add `# %% wrong because="..." finds="{criterion.id}"` to lab.py, or drop the criterion.'
        how += _suggested(proof, criterion.id, exercise)
        yield Problem(Path(criterion.file), criterion.line, what, how)


def bent_solutions_fail(proof: Proof, exercise: str) -> Problems:
    """Gate 6."""
    source, solution = proof.lab.source, proof.source(exercise).solution
    try:
        survivors = proof.survivors(exercise)
    except CellBroke as broke:
        yield source.problem(broke.line, f"The lab does not come to {exercise!r}. {broke.what}", "Repair it.")
        return
    for bend, reason in survivors:
        if reason is None:
            how = "Sharpen the check; where the bent answer is right, end the line with `# survives: reason`."
            what = f"A bent solution of {exercise!r} passes: {bend.what}."
            yield source.problem(solution.body + bend.line - 1, what, how)
    for line, reason in proof.excuses(exercise).items():
        where = solution.body + line - 1
        if not reason:
            yield source.problem(where, "This `# survives:` gives no reason.", "Say why it is right.")
        elif not any(line in bend.lines for bend, _ in survivors):
            yield source.problem(where, "Nothing bent survives here.", "Delete the `# survives:` comment.")


def notebooks_run(proof: Proof) -> Problems:
    """Gate 7."""
    from labkit.workbook import notebooks  # here, because a kernel's machinery takes long to load

    lab = proof.lab
    where = places.places(lab.source.path, lab.root)
    missing = [path for path in (where.learner, where.solved) if not path.exists()]
    for path in missing:
        yield Problem(path, 0, "This notebook is missing.", f"Run `labkit build {lab.source.header.number}`.")
    if missing:
        return
    for verdict in notebooks.run([where.learner, where.solved], lab.root / "build" / "notebooks", jobs=1):
        lines = assemble.lines(lab, verdict.edition)
        for fault in verdict.faults:
            line = lines[fault.cell] if fault.cell is not None and fault.cell < len(lines) else 0
            how = f"Repair it. The notebook that shows it is kept: {verdict.kept}."
            yield lab.source.problem(line, f"In the {verdict.edition} notebook: {fault.what}", how)


def check_leaves_no_trace(proof: Proof, exercise: str) -> Problems:
    """Gate 8."""
    yield from _broken(proof, proof.calm(exercise))
    for one in (*proof.calm(exercise).tried, *proof.messy(exercise).tried):
        if one.outcome.touched:
            what = f"The check of {exercise!r} leaves something behind ({one.kind} answer): {one.outcome.touched}."
            how = "Change the account only through `world`, and the clock only through `world.clock`."
            yield proof.lab.in_checks(exercise, what, how)


def reset_empties(proof: Proof) -> Problems:
    """Gate 9."""
    yield from _broken(proof, proof.solved)
    if proof.solved.left:
        what = f"After `lab.reset()` the account still holds: {proof.solved.left}."
        yield proof.lab.source.problem(0, what, "This is labkit's own fault: mend `Sandbox.reset`.")


def any_order(proof: Proof) -> Problems:
    """Gate 10."""
    yield from order_problems(proof.lab)


def generated_is_current(proof: Proof) -> Problems:
    """Gate 11."""
    yield from build.stale(proof.lab)


def stays_on_this_machine(proof: Proof) -> Problems:
    """Gate 12."""
    yield from socket_problems(proof.lab)


def reports_read_as_text(proof: Proof, exercise: str) -> Problems:
    """Gate 13."""
    for one, report in proof.calm(exercise).reports:
        missing = feedback.missing_in_text(report)
        if missing:
            what = f"The report of the {one.kind} answer to {exercise!r} has no {missing} in its text form."
            yield _at(proof, one, what, "This is labkit's own fault: mend labkit/judging/render.py.")


GATES: tuple[Gate, ...] = (
    Gate(1, "the lab has everything a lab has", shape),
    Gate(2, "no untouched stub passes", of_exercise=stub_fails),
    Gate(3, "every right answer passes, also in a messy account", of_exercise=right_answers_pass),
    Gate(4, "every wrong answer misses what it names", of_exercise=wrong_answers_fail),
    Gate(5, "every criterion is missed by some wrong answer", of_exercise=every_criterion_is_missed),
    Gate(6, "no bent solution passes without a reason", of_exercise=bent_solutions_fail),
    Gate(7, "both notebooks run under papermill", notebooks_run),
    Gate(8, "a check leaves no trace", of_exercise=check_leaves_no_trace),
    Gate(9, "reset leaves an empty account", reset_empties),
    Gate(10, "the lab runs after any other, and from any exercise", any_order),
    Gate(11, "generated files are what the source gives", generated_is_current),
    Gate(12, "no socket but loopback is opened", stays_on_this_machine),
    Gate(13, "reports are complete as text", of_exercise=reports_read_as_text),
    Gate(14, "the feedback is the one reviewers have read", feedback.left_over, feedback.differences),
)


def _named(one: Tried) -> str:
    if one.kind == "solution":
        return f"The solution of {one.exercise!r}"
    return f"The {one.kind} answer to {one.exercise!r} ({one.cell.because})"


def _at(proof: Proof, one: Tried, what: str, how: str) -> Problem:
    return proof.lab.source.problem(one.outcome.line or one.cell.line, what, how)


def _broken(proof: Proof, played: Played | Solved) -> Problems:
    """A cell between the exercises that does not run: nothing below it was tried."""
    if played.broke is not None:
        what = f"The solved lab does not run to its end. {played.broke.what}"
        yield proof.lab.source.problem(
            played.broke.line, what, "Repair the cell; nothing below it was tried."
        )


def _fault(proof: Proof, one: Tried) -> Problems:
    if one.outcome.report is not None and one.outcome.report.status == FAULT:
        what = f"The check of {one.exercise!r} itself breaks on the {one.kind} answer: {one.outcome.report.message}"
        yield proof.lab.in_checks(one.exercise, what, "Let the check cope with any state of the account.")


def _suggested(proof: Proof, criterion: str, exercise: str) -> str:
    """A bent solution that misses a criterion is a ready-made wrong answer."""
    with suppress(CellBroke):
        if bend := proof.ready_made(exercise, criterion):
            return f" This one would do: in the solution, {bend.what}."
    return ""
