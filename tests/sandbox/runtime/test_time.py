"""Functions live on the account's clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from labkit.sandbox import Sandbox

played: list[tuple[str, float]] = []


def note(word: str) -> None:
    """Work for later."""
    from labkit.sandbox import current

    played.append((word, current().clock.time()))


def sleep_in(key: str) -> None:
    """Work for later: another function that sleeps."""
    played.append(("inner", WAITING[key]()))


WAITING: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def _clean(sandbox: Sandbox) -> Iterator[None]:
    played.clear()
    yield
    for due in sandbox.clock.waiting:
        sandbox.clock.cancel(due)


def test_sleep_takes_virtual_time_and_no_real_time(functions: Any, sandbox: Sandbox) -> None:
    code = """
    import time, datetime
    def handler(event, context):
        def now():
            return [time.time(), time.perf_counter(), time.monotonic(), -context.get_remaining_time_in_millis(),
                    datetime.datetime.now(datetime.UTC).timestamp()]
        before = now()
        time.sleep(600)
        return [after - early for early, after in zip(before, now())]
    """
    environment = functions.start(code, timeout_s=900)
    before, real = sandbox.clock.time(), time.perf_counter()
    result = functions.call(environment)
    assert time.perf_counter() - real < 1
    seconds = functions.value(result)
    assert all(600 <= value < 601 for value in (*seconds[:3], seconds[4])), seconds
    assert 600_000 <= seconds[3] < 601_000
    assert 600_000 <= result.duration_ms < 601_000
    assert 600 <= sandbox.clock.time() - before < 602


def test_the_function_sees_the_clock_of_the_account(functions: Any, sandbox: Sandbox) -> None:
    environment = functions.start("import time\ndef handler(event, context): return time.time()")
    for _ in range(2):
        sandbox.clock.advance(days=3)
        assert abs(functions.value(functions.call(environment)) - sandbox.clock.time()) < 1


def test_work_that_falls_due_meanwhile_is_played(functions: Any, sandbox: Sandbox) -> None:
    environment = functions.start("import time\ndef handler(event, context): time.sleep(2)")
    now = sandbox.clock.time()
    sandbox.clock.schedule(now + 1, note, "inside")
    sandbox.clock.schedule(now + 60, note, "later")
    functions.value(functions.call(environment))
    assert [word for word, _ in played] == ["inside"]


def test_a_sleep_beyond_the_deadline_times_out_at_the_deadline(functions: Any, sandbox: Sandbox) -> None:
    environment = functions.start(
        "import time\ndef handler(event, context):\n    print('before')\n    time.sleep(60)"
    )
    before = sandbox.clock.time()
    result = functions.call(environment)
    assert (result.error.type, result.reason) == ("Sandbox.Timedout", "timeout")
    assert result.error.message == f"RequestId: {functions.REQUEST} Error: Task timed out after 3.00 seconds"
    assert (
        result.payload
        == (
            f'{{"errorType": "Sandbox.Timedout", "errorMessage": "RequestId: {functions.REQUEST} '
            'Error: Task timed out after 3.00 seconds"}'
        ).encode()
    )
    assert 3000 <= result.duration_ms < 3300
    assert (result.logs, result.alive, environment.alive) == ("before\n", False, False)
    assert 3 <= sandbox.clock.time() - before < 4


def test_the_callers_deadline_counts(functions: Any, sandbox: Sandbox) -> None:
    code = """
    import time
    def handler(event, context):
        time.sleep(event)
        return context.get_remaining_time_in_millis()
    """
    environment = functions.start(code, timeout_s=60)
    result = functions.call(environment, 4, deadline=sandbox.clock.time() + 5)
    assert 0 < functions.value(result) <= 1000
    late = functions.call(environment, 4, deadline=sandbox.clock.time() + 2)
    assert late.error.message.endswith("Task timed out after 2.00 seconds")


def test_two_that_sleep_at_once_sleep_side_by_side(functions: Any, sandbox: Sandbox) -> None:
    """While the first one sleeps ten seconds, work starts a second one that sleeps ten seconds too."""
    code = """
    import time
    def handler(event, context):
        time.sleep(10)
        return context.get_remaining_time_in_millis()
    """
    outer, inner = functions.start(code, timeout_s=15), functions.start(code, timeout_s=15)
    WAITING["inner"] = lambda: functions.call(inner).duration_ms
    sandbox.clock.schedule(sandbox.clock.time() + 5, sleep_in, "inner")
    before = sandbox.clock.time()
    result = functions.call(outer)
    assert 4_000 < functions.value(result) <= 5_000
    assert 10_000 <= result.duration_ms < 11_000
    assert 10_000 <= played[0][1] < 11_000
    assert 15 <= sandbox.clock.time() - before < 17


def test_threads_that_sleep_wait_for_the_clock(functions: Any) -> None:
    code = """
    import threading, time
    def handler(event, context):
        done = []
        threads = [threading.Thread(target=lambda: (time.sleep(30), done.append(1))) for _ in range(5)]
        for thread in threads: thread.start()
        time.sleep(31)
        for thread in threads: thread.join()
        return len(done)
    """
    result = functions.run(code, timeout_s=60)
    assert functions.value(result) == 5
    assert 31_000 <= result.duration_ms < 33_000


@pytest.mark.parametrize("bad", ["-1", "'x'", "None", "float('nan')"])
def test_a_sleep_that_makes_no_sense_is_refused_as_ever(functions: Any, bad: str) -> None:
    result = functions.run(f"import time\ndef handler(event, context): time.sleep({bad})")
    assert result.error.type in ("ValueError", "TypeError")


def test_sleeping_while_it_loads(functions: Any) -> None:
    environment = functions.start("import time\ntime.sleep(4)\ndef handler(event, context): return 1")
    assert 4_000 <= environment.init_ms < 5_000
    assert functions.value(functions.call(environment)) == 1


def test_loading_for_ever_ends_after_ten_seconds(functions: Any, sandbox: Sandbox) -> None:
    before = sandbox.clock.time()
    environment = functions.start("import time\ntime.sleep(3600)\ndef handler(event, context): return 1")
    assert 10 <= sandbox.clock.time() - before < 11
    result = functions.call(environment)  # AWS tries again inside the call, within the function's own time
    assert (result.reason, result.alive) == ("timeout", False)
    assert result.error.message == f"RequestId: {functions.REQUEST} Error: Task timed out after 3.00 seconds"
    assert result.duration_ms == 3_000
    assert 13 <= sandbox.clock.time() - before < 15


def test_the_account_is_free_while_a_function_works(functions: Any, sandbox: Sandbox) -> None:
    code = """
    import time
    def handler(event, context):
        end = time.perf_counter() + 0.5
        while time.perf_counter() < end: pass
    """
    environment = functions.start(code)
    waited: list[float] = []

    def somebody_else() -> None:
        while not environment._lock.locked():
            pass
        began = time.perf_counter()
        with sandbox.lock:
            waited.append(time.perf_counter() - began)

    other = threading.Thread(target=somebody_else)
    other.start()
    with sandbox.lock, sandbox.lock:  # as inside an API call
        assert functions.call(environment).error is None
    other.join()
    assert waited[0] < 0.3


def test_an_alarm_that_interrupts_a_sleep_or_an_aws_call_mixes_nothing_up(
    functions: Any, sandbox: Sandbox
) -> None:
    sandbox.client("sqs").create_queue(QueueName="orders")
    code = """
    import boto3, signal, time
    sqs = boto3.client("sqs")
    class Late(BaseException): pass
    def ring(*_): raise Late
    signal.signal(signal.SIGALRM, ring)
    def handler(event, context):
        interrupted = 0
        for number in range(60):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0002 * (number % 12 + 1))
                try:
                    time.sleep(0.1)
                    sqs.get_queue_url(QueueName="orders")
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except Late:
                interrupted += 1
        return [interrupted > 0, sqs.get_queue_url(QueueName="orders")["QueueUrl"].rpartition("/")[2]]
    """
    environment = functions.start(code, timeout_s=60)
    assert functions.value(functions.call(environment)) == [True, "orders"]
    assert functions.value(functions.call(environment))[1] == "orders"
