"""An executed notebook is judged by what its cells show, never by how papermill ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from labkit.engine.play import MB, Limits
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
    assert notebooks.main(["90", "--keep", "kept", "--junit", "report/junit.xml"]) == 1
    told = capfd.readouterr().out.splitlines()
    assert told[0].startswith("good    labs/week01/90-two-queues.ipynb: 7 code cells, 0 of 2 checks passed, ")
    assert told[1].startswith(
        "FAILED  solutions/week01/90-two-queues.ipynb: 7 code cells, 1 of 2 checks passed, "
    )
    assert told[1].endswith("kept as kept/90-two-queues.solved.ipynb")
    assert "cell 8: The solved notebook does not pass (failed; missed: hidden)." in told[2]
    assert [line.split()[:4] for line in told[4:7]] == [
        ["learner", "1", "1", "0"],
        ["solved", "1", "0", "1"],
        ["together", "2", "1", "1"],
    ]
    kept = json.loads((workbook.root / "kept" / "90-two-queues.solved.ipynb").read_text(encoding="utf-8"))
    assert any(cell.get("outputs") for cell in kept["cells"])
    assert [path.name for path in (workbook.root / "kept").iterdir()] == ["90-two-queues.solved.ipynb"]
    suite = ElementTree.parse(workbook.root / "report" / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("2", "1", "0")
    good, bad = suite
    assert (good.get("classname"), len(good)) == ("learner", 0)
    assert "missed: hidden" in str(bad[0].get("message"))


def test_a_kernel_that_dies_is_told_and_its_outputs_are_kept(workbook):
    workbook.change(workbook.source, "waiting = []", "import os\n\nos._exit(3)")
    build.main([])
    solved = build.places(workbook.source, workbook.root).solved
    (verdict,) = notebooks.run([solved], workbook.root / "kept")
    whole = [fault.what for fault in verdict.faults if fault.cell is None]
    assert len(whole) == 1
    assert "The kernel died (exit status 3). In cell " in whole[0]
    assert verdict.passed == 1, "what ran before the kernel died is evidence"
    assert verdict.kept is not None


@pytest.mark.slow
def test_papermills_own_engine_comes_to_the_same_verdict(workbook):
    build.main([])
    solved = build.places(workbook.source, workbook.root).solved
    ours, theirs = (
        notebooks.run([solved], workbook.root / "kept", engine=engine)[0]
        for engine in (notebooks.LABKIT, notebooks.PAPERMILL)
    )
    assert (ours.code_cells, ours.checks, ours.passed, ours.faults) == (7, 2, 2, ())
    assert (theirs.code_cells, theirs.checks, theirs.passed, theirs.faults) == (7, 2, 2, ())
    assert ours.notes == ()
    assert theirs.notes == ("papermill's own engine ran it, as asked",)


@pytest.fixture
def written(tmp_path):
    """Writes a notebook of one cell, or a file that is none."""

    def write(name: str, source: str = "1", kernel: str | None = "python3", text: str | None = None):
        path = tmp_path / f"{name}.ipynb"
        metadata = (
            {"kernelspec": {"name": kernel, "display_name": "x", "language": "python"}} if kernel else {}
        )
        cell = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "source": source}
        document = {"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 4}
        path.write_text(json.dumps(document) if text is None else text, encoding="utf-8")
        return path

    return write


SMALL = Limits(cell=4, notebook=20, memory=300 * MB, output=5 * MB, processes=20)
BAD = {
    "not-json": ({"text": "{"}, "it is not JSON"),
    "no-cells": ({"text": "[]"}, "it has no list of cells"),
    "old": ({"text": '{"cells": [], "nbformat": 3}'}, "notebook format 3"),
    "no-kernel": ({"kernel": None}, "It names no kernel"),
    "endless": ({"source": "while True: pass"}, "A cell ran for 4 s. In cell 1."),
    "greedy": ({"source": "x = bytearray(1 << 30)"}, "It raised MemoryError"),
    "talkative": ({"source": "while True: print('x' * 100000)"}, "It showed more than 5 MB."),
    "dead": ({"source": "import os; os._exit(0)"}, "The kernel died (exit status 0). In cell 1."),
    "forks": ({"source": "import os; os.fork(); os.fork(); 1/0"}, "It raised ZeroDivisionError"),
}
HARMLESS = {
    "deletes": "import os, shutil; shutil.rmtree(os.getcwd()); shutil.rmtree(os.environ['TMPDIR'])",
    "writes": "with open('big', 'wb') as file:\n    for _ in range(200):\n        file.write(b'x' * (1 << 20))",
}


def test_bad_notebooks_get_a_clear_verdict_and_harm_no_other(written, tmp_path):
    paths = []
    for name, (how, _) in BAD.items():
        paths += [written(name, **how), written(f"good-after-{name}", "print('good')")]
    paths += [written(name, source) for name, source in HARMLESS.items()]
    verdicts = {one.path.stem: one for one in notebooks.run(paths, tmp_path / "kept", jobs=2, limits=SMALL)}
    for name, (_, wanted) in BAD.items():
        said = [fault.what for fault in verdicts[name].faults]
        assert any(wanted in what for what in said), f"{name}: {said}"
        assert verdicts[f"good-after-{name}"].faults == ()
    assert {name: verdicts[name].faults for name in HARMLESS} == dict.fromkeys(HARMLESS, ())
    assert not list(Path(tempfile.gettempdir()).glob("labkit-run-*/*/big")), "what it wrote is gone"


def test_another_kernel_is_left_to_papermill_which_says_what_is_wrong(written, tmp_path):
    (verdict,) = notebooks.run([written("other", kernel="no-such-kernel")], tmp_path / "kept")
    assert verdict.notes == (
        "papermill's own engine ran it, because it asks for the kernel 'no-such-kernel'",
    )
    assert any("NoSuchKernel" in fault.what for fault in verdict.faults)


@pytest.mark.slow
def test_papermills_own_engine_runs_one_notebook_after_another(written, tmp_path):
    source = "import os, tempfile\nopen('own', 'w').close()\nprint(os.getcwd(), tempfile.mkdtemp())"
    paths = [written(name, source) for name in ("one", "two", "three")]
    done = notebooks.run(paths, tmp_path / "kept", jobs=1, engine=notebooks.PAPERMILL)
    assert [verdict.faults for verdict in done] == [()] * 3


def test_where_the_system_cannot_fork_papermill_runs_them(written, tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "can_fork", lambda: False)
    (verdict,) = notebooks.run([written("plain", "6 * 7")], tmp_path / "kept", outputs=tmp_path / "out")
    assert verdict.notes == ("papermill's own engine ran it, because this system cannot fork",)
    assert verdict.faults == ()
    assert "42" in (tmp_path / "out" / "plain.executed.ipynb").read_text()


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is a signal")
def test_ctrl_c_leaves_evidence_and_no_processes(written, tmp_path, root):
    slow = "import os, time\nprint('pid', os.getpid(), flush=True)\nopen({!r}, 'w').close()\ntime.sleep(60)"
    sign = tmp_path / "sign"
    paths = [written("quick"), written("slow", slow.format(str(sign))), written("never")]
    program = (
        "import sys; from pathlib import Path; from labkit.workbook import notebooks, running\n"
        "running._notebooks = lambda *_: map(Path, sys.argv[1:])\n"
        "sys.exit(running.main(['--jobs', '1', '--keep', 'kept', '--junit', 'junit.xml']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, paths)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 60
    while not sign.exists() and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=60)[0]
    assert process.returncode == 130, told
    assert "It was interrupted. In cell 1." in told or "It was interrupted." in told
    assert "1 did not run." in told
    kept = json.loads((tmp_path / "kept" / "slow.executed.ipynb").read_text())
    words = "".join(kept["cells"][0]["outputs"][0]["text"]).split()
    with pytest.raises(ProcessLookupError):
        os.kill(int(words[1]), 0)
    assert 'skipped="1"' in (tmp_path / "junit.xml").read_text()
