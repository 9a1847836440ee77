"""A stage plays a lab in this process and comes back to any state it marked."""

from __future__ import annotations

import json
import os
import threading
import time

import pytest

from labkit.workbook import build, limit
from labkit.workbook.bind import bind
from labkit.workbook.proof import bring_to
from labkit.workbook.stage import CellBroke, Stage


@pytest.fixture
def lab(workbook):
    build.main([])
    return bind(workbook.source, workbook.root)


def queues(stage):
    return stage.sandbox.client("sqs").list_queues().get("QueueUrls", [])


def test_back_undoes_what_an_answer_did_to_the_account_the_trace_the_variables_and_the_progress(lab):
    with Stage(lab) as stage:
        solution = bring_to(stage, "hide")
        stage.names["notes"] = ["kept", {"n": 1}]
        mark = stage.mark()
        length = len(stage.sandbox.trace)
        progress = stage.names["lab"].progress().text()
        answer = solution.source + "\nnotes[1]['n'] = 2\nnotes.append('new')\nlab.clock.advance(hours=1)"
        for _ in range(2):
            assert stage.answer("hide", answer, 1).passed
            assert len(queues(stage)) == 1
            assert "letters" in stage.names
            assert stage.names["lab"].progress().text() != progress
            stage.back(mark)
            assert queues(stage) == []
            assert stage.sandbox.clock.ahead.total_seconds() == 0
            assert "letters" not in stage.names
            assert stage.names["notes"] == ["kept", {"n": 1}]
            assert stage.names["lab"].progress().text() == progress
            stage.back(mark)
            assert len(stage.sandbox.trace) == length


def test_functions_of_earlier_cells_see_the_variables_of_the_answer_that_runs(lab):
    with Stage(lab) as stage:
        bring_to(stage, "hide")
        stage._run("def seen():\n    return colour", "code", 1)
        mark = stage.mark()
        for colour in ("red", "blue"):
            stage._run(f"colour = {colour!r}", "answer", 1)
            assert stage._run("seen()", "answer", 1) == colour
            stage.back(mark)


def test_checks_draw_the_same_words_each_time(lab):
    with Stage(lab) as stage:
        solution = bring_to(stage, "worker")
        mark = stage.mark()
        seen = []
        for _ in range(2):
            report = stage.answer("worker", solution.source, 1).report
            seen.append([(one.id, one.seen) for one in report.findings])
            stage.back(mark)
        assert seen[0] == seen[1]
        assert report.seed == 20


@pytest.mark.parametrize("ending", ["raise ValueError('no')", "import sys\nsys.exit(0)", "nobody"])
def test_an_answer_that_breaks_is_an_outcome_with_its_line(lab, ending):
    with Stage(lab) as stage:
        bring_to(stage, "hide")
        outcome = stage.answer("hide", f"x = 1\n{ending}", 40)
        assert not outcome.passed
        assert outcome.line == 41 + ending.count("\n")
        assert "in line" in outcome.broke


def test_a_cell_that_breaks_names_its_line_in_the_file(workbook):
    line = workbook.change(workbook.source, "waiting = []", "waiting = [\n    nobody,\n]")
    build.main([])
    with Stage(bind(workbook.source, workbook.root)) as stage:
        with pytest.raises(CellBroke) as caught:
            bring_to(stage, "worker")
        assert caught.value.line == line + 1


def test_nothing_of_a_stage_is_left_behind(lab):
    before = dict(os.environ)
    with Stage(lab) as stage:
        bring_to(stage, "hide")
        assert os.environ["LABKIT_HOME"] != before["LABKIT_HOME"]
    assert dict(os.environ) == before
    from labkit.sandbox import running

    assert running() is None


def test_a_check_cell_must_end_with_the_report(workbook):
    workbook.change(
        workbook.source, 'lab.check("worker", work=work)', 'report = lab.check("worker", work=work)'
    )
    build.main([])
    with Stage(bind(workbook.source, workbook.root)) as stage:
        solution = bring_to(stage, "worker")
        assert "does not end with `lab.check(...)`" in stage.answer("worker", solution.source, 1).broke


# -- the time limit ---------------------------------------------------------------------------------


def endless() -> None:
    while True:
        try:
            sum(range(1000))
        except Exception:
            continue


@pytest.mark.parametrize("way", ["_alarm", "_watched"])
def test_an_endless_loop_ends(way, monkeypatch):
    if not hasattr(limit.signal, "setitimer"):
        way = "_watched"
    monkeypatch.setattr(limit, "_alarm", getattr(limit, way))
    limit.prepare()
    begun = time.monotonic()
    with pytest.raises(limit.TooLong), limit.at_most(0.1):
        endless()
    assert time.monotonic() - begun < 5
    with limit.at_most(60):
        pass  # what is quick is let through, and nothing rings later


def test_somebody_who_presses_ctrl_c_gets_through():
    with pytest.raises(KeyboardInterrupt) as caught, limit.at_most(60):
        raise KeyboardInterrupt
    assert not isinstance(caught.value, limit.TooLong)


def test_the_watching_thread_is_no_visitor_of_the_account(lab):
    limit.prepare()
    with Stage(lab) as stage:
        bring_to(stage, "hide")
        stage._run('sqs.create_queue(QueueName="empty")', "code", 1)
        begun = time.monotonic()
        url = stage.sandbox.client("sqs").get_queue_url(QueueName="empty")["QueueUrl"]
        stage.names["sqs"].receive_message(QueueUrl=url, WaitTimeSeconds=20)
        assert time.monotonic() - begun < 5, "a long poll must not wait in real time"
        assert any(thread.name == "labkit-watch" for thread in threading.enumerate())


def test_progress_is_kept_apart(lab, tmp_path):
    with Stage(lab) as stage:
        solution = bring_to(stage, "hide")
        stage.answer("hide", solution.source, 1)
        kept = json.loads(stage._progress_file.read_text(encoding="utf-8"))
        assert kept["labs"]["90-two-queues"]["exercises"]["hide"]["attempts"]
    assert not (tmp_path / "labkit-home" / "progress.json").exists()
