"""How far a learner is: the figures behind the header and the map of the course."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from labkit.course.scoring import HINTS

if TYPE_CHECKING:
    from labkit.course.catalogue import BuiltLab, CourseEntry
    from labkit.course.progress import Progress, Record

State = Literal["done", "begun", "open", "planned"]
STATES: Final[dict[State, str]] = {
    "done": "every exercise passed",
    "begun": "opened, not finished",
    "open": "ready to begin",
    "planned": "not written yet",
}


@dataclass(frozen=True, slots=True)
class ExerciseStanding:
    """One exercise: how it stands, in a word, and what it earned."""

    number: str
    name: str
    title: str
    minutes: int
    star: bool
    points: int
    earned: int | None
    word: str
    help: str
    checks: int

    @property
    def passed(self) -> bool:
        """Whether it was passed."""
        return self.earned is not None


@dataclass(frozen=True, slots=True)
class LabStanding:
    """One notebook of the course."""

    number: str
    title: str
    week: int
    minutes: int
    state: State
    exercises: tuple[ExerciseStanding, ...] = ()
    key: str = ""

    @property
    def passed(self) -> int:
        """How many exercises are passed."""
        return sum(one.passed for one in self.exercises)

    @property
    def earned(self) -> int:
        """Points so far."""
        return sum(one.earned or 0 for one in self.exercises)

    @property
    def points(self) -> int:
        """Points there are."""
        return sum(one.points for one in self.exercises)

    @property
    def upcoming(self) -> ExerciseStanding | None:
        """The first exercise that is not passed."""
        return next((one for one in self.exercises if not one.passed), None)


def lab_standing(lab: BuiltLab, progress: Progress) -> LabStanding:
    """How far the learner is in one lab."""
    exercises = tuple(
        _exercise(
            one.number,
            one.name,
            one.title,
            one.minutes,
            one.star,
            one.points,
            progress.record(lab.key, one.name),
        )
        for one in lab.exercises
    )
    begun = bool(progress.opened(lab.key) or progress.touched(lab.key))
    state: State = "begun" if begun else "open"
    if exercises and all(one.passed for one in exercises):
        state = "done"
    return LabStanding(lab.number, lab.title, lab.week, lab.minutes, state, exercises, lab.key)


def course_standing(entries: list[CourseEntry], progress: Progress) -> tuple[LabStanding, ...]:
    """How far the learner is in the course."""
    return tuple(
        lab_standing(entry.lab, progress)
        if entry.lab is not None
        else LabStanding(entry.number, entry.title, entry.week, entry.minutes, "planned")
        for entry in entries
    )


def _exercise(
    number: str, name: str, title: str, minutes: int, star: bool, points: int, record: Record
) -> ExerciseStanding:
    word = "passed" if record.passed else "begun" if record.touched else "open"
    level = max((one for one in record.hints if one in HINTS), default=0)
    used = [f"hint {level}"] if level else []
    used += ["solution"] if record.solution else []
    earned = record.earned if record.passed else None
    checks = len(record.attempts)
    return ExerciseStanding(number, name, title, minutes, star, points, earned, word, ", ".join(used), checks)
