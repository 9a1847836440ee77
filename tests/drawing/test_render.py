"""Which program draws, and what is shown when none does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit import Diagram
from labkit.drawing import render
from labkit.errors import UsageError

DOT = "digraph { a -> b }"


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    render._render.cache_clear()
    yield
    render._render.cache_clear()


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(render, "pure_program", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(render.VARIABLE, raising=False)


def program(folder: Path, name: str, body: str) -> Path:
    """A renderer of our own, as a script."""
    if sys.platform == "win32":
        pytest.skip("needs a script that starts by itself")
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


SAYS = "import sys; sys.stdin.read(); print('<svg><!-- {} --></svg>')"


def diagram() -> Diagram:
    d = Diagram("Orders")
    d.sqs("orders").to(d.sqs("orders-dlq"), "after 3 receives")
    return d


def test_the_wheel_is_found_without_its_folder_on_the_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(render.VARIABLE, raising=False)
    assert render.pure_program()
    assert "</svg>" in render.render(DOT)


def test_the_program_of_the_variable_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(render.VARIABLE, str(program(tmp_path, "mine", SAYS.format("mine"))))
    assert "mine" in render.render(DOT)


def test_the_variable_may_name_a_program_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program(tmp_path, "mine", SAYS.format("mine"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(render.VARIABLE, "mine")
    assert "mine" in render.render(DOT)


@pytest.mark.usefixtures("nothing_installed")
def test_dot_on_the_path_is_the_last_resort(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program(tmp_path, "dot", SAYS.format("dot"))
    assert "dot" in render.render(DOT)


def test_a_program_that_fails_makes_room_for_the_next(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for broken in (tmp_path / "absent", program(tmp_path, "fails", "raise SystemExit(3)"), tmp_path):
        render._render.cache_clear()
        monkeypatch.setenv(render.VARIABLE, str(broken))
        assert "</svg>" in render.render(DOT)


@pytest.mark.usefixtures("nothing_installed")
def test_without_any_program_the_words_stand_alone_with_a_line_of_help() -> None:
    picture = diagram().picture()
    assert picture.svg == ""
    assert "pip install graphviz-pure" in picture.note
    for shown in (picture.text(), picture.html()):
        assert "orders-dlq" in shown
        assert "after 3 receives" in shown
        assert "pip install graphviz-pure" in shown
    assert "<img" not in picture.html()


@pytest.mark.usefixtures("nothing_installed")
def test_a_drawing_that_is_not_there_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"figure\.txt"):
        diagram().save(tmp_path / "figure.svg")
    assert "orders-dlq" in diagram().save(tmp_path / "figure.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("word", ["off", "OFF", "none"])
def test_drawing_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv(render.VARIABLE, word)
    picture = diagram().picture()
    assert picture.svg == ""
    assert "switched off" in picture.note


def test_a_program_that_draws_something_else_makes_room_for_the_next(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(render.VARIABLE, str(program(tmp_path, "odd", SAYS.format("odd"))))
    assert "orders-dlq" in diagram().picture().svg


@pytest.mark.usefixtures("nothing_installed")
def test_a_program_that_does_not_end_is_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def never(*args: object, **more: object) -> object:
        raise subprocess.TimeoutExpired("dot", render.SECONDS)

    monkeypatch.setattr(subprocess, "run", never)
    program(tmp_path, "dot", "")
    assert "took longer than 10 seconds" in diagram().picture().note


def test_complaints_of_the_program_are_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loud = "import sys; print('fonts!', file=sys.stderr)\n" + SAYS.format("loud")
    monkeypatch.setenv(render.VARIABLE, str(program(tmp_path, "loud", loud)))
    assert "fonts!" not in render.render(DOT)


def test_the_same_figure_is_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    render.render(DOT)
    monkeypatch.setattr(render, "_run", lambda *_: pytest.fail("rendered again"))
    render.render(DOT)


def test_nothing_of_it_is_imported_when_a_lab_opens() -> None:
    code = (
        "import sys, labkit; labkit.open; import labkit.lab;"
        "print([name for name in sys.modules if name.startswith('labkit.drawing') or name == 'graphviz'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.strip() == "[]"
