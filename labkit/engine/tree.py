"""Looks at a process and all below it. Where the system has no `/proc`, it sees nothing."""

from __future__ import annotations

from pathlib import Path


def pids_below(pid: int) -> list[int]:
    """Every process that this one started, and what those started."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        try:
            threads = list(Path(f"/proc/{waiting.pop()}/task").iterdir())
        except OSError:
            continue
        for thread in threads:
            try:
                below = [int(word) for word in (thread / "children").read_text().split()]
            except OSError:
                continue
            found += below
            waiting += below
    return found


def together(pids: list[int]) -> int:
    """The memory of these processes in bytes, each shared page divided by how many share it."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)
    return total
