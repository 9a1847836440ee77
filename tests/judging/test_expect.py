"""A check speaks in findings: all criteria, the first miss of each, and the learner's own errors among them."""

from __future__ import annotations

import pytest

from labkit.judging.card import LONGEST
from labkit.judging.expect import FAIL, PASS, Expect, Stop


def test_every_criterion_is_kept_in_order_and_told_only_when_missed() -> None:
    expect = Expect()
    assert expect("one", [1], "It is there.", seen="never told", action="never told") is True
    assert expect("two", "", "It is right.", seen="It is not.", why="Reasons.", action="Mend it.") is False
    first, second = expect.findings
    assert (first.status, first.seen, first.action) == (PASS, "", "")
    assert (second.status, second.seen, second.why, second.action) == (
        FAIL,
        "It is not.",
        "Reasons.",
        "Mend it.",
    )


def test_judged_twice_it_holds_only_if_it_held_every_time() -> None:
    expect = Expect()
    expect("order", True, "In order.")
    expect("order", False, "In order.", seen="round 2")
    expect("order", False, "In order.", seen="round 3")
    expect("order", True, "In order.")
    (finding,) = expect.findings
    assert (finding.status, finding.seen) == (FAIL, "round 2")


def test_a_prerequisite_is_returned_or_ends_the_check() -> None:
    expect = Expect()
    assert expect.found("queue", [], "There is a queue.") == [], "empty is not missing"
    with pytest.raises(Stop):
        expect.found("table", None, "There is a table.", action="Create it.")
    assert [(one.status, one.prerequisite) for one in expect.findings] == [(PASS, True), (FAIL, True)]


def test_a_learners_error_names_her_line() -> None:
    def handle(order: dict[str, int]) -> int:
        return order["total"]

    expect = Expect()
    with pytest.raises(Stop):
        expect.call("runs", handle, {}, wanted="It runs.")
    (finding,) = expect.findings
    assert finding.status == FAIL
    assert finding.seen.startswith("`handle` stopped with KeyError: 'total' in line ")
    assert finding.seen.endswith('`return order["total"]`.')
    assert finding.action


def test_sys_exit_in_a_learners_function_is_a_finding() -> None:
    expect = Expect()
    with pytest.raises(Stop):
        expect.call("runs", lambda: exit_now(), wanted="It runs.")
    assert "tried to end Python with `sys.exit`" in expect.findings[0].seen


def exit_now() -> None:
    raise SystemExit(0)


def test_an_async_function_is_said_to_run_nothing() -> None:
    async def handle() -> int:
        return 1

    expect = Expect()
    with pytest.raises(Stop):
        expect.call("runs", handle, wanted="It runs.")
    assert "`handle` is an `async def`" in expect.findings[0].seen


def test_ctrl_c_in_a_learners_function_is_no_finding() -> None:
    def handle() -> None:
        raise KeyboardInterrupt

    expect = Expect()
    with pytest.raises(KeyboardInterrupt):
        expect.call("runs", handle, wanted="It runs.")
    assert expect.findings == ()


def test_what_the_function_returns_comes_back_with_its_keywords() -> None:
    expect = Expect()
    assert expect.call("runs", dict, [("a", 1)], wanted="It runs.", key=2) == {"a": 1, "key": 2}
    assert expect.findings[0].status == PASS


def test_an_endless_observation_is_shortened() -> None:
    expect = Expect()
    expect("short", False, "Short.", seen="x" * 1_000_000)
    assert len(expect.findings[0].seen) < LONGEST + 60
    assert "characters left out" in expect.findings[0].seen
    expect("nearly", False, "Short.", seen="x" * (LONGEST + 5))
    assert expect.findings[1].seen == "x" * (LONGEST + 5)


def test_an_aws_error_is_told_with_its_code_and_message() -> None:
    from botocore.exceptions import ClientError

    def handle() -> None:
        raise ClientError(
            {"Error": {"Code": "QueueDoesNotExist", "Message": "No such queue."}}, "GetQueueUrl"
        )

    expect = Expect()
    with pytest.raises(Stop):
        expect.call("runs", handle, wanted="It runs.")
    assert "ClientError QueueDoesNotExist (No such queue.)" in expect.findings[0].seen
