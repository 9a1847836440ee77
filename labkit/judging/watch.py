"""For checks that run a learner's function: nobody waits for a sleep, and nobody polls for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

if TYPE_CHECKING:
    from labkit.sandbox.clock import Clock


class Enough(BaseException):
    """More API calls were made than a check counts. No `except Exception` of a learner's code stops it."""


@contextmanager
def quick_sleep(clock: Clock, *functions: Callable[..., Any]) -> Iterator[list[float]]:
    """Inside, `time.sleep` moves the virtual clock at once. Gives the list of the sleeps, in seconds.

    `functions` are the learner's. What they imported by `from time import sleep` is replaced, too.
    """
    slept: list[float] = []
    real = time.sleep
    others = set(threading.enumerate()) - {threading.current_thread()}

    def sleep(seconds: float) -> None:
        if threading.current_thread() in others:  # a thread of the kernel: its naps are not the learner's
            real(seconds)
            return
        slept.append(float(seconds))
        clock.advance(seconds=float(seconds))

    scopes = {
        id(scope): scope for one in functions if (scope := getattr(one, "__globals__", None)) is not None
    }
    aliases = [
        (scope, name, value) for scope in scopes.values() for name, value in scope.items() if _is_sleep(value)
    ]
    with patch.object(time, "sleep", sleep):
        try:
            for scope, name, _ in aliases:
                scope[name] = sleep
            yield slept
        finally:
            for scope, name, value in aliases:
                if scope.get(name) is sleep:
                    scope[name] = value


def _is_sleep(value: object) -> bool:
    return callable(value) and (getattr(value, "__module__", ""), getattr(value, "__name__", "")) == (
        "time",
        "sleep",
    )


@contextmanager
def only(most: int) -> Iterator[None]:
    """Inside, call number `most` + 1 of any boto3 client raises `Enough`."""
    from botocore.client import BaseClient

    original, made = BaseClient._make_api_call, []

    def call(self: Any, operation: str, params: Any) -> Any:
        made.append(operation)
        if len(made) > most:
            raise Enough(f"more than {most:,} calls")
        return original(self, operation, params)

    with patch.object(BaseClient, "_make_api_call", call):
        yield
