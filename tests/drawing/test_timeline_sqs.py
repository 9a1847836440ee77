"""Events of the queues as lanes: what each bar and mark says about a message."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from labkit.drawing.lanes.sqs import story
from labkit.drawing.timeline_history import happened
from labkit.drawing.timeline_model import Lane
from labkit.sandbox import Sandbox

DLQ = "arn:aws:sqs:eu-west-1:123456789012:orders-dlq"


@pytest.fixture
def sqs(sandbox: Sandbox) -> Any:
    return boto3.client("sqs")


@pytest.fixture
def orders(sqs: Any) -> str:
    return str(sqs.create_queue(QueueName="orders")["QueueUrl"])


def lanes(sandbox: Sandbox, resource: str = "") -> list[Lane]:
    return list(story(happened(sandbox, resource)).lanes)


def only(sandbox: Sandbox) -> Lane:
    [lane] = lanes(sandbox)
    return lane


def states(lane: Lane) -> list[str]:
    return [bar.state for bar in lane.bars]


def said(lane: Lane) -> list[str]:
    return [mark.said for mark in lane.marks]


def receive(sqs: Any, url: str, **more: Any) -> dict[str, Any]:
    message: dict[str, Any] = sqs.receive_message(QueueUrl=url, **more)["Messages"][0]
    return message


def test_a_message_waits_flies_and_is_deleted(sandbox: Sandbox, sqs: Any, orders: str) -> None:
    sqs.send_message(QueueUrl=orders, MessageBody="tea for Amara")
    sandbox.clock.advance(seconds=5)
    message = receive(sqs, orders)
    sandbox.clock.advance(seconds=10)
    sqs.delete_message(QueueUrl=orders, ReceiptHandle=message["ReceiptHandle"])
    lane = only(sandbox)
    assert lane.name == "tea for Amara"
    assert states(lane) == ["waiting", "in flight", "deleted"]
    assert said(lane) == ["sent", "received", "deleted"]
    assert [round(bar.end - bar.start) for bar in lane.bars[:2]] == [5, 10]
    assert lane.now == ""


def test_a_message_in_flight_says_until_when(sandbox: Sandbox, sqs: Any, orders: str) -> None:
    sqs.send_message(QueueUrl=orders, MessageBody="tea")
    receive(sqs, orders, VisibilityTimeout=45)
    lane = only(sandbox)
    assert lane.bars[-1].planned == pytest.approx(lane.marks[-1].time + 45, abs=0.2)
    assert lane.now.startswith("now in flight in orders until ")


def test_a_timeout_that_nobody_has_seen_is_told_and_stays_unplayed(
    sandbox: Sandbox, sqs: Any, orders: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqs.send_message(QueueUrl=orders, MessageBody="tea")
    receive(sqs, orders, VisibilityTimeout=30)
    later = sandbox.clock.time() + 100
    monkeypatch.setattr(sandbox.trace, "clock", lambda: later)
    lane = only(sandbox)
    assert states(lane) == ["waiting", "in flight", "waiting"]
    assert said(lane)[-1] == "visible again"
    assert sandbox.trace.where(action="MessageVisible") == []


def test_a_delayed_message_waits_when_its_delay_is_over(sandbox: Sandbox, sqs: Any, orders: str) -> None:
    sqs.send_message(QueueUrl=orders, MessageBody="tea", DelaySeconds=20)
    sandbox.clock.advance(seconds=30)
    lane = only(sandbox)
    assert states(lane) == ["delayed", "waiting"]
    assert said(lane) == ["sent", "visible"]


def test_a_heartbeat_and_a_message_given_back(sandbox: Sandbox, sqs: Any, orders: str) -> None:
    sqs.send_message(QueueUrl=orders, MessageBody="tea")
    handle = receive(sqs, orders)["ReceiptHandle"]
    for seconds in (60, 0):
        sandbox.clock.advance(seconds=10)
        sqs.change_message_visibility(QueueUrl=orders, ReceiptHandle=handle, VisibilityTimeout=seconds)
    lane = only(sandbox)
    assert states(lane) == ["waiting", "in flight", "waiting"]
    assert said(lane)[-2:] == ["kept hidden", "given back"]


def test_a_poison_message_goes_on_in_the_dead_letter_queue_and_comes_back(
    sandbox: Sandbox, sqs: Any, orders: str
) -> None:
    sqs.create_queue(QueueName="orders-dlq")
    policy = json.dumps({"deadLetterTargetArn": DLQ, "maxReceiveCount": "2"})
    sqs.set_queue_attributes(QueueUrl=orders, Attributes={"RedrivePolicy": policy})
    sqs.send_message(QueueUrl=orders, MessageBody="poison")
    for _ in range(3):
        sqs.receive_message(QueueUrl=orders)
        sandbox.clock.advance(seconds=31)
    lane = only(sandbox)
    assert lane.places == ("orders", "orders-dlq")
    assert states(lane)[-1] == "dead-lettered"
    assert said(lane)[-1] == "moved to orders-dlq"
    sqs.start_message_move_task(SourceArn=DLQ)
    sandbox.clock.advance(seconds=2)
    lane = only(sandbox)  # the message has a new id now: it is the same lane all the same
    assert states(lane)[-1] == "waiting"
    assert "moved back to orders" in said(lane)


def test_a_message_that_comes_twice_is_one_lane_until_both_copies_are_gone(
    sandbox: Sandbox, sqs: Any, orders: str
) -> None:
    sandbox.faults.put("sqs.duplicate", 1.0, within=2)
    sqs.send_message(QueueUrl=orders, MessageBody="tea")
    first = receive(sqs, orders)
    sandbox.clock.advance(seconds=5)
    sandbox.faults.clear()
    second = receive(sqs, orders)
    sqs.delete_message(QueueUrl=orders, ReceiptHandle=first["ReceiptHandle"])
    assert states(only(sandbox))[-1] == "in flight"
    sqs.delete_message(QueueUrl=orders, ReceiptHandle=second["ReceiptHandle"])
    lane = only(sandbox)
    assert "a second copy appeared" in said(lane)
    assert states(lane)[-1] == "deleted"


def test_what_is_purged_expired_or_lost_with_its_queue_ends(sandbox: Sandbox, sqs: Any, orders: str) -> None:
    short = {"MessageRetentionPeriod": "60"}
    brief = sqs.create_queue(QueueName="brief", Attributes=short)["QueueUrl"]
    doomed = sqs.create_queue(QueueName="doomed")["QueueUrl"]
    for url, body in ((orders, "purged"), (brief, "expired"), (doomed, "deleted")):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    sqs.purge_queue(QueueUrl=orders)
    sqs.delete_queue(QueueUrl=doomed)
    sandbox.clock.advance(seconds=120)
    ends = {lane.name: (lane.state, lane.marks[-1].said) for lane in lanes(sandbox)}
    assert ends == {
        "purged": ("lost", "purged"),
        "expired": ("lost", "expired"),
        "deleted": ("lost", "lost with its queue"),
    }


def test_a_queue_of_the_same_name_elsewhere_keeps_its_messages(
    sandbox: Sandbox, sqs: Any, orders: str
) -> None:
    far = boto3.client("sqs", region_name="us-east-1")
    url = far.create_queue(QueueName="orders")["QueueUrl"]
    sqs.send_message(QueueUrl=orders, MessageBody="here")
    far.send_message(QueueUrl=url, MessageBody="there")
    far.delete_queue(QueueUrl=url)
    assert {lane.name: lane.state for lane in lanes(sandbox)} == {"here": "waiting", "there": "lost"}


def test_a_batch_names_its_messages(sandbox: Sandbox, sqs: Any, orders: str) -> None:
    entries = [{"Id": str(number), "MessageBody": f"order {number}"} for number in range(3)]
    sqs.send_message_batch(QueueUrl=orders, Entries=entries)
    assert [lane.name for lane in lanes(sandbox)] == ["order 0", "order 1", "order 2"]


def test_messages_of_a_batch_with_failures_get_their_names_from_the_account(
    sandbox: Sandbox, sqs: Any, orders: str
) -> None:
    sandbox.faults.put("sqs.batch_entry_fails", 0.5)
    entries = [{"Id": str(number), "MessageBody": f"order {number}"} for number in range(8)]
    done = sqs.send_message_batch(QueueUrl=orders, Entries=entries)
    wanted = [f"order {one['Id']}" for one in done["Successful"]]
    assert 0 < len(wanted) < 8
    assert [lane.name for lane in lanes(sandbox)] == wanted


def test_equal_bodies_are_told_apart(sandbox: Sandbox, sqs: Any, orders: str) -> None:
    for _ in range(2):
        sqs.send_message(QueueUrl=orders, MessageBody="tea")
    first, second = (lane.name for lane in lanes(sandbox))
    assert first != second
    assert first.startswith("tea \u00b7 ")


def test_one_queue_shows_only_what_was_in_it(sandbox: Sandbox, sqs: Any, orders: str) -> None:
    mail = sqs.create_queue(QueueName="mail")["QueueUrl"]
    sqs.send_message(QueueUrl=orders, MessageBody="tea")
    sqs.send_message(QueueUrl=mail, MessageBody="letter")
    assert [lane.name for lane in lanes(sandbox, "mail")] == ["letter"]
    assert [lane.detail for lane in lanes(sandbox)] == ["orders", "mail"]


def test_a_duplicate_send_on_a_fifo_queue_is_marked(sandbox: Sandbox, sqs: Any) -> None:
    url = sqs.create_queue(QueueName="pay.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    for _ in range(2):
        sqs.send_message(QueueUrl=url, MessageBody="pay", MessageGroupId="a", MessageDeduplicationId="1")
    lane = only(sandbox)
    assert said(lane) == ["sent", "sent again and not taken"]
    assert states(lane) == ["waiting"]


def test_what_a_restore_has_undone_is_not_told(sandbox: Sandbox, sqs: Any, orders: str) -> None:
    sqs.send_message(QueueUrl=orders, MessageBody="kept")
    snapshot = sandbox.snapshot()
    sandbox.trace.record("state", "lab", "Snapshot", resource="before")
    sqs.send_message(QueueUrl=orders, MessageBody="undone")
    sandbox.clock.advance(hours=1)
    sandbox.restore(snapshot)
    sandbox.trace.record("state", "lab", "Restore", resource="before")
    sqs.send_message(QueueUrl=orders, MessageBody="after")
    assert [lane.name for lane in lanes(sandbox)] == ["kept", "after"]


def test_a_message_that_is_older_than_the_record_is_told_from_what_is_known(
    sandbox: Sandbox, sqs: Any, orders: str
) -> None:
    sqs.send_message(QueueUrl=orders, MessageBody="old")
    sandbox.trace.clear()
    receive(sqs, orders)
    lane = only(sandbox)
    assert lane.name == "old"
    assert states(lane) == ["in flight"]
