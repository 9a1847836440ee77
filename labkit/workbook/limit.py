"""Ends code that takes too long, also an endless loop, from within the same process."""

from __future__ import annotations

import ctypes
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_AGAIN = 2.0
"""Seconds after which code that is still running is interrupted once more."""


class TooLong(KeyboardInterrupt):
    """Raised inside code whose time is over.

    A KeyboardInterrupt, because everything that catches what learners' code raises lets that one through.
    """


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise TooLong in the body when it takes longer, in real seconds. For the main thread; does not nest."""
    end = time.monotonic() + seconds
    try:
        with _quietly(), (_alarm if hasattr(signal, "setitimer") else _watched)(seconds):
            yield
    except KeyboardInterrupt:
        if time.monotonic() < end:
            raise  # somebody pressed Ctrl-C
        raise TooLong from None


@contextmanager
def _quietly() -> Iterator[None]:
    """Python reports an error that it drops in a finaliser. TooLong comes again, so there is nothing to report."""
    before = sys.unraisablehook

    def told(unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, TooLong):
            before(unraisable)

    sys.unraisablehook = told
    try:
        yield
    finally:
        sys.unraisablehook = before


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, ring)
    # It rings again: an error raised in a finaliser is dropped by Python, and the loop would go on for ever.
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _watched(seconds: float) -> Iterator[None]:
    """Windows has no alarm: a thread interrupts. It ends running Python code, not a sleep."""
    watch = prepare()
    watch.set(threading.get_ident(), time.monotonic() + seconds)
    try:
        yield
    finally:
        watch.set(None, 0)


class _Watch(threading.Thread):
    """Throws TooLong into a thread whose deadline has passed."""

    def __init__(self) -> None:
        super().__init__(name="labkit-watch", daemon=True)
        self._changed = threading.Condition()
        self._thread: int | None = None
        self._deadline = 0.0

    def set(self, thread: int | None, deadline: float) -> None:
        """Watch a thread until a moment of the monotonic clock; None to watch nothing."""
        with self._changed:
            self._thread, self._deadline = thread, deadline
            self._changed.notify()

    def run(self) -> None:
        with self._changed:
            while True:
                left = self._deadline - time.monotonic()
                if self._thread is None:
                    self._changed.wait()
                elif left > 0:
                    self._changed.wait(left)
                else:
                    _throw(self._thread)
                    self._deadline = time.monotonic() + _AGAIN


_watch: list[_Watch] = []


def prepare() -> _Watch:
    """Start the watching thread, before an account is open: later it would count as one of the learner's."""
    if not _watch:
        _watch.append(_Watch())
        _watch[0].start()
    return _watch[0]


def _throw(thread: int) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(TooLong))
