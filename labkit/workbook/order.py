"""Gate 10: a lab runs after any other lab, and from any of its exercises."""

from __future__ import annotations

from collections.abc import Iterator

from labkit.workbook.bind import Lab, bind
from labkit.workbook.places import sources
from labkit.workbook.problems import Problem, SourceError
from labkit.workbook.stage import CellBroke, Outcome, Stage


def order_problems(lab: Lab) -> Iterator[Problem]:
    """Everything that only works in one order."""
    yield from _from_each_exercise(lab)
    yield from _after_another_lab(lab)


def _from_each_exercise(lab: Lab) -> Iterator[Problem]:
    """Last exercise first: nothing an earlier one left behind can help."""
    with Stage(lab) as stage:
        stage.open()
        holder = stage.names["lab"]
        for exercise in reversed(lab.source.exercises()):
            clean = {name: value for name, value in stage.names.items() if name.startswith("__")}
            stage.names.clear()
            stage.names.update(clean, lab=holder)
            outcome = _jump_and_solve(stage, exercise.name)
            if not outcome.passed:
                what = f'After `lab.jump_to("{exercise.name}")` its solution does not pass: {outcome}.'
                how = "Move what it needs into a cell above it that both notebooks run: setup, code or a solution."
                yield lab.source.problem(exercise.solution.line, what, how)


def _jump_and_solve(stage: Stage, exercise: str) -> Outcome:
    from labkit.errors import LabkitError

    try:
        stage.names["lab"].jump_to(exercise, into=stage.names)
    except LabkitError as error:
        return Outcome(None, str(error))
    solution = next(one.solution for one in stage.lab.source.exercises() if one.name == exercise)
    return stage.answer(exercise, solution.source, solution.body)


def _after_another_lab(lab: Lab) -> Iterator[Problem]:
    """The next lab of the course is played first, and not cleaned up."""
    paths = sources(lab.root)
    other_path = paths[(paths.index(lab.source.path) + 1) % len(paths)]
    if other_path == lab.source.path:
        return
    try:
        other = bind(other_path, lab.root)
    except SourceError:
        return  # that lab's own gates tell
    with Stage(other) as before:
        try:
            for cell in other.source.cells:
                before.play(cell)
        except CellBroke:
            return
        yield from _solved_here(lab, other)


def _solved_here(lab: Lab, other: Lab) -> Iterator[Problem]:
    """The solved lab once, from top to bottom. Nobody plays it again over what it left itself."""
    what = f"After lab {other.source.header.number}"
    how = "Let nothing depend on a fresh kernel."
    with Stage(lab) as stage:
        try:
            for cell in lab.source.cells:
                if cell.role != "solution":
                    stage.play(cell)
                    continue
                outcome = stage.answer(str(cell.exercise), cell.source, cell.body)
                if not outcome.passed:
                    yield lab.source.problem(cell.line, f"{what} the solution does not pass: {outcome}.", how)
        except CellBroke as broke:
            yield lab.source.problem(broke.line, f"{what} this lab does not run. {broke.what}", how)
