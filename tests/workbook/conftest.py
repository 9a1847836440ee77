"""A small workbook of two exercises: each test gets a copy of its own to break."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from labkit.workbook.problems import Problem, SourceError

FIXTURE = Path(__file__).parent / "fixture_lab"
KEY = "90-two-queues"


@dataclass(frozen=True)
class Workbook:
    """A copy of the small workbook. `change` replaces a text that stands exactly once in a file."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / "solutions" / "week01" / KEY

    @property
    def source(self) -> Path:
        return self.folder / "lab.py"

    @property
    def checks(self) -> Path:
        return self.folder / "checks.py"

    @property
    def facts(self) -> Path:
        return self.root / "data" / "facts.toml"

    def change(self, path: Path, old: str, new: str) -> int:
        """Replace `old` by `new`; returns the line where it stood."""
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path.name}"
        path.write_text(text.replace(old, new), encoding="utf-8")
        return text[: text.index(old)].count("\n") + 1


@pytest.fixture
def workbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workbook:
    """A copy of the small workbook, which labkit takes for the workbook."""
    root = tmp_path / "workbook"
    shutil.copytree(FIXTURE, root, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv("LABKIT_WORKBOOK", str(root))
    monkeypatch.chdir(root)
    return Workbook(root)


@pytest.fixture
def problems_of() -> Callable[[Callable[[], object]], list[Problem]]:
    """What a call that must raise SourceError lists."""

    def call(function: Callable[[], object]) -> list[Problem]:
        with pytest.raises(SourceError) as caught:
            function()
        return caught.value.problems

    return call
