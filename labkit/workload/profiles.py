"""How many requests come when: a rate that changes with time, and the arrivals that follow from it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from labkit.errors import UsageError

MOST: Final = 1_000_000
"""Requests that are made at most. A profile may have more when one of them stands for many: see `sample`."""
LARGEST: Final = 1_000_000_000
"""Requests in one profile at most. More is a typing mistake."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A rate (requests per second) over `seconds`, never above `peak`. Put one after another with `+`."""

    rate: Callable[[float], float]
    seconds: float
    peak: float
    words: str

    def __add__(self, other: Profile) -> Profile:
        if not isinstance(other, Profile):
            return NotImplemented
        first, second, turn = self.rate, other.rate, self.seconds
        return Profile(
            lambda at: first(at) if at < turn else second(at - turn),
            self.seconds + other.seconds,
            max(self.peak, other.peak),
            f"{self.words}, then {other.words}",
        )

    def __repr__(self) -> str:
        return f"Profile({self.words})"

    @property
    def expected(self) -> float:
        """About how many requests it makes, from a thousand readings of the rate."""
        step = self.seconds / 1_000
        return sum(self.rate((place + 0.5) * step) for place in range(1_000)) * step

    def sampled(self, sample: int) -> Profile:
        """The same course with one request for every `sample`."""
        if isinstance(sample, bool) or not isinstance(sample, int) or sample < 1:
            raise UsageError(
                f"sample is how many requests one stands for, a whole number such as 20. It is {sample!r}."
            )
        rate = self.rate
        thinned = (
            self
            if sample == 1
            else Profile(
                lambda at: rate(at) / sample,
                self.seconds,
                self.peak / sample,
                f"{self.words}, 1 in {sample:,}",
            )
        )
        if (count := thinned.expected) > MOST:
            needed = math.ceil(self.expected / MOST)
            raise UsageError(
                f"That makes about {count:,.0f} requests; {MOST:,} are the most. Lower the rate or the time, or "
                f"let one request stand for many: sample={needed}."
            )
        return thinned

    def arrivals(self, dice: random.Random) -> Iterator[float]:
        """When requests come, in seconds from the beginning.

        They come independently of each other and of the answers (an open loop, a Poisson process): candidates
        at the peak rate, each kept with the share that the rate has of the peak.
        """
        at = 0.0
        while self.peak > 0:
            at += dice.expovariate(self.peak)
            if at >= self.seconds:
                return
            if dice.random() * self.peak < self.rate(at):
                yield at

    def evenly(self) -> Iterator[float]:
        """When requests come if they keep equal distances: the n-th when the rate has added up to n - 0.5."""
        step = min(self.seconds / 1_000, 0.25 / self.peak) if self.peak > 0 else math.inf
        place, total, wanted = 0, 0.0, 0.5
        while (at := place * step) < self.seconds:
            total += self.rate(at + step / 2) * step
            while total >= wanted - 1e-9:
                yield min(at + step, self.seconds)
                wanted += 1
            place += 1


def steady(rate: float, seconds: float) -> Profile:
    """The same rate all the time."""
    _check(seconds, rate=rate)
    return _sized(Profile(lambda _: rate, seconds, rate, f"{rate:g}/s for {seconds:g} s"))


def ramp(first: float, last: float, seconds: float) -> Profile:
    """A rate that grows, or falls, evenly."""
    _check(seconds, first=first, last=last)
    words = f"{first:g}/s to {last:g}/s in {seconds:g} s"
    return _sized(Profile(lambda at: first + (last - first) * at / seconds, seconds, max(first, last), words))


def wave(low: float, high: float, seconds: float, period: float = 86_400.0) -> Profile:
    """A rate that rises and falls like a day: lowest at the beginning, highest half a `period` later."""
    _check(seconds, low=low, high=high, period=period)
    if high < low:
        raise UsageError(f"high ({high:g}) is below low ({low:g}). Change them round.")
    if period == 0:
        raise UsageError("period is how long one rise and fall takes, in seconds, such as 86400.")

    def rate(at: float) -> float:
        return low + (high - low) * (1 - math.cos(2 * math.pi * at / period)) / 2

    words = f"{low:g}/s to {high:g}/s and back every {period:g} s, for {seconds:g} s"
    return _sized(Profile(rate, seconds, high, words))


def spike(base: float, peak: float, seconds: float, at: float | None = None, width: float = 1.0) -> Profile:
    """A base rate with one sudden peak of `width` seconds that begins `at` (the middle, if not said)."""
    _check(seconds, base=base, peak=peak, width=width)
    begin = seconds / 2 if at is None else at
    words = f"{base:g}/s for {seconds:g} s with {peak:g}/s for {width:g} s"
    return _sized(
        Profile(lambda now: peak if begin <= now < begin + width else base, seconds, max(base, peak), words)
    )


def _check(seconds: float, **rates: float) -> None:
    for name, value in {"seconds": seconds, **rates}.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            raise UsageError(f"{name} is a number that is not negative, such as 60. It is {value!r}.")
    if seconds == 0:
        raise UsageError("seconds is how long it lasts, such as 60. It is 0.")


def _sized(profile: Profile) -> Profile:
    if (count := profile.expected) > LARGEST:
        raise UsageError(
            f"That makes about {count:,.0f} requests; {LARGEST:,} are the most. Lower the rate or the time."
        )
    return profile
