"""Points, and when hints and solutions open."""

from __future__ import annotations

import pytest

from labkit.course.scoring import Effort, cost_of, earned, hint_needs, solution_needs, spoken


@pytest.mark.parametrize(
    ("hints", "solution", "points"),
    [((), False, 10), ((1,), False, 10), ((1, 2), False, 9), ((1, 2, 3), False, 7), ((3,), False, 7),
     ((1, 2, 3), True, 5), ((), True, 5)],
)  # fmt: skip
def test_the_dearest_help_counts(hints: tuple[int, ...], solution: bool, points: int) -> None:
    assert earned(10, hints, solution) == points


def test_points_never_fall_below_zero() -> None:
    assert earned(2, (3,), False) == 0


@pytest.mark.parametrize(
    ("level", "effort", "needs"),
    [
        (1, Effort(), ""),
        (2, Effort(), "after one failed check, or in 2 min"),
        (2, Effort(seconds=40), "after one failed check, or in 1 min 20 s"),
        (2, Effort(seconds=119.2), "after one failed check, or in 1 s"),
        (2, Effort(seconds=120), ""),
        (2, Effort(failed=1), ""),
        (3, Effort(), "after two failed checks, or in 5 min"),
        (3, Effort(failed=1, seconds=10), "after one more failed check, or in 4 min 50 s"),
        (3, Effort(failed=2), ""),
        (3, Effort(seconds=300), ""),
        (3, Effort(hints=frozenset({3})), ""),
        (3, Effort(passed=True), ""),
    ],
)
def test_a_hint_says_what_it_still_needs(level: int, effort: Effort, needs: str) -> None:
    assert hint_needs(level, effort) == needs


@pytest.mark.parametrize(
    ("effort", "needs"),
    [
        (Effort(), "after hint 3 and after one check of your own"),
        (Effort(attempts=1), "after hint 3"),
        (Effort(hints=frozenset({3})), "after one check of your own"),
        (Effort(hints=frozenset({3}), attempts=1), ""),
        (Effort(solution=True), ""),
        (Effort(passed=True), ""),
    ],
)
def test_the_solution_wants_an_honest_try(effort: Effort, needs: str) -> None:
    assert solution_needs(effort) == needs


def test_the_next_hint_is_the_first_not_shown() -> None:
    assert Effort().next_hint == 1
    assert Effort(hints=frozenset({1, 3})).next_hint == 2
    assert Effort(hints=frozenset({1, 2, 3})).next_hint is None


def test_words() -> None:
    assert [cost_of(level) for level in (1, 2, 3)] == ["free", "costs 1 point", "costs 3 points"]
    assert [spoken(seconds) for seconds in (0, 1, 60, 60.5, 300)] == [
        "1 s",
        "1 s",
        "1 min",
        "1 min 1 s",
        "5 min",
    ]
