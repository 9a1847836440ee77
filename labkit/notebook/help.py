"""Hints and solutions: what opens when, what it costs, and the card that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.course.scoring import HINTS, cost_of, hint_needs, solution_needs
from labkit.errors import UsageError
from labkit.judging.card import Card, Step
from labkit.notebook.cards import Hint, Note, Solution
from labkit.notebook.steps import help_steps, solution_cost

if TYPE_CHECKING:
    from labkit.course.catalogue import BuiltExercise, BuiltLab
    from labkit.course.progress import Progress


def current_exercise(lab: BuiltLab, progress: Progress) -> BuiltExercise:
    """The exercise a learner is at: the one begun last that is not passed, else the first not passed."""
    touched = progress.touched(lab.key)
    waiting = [one for one in lab.exercises if not progress.record(lab.key, one.name).passed]
    begun = [one for one in waiting if one.name in touched]
    if begun:
        return max(begun, key=lambda one: _last_seen(lab, progress, one.name))
    return (waiting or list(lab.exercises))[0]


def _last_seen(lab: BuiltLab, progress: Progress, name: str) -> str:
    record = progress.record(lab.key, name)
    return max([record.touched or "", *(one.time for one in record.attempts)])


def give_hint(
    lab: BuiltLab, one: BuiltExercise, hints: tuple[str, ...], level: int | None, progress: Progress
) -> Card:
    """A hint, or what it still needs. Without a level: the next one, or the last when all were shown."""
    progress.touch(lab.key, one.name)
    effort = progress.effort(lab.key, one.name)
    chosen = level if level is not None else effort.next_hint or HINTS[-1]
    if isinstance(chosen, bool) or chosen not in HINTS:
        raise UsageError(
            f'There are three hints: lab.hint("{one.name}", 1), 2 or 3. You asked for {level!r}.'
        )
    if not hints[chosen - 1 : chosen]:
        return Note(
            "HINT", f"{one.number} {one.title}", (f"This exercise has no hint {chosen}.",), tone="wait"
        )
    needs = hint_needs(chosen, effort)
    if needs:
        again = _shown_again(one.name, effort.hints)
        title = f"{one.number} {one.title}"
        return Note("NOT OPEN YET", title, (f"Hint {chosen} opens {needs}.",), again, tone="wait")
    if chosen not in effort.hints:
        progress.show_hint(lab.key, one.name, chosen)
    cost = "free: you have passed" if effort.passed else cost_of(chosen)
    steps = help_steps(one.name, progress.effort(lab.key, one.name))
    check = Step("Check your work again:", f'lab.check("{one.name}")')
    return Hint(one.name, one.number, one.title, chosen, hints[chosen - 1], cost, (check, *steps))


def _shown_again(name: str, hints: frozenset[int]) -> tuple[Step, ...]:
    return tuple(Step(f"Hint {level} again:", f'lab.hint("{name}", {level})') for level in sorted(hints))


def give_solution(lab: BuiltLab, one: BuiltExercise, progress: Progress) -> Card:
    """The solution, or what it still needs."""
    progress.touch(lab.key, one.name)
    effort = progress.effort(lab.key, one.name)
    needs = solution_needs(effort)
    if needs:
        steps = help_steps(one.name, effort)[:1]
        line = f"The solution opens {needs}. It then leaves half of the points."
        return Note("NOT OPEN YET", f"{one.number} {one.title}", (line,), steps, tone="wait")
    cost = solution_cost(effort)
    if not effort.passed:
        progress.show_solution(lab.key, one.name)
    steps = () if effort.passed else (Step("Write it into your own cell, then:", f'lab.check("{one.name}")'),)
    return Solution(one.name, one.number, one.title, lab.solution(one.name), cost, steps)
