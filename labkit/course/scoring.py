"""Points, and when a hint or a solution opens.

| what | opens | costs |
| --- | --- | --- |
| hint 1 | at once | nothing |
| hint 2 | after one failed check, or 2 minutes | 1 point |
| hint 3 | after two failed checks, or 5 minutes | 3 points |
| solution | after hint 3 and one attempt | half of the points |

Costs are not added up: the dearest counts. Minutes are real ones, from when the exercise was first touched.
Once an exercise is passed, its points are safe: hints and solution are free to read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

HINTS: Final = (1, 2, 3)
COST: Final[dict[int, int]] = {1: 0, 2: 1, 3: 3}


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens a hint: so many failed checks, or so many real seconds since the exercise was touched."""

    failed: int
    seconds: int


OPENS: Final[dict[int, Opening]] = {1: Opening(0, 0), 2: Opening(1, 120), 3: Opening(2, 300)}


@dataclass(frozen=True, slots=True)
class Effort:
    """What a learner has put into one exercise so far.

    `failed` and `attempts` count checks, `seconds` is the real time since the exercise was first touched.
    """

    failed: int = 0
    attempts: int = 0
    seconds: float = 0.0
    hints: frozenset[int] = frozenset()
    solution: bool = False
    passed: bool = False

    @property
    def next_hint(self) -> int | None:
        """The first hint that was not shown yet; None when all were."""
        return next((level for level in HINTS if level not in self.hints), None)


def hint_needs(level: int, effort: Effort) -> str:
    """What is still needed for a hint: "one failed check, or 1 min 20 s"; empty when it is open."""
    if effort.passed or level in effort.hints:
        return ""
    opening = OPENS[level]
    missing = opening.failed - effort.failed
    wait = opening.seconds - effort.seconds
    if missing <= 0 or wait <= 0:
        return ""
    more = "more " if effort.failed else ""
    checks = f"{'one' if missing == 1 else 'two'} {more}failed check{'s' if missing > 1 else ''}"
    return f"after {checks}, or in {spoken(wait)}"


def solution_needs(effort: Effort) -> str:
    """What is still needed for the solution: "hint 3 and one attempt"; empty when it is open."""
    if effort.passed or effort.solution:
        return ""
    needs = []
    if 3 not in effort.hints:
        needs.append("after hint 3")
    if not effort.attempts:
        needs.append("after one check of your own")
    return " and ".join(needs)


def earned(points: int, hints: Iterable[int], solution: bool) -> int:
    """What a pass earns after these hints."""
    left = points - max((COST[level] for level in hints if level in COST), default=0)
    return max(0, min(left, points // 2) if solution else left)


def cost_of(level: int) -> str:
    """What a hint costs, in words."""
    cost = COST[level]
    return "free" if not cost else f"costs {cost} point{'s' if cost > 1 else ''}"


def spoken(seconds: float) -> str:
    """A time to wait: "1 min 20 s". Rounded up, so that it is never too short."""
    whole = max(1, int(-(-seconds // 1)))
    minutes, rest = divmod(whole, 60)
    return " ".join(
        part for part in (f"{minutes} min" if minutes else "", f"{rest} s" if rest else "") if part
    )
