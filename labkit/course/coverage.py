"""What the course has covered of its syllabus: topics from data/syllabus.toml beside what built exercises claim."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from labkit.course import catalogue
from labkit.course.catalogue import BuiltExercise, BuiltLab
from labkit.errors import LabkitError

State = Literal["covered", "partly", "planned"]
LINES: Final = re.compile(r"L(\d+)(?:-L(\d+))?")


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of the syllabus. `first` and `last` are its lines; `labs` the notebooks that are to cover it."""

    title: str
    part: str
    week: int
    first: int
    last: int
    labs: tuple[str, ...]

    @property
    def lines(self) -> str:
        """Its lines as the sources write them: "L250" or "L239-L242"."""
        return f"L{self.first}" if self.first == self.last else f"L{self.first}-L{self.last}"


@dataclass(frozen=True, slots=True)
class Covered:
    """A topic with the built exercises that cover it, and the notebooks of its plan that are not built."""

    topic: Topic
    exercises: tuple[BuiltExercise, ...]
    to_come: tuple[str, ...]

    @property
    def state(self) -> State:
        """Covered when some exercise does and no notebook of the plan is missing."""
        if not self.exercises:
            return "planned"
        return "partly" if self.to_come else "covered"


def spans(covers: tuple[str, ...]) -> list[tuple[int, int]]:
    """The lines a lab or exercise claims, as pairs. Raises LabkitError for anything else."""
    found = []
    for text in covers:
        match = LINES.fullmatch(text)
        if match is None:
            raise LabkitError(f'{text!r} names no lines of the syllabus. Write "L250" or "L239-L242".')
        found.append((int(match[1]), int(match[2] or match[1])))
    return found


def topics(root: Path | None = None) -> list[Topic]:
    """All topics of the syllabus in its order. Raises LabkitError when data/syllabus.toml is broken."""
    path = (root or catalogue.workbook_root()) / "data" / "syllabus.toml"
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8")).get("topic", [])
        return [_topic(row) for row in rows]
    except FileNotFoundError:
        return []
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise LabkitError(
            f"{path} cannot be used ({type(error).__name__}: {error}). Restore the file."
        ) from None


def matrix(root: Path | None = None) -> list[Covered]:
    """Every topic with what covers it, in the order of the syllabus."""
    labs = catalogue.labs(root)
    built = {lab.number for lab in labs}
    claims = [(span, one) for lab in labs for one in lab.exercises for span in spans(one.covers)]
    return [
        Covered(
            topic,
            tuple(one for (first, last), one in claims if first <= topic.last and topic.first <= last),
            tuple(number for number in topic.labs if number not in built),
        )
        for topic in topics(root)
    ]


def left_out(root: Path | None = None) -> list[str]:
    """What built labs leave out: topics the plan gives them that no exercise or fact of theirs covers.

    One sentence each.
    """
    labs = {lab.number: lab for lab in catalogue.labs(root)}
    return [
        f"Lab {number} is to cover {topic.title!r} ({topic.lines}, {topic.part}) and does not."
        for topic in topics(root)
        for number in topic.labs
        if number in labs and not _claims(labs[number], topic)
    ]


def _claims(lab: BuiltLab, topic: Topic) -> bool:
    return any(first <= topic.last and topic.first <= last for first, last in spans(lab.covers))


def _topic(row: dict[str, Any]) -> Topic:
    [(first, last)] = spans((row["lines"],))
    return Topic(row["title"], row["part"], int(row["week"]), first, last, tuple(row["labs"]))
