"""FIFO queues: what is sent twice, and what is received twice."""

from __future__ import annotations

import hashlib
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


# -- duplicates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [{}, {"MessageDeduplicationId": "same"}])
def test_a_duplicate_is_dropped_for_five_minutes_also_after_deletion(
    sandbox: Sandbox, sqs: Any, url: str, given: dict[str, str]
) -> None:
    first = send(sqs, url, "a1", **given)[0]
    delete(sqs, url, receive(sqs, url)[0])
    sandbox.clock.advance(seconds=290)
    again = send(sqs, url, "a1", **given)[0]
    assert (again["MessageId"], again["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    assert bodies(sqs, url) == []
    assert len(sandbox.trace.where(action="MessageDeduplicated")) == 1
    sandbox.clock.advance(seconds=10)  # five minutes after the first, not after the second
    third = send(sqs, url, "a1", **given)[0]
    assert third["MessageId"] != first["MessageId"]
    assert bodies(sqs, url) == ["a1"]


def test_an_explicit_id_decides_whatever_the_body_says(sqs: Any, url: str) -> None:
    send(sqs, url, "a1", MessageDeduplicationId="x")
    answer = send(sqs, url, "a2", MessageDeduplicationId="x")[0]
    send(sqs, url, "a1", MessageDeduplicationId="y")
    assert answer["MD5OfMessageBody"] == hashlib.md5(b"a2").hexdigest()  # of what was sent
    assert bodies(sqs, url) == ["a1", "a1"]


def test_content_means_the_body_and_not_the_attributes(sqs: Any, url: str) -> None:
    for value in "12":
        send(sqs, url, "a1", MessageAttributes={"try": {"DataType": "Number", "StringValue": value}})
    found = receive(sqs, url, MessageAttributeNames=["All"])
    assert [m["MessageAttributes"]["try"]["StringValue"] for m in found] == ["1"]
    assert found[0]["Attributes"]["MessageDeduplicationId"] == hashlib.sha256(b"a1").hexdigest()


def test_an_id_that_equals_the_content_hash_is_a_duplicate(sqs: Any, url: str) -> None:
    send(sqs, url, "a1")
    send(sqs, url, "a2", MessageDeduplicationId=hashlib.sha256(b"a1").hexdigest())
    assert bodies(sqs, url) == ["a1"]


def test_the_scope_is_the_queue_or_the_group(sqs: Any, url: str) -> None:
    per_group = make(sqs, "grouped", DeduplicationScope="messageGroup")
    for queue in (url, per_group):
        for group in ("g", "h", "g"):
            sqs.send_message(
                QueueUrl=queue, MessageBody=group, MessageGroupId=group, MessageDeduplicationId="same"
            )
    assert bodies(sqs, url) == ["g"]
    assert bodies(sqs, per_group) == ["g", "h"]


def test_a_purge_does_not_forget_what_was_sent(sqs: Any, url: str) -> None:
    send(sqs, url, "a1")
    sqs.purge_queue(QueueUrl=url)
    send(sqs, url, "a1")
    assert bodies(sqs, url) == []


def test_sequence_numbers_have_twenty_digits_and_grow(sqs: Any, url: str) -> None:
    numbers = [answer["SequenceNumber"] for answer in send(sqs, url, "a1", "b1", "a2")]
    entries = [{"Id": str(n), "MessageBody": f"c{n}", "MessageGroupId": "c"} for n in range(3)]
    numbers += [
        one["SequenceNumber"] for one in sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]
    ]
    assert numbers == sorted(set(numbers))
    assert {len(number) for number in numbers} == {20}
    received = receive(sqs, url)
    assert {m["Attributes"]["SequenceNumber"] for m in received} == set(numbers)


def test_a_batch_keeps_its_order_and_drops_its_duplicates(sqs: Any, url: str) -> None:
    entries = [{"Id": str(n), "MessageBody": body, "MessageGroupId": "g"} for n, body in enumerate("zyxz")]
    done = sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]
    assert done[0]["MessageId"] == done[3]["MessageId"]
    assert bodies(sqs, url) == ["z", "y", "x"]


# -- a receive that is repeated ------------------------------------------------------------------------


def test_a_receive_can_be_repeated_with_its_attempt_id(sandbox: Sandbox, sqs: Any, url: str) -> None:
    send(sqs, url, "a1", "a2")
    first = receive(sqs, url, ReceiveRequestAttemptId="try")
    sandbox.clock.advance(seconds=20)
    again = receive(sqs, url, ReceiveRequestAttemptId="try")
    assert again == first  # the same handles and counts
    sandbox.clock.advance(seconds=20)  # the timeout began anew
    assert bodies(sqs, url) == []
    assert bodies(sqs, url, ReceiveRequestAttemptId="other") == []


def test_a_receive_cannot_be_repeated_once_a_message_was_changed(
    sandbox: Sandbox, sqs: Any, url: str
) -> None:
    send(sqs, url, "a1", "b1")
    held = receive(sqs, url, most=1, ReceiveRequestAttemptId="one")
    delete(sqs, url, held[0])
    assert bodies(sqs, url, ReceiveRequestAttemptId="one") == ["b1"]
    send(sqs, url, "c1")
    held = receive(sqs, url, ReceiveRequestAttemptId="two")
    given = {"QueueUrl": url, "ReceiptHandle": held[0]["ReceiptHandle"]}
    sqs.change_message_visibility(**given, VisibilityTimeout=100)
    assert bodies(sqs, url, ReceiveRequestAttemptId="two") == []


def test_a_receive_cannot_be_repeated_after_five_minutes_or_after_its_timeout(
    sandbox: Sandbox, sqs: Any, url: str
) -> None:
    send(sqs, url, "a1")
    receive(sqs, url, ReceiveRequestAttemptId="try", VisibilityTimeout=1000)
    sandbox.clock.advance(minutes=5)
    assert bodies(sqs, url, ReceiveRequestAttemptId="try") == []
    send(sqs, url, "b1")
    old = receive(sqs, url, ReceiveRequestAttemptId="short")[0]
    sandbox.clock.advance(seconds=30)
    new = receive(sqs, url, ReceiveRequestAttemptId="short")[0]
    assert new["ReceiptHandle"] != old["ReceiptHandle"]
    assert new["Attributes"]["ApproximateReceiveCount"] == "2"
