"""What stands at the top of a lab: what it is, how far she is, and what she should know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from labkit.course import catalogue
from labkit.judging.card import Card, Step, esc, plural, prose, wrap
from labkit.judging.style import page
from labkit.notebook.cards import head, steps_html, steps_text
from labkit.notebook.standing import LabStanding, lab_standing

if TYPE_CHECKING:
    from labkit.course.catalogue import BuiltLab
    from labkit.course.progress import Progress
    from labkit.sandbox import Sandbox

_CELLS: Final = 20
"""Characters of the progress bar in the text form."""


@dataclass(frozen=True, eq=False, repr=False)
class Header(Card):
    """The header of a lab. `place` says where it stands in the course, `news` what just happened."""

    standing: LabStanding
    objectives: tuple[str, ...]
    place: str
    account: str
    verified: str = ""
    news: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def _facts(self) -> str:
        now = self.standing
        facts = [self.place, f"about {now.minutes} min"]
        facts += [f"checked against AWS {self.verified}"] if self.verified else []
        return " · ".join(facts)

    def _progress(self) -> str:
        now = self.standing
        exercises, points = plural(len(now.exercises), "exercise"), plural(now.points, "point")
        return f"{now.passed} of {exercises} passed, {now.earned} of {points}"

    def _steps(self) -> tuple[Step, ...]:
        upcoming = self.standing.upcoming
        if upcoming is None:
            return (Step("Every exercise is passed. See the course:", "lab.progress()"),)
        begin = "Begin with" if not self.standing.passed else "Go on with"
        return (Step(f"{begin} {upcoming.number}: {upcoming.title} ({upcoming.minutes} min)"),)

    def html(self) -> str:
        """The header as HTML."""
        now = self.standing
        share = round(100 * now.passed / max(1, len(now.exercises)))
        objectives = "".join(f"<li>{prose(one)}</li>" for one in self.objectives)
        goals = (
            f'<p class="lk-lead">You will be able to:</p><ul class="lk-goals">{objectives}</ul>'
            if objectives
            else ""
        )
        bar = (
            '<div class="lk-progress"><div class="lk-bar" aria-hidden="true">'
            f'<span style="width:{share}%"></span></div>'
            f"<span>{esc(self._progress())}</span></div>"
        )
        news = "".join(f'<p class="lk-lead">{prose(line)}</p>' for line in self.news)
        warnings = "".join(
            f'<p class="lk-warn"><strong>Note:</strong> {prose(line)}</p>' for line in self.warnings
        )
        top = head(f"LAB {now.number}", now.title)
        facts = f'<p class="lk-note">{esc(self._facts())}</p>'
        small = f'<p class="lk-small">{esc(self.account)}</p>'
        inner = f"{top}{facts}{news}{warnings}{goals}{bar}{steps_html(self._steps())}{small}"
        return page(inner, live=True, css="header")

    def text(self) -> str:
        """The header as text."""
        now = self.standing
        done = round(_CELLS * now.passed / max(1, len(now.exercises)))
        lines = [wrap(now.title, f"LAB {now.number}  "), wrap(self._facts(), "  ")]
        lines += [wrap(line, "  ") for line in self.news]
        lines += [wrap(line, "  Note: ", "  ") for line in self.warnings]
        if self.objectives:
            lines += ["", "  You will be able to:"]
            lines += [wrap(one, "  - ") for one in self.objectives]
        lines += ["", f"  [{'#' * done}{'.' * (_CELLS - done)}] {self._progress()}"]
        lines += [*steps_text(self._steps()), wrap(self.account, "  ")]
        return "\n".join(lines)


def header_of(lab: BuiltLab, progress: Progress, sandbox: Sandbox, news: tuple[str, ...]) -> Header:
    """The header of an open lab as it is now."""
    notices = progress.notice()
    problem = (progress.problem,) if progress.problem else ()
    warnings = dict.fromkeys((*sandbox.guard.notes, *problem, *notices))
    week = f"Week {lab.week}, " if lab.week else ""
    entries = catalogue.course_map()
    account = f"Simulated account {sandbox.account}, Region {sandbox.region}. Nothing leaves this machine."
    return Header(
        standing=lab_standing(lab, progress),
        objectives=lab.objectives,
        place=f"{week}notebook {lab.number} of {entries[0].number} to {entries[-1].number}",
        account=account if sandbox.running else "This lab's account is closed.",
        verified=lab.verified,
        news=news,
        warnings=tuple(warnings),
    )
