"""What a learner holds in a notebook: `lab = labkit.open("16")`."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from labkit.course import catalogue
from labkit.course.progress import Progress
from labkit.course.scoring import earned as points_for
from labkit.errors import LabkitError, NotFound, UsageError
from labkit.judging.card import Card, plural
from labkit.loading import lasting
from labkit.notebook import shell
from labkit.notebook.expected import expected
from labkit.notebook.images import HasImages
from labkit.notebook.loads import Loads
from labkit.notebook.views import Views

if TYPE_CHECKING:
    from collections.abc import Callable

    from labkit.course.catalogue import BuiltExercise, BuiltLab
    from labkit.drawing.diagram import Diagram
    from labkit.judging.report import Report
    from labkit.notebook.cards import Fidelity, Note, Prediction
    from labkit.notebook.coursemap import CourseMap
    from labkit.notebook.coverage import Coverage
    from labkit.notebook.header import Header
    from labkit.notebook.tracetable import TraceTable
    from labkit.sandbox import Sandbox, Snapshot
    from labkit.sandbox.clock import Clock
    from labkit.sandbox.faults import Faults

__all__ = ["Lab", "current_lab", "expected", "open", "progress"]

BEFORE_JUMP = "before jump"
"""The name under which `jump_to` keeps the account it replaces."""

_open_lab: Lab | None = None


class Lab(Views, Loads, HasImages):
    """One open lab: its account, its checks, and the learner's progress in it. Made by `labkit.open`."""

    def __init__(self, built: BuiltLab, sandbox: Sandbox, progress: Progress) -> None:
        self._built = built
        self._sandbox = sandbox
        self._progress = progress
        self._snapshots: dict[str, Snapshot] = {}
        self._news: list[str] = []
        self._counting = True
        self._emptied = False

    # -- checking --------------------------------------------------------------------------------

    def check(self, name: str | None = None, /, *unnamed: Any, **values: Any) -> Report:
        """Judge an exercise by what the account does. `name` is its name or number; values go by name.

        Leaves the account as it is. Raises `NotFound` for an unknown exercise.
        """
        if name is None:
            first = self._built.exercises[0].name
            raise UsageError(f'Say which exercise to check, for example lab.check("{first}").')
        one = self._built.exercise(name)
        if unnamed:
            raise UsageError(f'Pass values by name, for example lab.check("{one.name}", answer=42).')
        self._require_open()
        report = self._judge(one, values)
        if self._counting:
            report = self._count(report)
        self._offer_buttons(report)
        return report

    def _judge(self, one: BuiltExercise, values: dict[str, Any]) -> Report:
        from labkit.judging.report import FAULT, Report
        from labkit.judging.run import OUR_FAULT, judge

        key = self._built.key
        try:
            exercise = catalogue.load_checks(self._built).exercise(one.name)
        except LabkitError as error:
            message = f"{OUR_FAULT} {error}"
            return Report(key, one.name, one.number, one.title, FAULT, (), one.points, message=message)
        report = judge(exercise, self._sandbox, values, lab=key, number=one.number, attempts=self._attempts)
        return replace(report, title=one.title, points=one.points)

    def _attempts(self, exercise: str) -> list[Any]:
        from labkit.judging.world import Attempt

        record = self._progress.record(self._built.key, self._built.exercise(exercise).name)
        return [Attempt(one.time, one.status, one.missed) for one in record.attempts]

    def _count(self, report: Report) -> Report:
        """Note the attempt and add what depends on it: points, a known mistake, what to do next."""
        from labkit.judging.report import NOT_STARTED, PASSED
        from labkit.notebook.diagnose import known_mistake
        from labkit.notebook.steps import after_report

        key, name = self._built.key, report.exercise
        record = self._progress.record(key, name)
        earned = record.earned or 0
        if report.status == PASSED:
            earned = max(earned, points_for(report.points, record.hints, record.solution))
        if report.status == NOT_STARTED:
            self._progress.touch(key, name)
        else:
            self._progress.attempt(key, name, report.status, report.missed, earned)
        question = known_mistake(report.missed, self._built.wrong_answers(name))
        steps = after_report(report, self._built, self._progress)
        notices = (*self._take_news(), *self._progress.notice())
        return replace(report, earned=earned, question=question, steps=steps, notices=notices)

    def _offer_buttons(self, report: Report) -> None:
        """Buttons below the report where there is a page to show them; each does what a call does."""
        if not shell.has_front_end() or not report.steps:
            return
        shell.once_shown(report, lambda: self._show_buttons(report.exercise))

    def _show_buttons(self, name: str) -> None:
        try:
            from labkit.notebook.buttons import offer
        except ImportError:  # ipywidgets is not there: the calls in the report do the same
            return
        from labkit.course.scoring import solution_needs

        effort = self._progress.effort(self._built.key, name)
        actions: list[Any] = []
        if not effort.passed:
            actions.append(("Next hint", f'lab.hint("{name}")', lambda: self.hint(name)))
        if not solution_needs(effort):
            label = "Compare with our solution" if effort.passed else "Solution"
            actions.append((label, f'lab.solution("{name}")', lambda: self.solution(name)))
        offer(actions)

    # -- help ------------------------------------------------------------------------------------

    def hint(self, name: str | None = None, level: int | None = None) -> Card:
        """The next hint of an exercise (without a name: of the one you are at), or a level from 1 to 3."""
        from labkit.notebook.help import current_exercise, give_hint

        built = self._built
        one = current_exercise(built, self._progress) if name is None else built.exercise(name)
        hints = catalogue.load_checks(built).exercise(one.name).hints
        return give_hint(built, one, hints, level, self._progress)

    def solution(self, name: str) -> Card:
        """The solution of an exercise. Opens after hint 3 and one check; it leaves half of the points."""
        from labkit.notebook.help import give_solution

        return give_solution(self._built, self._built.exercise(name), self._progress)

    def predict(self, question: str, answer: str | None = None) -> Prediction:
        """Show a question, or answer it with the key of a choice. Never graded.

        Raises `UsageError` when the key is none of the choices.
        """
        from labkit.notebook.cards import Prediction

        asked = catalogue.load_checks(self._built).question(question)
        if answer is None:
            return Prediction(asked)
        key = str(answer).strip().casefold()
        chosen = next((one for one in asked.choices if one.casefold() == key), None)
        if chosen is None:
            offered = "; ".join(f"{one!r}: {text}" for one, text in asked.choices.items())
            raise UsageError(f"{answer!r} is none of the choices. Take one of them by its letter: {offered}")
        card = Prediction(asked, chosen)
        self._progress.predict(self._built.key, question, chosen, bool(card.right))
        return card

    # -- the account -----------------------------------------------------------------------------

    @property
    def sandbox(self) -> Sandbox:
        """The account itself."""
        return self._sandbox

    @property
    def clock(self) -> Clock:
        """The account's clock: `lab.clock.advance(minutes=5)`."""
        return self._sandbox.clock

    @property
    def faults(self) -> Faults:
        """What goes wrong on purpose: `lab.faults.put("sqs.duplicate", 0.03)`."""
        return self._sandbox.faults

    def trace(self, n: int = 20, service: str | None = None, resource: str | None = None) -> TraceTable:
        """The last `n` things that happened in the account, as a table."""
        from labkit.notebook.tracetable import TraceTable

        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise UsageError(f"n is how many events to show, such as lab.trace(50). It is {n!r}.")
        return TraceTable.of(self._sandbox.trace.where(service=service, resource=resource), n)

    def snapshot(self, name: str) -> Note:
        """Keep the account as it is now under a name. `lab.restore(name)` brings it back."""
        from labkit.judging.card import Step
        from labkit.notebook.cards import Note

        self._require_open()
        if not isinstance(name, str) or not name.strip():
            raise UsageError('Give the snapshot a name: lab.snapshot("before").')
        kept = self._snapshots[name] = self._sandbox.snapshot(digest=True)
        digest = {"digest": kept.digest}
        self._sandbox.trace.record("state", "lab", "Snapshot", resource=name, caller="learner", result=digest)
        step = Step("Bring this state back:", f'lab.restore("{name}")')
        return Note("KEPT", f"Your account as it is now, under the name {name!r}", steps=(step,), tone="pass")

    def restore(self, name: str) -> Note:
        """Bring the account back to a snapshot: resources, clock and everything due. The trace goes on."""
        from labkit.notebook.cards import Note

        self._require_open()
        if name not in self._snapshots:
            if not self._snapshots:
                raise UsageError(
                    'No snapshot was made in this session. Make one with lab.snapshot("before").'
                )
            raise NotFound("snapshot", str(name), self._snapshots)
        kept = self._snapshots[name]
        self._sandbox.restore(kept)
        digest = {"digest": kept.digest}
        self._sandbox.trace.record("state", "lab", "Restore", resource=name, caller="learner", result=digest)
        return Note("RESTORED", f"Your account is as it was at the snapshot {name!r}", tone="pass")

    def reset(self) -> Note:
        """Empty the account and set the clock back to now. Progress and points are kept."""
        from labkit.notebook.cards import Note

        self._require_open()
        self._sandbox.reset()
        self._emptied = True
        lines = (
            "Every resource is gone, nothing is due, and the clock shows real time. Your progress is kept.",
            "Your variables still name things of the old account: run the cells above again.",
        )
        return Note("EMPTY", "Your account is a new one", lines, tone="pass")

    def jump_to(self, name: str, into: dict[str, Any] | None = None) -> Note:
        """Begin at an exercise: a new account, in which every example and solution above it is run.

        Earns nothing. Variables are made in the notebook, or in `into`. The account before it is kept.
        """
        from labkit.judging.card import Step
        from labkit.notebook.cards import Note
        from labkit.notebook.jump import run_story

        self._require_open()
        one = self._built.exercise(name)
        names = into if into is not None else shell.namespace()
        if names is None:
            raise UsageError(
                f'Outside a notebook, say where the variables go: lab.jump_to("{name}", into=globals()).'
            )
        kept = self._sandbox.snapshot(digest=True)
        self._snapshots[BEFORE_JUMP] = kept
        self._sandbox.reset()
        names.update(lab=self, labkit=sys.modules["labkit"])
        self._counting = False
        try:
            cells, made = run_story(self._built, one.name, names)
        except BaseException:
            self._sandbox.restore(kept)
            raise
        finally:
            self._counting = True
        made_text = (
            f"Variables set: {', '.join(f'`{each}`' for each in made)}." if made else "No variables were set."
        )
        lines = (
            f"In a new account, {plural(cells, 'cell')} above this exercise ran.",
            made_text,
            "Nothing was earned.",
        )
        step = Step("Back to the account you had:", f'lab.restore("{BEFORE_JUMP}")')
        return Note("READY", f"You are at {one.number} {one.title}", lines, (step,), tone="pass")

    # -- where you are ---------------------------------------------------------------------------

    def progress(self) -> CourseMap:
        """The whole course as a map, and this lab's exercises as a table."""
        from labkit.notebook.coursemap import course_map_of

        return course_map_of(self._progress, self._built)

    def coverage(self) -> Coverage:
        """The topics of the syllabus, and which exercises cover them."""
        from labkit.notebook.coverage import coverage_card

        return coverage_card()

    def fidelity(self) -> Fidelity:
        """For each service of this lab: what is simulated, what differs on AWS, what is not simulated."""
        from labkit.notebook.cards import Fidelity
        from labkit.notebook.fidelity import fidelity_of

        return Fidelity(fidelity_of(self._built.services))

    def header(self) -> Header:
        """Title, objectives, progress, and what you should know."""
        from labkit.notebook.header import header_of

        return header_of(self._built, self._progress, self._sandbox, tuple(self._take_news()))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return self.header()._repr_mimebundle_(include, exclude)

    def __repr__(self) -> str:
        return self.header().text()

    @property
    def key(self) -> str:
        """The lab's full name, such as "16-sqs-standard-queues"."""
        return self._built.key

    def _take_news(self) -> list[str]:
        told, self._news = self._news, []
        return told

    def _say(self, news: str) -> None:
        self._news.append(news)

    def _require_open(self) -> None:
        if not self._sandbox.running:
            raise LabkitError(
                f"The account of lab {self._built.number} is closed. "
                f'Open it again with lab = labkit.open("{self._built.number}").'
            )

    def _wanted_figure(self) -> Callable[[], Diagram] | None:
        return catalogue.load_checks(self._built).figure

    def _after_cell(self, result: Any) -> None:
        """After a cell that failed: one sentence when the order of cells was the reason."""
        error = getattr(result, "error_in_exec", None)
        if error is None or _open_lab is not self:
            return
        from labkit.notebook.advice import advice

        told = advice(error, self._built, self._emptied)
        if told:
            print(told)


def open(name: str | int) -> Lab:  # noqa: A001 - `labkit.open`, as `webbrowser.open`
    """Open a lab: by number ("16"), by the beginning of its name ("16-sqs"), or by its full name.

    In a kernel where it is open already, the same lab comes back with its account. Another lab's account is
    closed first. Raises `NotFound` with the nearest names.
    """
    global _open_lab
    built = catalogue.find(name)
    before, _open_lab = _open_lab, None
    if before is not None and before._sandbox.running:
        if before.key == built.key:
            _open_lab = before
            before._say("This lab is open already: here it is again, with its account as it was.")
            return before
        before._sandbox.stop()
    from labkit.sandbox import Sandbox

    with nullcontext() if "moto.core" in sys.modules else lasting():
        sandbox = Sandbox().start()
    lab = Lab(built, sandbox, Progress())
    _open_lab = lab
    lab._progress.open_lab(built.key)
    if before is not None:
        closed = f"lab {before._built.number}" if before.key != built.key else "this lab"
        lab._say(f"The account of {closed} was closed. This is a new, empty one.")
    shell.after_each_cell(lab._after_cell)
    shell.add_magics()
    return lab


class NoLabOpen(LabkitError, AttributeError):
    """A word that belongs to a lab was used while none is open."""


def current_lab() -> Lab:
    """The lab that is open in this process. Raises `NoLabOpen` when none is."""
    if _open_lab is None:
        raise NoLabOpen("No lab is open. Run the setup cell at the top of the notebook first.")
    return _open_lab


def progress() -> CourseMap:
    """The whole course as a map. Needs no open lab."""
    if _open_lab is not None:
        return _open_lab.progress()
    from labkit.notebook.coursemap import course_map_of

    return course_map_of(Progress(), None)
