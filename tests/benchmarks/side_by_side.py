"""Time several programs side by side: fresh processes, interleaved rounds, medians and ratios.

Ratios of one run mean something on any machine; seconds do not. So the benchmarks print ratios against
a named peer that was measured in the same rounds.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

# What is installed has its bytecode beside it; a source that was just changed has to have it too.
_ENVIRON = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True)
class Timing:
    """One program's rounds: milliseconds as the program itself printed them, or of the whole process."""

    name: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return statistics.median(self.rounds)


def fresh(program: str) -> float:
    """Run a program in a new Python process; the last line it prints is its result, a number."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=_ENVIRON
    )
    if done.returncode:
        raise RuntimeError(f"a benchmark program failed:\n{done.stderr}")
    return float(done.stdout.strip().splitlines()[-1])


def interleaved(programs: Mapping[str, str], rounds: int) -> list[Timing]:
    """Run every program once per round, in turn, so that a busy moment hits all of them. The first is for nothing."""
    for program in programs.values():
        fresh(program)
    results: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            results[name].append(fresh(program))
    return [Timing(name, tuple(values)) for name, values in results.items()]


def table(timings: list[Timing], peer: str, unit: str = "ms", goal: Mapping[str, float] | None = None) -> str:
    """The rounds as a table; the last column is the median of each round's own ratio to the peer."""
    base = next(timing for timing in timings if timing.name == peer)
    lines = [f"{'':34}{'median ' + unit:>14}{'min':>9}{'max':>9}{'ratio':>8}  goal"]
    for timing in timings:
        ratio = statistics.median(a / b for a, b in zip(timing.rounds, base.rounds, strict=True))
        wanted = (goal or {}).get(timing.name)
        lines.append(
            f"{timing.name:34}{timing.median:14.2f}{min(timing.rounds):9.2f}{max(timing.rounds):9.2f}{ratio:8.2f}"
            + (f"  <= {wanted}" if wanted else "")
        )
    return "\n".join(lines)
