"""The one loop of every load: who acts next, on a clock that stands still in between."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Protocol

from labkit.errors import UsageError
from labkit.sandbox import Sandbox

_NOW: Final = 1e-5
"""Seconds that are no time: Python's clock is set in whole microseconds."""


class Player(Protocol):
    """Something that acts at times of its own choice."""

    def begin(self, now: float) -> None:
        """The story begins. Times are seconds since 1970 on the account's clock."""

    def due(self) -> float | None:
        """When it acts next, or None while it waits for the account."""

    def act(self, now: float) -> None:
        """It is that time."""

    def stirred(self, now: float) -> None:
        """Something changed in the account: a message came or became visible."""

    @property
    def lasts(self) -> float:
        """How long it goes on, in seconds; infinite for one that serves the others."""


def play(sandbox: Sandbox, *players: Player, seconds: float | None = None) -> None:
    """Let the players act until `seconds` are over, or, if not said, until the longest of them ends.

    Work of the account falls due in between, in order of time. Real time does not count.
    Raises `UsageError` when nothing says how long it goes on.
    """
    lasting = max((one.lasts for one in players if one.lasts < math.inf), default=None)
    length = lasting if seconds is None else seconds
    if length is None or not 0 < length < math.inf:
        raise UsageError("Say how long it goes on: play(..., seconds=3600).")
    clock = sandbox.clock
    with clock.paused():
        end = clock.time() + length
        for player in players:
            player.begin(clock.time())
        seen = -1
        while True:
            if seen != sandbox.changes:
                seen = sandbox.changes
                for player in players:
                    player.stirred(clock.time())
                continue
            acting = min(players, key=_when)
            until = min(_when(acting), end)
            if until - clock.time() > _NOW:
                with sandbox.lock:
                    # Most of the time nothing falls due before the next one acts: then there is nothing to watch.
                    clock.pass_to(until) or clock.run_until(_changed(sandbox), until - clock.time())
            elif until < end:
                acting.act(clock.time())
            else:
                return


def _changed(sandbox: Sandbox) -> Callable[[], bool]:
    before = sandbox.changes
    return lambda: sandbox.changes != before


def _when(player: Player) -> float:
    due = player.due()
    return math.inf if due is None else due
