"""pip and uv: progress while they run, one sentence when they fail, one run at a time."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from labkit import installer
from labkit.errors import LabkitError


def python(code: str) -> list[str]:
    return [sys.executable, "-S", "-c", textwrap.dedent(code)]


def test_the_steps_of_pip_are_told(tmp_path: Path) -> None:
    said: list[str] = []
    code = """
        print("Obtaining file:///x")
        print("Collecting a")
        print("Installing collected packages: a, b, c")
        print("Successfully installed")
    """
    installer.run(python(code), tmp_path, said.append, "installing")
    assert said == ["  looking for packages", "  3 packages are here; now they are installed"]


def test_a_silent_step_is_told_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installer, "QUIET_SECONDS", 0.01)
    told = threading.Event()
    gate = tmp_path / "gate"
    os.mkfifo(gate) if hasattr(os, "mkfifo") else pytest.skip("no named pipes here")

    def say(text: str) -> None:
        if "still installing" in text and not told.is_set():
            told.set()
            gate.write_text("go")  # the installation ends only after it was said that it goes on

    installer.run(python(f"open({str(gate)!r}).read()"), tmp_path, say, "installing")
    assert told.is_set()


def test_a_failure_shows_what_pip_said_and_one_sentence(tmp_path: Path) -> None:
    said: list[str] = []
    code = "import sys; print('line'); sys.exit('ERROR: Could not find a version that satisfies moto==5.2.5')"
    with pytest.raises(LabkitError) as error:
        installer.run(python(code), tmp_path, said.append, "installing")
    assert said == ["  | ERROR: Could not find a version that satisfies moto==5.2.5"]
    assert str(error.value) == (
        "While installing, the package index lacks a pinned version: use the public index, or update "
        "constraints.txt, then run the same command again."
    )


@pytest.mark.parametrize(
    ("line", "cure"),
    [
        ("NewConnectionError: [Errno -3] Temporary failure in name resolution", "cannot be reached"),
        ("error: error sending request for url: dns error", "cannot be reached"),
        ("ConnectTimeoutError: timed out\nERROR: No matching distribution found", "cannot be reached"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] unable to get local issuer", "certificate is not trusted"),
        ("  x No solution found when resolving dependencies", "lacks a pinned version"),
        ("PermissionError: [Errno 13] Permission denied: 'x'", "cannot be written"),
        ("Segmentation fault", "read the lines above"),
    ],
)
def test_what_went_wrong_is_read_from_the_output(line: str, cure: str) -> None:
    assert cure in installer.diagnose(line.splitlines())


def test_a_program_that_does_not_start_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabkitError, match="does not start"):
        installer.run([str(tmp_path / "uv")], tmp_path, print, "installing")


def test_ctrl_c_ends_pip_too(tmp_path: Path) -> None:
    def say(text: str) -> None:
        raise KeyboardInterrupt

    code = "import sys; print('Obtaining x', flush=True); sys.stdin = open(0); import signal; signal.pause()"
    if not hasattr(__import__("signal"), "pause"):
        pytest.skip("no signal.pause here")
    with pytest.raises(KeyboardInterrupt):
        installer.run(python(code), tmp_path, say, "installing")  # comes back only when the child has ended


def test_what_would_mislead_pip_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setenv("PIP_USER", "1")
    code = "import os, sys; sys.exit('PYTHONPATH' in os.environ or os.environ['PIP_USER'] != '0')"
    installer.run(python(code), tmp_path, print, "installing")


def test_pip_installs_as_pinned_without_compiling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(installer, "run", lambda command, *rest: commands.append(command))
    for found in (None, "uv"):
        monkeypatch.setattr(installer.shutil, "which", lambda name, found=found: found)
        installer.install(tmp_path / "python", tmp_path, print)
    pip, uv = commands
    assert "--no-compile" in pip
    assert pip[-4:] == uv[-4:] == ["-e", ".[test]", "-c", "constraints.txt"]
    assert uv[:5] == ["uv", "pip", "install", "--python", str(tmp_path / "python")]


HOLD = """
import sys; sys.path.insert(0, {root!r})
from pathlib import Path
from labkit.installer import one_at_a_time
with one_at_a_time(Path({lock!r}), print):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_run_waits_and_says_for_whom(root: Path, tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    code = HOLD.format(root=str(root), lock=str(lock))
    with subprocess.Popen(
        [sys.executable, "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "held\n"
        said: list[str] = []

        def say(text: str) -> None:
            said.append(text)
            other.stdin.close()  # the other run ends as soon as we have said that we wait

        with installer.one_at_a_time(lock, say):
            pass
    assert said == [f"Another labkit (process {other.pid}) is making the environment; waiting for it."]


def test_waiting_has_an_end(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with (
        installer.one_at_a_time(lock, print),
        pytest.raises(LabkitError, match=f"process {os.getpid()}.* end it, then run the same command again"),
        installer.one_at_a_time(lock, print, patience=0),
    ):
        pass


def test_a_lock_left_by_a_dead_run_is_taken_over(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.write_text("999999999\n")
    said: list[str] = []
    with installer.one_at_a_time(lock, said.append):
        assert lock.read_text() == f"{os.getpid()}\n"
    assert said == []


def test_a_folder_without_write_access_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(LabkitError, match="cannot be written .*copy the workbook"),
        installer.one_at_a_time(tmp_path / "no such folder" / "lock", print),
    ):
        pass
