"""Everything that is tried with one lab, each thing once, so that many gates can look at it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from labkit.judging import Report
from labkit.workbook import messy
from labkit.workbook.bend import Bend, bends
from labkit.workbook.bind import Lab, bind
from labkit.workbook.reasons import reasons
from labkit.workbook.source import Cell, ExerciseSource
from labkit.workbook.stage import CellBroke, Mark, Outcome, Stage

BENT_SECONDS = 8
"""What a bent solution and its check may take at most, in real seconds."""

PATIENCE = 20
"""A bent solution that takes so many times as long as the straight one does not end."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One answer and what it led to. `kind` is "stub", "solution", "right" or "wrong"."""

    kind: str
    exercise: str
    cell: Cell
    outcome: Outcome


@dataclass(slots=True)
class Played:
    """The answers to one exercise. `broke` is the cell above it that ended everything, with what happened."""

    tried: list[Tried] = field(default_factory=list)
    broke: CellBroke | None = None

    def of(self, *kinds: str) -> list[Tried]:
        """What was tried of these kinds."""
        return [one for one in self.tried if one.kind in kinds]

    def missed_by(self, kind: str) -> set[str]:
        """The criteria that answers of this kind miss."""
        return {name for one in self.of(kind) for name in one.outcome.missed}

    @property
    def reports(self) -> Iterator[tuple[Tried, Report]]:
        """Every report there is."""
        for one in self.tried:
            if one.outcome.report is not None:
                yield one, one.outcome.report


@dataclass(frozen=True, slots=True)
class Solved:
    """The solved lab from top to bottom. `left` is what the account still held after a reset."""

    broke: CellBroke | None
    left: str


class Proof:
    """What proving one lab needs. Each run happens when a gate first asks for it, and only once.

    With `ahead`, the bent solutions are tried together with the written answers, so that the lab is played up to an
    exercise once for both: for who wants to see all gates.
    """

    def __init__(self, lab: Lab, ahead: bool = False) -> None:
        self.lab = lab
        self._ahead = ahead
        self._sources = {one.name: one for one in lab.source.exercises()}
        self._calm: dict[str, Played] = {}
        self._messy: dict[str, Played] = {}
        self._bent: dict[str, list[tuple[Bend, Outcome]]] = {}

    @classmethod
    def of(cls, path: Path, root: Path, ahead: bool = False) -> Proof:
        """Of the lab with this lab.py. Raises SourceError."""
        return cls(bind(path, root), ahead)

    def source(self, exercise: str) -> ExerciseSource:
        """An exercise's cells."""
        return self._sources[exercise]

    def calm(self, exercise: str) -> Played:
        """Every written answer, in an account of its own."""
        if exercise not in self._calm:
            source = self.source(exercise)
            answers = [("stub", source.stub), *_right(source), *(("wrong", cell) for cell in source.wrongs)]
            self._calm[exercise] = self._played(exercise, answers)
        return self._calm[exercise]

    def messy(self, exercise: str) -> Played:
        """Every right answer, in an account full of somebody else's things."""
        if exercise not in self._messy:
            self._messy[exercise] = self._played(exercise, _right(self.source(exercise)), is_messy=True)
        return self._messy[exercise]

    def bent(self, exercise: str) -> list[tuple[Bend, Outcome]]:
        """Every bent solution of one exercise, and whether it passes: its check ends at the first miss.

        Raises CellBroke where the lab does not come to the exercise.
        """
        if exercise not in self._bent:
            with Stage(self.lab) as stage:
                cell = bring_to(stage, exercise)
                self._bent[exercise] = list(_each_bent(stage, stage.mark(), exercise, cell, brief=True))
        return self._bent[exercise]

    def ready_made(self, exercise: str, criterion: str) -> Bend | None:
        """A bent solution that misses this criterion and no other. Raises CellBroke as `bent` does."""
        with Stage(self.lab) as stage:
            cell = bring_to(stage, exercise)
            found = _each_bent(stage, stage.mark(), exercise, cell, brief=False)
            return next((bend for bend, outcome in found if outcome.missed == (criterion,)), None)

    def excuses(self, exercise: str) -> dict[int, str]:
        """The reasons for survival beside the solution, by line of the solution."""
        return reasons(self.source(exercise).solution.source)

    def survivors(self, exercise: str) -> list[tuple[Bend, str | None]]:
        """The bent solutions that pass, each with the reason its author gives; None without one."""
        excuses = self.excuses(exercise)
        return [
            (bend, next((excuses[line] for line in bend.lines if line in excuses), None))
            for bend, outcome in self.bent(exercise)
            if outcome.passed
        ]

    @cached_property
    def solved(self) -> Solved:
        """The solved lab, and then a reset."""
        with Stage(self.lab) as stage:
            broke = None
            try:
                for cell in self.lab.source.cells:
                    stage.play(cell)
            except CellBroke as error:
                broke = error
            return Solved(broke, left_after_reset(stage) if "lab" in stage.names else "")

    def _played(self, exercise: str, answers: list[tuple[str, Cell]], is_messy: bool = False) -> Played:
        played = Played()
        with Stage(self.lab) as stage:
            stage.open()
            if is_messy:
                messy.fill(stage.sandbox, self.lab.source.header.services)
            try:
                solution = bring_to(stage, exercise)
            except CellBroke as broke:
                played.broke = broke
                return played
            mark = stage.mark()
            for kind, answer in answers:
                stage.back(mark)
                outcome = _try(stage, exercise, answer, is_messy)
                played.tried.append(Tried(kind, exercise, answer, outcome))
            if self._ahead and not is_messy and exercise not in self._bent:
                self._bent[exercise] = list(_each_bent(stage, mark, exercise, solution, brief=True))
        return played


def bring_to(stage: Stage, exercise: str) -> Cell:
    """Play the solved lab up to an exercise; returns its solution."""
    for cell in stage.lab.source.cells:
        if cell.exercise == exercise:
            break
        stage.play(cell)
    return next(one.solution for one in stage.lab.source.exercises() if one.name == exercise)


def left_after_reset(stage: Stage) -> str:
    """What is in the account after `lab.reset()`, in words; "" where it is empty."""
    from labkit.sandbox.state import live

    stage.names["lab"].reset()
    sandbox = stage.sandbox
    words = [registry.service_name for registry, accounts in live().items() if accounts]
    words += ["work that is due"] if sandbox.clock.waiting else []
    words += ["a clock that is ahead"] if sandbox.clock.ahead.total_seconds() > 1e-6 else []
    words += ["a trace"] if len(sandbox.trace) else []
    return ", ".join(words)


def _each_bent(
    stage: Stage, mark: Mark, exercise: str, solution: Cell, brief: bool
) -> Iterator[tuple[Bend, Outcome]]:
    stage.back(mark)
    begun = time.monotonic()
    stage.answer(exercise, solution.source, solution.body, brief=True)
    seconds = min(BENT_SECONDS, max(2.0, PATIENCE * (time.monotonic() - begun)))
    for bend in bends(solution.source):
        stage.back(mark)
        yield bend, stage.answer(exercise, bend.source, solution.body, seconds, brief=brief)


def _right(exercise: ExerciseSource) -> list[tuple[str, Cell]]:
    return [("solution", exercise.solution), *(("right", cell) for cell in exercise.rights)]


def _try(stage: Stage, exercise: str, answer: Cell, is_messy: bool) -> Outcome:
    between = (lambda: messy.put_in_flight(stage.sandbox)) if is_messy else None
    return stage.answer(exercise, answer.source, answer.body, between=between)
