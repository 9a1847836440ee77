"""Dead-letter queues, who may use them, and message move tasks."""

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


# -- moving there --------------------------------------------------------------------------------------


def test_a_message_moves_on_the_receive_after_the_last_one_allowed(
    sandbox: Sandbox, sqs: Any, pair: tuple[str, str]
) -> None:
    url, dlq = pair
    sent = sqs.send_message(QueueUrl=url, MessageBody="poison")
    for number in ("1", "2", "3"):
        assert receive(sqs, url)[0]["Attributes"]["ApproximateReceiveCount"] == number
        sandbox.clock.advance(seconds=31)
    assert waiting(sqs, url) == 1  # it moves when somebody receives, not when the timeout ends
    assert receive(sqs, url) == []
    assert (waiting(sqs, url), waiting(sqs, dlq)) == (0, 1)
    moved = receive(sqs, dlq)[0]
    assert moved["MessageId"] == sent["MessageId"]
    assert moved["Attributes"]["DeadLetterQueueSourceArn"] == f"{ARN}orders"
    assert moved["Attributes"]["ApproximateReceiveCount"] == "4"  # counted across all queues
    event = sandbox.trace.where(action="MessageMovedToDLQ")[0]
    assert (event.resource, event.params["MessageId"]) == (f"{ARN}orders", sent["MessageId"])
    assert event.params["DeadLetterQueueArn"] == f"{ARN}dlq"


def test_the_receive_that_moves_poison_gives_the_next_messages(
    sandbox: Sandbox, sqs: Any, pair: tuple[str, str]
) -> None:
    url, dlq = pair
    poison(sandbox, sqs, url, "bad", times=3)
    sqs.send_message(QueueUrl=url, MessageBody="good")
    assert bodies(sqs, url) == ["good"]
    assert bodies(sqs, dlq) == ["bad"]


def test_a_message_keeps_attributes_and_group_on_its_way(
    sandbox: Sandbox, sqs: Any, pair: tuple[str, str]
) -> None:
    more = {"MessageAttributes": {"n": {"DataType": "Number", "StringValue": "7"}}, "MessageGroupId": "t"}
    poison(sandbox, sqs, pair[0], "bad", **more)
    found = receive(sqs, pair[1], MessageAttributeNames=["All"])[0]
    assert found["MessageAttributes"]["n"]["StringValue"] == "7"
    assert found["Attributes"]["MessageGroupId"] == "t"


def test_on_a_standard_queue_a_moved_message_keeps_its_age(sandbox: Sandbox, sqs: Any) -> None:
    dlq = make(sqs, "dlq", MessageRetentionPeriod=str(4 * 86_400))
    url = make(sqs, "orders", MessageRetentionPeriod=str(4 * 86_400), **redrive(most=1))
    sqs.send_message(QueueUrl=url, MessageBody="bad")
    sandbox.clock.advance(days=1)
    receive(sqs, url, VisibilityTimeout=0)
    receive(sqs, url)
    assert waiting(sqs, dlq) == 1
    sandbox.clock.advance(days=3, seconds=-60)
    assert waiting(sqs, dlq) == 1
    sandbox.clock.advance(seconds=60)
    assert waiting(sqs, dlq) == 0


def test_a_dead_letter_queue_with_a_shorter_life_loses_the_message_at_once(
    sandbox: Sandbox, sqs: Any
) -> None:
    dlq = make(sqs, "dlq", MessageRetentionPeriod="86400")
    url = make(sqs, "orders", **redrive(most=1))
    sqs.send_message(QueueUrl=url, MessageBody="bad")
    sandbox.clock.advance(days=2)
    receive(sqs, url, VisibilityTimeout=0)
    receive(sqs, url)
    assert waiting(sqs, dlq) == 0
    assert sandbox.trace.where(action="MessageExpired", resource="dlq")


def test_on_a_fifo_queue_a_moved_message_is_young_again(sandbox: Sandbox, sqs: Any) -> None:
    dlq = make(sqs, "dlq.fifo", MessageRetentionPeriod="86400")
    url = make(sqs, "orders.fifo", **redrive("dlq.fifo", 1))
    sent = sqs.send_message(QueueUrl=url, MessageBody="bad", MessageGroupId="g")
    sandbox.clock.advance(days=2)
    receive(sqs, url, VisibilityTimeout=0)
    receive(sqs, url)
    sandbox.clock.advance(hours=23)
    moved = receive(sqs, dlq, VisibilityTimeout=0)[0]
    assert moved["MessageId"] == sent["MessageId"]
    assert moved["Attributes"]["MessageDeduplicationId"] == sent["MessageId"]
    assert len(moved["Attributes"]["SequenceNumber"]) == 20
    sandbox.clock.advance(hours=2)
    assert waiting(sqs, dlq) == 0


def test_a_poison_message_leaves_its_group_and_the_group_goes_on(sandbox: Sandbox, sqs: Any) -> None:
    dlq = make(sqs, "dlq.fifo")
    url = make(sqs, "orders.fifo", **redrive("dlq.fifo", 3))
    for body in ("bad", "after"):
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")
    for _ in range(3):
        assert bodies(sqs, url, most=1) == ["bad"]
        assert bodies(sqs, url) == []  # the group waits behind its head
        sandbox.clock.advance(seconds=31)
    assert bodies(sqs, url) == ["after"]
    assert bodies(sqs, dlq) == ["bad"]


def test_a_message_stays_while_its_dead_letter_queue_is_gone(
    sandbox: Sandbox, sqs: Any, pair: tuple[str, str]
) -> None:
    sqs.delete_queue(QueueUrl=pair[1])
    sqs.send_message(QueueUrl=pair[0], MessageBody="bad")
    for number in range(1, 7):
        assert receive(sqs, pair[0])[0]["Attributes"]["ApproximateReceiveCount"] == str(number)
        sandbox.clock.advance(seconds=31)


def test_an_empty_policy_takes_the_dead_letter_queue_away(
    sandbox: Sandbox, sqs: Any, pair: tuple[str, str]
) -> None:
    sqs.set_queue_attributes(QueueUrl=pair[0], Attributes={"RedrivePolicy": ""})
    poison(sandbox, sqs, pair[0], "bad", times=6)
    assert (waiting(sqs, pair[0]), waiting(sqs, pair[1])) == (1, 0)


# -- who may use a queue for its dead letters ------------------------------------------------------------


def test_the_sources_of_a_dead_letter_queue_are_listed_in_pages(sqs: Any, pair: tuple[str, str]) -> None:
    more = [make(sqs, f"more-{number}", **redrive()) for number in range(3)]
    assert sqs.list_dead_letter_source_queues(QueueUrl=pair[1])["queueUrls"] == [pair[0], *more]
    pages = sqs.get_paginator("list_dead_letter_source_queues").paginate(
        QueueUrl=pair[1], PaginationConfig={"PageSize": 3}
    )
    assert [len(page["queueUrls"]) for page in pages] == [3, 1]
    assert (
        refused(sqs.list_dead_letter_source_queues, QueueUrl=pair[1], MaxResults=1001)[0]
        == "InvalidParameterValue"
    )


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ("not json", "Redrive policy is not a valid JSON map."),
        ("[]", "Redrive policy is not a valid JSON map."),
        ({}, "Redrive policy does not contain mandatory attribute: maxReceiveCount."),
        ({"maxReceiveCount": 3}, "Redrive policy does not contain mandatory attribute: deadLetterTargetArn."),
        (
            {"deadLetterTargetArn": ARN + "dlq", "maxReceiveCount": 3, "x": 1},
            "Only following attributes are supported",
        ),
        (
            {"deadLetterTargetArn": ARN + "dlq", "maxReceiveCount": 0},
            "Invalid value for maxReceiveCount: 0, valid",
        ),
        (
            {"deadLetterTargetArn": ARN + "dlq", "maxReceiveCount": "1001"},
            "Invalid value for maxReceiveCount: 1001",
        ),
        (
            {"deadLetterTargetArn": ARN + "dlq", "maxReceiveCount": "many"},
            "Invalid value for maxReceiveCount: many",
        ),
        ({"deadLetterTargetArn": "dummy", "maxReceiveCount": 3}, "Invalid value for deadLetterTargetArn."),
        (
            {"deadLetterTargetArn": "arn:aws:sns:eu-west-1:123456789012:t", "maxReceiveCount": 3},
            "Only SQS queues are valid resources for deadLetterTargetArn.",
        ),
        (
            {"deadLetterTargetArn": ARN.replace("west-1", "west-2") + "dlq", "maxReceiveCount": 3},
            "Dead-letter queue must be in the same account and Region as the source.",
        ),
        (
            {"deadLetterTargetArn": ARN.replace("123", "999") + "dlq", "maxReceiveCount": 3},
            "Dead-letter queue must be in the same account and Region as the source.",
        ),
        (
            {"deadLetterTargetArn": ARN + "dlq.fifo", "maxReceiveCount": 3},
            "Dead-letter queue must be same type of queue as the source.",
        ),
        (
            {"deadLetterTargetArn": ARN + "nowhere", "maxReceiveCount": 3},
            "Dead letter target does not exist.",
        ),
    ],
)
def test_redrive_policies_that_cannot_be(sqs: Any, pair: tuple[str, str], policy: Any, reason: str) -> None:
    make(sqs, "dlq.fifo")
    text = policy if isinstance(policy, str) else json.dumps(policy)
    for call in (
        lambda: sqs.create_queue(QueueName="new", Attributes={"RedrivePolicy": text}),
        lambda: sqs.set_queue_attributes(QueueUrl=pair[0], Attributes={"RedrivePolicy": text}),
    ):
        code, message = refused(call)
        assert code == ("InvalidAttributeValue" if isinstance(policy, str) else "InvalidParameterValue")
        assert reason in message
        assert "RedrivePolicy" in message
    kept = sqs.get_queue_attributes(QueueUrl=pair[0], AttributeNames=["RedrivePolicy"])["Attributes"]
    assert json.loads(kept["RedrivePolicy"]) == {"deadLetterTargetArn": ARN + "dlq", "maxReceiveCount": 3}


def test_the_dead_letter_queue_says_who_may_use_it(sqs: Any) -> None:
    allow = {"redrivePermission": "byQueue", "sourceQueueArns": [ARN + "orders"]}
    dlq = make(sqs, "dlq", RedriveAllowPolicy=json.dumps(allow))
    shown = sqs.get_queue_attributes(QueueUrl=dlq, AttributeNames=["RedriveAllowPolicy"])["Attributes"]
    assert json.loads(shown["RedriveAllowPolicy"]) == allow
    make(sqs, "orders", **redrive())
    foreign = {"QueueName": "foreign", "Attributes": redrive()}
    code, message = refused(sqs.create_queue, **foreign)
    assert code == "InvalidParameterValue"
    assert "RedriveAllowPolicy" in message
    for permission, works in (("denyAll", False), ("allowAll", True)):
        policy = json.dumps({"redrivePermission": permission})
        sqs.set_queue_attributes(QueueUrl=dlq, Attributes={"RedriveAllowPolicy": policy})
        if works:
            sqs.create_queue(**foreign)
        else:
            refused(sqs.create_queue, **foreign)
    sqs.set_queue_attributes(QueueUrl=dlq, Attributes={"RedriveAllowPolicy": ""})
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=dlq, AttributeNames=["RedriveAllowPolicy"])


@pytest.mark.parametrize(
    ("policy", "code", "reason"),
    [
        ("{", "InvalidAttributeValue", "unsupported format"),
        ({}, "InvalidAttributeValue", "unsupported format"),
        ({"redrivePermission": "some"}, "InvalidAttributeValue", "unsupported format"),
        ({"redrivePermission": "allowAll", "x": 1}, "InvalidAttributeValue", "unsupported format"),
        (
            {"redrivePermission": "byQueue", "sourceQueueArns": ARN},
            "InvalidAttributeValue",
            "unsupported format",
        ),
        ({"redrivePermission": "byQueue"}, "InvalidParameterValue", "you must also specify one or more"),
        (
            {"redrivePermission": "denyAll", "sourceQueueArns": [ARN + "a"]},
            "InvalidParameterValue",
            "you must set redrivePermission to byQueue",
        ),
        (
            {"redrivePermission": "byQueue", "sourceQueueArns": [f"{ARN}q{n}" for n in range(11)]},
            "InvalidParameterValue",
            "The maximum number of source queue ARNs you can specify is 10.",
        ),
    ],
)
def test_allow_policies_that_cannot_be(sqs: Any, policy: Any, code: str, reason: str) -> None:
    text = policy if isinstance(policy, str) else json.dumps(policy)
    found = refused(sqs.create_queue, QueueName="dlq", Attributes={"RedriveAllowPolicy": text})
    assert found[0] == code
    assert reason in found[1]


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
