"""One prepared process for all tests here, and a short way to play cells."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labkit.engine.host import Host, can_fork
from labkit.engine.play import Limits, Play
from tests.engine.kit import notebook

Player = Callable[..., Play]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not can_fork():
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="this system cannot fork"))


@pytest.fixture(scope="session")
def host(own_jupyter: None) -> Iterator[Host]:
    with Host() as running:
        yield running


@pytest.fixture
def prepare(tmp_path: Path) -> Player:
    """A play of some cells, in a folder of its own."""
    made: list[Play] = []

    def make(*cells: str | dict[str, Any], **limits: Any) -> Play:
        home = tmp_path / f"notebook{len(made)}"
        for name in ("work", "tmp"):
            (home / name).mkdir(parents=True)
        environ = os.environ | {"IPYTHONDIR": str(home / "ipython"), "TMPDIR": str(home / "tmp")}
        limits = {"cell": 60.0, "notebook": 120.0, **limits}
        made.append(Play(notebook(*cells), str(home / "work"), environ, Limits(**limits)))
        return made[-1]

    return make


@pytest.fixture
def play(host: Host, prepare: Player) -> Player:
    """Play some cells to their end."""

    def go(*cells: str | dict[str, Any], **limits: Any) -> Play:
        (done,) = host.play([prepare(*cells, **limits)])
        return done

    return go
