"""The processes below this one: which they are, how they end, and who has."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator


def children() -> list[int]:
    """The children of this process, adopted ones too; none where the system does not say."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def kill(pid: int) -> None:
    """End one process, if it is there and ours."""
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def kill_group(group: int) -> None:
    """End a whole process group, if it is there and ours."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def ended() -> Iterator[int]:
    """The children that have ended, one after another. Whoever gets one has to reap it before the next."""
    while True:
        try:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if found is None:
            return
        yield found.si_pid


def drain(end: int) -> None:
    """Empty the pipe that a signal wrote to."""
    try:
        while os.read(end, 4096):
            pass
    except BlockingIOError:
        pass
