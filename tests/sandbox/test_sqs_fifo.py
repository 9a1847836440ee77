"""FIFO queues: order, groups, delays, and what must be given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox
from labkit.sandbox.services import _sqs_engine, _sqs_fifo


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
    return make(sqs)


def make(sqs: Any, name: str = "orders", **attributes: str) -> str:
    given = {"FifoQueue": "true", "ContentBasedDeduplication": "true", **attributes}
    return sqs.create_queue(QueueName=f"{name}.fifo", Attributes=given)["QueueUrl"]


def send(sqs: Any, url: str, *names: str, **more: Any) -> list[dict[str, Any]]:
    """`a1` goes to group `a`."""
    return [
        sqs.send_message(QueueUrl=url, MessageBody=name, MessageGroupId=name[0], **more) for name in names
    ]


def receive(sqs: Any, url: str, most: int = 10, **more: Any) -> list[dict[str, Any]]:
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=most, AttributeNames=["All"], **more)
    return answer.get("Messages", [])


def bodies(sqs: Any, url: str, most: int = 10, **more: Any) -> list[str]:
    return [message["Body"] for message in receive(sqs, url, most, **more)]


def delete(sqs: Any, url: str, message: dict[str, Any]) -> None:
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def refused(call: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


# -- order ---------------------------------------------------------------------------------------------


def test_order_within_a_group_survives_a_visibility_timeout(sandbox: Sandbox, sqs: Any, url: str) -> None:
    send(sqs, url, "b1", "b2", "b3")
    assert bodies(sqs, url) == ["b1", "b2", "b3"]
    assert bodies(sqs, url) == []
    sandbox.clock.advance(seconds=30)
    assert bodies(sqs, url) == ["b1", "b2", "b3"]


def test_what_was_deleted_leaves_no_gap(sandbox: Sandbox, sqs: Any, url: str) -> None:
    send(sqs, url, "b1", "b2", "b3", "b4")
    held = receive(sqs, url, most=3)
    delete(sqs, url, held[1])
    sandbox.clock.advance(seconds=30)
    assert bodies(sqs, url) == ["b1", "b3", "b4"]


def test_a_group_gives_nothing_while_one_of_its_messages_is_in_flight(
    sandbox: Sandbox, sqs: Any, url: str
) -> None:
    send(sqs, url, "a1", "a2", "b1", "b2")
    first = receive(sqs, url, most=1)[0]
    assert first["Body"] == "a1"
    assert bodies(sqs, url) == ["b1", "b2"]
    assert bodies(sqs, url) == []
    delete(sqs, url, first)
    assert bodies(sqs, url) == ["a2"]


def test_a_group_waits_until_the_last_of_its_messages_is_back(sandbox: Sandbox, sqs: Any, url: str) -> None:
    send(sqs, url, "a1", "a2", "a3")
    held = receive(sqs, url, most=2)
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=held[0]["ReceiptHandle"], VisibilityTimeout=0)
    assert bodies(sqs, url) == []
    sandbox.clock.advance(seconds=30)
    assert bodies(sqs, url) == ["a1", "a2", "a3"]


def test_a_receive_takes_all_it_may_of_one_group_first(sqs: Any, url: str) -> None:
    send(sqs, url, "a1", "b1", "a2", "b2", "a3", "c1")
    assert bodies(sqs, url, most=4) == ["a1", "a2", "a3", "b1"]
    assert bodies(sqs, url) == ["c1"]


def test_groups_come_in_the_order_of_their_oldest_message(sandbox: Sandbox, sqs: Any, url: str) -> None:
    send(sqs, url, "c1", "a1", "b1", "a2")
    assert bodies(sqs, url, most=1) == ["c1"]
    assert bodies(sqs, url, most=1) == ["a1"]
    sandbox.clock.advance(seconds=30)
    assert bodies(sqs, url) == ["c1", "a1", "a2", "b1"]


def test_a_timeout_of_zero_keeps_the_order(sqs: Any, url: str) -> None:
    send(sqs, url, "a1", "a2", "b1")
    assert bodies(sqs, url, VisibilityTimeout=0) == ["a1", "a2", "b1"]
    assert bodies(sqs, url, VisibilityTimeout=0) == ["a1", "a2", "b1"]


def test_an_expired_head_frees_its_group(sandbox: Sandbox, sqs: Any) -> None:
    url = make(sqs, MessageRetentionPeriod="60", VisibilityTimeout="300")
    send(sqs, url, "a1")
    assert bodies(sqs, url) == ["a1"]
    sandbox.clock.advance(seconds=30)
    send(sqs, url, "a2")
    assert bodies(sqs, url) == []
    sandbox.clock.advance(seconds=30)
    assert bodies(sqs, url) == ["a2"]


def test_a_long_poll_wakes_when_a_group_is_free_again(sandbox: Sandbox, sqs: Any, url: str) -> None:
    send(sqs, url, "a1", "a2")
    assert bodies(sqs, url, most=1, VisibilityTimeout=9) == ["a1"]
    before = sandbox.clock.time()
    assert bodies(sqs, url, WaitTimeSeconds=20) == ["a1", "a2"]
    assert 8 < sandbox.clock.time() - before < 12


def test_only_the_first_messages_of_the_queue_are_looked_at(
    sqs: Any, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sqs_fifo, "LOOKED_AT", 20)
    for number in range(20):
        sqs.send_message(QueueUrl=url, MessageBody=f"a{number}", MessageGroupId="a")
    send(sqs, url, "b1")
    held = receive(sqs, url, most=1)[0]
    assert bodies(sqs, url) == []  # b1 is message 21, and group a is blocked
    delete(sqs, url, held)
    assert bodies(sqs, url, most=1) == ["a1"]
    assert bodies(sqs, url) == ["b1"]


def test_the_limit_in_flight_is_no_error_on_a_fifo_queue(
    sqs: Any, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sqs_engine, "IN_FLIGHT_LIMIT", 2)
    send(sqs, url, "a1", "b1", "c1")
    assert bodies(sqs, url) == ["a1", "b1"]
    assert bodies(sqs, url) == []


# -- handles -------------------------------------------------------------------------------------------


def test_a_receipt_handle_expires_with_the_visibility_timeout(sandbox: Sandbox, sqs: Any, url: str) -> None:
    send(sqs, url, "a1")
    handle = receive(sqs, url)[0]["ReceiptHandle"]
    sandbox.clock.advance(seconds=30)
    expired = (
        "InvalidParameterValue",
        f"Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.",
    )
    assert refused(sqs.delete_message, QueueUrl=url, ReceiptHandle=handle) == expired
    given = {"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 5}
    assert refused(sqs.change_message_visibility, **given) == expired
    latest = receive(sqs, url)[0]
    assert refused(sqs.delete_message, QueueUrl=url, ReceiptHandle=handle) == expired
    delete(sqs, url, latest)
    delete(sqs, url, latest)
    assert bodies(sqs, url, WaitTimeSeconds=20) == []


# -- delay ---------------------------------------------------------------------------------------------


def test_the_queue_may_have_a_delay_a_message_may_not(sandbox: Sandbox, sqs: Any, url: str) -> None:
    given = {"QueueUrl": url, "MessageBody": "x", "MessageGroupId": "g"}
    assert refused(sqs.send_message, **given, DelaySeconds=2) == (
        "InvalidParameterValue",
        "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not "
        "valid for this queue type.",
    )
    sqs.send_message(**given, DelaySeconds=0)
    slow = make(sqs, "slow", DelaySeconds="10")
    send(sqs, slow, "a1", "a2")
    assert bodies(sqs, slow) == []
    sandbox.clock.advance(seconds=10)
    assert bodies(sqs, slow) == ["a1", "a2"]


def test_a_new_delay_reaches_the_messages_that_wait(sandbox: Sandbox, sqs: Any) -> None:
    url = make(sqs, DelaySeconds="600")
    send(sqs, url, "a1")
    sandbox.clock.advance(seconds=60)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "120"})
    assert bodies(sqs, url) == []
    sandbox.clock.advance(seconds=60)
    assert bodies(sqs, url, VisibilityTimeout=0) == ["a1"]
    send(sqs, url, "b1")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "0"})
    assert bodies(sqs, url) == ["a1", "b1"]


# -- what must be given ---------------------------------------------------------------------------------


def test_group_and_deduplication_id_are_asked_for(sqs: Any) -> None:
    url = make(sqs, ContentBasedDeduplication="false")
    assert refused(sqs.send_message, QueueUrl=url, MessageBody="x", MessageDeduplicationId="1") == (
        "MissingParameter",
        "The request must contain the parameter MessageGroupId.",
    )
    code, message = refused(sqs.send_message, QueueUrl=url, MessageBody="x", MessageGroupId="g")
    assert (code, message.split(" or ")[0]) == (
        "InvalidParameterValue",
        "The queue should either have ContentBasedDeduplication enabled",
    )
    entry = {"Id": "1", "MessageBody": "x"}
    assert refused(sqs.send_message_batch, QueueUrl=url, Entries=[entry]) == (
        "InvalidParameterValue",
        "The request must contain the parameter MessageGroupId.",
    )


@pytest.mark.parametrize("name", ["MessageGroupId", "MessageDeduplicationId", "ReceiveRequestAttemptId"])
@pytest.mark.parametrize("value", ["", "a b", "é", "x" * 129])
def test_ids_are_letters_digits_and_punctuation(sqs: Any, url: str, name: str, value: str) -> None:
    if name == "ReceiveRequestAttemptId":
        code, message = refused(sqs.receive_message, QueueUrl=url, ReceiveRequestAttemptId=value)
    else:
        given = {"MessageGroupId": "g", "MessageDeduplicationId": "d", name: value}
        code, message = refused(sqs.send_message, QueueUrl=url, MessageBody="x", **given)
    assert code == "InvalidParameterValue"
    assert f"{name} can only include alphanumeric and punctuation characters. 1 to 128 in length." in message


def test_all_punctuation_is_allowed(sqs: Any, url: str) -> None:
    group = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~aZ9"
    sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId=group)
    assert receive(sqs, url)[0]["Attributes"]["MessageGroupId"] == group


def test_a_standard_queue_knows_groups_but_no_deduplication(sqs: Any) -> None:
    url = sqs.create_queue(QueueName="plain")["QueueUrl"]
    answer = sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId="tenant")
    assert "SequenceNumber" not in answer
    assert receive(sqs, url)[0]["Attributes"]["MessageGroupId"] == "tenant"
    wrong = "is invalid. Reason: The request include parameter that is not valid for this queue type."
    assert refused(sqs.send_message, QueueUrl=url, MessageBody="x", MessageDeduplicationId="d") == (
        "InvalidParameterValue",
        f"Value d for parameter MessageDeduplicationId {wrong}",
    )
    assert refused(sqs.receive_message, QueueUrl=url, ReceiveRequestAttemptId="t") == (
        "InvalidParameterValue",
        f"Value t for parameter ReceiveRequestAttemptId {wrong}",
    )


def test_one_wrong_entry_fails_the_whole_batch(sqs: Any, url: str) -> None:
    good = {"Id": "1", "MessageBody": "x", "MessageGroupId": "g"}
    refused(sqs.send_message_batch, QueueUrl=url, Entries=[good, {**good, "Id": "2", "MessageBody": ""}])
    assert bodies(sqs, url) == []
