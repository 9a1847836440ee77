"""FIFO topics: once in five minutes, in order within a group, and again from the archive."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.sandbox.snskit import SQS, Post, refusal


def attributes(message: dict[str, Any]) -> tuple[str, str]:
    found = message["Attributes"]
    return found["MessageGroupId"], found["MessageDeduplicationId"]


def test_group_and_deduplication_id_reach_the_queue(post: Post) -> None:
    topic = post.topic("news.fifo")
    post.subscribe(topic, "sqs", post.queue("orders.fifo"))
    sent = post.publish(topic, "tea", MessageGroupId="g", MessageDeduplicationId="d")
    [message] = post.received(SQS + "orders.fifo")
    assert attributes(message) == ("g", "d")
    envelope = json.loads(message["Body"])
    assert envelope["SequenceNumber"] == sent["SequenceNumber"]
    assert "Signature" not in envelope  # messages of FIFO topics are not signed


def test_the_body_makes_the_id_when_the_topic_says_so(post: Post) -> None:
    topic = post.topic("news.fifo", ContentBasedDeduplication="true")
    post.subscribe(topic, "sqs", post.queue("orders.fifo"), RawMessageDelivery="true")
    first = post.publish(topic, "tea", MessageGroupId="g")
    again = post.publish(topic, "tea", MessageGroupId="g")
    assert (again["MessageId"], again["SequenceNumber"]) == (first["MessageId"], first["SequenceNumber"])
    [message] = post.received(SQS + "orders.fifo")
    assert attributes(message) == ("g", hashlib.sha256(b"tea").hexdigest())


def test_after_five_minutes_the_same_id_is_a_new_message(post: Post) -> None:
    topic = post.topic("news.fifo", ContentBasedDeduplication="true")
    post.subscribe(topic, "sqs", post.queue("orders.fifo"))
    first = post.publish(topic, "tea", MessageGroupId="g")
    post.sandbox.clock.advance(seconds=298)
    assert post.publish(topic, "tea", MessageGroupId="g")["MessageId"] == first["MessageId"]
    post.sandbox.clock.advance(seconds=3)
    assert post.publish(topic, "tea", MessageGroupId="g")["MessageId"] != first["MessageId"]
    assert len(post.bodies(SQS + "orders.fifo")) == 2


@pytest.mark.parametrize(("scope", "arrived"), [("Topic", 1), ("MessageGroup", 2)])
def test_the_scope_decides_whether_another_group_is_another_message(
    post: Post, scope: str, arrived: int
) -> None:
    topic = post.topic("news.fifo", ContentBasedDeduplication="true", FifoThroughputScope=scope)
    post.subscribe(
        topic,
        "sqs",
        post.queue("orders.fifo", DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId"),
    )
    for group in ("g", "h"):
        post.publish(topic, "tea", MessageGroupId=group)
    assert len(post.bodies(SQS + "orders.fifo")) == arrived


def test_sequence_numbers_grow(post: Post) -> None:
    topic = post.topic("news.fifo", ContentBasedDeduplication="true")
    numbers = [post.publish(topic, str(n), MessageGroupId="g")["SequenceNumber"] for n in range(12)]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) == 12
    assert {len(number) for number in numbers} == {20}


def test_a_standard_queue_gets_the_message_without_group_and_id(post: Post) -> None:
    topic = post.topic("news.fifo")
    post.subscribe(topic, "sqs", post.queue())
    post.publish(topic, "tea", MessageGroupId="g", MessageDeduplicationId="d")
    [message] = post.received()
    assert not {"MessageGroupId", "MessageDeduplicationId"} & message["Attributes"].keys()


def test_the_order_of_a_group_survives_a_failing_queue(post: Post) -> None:
    topic = post.topic("news.fifo", ContentBasedDeduplication="true")
    post.subscribe(topic, "sqs", post.queue("orders.fifo"), RawMessageDelivery="true")
    post.subscribe(topic, "sqs", post.queue("other.fifo"), RawMessageDelivery="true")
    post.sandbox.faults.put("delivery.unavailable", 1.0, target=SQS + "orders.fifo")
    for number in range(5):
        post.publish(topic, f"a{number}", MessageGroupId="a")
        post.publish(topic, f"b{number}", MessageGroupId="b")
    assert len(post.bodies(SQS + "other.fifo")) == 10
    post.sandbox.clock.advance(minutes=1)
    assert post.bodies(SQS + "orders.fifo") == []
    post.sandbox.faults.clear()
    post.sandbox.clock.advance(minutes=1)
    bodies = post.bodies(SQS + "orders.fifo")
    assert [body for body in bodies if body[0] == "a"] == [f"a{n}" for n in range(5)]
    assert [body for body in bodies if body[0] == "b"] == [f"b{n}" for n in range(5)]


def test_what_was_given_up_lets_the_next_of_its_group_go_and_is_in_the_fifo_dead_letter_queue(
    post: Post,
) -> None:
    topic = post.topic("news.fifo")
    dead = json.dumps({"deadLetterTargetArn": post.queue("dead.fifo")})
    post.subscribe(
        topic, "sqs", post.queue("orders.fifo", allowed=False), RedrivePolicy=dead, RawMessageDelivery="true"
    )
    for number in range(3):
        post.publish(topic, f"tea {number}", MessageGroupId="g", MessageDeduplicationId=f"d{number}")
    post.sandbox.clock.advance(seconds=1)
    messages = post.received(SQS + "dead.fifo")
    assert [message["Body"] for message in messages] == ["tea 0", "tea 1", "tea 2"]
    assert [attributes(message) for message in messages] == [("g", f"d{n}") for n in range(3)]


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({}, "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"),
        (
            {"MessageGroupId": "g"},
            "Invalid parameter: The topic should either have ContentBasedDeduplication enabled or "
            "MessageDeduplicationId provided explicitly",
        ),
        ({"MessageGroupId": "g g", "MessageDeduplicationId": "d"}, "Invalid parameter: MessageGroupId"),
        (
            {"MessageGroupId": "g", "MessageDeduplicationId": "d" * 129},
            "Invalid parameter: MessageDeduplicationId",
        ),
    ],
)
def test_a_fifo_topic_wants_group_and_id(post: Post, params: dict[str, str], says: str) -> None:
    topic = post.topic("news.fifo")
    assert refusal(post.publish, topic, **params) == ("InvalidParameter", says)


def test_another_topic_takes_no_deduplication_id(post: Post) -> None:
    code, message = refusal(post.publish, post.topic(), MessageDeduplicationId="d")
    assert (code, message) == (
        "InvalidParameter",
        "Invalid parameter: MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter "
        "that is not valid for this topic type",
    )


def test_a_batch_is_deduplicated_inside_and_across_calls(post: Post) -> None:
    topic = post.topic("news.fifo")
    post.subscribe(topic, "sqs", post.queue("orders.fifo"), RawMessageDelivery="true")
    entries = [
        {"Id": str(n), "Message": f"tea {n}", "MessageGroupId": "g", "MessageDeduplicationId": f"d{n % 3}"}
        for n in range(4)
    ]
    first = post.sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)["Successful"]
    again = post.sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)["Successful"]
    assert [one["SequenceNumber"] for one in first] == [one["SequenceNumber"] for one in again]
    assert first[0]["MessageId"] == first[3]["MessageId"]
    post.sandbox.clock.advance(seconds=1)
    assert post.bodies(SQS + "orders.fifo") == ["tea 0", "tea 1", "tea 2"]


# -- archive and replay ------------------------------------------------------------------------------


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


def test_an_archive_is_replayed_to_a_new_subscription(post: Post) -> None:
    topic = post.topic(
        "news.fifo", ContentBasedDeduplication="true", ArchivePolicy='{"MessageRetentionPeriod": 30}'
    )
    start = post.sandbox.clock.time()
    sent = post.publish(topic, "old", MessageGroupId="g")
    post.sandbox.clock.advance(days=1)
    post.publish(topic, "newer", MessageGroupId="g")
    policy = json.dumps({"PointType": "Timestamp", "StartingPoint": _iso(start)})
    arn = post.subscribe(topic, "sqs", post.queue("orders.fifo"), ReplayPolicy=policy)
    post.sandbox.clock.advance(seconds=1)
    first, second = (json.loads(body) for body in post.bodies(SQS + "orders.fifo"))
    assert (first["MessageId"], first["Message"], first["Replayed"]) == (sent["MessageId"], "old", "true")
    assert second["Message"] == "newer"
    found = post.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert found["ReplayStatus"] == "Completed"
    post.publish(topic, "newest", MessageGroupId="g")
    [last] = post.bodies(SQS + "orders.fifo")
    assert "Replayed" not in json.loads(last)


def test_a_replay_with_an_end_delivers_nothing_new_afterwards(post: Post) -> None:
    topic = post.topic(
        "news.fifo", ContentBasedDeduplication="true", ArchivePolicy='{"MessageRetentionPeriod": 1}'
    )
    start = post.sandbox.clock.time()
    post.publish(topic, "one", MessageGroupId="g")
    post.sandbox.clock.advance(hours=1)
    post.publish(topic, "two", MessageGroupId="g")
    policy = {"PointType": "Timestamp", "StartingPoint": _iso(start), "EndingPoint": _iso(start + 60)}
    post.subscribe(topic, "sqs", post.queue("orders.fifo"), ReplayPolicy=json.dumps(policy))
    post.sandbox.clock.advance(seconds=1)
    post.publish(topic, "three", MessageGroupId="g")
    assert post.texts(SQS + "orders.fifo") == ["one"]


def test_the_archive_forgets_after_its_retention_period(post: Post) -> None:
    topic = post.topic(
        "news.fifo", ContentBasedDeduplication="true", ArchivePolicy='{"MessageRetentionPeriod": 1}'
    )
    start = post.sandbox.clock.time()
    post.publish(topic, "old", MessageGroupId="g")
    post.sandbox.clock.advance(days=2)
    post.publish(topic, "new", MessageGroupId="g")
    policy = json.dumps({"PointType": "Timestamp", "StartingPoint": _iso(start)})
    post.subscribe(topic, "sqs", post.queue("orders.fifo"), ReplayPolicy=policy)
    post.sandbox.clock.advance(seconds=1)
    assert post.texts(SQS + "orders.fifo") == ["new"]
    assert "BeginningArchiveTime" in post.sns.get_topic_attributes(TopicArn=topic)["Attributes"]


def test_a_replay_needs_an_archive(post: Post) -> None:
    topic = post.topic("news.fifo")
    policy = json.dumps({"PointType": "Timestamp", "StartingPoint": "2026-01-01T00:00:00Z"})
    code, _ = refusal(
        post.sns.subscribe,
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=SQS + "q.fifo",
        Attributes={"ReplayPolicy": policy},
    )
    assert code == "InvalidParameter"
