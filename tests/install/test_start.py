"""`python -m labkit` on a bare Python, on one that is too old, and in an environment that has everything."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from labkit import __main__, bootstrap, cli, environment
from labkit.errors import LabkitError


@pytest.mark.parametrize("name", ["__main__.py", "__init__.py"])
def test_an_old_python_can_read_what_refuses_it(root: Path, name: str) -> None:
    source = (root / "labkit" / name).read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 6))


def test_too_old_a_python_is_refused_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(__main__.sys, "version_info", (3, 8, 18))
    assert __main__.main() == 2
    said = capsys.readouterr().err
    assert said.startswith("labkit: This is Python 3.8, but labkit needs 3.11 or newer: install a newer one")
    assert said.count("\n") == 1


def test_real_old_pythons_print_the_sentence(root: Path) -> None:
    seen = 0
    for python in filter(None, (shutil.which(f"python3.{minor}") for minor in range(6, 11))):
        done = subprocess.run([python, "-m", "labkit", "lab"], cwd=root, capture_output=True, text=True)
        if done.returncode == 127:  # a version manager's shim with no Python behind it
            continue
        seen += 1
        assert done.returncode == 2
        assert "needs 3.11 or newer" in done.stderr
        assert "Traceback" not in done.stderr
    if not seen:
        pytest.skip("no Python older than 3.11 here")


def test_nothing_third_party_is_needed_to_start(root: Path) -> None:
    modules = "labkit, labkit.bootstrap, labkit.cli, labkit.doctor, labkit.init, labkit.launch, labkit.pins"
    code = f"import sys; sys.path.insert(0, {str(root)!r}); import {modules}"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)


def test_a_bare_python_shows_help_and_version_at_once(root: Path) -> None:
    for word in ("--help", "version"):
        done = subprocess.run(
            [sys.executable, "-S", "-m", "labkit", word], cwd=root, capture_output=True, text=True, check=True
        )
        assert "labkit" in done.stdout


def test_an_environment_that_has_everything_is_used_as_it_is(
    monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    monkeypatch.setattr(environment, "unmet", lambda root, tests=True: [])
    monkeypatch.setattr(environment.Venv, "is_running", lambda self: False)
    monkeypatch.setattr(environment.Venv, "ensure", _refuse)
    ran: list[list[str]] = []
    monkeypatch.setattr(cli, "main", lambda argv: ran.append(argv) or 0)
    assert bootstrap.main(["test", "-k", "x"]) == 0
    assert ran == [["test", "-k", "x"]]


def test_no_venv_forces_the_running_environment_and_says_what_it_lacks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LABKIT_NO_VENV", "1")
    monkeypatch.setattr(environment, "unmet", lambda root, tests=True: ["moto 5.2.5 (has 5.1.0)"])
    monkeypatch.setattr(environment.Venv, "ensure", _refuse)
    monkeypatch.setattr(cli, "main", lambda argv: 0)
    assert bootstrap.main(["lab"]) == 0
    assert "this environment lacks moto 5.2.5 (has 5.1.0): install it, or unset" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["init", "x"], ["help"], ["doctor"], ["build", "--help"], ["tset"], []])
def test_what_needs_no_environment_makes_none(monkeypatch: pytest.MonkeyPatch, argv: list[str]) -> None:
    monkeypatch.setattr(environment.Venv, "ensure", _refuse)
    monkeypatch.setattr(environment.Venv, "is_ready", lambda self: False)
    monkeypatch.setattr(cli, "main", lambda argv: 7)
    assert bootstrap.main(argv) == 7


def test_from_a_wheel_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "clone_root", lambda: None)
    monkeypatch.setattr(environment.Venv, "ensure", _refuse)
    monkeypatch.setattr(cli, "main", lambda argv: 7)
    assert bootstrap.main(["lab"]) == 7


def test_an_error_is_one_line_and_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(argv: list[str]) -> int:
        raise LabkitError("The disk is full: free about 1 GB.")

    monkeypatch.setattr(bootstrap, "_dispatch", fail)
    assert bootstrap.main(["lab"]) == 2
    assert capsys.readouterr().err == "labkit: The disk is full: free about 1 GB.\n"


def test_ctrl_c_is_no_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(argv: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "_dispatch", interrupted)
    assert bootstrap.main(["lab"]) == 130
    assert capsys.readouterr().err == "labkit: Stopped by you. Run the same command again to go on.\n"


FAKE_UV = """#!{python}
# Makes the environment at once: what is to be installed is what the running tests already use.
import os, subprocess, sys
venv = {venv!r}
if sys.argv[1] == "venv":
    subprocess.run([{python!r}, "-m", "venv", "--without-pip", venv], check=True)
else:
    print("Resolved 3 packages in 1ms", flush=True)
    if os.environ.get("FAKE_UV_FAILS"):
        sys.exit("error: error sending request: dns error")
    lib = os.path.join(venv, "lib", "python%d.%d" % sys.version_info[:2], "site-packages")
    with open(os.path.join(lib, "all.pth"), "w") as file:
        file.write({packages!r})
"""


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for uv is a script with a #! line")
def test_from_nothing_to_a_command_and_quick_the_second_time(root: Path, tmp_path: Path) -> None:
    clone, programs = tmp_path / "a clone", tmp_path / "bin"
    shutil.copytree(root / "labkit", clone / "labkit", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(root / name, clone / name)
    programs.mkdir()
    packages = f"{Path(pytest.__file__).parent.parent}\n{clone}\n"
    uv = programs / "uv"
    uv.write_text(FAKE_UV.format(python=sys.executable, venv=str(clone / ".venv"), packages=packages))
    uv.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LABKIT", "PYTHON"))}
    variables = {**kept, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        # -S hides this environment's packages: the bootstrap must see a bare Python.
        command = [sys.executable, "-S", "-m", "labkit", *words]
        return subprocess.run(command, cwd=clone, env={**variables, **more}, capture_output=True, text=True)

    failed = run("prove", "--help-me-not", FAKE_UV_FAILS="1")
    assert failed.returncode == 2
    assert "| error: error sending request: dns error" in failed.stderr
    assert "the package index cannot be reached" in failed.stderr.splitlines()[-1]

    first = run("test", "--version")
    assert "The environment in .venv was only half made: making it anew." in first.stderr
    assert "resolved 3 packages in 1ms" in first.stderr
    assert (
        "The tests are not part of the installed package" in first.stderr
    )  # said inside: this clone has none

    second = run("doctor", "--json")
    assert str(clone / ".venv") in second.stdout
    assert "labkit:" not in second.stderr


def _refuse(self: object) -> None:
    raise AssertionError("no environment may be made here")
