"""The wheel that `hatchling` builds, installed into an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.skipif(find_spec("hatchling") is None, reason="the build backend hatchling is not installed"),
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = Path(__file__).resolve().parents[2]
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=root, check=True, capture_output=True)
    (built,) = folder.glob("labkit-*-py3-none-any.whl")
    return built


@pytest.fixture(scope="module")
def labkit(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `labkit` program of an environment with the wheel in it and the dependencies of this one."""
    if find_spec("pip") is None:
        pytest.skip("pip is not installed here, so the wheel cannot be")
    venv = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    inside = sysconfig.get_paths("venv", vars={"base": str(venv), "platbase": str(venv)})
    program = Path(inside["scripts"]) / ("labkit.exe" if os.name == "nt" else "labkit")
    pip = [sys.executable, "-m", "pip", "--python", str(venv), "install", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--no-compile", str(wheel)], check=True, capture_output=True)
    dependencies = Path(inside["purelib"]) / "dependencies.pth"
    dependencies.write_text(f"{Path(pytest.__file__).parent.parent}\n", encoding="utf-8")
    return program


def run(labkit: Path, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LABKIT"))}
    return subprocess.run([labkit, *words], cwd=folder, env=kept, capture_output=True, text=True)


def test_the_wheel_carries_the_workbook_and_no_rubbish(wheel: Path, root: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for room in ("labs", "solutions", "data"):
        mine = {path.relative_to(root).as_posix() for path in (root / room).rglob("*") if _is_content(path)}
        assert {f"labkit/_workbook/{name}" for name in mine} <= names
    assert "labkit/py.typed" in names
    assert not [name for name in names if "__pycache__" in name or ".ipynb_checkpoints" in name]
    assert not [name for name in names if name.split("/")[0] in {"tests", "labs", "solutions", "data"}]


def test_it_copies_the_labs_out_and_keeps_what_is_there(labkit: Path, tmp_path: Path, root: Path) -> None:
    learner, instructor = tmp_path / "learner", tmp_path / "instructor"
    done = run(labkit, "init", str(learner), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    labs = sorted(path.relative_to(root) for path in (root / "labs").rglob("*.ipynb") if _is_content(path))
    assert sorted(path.relative_to(learner) for path in learner.rglob("*.ipynb")) == labs
    (learner / labs[0]).write_text("my work")
    done = run(labkit, "init", str(learner), folder=tmp_path)
    assert labs[0].as_posix() in done.stdout
    assert (learner / labs[0]).read_text() == "my work"
    run(labkit, "init", "--instructor", str(instructor), folder=tmp_path)
    assert list((instructor / "solutions").rglob("*.ipynb"))
    assert not (learner / "solutions").exists()


def test_its_doctor_finds_nothing_wrong(labkit: Path, tmp_path: Path) -> None:
    done = run(labkit, "doctor", "--json", folder=tmp_path)
    lines = json.loads(done.stdout)["lines"]
    wrong = [line for line in lines if line["state"] == "problem" and line["name"] != "Kernel"]
    assert wrong == []  # the kernel belongs to the environment whose packages are borrowed here


def test_outside_a_workbook_it_says_how_to_get_one(labkit: Path, tmp_path: Path) -> None:
    done = run(labkit, "lab", folder=tmp_path)
    assert done.returncode == 2
    assert "labkit init my-workbook" in done.stderr
    assert "clone the repository" in run(labkit, "test", folder=tmp_path).stderr


def test_a_lab_runs_from_the_installed_wheel(labkit: Path, tmp_path: Path) -> None:
    run(labkit, "init", str(tmp_path), folder=tmp_path)
    python = labkit.with_name("python.exe" if os.name == "nt" else "python")
    code = """if True:
        import labkit, boto3
        from pathlib import Path
        assert "site-packages" in labkit.__file__, labkit.__file__
        lab = labkit.open("16")
        boto3.client("sqs").create_queue(QueueName="orders")
        report = lab.check("16.1")
        print(report.status)
    """
    done = run(python, "-c", code, folder=tmp_path / "labs")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] in {"failed", "not started", "passed"}


def _is_content(path: Path) -> bool:
    return path.is_file() and not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts)
