"""Running a check: a report whatever happens, and an account as it was."""

from __future__ import annotations

import random
from typing import Any

import pytest

from labkit.judging import Attempt, Expect, World, judge
from labkit.judging.run import SHOWN_LINES, STOPPED, Interrupted
from labkit.sandbox import Sandbox
from tests.judging.cells import as_exercise, cell


def doubles(world: World, expect: Expect, *, worker: Any) -> None:
    """It doubles."""
    number = world.random.randrange(1000)
    got = expect.call("runs", worker, number, wanted="It runs.")
    expect("doubles", got == 2 * number, "It doubles.", seen=f"{number} gave {got}.")
    expect("again", worker(1) == 2, "It doubles again.")


def test_all_criteria_hold(sandbox: Sandbox) -> None:
    report = judge(as_exercise(doubles), sandbox, {"worker": lambda x: 2 * x}, lab="16", number="16.1")
    assert (report.status, report.passed, report.missed) == ("passed", True, ())
    assert [one.status for one in report.findings] == ["PASS"] * 3


def test_all_criteria_are_judged_not_only_the_first_miss(sandbox: Sandbox) -> None:
    report = judge(as_exercise(doubles), sandbox, {"worker": lambda x: x + 7})
    assert (report.status, report.missed) == ("failed", ("doubles", "again"))


def test_what_was_not_come_to_is_not_reached(sandbox: Sandbox) -> None:
    report = judge(as_exercise(doubles), sandbox, {"worker": lambda x: x["no"]})
    assert [one.status for one in report.findings] == ["FAIL", "NOT REACHED", "NOT REACHED"]
    assert report.status == "failed"


def test_an_error_in_the_learners_lines_is_a_finding_also_outside_expect_call(sandbox: Sandbox) -> None:
    fails_later = cell(
        "def fails_later(x):\n    if x == 1:\n        raise ValueError('mine')\n    return 2 * x\n"
    )
    report = judge(as_exercise(doubles), sandbox, {"worker": fails_later["fails_later"]})
    assert report.missed == ("again",)
    seen = "`worker` stopped with ValueError: mine in line 3: `raise ValueError('mine')`."
    assert report.finding("again").seen == seen


def calls_it(world: World, expect: Expect, *, worker: Any) -> None:
    expect("one", worker(1, 2) == 3, "It adds.")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("worker = lambda x: x", "takes 1 positional argument but 2 were given"),
        ("import sys\ndef worker(x, y):\n    sys.exit()", "tried to end Python with `sys.exit` in line 3"),
        ("class Adder:\n    def __call__(self, x, y):\n        return x + z\nworker = Adder()", "NameError"),
        (
            "import functools\ndef f(k, x, y):\n    1 / 0\nworker = functools.partial(f, 1)",
            "ZeroDivisionError",
        ),
    ],
)
def test_whatever_the_learners_function_does_is_a_finding(sandbox: Sandbox, source: str, told: str) -> None:
    report = judge(as_exercise(calls_it), sandbox, {"worker": cell(source)["worker"]})
    assert (report.status, report.missed) == ("failed", ("one",)), report
    assert told in report.finding("one").seen


def needs_queue(world: World, expect: Expect) -> None:
    orders = expect.found("exists", world.queue("orders"), "There is a queue named orders.")
    expect("keeps", orders.retention >= 3600, "It keeps messages for an hour.")


def test_a_missing_prerequisite_alone_is_not_started(sandbox: Sandbox) -> None:
    report = judge(as_exercise(needs_queue), sandbox)
    assert report.status == "not started"
    assert [one.status for one in report.findings] == ["FAIL", "NOT REACHED"]


def test_a_value_that_does_not_fit_is_not_started_and_lists_what_will_be_judged(sandbox: Sandbox) -> None:
    report = judge(as_exercise(doubles), sandbox, {"worker": None})
    assert (report.status, report.missed) == ("not started", ())
    assert "`worker` should be" in report.message
    assert [one.id for one in report.findings] == ["runs", "doubles", "again"]


def breaks(world: World, expect: Expect) -> None:
    expect("one", True, "Fine.")
    raise ZeroDivisionError("ours")


def exits(world: World, expect: Expect) -> None:
    expect("one", True, "Fine.")
    raise SystemExit(3)


def forgets(world: World, expect: Expect) -> None:
    if world.seed < 0:
        expect("one", True, "Never judged.")


def computes(world: World, expect: Expect) -> None:
    expect("o" + "ne", True, "Fine.")


@pytest.mark.parametrize(
    ("check", "told"),
    [
        (breaks, "ZeroDivisionError: ours in line"),
        (exits, "SystemExit: 3 in line"),
        (forgets, "ended without judging one"),
        (computes, "write `id` as a plain text"),
    ],
)
def test_a_broken_check_is_our_fault_and_not_judged(sandbox: Sandbox, check: Any, told: str) -> None:
    before = sandbox.digest()
    report = judge(as_exercise(check), sandbox)
    assert report.status == "fault"
    assert report.message.startswith("Our fault, not judged")
    assert told in report.message
    assert "Traceback" in report.trouble
    assert report.earned == 0
    assert sandbox.digest() == before


def meddles(world: World, expect: Expect) -> None:
    client = world.client("sqs")
    client.create_queue(QueueName="stray")
    world.clock.advance(hours=12)
    world.sandbox.faults.put("sqs.duplicate", 0.5)
    expect("there", world.queue("stray"), "It is there.")


def test_a_check_leaves_the_account_as_it_was(sandbox: Sandbox) -> None:
    sandbox.client("sqs").create_queue(QueueName="orders")
    before, events, ahead = sandbox.digest(), len(sandbox.trace), sandbox.clock.ahead
    assert judge(as_exercise(meddles), sandbox).passed
    assert (sandbox.digest(), len(sandbox.trace)) == (before, events)
    assert abs(sandbox.clock.ahead - ahead).total_seconds() < 1
    assert sandbox.faults.share("sqs.duplicate") == 0


def interrupted(world: World, expect: Expect) -> None:
    world.client("sqs").create_queue(QueueName="stray")
    expect("one", True, "Fine.")
    raise KeyboardInterrupt


def test_ctrl_c_puts_the_account_back_and_says_one_sentence(sandbox: Sandbox) -> None:
    before = sandbox.digest()
    with pytest.raises(KeyboardInterrupt) as stopped:
        judge(as_exercise(interrupted), sandbox)
    assert isinstance(stopped.value, Interrupted)
    assert str(stopped.value) == STOPPED
    assert stopped.value._render_traceback_() == [STOPPED, "KeyboardInterrupt"]
    assert stopped.value.__suppress_context__
    assert sandbox.digest() == before


def notes(world: World, expect: Expect) -> None:
    expect("seen", False, "Told.", seen=f"{world.random.random()} {world.word()}")


def test_random_values_are_fresh_and_can_be_repeated_with_the_seed(sandbox: Sandbox) -> None:
    exercise = as_exercise(notes)
    random.seed(1)
    first = judge(exercise, sandbox)
    random.seed(1)
    second = judge(exercise, sandbox)
    assert first.seed != second.seed, "the learner's own seed does not reach a check"
    assert first.findings != second.findings
    assert judge(exercise, sandbox, seed=first.seed).findings == first.findings
    assert str(first.seed) in first.text()


def sends_three(world: World, expect: Expect, *, worker: Any) -> None:
    """Each message counts, although what came before it was undone."""
    url = world.client("sqs").create_queue(QueueName="orders")["QueueUrl"]
    for _ in range(3):
        with world.rehearsal():
            sent = world.client("sqs").send_message(QueueUrl=url, MessageBody="tea")["MessageId"]
            expect("new", worker(sent), "A message nobody has seen counts.", seen=f"{sent} did not count.")


def test_who_remembers_message_ids_passes_a_check_twice(sandbox: Sandbox) -> None:
    known: set[str] = set()
    after = sandbox.client("sqs").create_queue(QueueName="orders")["QueueUrl"]

    def is_new(message_id: str) -> bool:
        return message_id not in known and not known.add(message_id)

    exercise = as_exercise(sends_three)
    reports = [judge(exercise, sandbox, {"worker": is_new}) for _ in range(3)]
    assert [one.status for one in reports] == ["passed"] * 3
    assert is_new(sandbox.client("sqs").send_message(QueueUrl=after, MessageBody="tea")["MessageId"])


def reads_trace(world: World, expect: Expect) -> None:
    world.client("sqs").list_queues()
    expect("asked", len(world.trace.where(action="ListQueues")) == 1, "The learner asked once.")
    expect("before", [one.status for one in world.attempts("other")] == ["failed"], "There was an attempt.")


def test_the_world_shows_the_learners_trace_and_earlier_attempts(sandbox: Sandbox) -> None:
    import boto3

    boto3.client("sqs").list_queues()
    log = {"other": [Attempt("2026-11-23T09:00:00Z", "failed", ("one",))]}
    report = judge(as_exercise(reads_trace), sandbox, attempts=lambda name: log.get(name, []))
    assert report.passed, report


def test_a_flood_of_prints_is_cut(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    def chatty(x: int) -> int:
        for line in range(500):
            print("line", line)
        return 2 * x

    assert judge(as_exercise(doubles), sandbox, {"worker": chatty}).passed
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == SHOWN_LINES + 1
    assert shown[-1] == "(980 more lines printed during this check are not shown.)"


def test_the_machinery_costs_less_than_20_ms_beyond_the_rehearsal(sandbox: Sandbox) -> None:
    exercise = as_exercise(notes)
    judge(exercise, sandbox)
    assert min(judge(exercise, sandbox).seconds for _ in range(5)) < 0.02


def test_a_sandbox_that_is_closed_is_no_crash() -> None:
    report = judge(as_exercise(needs_queue), Sandbox())
    assert report.status == "fault"


def sees_no_faults(world: World, expect: Expect) -> None:
    expect(
        "calm", world.sandbox.faults.share("sqs.duplicate") == 0, "Nothing breaks but what the check breaks."
    )


def test_faults_the_learner_switched_on_do_not_disturb_a_check_and_stay_on(sandbox: Sandbox) -> None:
    sandbox.faults.put("sqs.duplicate", share=0.5)
    assert judge(as_exercise(sees_no_faults), sandbox).passed
    assert sandbox.faults.share("sqs.duplicate") == 0.5
