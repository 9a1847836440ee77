"""Virtual time, and the one queue of everything that happens later.

The clock runs with real time plus an offset. `advance` makes the offset larger and plays all
work that falls due on the way, in order, each piece at its own time. Ties are played in the order
in which they were scheduled. Nothing sleeps and no thread watches: the account catches up
whenever somebody looks at it.

`time-machine` carries the time into everything that asks Python for it, so moto, botocore and the
learner's own `datetime.now()` agree. The monotonic clock stays real: event loops depend on it.
"""

from __future__ import annotations

import heapq
import itertools
import math
import threading
import time as _time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import FunctionType
from typing import Any, Final

from labkit.errors import UsageError
from labkit.sandbox.trace import Trace
from labkit.sandbox.travel import time_machine

LONGEST: Final = timedelta(days=366 * 10)
"""The furthest one call may move the clock. Beyond it a typing mistake is more likely than a plan."""

_MOST_AT_ONCE: Final = 1_000
"""Pieces of work that one look plays beyond those that were due: a chain ends, a circle is left turning."""

_SECONDS: Final = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}

_PLAIN = (str, int, float, bool, bytes, type(None))


def real_time() -> float:
    """Seconds since 1970 on the machine's own clock, whatever the virtual clock says."""
    if time_machine.escape_hatch.is_travelling():
        return float(time_machine.escape_hatch.time.time())
    return _time.time()


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """One piece of work that waits for its time. `when` is in seconds since 1970, virtual."""

    when: float
    sequence: int
    action: Callable[..., object]
    args: tuple[Any, ...]
    cause: int | None


@dataclass(frozen=True, slots=True)
class Moved:
    """What one move of the clock did: seconds passed, pieces of work played, and the time now."""

    seconds: float
    played: int
    now: datetime

    def __repr__(self) -> str:
        things = "Nothing was due" if not self.played else f"Work played: {self.played}"
        now = f"It is now {self.now:%Y-%m-%d %H:%M:%S} UTC."
        return f"The clock moved {_spoken(self.seconds)}. {now} {things}."


class Clock:
    """The account's clock. All times are UTC; all durations are seconds unless they say otherwise."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._travel: Any = None
        self._traveller: Any = None
        self._offset = 0.0
        self._live: dict[int, Due] = {}
        self._heap: list[tuple[float, int]] = []
        self._sequence = itertools.count(1)
        self._playing = False
        self._still = 0
        self._player = 0
        trace.clock = self.time

    # -- reading ---------------------------------------------------------------------------------

    def time(self) -> float:
        """Seconds since 1970, virtual."""
        if self._traveller is None:
            return real_time() + self._offset
        return float(_time.time())

    def now(self) -> datetime:
        """The virtual time as an aware datetime in UTC."""
        return datetime.fromtimestamp(self.time(), UTC)

    @property
    def playing(self) -> bool:
        """Whether due work is being played at this moment."""
        return self._playing

    @property
    def ahead(self) -> timedelta:
        """How far the virtual clock is ahead of the real one."""
        return timedelta(seconds=self._offset)

    def __repr__(self) -> str:
        ahead = "in step with" if self._offset < 1 else f"{_spoken(self._offset)} ahead of"
        return f"{self.now():%Y-%m-%d %H:%M:%S} UTC, {ahead} real time. Work waiting: {len(self._live)}."

    # -- moving ----------------------------------------------------------------------------------

    def advance(self, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> Moved:
        """Let time pass at once and play everything that falls due, in order.

        Raises `UsageError` when the time is negative, not a number, or longer than ten years.
        """
        step = _duration({"seconds": seconds, "minutes": minutes, "hours": hours, "days": days})
        target = self.time() + step
        played = self._play_until(target, stop=None)
        self._go_to(max(target, self.time()))
        self._keep_offset()
        return Moved(step, played, self.now())

    def run_until(
        self, condition: Callable[[], object] | str, limit: float | timedelta = timedelta(hours=1)
    ) -> bool:
        """Let time pass until `condition` holds, at most `limit` (seconds or a timedelta).

        `condition` is a function without arguments, or the action of an event to wait for in the
        trace, such as `"MessageVisible"`. It is asked now and after every piece of work.
        Returns whether it came true.
        """
        seconds = limit.total_seconds() if isinstance(limit, timedelta) else _number("limit", limit)
        holds = self._condition(condition)
        if holds():
            return True
        target = self.time() + seconds
        self._play_until(target, stop=holds)
        done = holds()
        if not done:
            self._go_to(max(target, self.time()))
            done = holds()
        self._keep_offset()
        return done

    def pass_to(self, moment: float) -> bool:
        """Let time pass to a moment (seconds since 1970) before which nothing is due, on a paused clock.

        Returns whether it did: False when work is due before, or the clock runs by itself. Quicker than `advance`.
        """
        if not self._still or (self._heap and self._heap[0][0] <= moment):
            return False
        self._go_to(moment)
        return True

    def catch_up(self) -> int:
        """Play what fell due while nobody looked, and what that brings at once.

        Returns how many pieces of work were played.
        """
        played, left = 0, len(self._live) + _MOST_AT_ONCE
        while not self._playing and left > played and self._heap and self._heap[0][0] <= self.time():
            now = self.time()
            played += self._play_until(now, _after(left - played))
            self._go_to(max(now, self.time()) if self._still else real_time() + self._offset)
        return played

    @property
    def stands_still(self) -> bool:
        """Whether the clock is paused."""
        return self._still > 0

    def sleeps(self, seconds: float) -> bool:
        """Let a sleep of the thread that paused the clock pass at once. Returns whether it did."""
        if (
            not self._still
            or self._player != threading.get_ident()
            or not 0 <= seconds < LONGEST.total_seconds()
        ):
            return False
        self.advance(seconds)
        return True

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Inside, no time passes by itself: only `advance`, long polls and other waits move the clock.

        So a story is the same on a slow machine as on a fast one. When it ends, the clock runs on from where
        it stands. Pauses nest. `time.sleep` of the thread that paused it passes virtual time.
        """
        moment, self._still = self.time(), self._still + 1
        before, self._player = self._player, threading.get_ident()
        self._go_to(moment)
        try:
            yield
        finally:
            moment, self._still = self.time(), self._still - 1
            self._player = before
            self._go_to(moment)
            self._keep_offset()

    # -- work for later --------------------------------------------------------------------------

    def schedule(self, when: float, action: Callable[..., object], *args: Any) -> Due:
        """Have `action(*args)` called at `when` (seconds since 1970, virtual).

        `action` is a function of a module and `args` are plain values, such as ARNs and numbers.
        A rehearsal swaps the account's state; work that held on to an object of the old state would
        change the wrong one. Raises `TypeError` for anything else.
        """
        if not isinstance(action, FunctionType) or "<locals>" in action.__qualname__:
            raise TypeError(f"work for later must be a function of a module, not {action!r}")
        if not all(_is_plain(value) for value in args):
            raise TypeError(f"work for later takes plain values only, not {args!r}")
        due = Due(float(when), next(self._sequence), action, args, self._trace.cause)
        self._live[due.sequence] = due
        heapq.heappush(self._heap, (due.when, due.sequence))
        return due

    def cancel(self, due: Due | None) -> None:
        """Take work back. Work that was played or cancelled before, or `None`, is ignored."""
        if due is not None:
            self._live.pop(due.sequence, None)
            while self._heap and self._heap[0][1] not in self._live:
                heapq.heappop(self._heap)

    @property
    def waiting(self) -> tuple[Due, ...]:
        """Everything that is still to come, in the order in which it will be played."""
        return tuple(sorted(self._live.values(), key=lambda due: (due.when, due.sequence)))

    @property
    def next_due(self) -> float | None:
        """When the next piece of work is due (seconds since 1970), or None. Quicker than `waiting`."""
        return self._heap[0][0] if self._heap else None

    # -- kept by the sandbox ---------------------------------------------------------------------

    def start(self) -> None:
        """Take over Python's idea of the time."""
        self._travel = time_machine.travel(real_time() + self._offset, tick=True)
        self._traveller = self._travel.start()

    def stop(self) -> None:
        """Give Python its own time back and forget what was due."""
        if self._travel is not None:
            self._travel.stop()
            self._travel = self._traveller = None
        self.clear()

    def clear(self) -> None:
        """Back to real time, with nothing due."""
        self._live.clear()
        self._heap.clear()
        self._offset = 0.0
        self._go_to(real_time())

    def export(self) -> tuple[float, tuple[Due, ...], float | None]:
        """Offset, due work, and the time if the clock stands still, as `restore` takes them."""
        still = self.time() if self._still else None
        offset = self._offset if still is None else still - real_time()
        return offset, tuple(self._live.values()), still

    def restore(self, state: tuple[float, tuple[Due, ...], float | None]) -> None:
        """Put offset and due work back."""
        self._offset, due_work, still = state
        self._live = {due.sequence: due for due in due_work}
        self._heap = [(due.when, due.sequence) for due in due_work]
        heapq.heapify(self._heap)
        # The work may come from another account's clock: no new piece may get a number that it has.
        highest = max((due.sequence for due in due_work), default=0)
        self._sequence = itertools.count(max(next(self._sequence), highest + 1))
        # While it stands still, real time that passed meanwhile does not count.
        self._go_to(real_time() + self._offset if still is None or not self._still else still)

    # -- inside ----------------------------------------------------------------------------------

    def _go_to(self, moment: float) -> None:
        if self._traveller is not None:
            self._traveller.move_to(moment, tick=not self._still)

    def _keep_offset(self) -> None:
        self._offset = self.time() - real_time()

    def _condition(self, condition: Callable[[], object] | str) -> Callable[[], bool]:
        if isinstance(condition, str):
            name, mark = condition, self._trace.mark()
            return lambda: any(event.action == name for event in self._trace.since(mark))
        if callable(condition):
            wanted = condition
            return lambda: bool(wanted())
        raise UsageError(
            "run_until takes a function that returns True or False, or the name of an event such as "
            f'"MessageVisible". It got {condition!r}.'
        )

    def _play_until(self, target: float, stop: Callable[[], bool] | None) -> int:
        played = 0
        with self._as_player():
            for due in self._due_before(target):
                self._go_to(due.when)
                with self._trace.caused_by(due.cause):
                    due.action(*due.args)
                played += 1
                if stop is not None and stop():
                    break
        return played

    def _due_before(self, target: float) -> Iterator[Due]:
        while self._heap and self._heap[0][0] <= target:
            _, sequence = heapq.heappop(self._heap)
            due = self._live.pop(sequence, None)
            if due is not None:
                yield due

    @contextmanager
    def _as_player(self) -> Iterator[None]:
        outer, self._playing = self._playing, True
        try:
            yield
        finally:
            self._playing = outer


def _after(pieces: int) -> Callable[[], bool]:
    """A condition that holds when it was asked so many times."""
    asked = itertools.count(1)
    return lambda: next(asked) >= pieces


def _duration(parts: dict[str, float]) -> float:
    checked = {name: _number(name, value) for name, value in parts.items()}
    step = timedelta(**checked)
    if step < timedelta():
        raise UsageError("The clock only moves forward. Give a positive time, such as advance(minutes=5).")
    if step > LONGEST:
        raise UsageError(f"That is {step.days:,} days. The clock moves at most ten years at a time.")
    # Not `step.total_seconds()`: a timedelta has whole microseconds, and would stop a hair before a full minute.
    return sum(value * _SECONDS[name] for name, value in checked.items())


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise UsageError(f"{name} must be a number, such as advance(seconds=31). It is {value!r}.")
    return float(value)


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple):
        return all(_is_plain(item) for item in value)
    return isinstance(value, _PLAIN)


def _spoken(seconds: float) -> str:
    units = ((86400, "d"), (3600, "h"), (60, "min"))
    rest, parts = round(seconds), []
    for size, unit in units:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    if rest or not parts:
        parts.append(f"{rest} s")
    return " ".join(parts)
