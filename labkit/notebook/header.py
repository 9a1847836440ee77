"""What stands at the top of a lab: what it is, how far she is, and what she should know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from labkit.judging.card import Card, esc, plural, prose, wrap
from labkit.judging.report import Step
from labkit.judging.style import page
from labkit.notebook.cards import head, steps_html, steps_text
from labkit.notebook.standing import LabStanding

_CELLS: Final = 20
"""Characters of the progress bar in the text form."""


@dataclass(frozen=True, eq=False)
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
        facts += [f"checked against AWS on {self.verified}"] if self.verified else []
        return " · ".join(facts)

    def _progress(self) -> str:
        now = self.standing
        total = len(now.exercises)
        return f"{now.passed} of {plural(total, 'exercise')} passed, {now.earned} of {plural(now.points, 'point')}"

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
        goals = f'<p class="lk-lead">You will be able to:</p><ul class="lk-goals">{objectives}</ul>' if objectives else ""
        bar = (
            f'<div class="lk-progress"><div class="lk-bar" aria-hidden="true"><span style="width:{share}%"></span></div>'
            f"<span>{esc(self._progress())}</span></div>"
        )
        news = "".join(f'<p class="lk-lead">{prose(line)}</p>' for line in self.news)
        warnings = "".join(f'<p class="lk-warn"><strong>Note:</strong> {prose(line)}</p>' for line in self.warnings)
        top = head(f"LAB {now.number}", now.title)
        facts = f'<p class="lk-note">{esc(self._facts())}</p>'
        small = f'<p class="lk-small">{esc(self.account)}</p>'
        inner = f"{top}{facts}{news}{warnings}{goals}{bar}{steps_html(self._steps())}{small}"
        return page(inner, live=True, css=_CSS)

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


_CSS: Final = (
    ".labkit.labkit .lk-goals{margin:2px 0 8px 1.3em;list-style:disc}"
    ".labkit.labkit .lk-warn{background:var(--lk-fail-bg);border-radius:4px;padding:6px 12px;margin:8px 0}"
    ".labkit .lk-progress{display:flex;flex-wrap:wrap;align-items:center;gap:4px 12px;margin:8px 0 2px}"
    ".labkit .lk-bar{flex:0 1 16em;height:8px;border-radius:4px;background:var(--lk-wait-bg);overflow:hidden;"
    "box-shadow:inset 0 0 0 1px var(--lk-line)}"
    ".labkit .lk-bar span{display:block;height:100%;background:var(--lk-pass)}"
)
