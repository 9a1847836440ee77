"""What a learner can do next, in her situation: one sentence and one call each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labkit.course.scoring import Effort, cost_of, hint_needs, solution_needs
from labkit.judging.card import Step
from labkit.judging.report import FAILED, NOT_STARTED, PASSED, Report

if TYPE_CHECKING:
    from labkit.course.catalogue import BuiltLab
    from labkit.course.progress import Progress


def after_report(report: Report, lab: BuiltLab, progress: Progress) -> tuple[Step, ...]:
    """What can be done after a check."""
    effort = progress.effort(lab.key, report.exercise)
    if report.status == PASSED:
        return (*after_pass(report.exercise, lab, progress), _compare(report.exercise))
    if report.status in (FAILED, NOT_STARTED):
        return help_steps(report.exercise, effort)
    return ()


def help_steps(name: str, effort: Effort) -> tuple[Step, ...]:
    """The next hint, and the solution once it is open."""
    steps = []
    level = effort.next_hint
    call = f'lab.hint("{name}")'
    if level is not None:
        needs = "" if effort.passed else hint_needs(level, effort)
        price = "" if effort.passed else f" ({cost_of(level)})"
        steps.append(Step(f"Hint {level} opens {needs}:" if needs else f"Hint {level} is open{price}:", call))
    else:
        steps.append(Step("All three hints were shown. See one again:", f'lab.hint("{name}", 3)'))
    if not solution_needs(effort):
        steps.append(Step(f"The solution is open ({solution_cost(effort)}):", f'lab.solution("{name}")'))
    elif level is None:
        steps.append(Step(f"The solution opens {solution_needs(effort)}:", f'lab.solution("{name}")'))
    return tuple(steps)


def solution_cost(effort: Effort) -> str:
    """What showing the solution costs, in words."""
    if effort.passed:
        return "free: you have passed"
    return "it leaves half of the points"


def after_pass(name: str, lab: BuiltLab, progress: Progress) -> tuple[Step, ...]:
    """The next exercise that is not passed yet: below this one first, then from the top."""
    names = [one.name for one in lab.exercises]
    place = names.index(name) + 1
    rest = [*lab.exercises[place:], *lab.exercises[:place]]
    waiting = [one for one in rest if not progress.record(lab.key, one.name).passed]
    if not waiting:
        return (Step(f"Every exercise of lab {lab.number} is passed. See the course:", "lab.progress()"),)
    following = waiting[0]
    return (Step(f"Exercise {following.number}: {following.title} ({following.minutes} min)"),)


def _compare(name: str) -> Step:
    return Step("Compare with our solution:", f'lab.solution("{name}")')
