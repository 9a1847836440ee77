"""`labkit prove`: the fourteen gates of every lab. What fails says which line of which file to change, and how."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from labkit.course.catalogue import workbook_root
from labkit.errors import UsageError
from labkit.workbook import feedback
from labkit.workbook.build import chosen
from labkit.workbook.gates import GATES, Gate
from labkit.workbook.problems import Problem, SourceError, shown
from labkit.workbook.proof import Proof

# Gates that look at the same runs stay together in one process; the rest spreads over the cores.
GROUPS = ((1, 2, 3, 4, 5, 8, 9, 11, 13, 14), (6,), (7,), (10, 12))


@dataclass(frozen=True, slots=True)
class Result:
    """What one gate found in one lab, and how long it looked, in seconds."""

    key: str
    gate: int
    problems: tuple[Problem, ...]
    seconds: float


def look(gate: Gate, proof: Proof) -> Result:
    """One gate of one lab."""
    begun = time.monotonic()
    problems = tuple(dict.fromkeys(gate.look(proof)))
    return Result(proof.lab.key, gate.number, problems, time.monotonic() - begun)


def prove(paths: Sequence[Path], root: Path, numbers: Iterable[int], jobs: int = 2) -> Iterator[Result]:
    """Every asked gate of every lab, in the order in which they are done.

    A source that cannot be read is told as gate 1, and its lab has no further results.
    """
    wanted = set(numbers)
    groups = [tuple(number for number in group if number in wanted) for group in GROUPS]
    tasks = [(path, group) for group in groups for path in paths if group]
    if jobs == 1:
        for path, group in tasks:
            yield from _look_at(path, root, group)
        return
    spawn = multiprocessing.get_context("spawn")  # a fork would inherit whatever is open here
    with ProcessPoolExecutor(jobs, mp_context=spawn) as pool:
        waiting = [pool.submit(_look_at, path, root, group) for path, group in tasks]
        for done in as_completed(waiting):
            yield from done.result()


def _look_at(path: Path, root: Path, numbers: tuple[int, ...]) -> list[Result]:
    try:
        proof = Proof.of(path, root)
    except SourceError as error:
        return [Result(path.parent.name, 1, tuple(error.problems), 0.0)]
    return [look(gate, proof) for gate in GATES if gate.number in numbers]


def main(argv: list[str]) -> int:
    """Prove the named labs (all of them for no name). Returns 1 where a gate is closed."""
    parser = argparse.ArgumentParser(prog="labkit prove", description=__doc__)
    parser.add_argument("labs", nargs="*", metavar="LAB", help='such as "16"; all labs if none is named')
    parser.add_argument(
        "--gate", type=int, action="append", metavar="N", help="only this gate; may be repeated"
    )
    parser.add_argument("--update", action="store_true", help="write tests/feedback anew, then prove nothing")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time (default 2)")
    options = parser.parse_args(argv)
    root = workbook_root()
    paths = chosen(options.labs, root)
    if options.update:
        return _update(paths, root)
    numbers = options.gate or [gate.number for gate in GATES]
    if unknown := set(numbers) - {gate.number for gate in GATES}:
        raise UsageError(f"There is no gate {unknown.pop()}. Gates have the numbers 1 to {len(GATES)}.")
    return _tell(prove(paths, root, numbers, options.jobs))


def _tell(results: Iterable[Result]) -> int:
    asks = {gate.number: gate.asks for gate in GATES}
    problems: set[Problem] = set()
    for result in results:
        word = "CLOSED" if result.problems else "open"
        print(
            f"{word:6}  {result.key}  gate {result.gate:2}: {asks[result.gate]} ({result.seconds:.1f} s)",
            flush=True,
        )
        for problem in result.problems:
            print(f"    {problem}", flush=True)
        problems.update(result.problems)
    print(f"{len(problems)} things to change." if problems else "All gates are open.")
    return 1 if problems else 0


def _update(paths: Iterable[Path], root: Path) -> int:
    failed = False
    for path in paths:
        try:
            changed = feedback.update(Proof.of(path, root))
        except SourceError as error:
            print(error, file=sys.stderr)
            failed = True
            continue
        names = ", ".join(shown(one) for one in changed)
        print(
            f"{path.parent.name}: wrote {names}."
            if changed
            else f"{path.parent.name}: no feedback has changed."
        )
    return 1 if failed else 0
