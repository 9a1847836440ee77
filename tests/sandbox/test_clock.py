"""Virtual time: it moves only forward, plays due work in order, and everybody agrees on it."""

from __future__ import annotations

import datetime
import time

import boto3
import pytest

from labkit.errors import UsageError
from labkit.sandbox import Sandbox, current
from labkit.sandbox.clock import real_time

PLAYED: list[tuple[str, float]] = []


@pytest.fixture(autouse=True)
def _fresh() -> None:
    PLAYED.clear()


def note(name: str) -> None:
    PLAYED.append((name, current().clock.time()))


def note_and_follow(name: str, seconds: float) -> None:
    note(name)
    current().clock.schedule(current().clock.time() + seconds, note, f"after {name}")


def names() -> list[str]:
    return [name for name, _ in PLAYED]


def test_advance_moves_every_clock_python_has(sandbox: Sandbox) -> None:
    before = real_time()
    sandbox.clock.advance(hours=12)
    late = before + 12 * 3600
    assert time.time() == pytest.approx(late, abs=5)
    assert datetime.datetime.now(datetime.UTC).timestamp() == pytest.approx(late, abs=5)
    assert sandbox.clock.time() == pytest.approx(late, abs=5)


def test_moto_and_the_learner_agree_on_the_time(sandbox: Sandbox) -> None:
    sandbox.clock.advance(days=30)
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["CreatedTimestamp"])["Attributes"]
    assert float(attributes["CreatedTimestamp"]) == pytest.approx(time.time(), abs=5)


def test_stop_gives_python_its_own_time_back() -> None:
    with Sandbox() as sandbox:
        sandbox.clock.advance(days=1)
    assert time.time() == pytest.approx(real_time(), abs=1)


def test_work_is_played_in_order_of_time_and_ties_in_order_of_scheduling(sandbox: Sandbox) -> None:
    start = sandbox.clock.time()
    for name, after in (("c", 30), ("a", 10), ("b1", 20), ("b2", 20)):
        sandbox.clock.schedule(start + after, note, name)
    moved = sandbox.clock.advance(minutes=1)
    assert names() == ["a", "b1", "b2", "c"]
    assert moved.played == 4


def test_each_piece_of_work_sees_its_own_time(sandbox: Sandbox) -> None:
    start = sandbox.clock.time()
    sandbox.clock.schedule(start + 10, note, "a")
    sandbox.clock.schedule(start + 3600, note, "b")
    sandbox.clock.advance(days=1)
    assert [at - start for _, at in PLAYED] == pytest.approx([10, 3600], abs=0.5)


def test_work_that_schedules_work_is_followed(sandbox: Sandbox) -> None:
    start = sandbox.clock.time()
    sandbox.clock.schedule(start + 10, note_and_follow, "a", 5)
    sandbox.clock.schedule(start + 12, note, "between")
    sandbox.clock.advance(seconds=60)
    assert names() == ["a", "between", "after a"]


def test_work_beyond_the_move_stays(sandbox: Sandbox) -> None:
    sandbox.clock.schedule(sandbox.clock.time() + 100, note, "later")
    sandbox.clock.advance(seconds=60)
    assert names() == []
    assert [due.args for due in sandbox.clock.waiting] == [("later",)]


def test_cancelled_work_is_not_played_and_cancelling_twice_is_harmless(sandbox: Sandbox) -> None:
    due = sandbox.clock.schedule(sandbox.clock.time() + 10, note, "a")
    sandbox.clock.cancel(due)
    sandbox.clock.cancel(due)
    sandbox.clock.cancel(None)
    sandbox.clock.advance(minutes=1)
    assert names() == []


def test_an_api_call_plays_what_fell_due_before_it(sandbox: Sandbox) -> None:
    sandbox.clock.schedule(sandbox.clock.time() - 1, note, "overdue")
    boto3.client("sts").get_caller_identity()
    assert names() == ["overdue"]


def test_run_until_stops_when_the_condition_holds(sandbox: Sandbox) -> None:
    start = sandbox.clock.time()
    for name, after in (("a", 10), ("b", 20), ("c", 30)):
        sandbox.clock.schedule(start + after, note, name)
    assert sandbox.clock.run_until(lambda: "b" in names(), limit=100)
    assert names() == ["a", "b"]
    assert sandbox.clock.time() - start == pytest.approx(20, abs=1)


def test_run_until_gives_up_at_its_limit(sandbox: Sandbox) -> None:
    start = sandbox.clock.time()
    assert not sandbox.clock.run_until(lambda: False, limit=datetime.timedelta(minutes=5))
    assert sandbox.clock.time() - start == pytest.approx(300, abs=1)


def record_arrival() -> None:
    current().trace.record("state", "sqs", "MessageVisible")


def test_run_until_waits_for_an_event_by_name(sandbox: Sandbox) -> None:
    start = sandbox.clock.time()
    sandbox.clock.schedule(start + 40, record_arrival)
    assert sandbox.clock.run_until("MessageVisible", limit=60)
    assert sandbox.clock.time() - start == pytest.approx(40, abs=1)


def test_the_trace_knows_what_scheduled_the_work(sandbox: Sandbox) -> None:
    with sandbox.trace.caused_by(77):
        sandbox.clock.schedule(sandbox.clock.time() + 1, record_arrival)
    sandbox.clock.advance(seconds=2)
    assert sandbox.trace.last(1)[0].cause == 77


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"seconds": -1}, "only moves forward"),
        ({"seconds": "31"}, "must be a number"),
        ({"minutes": None}, "must be a number"),
        ({"seconds": float("nan")}, "must be a number"),
        ({"hours": True}, "must be a number"),
        ({"days": 10_000}, "at most ten years"),
    ],
)
def test_a_move_that_means_nothing_is_refused_and_changes_nothing(
    sandbox: Sandbox, arguments: dict[str, object], says: str
) -> None:
    before = sandbox.clock.time()
    with pytest.raises(UsageError, match=says):
        sandbox.clock.advance(**arguments)  # type: ignore[arg-type]
    assert sandbox.clock.time() == pytest.approx(before, abs=1)


def test_run_until_refuses_what_is_no_condition(sandbox: Sandbox) -> None:
    with pytest.raises(UsageError, match="function that returns True or False"):
        sandbox.clock.run_until(5)  # type: ignore[arg-type]


@pytest.mark.parametrize("argument", [object(), ["list"], {"a": 1}])
def test_work_may_not_hold_on_to_objects(sandbox: Sandbox, argument: object) -> None:
    with pytest.raises(TypeError, match="plain values"):
        sandbox.clock.schedule(0, note, argument)


def test_work_must_be_a_function_of_a_module(sandbox: Sandbox) -> None:
    with pytest.raises(TypeError, match="function of a module"):
        sandbox.clock.schedule(0, lambda: None)


def test_the_clock_reads_well(sandbox: Sandbox) -> None:
    assert "in step with real time" in repr(sandbox.clock)
    moved = sandbox.clock.advance(hours=1, seconds=1)
    assert "The clock moved 1 h 1 s." in repr(moved)
    assert "ahead of real time" in repr(sandbox.clock)


def step(left: int) -> None:
    busy(0.002)
    note(str(left))
    if left:
        current().clock.schedule(current().clock.time(), step, left - 1)


def circle() -> None:
    PLAYED.append(("round", 0.0))
    current().clock.schedule(current().clock.time(), circle)


def test_one_look_plays_a_whole_chain_of_work(sandbox: Sandbox) -> None:
    sandbox.clock.schedule(sandbox.clock.time(), step, 5)
    assert sandbox.clock.catch_up() == 6
    assert names() == ["5", "4", "3", "2", "1", "0"]


def test_work_that_makes_itself_again_ends_the_look_all_the_same(sandbox: Sandbox) -> None:
    sandbox.clock.schedule(sandbox.clock.time(), circle)
    assert 1_000 <= sandbox.clock.catch_up() < 100_000


# -- a clock that stands still -------------------------------------------------------------------------


def busy(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def test_while_paused_only_moves_of_the_clock_pass_time(sandbox: Sandbox) -> None:
    with sandbox.clock.paused():
        start = time.time()
        busy(0.02)
        boto3.client("sqs").list_queues()
        assert time.time() == start == sandbox.clock.time()
        sandbox.clock.schedule(start + 5, note_and_follow, "first", 7)
        sandbox.clock.advance(seconds=60)
        assert time.time() == pytest.approx(start + 60, abs=1e-6)
        assert [round(when - start, 3) for _, when in PLAYED] == [5, 12]
    busy(0.01)
    assert 60 < time.time() - start < 62


def test_pauses_nest_and_the_clock_runs_on_afterwards(sandbox: Sandbox) -> None:
    with sandbox.clock.paused():
        with sandbox.clock.paused():
            sandbox.clock.advance(hours=1)
        inside = time.time()
        busy(0.01)
        assert time.time() == inside
    assert time.time() - inside < 2
    before = time.time()
    busy(0.01)
    assert time.time() > before


def test_a_long_poll_passes_its_time_while_paused(sandbox: Sandbox) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    with sandbox.clock.paused():
        start = time.time()
        assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)
        assert time.time() - start == pytest.approx(20, abs=1e-6)


def test_a_rehearsal_inside_a_pause_ends_where_it_began(sandbox: Sandbox) -> None:
    with sandbox.clock.paused():
        start = time.time()
        with sandbox.rehearsal():
            sandbox.clock.advance(days=2)
        assert time.time() == start
        busy(0.01)
        assert time.time() == start


def test_a_pause_ends_when_the_code_inside_fails(sandbox: Sandbox) -> None:
    with pytest.raises(ZeroDivisionError), sandbox.clock.paused():
        raise ZeroDivisionError
    before = time.time()
    busy(0.01)
    assert time.time() > before


def test_a_sleep_while_paused_passes_virtual_time_only(sandbox: Sandbox) -> None:
    with sandbox.clock.paused():
        start, real = time.time(), time.perf_counter()
        sandbox.clock.schedule(start + 100, note, "on the way")
        time.sleep(3600)
        assert time.time() - start == pytest.approx(3600, abs=1e-6)
        assert names() == ["on the way"]
    assert time.perf_counter() - real < 1


def test_work_brought_back_from_another_account_keeps_its_own_time() -> None:
    with Sandbox() as first:
        first.clock.schedule(first.clock.time() + 10, note, "brought back")
        kept = first.snapshot()
    with Sandbox() as second:
        second.restore(kept)
        second.clock.schedule(second.clock.time() + 3600, note, "much later")
        second.clock.advance(minutes=1)
        assert names() == ["brought back"]
        assert second.clock.ahead < datetime.timedelta(minutes=2)
        second.clock.advance(hours=1)
        assert names() == ["brought back", "much later"]


def test_to_the_next_full_minute_means_exactly_there(sandbox: Sandbox) -> None:
    with sandbox.clock.paused():
        for part in (0.123456789, 7.1, 31.00000049, 59.9999):
            sandbox.clock.advance(seconds=part)
            sandbox.clock.advance(seconds=60 - sandbox.clock.time() % 60)
            assert sandbox.clock.time() % 60 == 0
