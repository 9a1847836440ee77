"""`labkit prove`: the fourteen gates of every lab. What fails says which line of which file to change, and how."""

from __future__ import annotations

import argparse
import multiprocessing
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from labkit.course.catalogue import workbook_root
from labkit.errors import UsageError
from labkit.workbook import feedback
from labkit.workbook.gates import GATES, Gate
from labkit.workbook.places import chosen
from labkit.workbook.problems import Problem, SourceError, shown
from labkit.workbook.proof import Proof

# Gates of a whole lab that are quick enough to be looked at in one go.
_TOGETHER = (1, 9, 11, 14)


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of the work: some gates of one lab, or of one of its exercises."""

    path: Path
    exercise: str | None
    gates: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What one gate found in one lab or exercise, and how long it looked, in seconds."""

    key: str
    gate: int
    problems: tuple[Problem, ...]
    seconds: float


def look(gate: Gate, proof: Proof) -> Result:
    """One gate of one lab, all its exercises included."""
    return _timed(gate, proof, lambda: gate.look(proof))


def prove(paths: Sequence[Path], root: Path, numbers: Iterable[int], jobs: int = 2) -> Iterator[Result]:
    """Every asked gate of every lab, in parts, in the order in which they are done.

    A source that cannot be read is told as gate 1, and its lab has no further results.
    """
    tasks = _tasks(paths, set(numbers))
    if jobs == 1:
        for task in tasks:
            yield from _look_at(task, root)
        return
    spawn = multiprocessing.get_context("spawn")  # a fork would inherit whatever is open here
    with ProcessPoolExecutor(jobs, mp_context=spawn) as pool:
        waiting = [pool.submit(_look_at, task, root) for task in tasks]
        for done in as_completed(waiting):
            yield from done.result()


def stub_names(path: Path) -> list[str]:
    """The exercises of a lab.py, read without loading anything."""
    return _STUB.findall(path.read_text(encoding="utf-8"))


_STUB = re.compile(r'^# %% stub exercise="(\w+)"', re.MULTILINE)


def _tasks(paths: Sequence[Path], wanted: set[int]) -> list[Task]:
    """The long ones first, so that no core waits at the end."""
    of_lab = [gate.number for gate in GATES if gate.of_lab and gate.number in wanted]
    of_exercise = tuple(gate.number for gate in GATES if gate.of_exercise and gate.number in wanted)
    groups: list[tuple[int, ...]] = [(number,) for number in of_lab if number not in _TOGETHER]
    groups.append(tuple(number for number in of_lab if number in _TOGETHER))
    tasks = [Task(path, name, of_exercise) for path in paths for name in stub_names(path)]
    tasks += [Task(path, None, group) for group in groups for path in paths]
    return [task for task in tasks if task.gates]


_proofs: dict[Path, Proof] = {}


def _look_at(task: Task, root: Path) -> list[Result]:
    try:
        if task.path not in _proofs:
            ahead = task.exercise is not None and bool({6, 14}.intersection(task.gates))
            _proofs[task.path] = Proof.of(task.path, root, ahead)
        proof = _proofs[task.path]
    except SourceError as error:
        return [Result(task.path.parent.name, 1, tuple(error.problems), 0.0)]
    return [_part(gate, proof, task.exercise) for gate in GATES if gate.number in task.gates]


def _part(gate: Gate, proof: Proof, exercise: str | None) -> Result:
    if exercise is None:
        return _timed(gate, proof, lambda: gate.of_lab(proof) if gate.of_lab else ())
    return _timed(gate, proof, lambda: gate.of_exercise(proof, exercise) if gate.of_exercise else ())


def _timed(gate: Gate, proof: Proof, found: Callable[[], Iterable[Problem]]) -> Result:
    begun = time.monotonic()
    problems = tuple(dict.fromkeys(found()))
    return Result(proof.lab.key, gate.number, problems, time.monotonic() - begun)


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
    """Print problems as they are found, and at the end how each gate stands."""
    parts: dict[tuple[str, int], list[Result]] = {}
    problems: dict[Problem, None] = {}
    for result in results:
        parts.setdefault((result.key, result.gate), []).append(result)
        for problem in result.problems:
            if problem not in problems:
                print(problem, flush=True)
            problems[problem] = None
    asks = {gate.number: gate.asks for gate in GATES}
    for (key, number), found in sorted(parts.items()):
        word = "CLOSED" if any(one.problems for one in found) else "open"
        print(f"{word:6}  {key}  gate {number:2}: {asks[number]} ({sum(one.seconds for one in found):.1f} s)")
    count = len(problems)
    print(f"{count} {'thing' if count == 1 else 'things'} to change." if count else "All gates are open.")
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
