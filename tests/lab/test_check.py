"""Checking in a lab: what is counted, what is offered next, and bad input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

from labkit.errors import NotFound, UsageError
from labkit.judging import Interrupted
from labkit.lab import Lab


def make(seconds: int = 30) -> None:
    boto3.client("sqs").create_queue(QueueName="orders", Attributes={"VisibilityTimeout": str(seconds)})


def remake(seconds: int = 30) -> None:
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(seconds)})


def test_before_the_first_cell_ran_nothing_is_counted(lab: Lab) -> None:
    report = lab.check("make")
    assert report.status == "not started"
    assert "Create it with `sqs.create_queue(...)`." in repr(report)
    assert "nothing was counted" in repr(report)
    assert 'Hint 1 is open (free): lab.hint("make")' in repr(report)
    assert "Hint 2" not in repr(lab.check("make"))


def test_wrong_then_right(lab: Lab) -> None:
    make(seconds=1)
    wrong = lab.check("make")
    assert (wrong.status, wrong.missed, wrong.earned) == ("failed", ("hides",), 0)
    assert wrong.question == "minutes for seconds?", "the known wrong answer that misses the same"
    remake(30)
    right = lab.check("make")
    assert (right.status, right.earned, right.question) == ("passed", 10, None)
    assert "Exercise 16.2: Double a number (8 min)" in repr(right)
    assert 'lab.solution("make")' in repr(right)


def test_by_name_or_by_number(lab: Lab) -> None:
    assert lab.check("16.2", worker=lambda x: 2 * x).exercise == "double"
    assert lab.check("double", worker=lambda x: 2 * x).number == "16.2"


def test_hints_cost_points_and_a_pass_keeps_the_best(lab: Lab) -> None:
    make(1)
    lab.check("make")
    lab.hint("make")
    lab.hint("make")
    remake(30)
    assert lab.check("make").earned == 9
    lab.hint("make", 3)
    lab.solution("make")
    assert lab.check("make").earned == 9, "after a pass, help is free"
    remake(1)
    assert lab.check("make").earned == 9, "a later failure takes nothing away"


def test_an_unknown_exercise_is_answered_with_the_nearest(lab: Lab) -> None:
    with pytest.raises(NotFound, match="There is no exercise named 'mak'. Did you mean 'make'"):
        lab.check("mak")
    with pytest.raises(NotFound, match=r"16\.1"):
        lab.check("16.9")


def test_no_name_and_values_without_a_name_say_what_to_write(lab: Lab) -> None:
    with pytest.raises(UsageError, match=r'lab\.check\("make"\)'):
        lab.check()
    with pytest.raises(UsageError, match=r"Pass values by name"):
        lab.check("double", print)


def test_a_wrong_keyword_names_what_the_check_takes(lab: Lab) -> None:
    report = lab.check("double", wroker=print)
    assert report.status == "not started"
    assert 'Did you mean `worker`? Write `lab.check("double", worker=your_function)`.' in report.message
    assert lab.check("double").message.startswith("This check needs a function")
    assert lab.check("double", worker=None).message.startswith("`worker` should be a function, not None")


def test_a_broken_check_keeps_the_score(lab: Lab) -> None:
    make()
    assert lab.check("broken").passed
    sqs = boto3.client("sqs")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="orders")["QueueUrl"])
    report = lab.check("broken")
    assert (report.status, report.earned) == ("fault", 10)
    assert "Our fault" in repr(report)


def test_checks_that_cannot_be_read_are_our_fault(lab: Lab, workbook: Path) -> None:
    checks = workbook / "solutions" / "week09" / "16-sqs-standard-queues" / "checks.py"
    checks.write_text("import no_such_module", encoding="utf-8")
    report = lab.check("make")
    assert report.status == "fault"
    assert "no_such_module" in report.message


def test_a_file_beside_checks_that_has_changed_is_read_again(lab: Lab, workbook: Path) -> None:
    folder = workbook / "solutions" / "week09" / "16-sqs-standard-queues"
    make()
    assert lab.check("make").status == "passed"
    (folder / "checks_1_more.py").write_text("import no_such_module", encoding="utf-8")
    assert "checks_1_more.py" in lab.check("make").message


def test_ctrl_c_counts_nothing_and_puts_the_account_back(lab: Lab) -> None:
    def worker(x: int) -> int:
        raise KeyboardInterrupt

    before = lab.sandbox.digest()
    with pytest.raises(Interrupted, match="Stopped. Your account is as it was, and nothing was counted."):
        lab.check("double", worker=worker)
    assert lab.sandbox.digest() == before
    assert "16.2   open" in repr(lab.progress())


def test_a_check_leaves_no_trace_and_no_digest(lab: Lab) -> None:
    make()
    before = lab.sandbox.digest(), len(lab.trace())
    lab.check("make")
    lab.check("double", worker=lambda x: x)
    assert (lab.sandbox.digest(), len(lab.trace())) == before


def test_attempts_reach_later_checks(lab: Lab) -> None:
    make(1)
    lab.check("make")
    assert [(one.status, one.missed) for one in lab._attempts("16.1")] == [("failed", ("hides",))]


def test_progress_that_cannot_be_saved_is_said_once_in_a_report(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    from labkit.course import progressfile

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    make(1)
    monkeypatch.setattr(progressfile, "write", refuse)
    assert "Permission denied" in repr(lab.check("make"))
    assert "Permission denied" not in repr(lab.check("make"))
    remake(30)
    assert lab.check("make").earned == 10, "kept in this session"


def test_news_is_told_in_the_first_report_when_no_header_was_shown(opened: Callable[..., Lab]) -> None:
    opened("16")
    second = opened("00")
    assert "The account of lab 16 was closed." in repr(second.check("make"))


def test_all_passed_leads_to_the_map(lab: Lab) -> None:
    make()
    lab.check("broken")
    lab.check("double", worker=lambda x: 2 * x)
    report = lab.check("make")
    assert "Every exercise of lab 16 is passed. See the course: lab.progress()" in repr(report)
    assert "done     SQS standard queues (30 of 30 points)" in repr(lab.progress())
