"""Time as a function sees it: the account's clock, in every way Python has to ask for it.

`time.sleep` in the thread that runs the handler asks the account to let the time pass, which takes no real
time. The monotonic clocks and `perf_counter` move on with it, so that a stopwatch shows what was slept.

Limits, said openly: `asyncio.sleep`, waiting with a time-out, and `time.sleep` in other threads wait for real.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from labkit.sandbox.travel import time_machine

_SAME: Final = 0.0005
"""Moves of the offset below this many seconds are noise of two readings of one clock."""
_STEP: Final = 0.01
_FOR_EVER: Final = 1e9
_sleep: Final = time.sleep
_monotonic: Final = time.monotonic

_traveller: Any = None
_offset = 0.0
_passed = 0.0


def start() -> None:
    """Take over Python's idea of the time. Once per process, before a worker is forked from it."""
    global _traveller
    _traveller = time_machine.travel(real_time(), tick=True).start()
    _go_to(real_time())


def real_time() -> float:
    """Seconds since 1970 on the machine's own clock."""
    if time_machine.escape_hatch.is_travelling():
        return float(time_machine.escape_hatch.time.time())
    return time.time()


def set_offset(offset: float) -> None:
    """The account's clock is this many seconds ahead of the machine's."""
    global _offset
    if abs(offset - _offset) > _SAME:
        _pass(offset - _offset)
        _offset = offset
        _go_to(real_time() + offset)


def _go_to(moment: float) -> None:
    _traveller.move_to(moment)
    time.time()  # `time_machine` begins to tick at the first reading


def _pass(seconds: float) -> None:
    global _passed
    _passed += max(0.0, seconds)


def stopwatch() -> float:
    """Seconds that pass as the function sees them, from any beginning; cheaper to read than the time."""
    return _monotonic() + _offset


def install(until: Callable[[float], None], handler_thread: int) -> None:
    """Replace Python's clocks and `time.sleep`. `until(moment)` asks the account to let time pass."""

    def sleep(seconds: Any, /) -> None:
        if not (isinstance(seconds, (int, float)) and seconds > 0):
            _sleep(seconds)  # nothing to wait for, or nonsense: Python says what it always says
            return
        seconds = min(seconds, _FOR_EVER)
        target, began = time.time() + seconds, time.monotonic()
        if threading.get_ident() == handler_thread:
            until(target)
            # Readings of two clocks differ by microseconds; no stopwatch may show less than was slept.
            _pass(seconds - (time.monotonic() - began))
        while (left := target - time.time()) > 0:
            _sleep(min(left, _STEP))

    sleep.__doc__, sleep.__module__ = _sleep.__doc__, "time"
    time.sleep = sleep
    for name in ("monotonic", "perf_counter"):
        setattr(time, name, _moved(getattr(time, name), 1))
        setattr(time, f"{name}_ns", _moved(getattr(time, f"{name}_ns"), 1_000_000_000))


def _moved(original: Callable[[], Any], unit: int) -> Callable[[], Any]:
    kind = type(original())

    def reading() -> Any:
        return original() + kind(_passed * unit)

    reading.__name__, reading.__doc__ = original.__name__, original.__doc__
    return reading
