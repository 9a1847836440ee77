"""Everything that is tried with one lab, each thing once, so that many gates can look at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from labkit.judging import Report
from labkit.workbook import messy
from labkit.workbook.bend import Bend, bends
from labkit.workbook.bind import Lab, bind
from labkit.workbook.reasons import reasons
from labkit.workbook.source import Cell, ExerciseSource
from labkit.workbook.stage import CellBroke, Outcome, Stage

BENT_SECONDS = 8
"""What a bent solution and its check may take, in real seconds."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One answer and what it led to. `kind` is "stub", "solution", "right" or "wrong"."""

    kind: str
    exercise: str
    cell: Cell
    outcome: Outcome


@dataclass(slots=True)
class Played:
    """One run of the solved lab. `broke` is the cell that ended it early, with what happened."""

    tried: list[Tried] = field(default_factory=list)
    broke: CellBroke | None = None
    left: str = ""  # what was in the account after a reset

    def of(self, *kinds: str) -> list[Tried]:
        """What was tried of these kinds."""
        return [one for one in self.tried if one.kind in kinds]

    @property
    def reports(self) -> Iterator[tuple[Tried, Report]]:
        """Every report there is."""
        for one in self.tried:
            if one.outcome.report is not None:
                yield one, one.outcome.report


class Proof:
    """What proving one lab needs. Each run happens when a gate first asks for it, and only once."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._bent: dict[str, list[tuple[Bend, Outcome]]] = {}

    @classmethod
    def of(cls, path: Path, root: Path) -> Proof:
        """Of the lab with this lab.py. Raises SourceError."""
        return cls(bind(path, root))

    @cached_property
    def calm(self) -> Played:
        """Every written answer, in an account of its own."""
        return self._played(_every_answer)

    @cached_property
    def messy(self) -> Played:
        """Every right answer, in an account full of somebody else's things."""
        return self._played(_right_answers, is_messy=True)

    def bent(self, exercise: str) -> list[tuple[Bend, Outcome]]:
        """Every bent solution of one exercise. Raises CellBroke where the lab does not come to it."""
        if exercise not in self._bent:
            with Stage(self.lab) as stage:
                cell = bring_to(stage, exercise)
                mark = stage.mark()
                found = []
                for bend in bends(cell.source):
                    stage.back(mark)
                    found.append((bend, stage.answer(exercise, bend.source, cell.body, BENT_SECONDS)))
                self._bent[exercise] = found
        return self._bent[exercise]

    def excused(self, exercise: str) -> dict[int, str]:
        """The reasons for survival beside the solution, by line of the solution."""
        return reasons(self._source(exercise).solution.source)

    def _source(self, exercise: str) -> ExerciseSource:
        return next(one for one in self.lab.source.exercises() if one.name == exercise)

    def _played(
        self, answers: Callable[[ExerciseSource], list[tuple[str, Cell]]], is_messy: bool = False
    ) -> Played:
        played = Played()
        with Stage(self.lab) as stage:
            stage.open()
            if is_messy:
                messy.fill(stage.sandbox, self.lab.source.header.services)
            try:
                for cell in self.lab.source.cells:
                    if cell.role == "stub" and cell.exercise:
                        mark = stage.mark()
                        for kind, answer in answers(self._source(cell.exercise)):
                            stage.back(mark)
                            outcome = _try(stage, cell.exercise, answer, is_messy)
                            played.tried.append(Tried(kind, cell.exercise, answer, outcome))
                        stage.back(mark)
                    stage.play(cell)
            except CellBroke as broke:
                played.broke = broke
            if "lab" in stage.names:
                played.left = left_after_reset(stage)
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


def _every_answer(exercise: ExerciseSource) -> list[tuple[str, Cell]]:
    wrongs = [("wrong", cell) for cell in exercise.wrongs]
    return [("stub", exercise.stub), *_right_answers(exercise), *wrongs]


def _right_answers(exercise: ExerciseSource) -> list[tuple[str, Cell]]:
    return [("solution", exercise.solution), *(("right", cell) for cell in exercise.rights)]


def _try(stage: Stage, exercise: str, answer: Cell, is_messy: bool) -> Outcome:
    between = (lambda: messy.put_in_flight(stage.sandbox)) if is_messy else None
    return stage.answer(exercise, answer.source, answer.body, between=between)
