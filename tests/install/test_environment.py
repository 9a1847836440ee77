"""`.venv`: when it is made, kept, brought up to date or made anew, and what is said when it cannot be."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from labkit import environment, installer
from labkit.environment import STAMP, Venv, unmet
from labkit.errors import LabkitError


@pytest.fixture
def clone(tmp_path: Path, root: Path) -> Path:
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(root / name, folder / name)
    return folder


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """No uv, no pip: environments are real but empty, and installations are only counted."""
    done: list[Path] = []

    def run(command: list[str], folder: Path, say: object, doing: str) -> None:
        subprocess.run([*command[:3], "--without-pip", *command[3:]], check=True)

    monkeypatch.setattr(installer, "uv", lambda: None)
    monkeypatch.setattr(installer, "run", run)
    monkeypatch.setattr(installer, "install", lambda python, root, say: done.append(python))
    return done


def test_made_once_then_left_alone(
    clone: Path, installs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    venv = Venv(clone)
    assert not venv.is_ready()
    venv.ensure()
    assert venv.is_ready()
    assert installs == [venv.python]
    said = capsys.readouterr().err
    assert "Making the environment" in said
    assert "The environment is ready" in said
    venv.ensure()
    assert installs == [venv.python]
    assert capsys.readouterr().err == ""


def test_new_pins_are_installed_into_it(
    clone: Path, installs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    venv = Venv(clone)
    venv.ensure()
    (venv.folder / "mine.txt").write_text("kept")
    with (clone / "constraints.txt").open("a") as file:
        file.write("another==1.0\n")
    venv.ensure()
    assert len(installs) == 2
    assert (venv.folder / "mine.txt").exists()
    assert "What labkit needs has changed" in capsys.readouterr().err


def test_a_lint_rule_in_pyproject_changes_nothing(clone: Path, installs: list[Path]) -> None:
    Venv(clone).ensure()
    with (clone / "pyproject.toml").open("a") as file:
        file.write("[tool.other]\nx = 1\n")
    assert Venv(clone).is_ready()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"done": False}, "was only half made"),
        ({"root": "elsewhere"}, "was made for another folder"),
        ({"python": "3.9"}, "was made for Python 3.9 and this is"),
    ],
)
def test_one_that_cannot_be_mended_is_made_anew(
    clone: Path,
    installs: list[Path],
    capsys: pytest.CaptureFixture[str],
    change: dict[str, object],
    said: str,
) -> None:
    venv = Venv(clone)
    venv.ensure()
    stamp = venv.folder / STAMP
    stamp.write_text(json.dumps({**json.loads(stamp.read_text()), **change}))
    (venv.folder / "old.txt").write_text("goes")
    venv.ensure()
    assert venv.is_ready()
    assert not (venv.folder / "old.txt").exists()
    assert said in capsys.readouterr().err


def test_a_stamp_that_cannot_be_read_means_half_made(
    clone: Path, installs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    Venv(clone).ensure()
    (clone / ".venv" / STAMP).write_text('{"done": tr')
    Venv(clone).ensure()
    assert "half made" in capsys.readouterr().err


def test_an_interrupted_installation_is_made_anew(
    clone: Path, installs: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(python: Path, root: Path, say: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(installer, "install", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Venv(clone).ensure()
    assert not Venv(clone).is_ready()
    Venv(clone).ensure()
    assert Venv(clone).is_ready()
    assert "half made" in capsys.readouterr().err


def test_somebodys_own_venv_is_used_and_never_deleted(
    clone: Path, installs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", clone / ".venv"], check=True)
    (clone / ".venv" / "mine.txt").write_text("kept")
    Venv(clone).ensure()
    assert Venv(clone).is_ready()
    assert (clone / ".venv" / "mine.txt").exists()
    assert "Using the environment .venv that is already there." in capsys.readouterr().err


def test_somebodys_own_venv_without_a_working_python_is_named(clone: Path, installs: list[Path]) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv" / "pyvenv.cfg").write_text("")
    with pytest.raises(LabkitError, match=r"no Python 3\.11 or newer that starts: rename or delete it"):
        Venv(clone).ensure()
    assert (clone / ".venv" / "pyvenv.cfg").exists()


def test_another_folder_of_that_name_is_named(clone: Path, installs: list[Path]) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv" / "photo.jpg").write_text("")
    with pytest.raises(
        LabkitError, match="is in the way and is not a Python environment: rename or delete it"
    ):
        Venv(clone).ensure()


def test_no_venv_module_is_said_with_the_package_to_install(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installer, "uv", lambda: None)
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        LabkitError, match=r"no venv module .*sudo apt install python3\.\d+-venv\) or install uv"
    ):
        Venv(clone).ensure()
    assert not (clone / ".venv").exists()


def test_a_folder_that_cannot_be_written_is_named(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        with pytest.raises(
            LabkitError, match="cannot be written .*copy the workbook to a folder of your own"
        ):
            Venv(clone).ensure()
    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(installer, "uv", lambda: "uv")
    with pytest.raises(LabkitError, match="cannot be written .*copy the workbook to a folder of your own"):
        Venv(clone).ensure()


def test_inside_it_a_missing_package_is_noticed(
    clone: Path, installs: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Venv(clone).ensure()
    monkeypatch.setattr(Venv, "is_running", lambda self: True)
    monkeypatch.setattr(environment, "unmet", lambda root: ["moto 5.2.5 (has none)"])
    Venv(clone).ensure()
    assert len(installs) == 2
    assert "bringing this environment up to date" in capsys.readouterr().err


def test_unmet_reads_exact_and_lowest_versions(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (clone / "pyproject.toml").write_text(
        '[project]\ndependencies = ["a[x]==1.2.3", "b>=2.10", "c>=1; sys_platform != \'emscripten\'"]\n'
        "[project.optional-dependencies]\ntest = ['d>=1']\n"
    )
    have = {"a": "1.2.4", "b": "2.9.1", "c": "10.0rc1"}
    monkeypatch.setattr(environment, "installed", have.get)
    assert unmet(clone) == ["a 1.2.3 (has 1.2.4)", "b 2.10 or newer (has 2.9.1)", "d 1 or newer (has none)"]
    assert "d 1 or newer (has none)" not in unmet(clone, tests=False)


def test_a_requirement_it_cannot_read_is_named(clone: Path) -> None:
    (clone / "pyproject.toml").write_text(
        '[project]\ndependencies = ["a~=1.2"]\noptional-dependencies = {test=[]}\n'
    )
    with pytest.raises(LabkitError, match="'a~=1.2': write it as"):
        unmet(clone)
