"""At-least-once delivery on purpose, batches that half fail, and fair queues."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from labkit.sandbox import Sandbox


@pytest.fixture(scope="module")
def account() -> Iterator[tuple[Sandbox, Any]]:
    """One account for all tests of this file: making a client takes longer than most of them."""
    with Sandbox() as running:
        yield running, running.client("sqs")


@pytest.fixture
def sandbox(account: tuple[Sandbox, Any]) -> Sandbox:
    account[0].reset()
    return account[0]


@pytest.fixture
def sqs(sandbox: Sandbox, account: tuple[Sandbox, Any]) -> Any:
    return account[1]


@pytest.fixture
def url(sqs: Any) -> str:
    return sqs.create_queue(QueueName="orders")["QueueUrl"]


def send(sqs: Any, url: str, bodies: list[str], **more: Any) -> None:
    for start in range(0, len(bodies), 10):
        part = enumerate(bodies[start : start + 10])
        answer = sqs.send_message_batch(
            QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": body, **more} for n, body in part]
        )
        assert not answer["Failed"]


def receive(sqs: Any, url: str, most: int = 10, **more: Any) -> list[dict[str, Any]]:
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=most, AttributeNames=["All"], **more)
    return answer.get("Messages", [])


def consume(sqs: Any, url: str) -> list[dict[str, Any]]:
    """Receive and delete until a long poll finds nothing."""
    found = []
    while messages := receive(sqs, url, WaitTimeSeconds=20):
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        found += messages
    return found


# -- duplicates ----------------------------------------------------------------------------------------


def test_some_messages_come_again_although_they_were_deleted(sandbox: Sandbox, sqs: Any, url: str) -> None:
    sandbox.faults.put("sqs.duplicate", share=0.1)
    bodies = [str(number) for number in range(300)]
    send(sqs, url, bodies)
    found = consume(sqs, url)
    times = Counter(message["Body"] for message in found)
    assert set(times) == set(bodies)
    assert set(times.values()) == {1, 2}
    again = [body for body, count in times.items() if count == 2]
    assert 10 <= len(again) <= 60
    by_body = [m for m in found if m["Body"] == again[0]]
    assert by_body[0]["MessageId"] == by_body[1]["MessageId"]
    assert by_body[0]["ReceiptHandle"] != by_body[1]["ReceiptHandle"]
    assert len(sandbox.trace.where(action="MessageDuplicated")) == len(again)


def test_a_duplicate_comes_within_the_time_that_was_asked_for(sandbox: Sandbox, sqs: Any, url: str) -> None:
    sandbox.faults.put("sqs.duplicate", share=1.0, within=5)
    send(sqs, url, ["a"])
    first = receive(sqs, url)[0]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert {attributes[f"ApproximateNumberOfMessages{x}"] for x in ("", "Delayed", "NotVisible")} == {"0"}
    sandbox.clock.advance(seconds=5)
    second = receive(sqs, url)[0]
    assert (second["MessageId"], second["Body"]) == (first["MessageId"], "a")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"])
    sandbox.clock.advance(minutes=5)
    assert receive(sqs, url) == []  # twice, not for ever


def test_a_duplicate_can_be_received_while_the_first_is_still_in_flight(
    sandbox: Sandbox, sqs: Any, url: str
) -> None:
    sandbox.faults.put("sqs.duplicate", within=5)
    send(sqs, url, ["a"])
    first = receive(sqs, url)[0]
    sandbox.clock.advance(seconds=5)
    second = receive(sqs, url)[0]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"], VisibilityTimeout=0)
    assert [m["Body"] for m in receive(sqs, url)] == ["a"]


def test_faults_strike_standard_queues_only(sandbox: Sandbox, sqs: Any) -> None:
    given = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = sqs.create_queue(QueueName="o.fifo", Attributes=given)["QueueUrl"]
    sandbox.faults.put("sqs.duplicate")
    sandbox.faults.put("sqs.disorder")
    bodies = [str(number) for number in range(30)]
    send(sqs, url, bodies, MessageGroupId="g")
    assert [message["Body"] for message in consume(sqs, url)] == bodies


def test_without_faults_order_is_perfect_and_the_dice_lie_still(sandbox: Sandbox, sqs: Any, url: str) -> None:
    dice = sandbox.random.getstate()
    bodies = [str(number) for number in range(50)]
    send(sqs, url, bodies)
    assert [message["Body"] for message in consume(sqs, url)] == bodies
    assert sandbox.random.getstate() == dice


# -- disorder ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.1, 1.0])
def test_disorder_shuffles_and_loses_nothing(sandbox: Sandbox, sqs: Any, url: str, share: float) -> None:
    sandbox.faults.put("sqs.disorder", share=share)
    bodies = [str(number) for number in range(200)]
    send(sqs, url, bodies)
    found = [message["Body"] for message in consume(sqs, url)]
    assert sorted(found, key=int) == bodies
    assert found != bodies


def test_a_single_message_cannot_be_out_of_order(sandbox: Sandbox, sqs: Any, url: str) -> None:
    sandbox.faults.put("sqs.disorder")
    send(sqs, url, ["alone"])
    assert [message["Body"] for message in receive(sqs, url)] == ["alone"]


def test_the_same_seed_tells_the_same_story(
    sandbox: Sandbox, sqs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def story(seed: int) -> tuple[list[str], list[str]]:
        monkeypatch.setattr(sandbox, "seed", seed)
        sandbox.reset()
        url = sqs.create_queue(QueueName="orders")["QueueUrl"]
        sandbox.faults.put("sqs.duplicate", share=0.2)
        sandbox.faults.put("sqs.disorder", share=0.2)
        send(sqs, url, [str(number) for number in range(60)])
        told = [message["MessageId"] for message in consume(sqs, url)]
        # When a second copy comes in between is a matter of the clock, and that runs with real time.
        return list(dict.fromkeys(told)), sorted(told)

    assert story(1) == story(1)
    assert story(1) != story(2)


# -- batches that half fail ------------------------------------------------------------------------------


def test_a_share_of_batch_entries_comes_back_and_goes_through_when_sent_again(
    sandbox: Sandbox, sqs: Any, url: str
) -> None:
    sandbox.faults.put("sqs.batch_entry_fails", share=0.3)
    waiting = [str(number) for number in range(200)]
    failures: list[dict[str, Any]] = []
    for start in range(0, 200, 10):
        part = {str(n): body for n, body in enumerate(waiting[start : start + 10])}
        entries = [{"Id": name, "MessageBody": body} for name, body in part.items()]
        answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
        again = [{"Id": f"again-{one['Id']}", "MessageBody": part[one["Id"]]} for one in answer["Failed"]]
        failures += answer["Failed"]
        if again:
            assert sqs.send_message_batch(QueueUrl=url, Entries=again)["Failed"] == []
    assert 30 <= len(failures) <= 90
    assert {(one["Code"], one["SenderFault"]) for one in failures} == {("InternalError", False)}
    sandbox.faults.clear()
    assert sorted((m["Body"] for m in consume(sqs, url)), key=int) == waiting


def test_equal_entries_fail_one_by_one(sandbox: Sandbox, sqs: Any, url: str) -> None:
    sandbox.faults.put("sqs.batch_entry_fails")
    entries = [{"Id": name, "MessageBody": "same"} for name in "ab"]
    assert len(sqs.send_message_batch(QueueUrl=url, Entries=entries)["Failed"]) == 1
    assert len(receive(sqs, url)) == 1


# -- fair queues ---------------------------------------------------------------------------------------


def crowd(sqs: Any, url: str, tenant: str, how_many: int) -> None:
    send(sqs, url, [tenant] * how_many, MessageGroupId=tenant)


def served(sqs: Any, url: str, times: int = 1, **more: Any) -> list[str]:
    return [m["Body"] for _ in range(times) for m in receive(sqs, url, VisibilityTimeout=600, **more)]


def test_a_noisy_tenant_waits_behind_quiet_ones(sqs: Any, url: str) -> None:
    crowd(sqs, url, "loud", 100)
    assert served(sqs, url, 3) == ["loud"] * 30  # 30 in flight: from now on it is noisy
    for tenant in ("a", "b", "c"):
        crowd(sqs, url, tenant, 2)
    assert served(sqs, url)[:6] == ["a", "a", "b", "b", "c", "c"]
    assert served(sqs, url) == ["loud"] * 10  # nobody else waits: it is not throttled


def test_a_tenant_stays_noisy_until_its_backlog_is_gone(sqs: Any, url: str) -> None:
    crowd(sqs, url, "loud", 60)
    for message in [one for _ in range(3) for one in receive(sqs, url, VisibilityTimeout=600)][:25]:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    crowd(sqs, url, "quiet", 1)
    assert served(sqs, url)[0] == "quiet"  # 5 are in flight now, but 30 of its messages wait
    assert served(sqs, url, 3) == ["loud"] * 21
    crowd(sqs, url, "loud", 1)
    crowd(sqs, url, "quiet", 1)
    assert served(sqs, url, most=1) == ["quiet"]  # 30 in flight again


def test_messages_without_a_group_are_never_noisy(sqs: Any, url: str) -> None:
    send(sqs, url, ["plain"] * 60)
    assert served(sqs, url, 4) == ["plain"] * 40
    crowd(sqs, url, "tenant", 1)
    assert served(sqs, url, 2) == ["plain"] * 10 + ["plain"] * 10


def test_a_tenant_with_a_small_share_is_not_noisy(sqs: Any, url: str) -> None:
    send(sqs, url, ["plain"] * 400)
    assert len(served(sqs, url, 40)) == 400
    crowd(sqs, url, "steady", 50)
    send(sqs, url, ["plain"] * 10)
    assert served(sqs, url, 4) == ["steady"] * 40  # 40 of 440 in flight is less than a tenth


def test_five_quiet_minutes_make_a_tenant_equal_again(sandbox: Sandbox, sqs: Any, url: str) -> None:
    crowd(sqs, url, "loud", 50)
    assert served(sqs, url, 3) == ["loud"] * 30
    crowd(sqs, url, "a", 1)
    assert served(sqs, url, 1)[0] == "a"  # noticed as noisy
    sandbox.clock.advance(minutes=5)
    crowd(sqs, url, "b", 1)
    left = served(sqs, url, 2)
    assert left[0] == "loud"
    assert "b" in left


def test_among_noisy_tenants_the_one_with_fewest_in_flight_comes_first(sqs: Any, url: str) -> None:
    crowd(sqs, url, "x", 100)
    assert served(sqs, url, 5) == ["x"] * 50
    crowd(sqs, url, "y", 100)
    assert served(sqs, url, 3) == ["y"] * 30
    assert served(sqs, url, 2) == ["y"] * 20  # 30 against 50, until both have 50
    assert set(served(sqs, url, 1)) == {"x", "y"}


def test_fair_order_loses_nothing(sandbox: Sandbox, sqs: Any, url: str) -> None:
    for tenant, how_many in (("a", 70), ("b", 40), ("c", 90)):
        crowd(sqs, url, tenant, how_many)
    found = Counter(served(sqs, url, 21))
    assert found == {"a": 70, "b": 40, "c": 90}
    sandbox.clock.advance(minutes=10)
    assert Counter(served(sqs, url, 21)) == found
