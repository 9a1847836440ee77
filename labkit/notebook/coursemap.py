"""The whole course as a map, and the exercises of the open lab as a table: `lab.progress()`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from labkit.judging.card import Card, esc, plural, wrap
from labkit.judging.style import page
from labkit.notebook.cards import head
from labkit.notebook.standing import STATES, ExerciseStanding, LabStanding

_SIGN: Final = {"done": "✓", "begun": "◐", "open": "○", "planned": "·"}


@dataclass(frozen=True, eq=False)
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
        return f"{done} of {plural(len(self.labs), 'notebook')} done, {earned} of {plural(written, 'point')} so far"

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
        warnings = "".join(f'<p class="lk-note"><strong>Note:</strong> {esc(line)}</p>' for line in self.warnings)
        inner = f'{head("COURSE", self.summary)}{weeks}<p class="lk-legend">{legend}</p>{tables}{warnings}'
        return page(inner, label="Your progress through the course", css=_CSS)

    def _tile(self, lab: LabStanding) -> str:
        title = esc(lab.title)
        if lab.number in self.links:
            title = f'<a href="{esc(self.links[lab.number])}">{title}</a>'
        points = f", {lab.earned} of {lab.points} points" if lab.state in ("begun", "done") and lab.points else ""
        return (
            f'<li class="lk-tile lk-t-{lab.state}"><span class="lk-no">{esc(lab.number)}</span>'
            f'<span class="lk-name">{title}</span><span class="lk-state">'
            f'<span aria-hidden="true">{_SIGN[lab.state]}</span> {lab.state}{points}</span></li>'
        )

    # -- text ------------------------------------------------------------------------------------

    def text(self) -> str:
        """The map and the tables as text."""
        lines = [f"COURSE  {self.summary}"]
        for name, labs in self._weeks():
            lines.append(f"  {name}")
            lines += [_line(lab) for lab in labs]
        for lab in self.detail:
            lines += ["", f"  Lab {lab.number} {lab.title}: {_sum(lab)}"]
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
    points = f", {lab.earned} of {lab.points} points" if lab.state in ("begun", "done") and lab.points else ""
    title = lab.title if len(lab.title) <= 46 else lab.title[:43] + "..."
    return f"    {lab.number}  {title:<46}  {lab.state}{points}"


def _exercise_line(one: ExerciseStanding) -> str:
    title = one.title + (" *" if one.star else "")
    title = title if len(title) <= 44 else title[:41] + "..."
    line = f"    {one.number:<5}  {title:<44}  {one.word:<6}  {_points(one):>8}  {one.help}"
    return line.rstrip()


def _points(one: ExerciseStanding) -> str:
    return f"{'-' if one.earned is None else one.earned} of {one.points}"


def _table_html(lab: LabStanding) -> str:
    tone = {"passed": "lk-is-pass", "begun": "lk-is-wait", "open": "lk-is-wait"}
    rows = "".join(
        f'<tr><td class="lk-num">{esc(one.number)}</td><th scope="row">{esc(one.title)}'
        f"{_star(one)}</th>"
        f'<td class="{tone[one.word]}">{one.word}</td><td class="lk-num">{_points(one)}</td>'
        f'<td>{esc(one.help) or "none"}</td><td class="lk-num">{one.checks}</td><td class="lk-num">{one.minutes} min</td></tr>'
        for one in lab.exercises
    )
    titles = (("", "No."), ("", "Exercise"), ("", "State"), ("lk-num", "Points"), ("", "Help used"),
              ("lk-num", "Checks"), ("lk-num", "Time"))  # fmt: skip
    heads = "".join(f'<th scope="col" class="{css}">{name}</th>' for css, name in titles)
    return (
        f'<div class="lk-wide"><table><caption>Lab {esc(lab.number)} {esc(lab.title)}: {esc(_sum(lab))}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _star(one: ExerciseStanding) -> str:
    return ' <span title="part of the short way">★<span class="lk-hide"> short way</span></span>' if one.star else ""


_CSS: Final = (
    ".labkit.labkit{max-width:66em}"
    ".labkit .lk-week{color:var(--lk-soft);font-size:.86em;font-weight:600;margin:10px 0 4px}"
    ".labkit.labkit .lk-map{list-style:none;display:grid;grid-template-columns:repeat(auto-fill,minmax(9.6em,1fr));gap:8px}"
    ".labkit.labkit .lk-tile{display:grid;grid-template:auto 1fr auto/auto 1fr;gap:0 8px;padding:8px 10px;"
    "border:1px solid var(--lk-line);border-radius:6px;min-height:5.6em}"
    ".labkit .lk-no{font-weight:700;font-size:1.15em;line-height:1.3;font-variant-numeric:tabular-nums}"
    ".labkit .lk-name{font-size:.86em;line-height:1.35;padding-top:2px}"
    ".labkit .lk-state{grid-column:1/3;align-self:end;font-size:.8em;padding-top:4px}"
    ".labkit.labkit .lk-name a{color:inherit;text-decoration:underline;text-underline-offset:2px}"
    ".labkit.labkit .lk-t-done{background:var(--lk-pass-bg);border-color:var(--lk-pass);border-width:2px;padding:7px 9px}"
    ".labkit .lk-t-done .lk-no,.labkit .lk-t-done .lk-state{color:var(--lk-pass);font-weight:600}"
    ".labkit.labkit .lk-t-begun{background:var(--lk-info-bg);border-color:var(--lk-info);border-left-width:4px;padding-left:7px}"
    ".labkit .lk-t-begun .lk-no,.labkit .lk-t-begun .lk-state{color:var(--lk-info);font-weight:600}"
    ".labkit.labkit .lk-t-open{border-color:var(--lk-soft)}"
    ".labkit.labkit .lk-t-planned{border-style:dashed;color:var(--lk-soft)}"
    ".labkit .lk-legend{display:flex;flex-wrap:wrap;gap:2px 18px;color:var(--lk-soft);font-size:.82em;margin:8px 0 0}"
    ".labkit .lk-hide{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}"
)
