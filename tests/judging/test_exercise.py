"""Exercises and questions, and reading them from a checks.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labkit.errors import NotFound, UsageError
from labkit.judging import load_checks, question
from labkit.judging.exercises import BadChecks
from tests.judging.cells import as_exercise

SOURCE = '''
from __future__ import annotations
from dataclasses import dataclass
from labkit.judging import Expect, World, exercise, question

@dataclass
class Order:
    total: int

@exercise("Second", points=20, minutes=4, star=True, hints=("a", "b", "c"), covers=("L1",))
def second(world: World, expect: Expect, *, order: Order) -> None:
    """It is second.

    More.
    """
    expect("one", True, "One.")

@exercise("First")
def first(world: World, expect: Expect) -> None:
    """It is first."""
    expect("one", True, "One.")

why = question("Why?", a="so", b="not so", answer="a", because="So.")
'''


def write(folder: Path, source: str) -> Path:
    path = folder / "checks.py"
    path.write_text(source, encoding="utf-8")
    return path


def test_a_checks_file_gives_its_exercises_and_questions(tmp_path: Path) -> None:
    checks = load_checks(write(tmp_path, SOURCE))
    assert list(checks.exercises) == ["second", "first"]
    second = checks.exercise("second")
    assert (second.title, second.points, second.minutes, second.star) == ("Second", 20, 4, True)
    assert (second.hints, second.covers, second.summary) == (("a", "b", "c"), ("L1",), "It is second.")
    assert [one.id for one in second.criteria] == ["one"]
    assert second.values[0].wanted == "a Order"
    assert checks.question("why").name == "why"
    with pytest.raises(NotFound, match="Did you mean 'first'"):
        checks.exercise("frist")
    with pytest.raises(NotFound, match="question"):
        checks.question("what")


@pytest.mark.parametrize("source", ["def broken(", "import no_such_module", "1 / 0"])
def test_a_checks_file_that_cannot_run_is_named(tmp_path: Path, source: str) -> None:
    with pytest.raises(BadChecks, match=r"checks\.py cannot be imported: \w+Error"):
        load_checks(write(tmp_path, source))


def no_expect(world: Any) -> None: ...


def loose(world: Any, expect: Any, *values: Any) -> None: ...


@pytest.mark.parametrize("check", [no_expect, loose])
def test_a_check_of_another_shape_is_refused(check: Any) -> None:
    with pytest.raises(BadChecks, match=r"a check is written `def \w+\(world, expect, \*, value=\.\.\.\)`"):
        as_exercise(check)


def test_the_keys_of_a_question_fit_together() -> None:
    with pytest.raises(UsageError, match="'c' is not one of the choices: a, b"):
        question("?", a="1", b="2", answer="c", because="x")
    with pytest.raises(UsageError, match="why_not explains a"):
        question("?", a="1", b="2", answer="a", because="x", why_not={"a": "no"})
