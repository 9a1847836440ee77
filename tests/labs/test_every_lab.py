"""Every gate of every lab. What fails here says which line of which file to change, and how.

The same as `labkit prove`; gate 6, the longest, is split by exercise, so that two workers share it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from labkit.course.catalogue import course_map
from labkit.workbook import build
from labkit.workbook.gates import GATES, Gate, bent_solutions_of
from labkit.workbook.problems import Problem
from labkit.workbook.proof import Proof

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {path.parent.name: path for path in build.sources(ROOT)}
BENT = 6
STUB = re.compile(r'^# %% stub exercise="(\w+)"', re.MULTILINE)


@functools.cache
def proof_of(key: str) -> Proof:
    """One proof for each worker: its gates look at the same runs."""
    return Proof.of(SOURCES[key], ROOT)


def each_gate() -> Iterator[object]:
    for key in SOURCES:
        for gate in GATES:
            if gate.number != BENT:
                yield pytest.param(key, gate, id=f"{key}-gate{gate.number}")


def each_exercise() -> Iterator[object]:
    for key, path in SOURCES.items():
        for name in STUB.findall(path.read_text(encoding="utf-8")):
            yield pytest.param(key, name, id=f"{key}-{name}")


def nothing_to_change(problems: Iterable[Problem]) -> None:
    found = list(dict.fromkeys(problems))
    if found:
        pytest.fail("\n".join(map(str, found)), pytrace=False)


@pytest.fixture(autouse=True)
def whole_workbook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABKIT_WORKBOOK", raising=False)
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(("key", "gate"), list(each_gate()))
def test_gate(key: str, gate: Gate) -> None:
    nothing_to_change(gate.look(proof_of(key)))


@pytest.mark.parametrize(("key", "exercise"), list(each_exercise()))
def test_gate_6_no_bent_solution_passes_without_a_reason(key: str, exercise: str) -> None:
    nothing_to_change(bent_solutions_of(proof_of(key), exercise))


def test_every_notebook_has_a_source() -> None:
    nothing_to_change(build.strays(ROOT))


def test_every_lab_has_its_place_in_the_course() -> None:
    places = {entry.number: entry for entry in course_map(ROOT)}
    for key in SOURCES:
        entry = places[key[:2]]
        assert entry.lab is not None, f"{key} is not built: run `labkit build {key[:2]}`"
        assert entry.lab.key == key, f"{key} and {entry.lab.key} have the same number"
