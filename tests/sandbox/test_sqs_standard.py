"""The life of a message in a standard queue, on the virtual clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox
from labkit.sandbox.services import _sqs_engine


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


def refused(call: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


# -- visibility ----------------------------------------------------------------------------------------


def test_a_received_message_is_hidden_and_comes_back_after_the_timeout(
    sandbox: Sandbox, sqs: Any, url: str
) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="a")
    first = receive(sqs, url)[0]
    assert receive(sqs, url) == []
    sandbox.clock.advance(seconds=29)
    assert receive(sqs, url) == []
    sandbox.clock.advance(seconds=1)
    second = receive(sqs, url)[0]
    assert second["MessageId"] == first["MessageId"]
    assert second["ReceiptHandle"] != first["ReceiptHandle"]
    assert [m["Attributes"]["ApproximateReceiveCount"] for m in (first, second)] == ["1", "2"]
    stamps = [m["Attributes"]["ApproximateFirstReceiveTimestamp"] for m in (first, second)]
    assert stamps[0] == stamps[1]


def test_a_deleted_message_never_comes_back_and_deleting_again_is_no_error(
    sandbox: Sandbox, sqs: Any, url: str
) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="a")
    handle = receive(sqs, url)[0]["ReceiptHandle"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    sandbox.clock.advance(hours=1)
    assert receive(sqs, url) == []


def test_a_message_can_be_deleted_after_its_timeout_while_nobody_else_received_it(
    sandbox: Sandbox, sqs: Any, url: str
) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="a")
    handle = receive(sqs, url)[0]["ReceiptHandle"]
    sandbox.clock.advance(seconds=31)
    assert counts(sqs, url) == (1, 0, 0)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    assert counts(sqs, url) == (0, 0, 0)


def test_an_old_receipt_handle_deletes_nothing_once_somebody_else_has_the_message(
    sandbox: Sandbox, sqs: Any, url: str
) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="a")
    old = receive(sqs, url)[0]["ReceiptHandle"]
    sandbox.clock.advance(seconds=31)
    new = receive(sqs, url)[0]["ReceiptHandle"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=old)
    assert counts(sqs, url) == (0, 1, 0)
    assert sandbox.trace.where(action="DeleteIgnored")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=new)
    assert counts(sqs, url) == (0, 0, 0)


def test_the_timeout_of_one_receive_and_a_timeout_of_zero(sandbox: Sandbox, sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="a")
    assert bodies(sqs, url, VisibilityTimeout=0) == ["a"]
    assert bodies(sqs, url, VisibilityTimeout=100) == ["a"]
    sandbox.clock.advance(seconds=99)
    assert bodies(sqs, url) == []
    sandbox.clock.advance(seconds=1)
    assert receive(sqs, url)[0]["Attributes"]["ApproximateReceiveCount"] == "3"


def test_a_receive_with_timeout_zero_gives_each_message_once(sqs: Any, url: str) -> None:
    for body in "abc":
        sqs.send_message(QueueUrl=url, MessageBody=body)
    assert bodies(sqs, url, VisibilityTimeout=0) == ["a", "b", "c"]


def test_a_heartbeat_keeps_a_message_hidden(sandbox: Sandbox, sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="a")
    handle = receive(sqs, url)[0]["ReceiptHandle"]
    for _ in range(5):
        sandbox.clock.advance(seconds=20)
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=30)
    assert receive(sqs, url) == []
    sandbox.clock.advance(seconds=30)
    assert bodies(sqs, url) == ["a"]


def test_visibility_zero_gives_a_message_back_at_once(sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="a")
    handle = receive(sqs, url)[0]["ReceiptHandle"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
    assert bodies(sqs, url) == ["a"]


def test_a_message_that_became_visible_can_be_hidden_again_with_its_latest_handle(
    sandbox: Sandbox, sqs: Any, url: str
) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="a")
    sqs.send_message(QueueUrl=url, MessageBody="b")
    handle = receive(sqs, url, most=1)[0]["ReceiptHandle"]
    sandbox.clock.advance(seconds=31)
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=10)
    assert bodies(sqs, url, VisibilityTimeout=0) == ["b"]
    sandbox.clock.advance(seconds=10)
    assert bodies(sqs, url) == ["a", "b"]


def test_twelve_hours_after_the_receive_is_the_end(sandbox: Sandbox, sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="a")
    sandbox.clock.advance(hours=5)  # time in the queue does not count
    handle = receive(sqs, url)[0]["ReceiptHandle"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=43_200)
    sandbox.clock.advance(hours=2)
    given = {"QueueUrl": url, "ReceiptHandle": handle}
    sqs.change_message_visibility(**given, VisibilityTimeout=35_000)
    code, message = refused(sqs.change_message_visibility, **given, VisibilityTimeout=36_001)
    assert (
        code,
        "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]" in message,
    ) == (
        "InvalidParameterValue",
        True,
    )


def test_made_up_and_used_up_handles(sandbox: Sandbox, sqs: Any, url: str) -> None:
    other = sqs.create_queue(QueueName="other")["QueueUrl"]
    sqs.send_message(QueueUrl=other, MessageBody="a")
    foreign = receive(sqs, other)[0]["ReceiptHandle"]
    for handle in ("nonsense", foreign, foreign[:-4] + "AAA=", "AQEBé"):
        for call in (sqs.delete_message, sqs.change_message_visibility):
            more = {} if call == sqs.delete_message else {"VisibilityTimeout": 1}
            assert refused(call, QueueUrl=url, ReceiptHandle=handle, **more) == (
                "ReceiptHandleIsInvalid",
                f'The input receipt handle "{handle}" is not a valid receipt handle.',
            )
    sqs.delete_message(QueueUrl=other, ReceiptHandle=foreign)
    code, message = refused(
        sqs.change_message_visibility, QueueUrl=other, ReceiptHandle=foreign, VisibilityTimeout=1
    )
    assert code == "InvalidParameterValue"
    assert "Message does not exist or is not available for visibility timeout change." in message


def test_a_message_received_three_times_goes_to_the_back(sandbox: Sandbox, sqs: Any, url: str) -> None:
    for body in ("poison", "b", "c"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    for _ in range(2):
        assert bodies(sqs, url, most=1) == ["poison"]
        sandbox.clock.advance(seconds=30)
    assert bodies(sqs, url, most=1) == ["poison"]
    sandbox.clock.advance(seconds=30)
    assert bodies(sqs, url) == ["b", "c", "poison"]


# -- counters, purge, the end of a queue -----------------------------------------------------------------


def test_counters_follow_every_step(sandbox: Sandbox, sqs: Any, url: str) -> None:
    for number in range(5):
        sqs.send_message(QueueUrl=url, MessageBody=str(number), DelaySeconds=60 * (number > 2))
    assert counts(sqs, url) == (3, 0, 2)
    held = receive(sqs, url, most=2)
    assert counts(sqs, url) == (1, 2, 2)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=held[0]["ReceiptHandle"])
    assert counts(sqs, url) == (1, 1, 2)
    sandbox.clock.advance(seconds=30)
    assert counts(sqs, url) == (2, 0, 2)
    sandbox.clock.advance(seconds=30)
    assert counts(sqs, url) == (4, 0, 0)


def test_purge_empties_the_queue_once_a_minute(sandbox: Sandbox, sqs: Any, url: str) -> None:
    for delay in (0, 0, 100):
        sqs.send_message(QueueUrl=url, MessageBody="a", DelaySeconds=delay)
    handle = receive(sqs, url, most=1)[0]["ReceiptHandle"]
    sqs.purge_queue(QueueUrl=url)
    assert counts(sqs, url) == (0, 0, 0)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    sandbox.clock.advance(seconds=58)
    assert refused(sqs.purge_queue, QueueUrl=url) == (
        "AWS.SimpleQueueService.PurgeQueueInProgress",
        "Only one PurgeQueue operation on orders is allowed every 60 seconds.",
    )
    sandbox.clock.advance(seconds=2)
    sqs.purge_queue(QueueUrl=url)
    sandbox.clock.advance(days=20)
    assert counts(sqs, url) == (0, 0, 0)


def test_a_deleted_name_is_taken_for_sixty_seconds(sandbox: Sandbox, sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="a")
    sqs.delete_queue(QueueUrl=url)
    assert not sandbox.clock.waiting
    assert (
        refused(sqs.send_message, QueueUrl=url, MessageBody="b")[0]
        == "AWS.SimpleQueueService.NonExistentQueue"
    )
    assert refused(sqs.create_queue, QueueName="orders") == (
        "AWS.SimpleQueueService.QueueDeletedRecently",
        "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
    )
    with pytest.raises(sqs.exceptions.QueueDeletedRecently):
        sqs.create_queue(QueueName="orders")
    sandbox.clock.advance(seconds=60)
    again = sqs.create_queue(QueueName="orders")["QueueUrl"]
    assert receive(sqs, again) == []


def test_a_queue_that_does_not_exist(sqs: Any, url: str) -> None:
    for missing in (url + "x", url.replace("123456789012", "999999999999"), "nowhere"):
        assert refused(sqs.receive_message, QueueUrl=missing) == (
            "AWS.SimpleQueueService.NonExistentQueue",
            "The specified queue does not exist.",
        )
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName="nowhere")


def test_the_limit_of_messages_in_flight(
    sandbox: Sandbox, sqs: Any, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sqs_engine, "IN_FLIGHT_LIMIT", 12)
    for number in range(20):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    assert len(receive(sqs, url)) == 10
    assert len(receive(sqs, url)) == 2
    assert refused(sqs.receive_message, QueueUrl=url)[0] == "OverLimit"
    with pytest.raises(sqs.exceptions.OverLimit):
        sqs.receive_message(QueueUrl=url)
    assert receive(sqs, url, WaitTimeSeconds=5) == []  # a long poll gives nothing and no error
    assert len(receive(sqs, url, WaitTimeSeconds=20, VisibilityTimeout=600)) == 0
    assert len(receive(sqs, url, WaitTimeSeconds=20)) == 10  # it wakes when timeouts end


def test_one_piece_of_due_work_per_queue(sandbox: Sandbox, sqs: Any, url: str) -> None:
    for number in range(30):
        sqs.send_message(QueueUrl=url, MessageBody=str(number), DelaySeconds=number)
    receive(sqs, url, most=10)
    assert len(sandbox.clock.waiting) == 1
    sqs.purge_queue(QueueUrl=url)
    assert len(sandbox.clock.waiting) == 0


def test_the_trace_tells_the_story_of_a_message(sandbox: Sandbox, sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="a", DelaySeconds=5)
    sandbox.clock.advance(seconds=5)
    receive(sqs, url)
    sandbox.clock.advance(seconds=30)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=receive(sqs, url)[0]["ReceiptHandle"])
    arn = "arn:aws:sqs:eu-west-1:123456789012:orders"
    story = sandbox.trace.where(kind="state", resource=arn)
    assert [event.action for event in story] == [
        "MessageSent", "MessageVisible", "MessageReceived", "MessageVisible", "MessageReceived", "MessageDeleted",
    ]  # fmt: skip
    assert [event.params["ReceiveCount"] for event in story] == [0, 0, 1, 1, 2, 2]
    assert [event.params.get("After") for event in story if event.action == "MessageVisible"] == [
        "delayed",
        "in flight",
    ]
    assert len({event.params["MessageId"] for event in story}) == 1
    sent = sandbox.trace.where(action="SendMessage")[0]
    assert story[0].cause == sent.sequence
    assert sandbox.clock.run_until("MessageVisible", limit=1) is False
