"""Finds the labs of the workbook and reads what `labkit build` made of them.

A learner's kernel uses this, so it reads plain JSON and TOML and imports nothing third-party: no lab's source
is parsed here (that costs seconds), and checks.py is imported only when the first check asks for it.

The workbook is the clone (labs/ and solutions/ beside the `labkit` package) or, from a wheel, the folder
`labkit/_workbook`. The environment variable LABKIT_WORKBOOK names another one: a course of your own.
"""

from __future__ import annotations

import json
import linecache
import os
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.errors import LabkitError, NotFound, nearest

if TYPE_CHECKING:
    from labkit.judging.exercises import Checks

# What a learner's account has been through before an exercise begins, when she solves all of it.
_STORY = ("code", "solution")


@dataclass(frozen=True, slots=True)
class BuiltExercise:
    """One exercise as lab.json lists it. `minutes` for the learner, `covers` lines of the syllabus."""

    name: str
    number: str
    title: str
    points: int
    minutes: int
    star: bool
    covers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BuiltCell:
    """One cell as lab.json lists it. A setup cell's source is the author's lines, without `labkit.open`."""

    role: str
    source: str
    exercise: str | None = None
    because: str | None = None
    finds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BuiltLab:
    """One lab of the workbook. `folder` holds its lab.json and checks.py, `notebook` is what learners open."""

    key: str
    number: str
    title: str
    week: int
    minutes: int
    services: tuple[str, ...]
    covers: tuple[str, ...]
    objectives: tuple[str, ...]
    verified: str
    exercises: tuple[BuiltExercise, ...]
    cells: tuple[BuiltCell, ...]
    folder: Path
    notebook: Path

    @property
    def checks(self) -> Path:
        """The file with the lab's checks."""
        return self.folder / "checks.py"

    def exercise(self, name: str) -> BuiltExercise:
        """The exercise with that name or number ("dead_letter", "16.5"). Raises NotFound with the nearest."""
        for one in self.exercises:
            if str(name) in (one.name, one.number):
                return one
        wanted = "exercise" if not re.fullmatch(r"[\d.]+", str(name)) else "exercise number"
        known = [one.name if wanted == "exercise" else one.number for one in self.exercises]
        raise NotFound(wanted, str(name), known)

    def solution(self, name: str) -> str:
        """The solution of an exercise."""
        wanted = self.exercise(name).name
        return next(c.source for c in self.cells if c.role == "solution" and c.exercise == wanted)

    def wrong_answers(self, name: str) -> tuple[BuiltCell, ...]:
        """The known wrong answers of an exercise, in the order of the source."""
        wanted = self.exercise(name).name
        return tuple(c for c in self.cells if c.role == "wrong" and c.exercise == wanted)

    def setup(self) -> str:
        """The author's lines of the setup cell."""
        return next((cell.source for cell in self.cells if cell.role == "setup"), "")

    def story_before(self, name: str) -> tuple[str, ...]:
        """The code of worked examples and solutions above an exercise, in order, without the setup."""
        wanted = self.exercise(name).name
        story: list[str] = []
        for cell in self.cells:
            if cell.exercise == wanted:
                break
            if cell.role in _STORY:
                story.append(cell.source)
        return tuple(story)


@dataclass(frozen=True, slots=True)
class CourseEntry:
    """One notebook of the course, built or planned. `lab` is None while it is planned."""

    number: str
    title: str
    week: int
    minutes: int
    kind: str
    lab: BuiltLab | None


def workbook_root() -> Path:
    """The folder with labs/ and solutions/. Raises LabkitError where there is none."""
    package = Path(__file__).resolve().parent.parent
    chosen = os.environ.get("LABKIT_WORKBOOK")
    if chosen:
        if not (Path(chosen) / "solutions").is_dir():
            raise LabkitError(
                f"LABKIT_WORKBOOK names {chosen!r}, which has no folder `solutions`. Correct it or unset it."
            )
        return Path(chosen).resolve()
    for root in (package.parent, package / "_workbook"):
        if (root / "solutions").is_dir() and (root / "labs").is_dir():
            return root
    raise LabkitError(
        "The labs are missing: neither the clone's folders `labs` and `solutions` nor the wheel's are there. "
        "Clone the repository again, or reinstall labkit."
    )


def labs(root: Path | None = None) -> list[BuiltLab]:
    """All built labs, in the order of their numbers."""
    root = root or workbook_root()
    return sorted((_read(path, root) for path in _lab_files(root)), key=lambda lab: lab.key)


def find(name: str | int, root: Path | None = None) -> BuiltLab:
    """The lab called "16", "16-sqs" (a beginning that fits only one) or by its full key.

    Raises NotFound with the nearest names, and LabkitError where the lab is planned but not written yet.
    """
    root = root or workbook_root()
    files = {path.parent.name: path for path in _lab_files(root)}
    wanted = str(name).strip().casefold().removesuffix(".ipynb")
    if wanted.isdigit():
        wanted = wanted.zfill(2)
    if wanted in files:
        return _read(files[wanted], root)
    fitting = [key for key in files if wanted and key.startswith(wanted)]
    if len(fitting) == 1:
        return _read(files[fitting[0]], root)
    if planned := _planned(wanted, root):
        here = ", ".join(sorted(key[:2] for key in files))
        raise LabkitError(
            f"Lab {planned.number}, {planned.title!r}, is planned but not written yet. Labs you can open: {here}."
        )
    raise NotFound("lab", str(name), fitting or sorted(files))


def course_map(root: Path | None = None) -> list[CourseEntry]:
    """The whole course in order, from data/course.toml; a built lab speaks for itself."""
    root = root or workbook_root()
    built = {lab.number: lab for lab in labs(root)}
    entries = {row["number"]: _entry(row, built.get(row["number"])) for row in _course_rows(root)}
    for number, lab in built.items():
        entries.setdefault(number, CourseEntry(number, lab.title, lab.week, lab.minutes, "lab", lab))
    return [entries[number] for number in sorted(entries)]


def load_checks(lab: BuiltLab) -> Checks:
    """The exercises and questions of a lab's checks.py; read again when the file has changed.

    Raises LabkitError where the file is missing or does not run: that is never the learner's fault.
    """
    from labkit.judging import exercises  # here: the list of labs is asked for without it

    files = exercises.check_files(lab.checks)
    try:
        stamp = tuple((str(one), (stat := one.stat()).st_mtime_ns, stat.st_size) for one in files)
    except OSError as error:
        raise LabkitError(
            f"The checks of lab {lab.number} cannot be read ({error.strerror}: {lab.checks}). Restore the file."
        ) from None
    known = _loaded.get(lab.checks)
    if known is None or known[0] != stamp:
        for one in files:
            linecache.checkcache(str(one))
        known = _loaded[lab.checks] = (stamp, exercises.load_checks(lab.checks))
    return known[1]


_loaded: dict[Path, tuple[tuple[tuple[str, int, int], ...], Checks]] = {}


def _lab_files(root: Path) -> list[Path]:
    """Every lab.json: labs lie in solutions/ or in one of its week folders."""
    solutions = root / "solutions"
    return sorted([*solutions.glob("*/lab.json"), *solutions.glob("week*/*/lab.json")])


def _read(path: Path, root: Path) -> BuiltLab:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return _built(raw, path, root)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LabkitError(
            f"{path} cannot be used ({type(error).__name__}: {error}). "
            f"Run `labkit build {path.parent.name}`, or restore the file."
        ) from None


def _built(raw: dict[str, Any], path: Path, root: Path) -> BuiltLab:
    inside = path.parent.relative_to(root / "solutions")
    return BuiltLab(
        key=raw["key"],
        number=raw["number"],
        title=raw["title"],
        week=raw["week"],
        minutes=raw["minutes"],
        services=tuple(raw["services"]),
        covers=tuple(raw["covers"]),
        objectives=tuple(raw["objectives"]),
        verified=raw["verified"],
        exercises=tuple(map(_exercise, raw["exercises"])),
        cells=tuple(
            BuiltCell(
                c["role"], c["source"], c.get("exercise"), c.get("because"), tuple(c.get("finds") or ())
            )
            for c in raw["cells"]
        ),
        folder=path.parent,
        notebook=root / "labs" / inside.parent / f"{inside.name}.ipynb",
    )


def _exercise(raw: dict[str, Any]) -> BuiltExercise:
    known = {field.name: raw[field.name] for field in fields(BuiltExercise)}
    return BuiltExercise(**{**known, "covers": tuple(known["covers"])})


def _course_rows(root: Path) -> list[dict[str, Any]]:
    import tomllib  # a lab opens without it

    try:
        table = tomllib.loads((root / "data" / "course.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except tomllib.TOMLDecodeError as error:
        raise LabkitError(f"data/course.toml cannot be read: {error}. Restore the file.") from None
    return list(table.get("notebook", []))


def _entry(row: dict[str, Any], lab: BuiltLab | None) -> CourseEntry:
    kind = row.get("kind", "lab")
    if lab is not None:
        return CourseEntry(lab.number, lab.title, lab.week, lab.minutes, kind, lab)
    return CourseEntry(row["number"], row["title"], row["week"], row["minutes"], kind, None)


def _planned(wanted: str, root: Path) -> CourseEntry | None:
    """The planned lab meant by a number or by its title's words."""
    waiting = [_entry(row, None) for row in _course_rows(root)]
    for entry in waiting:
        if wanted[:2] == entry.number:
            return entry
    titles = {entry.title.casefold(): entry for entry in waiting}
    close = nearest(wanted, titles, most=1) if len(wanted) > 3 else []
    return titles[close[0]] if close and wanted in close[0] else None
