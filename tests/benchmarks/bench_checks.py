"""How long does a check of lab 16 take, and how long does a rehearsal take to enter and to leave?

    python tests/benchmarks/bench_checks.py [ROUNDS]

Every exercise is solved with the workbook's solution, then checked ROUNDS times in the same process. Goals: the
median of all checks below 150 ms, the slowest below 1 s, entering and leaving a rehearsal below 10 ms each in
the account the solved lab leaves behind. The first check of a session also imports the checks; it is not counted.
"""

from __future__ import annotations

import contextlib
import io
import os
import statistics
import sys
import tempfile
import time
from typing import Any

LAB = "16"


def measure(rounds: int) -> tuple[dict[str, list[float]], list[float], list[float]]:
    """Milliseconds of each check, of entering a rehearsal, and of leaving it."""
    import labkit
    from labkit.course import catalogue

    names: dict[str, Any] = {"__name__": "__main__", "lab": labkit.open(LAB)}
    times: dict[str, list[float]] = {}
    enter: list[float] = []
    leave: list[float] = []
    for cell in catalogue.find(LAB).cells:
        if cell.role in ("setup", "code", "solution"):
            exec(compile(cell.source, "<lab>", "exec"), names)
        elif cell.role == "check":
            check = compile(cell.source, "<check>", "eval")
            eval(check, names)
            for _ in range(rounds):
                began = time.perf_counter()
                report = eval(check, names)
                times.setdefault(f"{report.number} {report.exercise}", []).append(since(began))
                if not report.passed:
                    raise SystemExit(f"{report.exercise} is not solved: {report}")
            for _ in range(rounds):
                began = time.perf_counter()
                with names["lab"].sandbox.rehearsal():
                    enter.append(since(began))
                    began = time.perf_counter()
                leave.append(since(began))
    return times, enter, leave


def since(began: float) -> float:
    """Milliseconds that have passed."""
    return 1000 * (time.perf_counter() - began)


def row(name: str, values: list[float], goal: str = "") -> str:
    """One line of the table."""
    return f"{name:28}{statistics.median(values):10.1f}{max(values):10.1f}  {goal}"


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory() as home:
        os.environ["LABKIT_HOME"] = home
        with contextlib.redirect_stdout(io.StringIO()):
            times, enter, leave = measure(rounds)
    print(f"{'ms':28}{'median':>10}{'slowest':>10}  goal")
    for name, values in times.items():
        print(row(name, values))
    print(
        row(
            "all checks",
            [value for values in times.values() for value in values],
            "median < 150, slowest < 1000",
        )
    )
    print(row("a rehearsal is entered", enter, "< 10"))
    print(row("a rehearsal is left", leave, "< 10"))
