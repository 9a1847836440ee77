"""Time as one call of a function passes it.

The account has one clock, but two functions that sleep at the same time sleep side by side. So each call
keeps its own reading: where the account's clock stood when the call began, plus the real time the function
used, plus what it slept or waited for in AWS calls. Work of others that is played meanwhile does not count.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager

from labkit.sandbox.clock import Clock, real_time


class Pace:
    """One call's own time. Seconds since 1970, on the account's clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.began = clock.time()
        self.offset = self.began - real_time()
        """What the function's process adds to the machine's time."""
        self._real = time.monotonic()
        self._not_counted = 0.0

    def now(self) -> float:
        """The time in this call."""
        return real_time() + self.offset

    @property
    def worked(self) -> float:
        """Real seconds for which the function's process has had the word."""
        return time.monotonic() - self._real - self._not_counted

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What happens inside is not this call's doing and takes none of its time."""
        began = time.monotonic()
        try:
            yield
        finally:
            took = time.monotonic() - began
            self.offset -= took
            self._not_counted += took

    @contextmanager
    def measured(self) -> Iterator[None]:
        """What the account's clock passes inside beyond real time, as a long poll does, this call passes too."""
        began, real = self._clock.time(), time.monotonic()
        try:
            yield
        finally:
            took = time.monotonic() - real
            self.offset += max(0.0, self._clock.time() - began - took)
            self._not_counted += took

    def until(self, moment: float) -> Generator[float, None, None]:
        """Sleep until then: no real time passes for the function. Whoever drives this lets the time pass."""
        with self.aside():
            yield moment
        self.offset = max(self.offset, moment - real_time())
