"""Parcels between services: who may deliver, how often it is tried, and where it ends."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox, delivery
from labkit.sandbox.parcels import NEVER, Failure, Parcel, Phase, Refused, Retry, Unavailable

TOPIC = "arn:aws:sns:eu-west-1:123456789012:news"
QUEUES = "arn:aws:sqs:eu-west-1:123456789012:"
LADDER = Retry((Phase(2), Phase(3, 10, 90, "exponential")))


class Post:
    """Two queues, and what a service sends to them. The sender `test` notes how each parcel ended."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.sqs = boto3.client("sqs")
        self.urls = {name: self.sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("orders", "dead")}
        self.ended: list[tuple[str, Failure | None]] = []
        self.tried: list[float] = []
        self.answers: list[Exception] = []
        for name in self.urls:
            self.allow(name)

    def allow(self, name: str, **statement: Any) -> None:
        allowed = {
            "Sid": "Topic", "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage", "Resource": QUEUES + name,
            "Condition": {"ArnEquals": {"aws:SourceArn": TOPIC}}, **statement,
        }  # fmt: skip
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        self.sqs.set_queue_attributes(QueueUrl=self.urls[name], Attributes={"Policy": policy})

    def send(self, **fields: Any) -> None:
        given = {
            "sender": "test", "source": TOPIC, "target": QUEUES + "orders", "body": "tea", "id": "7",
            "principal": "sns.amazonaws.com", **fields,
        }  # fmt: skip
        with self.sandbox.lock:
            delivery.send(Parcel(**given))
            self.sandbox.clock.catch_up()

    def bodies(self, name: str) -> list[str]:
        answer = self.sqs.receive_message(QueueUrl=self.urls[name], MaxNumberOfMessages=10)
        return [message["Body"] for message in answer.get("Messages", [])]

    def events(self, *actions: str) -> list[Any]:
        return [event for event in self.sandbox.trace if event.action in actions]

    def accept(self, parcel: Parcel) -> str:
        """A target that answers what the test says."""
        self.tried.append(self.sandbox.clock.time() - parcel.born)
        if self.answers:
            raise self.answers.pop(0)
        return "taken"

    def keep(self, parcel: Parcel, failure: Failure | None) -> None:
        self.ended.append((parcel.id, failure))


@pytest.fixture
def post(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Post:
    post = Post(sandbox)
    monkeypatch.setitem(delivery.senders, "test", delivery.Sender(ended=post.keep))
    monkeypatch.setitem(delivery.receivers, "https", delivery.Receiver((), post.accept))
    return post


def down(times: int) -> list[Exception]:
    return [Unavailable("503", "Service Unavailable") for _ in range(times)]


# -- permissions -------------------------------------------------------------------------------------


def test_a_policy_that_names_the_source_lets_it_through(post: Post) -> None:
    post.send()
    assert post.bodies("orders") == ["tea"]
    [event] = post.events("Delivered")
    assert (event.kind, event.resource, event.params["target"]) == ("delivery", TOPIC, QUEUES + "orders")
    assert (
        event.note == "Statement Topic of the queue's policy allows sns.amazonaws.com to do sqs:SendMessage."
    )
    assert post.ended == [("7", None)]


def test_what_arrives_follows_from_the_delivery(post: Post) -> None:
    post.send()
    [arrived], [delivered] = post.events("MessageSent"), post.events("Delivered")
    assert (arrived.cause, arrived.params["MessageId"]) == (delivered.sequence, delivered.params["Arrived"])


@pytest.mark.parametrize(
    "statement",
    [
        {"Condition": {"ArnEquals": {"aws:SourceArn": TOPIC + "s"}}},
        {"Principal": {"Service": "events.amazonaws.com"}},
        {"Action": "sqs:ReceiveMessage"},
        {"Resource": QUEUES + "other"},
        {"Condition": {"StringEquals": {"aws:SourceAccount": "210987654321"}}},
        {"Principal": {"AWS": "123456789012"}},
    ],
)
def test_a_policy_that_means_somebody_else_refuses_at_once(post: Post, statement: dict[str, Any]) -> None:
    post.allow("orders", **statement)
    post.send(retry=LADDER)
    [event] = post.events("DeliveryRefused")
    assert (event.kind, event.error) == ("refused", "AccessDenied")
    assert "sqs:SendMessage" in event.message
    assert event.note.startswith("No statement of the queue's policy allows sns.amazonaws.com")
    post.sandbox.clock.advance(days=30)
    assert post.bodies("orders") == []
    assert [failure.code for _, failure in post.ended if failure] == ["AccessDenied"]


def test_a_deny_wins(post: Post) -> None:
    both = [
        {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"},
        {"Sid": "No", "Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"},
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": both})
    post.sandbox.client("sqs").set_queue_attributes(
        QueueUrl=post.urls["orders"], Attributes={"Policy": policy}
    )
    post.send()
    [event] = post.events("DeliveryRefused")
    assert "Statement No of the queue's policy forbids" in event.note


def test_a_queue_without_a_policy_refuses_services(post: Post) -> None:
    post.sqs.set_queue_attributes(QueueUrl=post.urls["orders"], Attributes={"Policy": ""})
    post.send()
    [event] = post.events("DeliveryRefused")
    assert event.note == "The queue has no policy, so sns.amazonaws.com may not do sqs:SendMessage."


def test_a_queue_that_is_gone_refuses(post: Post) -> None:
    post.sqs.delete_queue(QueueUrl=post.urls["orders"])
    post.send(retry=LADDER)
    [event] = post.events("DeliveryRefused")
    assert event.error == "AWS.SimpleQueueService.NonExistentQueue"


def role(**policy: Any) -> str:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "scheduler.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    iam = boto3.client("iam")
    arn = iam.create_role(RoleName="sender", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    if policy:
        document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **policy}]})
        iam.put_role_policy(RoleName="sender", PolicyName="send", PolicyDocument=document)
    return str(arn)


def test_a_sender_with_a_role_needs_no_policy_of_the_queue(post: Post) -> None:
    post.sqs.set_queue_attributes(QueueUrl=post.urls["orders"], Attributes={"Policy": ""})
    arn = role(Action="sqs:SendMessage", Resource=QUEUES + "orders")
    post.send(role=arn, principal="scheduler.amazonaws.com")
    assert post.bodies("orders") == ["tea"]


def test_a_role_without_the_permission_refuses(post: Post) -> None:
    arn = role(Action="sqs:SendMessage", Resource=QUEUES + "dead")
    post.sqs.set_queue_attributes(QueueUrl=post.urls["orders"], Attributes={"Policy": ""})
    post.send(role=arn, principal="scheduler.amazonaws.com")
    [event] = post.events("DeliveryRefused")
    assert "assumed-role/sender/7 is not authorized to perform: sqs:SendMessage" in event.message


def test_a_role_that_does_not_trust_the_service_refuses(post: Post) -> None:
    arn = role(Action="sqs:*", Resource="*")
    post.send(role=arn, principal="events.amazonaws.com")
    [event] = post.events("DeliveryRefused")
    assert "sts:AssumeRole" in event.message


def test_a_key_that_the_service_may_not_use_refuses(post: Post) -> None:
    post.sqs.set_queue_attributes(
        QueueUrl=post.urls["orders"], Attributes={"KmsMasterKeyId": "alias/aws/sqs"}
    )
    post.send()
    [event] = post.events("DeliveryRefused")
    assert event.error == "KmsAccessDenied"
    assert "kms:GenerateDataKey" in event.message


# -- attempts ----------------------------------------------------------------------------------------


def test_it_is_tried_again_as_planned_until_it_arrives(post: Post) -> None:
    post.answers = down(4)
    post.send(target="https://127.0.0.1/hook", retry=LADDER)
    post.sandbox.clock.advance(minutes=10)
    assert [round(seconds) for seconds in post.tried] == [0, 0, 0, 10, 40]
    assert post.ended == [("7", None)]
    assert [event.params["Attempt"] for event in post.events("DeliveryFailed", "Delivered")] == [
        1,
        2,
        3,
        4,
        5,
    ]


def test_the_last_attempt_ends_it(post: Post) -> None:
    post.answers = down(99)
    post.send(target="https://127.0.0.1/hook", retry=LADDER, dead_letter=QUEUES + "dead")
    post.sandbox.clock.advance(minutes=10)
    assert len(post.tried) == 1 + LADDER.attempts == 6
    assert post.ended == [("7", Failure("503", "Service Unavailable", 5, "MaximumRetryAttempts"))]
    assert post.bodies("dead") == ["tea"]


def test_an_age_ends_it_before(post: Post) -> None:
    post.answers = down(99)
    post.send(target="https://127.0.0.1/hook", retry=LADDER._replace(most_age=45.0))
    post.sandbox.clock.advance(minutes=10)
    assert [round(seconds) for seconds in post.tried] == [0, 0, 0, 10, 40]
    [(_, failure)] = post.ended
    assert failure is not None
    assert failure.condition == "MaximumEventAgeInSeconds"


def test_a_refusal_on_the_way_ends_it(post: Post) -> None:
    post.answers = [*down(1), Refused("404", "Not Found")]
    post.send(target="https://127.0.0.1/hook", retry=LADDER)
    post.sandbox.clock.advance(minutes=10)
    assert post.ended == [("7", Failure("404", "Not Found", 1, ""))]


def test_jitter_only_shortens_and_is_the_same_each_time(sandbox: Sandbox, post: Post) -> None:
    plan = Retry((Phase(3, 60, 60),), jitter=0.5)
    stories = []
    for _ in range(2):
        with sandbox.rehearsal():
            post.tried, post.answers = [], down(99)
            post.send(target="https://127.0.0.1/hook", retry=plan)
            sandbox.clock.advance(minutes=10)
            stories.append([round(seconds, 2) for seconds in post.tried])
    gaps = [later - earlier for earlier, later in zip(stories[0], stories[0][1:], strict=False)]
    assert all(30 <= gap <= 60.01 for gap in gaps)
    assert len({round(gap, 1) for gap in gaps}) > 1
    assert stories[0] == pytest.approx(stories[1], abs=0.05)


@pytest.mark.parametrize(
    ("phase", "waits"),
    [
        (Phase(1, 5, 20), [20]),
        (Phase(3, 1, 1), [1, 1, 1]),
        (Phase(3, 0, 20), [0, 10, 20]),
        (Phase(3, 0, 20, "arithmetic"), [0, 5, 20]),
        (Phase(3, 1, 100, "geometric"), [1, 10, 100]),
        (Phase(3, 0, 20, "exponential"), [0, 10, 20]),
    ],
)
def test_waits_grow_as_the_curve_says(phase: Phase, waits: list[float]) -> None:
    assert [phase.wait(number) for number in range(phase.times)] == pytest.approx(waits)


def test_plans_end() -> None:
    assert NEVER.wait(0) is None
    assert [LADDER.wait(done) is None for done in (4, 5)] == [False, True]


# -- dead letters ------------------------------------------------------------------------------------


def test_without_a_dead_letter_queue_it_is_gone_and_the_trace_says_so(post: Post) -> None:
    post.answers = [Refused("400", "Bad Request")]
    post.send(target="https://127.0.0.1/hook")
    [event] = post.events("Dropped")
    assert (event.kind, event.error) == ("refused", "400")
    assert event.note == "It has no dead-letter queue: it is gone."


def test_a_dead_letter_queue_asks_its_policy_too(post: Post) -> None:
    post.sqs.set_queue_attributes(QueueUrl=post.urls["dead"], Attributes={"Policy": ""})
    post.answers = [Refused("400", "Bad Request")]
    post.send(target="https://127.0.0.1/hook", dead_letter=QUEUES + "dead")
    [event] = post.events("Dropped")
    assert (event.error, event.params["target"]) == ("AccessDenied", QUEUES + "dead")
    assert event.note.startswith("The dead-letter queue did not take it either")
    assert post.bodies("dead") == []


def test_the_sender_writes_the_letter(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    def letter(parcel: Parcel, failure: Failure) -> delivery.Letter:
        return delivery.Letter(f"lost: {parcel.body}", (("ERROR_CODE", failure.code),))

    monkeypatch.setitem(delivery.senders, "test", delivery.Sender(letter=letter))
    post.answers = [Refused("400", "Bad Request")]
    post.send(target="https://127.0.0.1/hook", dead_letter=QUEUES + "dead")
    answer = post.sqs.receive_message(QueueUrl=post.urls["dead"], MessageAttributeNames=["All"])
    [message] = answer["Messages"]
    assert message["Body"] == "lost: tea"
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "400"


# -- around it ---------------------------------------------------------------------------------------


def test_a_target_of_no_known_kind_is_told_as_not_simulated(post: Post) -> None:
    post.send(target="arn:aws:polly:eu-west-1:123456789012:lexicon/tea")
    [event] = post.events("DeliveryRefused")
    assert event.error == "NotSimulated"
    assert "exists on AWS" in event.message


def test_the_outage_fault_strikes_one_target_and_ends(post: Post) -> None:
    post.sandbox.faults.put("delivery.unavailable", target="orders")
    post.send(retry=LADDER)
    post.send(target="https://127.0.0.1/hook")
    assert len(post.tried) == 1
    post.sandbox.faults.clear("delivery.unavailable")
    post.sandbox.clock.advance(minutes=1)
    assert post.bodies("orders") == ["tea"]
    assert {event.error for event in post.events("DeliveryFailed")} == {"ServiceUnavailable"}


def test_the_duplicate_fault_brings_it_twice(post: Post) -> None:
    post.sandbox.faults.put("delivery.duplicate")
    post.send()
    post.sandbox.clock.advance(minutes=1)
    assert post.bodies("orders") == ["tea", "tea"]


def test_a_rehearsal_leaves_no_parcel_behind(sandbox: Sandbox, post: Post) -> None:
    post.answers = down(1)
    with sandbox.rehearsal():
        post.send(target="https://127.0.0.1/hook", retry=LADDER._replace(phases=(Phase(1, 60, 60),)))
        assert len(sandbox.clock.waiting) >= 1
    before = len(post.tried)
    sandbox.clock.advance(hours=1)
    assert len(post.tried) == before


def test_a_snapshot_carries_what_is_under_way(sandbox: Sandbox, post: Post) -> None:
    post.answers = down(1)
    post.send(target="https://127.0.0.1/hook", retry=LADDER._replace(phases=(Phase(1, 60, 60),)))
    snapshot = sandbox.snapshot()
    for _ in range(2):
        sandbox.restore(snapshot)
        post.tried = []
        sandbox.clock.advance(minutes=5)
        assert [round(seconds) for seconds in post.tried] == [60]


def test_fifo_dead_letters_keep_their_group(post: Post) -> None:
    url = post.sqs.create_queue(QueueName="dead.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    post.urls["dead.fifo"] = url
    post.allow("dead.fifo")
    post.answers = [Refused("400", "Bad Request")]
    post.send(
        target="https://127.0.0.1/hook", dead_letter=QUEUES + "dead.fifo",
        options=(("MessageGroupId", "customer-1"),),
    )  # fmt: skip
    answer = post.sqs.receive_message(QueueUrl=url, AttributeNames=["All"])
    assert answer["Messages"][0]["Attributes"]["MessageGroupId"] == "customer-1"
