"""Exercises and questions, and reading them from a checks.py."""

from __future__ import annotations

import sys
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


MORE = """
from __future__ import annotations
from labkit.judging import Expect, World, exercise
from . import Order, shared

@exercise("{title}")
def {name}(world: World, expect: Expect, *, order: Order) -> None:
    \"\"\"It takes what checks.py has.\"\"\"
    shared(expect)
"""


def several(folder: Path) -> Path:
    """A checks.py with a helper, and two files beside it that use the helper."""
    path = write(folder, SOURCE + 'def shared(expect: Expect) -> None:\n    expect("two", True, "Two.")\n')
    for file, name in (("checks_2_late.py", "fourth"), ("checks_1_early.py", "third")):
        source = MORE.format(title=name.title(), name=name)
        (folder / file).write_text(source, encoding="utf-8")
    return path


def test_checks_may_stand_in_several_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    checks = load_checks(several(tmp_path))
    assert list(checks.exercises) == ["second", "first", "third", "fourth"]
    third = checks.exercise("third")
    assert third.file == str(tmp_path / "checks_1_early.py")
    assert third.values[0].wanted == "a Order"


def test_criteria_of_a_helper_in_another_file_are_listed_with_their_place(tmp_path: Path) -> None:
    path = several(tmp_path)
    (criterion,) = load_checks(path).exercise("fourth").criteria
    assert (criterion.id, criterion.file) == ("two", str(path))
    assert (
        path.read_text(encoding="utf-8").splitlines()[criterion.line - 1].strip().startswith('expect("two"')
    )


def test_a_file_beside_checks_is_read_again_with_it(tmp_path: Path) -> None:
    path = several(tmp_path)
    load_checks(path)
    changed = MORE.format(title="A longer title than before", name="fourth")
    (tmp_path / "checks_2_late.py").write_text(changed, encoding="utf-8")
    (tmp_path / "checks_1_early.py").unlink()
    checks = load_checks(path)
    assert list(checks.exercises) == ["second", "first", "fourth"]
    assert checks.exercise("fourth").title == "A longer title than before"


def test_of_several_files_the_broken_one_is_named(tmp_path: Path) -> None:
    path = several(tmp_path)
    load_checks(path)
    known = {name: module for name, module in sys.modules.items() if name.startswith("labkit_checks_")}
    (tmp_path / "checks_2_late.py").write_text("from . import no_such_helper", encoding="utf-8")
    with pytest.raises(BadChecks, match=r"checks_2_late\.py cannot be imported: ImportError"):
        load_checks(path)
    left = {name: module for name, module in sys.modules.items() if name.startswith("labkit_checks_")}
    assert left == known


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
