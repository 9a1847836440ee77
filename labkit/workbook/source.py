"""Reads a lab's source, `lab.py`: a percent script, read one way only and never written back.

A cell begins with `# %%`, a role, and the role's attributes in double quotes:

    # %% [markdown]                               prose; one H1, then ordered headings
    # %% setup                                    lines after the generated `lab = labkit.open(...)`
    # %%                                          a worked example: runs in both notebooks
    # %% fact id="F57"                            a callout made from data/facts.toml; has no body
    # %% predict question="how_many"              a question of checks.py; has no body
    # %% stub exercise="dead_letter"              what the learner starts from
    # %% solution                                 then, directly below: the solution,
    # %% right because="..."                      other right answers,
    # %% wrong because="..." finds="third,exists" wrong answers and the criteria they miss,
    # %% check                                    and the check cell (default: `lab.check("dead_letter")`)
    # %% learner   # %% solved                    code for only one of the two notebooks
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

from labkit.errors import nearest
from labkit.workbook.header import Header, read_header
from labkit.workbook.problems import Problem, SourceError
from labkit.workbook.prose import prose_problems

# role -> the attributes it must have; there are no optional ones
ROLES: dict[str, tuple[str, ...]] = {
    "text": (),
    "setup": (),
    "code": (),
    "fact": ("id",),
    "predict": ("question",),
    "stub": ("exercise",),
    "solution": (),
    "right": ("because",),
    "wrong": ("because", "finds"),
    "check": (),
    "learner": (),
    "solved": (),
}
BODILESS = {"fact", "predict"}
MAY_BE_EMPTY = {"setup", "stub", *BODILESS}
IN_EXERCISE = {"stub", "solution", "right", "wrong", "check"}

_HEADER = re.compile(r"^# %%(?: (?P<rest>.*))?$")
_NEARLY_HEADER = re.compile(r"^\s*#\s*%%")
_MAGIC = re.compile(r"^\s*[%!]")


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the source. `line` is where its `# %%` stands, `body` where its first line of text stands."""

    role: str
    source: str
    line: int
    body: int
    exercise: str | None = None
    because: str | None = None
    finds: tuple[str, ...] = ()
    name: str | None = None  # the id of a fact, the name of a question


@dataclass(frozen=True, slots=True)
class ExerciseSource:
    """All cells of one exercise. `check` is None where the default call is meant."""

    name: str
    stub: Cell
    solution: Cell
    rights: tuple[Cell, ...]
    wrongs: tuple[Cell, ...]
    check: Cell | None


@dataclass(frozen=True, slots=True)
class LabSource:
    """A lab as its author wrote it. `path` is its lab.py; `key` the name of its folder."""

    path: Path
    header: Header
    cells: tuple[Cell, ...]

    @property
    def key(self) -> str:
        """The lab's full name: the name of its folder."""
        return self.path.parent.name

    @property
    def folder(self) -> Path:
        """Where lab.py, checks.py and the pictures lie."""
        return self.path.parent

    def problem(self, line: int, what: str, how: str) -> Problem:
        """A problem in this lab.py."""
        return Problem(self.path, line, what, how)

    def exercises(self) -> list[ExerciseSource]:
        """The exercises in the order of the lab."""
        names = [cell.exercise for cell in self.cells if cell.role == "stub"]
        return [self._exercise(name) for name in names if name]

    def _exercise(self, name: str) -> ExerciseSource:
        mine = [cell for cell in self.cells if cell.exercise == name]
        by_role = {role: [cell for cell in mine if cell.role == role] for role in IN_EXERCISE}
        return ExerciseSource(
            name,
            by_role["stub"][0],
            by_role["solution"][0],
            tuple(by_role["right"]),
            tuple(by_role["wrong"]),
            by_role["check"][0] if by_role["check"] else None,
        )


@dataclass(slots=True)
class _Reading:
    """What has been read of one file so far."""

    path: Path
    problems: list[Problem] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    exercise: str | None = None  # the exercise whose cells we are among
    lost: bool = False  # whether the last stub could not be read

    def wrong(self, line: int, what: str, how: str) -> None:
        self.problems.append(Problem(self.path, line, what, how))

    def line_of(self, role: str, exercise: str | None) -> int:
        """Where the first cell of that role (and exercise) stands, 0 where there is none."""
        found = (cell.line for cell in self.cells if cell.role == role and cell.exercise == exercise)
        return next(found, 0)


def read(path: Path) -> LabSource:
    """Read one lab.py.

    Raises SourceError, which lists every problem with its line and its cure.
    """
    text = _text(path)
    reading = _Reading(path)
    notebook = _parse(path, text)
    header = read_header(path, text, notebook["metadata"], reading.problems)
    _read_cells(reading, text, notebook["cells"])
    _check_whole(reading)
    reading.problems += prose_problems(path, [c for c in reading.cells if c.role == "text"])
    if reading.problems or header is None:
        raise SourceError(reading.problems)
    return LabSource(path, header, tuple(reading.cells))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        problem = Problem(path, 0, "There is no such file.", "Make a lab with `labkit new NUMBER SLUG`.")
        raise SourceError([problem]) from None
    except UnicodeDecodeError as error:
        problem = Problem(path, 0, f"This file is not UTF-8 ({error.reason}).", "Save it as UTF-8.")
        raise SourceError([problem]) from None


def _parse(path: Path, text: str) -> dict[str, list[dict[str, object]]]:
    """The notebook jupytext sees, as plain dicts."""
    import jupytext  # here, because importing it takes seconds and learners never need it

    try:
        notebook = jupytext.reads(text, fmt="py:percent")
    except Exception as error:  # jupytext lets through whatever its YAML reader raises
        how = "Repair the `# ---` header: plain YAML under `jupyter:` and `labkit:`."
        raise SourceError([Problem(path, 1, f"The header cannot be read: {error}.", how)]) from None
    return {"metadata": notebook["metadata"], "cells": notebook["cells"]}


def _read_cells(reading: _Reading, text: str, found: list[dict[str, object]]) -> None:
    places = _places(reading, text)
    if len(found) == len(places) + 1 and found[0]["source"]:
        reading.wrong(1, "There is code before the first cell.", "Write `# %%` above it.")
        found = found[1:]
    if len(found) != len(places):
        reading.wrong(0, "Some cells cannot be told apart.", "Begin each cell with a line `# %%` of its own.")
        return
    for (line, body), raw in zip(places, found, strict=True):
        cell = _cell(reading, line, body, raw)
        if cell is not None:
            reading.cells.append(cell)
            _check_code(reading, cell)


def _places(reading: _Reading, text: str) -> list[tuple[int, int]]:
    """(line of `# %%`, line where the text begins) of each cell. Lines inside strings do not count."""
    from jupytext.stringparser import StringParser

    lines = text.splitlines()
    strings = StringParser("python")
    starts = []
    for number, line in enumerate(lines, start=1):
        quoted = strings.is_quoted()
        strings.read_line(line)
        if quoted or not _NEARLY_HEADER.match(line):
            continue
        if not _HEADER.match(line):
            reading.wrong(
                number, f"{line.strip()!r} is not how a cell begins.", "Write `# %% role` at its start."
            )
        starts.append(number)
    return [(start, _first_text(lines, start)) for start in starts]


def _first_text(lines: list[str], start: int) -> int:
    for number in range(start + 1, len(lines) + 1):
        if lines[number - 1].strip():
            return number
    return start


def _cell(reading: _Reading, line: int, body: int, raw: dict[str, object]) -> Cell | None:
    source = str(raw["source"])
    attributes = {str(k): str(v) for k, v in dict(raw["metadata"]).items() if k != "lines_to_next_cell"}  # type: ignore[call-overload]
    title = attributes.pop("title", "")
    role = "text" if raw["cell_type"] == "markdown" else title or "code"
    if not _role_is_known(reading, line, role) or not _attributes_fit(reading, line, role, attributes):
        reading.lost = reading.lost or role.startswith("stub")
        return None
    _check_body(reading, line, role, source)
    finds = tuple(one.strip() for one in attributes.get("finds", "").split(",") if one.strip())
    if role == "wrong" and not finds:
        reading.wrong(
            line, "finds is empty.", "Name the criteria of the check that this wrong answer misses."
        )
    return Cell(
        role,
        source,
        line,
        body,
        _exercise_of(reading, line, role, attributes),
        attributes.get("because"),
        finds,
        attributes.get("id") or attributes.get("question"),
    )


def _role_is_known(reading: _Reading, line: int, role: str) -> bool:
    if role in ROLES:
        return True
    offered = nearest(role, ROLES) or sorted(ROLES)
    reading.wrong(line, f"There is no role {role!r}.", f"Use one of: {', '.join(offered)}.")
    return False


def _attributes_fit(reading: _Reading, line: int, role: str, attributes: dict[str, str]) -> bool:
    wanted = ROLES[role]
    if unread := attributes.get("incorrectly_encoded_metadata"):
        how = f"Write each value in double quotes: {_example(role)}."
        reading.wrong(line, f"{unread!r} cannot be read.", how)
        return False
    for name in attributes:
        if name not in wanted:
            reading.wrong(line, f"A {role} cell has no attribute {name!r}.", f"Write {_example(role)}.")
            return False
    for name in wanted:
        if not attributes.get(name, "").strip():
            reading.wrong(line, f"This {role} cell has no {name}.", f"Write {_example(role)}.")
            return False
    return True


def _example(role: str) -> str:
    """How a cell of this role begins."""
    word = {"text": "[markdown]", "code": ""}.get(role, role)
    parts = ["# %%", word, *(f'{name}="..."' for name in ROLES[role])]
    return f"`{' '.join(part for part in parts if part)}`"


def _check_body(reading: _Reading, line: int, role: str, source: str) -> None:
    if role in BODILESS and source.strip():
        reading.wrong(
            line, f"A {role} cell is generated and has no text.", "Move the text to a cell of its own."
        )
    if role not in MAY_BE_EMPTY and not source.strip():
        reading.wrong(line, f"This {role} cell is empty.", "Fill it or delete it.")


def _exercise_of(reading: _Reading, line: int, role: str, attributes: dict[str, str]) -> str | None:
    """The exercise a cell belongs to; keeps track of where an exercise begins and ends."""
    if role not in IN_EXERCISE:
        reading.exercise = None
        return None
    if role == "stub":
        reading.exercise = name = attributes["exercise"]
        reading.lost = False
        if not name.isidentifier():
            reading.wrong(line, f"{name!r} cannot be a function.", "Use the name of a function in checks.py.")
        if first := reading.line_of("stub", name):
            reading.wrong(
                line, f"{name!r} has a stub already, on line {first}.", "Give one of them another name."
            )
        return name
    if reading.exercise is None:
        if reading.lost:
            return None  # its stub was told already
        how = "Move it directly below its `# %% stub` cell; no other cell may stand between."
        reading.wrong(line, f"This {role} belongs to no exercise.", how)
    elif role == "solution" and (first := reading.line_of("solution", reading.exercise)):
        how = 'Make it `# %% right because="..."`.'
        reading.wrong(line, f"{reading.exercise!r} has a solution already, on line {first}.", how)
    elif role == "check" and (first := reading.line_of("check", reading.exercise)):
        reading.wrong(line, f"{reading.exercise!r} has a check already, on line {first}.", "Delete one.")
    return reading.exercise


def _check_code(reading: _Reading, cell: Cell) -> None:
    """Every piece of code must be plain Python: gates run it outside a notebook, too."""
    if cell.role == "text" or cell.role in BODILESS:
        return
    for offset, line in enumerate(cell.source.splitlines()):
        if _MAGIC.match(line):
            how = "Use plain Python: the gates run this cell outside a notebook, too."
            reading.wrong(cell.body + offset, f"{line.strip()!r} is a magic.", how)
            return
    try:
        ast.parse(cell.source)
    except SyntaxError as error:
        line_number = cell.body + (error.lineno or 1) - 1
        reading.wrong(line_number, f"This {cell.role} is not Python: {error.msg}.", "Repair it.")


def _check_whole(reading: _Reading) -> None:
    roles = [cell.role for cell in reading.cells]
    if roles.count("setup") != 1:
        lines = [cell.line for cell in reading.cells if cell.role == "setup"]
        how = "Keep exactly one `# %% setup` cell, above all code."
        reading.wrong(lines[-1] if lines else 0, f"There are {len(lines)} setup cells.", how)
    for cell in reading.cells:
        if cell.role == "setup":
            break
        if cell.role not in ("text", "fact"):
            reading.wrong(
                cell.line, f"This {cell.role} stands above the setup.", "Move it below `# %% setup`."
            )
    for stub in [cell for cell in reading.cells if cell.role == "stub"]:
        if not reading.line_of("solution", stub.exercise):
            how = "Write a `# %% solution` cell directly below it."
            reading.wrong(stub.line, f"The exercise {stub.exercise!r} has no solution.", how)
