"""`labkit prove` on the command line."""

from __future__ import annotations

import pytest

from labkit.errors import NotFound, UsageError
from labkit.workbook import build, prove


def test_each_gate_is_told_and_open_gates_end_well(workbook, capsys):
    build.main([])
    assert prove.main(["90", "--gate", "1", "--gate", "11", "--jobs", "1"]) == 0
    told = capsys.readouterr().out
    assert "open    90-two-queues  gate  1: the lab has everything a lab has" in told
    assert "gate 11" in told
    assert "gate  2" not in told
    assert told.rstrip().endswith("All gates are open.")


def test_a_closed_gate_tells_the_line_and_the_cure_and_fails(workbook, capsys):
    line = workbook.change(workbook.checks, "minutes=4", "minutes=0")
    assert prove.main(["--gate", "1", "--jobs", "1"]) == 1
    told = capsys.readouterr().out
    assert "CLOSED  90-two-queues  gate  1" in told
    assert "solutions/week01/90-two-queues/checks.py:" in told
    assert "'hide' has 0 minutes. Write `minutes=10`." in told
    assert told.rstrip().endswith("1 thing to change.")
    assert line


def test_a_source_that_cannot_be_read_is_told_as_gate_1(workbook, capsys):
    workbook.change(workbook.source, "waiting = []", "waiting = [")
    assert prove.main(["--jobs", "1", "--gate", "3"]) == 1
    assert "This code is not Python" in capsys.readouterr().out


def test_update_writes_the_feedback_and_says_so(workbook, capsys):
    build.main([])
    assert prove.main(["--update"]) == 0
    told = capsys.readouterr().out
    assert "wrote tests/feedback/90-two-queues/hide.txt, tests/feedback/90-two-queues/worker.txt." in told
    text = (workbook.root / "tests" / "feedback" / "90-two-queues" / "hide.txt").read_text(encoding="utf-8")
    assert "---- minutes for seconds (misses hidden)" in text
    assert "FAIL  A received message is hidden for two minutes." in text
    assert "seed" not in text, "what differs from run to run stays out"


def test_update_of_a_lab_that_does_not_run_tells_the_line(workbook, capsys):
    line = workbook.change(workbook.source, "waiting = []", "waiting = nobody")
    build.main([])
    assert prove.main(["--update"]) == 1
    assert f"lab.py:{line}: The solved lab does not come to 'worker'." in capsys.readouterr().err


@pytest.mark.slow
def test_several_processes_find_the_same(workbook, capfd):
    build.main([])
    workbook.change(workbook.checks, "minutes=4", "minutes=0")
    assert prove.main(["--gate", "1", "--gate", "6", "--gate", "12"]) == 1
    told = capfd.readouterr().out
    assert "'hide' has 0 minutes" in told
    for gate in (" 1", " 6", "12"):
        assert f"gate {gate}:" in told


def test_unknown_gates_and_labs_are_refused(workbook):
    with pytest.raises(UsageError, match="no gate 15. Gates have the numbers 1 to 14"):
        prove.main(["--gate", "15"])
    with pytest.raises(NotFound, match="90-two-queues"):
        prove.main(["queues"])
