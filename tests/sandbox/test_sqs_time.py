"""What time does in a standard queue: delays, long polls, retention."""

from __future__ import annotations

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


def receive(sqs: Any, url: str, most: int = 10, **more: Any) -> list[dict[str, Any]]:
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=most, AttributeNames=["All"], **more)
    return answer.get("Messages", [])


def bodies(sqs: Any, url: str, most: int = 10, **more: Any) -> list[str]:
    return [message["Body"] for message in receive(sqs, url, most, **more)]


def counts(sqs: Any, url: str) -> tuple[int, int, int]:
    """Available, in flight, delayed."""
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    names = ("", "NotVisible", "Delayed")
    return tuple(int(found[f"ApproximateNumberOfMessages{name}"]) for name in names)  # type: ignore[return-value]


# -- delay ---------------------------------------------------------------------------------------------


def test_a_delayed_message_appears_when_its_delay_ends(sandbox: Sandbox, sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="late", DelaySeconds=60)
    sqs.send_message(QueueUrl=url, MessageBody="now")
    assert counts(sqs, url) == (1, 0, 1)
    assert bodies(sqs, url, VisibilityTimeout=600) == ["now"]
    sandbox.clock.advance(seconds=60)
    assert bodies(sqs, url) == ["late"]
    assert counts(sqs, url) == (0, 2, 0)


def test_a_queue_has_a_delay_that_a_message_can_overrule(sandbox: Sandbox, sqs: Any) -> None:
    url = sqs.create_queue(QueueName="later", Attributes={"DelaySeconds": "900"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="slow")
    sqs.send_message(QueueUrl=url, MessageBody="fast", DelaySeconds=0)
    assert bodies(sqs, url, VisibilityTimeout=3000) == ["fast"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "0"})
    assert bodies(sqs, url) == []  # a new delay does not reach back on a standard queue
    sandbox.clock.advance(minutes=15)
    assert bodies(sqs, url) == ["slow"]


# -- long polls ----------------------------------------------------------------------------------------


def test_an_empty_long_poll_takes_its_seconds_on_the_virtual_clock_only(
    sandbox: Sandbox, sqs: Any, url: str
) -> None:
    before = sandbox.clock.time()
    assert receive(sqs, url, WaitTimeSeconds=20) == []
    assert 20 <= sandbox.clock.time() - before < 25


def test_a_long_poll_wakes_when_a_delay_ends(sandbox: Sandbox, sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="late", DelaySeconds=7)
    before = sandbox.clock.time()
    assert bodies(sqs, url, WaitTimeSeconds=20) == ["late"]
    assert sandbox.clock.time() - before < 10


def test_a_long_poll_wakes_when_a_visibility_timeout_ends(sandbox: Sandbox, sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="a")
    assert bodies(sqs, url, VisibilityTimeout=12) == ["a"]
    before = sandbox.clock.time()
    assert bodies(sqs, url, WaitTimeSeconds=20) == ["a"]
    assert 11 < sandbox.clock.time() - before < 15


def test_the_queue_decides_how_long_a_poll_waits_unless_the_call_does(sandbox: Sandbox, sqs: Any) -> None:
    url = sqs.create_queue(QueueName="patient", Attributes={"ReceiveMessageWaitTimeSeconds": "15"})[
        "QueueUrl"
    ]
    before = sandbox.clock.time()
    receive(sqs, url)
    assert 15 <= sandbox.clock.time() - before < 18
    before = sandbox.clock.time()
    receive(sqs, url, WaitTimeSeconds=0)
    assert sandbox.clock.time() - before < 1


def test_a_long_poll_leaves_poison_behind_and_waits_for_the_next_message(sandbox: Sandbox, sqs: Any) -> None:
    dlq = sqs.create_queue(QueueName="dlq")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dlq, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": 1}}'
    url = sqs.create_queue(QueueName="src", Attributes={"RedrivePolicy": policy})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    sqs.send_message(QueueUrl=url, MessageBody="late", DelaySeconds=10)
    assert bodies(sqs, url, VisibilityTimeout=0) == ["poison"]
    assert bodies(sqs, url, WaitTimeSeconds=20) == ["late"]
    assert bodies(sqs, dlq) == ["poison"]


# -- retention -----------------------------------------------------------------------------------------


def test_messages_expire_whatever_they_are_doing(sandbox: Sandbox, sqs: Any) -> None:
    url = sqs.create_queue(
        QueueName="short", Attributes={"MessageRetentionPeriod": "60", "VisibilityTimeout": "3600"}
    )["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="in flight")
    assert bodies(sqs, url) == ["in flight"]
    sqs.send_message(QueueUrl=url, MessageBody="available")
    sqs.send_message(QueueUrl=url, MessageBody="delayed", DelaySeconds=900)
    assert counts(sqs, url) == (1, 1, 1)
    sandbox.clock.advance(seconds=59)
    assert counts(sqs, url) == (1, 1, 1)
    sandbox.clock.advance(seconds=1)
    assert counts(sqs, url) == (0, 0, 0)
    assert len(sandbox.trace.where(action="MessageExpired", resource="short")) == 3
    assert receive(sqs, url) == []


def test_an_expired_message_does_not_stand_in_the_way(sandbox: Sandbox, sqs: Any) -> None:
    url = sqs.create_queue(QueueName="short", Attributes={"MessageRetentionPeriod": "60"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="old")
    sandbox.clock.advance(seconds=40)
    sqs.send_message(QueueUrl=url, MessageBody="young")
    sandbox.clock.advance(seconds=30)
    assert bodies(sqs, url) == ["young"]


def test_a_new_retention_period_holds_for_messages_that_are_there(
    sandbox: Sandbox, sqs: Any, url: str
) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="a")
    sandbox.clock.advance(days=3)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "1209600"})
    sandbox.clock.advance(days=10)
    assert counts(sqs, url) == (1, 0, 0)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "345600"})
    assert counts(sqs, url) == (0, 0, 0)


def test_the_default_is_four_days(sandbox: Sandbox, sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="a")
    sandbox.clock.advance(days=4, seconds=-1)
    assert counts(sqs, url) == (1, 0, 0)
    sandbox.clock.advance(seconds=1)
    assert counts(sqs, url) == (0, 0, 0)
