"""A tip for who waits: `time.sleep` works in a lab, but the clock can be moved on at once."""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

WORTH_A_TIP: Final = 5
"""Shorter waits, in seconds, are let pass without a word."""

_WAITS_FOR_PROGRAMS: Final = ("subprocess",)
"""Modules that sleep until another program ends. `Popen.wait(timeout=...)` does, in steps of up to 50 ms."""


class SleepTip:
    """Says once, before the first long sleep of the learner's main thread, how to wait without waiting.

    `virtual(seconds)` may take a sleep over: it returns whether it let the time pass itself.
    """

    def __init__(
        self,
        say: Callable[[str], object] = print,
        virtual: Callable[[float], bool] = lambda _: False,
    ) -> None:
        self._say = say
        self._virtual = virtual
        self._original: Any = None
        self._said = False

    def start(self) -> None:
        """Watch `time.sleep`. It goes on sleeping as long as it is asked to."""
        original = self._original = time.sleep

        @functools.wraps(original)
        def sleep(seconds: Any) -> None:
            # Whoever waits for a program waits in real time, in which the program lives.
            program = sys._getframe(1).f_globals.get("__name__") in _WAITS_FOR_PROGRAMS
            if not program and isinstance(seconds, (int, float)) and self._virtual(seconds):
                return
            self._before(seconds)
            original(seconds)

        time.sleep = sleep

    def stop(self) -> None:
        """Leave `time.sleep` as it was."""
        if self._original is not None:
            time.sleep = self._original
            self._original = None

    def _before(self, seconds: Any) -> None:
        long = isinstance(seconds, (int, float)) and seconds >= WORTH_A_TIP
        if long and not self._said and threading.current_thread() is threading.main_thread():
            self._said = True
            self._say(f"Tip: lab.clock.advance(seconds={seconds:g}) lets the same time pass at once.")
