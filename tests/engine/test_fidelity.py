"""The comparison of executed notebooks sees what matters, and nothing else."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from labkit.course.catalogue import workbook_root
from labkit.engine import fidelity
from labkit.workbook import notebooks
from tests.engine.kit import code, notebook

EVERY = os.environ.get("LABKIT_FIDELITY") == "1"
ROOT = Path(__file__).resolve().parents[2]
COURSE = sorted(path for room in ("labs", "solutions") for path in (ROOT / room).rglob("*.ipynb"))


def executed(*outputs: dict[str, Any]) -> dict[str, Any]:
    return notebook(code("x") | {"execution_count": 1, "outputs": list(outputs)})


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def test_addresses_ids_and_times_are_no_difference():
    texts = (
        "<X at 0x7f00aa11bb22> 0f8fad5b-d9cb-469f-a165-70867728950e 2026-11-23T12:00:00.123Z 3.2 ms",
        "<X at 0x7f99aa11bb33> 7c9e6679-7425-40de-944b-e07fc1f90ae7 2026-11-24T13:01:01.456Z 18 ms",
    )
    assert fidelity.differences(*(executed(stream(text)) for text in texts)) == []


def test_pieces_of_one_stream_are_no_difference_but_their_order_is():
    ours, theirs = executed(stream("a\n"), stream("b\n")), executed(stream("a\nb\n"))
    assert fidelity.differences(ours, theirs) == []
    turned = executed(stream("b\n"), stream("a\n"))
    assert fidelity.differences(ours, turned) != []
    other = executed(stream("a\n"), stream("b\n", "stderr"))
    assert "outputs" in fidelity.differences(ours, other)[0]


def test_a_place_where_one_engine_differs_from_itself_is_not_steady():
    ours, theirs, again = (
        notebook(
            code("x") | {"execution_count": 1, "outputs": [stream(first)]},
            code("y") | {"execution_count": 2, "outputs": [stream(second)]},
        )
        for first, second in (("1 of 9", "a"), ("2 of 9", "b"), ("3 of 9", "b"))
    )
    found = fidelity.differences(ours, theirs)
    assert [one.partition(",")[0] for one in found] == ["cell 1", "cell 2"]
    (left,) = fidelity.steady(found, (ours, ours), (theirs, again))
    assert left.startswith("cell 2, output 1 (stream): ours ")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("execution_count",), 2),
        (("outputs", 0, "data", "text/plain"), "43"),
        (("outputs", 0, "data", "text/html"), "<b>"),
        (("outputs", 0, "metadata", "isolated"), True),
        (("outputs", 0, "output_type"), "display_data"),
        (("metadata", "execution"), {"iopub.status.busy": "x"}),
        (("metadata", "tags"), ["x"]),
    ],
)
def test_everything_else_is_a_difference(path, value):
    result = {
        "output_type": "execute_result",
        "data": {"text/plain": "42"},
        "metadata": {},
        "execution_count": 1,
    }
    ours = executed(result)
    theirs = copy.deepcopy(ours)
    place: Any = theirs["cells"][0]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    (found,) = fidelity.differences(ours, theirs)
    assert found.startswith("cell 1, ")


@pytest.mark.slow
@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_notebook_of_the_course_shows_the_same_with_both_engines(path, tmp_path, monkeypatch):
    if not EVERY and path.parent != workbook_root() / "solutions":
        pytest.skip("LABKIT_FIDELITY=1 compares every notebook (minutes); without it, lab 00 stands for all")
    monkeypatch.chdir(ROOT)
    document = json.loads(path.read_text(encoding="utf-8"))
    document["cells"].insert(0, {"id": "fixed", **code(fidelity.FIXED)})
    copied = tmp_path / path.name
    copied.write_text(json.dumps(document), encoding="utf-8")

    def run(engine: str, name: str) -> dict[str, Any]:
        folder = tmp_path / name
        (verdict,) = notebooks.run([copied], folder, engine=engine, outputs=folder)
        assert verdict.kept is not None
        assert verdict.faults == ()
        shown: dict[str, Any] = json.loads(verdict.kept.read_text(encoding="utf-8"))
        return shown

    ours, theirs = run(notebooks.LABKIT, "ours"), run(notebooks.PAPERMILL, "theirs")
    found = fidelity.differences(ours, theirs)
    if found:  # what depends on how fast this machine is now differs from run to run of one engine as well
        more = run(notebooks.LABKIT, "ours again"), run(notebooks.PAPERMILL, "theirs again")
        found = fidelity.steady(found, (ours, more[0]), (theirs, more[1]))
    assert found == []
