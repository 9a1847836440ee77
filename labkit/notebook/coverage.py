"""The syllabus as a table: each topic, and where the course covers it. `lab.coverage()`, `labkit coverage`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from labkit.course import coverage
from labkit.course.coverage import Covered
from labkit.judging.card import Card, esc, wrap
from labkit.judging.style import page
from labkit.notebook.cards import head

_SIGN: Final = {"covered": "✓", "partly": "◐", "planned": "·"}
_WORD: Final = {"covered": "covered", "partly": "covered in part", "planned": "planned"}
_TONE: Final = {"covered": "lk-is-pass", "partly": "lk-is-wait", "planned": "lk-is-wait"}


@dataclass(frozen=True, eq=False, repr=False)
class Coverage(Card):
    """All topics of the syllabus, in order."""

    rows: tuple[Covered, ...]

    @property
    def summary(self) -> str:
        """How far the course is, in one line."""
        states = [row.state for row in self.rows]
        return (
            f"{len(states)} topics of the syllabus: {states.count('covered')} covered, "
            f"{states.count('partly')} in part, {states.count('planned')} planned"
        )

    def html(self) -> str:
        """One folded table for each part of the syllabus."""
        parts = "".join(
            f"<details><summary>{esc(name)}: {esc(_tally(rows))}</summary>{_table(rows)}</details>"
            for name, rows in self._parts()
        )
        return page(f"{head('SYLLABUS', self.summary)}{parts}", label="What the course covers", css="map")

    def text(self) -> str:
        """The same as text."""
        lines = [f"SYLLABUS  {self.summary}"]
        for name, rows in self._parts():
            lines += ["", f"  {name}: {_tally(rows)}"]
            lines += [
                wrap(f"{row.topic.title}: {_where(row)}", f"    {_SIGN[row.state]} {row.topic.lines:<10} ")
                for row in rows
            ]
        return "\n".join(lines)

    def _parts(self) -> Iterator[tuple[str, list[Covered]]]:
        for (week, part), rows in groupby(self.rows, key=lambda row: (row.topic.week, row.topic.part)):
            yield f"Week {week}, {part}", list(rows)


def _tally(rows: list[Covered]) -> str:
    done = sum(row.state != "planned" for row in rows)
    return "planned" if not done else f"{done} of {len(rows)} covered"


def _where(row: Covered) -> str:
    numbers = ", ".join(one.number for one in row.exercises)
    coming = ", ".join(row.to_come)
    later = f"lab {coming} will" if row.exercises else f"planned for lab {coming}"
    found = "; ".join(filter(None, (numbers and f"exercise {numbers}", coming and later)))
    return found or f"lab {', '.join(row.topic.labs)}, without an exercise"


def _table(rows: list[Covered]) -> str:
    body = "".join(
        f'<tr><td class="lk-num">{row.topic.lines}</td><th scope="row">{esc(row.topic.title)}</th>'
        f'<td class="{_TONE[row.state]}"><span aria-hidden="true">{_SIGN[row.state]}</span> '
        f"{_WORD[row.state]}</td><td>{esc(_where(row))}</td></tr>"
        for row in rows
    )
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("Lines", "Topic", "State", "Where"))
    return f'<div class="lk-wide"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'


def coverage_card() -> Coverage:
    """The table as the workbook stands now."""
    return Coverage(tuple(coverage.matrix()))


def main(argv: list[str]) -> int:
    """`labkit coverage`: print the table. Exit status 1 when a built lab leaves out what is given to it."""
    argparse.ArgumentParser(
        prog="labkit coverage", description="Print which topics of the syllabus the built labs cover."
    ).parse_args(argv)
    print(coverage_card().text())
    missing = coverage.left_out()
    for line in missing:
        print(wrap(line, "\nLeft out: ", "  "))
    return 1 if missing else 0
