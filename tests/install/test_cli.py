"""The `labkit` command: help, versions, unknown words, and handing over to what does the work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from labkit import __version__, cli, pins


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    for name, command in cli.COMMANDS.items():
        assert f"    {name} " in text
        assert command.help.split()[0] in text


def test_an_unknown_command_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["tset"]) == 2
    said = capsys.readouterr().err
    assert said == "labkit: There is no command named 'tset'. Did you mean 'test'?\n"


def test_version_names_the_pins(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(pins, "installed", {"moto": "5.2.5", "boto3": "1.0"}.get)
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"labkit {__version__}",
        "moto 5.2.5",
        "boto3 1.44.5 (installed: 1.0)",
        "botocore 1.44.5 (installed: none)",
    ]


@pytest.mark.parametrize(
    ("name", "home"),
    [("build", "build"), ("prove", "prove"), ("new", "scaffold"), ("run", "notebooks")],
)
def test_authors_commands_get_their_words_unchanged(
    monkeypatch: pytest.MonkeyPatch, name: str, home: str
) -> None:
    module = ModuleType(f"labkit.workbook.{home}")
    got: list[list[str]] = []
    module.main = lambda argv: got.append(argv) or 5  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert cli.main([name, "--check", "16"]) == 5
    assert got == [["--check", "16"]]


def test_a_missing_package_is_named_with_the_command_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(name: str) -> ModuleType:
        raise ModuleNotFoundError("No module named 'jupytext'", name="jupytext")

    monkeypatch.setattr(cli, "import_module", missing)
    assert cli.main(["build"]) == 2
    assert "needs jupytext, which is not installed. Run: python -m pip install" in capsys.readouterr().err


def test_every_command_can_be_loaded() -> None:
    for command in cli.COMMANDS.values():
        assert callable(command.load())


@pytest.mark.skipif(os.name != "posix", reason="Windows tells a closed pipe in another way")
def test_a_reader_that_has_seen_enough_is_no_traceback(root: Path) -> None:
    command = [sys.executable, "-S", "-m", "labkit", "version"]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, cwd=root, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode == 1
