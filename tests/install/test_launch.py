"""`labkit lab` starts JupyterLab at the first lab; `labkit test` starts pytest. What stops them is said."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from labkit import cli, launch
from labkit.errors import LabkitError


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Nothing is started: the commands are only collected."""
    commands: list[list[str]] = []
    monkeypatch.setattr(launch, "_call", lambda command, folder, **_: commands.append(command) or 0)
    return commands


@pytest.fixture
def workbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one small notebook, and the working directory in it."""
    (tmp_path / "labs").mkdir()
    text = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    (tmp_path / launch.START).write_text(text)
    monkeypatch.chdir(tmp_path / "labs")
    return tmp_path


def test_jupyterlab_opens_the_first_lab_and_asks_the_internet_nothing(
    started: list[list[str]], workbook: Path
) -> None:
    assert cli.main(["lab", "--collaborative"]) == 0
    (command,) = started
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert "--LabApp.default_url=/lab/tree/labs/00-start-here.ipynb" in command
    assert "--LabApp.news_url=None" in command
    assert f"--ServerApp.root_dir={workbook}" in command
    assert command[-1] == "--collaborative"


def test_a_taken_port_is_said(
    started: list[list[str]], workbook: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert cli.main(["lab", "--port", str(port)]) == 2
    assert f"Port {port} cannot be used" in capsys.readouterr().err
    assert cli.main(["lab", "--port", "99999"]) == 2
    assert "choose another with --port" in capsys.readouterr().err
    assert started == []


def test_a_free_port_is_passed_on_and_no_other_taken(started: list[list[str]], workbook: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert cli.main(["lab", "--port", str(port)]) == 0
    assert {f"--ServerApp.port={port}", "--ServerApp.port_retries=0"} <= set(started[0])


def test_no_free_port_is_said(
    started: list[list[str]],
    workbook: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(self: object, address: tuple[str, int]) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(launch.socket.socket, "bind", refuse)
    assert cli.main(["lab"]) == 2
    assert (
        "No port is free on this machine (Address already in use): end a program" in capsys.readouterr().err
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux may be without a screen")
def test_without_a_browser_the_address_is_printed(
    started: list[list[str]],
    workbook: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(name, raising=False)
    cli.main(["lab"])
    assert "--no-browser" in started[0]
    assert "Open the address that is printed below" in capsys.readouterr().err
    monkeypatch.setenv("BROWSER", "netscape-that-is-not-there %s")
    monkeypatch.setattr(launch.webbrowser, "get", lambda: object())
    cli.main(["lab"])
    assert "--no-browser" not in started[1]


def test_jupyterlab_that_fails_leads_to_the_doctor(
    workbook: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launch, "_call", lambda command, folder: 1)
    assert cli.main(["lab"]) == 2
    assert "run `python -m labkit doctor`" in capsys.readouterr().err


def test_without_jupyterlab_the_command_that_brings_it_is_said(
    workbook: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launch, "installed", lambda name: None)
    assert cli.main(["lab"]) == 2
    assert "python -m pip install jupyterlab" in capsys.readouterr().err


def test_a_wheel_without_a_workbook_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "clone_root", lambda: None)
    with pytest.raises(LabkitError, match="run `labkit init my-workbook`"):
        launch.workbook_folder(tmp_path)
    with pytest.raises(LabkitError, match="clone the repository"):
        launch.test([])


def test_missing_notebooks_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "clone_root", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LabkitError, match="write the notebooks with `python -m labkit build`"):
        launch.lab([])


def test_words_behind_test_go_to_pytest(started: list[list[str]]) -> None:
    assert cli.main(["test", "-k", "clock", "-n", "0"]) == 0
    assert started[0][1:] == ["-m", "pytest", "-n", "2", "--dist", "worksteal", "-k", "clock", "-n", "0"]


def test_what_the_tests_start_keeps_what_it_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, str]] = []
    monkeypatch.setattr(launch, "call", lambda command, folder, variables: given.append(variables) or 0)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert launch.test([]) == 0
    assert "PYTHONDONTWRITEBYTECODE" not in given[0]
    assert "PATH" in given[0]


def test_the_childs_status_is_ours_and_it_finds_labkit(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(launch, "installed", lambda name: None)
    code = (
        "import os, sys; sys.exit(9 if os.environ['PYTHONPATH'].split(os.pathsep)[0] == sys.argv[1] else 1)"
    )
    assert launch._call([sys.executable, "-c", code, str(root)], tmp_path) == 9


def page_at(address: str, server: subprocess.Popen[str]) -> str:
    """The page, as soon as the server answers: it prints its address a moment before it listens."""
    while True:
        try:
            with urllib.request.urlopen(address, timeout=30) as page:
                return page.read().decode()
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError) or server.poll() is not None:
                raise


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGINT for one process")
def test_a_real_jupyterlab_answers_and_ends_with_ctrl_c(root: Path, workbook: Path, tmp_path: Path) -> None:
    pytest.importorskip("jupyterlab")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "LABKIT"))}
    own = {
        name: str(tmp_path / name)
        for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    }
    variables = {**kept, **own, "PYTHONPATH": str(root), "LABKIT_NO_VENV": "1"}
    command = [sys.executable, "-m", "labkit", "lab", "--no-browser", "--ServerApp.port=0"]
    with subprocess.Popen(
        command, cwd=workbook, env=variables, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as server:
        try:
            assert server.stderr is not None
            lines = iter(server.stderr.readline, "")
            address = next(found[0] for line in lines if (found := re.search(r"http://127\S+", line)))
            assert "/lab/tree/labs/00-start-here.ipynb?token=" in address
            assert "<title>JupyterLab</title>" in page_at(address, server)
            os.killpg(server.pid, signal.SIGINT)
            server.communicate(timeout=30)
            assert server.returncode == 0
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGKILL)


PARENT = """
import os, sys
from labkit.process import call
child = "import os, signal; print('ready', flush=True); signal.pause()"
sys.exit(-call([sys.executable, "-c", child], variables=os.environ))
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows ends processes without asking them")
def test_a_request_to_end_reaches_the_child_and_ctrl_c_is_the_childs_to_answer(root: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with subprocess.Popen(
            [sys.executable, "-c", PARENT],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as parent:
            assert parent.stdout is not None
            assert parent.stdout.readline() == "ready\n"
            if number == signal.SIGTERM:
                parent.terminate()
            else:
                os.killpg(parent.pid, number)  # as a terminal does
            parent.communicate(timeout=30)
            assert parent.returncode == number
