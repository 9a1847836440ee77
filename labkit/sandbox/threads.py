"""Which threads of the learner use the account, so that a long poll knows whether anybody else can act."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from weakref import WeakSet

_MACHINERY: Final = ("IPython", "ipykernel", "zmq", "tornado", "jupyter_client", "asyncio", "tqdm", "debugpy")
"""Packages whose own threads live beside the learner's and never touch the account."""


@contextmanager
def unlocked(lock: Any) -> Iterator[None]:
    """Leave the account's lock to others, however often the calling thread holds it.

    Due work that is being played goes on alone: what others schedule meanwhile is played after it, in its order.
    """
    if not lock._is_owned():  # its private methods are those that `Condition.wait` uses
        yield
        return
    held = lock._release_save()
    try:
        yield
    finally:
        lock._acquire_restore(held)


class Visitors:
    """The threads that have called the account, or that the learner started since it was opened."""

    def __init__(self) -> None:
        self._before: WeakSet[threading.Thread] = WeakSet()
        self._callers: WeakSet[threading.Thread] = WeakSet()
        self._resting: WeakSet[threading.Thread] = WeakSet()
        self._for_others: WeakSet[threading.Thread] = WeakSet()

    def start(self) -> None:
        """Threads that run now belong to the kernel, not to the learner."""
        self._before = WeakSet(threading.enumerate())
        self._callers = WeakSet()

    def stop(self) -> None:
        """Forget all threads."""
        self._before = WeakSet()
        self._callers = WeakSet()

    def notice(self) -> None:
        """The calling thread uses the account."""
        self._callers.add(threading.current_thread())

    def rest(self) -> None:
        """The calling thread will not act until it says `work`: it waits for a request, or for a program."""
        self._resting.add(threading.current_thread())
        self._for_others.discard(threading.current_thread())

    def work(self, *, for_others: bool = False) -> None:
        """The calling thread acts (again). `for_others`: for a program outside, whose waits take real time."""
        self._resting.discard(threading.current_thread())
        if for_others:
            self._for_others.add(threading.current_thread())

    def others(self) -> bool:
        """Whether another thread could change the account while the calling one waits."""
        me = threading.current_thread()
        return me in self._for_others or any(
            thread is not me
            and thread.is_alive()
            and thread not in self._resting
            and (thread in self._callers or (thread not in self._before and not _is_machinery(thread)))
            for thread in threading.enumerate()
        )


def _is_machinery(thread: threading.Thread) -> bool:
    target: Any = getattr(thread, "_target", None)
    modules = (type(thread).__module__, getattr(target, "__module__", None) or "")
    return any(module.split(".")[0] in _MACHINERY for module in modules)
