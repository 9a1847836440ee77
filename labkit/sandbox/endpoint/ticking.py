"""Due work of a served account is played also while nobody asks.

In a notebook the account catches up whenever somebody looks at it. A program outside may wait for a retry, a
schedule or a message to come back without looking, so a served account is looked at twice a second.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

EVERY: Final = 0.5
"""Seconds, real, between two looks."""


class Ticking:
    """A thread that plays what fell due. `complain` is told what broke; the ticking goes on."""

    def __init__(self, sandbox: Sandbox, complain: Callable[[str], object], every: float = EVERY) -> None:
        self._sandbox = sandbox
        self._complain = complain
        self._every = every
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="labkit-ticking", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the look that is under way."""
        self._stopped.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout=2)

    def _run(self) -> None:
        self._sandbox.visitors.rest()  # it does nothing by itself that a long poll would have to wait for
        while not self._stopped.wait(self._every):
            self.look()

    def look(self) -> None:
        """Play what is due now."""
        sandbox = self._sandbox
        with sandbox.lock:
            if self._stopped.is_set() or not sandbox.running:
                return
            try:
                if sandbox.clock.catch_up():
                    sandbox.lock.notify_all()
            except Exception as error:
                self._complain(f"Work that was due failed: {type(error).__name__}: {error}")
