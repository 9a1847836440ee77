"""The whole tree: lint, types, sizes, pins, and nothing in it that belongs to one machine only."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from labkit import __version__
from labkit.pins import PINS

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 400  # lines of a module
BINARY = {".png", ".svg", ".ico"}

# In pieces, so that this file does not find itself.
MACHINE_PATHS = re.compile(
    "|".join([r"/wo" + r"rk/\w", r"/tm" + r"p/\w", r"/ro" + r"ot/\w", r"/ho" + r"me/\w", r"\.\./sha" + "red"])
)
HOSTS = re.compile(
    "|".join(
        ["py" + r"pi\.org", "python" + r"hosted", "npm" + r"js\.org", "deb" + r"ian\.org", "mc" + r"r\.micro"]
    )
)


def tracked() -> list[Path]:
    """The files of the project: what git knows or would add; without git, what is not hidden."""
    listed = None
    if shutil.which("git") and (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        listed = done.stdout.split("\0") if done.returncode == 0 else None
    if listed is None:
        rooms = ("labkit", "labs", "solutions", "data", "tests", "binder")
        found = [path for room in rooms for path in (ROOT / room).rglob("*")] + list(ROOT.glob("*.*"))
        listed = [path.relative_to(ROOT).as_posix() for path in found]
    paths = [ROOT / name for name in listed if name and "__pycache__" not in name]
    return sorted(path for path in paths if path.is_file())


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


FILES = tracked()
TEXTS = [path for path in FILES if path.suffix not in BINARY]


def run(*words: str) -> None:
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_lint() -> None:
    run("ruff", "check", "--no-cache", "--output-format=concise", ".")


def test_format() -> None:
    run("ruff", "format", "--no-cache", "--check", ".")


def test_types(tmp_path: Path) -> None:
    run("mypy", "--cache-dir", str(tmp_path))


def test_modules_can_be_read_at_a_sitting() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in FILES
        if path.suffix == ".py" and (path.is_relative_to(ROOT / "labkit") or path.name.startswith("checks"))
        if (lines := len(text_of(path).splitlines())) >= LONGEST
    }
    assert long == {}, f"split these: {LONGEST} lines or more"


@pytest.mark.parametrize(
    ("pattern", "cure"),
    [
        (MACHINE_PATHS, "a path of one machine: use tmp_path, or a path relative to the file"),
        (HOSTS, "a registry's host: learners use the one their pip or uv is set to"),
    ],
)
def test_nothing_belongs_to_one_machine(pattern: re.Pattern[str], cure: str) -> None:
    found = [
        f"{path.relative_to(ROOT).as_posix()}:{number}: {line.strip()[:80]}"
        for path in TEXTS
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if pattern.search(line)
        # On AWS every Lambda function has a folder of this name, so what runs functions speaks of it.
        and not ("runtime" in path.parts and "/tmp" in line)
    ]
    assert found == [], cure


def test_text_files_are_utf8_with_unix_line_ends() -> None:
    wrong = [path.relative_to(ROOT).as_posix() for path in TEXTS if b"\r" in path.read_bytes()]
    assert wrong == []


def test_the_pins_say_the_same_in_three_places() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    asked = {
        found[1]: found[2]
        for line in project["dependencies"]
        if (found := re.match(r"([\w-]+)(?:\[.*?\])?==([\w.]+)$", line))
    }
    assert asked == PINS
    constrained = dict(
        line.split(" ")[0].split("==") for line in text_of(ROOT / "constraints.txt").splitlines()
    )
    assert {name: constrained[name] for name in PINS} == PINS


def test_everything_asked_for_is_constrained() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    asked = {match[0] for line in lines if (match := re.match(r"[\w-]+", line))}
    constrained = {line.split("==")[0] for line in text_of(ROOT / "constraints.txt").splitlines()}
    assert asked <= constrained


def test_constraints_are_names_versions_and_markers_only() -> None:
    line = re.compile(r"[a-z0-9-]+==[\w.]+( ; [\w .'\"<>=!()*-]+)?")
    wrong = [one for one in text_of(ROOT / "constraints.txt").splitlines() if not line.fullmatch(one)]
    assert wrong == []


def test_the_readme_points_at_what_is_there() -> None:
    text = text_of(ROOT / "README.md") + text_of(ROOT / "CONTRIBUTING.md")
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_readme_names_the_two_commands() -> None:
    text = text_of(ROOT / "README.md")
    assert "python -m labkit lab" in text
    assert "python -m labkit test" in text


def test_the_changelog_knows_what_comes_next() -> None:
    headings = re.findall(r"^## \[(.+?)\]", text_of(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert headings
    assert headings[0] in {"Unreleased", __version__}
