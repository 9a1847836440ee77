"""The sandbox: a simulated AWS account that behaves, inside this process.

moto keeps the resources. The rooms beside this file give them time (`clock`), a record (`trace`),
behaviour (`services`, put in place by `hooks`), and walls (`guard`).
"""

from __future__ import annotations

import hashlib
import pickle
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from labkit.errors import LabkitError
from labkit.pins import require_pins
from labkit.sandbox import identity, state
from labkit.sandbox.clock import Clock
from labkit.sandbox.faults import Faults
from labkit.sandbox.guard import Guard
from labkit.sandbox.models import ModelCache
from labkit.sandbox.sleep import SleepTip
from labkit.sandbox.threads import Visitors
from labkit.sandbox.trace import Trace

__all__ = ["Rehearsal", "Sandbox", "Snapshot", "current", "running"]

_running: list[Sandbox] = []
_MOTO_CONFIG: Final = {"core": {"mock_credentials": False, "reset_boto3_session": True}}
_STEP: Final = 0.02
"""How often a real long poll looks at the clock, in seconds. Arrivals wake it at once."""


def current() -> Sandbox:
    """The sandbox that runs in this process. Raises `LabkitError` when none does."""
    if not _running:
        raise LabkitError('No lab is open. Run the setup cell, or lab = labkit.open("16").')
    return _running[-1]


def running() -> Sandbox | None:
    """The sandbox that runs in this process, or None."""
    return _running[-1] if _running else None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole account at one moment: resources, clock, due work, faults, and dice."""

    account: state.AccountCopy
    registries: tuple[Any, ...]
    clock: Any
    faults: Any
    dice: Any
    digest: str = ""


@dataclass(slots=True)
class Rehearsal:
    """What happens inside `Sandbox.rehearsal()`. `trace` stays readable after it has ended."""

    trace: Trace


class Sandbox:
    """One simulated account. Only one runs in a process at a time.

    `seed` decides every random choice the simulated services make.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.account = identity.ACCOUNT
        self.region = identity.REGION
        self.lock = threading.Condition(threading.RLock())
        self.trace = Trace()
        self.clock = Clock(self.trace)
        self.faults = Faults()
        self.faults.clock = self.clock.time
        self.random = random.Random(seed)
        self.guard = Guard(identity.environment())
        self.attached: dict[str, Any] = {}
        """What lives beside moto's objects and belongs to their state, such as warm functions. Each has `close()`.

        A rehearsal begins without and puts them back at its end; reset, restore and stop close them."""
        self.tools: dict[str, Any] = {}
        """What services keep from first use until the account is closed. Each has `close()`."""
        self.changes = 0
        """Grows whenever something comes into being that somebody may wait for, such as a message."""
        self._visitors = Visitors()
        self._sleep_tip = SleepTip(virtual=self._sleeps)
        self._models = ModelCache()
        self._mock: Any = None
        self._hooks: Any = None
        self._door: Any = None
        self._outside: Any = None

    # -- life ------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether calls reach this account now."""
        return self in _running

    def start(self) -> Self:
        """Open the account. Raises `LabkitError` when another one is open in this process."""
        if self.running:
            return self
        if _running:
            raise LabkitError("Another lab's account is open in this process. Stop it first: sandbox.stop().")
        require_pins()
        self.guard.start()
        try:
            self._start_moto()
        except BaseException:
            self.guard.stop()
            raise
        _running.append(self)
        self.clock.start()
        self._visitors.start()
        self._sleep_tip.start()
        return self

    def _start_moto(self) -> None:
        from moto.core.models import MockAWS

        from labkit.sandbox import dispatch
        from labkit.sandbox.hooks import Hooks

        self._models.start()
        self._hooks = Hooks()
        self._hooks.start()
        self._mock = MockAWS(config=dict(_MOTO_CONFIG))
        self._mock.start()
        self._door = dispatch.Door(self)
        dispatch.open_door(self._door)
        self._seed_dice()

    def stop(self) -> None:
        """Close the account. Clients made for it cannot reach anything afterwards."""
        if not self.running:
            return
        from labkit.sandbox import dispatch

        self._close(self.attached)
        self._close(self.tools)
        with self.lock:
            _running.remove(self)
            self.clock.stop()
            dispatch.close_door(self._door)
            self._mock.stop()
            self._hooks.stop()
            self._models.stop()
            self.guard.stop()
            self._visitors.stop()
            self._outside = None
            self._sleep_tip.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def reset(self) -> None:
        """Empty every account and Region, forget all due work, and begin the story again.

        Calls stay intercepted all the while. The trace is emptied too.
        """
        self._close(self.attached)
        with self.lock:
            state.empty()
            self.clock.clear()
            self.faults.clear()
            self.trace.clear()
            self._seed_dice()
            self.lock.notify_all()

    @staticmethod
    def _close(things: dict[str, Any]) -> None:
        while things:
            things.popitem()[1].close()

    def _seed_dice(self) -> None:
        from moto.moto_api._internal import mock_random

        self.random.seed(self.seed)
        self.faults.seed = self.seed
        mock_random.seed(self.seed)

    # -- copies ----------------------------------------------------------------------------------

    def snapshot(self, digest: bool = False) -> Snapshot:
        """A copy of the account. `restore` brings it back, any number of times.

        With `digest` it holds the fingerprint too, which takes longer than the copy.
        """
        with self.lock:
            self.clock.catch_up()
            backends = state.live()
            copy = state.AccountCopy.of(backends)
            clock, faults, dice = self.clock.export(), self.faults.export(), self._dice()
            return Snapshot(copy, tuple(backends), clock, faults, dice, self.digest() if digest else "")

    def restore(self, snapshot: Snapshot) -> None:
        """Bring the account back to a snapshot: resources, time, due work, faults and dice."""
        self._close(self.attached)
        with self.lock:
            state.replace(snapshot.account.thaw(list(snapshot.registries)))
            self.clock.restore(snapshot.clock)
            self.faults.restore(snapshot.faults)
            self._set_dice(snapshot.dice)
            self.lock.notify_all()

    @contextmanager
    def rehearsal(self) -> Iterator[Rehearsal]:
        """Whatever happens inside is undone at the end: resources, clock, due work, trace, faults, dice.

        Inside, the account is a copy. The originals are put back as they were, so nothing that somebody
        holds on to changes. Rehearsals nest. The lock is free inside, so code that is tried out may use
        threads; threads that were at work before act on the copy as well, and that is undone too.
        """
        with self.lock:
            self.clock.catch_up()
            originals = state.live()
            copy = state.AccountCopy.of(originals)
            clock, faults, dice = self.clock.export(), self.faults.export(), self._dice()
            state.replace(copy.thaw(list(originals)))
            events = self.trace.swap()
            attached, self.attached = self.attached, {}
        rehearsal = Rehearsal(self.trace)
        try:
            yield rehearsal
        finally:
            self._close(self.attached)
            with self.lock:
                self.attached = attached
                rehearsal.trace = Trace.holding(self.trace.swap(events))
                state.replace(originals)
                self.clock.restore(clock)
                self.faults.restore(faults)
                self._set_dice(dice)
                self.lock.notify_all()

    def digest(self) -> str:
        """A fingerprint of the account: equal as long as nothing in it changes. Looking is no change."""
        with self.lock:
            due = [(item.when, item.action.__qualname__, item.args) for item in self.clock.waiting]
            # moto's dice stay out: every answer takes a request id from them, also one that only looks.
            rest = pickle.dumps((due, self.faults.export(), self.random.getstate()))
            dice = self._dice()
            try:
                return hashlib.sha256(state.used(state.live()) + rest).hexdigest()[:16]
            finally:
                self._set_dice(dice)

    def _dice(self) -> tuple[Any, Any]:
        from moto.moto_api._internal import mock_random

        return self.random.getstate(), mock_random.getstate()

    @staticmethod
    def draw_other_ids(seed: str) -> None:
        """From here on new things get other ids than they would have got. The end of a rehearsal undoes this, too."""
        from moto.moto_api._internal import mock_random

        mock_random.seed(seed)

    def _set_dice(self, dice: tuple[Any, Any]) -> None:
        from moto.moto_api._internal import mock_random

        self.random.setstate(dice[0])
        mock_random.setstate(dice[1])

    # -- the outside world -----------------------------------------------------------------------

    def client(self, service: str, region: str | None = None) -> Any:
        """A boto3 client of somebody who is not the learner, for the same account."""
        import boto3

        with self.lock:
            if self._outside is None:  # a new session reads botocore's large files again, 0.2 s each time
                self._outside = boto3.Session(**identity.credentials(identity.CHECKER))
            return self._outside.client(service, region_name=region or self.region)

    def backend(self, service: str, account: str | None = None, region: str | None = None) -> Any:
        """moto's own object for a service (moto's name for it, such as "sqs"), account and Region."""
        from moto.backends import get_backend

        return get_backend(service)[account or self.account][region or self.region]

    # -- waiting ---------------------------------------------------------------------------------

    def _sleeps(self, seconds: float) -> bool:
        """Let a sleep pass at once: in a story on a paused clock, inside an API call (boto3 waits before it tries
        again), and of boto3's waiters as long as nobody else acts. Returns whether it did."""
        from labkit.sandbox.dispatch import inside_a_call

        waiter = (
            sys._getframe(2).f_globals.get("__name__") == "botocore.waiter" and not self._visitors.others()
        )
        if not self.running or not (waiter or inside_a_call()):
            return self.clock.sleeps(seconds)
        with self.lock:
            self.clock.advance(max(0.0, seconds))
        return True

    def wait_until(self, condition: Callable[[], object], seconds: float) -> bool:
        """Wait for `condition`, at most `seconds`; call it with `lock` held. Returns whether it came true.

        Alone, the clock moves on at once and due work is played: no real time passes. When the learner
        runs other threads, the wait is real and the lock is free meanwhile, so that they can act.
        """
        if condition():
            return True
        if not self._visitors.others():
            return self.clock.run_until(condition, seconds)
        end = time.monotonic() + seconds
        while not condition():
            left = end - time.monotonic()
            if left <= 0 or not self.running:
                return False
            self.lock.wait(min(left, _STEP))
            self.clock.catch_up()
        return True

    def changed(self) -> None:
        """Wake whoever waits for a change in the account."""
        with self.lock:
            self.changes += 1
            self.lock.notify_all()

    @property
    def visitors(self) -> Visitors:
        """The threads that use this account, and which of them act now."""
        return self._visitors

    def notice_thread(self) -> None:
        """Remember that the calling thread uses this account."""
        self._visitors.notice()
