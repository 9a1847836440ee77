"""Progress survives restarts, two kernels, damaged files and folders that cannot be written. Nothing is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from labkit.course import progressfile
from labkit.course.progress import KEPT_ATTEMPTS, Progress, home

LAB = "16-sqs-standard-queues"
NOW = 1_795_428_000.0  # 2026-11-23T10:00:00Z


class Watch:
    """A real clock that the test moves."""

    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_what_was_done_is_there_after_a_restart(tmp_path: Path, watch: Watch) -> None:
    first = Progress(tmp_path, watch)
    first.open_lab(LAB)
    first.attempt(LAB, "dead_letter", "failed", ("third", "kept"), 0)
    watch.time += 30
    first.show_hint(LAB, "dead_letter", 2)
    first.attempt(LAB, "dead_letter", "passed", (), 9)
    first.predict(LAB, "how_many", "a", right=False)
    again = Progress(tmp_path, watch)
    record = again.record(LAB, "dead_letter")
    assert (record.passed, record.earned, record.hints, record.solution) == (True, 9, {2}, False)
    assert [(one.status, one.missed) for one in record.attempts] == [
        ("failed", ("third", "kept")),
        ("passed", ()),
    ]
    effort = again.effort(LAB, "dead_letter")
    assert (effort.failed, effort.attempts, effort.seconds, effort.passed) == (1, 2, 30, True)
    assert again.opened(LAB) == ("2026-11-23T10:00:00Z",)
    assert again.prediction(LAB, "how_many") == "a"
    assert again.notice() == []
    assert again.problem == ""


def test_the_file_is_the_documented_one(tmp_path: Path, watch: Watch) -> None:
    progress = Progress(tmp_path, watch)
    progress.open_lab(LAB)
    progress.attempt(LAB, "dead_letter", "failed", ("third",), 0)
    progress.show_hint(LAB, "dead_letter", 1)
    progress.show_solution(LAB, "dead_letter")
    progress.attempt(LAB, "dead_letter", "passed", (), 5)
    progress.predict(LAB, "how_many", "b", right=True)
    now = "2026-11-23T10:00:00Z"
    assert json.loads((tmp_path / "progress.json").read_text(encoding="utf-8")) == {
        "version": 1,
        "labs": {LAB: {
            "opened": [now],
            "exercises": {"dead_letter": {
                "touched": now,
                "attempts": [{"time": now, "status": "failed", "missed": ["third"]},
                             {"time": now, "status": "passed", "missed": []}],
                "hints": {"1": now}, "solution": now, "passed": now, "earned": 5}},
            "predictions": {"how_many": {"answer": "b", "right": True, "time": now}}}},
    }  # fmt: skip


def test_points_only_grow_and_first_times_stay(tmp_path: Path, watch: Watch) -> None:
    progress = Progress(tmp_path, watch)
    progress.attempt(LAB, "one", "passed", (), 9)
    watch.time += 60
    progress.attempt(LAB, "one", "passed", (), 5)
    progress.attempt(LAB, "one", "failed", ("x",), 0)
    record = progress.record(LAB, "one")
    assert (record.earned, record.passed, record.touched) == (9, True, "2026-11-23T10:00:00Z")


def test_a_fault_of_ours_is_noted_but_is_no_attempt(tmp_path: Path, watch: Watch) -> None:
    progress = Progress(tmp_path, watch)
    progress.attempt(LAB, "one", "fault", (), 0)
    assert progress.effort(LAB, "one").attempts == 0
    assert len(progress.record(LAB, "one").attempts) == 1


def test_only_the_last_attempts_are_kept(tmp_path: Path, watch: Watch) -> None:
    progress = Progress(tmp_path, watch)
    for number in range(KEPT_ATTEMPTS + 3):
        progress.attempt(LAB, "one", "failed", (str(number),), 0)
    attempts = progress.record(LAB, "one").attempts
    assert len(attempts) == KEPT_ATTEMPTS
    assert attempts[-1].missed == (str(KEPT_ATTEMPTS + 2),)


def test_looking_writes_nothing(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "new")
    assert progress.record(LAB, "one").attempts == ()
    assert not (tmp_path / "new").exists()


def test_two_kernels_lose_nothing(tmp_path: Path, watch: Watch) -> None:
    one, other = Progress(tmp_path, watch), Progress(tmp_path, watch)
    one.attempt(LAB, "first", "passed", (), 10)
    other.attempt(LAB, "second", "passed", (), 10)
    one.show_hint(LAB, "second", 1)
    other.attempt(LAB, "first", "failed", ("x",), 0)
    for progress in (one, other, Progress(tmp_path, watch)):
        assert progress.record(LAB, "first").passed
        assert len(progress.record(LAB, "first").attempts) == 2
        assert progress.record(LAB, "second").passed
        assert progress.record(LAB, "second").hints == {1}


WRITER = """
import sys
from pathlib import Path
from labkit.course.progress import Progress
progress = Progress(Path(sys.argv[1]))
for number in range(20):
    progress.attempt("lab", sys.argv[2], "failed", (str(number),), 0)
    progress.attempt("lab", "shared", "failed", (f"{sys.argv[2]}{number}",), 0)
assert progress.problem == "", progress.problem
"""


def test_two_processes_that_write_at_once_lose_nothing(tmp_path: Path, root: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(root)}
    running = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name], env=environment)
        for name in "ab"
    ]
    assert [one.wait(60) for one in running] == [0, 0]
    progress = Progress(tmp_path)
    assert [len(progress.record("lab", name).attempts) for name in ("a", "b", "shared")] == [20, 20, 40]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '"x"', '{"labs": {}}', '{"version": 0, "labs": {}}', '{"version": 1}', "\x00\x01",
     "[" * 99999,
     '{"version": 1, "labs": {"16": []}}', '{"version": 1, "labs": {"16": {"exercises": {"a": {"hints": {"x": 1}}}}}}',
     '{"version": 1, "labs": {"16": {"exercises": {"a": {"attempts": [1]}}}}}',
     '{"version": 1, "labs": {"16": {"exercises": {"a": {"touched": "yesterday"}}}}}',
     '{"version": 1, "labs": {"16": {"exercises": {"a": {"earned": "ten"}}}}}'],
)  # fmt: skip
def test_a_damaged_file_is_set_aside_never_overwritten(tmp_path: Path, watch: Watch, text: str) -> None:
    path = tmp_path / "progress.json"
    path.write_text(text, encoding="utf-8")
    progress = Progress(tmp_path, watch)
    (notice,) = progress.notice()
    assert notice.startswith("The progress file was damaged (")
    assert "progress.json.corrupt-20261123T100000Z" in notice
    kept = tmp_path / "progress.json.corrupt-20261123T100000Z"
    assert kept.read_text(encoding="utf-8") == text
    progress.attempt(LAB, "one", "passed", (), 10)
    assert Progress(tmp_path).record(LAB, "one").passed
    assert progress.notice() == [], "said once"


def test_bytes_that_are_no_text_are_set_aside_too(tmp_path: Path, watch: Watch) -> None:
    (tmp_path / "progress.json").write_bytes(b"\xff\xfe\x00")
    Progress(tmp_path, watch)
    assert (tmp_path / "progress.json.corrupt-20261123T100000Z").read_bytes() == b"\xff\xfe\x00"


def test_two_damaged_files_in_one_second_are_both_kept(tmp_path: Path, watch: Watch) -> None:
    for text in ("one", "two"):
        (tmp_path / "progress.json").write_text(text, encoding="utf-8")
        Progress(tmp_path, watch)
    kept = sorted(path.read_text(encoding="utf-8") for path in tmp_path.glob("progress.json.corrupt-*"))
    assert kept == ["one", "two"]


def test_a_file_damaged_while_open_does_not_take_this_session_with_it(tmp_path: Path, watch: Watch) -> None:
    progress = Progress(tmp_path, watch)
    progress.attempt(LAB, "one", "passed", (), 10)
    (tmp_path / "progress.json").write_text("oops", encoding="utf-8")
    progress.attempt(LAB, "two", "passed", (), 10)
    assert progress.notice()
    assert progress.record(LAB, "two").passed
    assert len(list(tmp_path.glob("*.corrupt-*"))) == 1


def test_a_newer_file_is_left_alone_and_said(tmp_path: Path, watch: Watch) -> None:
    path = tmp_path / "progress.json"
    text = '{"version": 2, "labs": ["another form"]}'
    path.write_text(text, encoding="utf-8")
    progress = Progress(tmp_path, watch)
    assert "version 2" in progress.problem
    assert "Update labkit" in progress.problem
    progress.attempt(LAB, "one", "passed", (), 10)
    assert progress.record(LAB, "one").passed, "kept in this session"
    assert path.read_text(encoding="utf-8") == text
    assert len(progress.notice()) == 1


def test_unknown_keys_of_later_tools_are_kept(tmp_path: Path, watch: Watch) -> None:
    path = tmp_path / "progress.json"
    path.write_text('{"version": 1, "labs": {"16": {"quiz": {"q1": 3}}}, "deck": [1]}', encoding="utf-8")
    Progress(tmp_path, watch).attempt("16", "one", "passed", (), 10)
    data = json.loads(path.read_text(encoding="utf-8"))
    assert data["deck"] == [1]
    assert data["labs"]["16"]["quiz"] == {"q1": 3}


def refuse(*_: Any, **__: Any) -> Any:
    raise PermissionError(13, "Permission denied")


def test_where_nothing_can_be_written_progress_stays_in_memory_until_it_can(
    tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = Progress(tmp_path, watch)
    progress.attempt(LAB, "one", "passed", (), 10)
    monkeypatch.setattr(progressfile, "write", refuse)
    progress.attempt(LAB, "two", "passed", (), 10)
    progress.attempt(LAB, "three", "passed", (), 10)
    (notice,) = progress.notice()
    assert "Permission denied. Make the folder writable, or set LABKIT_HOME to one that is." in notice
    assert [progress.record(LAB, name).passed for name in ("one", "two", "three")] == [True] * 3
    monkeypatch.undo()
    Progress(tmp_path, watch).attempt(LAB, "other", "passed", (), 10)
    progress.show_hint(LAB, "one", 1)
    assert progress.problem == ""
    stored = Progress(tmp_path, watch)
    assert [stored.record(LAB, name).passed for name in ("one", "two", "three", "other")] == [True] * 4


def test_a_read_only_folder_still_shows_what_it_holds(
    tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    import filelock

    Progress(tmp_path, watch).attempt(LAB, "one", "passed", (), 10)
    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    progress = Progress(tmp_path, watch)
    assert progress.record(LAB, "one").passed
    assert progress.notice() == [], "nothing is wrong before something is to be saved"
    progress.attempt(LAB, "two", "passed", (), 10)
    assert "Permission denied" in progress.problem


def test_a_file_in_place_of_the_folder_is_no_crash(tmp_path: Path, watch: Watch) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    progress = Progress(tmp_path / "file", watch)
    progress.attempt(LAB, "one", "passed", (), 10)
    assert progress.record(LAB, "one").passed
    assert progress.problem.startswith("Progress cannot be saved in ")


def test_a_lock_that_somebody_keeps_is_said(
    tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    import filelock

    def taken(*_: Any, **__: Any) -> Any:
        raise filelock.Timeout("progress.json.lock")

    monkeypatch.setattr(filelock.FileLock, "acquire", taken)
    progress = Progress(tmp_path, watch)
    progress.attempt(LAB, "one", "passed", (), 10)
    assert "Close other kernels of this workbook" in progress.problem


def test_a_crash_while_writing_leaves_the_old_file(
    tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = Progress(tmp_path, watch)
    progress.attempt(LAB, "one", "passed", (), 10)
    before = (tmp_path / "progress.json").read_bytes()
    monkeypatch.setattr(os, "fsync", refuse)
    progress.attempt(LAB, "two", "passed", (), 10)
    assert (tmp_path / "progress.json").read_bytes() == before
    assert [path.name for path in tmp_path.glob("*.new")] == []


def test_where_the_file_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workbook = tmp_path / "workbook"
    (workbook / "labs" / "week09").mkdir(parents=True)
    monkeypatch.chdir(workbook / "labs" / "week09")
    monkeypatch.delenv("LABKIT_HOME")
    assert home() == workbook / ".labkit"
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "mine"))
    assert home() == tmp_path / "mine"
    monkeypatch.delenv("LABKIT_HOME")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert home().name == ".labkit"


def test_the_virtual_clock_does_not_open_hints(tmp_path: Path) -> None:
    from labkit.sandbox import Sandbox

    with Sandbox() as sandbox:
        progress = Progress(tmp_path)
        progress.touch(LAB, "one")
        sandbox.clock.advance(hours=5)
        assert progress.effort(LAB, "one").seconds < 60
