"""An exercise: one function that states what a finished exercise does, and what a learner reads about it.

A lab's checks stand in checks.py. When that grows too long, more files stand beside it: checks_1_life.py,
checks_2_polling.py. They are read in the order of their names, each is one module of the package that checks.py
is, so `from . import something` takes from checks.py what they share.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from labkit.errors import LabkitError, NotFound, UsageError
from labkit.judging.criteria import Criterion, scan
from labkit.judging.values import Value, values_of


class BadChecks(LabkitError):
    """A lab's checks.py cannot be used as it stands. The message names the line and what to change."""


class Exercise:
    """One exercise of a lab. `name` is the name of the check function.

    `points` are what a pass earns without help, `minutes` the measured working time, `hints` three texts from
    direction to almost-there, `covers` the syllabus lines, `star` whether it belongs to the short way.
    """

    def __init__(
        self,
        function: Callable[..., None],
        title: str,
        *,
        points: int,
        minutes: int,
        star: bool,
        hints: tuple[str, ...],
        covers: tuple[str, ...],
    ) -> None:
        self.function = function
        self.name = function.__name__
        self.title = title
        self.points = points
        self.minutes = minutes
        self.star = star
        self.hints = hints
        self.covers = covers
        self.summary = inspect.cleandoc(function.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
        _require_shape(function)

    @cached_property
    def criteria(self) -> tuple[Criterion, ...]:
        """Every criterion the check can judge, in the order of its source. Nothing is run for this."""
        return scan(self.function)

    @cached_property
    def values(self) -> tuple[Value, ...]:
        """What a learner passes by name: `lab.check(name, worker=...)`."""
        return values_of(self.function)

    @property
    def file(self) -> str:
        """The file the check stands in."""
        return self.function.__code__.co_filename

    def __repr__(self) -> str:
        return f"<exercise {self.name}: {self.title}>"


def exercise(
    title: str,
    *,
    points: int = 10,
    minutes: int = 10,
    star: bool = False,
    hints: tuple[str, ...] = (),
    covers: tuple[str, ...] = (),
) -> Callable[[Callable[..., None]], Exercise]:
    """Make a function `check(world, expect, *, values...)` an exercise."""

    def make(function: Callable[..., None]) -> Exercise:
        return Exercise(
            function,
            title,
            points=points,
            minutes=minutes,
            star=star,
            hints=tuple(hints),
            covers=tuple(covers),
        )

    return make


@dataclass
class Question:
    """A question to think about before running a cell. Never graded."""

    text: str
    choices: dict[str, str]
    answer: str
    because: str
    why_not: dict[str, str] = field(default_factory=dict)
    name: str = ""


def question(
    text: str, *, answer: str, because: str, why_not: Mapping[str, str] | None = None, **choices: str
) -> Question:
    """A predict question. Choices are keyword arguments; `answer` is the key of the right one.

    `because` explains the right answer, `why_not` each wrong one by its key.
    Raises `UsageError` when the keys do not fit together.
    """
    why_not = dict(why_not or {})
    if answer not in choices:
        raise UsageError(f"The answer {answer!r} is not one of the choices: {', '.join(choices)}.")
    stray = [key for key in why_not if key not in choices or key == answer]
    if stray:
        raise UsageError(f"why_not explains {', '.join(stray)}, which is no wrong choice of this question.")
    return Question(text, dict(choices), answer, because, why_not)


@dataclass(frozen=True)
class Checks:
    """What the checks of one lab hold. `figure` makes the diagram of the account as it should be, if there is one.

    `path` is checks.py, which may have others beside it: `check_files`.
    """

    path: Path
    exercises: dict[str, Exercise]
    questions: dict[str, Question]
    figure: Callable[[], Any] | None = None

    def exercise(self, name: str) -> Exercise:
        """The exercise of this name. Raises `NotFound` with the nearest names."""
        if name not in self.exercises:
            raise NotFound("exercise", name, self.exercises)
        return self.exercises[name]

    def question(self, name: str) -> Question:
        """The question of this name. Raises `NotFound` with the nearest names."""
        if name not in self.questions:
            raise NotFound("question", name, self.questions)
        return self.questions[name]


def check_files(path: Path) -> list[Path]:
    """The files with a lab's checks: checks.py and every checks_NAME.py beside it, in the order of their names."""
    return [path, *sorted(path.parent.glob("checks_*.py"))]


def load_checks(path: Path) -> Checks:
    """Import a lab's checks.py, and those beside it, by its path. Raises `BadChecks` when one cannot be imported."""
    modules = _import(path)
    exercises: dict[str, Exercise] = {}
    questions: dict[str, Question] = {}
    for module in modules:
        for name, thing in vars(module).items():
            if isinstance(thing, Exercise) and thing.function.__module__ == module.__name__:
                exercises[thing.name] = thing
            elif isinstance(thing, Question):
                thing.name = name
                questions[name] = thing
    return Checks(path, exercises, questions, getattr(modules[0], "figure", None))


def _import(path: Path) -> list[ModuleType]:
    """The modules of `check_files`: checks.py is the package, the others are its modules."""
    name = "labkit_checks_" + re.sub(r"\W", "_", path.parent.name)
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=[str(path.parent)])
    if spec is None or spec.loader is None:
        raise BadChecks(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    before = _taken_out(name)
    sys.modules[name] = module  # type hints of the checks are looked up here
    importlib.invalidate_caches()  # a file may have been written a moment ago
    reading = path
    modules = [module]
    try:
        spec.loader.exec_module(module)
        for reading in check_files(path)[1:]:
            modules.append(importlib.import_module(f"{name}.{reading.stem}"))
    except Exception as error:
        _taken_out(name)
        sys.modules.update(before)
        raise BadChecks(f"{reading} cannot be imported: {type(error).__name__}: {error}") from error
    return modules


def _taken_out(name: str) -> dict[str, ModuleType]:
    """Take a lab's modules out of Python's list of modules, and return them."""
    known = [one for one in sys.modules if one == name or one.startswith(f"{name}.")]
    return {one: sys.modules.pop(one) for one in known}


def _require_shape(function: Callable[..., Any]) -> None:
    parameters = list(inspect.signature(function).parameters.values())
    positional = [one for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    rest = [one for one in parameters if one.kind not in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    if len(positional) != 2 or rest:
        code = function.__code__
        raise BadChecks(
            f"{code.co_filename}, line {code.co_firstlineno}: a check is written "
            f"`def {function.__name__}(world, expect, *, value=...)`."
        )
