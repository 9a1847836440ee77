"""The whole course as a map, and the exercises of the open lab as a table: `lab.progress()`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

from labkit.course import catalogue
from labkit.course.progress import Progress, workbook_folder
from labkit.judging.card import Card, esc, plural, wrap
from labkit.judging.style import page
from labkit.notebook.cards import head
from labkit.notebook.standing import STATES, ExerciseStanding, LabStanding, course_standing

if TYPE_CHECKING:
    from labkit.course.catalogue import BuiltLab

_SHORT: Final = re.compile(r"[:,]")
"""A tile shows the title up to here; the rest is there for those who listen."""

_SIGN: Final = {"done": "✓", "begun": "◐", "open": "○", "planned": "·"}


@dataclass(frozen=True, eq=False, repr=False)
class CourseMap(Card):
    """Every notebook of the course as a tile; the exercises of the labs in `detail` as tables.

    `links` maps a lab's number to the notebook's address, seen from the notebook that shows the map.
    """

    labs: tuple[LabStanding, ...]
    detail: tuple[LabStanding, ...] = ()
    links: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The course in one line."""
        done = sum(lab.state == "done" for lab in self.labs)
        earned = sum(lab.earned for lab in self.labs)
        written = sum(lab.points for lab in self.labs)
        notebooks, points = plural(len(self.labs), "notebook"), plural(written, "point")
        return f"{done} of {notebooks} done, {earned} of {points} so far"

    # -- HTML ------------------------------------------------------------------------------------

    def html(self) -> str:
        """The map and the tables as HTML."""
        weeks = "".join(
            f'<div class="lk-week">{esc(name)}</div><ul class="lk-map">{"".join(map(self._tile, labs))}</ul>'
            for name, labs in self._weeks()
        )
        legend = " ".join(
            f'<span><span aria-hidden="true">{_SIGN[state]}</span> {state}: {meaning}</span>'
            for state, meaning in STATES.items()
        )
        tables = "".join(_table_html(lab) for lab in self.detail)
        warnings = "".join(
            f'<p class="lk-note"><strong>Note:</strong> {esc(line)}</p>' for line in self.warnings
        )
        inner = f'{head("COURSE", self.summary)}{weeks}<p class="lk-legend">{legend}</p>{tables}{warnings}'
        return page(inner, label="Your progress through the course", css="map")

    def _tile(self, lab: LabStanding) -> str:
        short = _SHORT.split(lab.title, maxsplit=1)[0]
        title = f'{esc(short)}<span class="lk-hide">{esc(lab.title[len(short) :])}</span>'
        if lab.number in self.links:
            title = f'<a href="{esc(self.links[lab.number])}">{title}</a>'
        return (
            f'<li class="lk-tile lk-t-{lab.state}">'
            f'<span class="lk-no">{esc(lab.number)}</span>'
            f'<span class="lk-name">{title}</span><span class="lk-state">'
            f'<span aria-hidden="true">{_SIGN[lab.state]}</span> {lab.state}{esc(_earned(lab))}</span></li>'
        )

    # -- text ------------------------------------------------------------------------------------

    def text(self) -> str:
        """The map and the tables as text."""
        lines = [f"COURSE  {self.summary}"]
        for name, labs in self._weeks():
            lines.append(f"  {name}")
            lines += [_line(lab) for lab in labs]
        for lab in self.detail:
            star = " (* short way)" if any(one.star for one in lab.exercises) else ""
            lines += ["", wrap(f"Lab {lab.number} {lab.title}: {_sum(lab)}{star}", "  ")]
            lines += [_exercise_line(one) for one in lab.exercises]
        lines += [wrap(line, "  Note: ", "  ") for line in self.warnings]
        return "\n".join(lines)

    def _weeks(self) -> Iterator[tuple[str, list[LabStanding]]]:
        for week, labs in groupby(self.labs, key=lambda lab: lab.week):
            yield (f"Week {week}" if week else "Before you begin"), list(labs)


def _sum(lab: LabStanding) -> str:
    return (
        f"{lab.passed} of {plural(len(lab.exercises), 'exercise')} passed, "
        f"{lab.earned} of {plural(lab.points, 'point')}"
    )


def _line(lab: LabStanding) -> str:
    return wrap(f"{lab.title}{_earned(lab)}", f"    {lab.number}  {lab.state:<7}  ")


def _earned(lab: LabStanding) -> str:
    """Points in brackets, for a lab that was begun."""
    return f" ({lab.earned} of {lab.points} points)" if lab.state in ("begun", "done") and lab.points else ""


def _exercise_line(one: ExerciseStanding) -> str:
    star = " *" if one.star else ""
    used = f" ({one.help})" if one.help else ""
    return wrap(f"{one.title}{star}{used}", f"    {one.number:<5}  {one.word:<6}  {_points(one):>8}  ")


def _points(one: ExerciseStanding) -> str:
    return f"{'-' if one.earned is None else one.earned} of {one.points}"


def _table_html(lab: LabStanding) -> str:
    tone = {"passed": "lk-is-pass", "begun": "lk-is-wait", "open": "lk-is-wait"}
    rows = "".join(
        f'<tr><td class="lk-num">{esc(one.number)}</td>'
        f'<th scope="row">{esc(one.title)}{_star(one)}</th>'
        f'<td class="{tone[one.word]}">{one.word}</td>'
        f'<td class="lk-num">{_points(one)}</td>'
        f"<td>{esc(one.help) or 'none'}</td>"
        f'<td class="lk-num">{one.checks}</td>'
        f'<td class="lk-num">{one.minutes} min</td></tr>'
        for one in lab.exercises
    )
    titles = (("lk-num", "No."), ("", "Exercise"), ("", "State"), ("lk-num", "Points"), ("", "Help used"),
              ("lk-num", "Checks"), ("lk-num", "Time"))  # fmt: skip
    heads = "".join(f'<th scope="col" class="{css}">{name}</th>' for css, name in titles)
    star = ". ★ short way" if any(one.star for one in lab.exercises) else ""
    caption = esc(f"Lab {lab.number} {lab.title}: {_sum(lab)}{star}")
    return (
        f'<div class="lk-wide"><table><caption>{caption}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _star(one: ExerciseStanding) -> str:
    return ' <span aria-hidden="true">★</span><span class="lk-hide"> (short way)</span>' if one.star else ""


def course_map_of(progress: Progress, here: BuiltLab | None) -> CourseMap:
    """The map as it is now, with the exercises of the lab that is open."""
    entries = catalogue.course_map()
    labs = course_standing(entries, progress)
    detail = [lab for lab in labs if here is not None and lab.key == here.key]
    links = {entry.number: link for entry in entries if (link := _link_to(entry.lab))}
    warnings = (progress.problem,) if progress.problem else ()
    return CourseMap(labs, tuple(detail), links, warnings)


def _link_to(lab: BuiltLab | None) -> str:
    """The notebook's address seen from the working directory, where the learner has it; else empty."""
    if lab is None:
        return ""
    inside = Path(*lab.notebook.parts[lab.notebook.parts.index("labs") :])
    notebook = workbook_folder() / inside
    try:
        return Path(os.path.relpath(notebook)).as_posix() if notebook.is_file() else ""
    except ValueError:  # another drive on Windows
        return ""
