"""Traffic and workers on the virtual clock: stories that are the same each time and take no real time."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError

from labkit.errors import UsageError
from labkit.sandbox import Sandbox
from labkit.workload import Player, Records, Request, Traffic, Workers, play, spike, steady
from labkit.workload.records import Record, percentile


@pytest.fixture
def sqs(sandbox: Sandbox) -> Any:
    return sandbox.client("sqs")


@pytest.fixture
def url(sqs: Any) -> str:
    return str(sqs.create_queue(QueueName="orders")["QueueUrl"])


def refusal(code: str, status: int) -> ClientError:
    return ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}},
        "SendMessage",
    )


# -- traffic -----------------------------------------------------------------------------------------


def test_requests_are_sent_at_their_own_times(sandbox: Sandbox) -> None:
    seen: list[tuple[float, float]] = []
    start = sandbox.clock.time()
    load = Traffic(sandbox, steady(5, 20), lambda request: seen.append((request.at, time.time())))
    play(sandbox, load)
    assert len(seen) == len(load.records) > 50
    begun = seen[0][1] - seen[0][0]
    assert [moment - begun for _, moment in seen] == pytest.approx([at for at, _ in seen], abs=1e-4)
    assert sandbox.clock.time() - start == pytest.approx(20, abs=1.5)


def test_what_the_account_owes_falls_due_in_between(sandbox: Sandbox, sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="late", DelaySeconds=10)

    def look(request: Request) -> int:
        return len(sqs.receive_message(QueueUrl=url, VisibilityTimeout=0).get("Messages", []))

    found: list[tuple[float, int]] = []
    play(sandbox, Traffic(sandbox, steady(2, 20), lambda one: found.append((one.at, look(one)))))
    assert {count for at, count in found if at < 9} == {0}
    assert {count for at, count in found if at > 10.5} == {1}


def test_each_answer_is_kept_with_its_status(sandbox: Sandbox) -> None:
    answers: list[Any] = [
        None, {"statusCode": 503}, {"ResponseMetadata": {"HTTPStatusCode": 202}}, {"statusCode": "x"}, "text",
        refusal("TooManyRequestsException", 429), refusal("AccessDenied", 0),
    ]  # fmt: skip

    def send(request: Request) -> Any:
        answer = answers[(request.number - 1) % len(answers)]
        if isinstance(answer, Exception):
            raise answer
        return answer

    load = Traffic(sandbox, steady(1, 7), send, evenly=True)
    play(sandbox, load)
    assert [record.status for record in load.records] == [200, 503, 202, 200, 200, 429, 400]
    assert load.records.errors == Counter({"503": 1, "TooManyRequestsException": 1, "AccessDenied": 1})
    assert "Answered well: 57.14%" in repr(load.records)


def test_a_mistake_in_send_is_not_hidden(sandbox: Sandbox) -> None:
    with pytest.raises(ZeroDivisionError):
        play(sandbox, Traffic(sandbox, steady(5, 5), lambda request: 1 / 0))
    assert sandbox.clock.time() == pytest.approx(time.time(), abs=1)  # the clock runs on


def test_a_slow_request_makes_the_next_ones_wait(sandbox: Sandbox) -> None:
    def send(request: Request) -> None:
        sandbox.clock.advance(seconds=3 if request.number == 1 else 0)

    load = Traffic(sandbox, steady(1, 5), send, evenly=True)
    play(sandbox, load)
    assert [round(record.latency, 1) for record in load.records][:4] == pytest.approx([3, 2, 1, 0], abs=0.2)


def test_users_come_with_their_shares_and_the_seed_decides(sandbox: Sandbox) -> None:
    def story(seed: int) -> list[tuple[float, str, float]]:
        seen: list[tuple[float, str, float]] = []
        users = {"noisy": 0.9, "quiet": 0.1}
        load = Traffic(
            sandbox, steady(20, 20), lambda one: seen.append((one.at, one.user, one.random.random())),
            users=users, seed=seed,
        )  # fmt: skip
        play(sandbox, load)
        return seen

    first = story(1)
    assert first == story(1) != story(2)
    share = sum(user == "noisy" for _, user, _ in first) / len(first)
    assert 0.83 < share < 0.96


@pytest.mark.parametrize(
    ("given", "cure"),
    [
        ({"profile": 50}, "profile is a Profile"),
        ({"send": "now"}, "to is the address of a load balancer"),
        ({"users": "ana"}, "users are names"),
        ({"users": []}, "users are names"),
        ({"users": {"ana": 0}}, "users are names"),
    ],
)
def test_nonsense_is_refused(sandbox: Sandbox, given: dict[str, Any], cure: str) -> None:
    arguments: dict[str, Any] = {"profile": steady(1, 1), "send": print, **given}
    profile, send = arguments.pop("profile"), arguments.pop("send")
    with pytest.raises(UsageError) as caught:
        Traffic(sandbox, profile, send, **arguments)
    assert cure in str(caught.value)


def test_somebody_must_say_how_long(sandbox: Sandbox, url: str) -> None:
    with pytest.raises(UsageError, match=r"seconds=3600"):
        play(sandbox, Workers(sandbox, url))


# -- workers -----------------------------------------------------------------------------------------


def fill(sqs: Any, url: str, count: int, **more: Any) -> None:
    for number in range(count):
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"number": number}), **more)


@pytest.mark.parametrize(("count", "seconds"), [(1, 40), (4, 10), (8, 5)])
def test_more_workers_take_less_time(
    sandbox: Sandbox, sqs: Any, url: str, count: int, seconds: float
) -> None:
    fill(sqs, url, 40)
    crew = Workers(sandbox, url, count=count, seconds=1)
    play(sandbox, crew, seconds=100)
    assert len(crew.handled) == 40
    assert max(one.ended for one in crew.handled) - min(one.began for one in crew.handled) == pytest.approx(
        seconds
    )
    assert len({one.worker for one in crew.handled}) == count


def test_workers_that_wait_take_what_comes_at_once(sandbox: Sandbox, sqs: Any, url: str) -> None:
    load = Traffic(
        sandbox, steady(2, 60), lambda one: sqs.send_message(QueueUrl=url, MessageBody=str(one.number))
    )
    crew = Workers(sandbox, url, count=4, seconds=0.5)
    play(sandbox, load, crew, seconds=70)
    assert len(crew.handled) == len(load.records)
    assert crew.handled.waited(1.0) < 1.5
    empty = [
        one for one in sandbox.trace.where(action="ReceiveMessage") if not (one.result or {}).get("Messages")
    ]
    assert len(empty) < 3.5 * len(load.records)  # after each find, after each job, and when something stirred


def test_a_message_that_fails_comes_back_after_its_timeout(sandbox: Sandbox, sqs: Any, url: str) -> None:
    fill(sqs, url, 1)

    def handle(message: Any) -> None:
        if message["Attributes"]["ApproximateReceiveCount"] == "1":
            raise RuntimeError("not yet")

    crew = Workers(sandbox, url, seconds=2, handle=handle, visibility=10)
    play(sandbox, crew, seconds=60)
    assert [(one.done, one.receives, one.error) for one in crew.handled] == [
        (False, 1, "RuntimeError"),
        (True, 2, ""),
    ]
    assert crew.handled[1].began - crew.handled[0].began == pytest.approx(10, abs=0.1)


def test_slow_work_on_a_short_timeout_is_done_twice(sandbox: Sandbox, sqs: Any, url: str) -> None:
    fill(sqs, url, 1)
    crew = Workers(sandbox, url, count=2, seconds=15, visibility=10)
    play(sandbox, crew, seconds=20)
    assert [one.receives for one in crew.handled] == [1]
    play(sandbox, crew, seconds=60)
    assert len(crew.handled) <= 1


def test_fifo_groups_stay_in_order_and_side_by_side(sandbox: Sandbox, sqs: Any) -> None:
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = sqs.create_queue(QueueName="orders.fifo", Attributes=attributes)["QueueUrl"]
    for number in range(24):
        sqs.send_message(QueueUrl=url, MessageBody=str(number), MessageGroupId=f"customer-{number % 4}")
    crew = Workers(sandbox, url, count=4, seconds=1)
    play(sandbox, crew, seconds=60)
    assert max(one.ended for one in crew.handled) - min(one.began for one in crew.handled) == pytest.approx(6)
    for group in range(4):
        own = [int(one.body) for one in crew.handled.by(f"customer-{group}")]
        assert own == sorted(own)
        assert len(own) == 6


def test_workers_follow_a_rule(sandbox: Sandbox, sqs: Any, url: str) -> None:
    load = Traffic(
        sandbox, spike(0.2, 10, 600, at=60, width=60),
        lambda one: sqs.send_message(QueueUrl=url, MessageBody=str(one.number)),
    )  # fmt: skip
    crew = Workers(
        sandbox, url, count=1, seconds=2, every=30, warm_up=10,
        scale=lambda visible, flying, size: max(1, min(20, visible // 20)),
    )  # fmt: skip
    play(sandbox, load, crew, seconds=900)
    assert len(crew.handled) == len(load.records)
    assert max(size for _, size in crew.sizes) > 5
    assert crew.sizes[-1][1] == crew.size == 1


def test_a_rule_that_returns_nonsense_is_refused(sandbox: Sandbox, url: str) -> None:
    crew = Workers(sandbox, url, scale=lambda *_: 1.5, every=1)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"It gave 1\.5"):
        play(sandbox, crew, seconds=5)


def test_a_day_takes_no_day(sandbox: Sandbox, sqs: Any, url: str) -> None:
    before = time.perf_counter()
    load = Traffic(
        sandbox, steady(0.002, 86_400), lambda one: sqs.send_message(QueueUrl=url, MessageBody="x")
    )
    crew = Workers(sandbox, url, count=1, seconds=30)
    play(sandbox, load, crew, seconds=86_400 + 60)
    assert len(crew.handled) == len(load.records) > 100
    assert time.perf_counter() - before < 10


def test_players_are_what_play_wants(sandbox: Sandbox, url: str) -> None:
    players: list[Player] = [Traffic(sandbox, steady(1, 1), print), Workers(sandbox, url)]
    assert len(players) == 2


# -- records -----------------------------------------------------------------------------------------


def test_percentiles_are_values_that_were_seen() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [percentile(values, share) for share in (0, 0.5, 0.95, 0.99, 1)] == [1, 50, 95, 99, 100]
    assert percentile([], 0.5) == 0.0
    with pytest.raises(UsageError, match=r"0\.95"):
        percentile(values, 95)


def test_a_service_level_counts_slow_answers_as_bad() -> None:
    records = Records([Record(number, float(number), 0.1 * number) for number in range(10)])
    records.add(Record(10, 10.0, 0.0, status=500, error="InternalError"))
    assert records.share_good() == pytest.approx(10 / 11)
    assert records.share_good(within=0.45) == pytest.approx(5 / 11)
    assert len(records.between(2, 5)) == 3
    assert len(records.failed) == 1
    assert Records().share_good() == 1.0
    assert repr(Records()) == "No requests were made."
