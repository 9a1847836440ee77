"""An executed notebook is judged by what its cells show, never by how papermill ended."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labkit.judging.report import MIME
from labkit.workbook import build, notebooks


def code(
    role: str = "code", count: int | None = 1, outputs: list[dict[str, Any]] | None = None, source: str = "x"
):
    return {
        "cell_type": "code",
        "execution_count": count,
        "metadata": {"labkit": {"role": role}},
        "outputs": outputs or [],
        "source": [source],
    }


def report(status: str, **more: Any) -> dict[str, Any]:
    data = {"status": status, "findings": [{"id": "third", "status": "FAIL"}], **more}
    return {"output_type": "execute_result", "data": {MIME: data, "text/plain": "..."}}


ERROR = {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []}


def faults(edition: str, *cells: dict[str, Any]) -> list[tuple[int | None, str]]:
    document = {"metadata": {"labkit": {"edition": edition}}, "cells": list(cells)}
    return [(fault.cell, fault.what) for fault in notebooks.judged(document)]


def test_good_notebooks_have_no_fault():
    text = {"cell_type": "markdown", "metadata": {}, "source": ["# Title"]}
    assert faults("solved", text, code(), code("check", 2, [report("passed")])) == []
    for status in ("failed", "not started"):
        assert faults("learner", text, code(), code("check", 2, [report(status)])) == []


@pytest.mark.parametrize(
    ("edition", "cell", "told"),
    [
        ("solved", code(count=None), "It never ran."),
        ("solved", code(outputs=[ERROR]), "It raised ValueError: no."),
        ("solved", code("check", 1, []), "It shows 0 reports instead of one."),
        ("solved", code("check", 1, [report("passed")] * 2), "It shows 2 reports instead of one."),
        (
            "solved",
            code("check", 1, [report("failed")]),
            "The solved notebook does not pass (failed; missed: third).",
        ),
        (
            "solved",
            code("check", 1, [report("not started", findings=[])]),
            "does not pass (not started; missed: nothing).",
        ),
        ("learner", code("check", 1, [report("passed")]), "The untouched notebook passes."),
        ("learner", code("check", 1, [report("fault", message="line 3")]), "The check itself broke: line 3"),
    ],
)
def test_each_fault_is_told_with_its_cell(edition, cell, told):
    ((place, what),) = faults(edition, code(), cell)
    assert place == 1
    assert told in what


def test_an_empty_cell_need_not_run():
    assert faults("learner", code(count=None, source="")) == []


@pytest.mark.slow
def test_run_tells_what_each_notebook_showed_and_keeps_the_bad_ones(workbook, capfd):
    workbook.change(
        workbook.source, '"VisibilityTimeout": "120"})["QueueUrl"]', '"VisibilityTimeout": "12"})["QueueUrl"]'
    )
    build.main([])
    capfd.readouterr()
    assert notebooks.main(["90", "--keep", "kept"]) == 1
    told = capfd.readouterr().out.splitlines()
    assert told[0].startswith("good    labs/week01/90-two-queues.ipynb: 7 code cells, 0 of 2 checks passed, ")
    assert told[1].startswith(
        "FAILED  solutions/week01/90-two-queues.ipynb: 7 code cells, 1 of 2 checks passed, "
    )
    assert told[1].endswith("kept as kept/90-two-queues.solved.ipynb")
    assert "cell 8: The solved notebook does not pass (failed; missed: hidden)." in told[2]
    kept = json.loads((workbook.root / "kept" / "90-two-queues.solved.ipynb").read_text(encoding="utf-8"))
    assert any(cell.get("outputs") for cell in kept["cells"])
    assert [path.name for path in (workbook.root / "kept").iterdir()] == ["90-two-queues.solved.ipynb"]


@pytest.mark.slow
def test_a_kernel_that_dies_is_told_and_its_outputs_are_kept(workbook):
    workbook.change(workbook.source, "waiting = []", "import os\n\nos._exit(3)")
    build.main([])
    solved = build.places(workbook.source, workbook.root).solved
    (verdict,) = notebooks.run([solved], workbook.root / "kept")
    whole = [fault.what for fault in verdict.faults if fault.cell is None]
    assert len(whole) == 1
    assert "papermill stopped with DeadKernelError" in whole[0]
    assert verdict.passed == 1, "what ran before the kernel died is evidence"
    assert verdict.kept is not None
