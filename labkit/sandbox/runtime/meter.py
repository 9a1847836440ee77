"""What the system knows about a worker: its processes and the processor time they used. Linux only."""

from __future__ import annotations

import contextlib
import os
from typing import Final


def group_size(group: int) -> int:
    """How many processes a process group has; 0 where the system does not say."""
    found = 0
    try:
        names = os.listdir("/proc")
    except OSError:
        return 0
    for name in names:
        if name.isdecimal():
            fields = _stat(name)
            found += len(fields) > 2 and fields[2] == str(group)
    return found


def everything() -> int:
    """How many threads the whole machine runs: one short look. 0 where the system does not say."""
    try:
        with open("/proc/loadavg", encoding="ascii") as file:
            return int(file.read().split()[3].partition("/")[2])
    except (OSError, ValueError, IndexError):
        return 0


def give_way(group: int) -> None:
    """Let a process group run only when nobody else wants the processor."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PGRP, group, 19)


def used_processor(pid: int) -> tuple[float, bool] | None:
    """Processor seconds a process and its ended children used, and whether it waits for the processor now.

    None where the system does not say.
    """
    fields = _stat(str(pid))
    if len(fields) < 15:
        return None
    return sum(map(int, fields[11:15])) / _TICKS, fields[0] == "R"


_TICKS: Final = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def _stat(pid: str) -> list[str]:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []
