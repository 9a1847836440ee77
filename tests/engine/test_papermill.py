"""`papermill --engine labkit`: the same file as papermill's own engine writes, and its own engine where it must."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from labkit.engine import fidelity
from tests.engine.kit import code, notebook
from tests.engine.torture import notebook as torture

sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # 1.5 s of import that nothing here needs
papermill = pytest.importorskip("papermill")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def engine(host: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from labkit.engine import plugin

    plugin.register()
    monkeypatch.setattr(plugin, "_host", host)
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")


def run(folder: Path, document: dict[str, Any], engine: str, **options: Any) -> tuple[dict[str, Any], Any]:
    """The file papermill writes, and the error it raises."""
    folder = folder / engine
    folder.mkdir(parents=True)
    source, out = folder / "in.ipynb", folder / "out.ipynb"
    source.write_text(json.dumps(document))
    raised = None
    with mock.patch.dict(os.environ):
        # With this variable, ipykernel does not look at what programs write past Python.
        os.environ.pop("PYTEST_CURRENT_TEST", None)
        try:
            papermill.execute_notebook(
                source, out, engine_name=engine, cwd=folder, **{"progress_bar": False, **options}
            )
        except Exception as error:
            raised = error
    return json.loads(out.read_text()), raised


def both(folder: Path, document: dict[str, Any], **options: Any) -> list[str]:
    """What the two engines differ in, their errors included."""
    (ours, mine), (theirs, other) = (
        run(folder, document, name, **options) for name in ("labkit", "nbclient")
    )
    found = fidelity.differences(ours, theirs)
    for name in ("papermill",):
        left, right = (one["metadata"][name]["exception"] for one in (ours, theirs))
        if left != right:
            found.append(f"metadata {name}: ours {left}, theirs {right}")
    if (type(mine), fidelity.normal(str(mine))) != (type(other), fidelity.normal(str(other))):
        found.append(f"ours raised {mine!r}, theirs {other!r}")
    return found


@pytest.mark.slow
def test_a_notebook_of_everything_shows_the_same(tmp_path):
    # What is tagged to raise raises at the end all the same in papermill, with both engines.
    # Papermill's own engine now and then never hears that a cell has ended: then it gets a second chance.
    limits = {"request_save_on_cell_execute": False, "execution_timeout": 20}
    found = both(tmp_path, torture(), **limits)
    if any("CellTimeoutError" in one and "ours CellTimeoutError" not in one for one in found):
        found = both(tmp_path / "again", torture(), **limits)
    assert found == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "cells",
    [
        ["print('a')", "1 / 0", "'never'"],
        ["print('before')\nimport sys\nsys.exit(0)", "'never'"],
        ["print('before')\nraise SystemExit(2)"],
        [
            "x = 1",
            "print('last words', flush=True)\nimport os, time\ntime.sleep(0.5)\nos._exit(1)",
            "'never'",
        ],
        ["# parameters\nlabel = 'old'", "label"],
    ],
    ids=["error", "exit 0", "exit 2", "dead", "parameters"],
)
def test_what_ends_a_notebook_is_told_the_same(tmp_path, cells):
    document = notebook(code(cells[0], "parameters"), *cells[1:])
    parameters = {"label": "new"} if "label" in cells[0] else None
    assert both(tmp_path, document, parameters=parameters) == []


@pytest.mark.slow
def test_a_cell_that_takes_too_long_is_told_the_same(tmp_path):
    document = notebook("print('a', flush=True)\nimport time\ntime.sleep(30)")
    assert both(tmp_path, document, execution_timeout=1) == []


def test_output_goes_to_papermills_log_and_files(tmp_path, caplog):
    import logging

    with caplog.at_level(logging.INFO, logger="papermill"), (tmp_path / "out.txt").open("w") as file:
        document = notebook("import sys\nprint('to out')\nprint('to err', file=sys.stderr)")
        run(tmp_path, document, "labkit", log_output=True, stdout_file=file)
    assert (tmp_path / "out.txt").read_text() == "to out\n"
    levels = {record.getMessage().strip(): record.levelname for record in caplog.records}
    assert levels["to out"] == "INFO"
    assert levels["to err"] == "WARNING"


def test_the_file_grows_cell_by_cell(tmp_path):
    document = notebook(
        "'first'", f"open({str(tmp_path / 'labkit' / 'out.ipynb')!r}).read().count('first') > 1"
    )
    done, raised = run(tmp_path, document, "labkit")
    assert raised is None
    assert done["cells"][1]["outputs"][0]["data"]["text/plain"] == ["True"]


@pytest.mark.parametrize(
    ("kernel", "options", "why"),
    [
        ("other", {}, "the kernel 'other' is not this Python's own."),
        ("python3", {"ipython_hist_file": ":memory:"}, "the options ipython_hist_file are its own."),
    ],
)
def test_what_a_fork_cannot_give_is_told(kernel, options, why):
    from labkit.engine import plugin

    assert plugin.reason_for_plain(kernel, options) == why


def test_settings_of_ipython_are_respected(tmp_path, monkeypatch):
    from labkit.engine import plugin

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    assert plugin.reason_for_plain("python3", {}) == ""
    startup = tmp_path / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "own.py").write_text("x = 1")
    assert plugin.reason_for_plain("python3", {}) == f"IPython has settings in {startup}."


def test_where_the_system_cannot_fork_papermills_own_engine_runs_it(tmp_path, monkeypatch, caplog):
    from labkit.engine import plugin

    monkeypatch.setattr(plugin, "can_fork", lambda: False)
    done, raised = run(tmp_path, notebook("import threading\nthreading.active_count() > 1"), "labkit")
    assert raised is None
    assert done["cells"][0]["outputs"][0]["data"]["text/plain"] == ["True"], "a stock kernel has threads"
    assert "Papermill's own engine runs this notebook: this system cannot fork." in caplog.text


@pytest.mark.slow
def test_the_command_line_finds_the_engine_by_its_entry_point(tmp_path, root):
    installed = tmp_path / "site" / "labkit_engine-0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: labkit-engine\nVersion: 0\n")
    import tomllib

    points = tomllib.loads((root / "pyproject.toml").read_text())["project"]["entry-points"]
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {to}\n" for name, to in one.items())
        for group, one in points.items()
    ]
    (installed / "entry_points.txt").write_text("\n".join(lines))
    (tmp_path / "in.ipynb").write_text(json.dumps(notebook("6 * 7")))
    path = os.pathsep.join([str(tmp_path / "site"), str(root)])
    command = [sys.executable, "-m", "papermill", "--engine", "labkit", "in.ipynb", "out.ipynb"]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "(forked)" in done.stderr
    out = json.loads((tmp_path / "out.ipynb").read_text())
    assert out["cells"][0]["outputs"][0]["data"] == {"text/plain": ["42"]}
