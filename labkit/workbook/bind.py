"""A lab's source together with what it names: its checks, its facts, its pictures.

Reading lab.py alone cannot tell whether "dead_letter" is an exercise or F57 a fact. This can, and says which line
of which file to change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from labkit.errors import LabkitError, nearest
from labkit.judging.exercises import Checks, Exercise, Question, load_checks
from labkit.workbook.facts import Fact, read_facts
from labkit.workbook.problems import Problem, SourceError
from labkit.workbook.prose import headings
from labkit.workbook.source import Cell, LabSource, read

_NUMBERED = re.compile(r"^(\d+\.\d+)\b")


@dataclass(frozen=True)
class Lab:
    """A lab whose source, checks and facts fit together. `root` is the workbook it belongs to."""

    source: LabSource
    checks: Checks
    facts: dict[str, Fact]
    root: Path

    @property
    def key(self) -> str:
        """The lab's full name: the name of its folder."""
        return self.source.key

    @property
    def exercises(self) -> list[Exercise]:
        """In the order of the lab."""
        return [self.checks.exercises[one.name] for one in self.source.exercises()]

    def number(self, exercise: str) -> str:
        """An exercise's number in the course: "16.5"."""
        place = [one.name for one in self.source.exercises()].index(exercise) + 1
        return f"{self.source.header.number}.{place}"

    def heading(self, exercise: str) -> str:
        """The heading an exercise stands under."""
        return f"{self.number(exercise)} · {self.checks.exercises[exercise].title}"

    def question(self, name: str) -> Question:
        """A predict question of checks.py."""
        return self.checks.questions[name]

    def in_checks(self, exercise: str, what: str, how: str) -> Problem:
        """A problem at the place in the checks where an exercise is defined."""
        return _at(self.checks.exercises[exercise], what, how)


def bind(path: Path, root: Path) -> Lab:
    """Read a lab.py and everything it names. Raises SourceError, which lists every problem."""
    source = read(path)
    checks = _checks(path.with_name("checks.py"))
    facts = read_facts(root / "data" / "facts.toml")
    lab = Lab(source, checks, facts, root)
    problems = [*_exercise_problems(source, checks), *_name_problems(lab)]
    if not problems:  # numbers are only right once both files list the same exercises
        problems = [*_heading_problems(lab), *_value_problems(lab)]
    if problems:
        raise SourceError(problems)
    return lab


def _at(exercise: Exercise, what: str, how: str) -> Problem:
    """A problem where an exercise is defined."""
    return Problem(Path(exercise.file), exercise.function.__code__.co_firstlineno, what, how)


def _checks(path: Path) -> Checks:
    if not path.is_file():
        how = "Write the lab's checks there; `labkit new` shows how they begin."
        raise SourceError([Problem(path, 0, "There is no such file.", how)])
    try:
        return load_checks(path)
    except LabkitError as error:
        raise SourceError([Problem(path, 0, str(error), "Repair it.")]) from error


def _exercise_problems(source: LabSource, checks: Checks) -> Iterator[Problem]:
    stubs = {one.name: one.stub for one in source.exercises()}
    for name, stub in stubs.items():
        if name not in checks.exercises:
            near = nearest(name, checks.exercises, most=1)
            how = f"Did you mean {near[0]!r}? " if near else ""
            how += f"Add the function {name} to {checks.path.name}, or correct the name."
            yield source.problem(stub.line, f"checks.py has no exercise {name!r}.", how)
    for name, exercise in checks.exercises.items():
        if name not in stubs:
            how = f'Add `# %% stub exercise="{name}"` to {source.path.name}, or delete the function.'
            yield _at(exercise, f"The exercise {name!r} has no stub.", how)
    both = [name for name in stubs if name in checks.exercises]
    defined = [name for name in checks.exercises if name in stubs]
    for here, there in zip(both, defined, strict=True):
        if here != there:
            how = f"Put the functions into the order of {source.path.name}."
            yield _at(checks.exercises[there], f"{there!r} stands where the lab has {here!r}.", how)
            break


def _name_problems(lab: Lab) -> Iterator[Problem]:
    number = lab.source.header.number
    for cell in lab.source.cells:
        name = cell.name or ""
        if cell.role == "predict" and name not in lab.checks.questions:
            near = nearest(name, lab.checks.questions, most=1)
            how = f"Did you mean {near[0]!r}? " if near else ""
            how += f"Add `{name} = question(...)` to checks.py, or correct the name."
            yield lab.source.problem(cell.line, f"checks.py has no question {name!r}.", how)
        elif cell.role == "fact" and name not in lab.facts:
            near = nearest(name, lab.facts, most=1)
            how = f"Did you mean {near[0]!r}? " if near else ""
            how += f"Add `[{name}]` to data/facts.toml, or correct the name."
            yield lab.source.problem(cell.line, f"There is no fact {name!r}.", how)
        elif cell.role == "fact" and number not in lab.facts[name].labs:
            how = f'Add "{number}" to the labs of [{name}] in data/facts.toml.'
            yield lab.source.problem(cell.line, f"The fact {name} does not list this lab.", how)
    asked = {cell.name for cell in lab.source.cells if cell.role == "predict"}
    for name in lab.checks.questions:
        if name not in asked:
            how = f'Add `# %% predict question="{name}"` to lab.py, or delete the question.'
            yield Problem(lab.checks.path, 0, f"The question {name!r} is never asked.", how)


def _heading_problems(lab: Lab) -> Iterator[Problem]:
    """Each exercise stands under a heading of its own that carries its number and its title."""
    above: list[tuple[int, str]] = []
    for cell in lab.source.cells:
        if cell.role == "text":
            above += [(line, title) for line, _, title in headings(cell) if _NUMBERED.match(title)]
        if cell.role == "stub" and cell.exercise:
            yield from _heading_problem(lab, cell, cell.exercise, above)
            above = []
    for line, title in above:
        how = "Give it a stub, or take the number away."
        yield lab.source.problem(line, f"The heading {title!r} has no exercise below it.", how)


def _heading_problem(lab: Lab, stub: Cell, exercise: str, above: list[tuple[int, str]]) -> Iterator[Problem]:
    wanted = lab.heading(exercise)
    if not above:
        how = f"Write `## {wanted}` in a text cell above it."
        yield lab.source.problem(stub.line, f"The exercise {exercise!r} has no heading.", how)
        return
    for line, title in above[:-1]:
        yield lab.source.problem(line, f"The heading {title!r} has no exercise below it.", "Give it a stub.")
    line, title = above[-1]
    if title != wanted:
        how = f"Write `## {wanted}`, or change the title in {lab.checks.path.name}."
        yield lab.source.problem(line, f"The heading {title!r} does not fit the exercise {exercise!r}.", how)


def _value_problems(lab: Lab) -> Iterator[Problem]:
    """A check that takes values needs a check cell that passes them."""
    for one in lab.source.exercises():
        values = [value for value in lab.checks.exercises[one.name].values if not value.optional]
        call = f'lab.check("{one.name}", {", ".join(f"{value.name}=..." for value in values)})'
        if values and one.check is None:
            what = f"The check of {one.name!r} takes {', '.join(value.name for value in values)}."
            yield lab.source.problem(one.stub.line, what, f"Add a cell `# %% check` with `{call}` below it.")
        elif one.check is not None and f'"{one.name}"' not in one.check.source:
            how = f"Let it end with `{call}`."
            yield lab.source.problem(one.check.line, f"This cell does not check {one.name!r}.", how)
