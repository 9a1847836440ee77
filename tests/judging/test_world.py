"""The outside world of a check: queues and tables as somebody else sees them."""

from __future__ import annotations

import json
from decimal import Decimal

import boto3
import pytest

from labkit.judging import World
from labkit.sandbox import Sandbox
from labkit.sandbox.trace import Trace


@pytest.fixture
def world(sandbox: Sandbox) -> World:
    return World(sandbox, seed=7, trace=Trace())


def test_a_queue_that_is_not_there_is_none(world: World) -> None:
    assert world.queue("orders") is None


def test_a_queues_settings_as_numbers(world: World) -> None:
    sqs = boto3.client("sqs")
    dead = sqs.create_queue(QueueName="orders-dlq")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "3"})
    sqs.create_queue(
        QueueName="orders",
        Attributes={
            "VisibilityTimeout": "45",
            "ReceiveMessageWaitTimeSeconds": "20",
            "RedrivePolicy": policy,
        },
        tags={"project": "orchard"},
    )
    orders = world.queue("orders")
    assert orders is not None
    assert (orders.visibility_timeout, orders.wait, orders.delay, orders.retention) == (45, 20, 0, 345600)
    assert orders.arn.endswith(":orders")
    assert orders.tags == {"project": "orchard"}
    assert orders.redrive is not None
    assert int(orders.redrive["maxReceiveCount"]) == 3
    dead_letter = orders.dead_letter
    assert dead_letter is not None
    assert (dead_letter.name, dead_letter.arn, dead_letter.redrive, dead_letter.dead_letter) == (
        "orders-dlq", arn, None, None,
    )  # fmt: skip


def test_messages_are_sent_received_and_deleted(world: World) -> None:
    boto3.client("sqs").create_queue(QueueName="orders")
    orders = world.queue("orders")
    assert orders is not None
    kind = {"kind": {"DataType": "String", "StringValue": "tea"}}
    sent = [orders.send("one", attributes=kind), orders.send({"n": 2})]
    assert orders.visible == 2
    first = orders.receive(visibility=60)[0]
    assert (first.id, first.body, first.count) == (sent[0], "one", 1)
    assert first.attributes["kind"]["StringValue"] == "tea"
    assert (orders.visible, orders.in_flight) == (1, 1)
    orders.delete(first)
    assert [one.body for one in orders.drain()] == ['{"n": 2}']
    assert (orders.visible, orders.in_flight, orders.receive()) == (0, 0, [])


def test_a_peek_is_no_receive(world: World) -> None:
    boto3.client("sqs").create_queue(QueueName="orders")
    orders = world.queue("orders")
    assert orders is not None
    orders.send("now")
    orders.send("later", delay=10)
    now, later = orders.messages()
    assert (now.body, now.count, now.visible) == ("now", 0, True)
    assert (later.visible, round(later.visible_at - world.clock.time())) == (False, 10)
    assert (orders.visible, orders.delayed) == (1, 1), "looking changed nothing"
    assert orders.receive()[0].count == 1
    assert [(one.count, one.visible) for one in orders.messages()] == [(1, False), (0, False)]
    world.clock.advance(seconds=31)
    assert [one.visible for one in orders.messages()] == [True, True]


def test_purge_works_even_after_the_learner_purged(world: World) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    sqs.purge_queue(QueueUrl=url)
    orders = world.queue("orders")
    assert orders is not None
    orders.send("one")
    orders.receive()
    orders.send("two")
    orders.purge()
    assert orders.messages() == []


def test_a_view_stays_right_inside_a_rehearsal(world: World) -> None:
    boto3.client("sqs").create_queue(QueueName="orders")
    orders = world.queue("orders")
    assert orders is not None
    with world.rehearsal():
        orders.send("gone")
        assert len(orders.messages()) == 1
    assert orders.messages() == []
    assert orders.visible == 0


def test_what_the_world_does_is_not_the_learners(world: World) -> None:
    boto3.client("sqs").create_queue(QueueName="orders")
    orders = world.queue("orders")
    assert orders is not None
    orders.send("x")
    assert {event.caller for event in world.sandbox.trace.where(action="SendMessage")} == {"checker"}


def test_clients_are_made_once_for_an_account(world: World) -> None:
    again = World(world.sandbox, seed=8, trace=Trace())
    assert world.client("sqs") is again.client("sqs")
    assert world.client("sqs") is not world.client("sqs", "us-east-1")
    assert world.queue("orders", region="us-east-1") is None


def test_words_are_fresh_and_repeat_with_the_seed(world: World) -> None:
    words = [world.word() for _ in range(50)]
    assert len(set(words)) == 50
    assert all(len(word) == 9 for word in words)
    assert [World(world.sandbox, 7, Trace()).word()] == words[:1]


def test_a_table_as_plain_python(world: World) -> None:
    assert world.table("orders") is None
    boto3.client("dynamodb").create_table(
        TableName="orders",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    orders = world.table("orders")
    assert orders is not None
    assert orders.items() == []
    assert orders, "an empty table is still a table"
    orders.put({"id": "a", "total": 2.5, "lines": [{"n": 1}], "tags": {"x", "y"}, "none": None})
    orders.put({"id": "b", "total": 7})
    found = orders.get("a")
    assert found == {
        "id": "a",
        "total": Decimal("2.5"),
        "lines": [{"n": 1}],
        "tags": {"x", "y"},
        "none": None,
    }
    assert isinstance(found["lines"][0]["n"], int)
    assert orders.get({"id": "b"}) == {"id": "b", "total": 7}
    assert orders.get("zzz") is None
    assert (len(orders), orders.key) == (2, ("id",))
    orders.delete("a")
    orders.clear()
    assert len(orders) == 0
    assert orders.arn.endswith("table/orders")


def test_until_says_after_how_many_seconds_or_that_it_never_was(world: World) -> None:
    with world.clock.paused():
        begun = world.clock.time()
        assert world.until(lambda: True, 60) == 0
        assert world.until(lambda: world.clock.time() >= begun + 12, 60) == 15
        assert world.until(lambda: world.clock.time() >= begun + 40, 60, step=20) == 40
        assert world.until(lambda: False, 30, step=10) is None
        assert world.clock.time() == begun + 15 + 40 + 30
