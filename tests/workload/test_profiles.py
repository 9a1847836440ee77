"""Profiles: the rate that was asked for, arrivals that follow it, and the same ones for the same seed."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from labkit.errors import UsageError
from labkit.workload import Profile, ramp, spike, steady, wave


def arrivals(profile: Profile, seed: int = 1) -> list[float]:
    return list(profile.arrivals(random.Random(seed)))


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (steady(50, 60), 3_000),
        (ramp(0, 100, 60), 3_000),
        (ramp(100, 0, 60), 3_000),
        (wave(10, 50, 3_600, period=3_600), 108_000),
        (spike(10, 500, 60, width=2), 580 + 1_000),
        (steady(10, 30) + steady(100, 30), 3_300),
    ],
)
def test_as_many_come_as_the_rate_adds_up_to(profile: Profile, expected: int) -> None:
    assert profile.expected == pytest.approx(expected, rel=0.01)
    assert len(arrivals(profile)) == pytest.approx(expected, abs=5 * expected**0.5)
    assert len(list(profile.evenly())) == pytest.approx(expected, rel=0.01)


def test_they_come_when_the_rate_is_high() -> None:
    found = Counter(int(at // 30) for at in arrivals(steady(10, 30) + steady(100, 30)))
    assert found[1] > 8 * found[0]
    around = [at for at in arrivals(spike(1, 500, 60, at=20, width=2)) if 20 <= at < 22]
    assert len(around) == pytest.approx(1_000, abs=150)


def test_they_come_in_order_and_within_the_time() -> None:
    found = arrivals(wave(0, 40, 120, period=60))
    assert found == sorted(found)
    assert found[0] > 0
    assert found[-1] < 120


def test_open_loop_gaps_differ_and_even_gaps_do_not() -> None:
    gaps = [
        later - at
        for at, later in zip(arrivals(steady(100, 60)), arrivals(steady(100, 60))[1:], strict=False)
    ]
    mean = sum(gaps) / len(gaps)
    spread = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert spread / mean == pytest.approx(1, abs=0.1)  # a Poisson process: the spread of gaps is their mean
    even = list(steady(4, 10).evenly())
    assert even == pytest.approx([(place + 0.5) / 4 for place in range(40)], abs=0.08)


def test_a_seed_decides() -> None:
    assert arrivals(steady(20, 10), 3) == arrivals(steady(20, 10), 3) != arrivals(steady(20, 10), 4)


def test_no_rate_means_nobody_comes() -> None:
    assert arrivals(steady(0, 60)) == list(steady(0, 60).evenly()) == []


@pytest.mark.parametrize(
    ("make", "cure"),
    [
        (lambda: steady(-1, 60), "rate is a number that is not negative"),
        (lambda: steady("50", 60), "rate is a number"),  # type: ignore[arg-type]
        (lambda: steady(50, 0), "seconds is how long it lasts"),
        (lambda: steady(float("inf"), 60), "rate is a number"),
        (lambda: steady(True, 60), "rate is a number"),
        (lambda: wave(50, 10, 60), "Change them round"),
        (lambda: wave(1, 10, 60, period=0), "period is how long"),
        (lambda: steady(1e6, 3_600), "Lower the rate or the time"),
    ],
)
def test_nonsense_is_refused_with_the_cure(make: Any, cure: str) -> None:
    with pytest.raises(UsageError) as caught:
        make()
    assert cure in str(caught.value)
