"""Every gate of every lab. What fails here says which line of which file to change, and how.

The same as `labkit prove`, one test for each gate of a lab or exercise, so that two workers share the work.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest

from labkit.course.catalogue import course_map
from labkit.workbook import build
from labkit.workbook.gates import GATES, Gate
from labkit.workbook.problems import Problem
from labkit.workbook.proof import Proof
from labkit.workbook.prove import stub_names

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {path.parent.name: path for path in build.sources(ROOT)}

OF_LABS = [
    pytest.param(key, gate, id=f"{key}-gate{gate.number}") for key in SOURCES for gate in GATES if gate.of_lab
]
# The gates of one exercise stand together: they look at the same runs, which a worker keeps.
OF_EXERCISES = [
    pytest.param(key, name, gate, id=f"{key}-{name}-gate{gate.number}")
    for key, path in SOURCES.items()
    for name in stub_names(path)
    for gate in GATES
    if gate.of_exercise
]


@functools.cache
def proof_of(key: str) -> Proof:
    """One proof for each worker."""
    return Proof.of(SOURCES[key], ROOT, ahead=True)


def nothing_to_change(problems: Iterable[Problem]) -> None:
    found = list(dict.fromkeys(problems))
    if found:
        pytest.fail("\n".join(map(str, found)), pytrace=False)


@pytest.fixture(autouse=True)
def whole_workbook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABKIT_WORKBOOK", raising=False)
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(("key", "gate"), OF_LABS)
def test_lab(key: str, gate: Gate) -> None:
    assert gate.of_lab is not None
    nothing_to_change(gate.of_lab(proof_of(key)))


@pytest.mark.parametrize(("key", "exercise", "gate"), OF_EXERCISES)
def test_exercise(key: str, exercise: str, gate: Gate) -> None:
    assert gate.of_exercise is not None
    nothing_to_change(gate.of_exercise(proof_of(key), exercise))


def test_every_notebook_has_a_source() -> None:
    nothing_to_change(build.strays(ROOT))


def test_every_lab_has_its_place_in_the_course() -> None:
    places = {entry.number: entry for entry in course_map(ROOT)}
    rows = tomllib.loads((ROOT / "data" / "course.toml").read_text(encoding="utf-8"))["notebook"]
    planned = {row["number"]: row["minutes"] for row in rows}
    for key in SOURCES:
        entry = places[key[:2]]
        assert entry.lab is not None, f"{key} is not built: run `labkit build {key[:2]}`"
        assert entry.lab.key == key, f"{key} and {entry.lab.key} have the same number"
        assert planned[key[:2]] == entry.lab.minutes, (
            f"data/course.toml and the header of {key} differ in minutes"
        )
