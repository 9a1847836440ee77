"""`labkit init`: copies labs out, keeps what is there, gives solutions only to instructors."""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit import cli, init


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "package"
    files = {
        "labs/00-start-here.ipynb": "{}",
        "labs/week09/16-sqs.ipynb": '{"source": "open(\'../../data/orders/one.json\')"}',
        "labs/week09/.ipynb_checkpoints/16-sqs.ipynb": "{}",
        "solutions/week09/16-sqs.ipynb": "{}",
        "solutions/week09/16-sqs/lab.py": "",
        "data/facts.toml": "",
        "data/orders/one.json": "[]",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(init, "source_folder", lambda: folder)
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_learner_gets_labs_and_the_data_they_open_but_no_solution(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["init", str(tmp_path / "mine")]) == 0
    expected = ["data/orders/one.json", "labs/00-start-here.ipynb", "labs/week09/16-sqs.ipynb"]
    assert names(tmp_path / "mine") == expected
    assert "3 files copied" in capsys.readouterr().out


def test_an_instructor_gets_the_solved_notebooks_too(source: Path, tmp_path: Path) -> None:
    init.main([str(tmp_path / "mine"), "--instructor"])
    assert "solutions/week09/16-sqs.ipynb" in names(tmp_path / "mine")
    assert "solutions/week09/16-sqs/lab.py" not in names(tmp_path / "mine")


def test_what_is_there_is_kept_and_named(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = tmp_path / "mine" / "labs" / "00-start-here.ipynb"
    work.parent.mkdir(parents=True)
    work.write_text("my work")
    init.main([str(tmp_path / "mine")])
    assert work.read_text() == "my work"
    said = capsys.readouterr().out
    assert "2 files copied" in said
    assert "Kept as they were (1;" in said
    assert "  labs/00-start-here.ipynb" in said


def test_a_second_run_copies_nothing(source: Path, tmp_path: Path) -> None:
    init.copy_out(source, tmp_path / "mine", instructor=False)
    copied, kept = init.copy_out(source, tmp_path / "mine", instructor=False)
    assert (len(copied), len(kept)) == (0, 3)


def test_a_folder_that_cannot_be_made_is_named(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert cli.main(["init", str(tmp_path / "file")]) == 2
    assert "cannot be copied to" in capsys.readouterr().err


def test_the_source_itself_is_refused(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", str(source)]) == 2
    assert "name another folder" in capsys.readouterr().err


def test_a_labkit_without_labs_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(init, "clone_root", lambda: tmp_path)
    with pytest.raises(init.LabkitError, match="carries no labs"):
        init.source_folder()
