"""Message move tasks: dead letters go back."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox

ARN = "arn:aws:sqs:eu-west-1:123456789012:"


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


def redrive(name: str = "dlq", most: Any = 3) -> dict[str, str]:
    return {"RedrivePolicy": json.dumps({"deadLetterTargetArn": ARN + name, "maxReceiveCount": most})}


def make(sqs: Any, name: str, **attributes: str) -> str:
    if name.endswith(".fifo"):
        attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true", **attributes}
    return sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


@pytest.fixture
def pair(sqs: Any) -> tuple[str, str]:
    dlq = make(sqs, "dlq")
    return make(sqs, "orders", **redrive()), dlq


def receive(sqs: Any, url: str, most: int = 10, **more: Any) -> list[dict[str, Any]]:
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=most, AttributeNames=["All"], **more)
    return answer.get("Messages", [])


def bodies(sqs: Any, url: str, most: int = 10, **more: Any) -> list[str]:
    return [message["Body"] for message in receive(sqs, url, most, **more)]


def waiting(sqs: Any, url: str) -> int:
    name = "ApproximateNumberOfMessages"
    return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])


def refused(call: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def poison(sandbox: Sandbox, sqs: Any, url: str, *names: str, times: int = 4, **more: Any) -> list[str]:
    """Send messages and receive each of them until it has moved. Returns their ids."""
    ids = [sqs.send_message(QueueUrl=url, MessageBody=name, **more)["MessageId"] for name in names]
    for _ in range(times):
        receive(sqs, url)
        sandbox.clock.advance(seconds=31)
    return ids


# -- message move tasks ----------------------------------------------------------------------------------


def test_a_task_moves_messages_back_as_new_ones(sandbox: Sandbox, sqs: Any, pair: tuple[str, str]) -> None:
    url, dlq = pair
    old_ids = poison(sandbox, sqs, url, "a", "b")
    sqs.set_queue_attributes(QueueUrl=dlq, Attributes={"MessageRetentionPeriod": "1209600"})
    sandbox.clock.advance(days=3)
    handle = sqs.start_message_move_task(SourceArn=f"{ARN}dlq")["TaskHandle"]
    assert json.loads(base64.b64decode(handle))["sourceArn"] == f"{ARN}dlq"
    running = sqs.list_message_move_tasks(SourceArn=f"{ARN}dlq")["Results"][0]
    assert (running["Status"], running["TaskHandle"]) == ("RUNNING", handle)
    assert (running["ApproximateNumberOfMessagesMoved"], running["ApproximateNumberOfMessagesToMove"]) == (
        0,
        2,
    )
    sandbox.clock.advance(seconds=2)
    done = sqs.list_message_move_tasks(SourceArn=f"{ARN}dlq")["Results"][0]
    assert done["Status"] == "COMPLETED"
    assert done["ApproximateNumberOfMessagesMoved"] == 2
    assert done.keys().isdisjoint(
        {"TaskHandle", "DestinationArn", "MaxNumberOfMessagesPerSecond", "FailureReason"}
    )
    moved = receive(sqs, url)
    assert [m["Body"] for m in moved] == ["a", "b"]
    assert {m["MessageId"] for m in moved}.isdisjoint(old_ids)
    assert {m["Attributes"]["ApproximateReceiveCount"] for m in moved} == {"1"}
    assert "DeadLetterQueueSourceArn" not in moved[0]["Attributes"]
    sandbox.clock.advance(days=3)  # a new age
    assert waiting(sqs, url) == 2
    assert sandbox.trace.where(action="MoveTaskEnded")[0].params == {
        "Status": "COMPLETED", "Moved": 2, "FailureReason": None,
    }  # fmt: skip


def test_each_message_goes_back_to_the_queue_it_came_from(
    sandbox: Sandbox, sqs: Any, pair: tuple[str, str]
) -> None:
    second = make(sqs, "second", **redrive(most=1))
    poison(sandbox, sqs, pair[0], "a")
    poison(sandbox, sqs, second, "b")
    sqs.start_message_move_task(SourceArn=f"{ARN}dlq")
    sandbox.clock.advance(seconds=2)
    assert (bodies(sqs, pair[0]), bodies(sqs, second)) == (["a"], ["b"])


def test_a_task_keeps_to_its_rate(sandbox: Sandbox, sqs: Any, pair: tuple[str, str]) -> None:
    url, dlq = pair
    poison(sandbox, sqs, url, *"abcdefghij")
    sqs.start_message_move_task(
        SourceArn=f"{ARN}dlq", DestinationArn=f"{ARN}orders", MaxNumberOfMessagesPerSecond=3
    )
    for left in (7, 4, 1, 0):
        sandbox.clock.advance(seconds=1)
        assert waiting(sqs, dlq) == left
    task = sqs.list_message_move_tasks(SourceArn=f"{ARN}dlq")["Results"][0]
    assert (task["Status"], task["MaxNumberOfMessagesPerSecond"]) == ("COMPLETED", 3)
    assert task["DestinationArn"] == f"{ARN}orders"
    assert bodies(sqs, url) == list("abcdefghij")


def test_without_a_rate_many_messages_move_quickly(sandbox: Sandbox, sqs: Any, pair: tuple[str, str]) -> None:
    url, dlq = pair
    poison(sandbox, sqs, url, "first")
    for start in range(0, 1200, 10):
        entries = [{"Id": str(n), "MessageBody": str(start + n)} for n in range(10)]
        sqs.send_message_batch(QueueUrl=dlq, Entries=entries)
    sqs.start_message_move_task(SourceArn=f"{ARN}dlq", DestinationArn=f"{ARN}orders")
    sandbox.clock.advance(seconds=3)
    assert (waiting(sqs, dlq), waiting(sqs, url)) == (0, 1201)


def test_messages_in_flight_are_left_alone(sandbox: Sandbox, sqs: Any, pair: tuple[str, str]) -> None:
    poison(sandbox, sqs, pair[0], "a", "b")
    held = receive(sqs, pair[1], most=1, VisibilityTimeout=600)
    sqs.start_message_move_task(SourceArn=f"{ARN}dlq")
    sandbox.clock.advance(seconds=2)
    assert bodies(sqs, pair[0]) == ["b"]
    sqs.delete_message(QueueUrl=pair[1], ReceiptHandle=held[0]["ReceiptHandle"])


def test_a_fifo_task_keeps_order_and_groups(sandbox: Sandbox, sqs: Any) -> None:
    make(sqs, "dlq.fifo")
    url = make(sqs, "orders.fifo", **redrive("dlq.fifo", 1))
    poison(sandbox, sqs, url, "a1", "a2", "a3", MessageGroupId="a")
    poison(sandbox, sqs, url, "b1", MessageGroupId="b")
    sqs.start_message_move_task(SourceArn=f"{ARN}dlq.fifo", MaxNumberOfMessagesPerSecond=1)
    sandbox.clock.advance(seconds=5)
    assert bodies(sqs, url) == ["a1", "a2", "a3", "b1"]


def test_a_task_can_be_cancelled_and_what_moved_stays(
    sandbox: Sandbox, sqs: Any, pair: tuple[str, str]
) -> None:
    url, dlq = pair
    poison(sandbox, sqs, url, *"abcde")
    handle = sqs.start_message_move_task(SourceArn=f"{ARN}dlq", MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
    sandbox.clock.advance(seconds=2)
    assert sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"] == 2
    assert sqs.list_message_move_tasks(SourceArn=f"{ARN}dlq")["Results"][0]["Status"] == "CANCELLING"
    sandbox.clock.advance(seconds=10)
    assert sqs.list_message_move_tasks(SourceArn=f"{ARN}dlq")["Results"][0]["Status"] == "CANCELLED"
    assert (waiting(sqs, dlq), waiting(sqs, url)) == (3, 2)
    assert refused(sqs.cancel_message_move_task, TaskHandle=handle)[0] == "InvalidParameterValue"


def test_one_task_per_source_at_a_time(sandbox: Sandbox, sqs: Any, pair: tuple[str, str]) -> None:
    poison(sandbox, sqs, pair[0], "a", "b")
    sqs.start_message_move_task(SourceArn=f"{ARN}dlq", MaxNumberOfMessagesPerSecond=1)
    assert refused(sqs.start_message_move_task, SourceArn=f"{ARN}dlq") == (
        "InvalidParameterValue",
        "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
    )
    sandbox.clock.advance(seconds=5)
    sqs.start_message_move_task(SourceArn=f"{ARN}dlq")
    assert len(sqs.list_message_move_tasks(SourceArn=f"{ARN}dlq")["Results"]) == 1
    both = sqs.list_message_move_tasks(SourceArn=f"{ARN}dlq", MaxResults=10)["Results"]
    assert [task["Status"] for task in both] == ["RUNNING", "COMPLETED"]


def test_a_task_fails_when_its_destination_is_deleted(
    sandbox: Sandbox, sqs: Any, pair: tuple[str, str]
) -> None:
    url, dlq = pair
    poison(sandbox, sqs, url, *"abc")
    sqs.start_message_move_task(SourceArn=f"{ARN}dlq", MaxNumberOfMessagesPerSecond=1)
    sandbox.clock.advance(seconds=1)
    sqs.delete_queue(QueueUrl=url)
    sandbox.clock.advance(seconds=5)
    task = sqs.list_message_move_tasks(SourceArn=f"{ARN}dlq")["Results"][0]
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "AWS.SimpleQueueService.NonExistentQueue")
    assert bodies(sqs, dlq) == ["b", "c"]


def test_a_task_fails_on_a_message_that_came_from_nowhere(
    sandbox: Sandbox, sqs: Any, pair: tuple[str, str]
) -> None:
    sqs.send_message(QueueUrl=pair[1], MessageBody="sent here directly")
    sqs.start_message_move_task(SourceArn=f"{ARN}dlq")
    sandbox.clock.advance(seconds=2)
    task = sqs.list_message_move_tasks(SourceArn=f"{ARN}dlq")["Results"][0]
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert waiting(sqs, pair[1]) == 1


def test_a_task_ends_quietly_with_its_queue(sandbox: Sandbox, sqs: Any, pair: tuple[str, str]) -> None:
    poison(sandbox, sqs, pair[0], "a")
    sqs.start_message_move_task(SourceArn=f"{ARN}dlq")
    sqs.delete_queue(QueueUrl=pair[1])
    sandbox.clock.advance(seconds=5)
    assert refused(sqs.list_message_move_tasks, SourceArn=f"{ARN}dlq")[0] == "ResourceNotFoundException"


def test_requests_that_cannot_be(sandbox: Sandbox, sqs: Any, pair: tuple[str, str]) -> None:
    make(sqs, "other.fifo")
    source = {"SourceArn": f"{ARN}dlq"}
    gone = "The resource that you specified for the {} parameter doesn't exist."
    start, cancel = sqs.start_message_move_task, sqs.cancel_message_move_task
    assert refused(start, SourceArn=f"{ARN}no") == ("ResourceNotFoundException", gone.format("SourceArn"))
    assert refused(start, SourceArn="no") == ("ResourceNotFoundException", gone.format("SourceArn"))
    assert refused(start, **source, DestinationArn=f"{ARN}no") == (
        "ResourceNotFoundException",
        gone.format("DestinationArn"),
    )
    assert refused(start, SourceArn=f"{ARN}orders") == (
        "InvalidParameterValue",
        "Source queue must be configured as a Dead Letter Queue.",
    )
    for more in (
        {"DestinationArn": f"{ARN}dlq"},
        {"DestinationArn": f"{ARN}other.fifo"},
        {"MaxNumberOfMessagesPerSecond": 0},
        {"MaxNumberOfMessagesPerSecond": 501},
    ):
        assert refused(start, **source, **more)[0] == "InvalidParameterValue"
    for most in (0, 11):
        assert refused(sqs.list_message_move_tasks, **source, MaxResults=most)[0] == "InvalidParameterValue"
    assert sqs.list_message_move_tasks(**source)["Results"] == []
    for text in ("foobared", "e30=", base64.b64encode(b"[1]").decode()):
        assert refused(cancel, TaskHandle=text) == (
            "InvalidParameterValue",
            "Value for parameter TaskHandle is invalid.",
        )
    for arn, message in ((f"{ARN}no", gone.format("SourceArn")), (f"{ARN}dlq", "Task does not exist.")):
        handle = base64.b64encode(json.dumps({"taskId": "x", "sourceArn": arn}).encode()).decode()
        assert refused(cancel, TaskHandle=handle) == ("ResourceNotFoundException", message)
