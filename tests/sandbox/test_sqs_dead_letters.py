"""Dead-letter queues, and who may use them."""

from __future__ import annotations

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
