"""How often SNS tries again at which kind of endpoint, and where a message ends."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from labkit.sandbox import delivery
from labkit.sandbox.parcels import Parcel, Refused, Unavailable
from tests.sandbox.snskit import SQS, Post, refusal

URL = "http://127.0.0.1:8099/hook"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:f"


class Door:
    """An endpoint that answers what the test says, and notes when it was asked."""

    def __init__(self, post: Post) -> None:
        self.post = post
        self.parcels: list[Parcel] = []
        self.answers: list[Exception] = []
        self.down = False

    def accept(self, parcel: Parcel) -> str:
        self.parcels.append(parcel)
        if self.down and not parcel.told("confirmation"):
            raise Unavailable("503", "Service Unavailable")
        if self.answers:
            raise self.answers.pop(0)
        return "HTTP 200"

    def subscribe(self, topic: str, protocol: str = "http", endpoint: str = URL, **attributes: str) -> str:
        """Subscribe and confirm."""
        arn = self.post.subscribe(topic, protocol, endpoint, **attributes)
        if protocol in ("http", "https"):
            token = json.loads(self.parcels.pop().body)["Token"]
            self.post.sns.confirm_subscription(TopicArn=topic, Token=token)
        return arn

    def waits(self) -> list[float]:
        """Seconds between the attempts since the last publish."""
        events = self.post.events("DeliveryFailed", "DeliveryRefused", "Delivered")
        times = [event.time for event in events if event.params.get("Id") == self.parcels[-1].id]
        return [round(later - earlier, 1) for earlier, later in itertools.pairwise(times)]


@pytest.fixture
def post(account: Post) -> Post:
    account.sandbox.reset()
    return account


@pytest.fixture
def door(post: Post, monkeypatch: pytest.MonkeyPatch) -> Door:
    door = Door(post)
    for kind in ("http", "arn:lambda", "mailto"):
        monkeypatch.setitem(delivery.receivers, kind, delivery.Receiver((), door.accept))
    return door


# -- plans -------------------------------------------------------------------------------------------


def test_a_web_server_is_tried_three_times_more_twenty_seconds_apart(post: Post, door: Door) -> None:
    topic = post.topic()
    door.subscribe(topic)
    door.down = True
    post.publish(topic)
    post.sandbox.clock.advance(hours=1)
    assert door.waits() == [20, 20, 20]
    [end] = post.events("Dropped")
    assert end.params["Retries"] == 3


def test_a_function_is_tried_a_hundred_thousand_times_in_twenty_three_days(post: Post, door: Door) -> None:
    topic = post.topic()
    door.subscribe(topic, "lambda", FUNCTION)
    door.down = True
    post.publish(topic)
    post.sandbox.clock.advance(minutes=3)
    waits = door.waits()
    assert waits[:5] == [0, 0, 0, 1, 1]
    assert (waits[5], waits[14]) == (1, 20)
    assert waits[5:15] == sorted(waits[5:15])
    assert set(waits[15:]) == {20}
    assert door.parcels[0].retry.attempts == 100_015
    assert 23 < sum(phase.times * phase.last for phase in door.parcels[0].retry.phases) / 86_400 < 24
    door.down = False
    post.sandbox.clock.advance(minutes=1)
    assert post.events("Delivered")[-1].params["Id"] == door.parcels[0].id


def test_an_e_mail_is_tried_fifty_times_in_six_hours(post: Post, door: Door) -> None:
    topic = post.topic()
    arn = post.subscribe(topic, "email", "ada@example.com")
    token = door.parcels.pop().option("token")
    assert post.sns.confirm_subscription(TopicArn=topic, Token=token)["SubscriptionArn"] == arn
    door.down = True
    post.publish(topic)
    post.sandbox.clock.advance(days=1)
    waits = door.waits()
    assert waits[:2] == [10, 10]
    assert (waits[2], waits[11]) == (10, 600)
    assert waits[12:] == [600] * 38
    assert len(waits) == 50
    assert 6 * 3_600 < sum(waits) < 10 * 3_600


@pytest.mark.parametrize("status", ["400", "403", "404", "410"])
def test_a_client_error_is_not_tried_again_and_goes_to_the_dead_letter_queue(
    post: Post, door: Door, status: str
) -> None:
    topic = post.topic()
    dead = json.dumps({"deadLetterTargetArn": post.queue("dead")})
    door.subscribe(topic, RedrivePolicy=dead)
    door.answers = [Refused(status, "no")]
    post.publish(topic, "tea")
    post.sandbox.clock.advance(hours=1)
    assert len(door.parcels) == 1
    assert post.texts(SQS + "dead") == ["tea"]


def test_a_server_error_goes_to_the_dead_letter_queue_after_the_last_retry(post: Post, door: Door) -> None:
    topic = post.topic()
    dead = json.dumps({"deadLetterTargetArn": post.queue("dead")})
    arn = door.subscribe(topic, RedrivePolicy=dead)
    door.down = True
    sent = post.publish(
        topic, "tea", Subject="Order", MessageAttributes={"n": {"DataType": "Number", "StringValue": "1"}}
    )
    post.sandbox.clock.advance(seconds=59)
    assert post.bodies(SQS + "dead") == []
    post.sandbox.clock.advance(seconds=2)
    [message] = post.received(SQS + "dead")
    envelope = json.loads(message["Body"])
    assert (envelope["MessageId"], envelope["Message"], envelope["Subject"]) == (
        sent["MessageId"],
        "tea",
        "Order",
    )
    assert envelope["MessageAttributes"] == {"n": {"Type": "Number", "Value": "1"}}
    assert envelope["UnsubscribeURL"].endswith(arn)


def test_the_letter_of_a_function_is_the_envelope_a_queue_would_get(post: Post, door: Door) -> None:
    topic = post.topic()
    dead = json.dumps({"deadLetterTargetArn": post.queue("dead")})
    door.subscribe(topic, "lambda", FUNCTION, RedrivePolicy=dead)
    door.answers = [Refused("ResourceNotFoundException", "Function not found")]
    post.publish(topic, "tea")
    [body] = post.bodies(SQS + "dead")
    assert (json.loads(body)["Type"], json.loads(body)["Message"]) == ("Notification", "tea")


def test_a_raw_letter_keeps_its_attributes_with_their_types(post: Post) -> None:
    topic = post.topic()
    dead = json.dumps({"deadLetterTargetArn": post.queue("dead")})
    post.subscribe(topic, "sqs", post.queue(allowed=False), RawMessageDelivery="true", RedrivePolicy=dead)
    attributes = {
        "n": {"DataType": "Number", "StringValue": "111"}, "b": {"DataType": "Binary", "BinaryValue": b"\x02"},
    }  # fmt: skip
    post.publish(topic, "tea", MessageAttributes=attributes)
    [message] = post.received(SQS + "dead")
    assert (message["Body"], message["MessageAttributes"]) == ("tea", attributes)


def test_a_dead_letter_queue_that_does_not_let_sns_in_loses_the_message(post: Post) -> None:
    topic = post.topic()
    dead = json.dumps({"deadLetterTargetArn": post.queue("dead", allowed=False)})
    post.subscribe(topic, "sqs", post.queue(allowed=False), RedrivePolicy=dead)
    post.publish(topic)
    assert post.bodies(SQS + "dead") == []
    [end] = post.events("Dropped")
    assert end.error == "AccessDenied"


@pytest.mark.parametrize(("allowed", "kept"), [(False, 0), (True, 1)])
def test_the_dead_letter_queue_of_a_web_server_must_let_sns_in(
    post: Post, door: Door, allowed: bool, kept: int
) -> None:
    topic = post.topic()
    dead = json.dumps({"deadLetterTargetArn": post.queue("dead", allowed=allowed)})
    door.subscribe(topic, RedrivePolicy=dead)
    door.answers = [Refused("403", "Forbidden")]
    post.publish(topic)
    assert len(post.bodies(SQS + "dead")) == kept


def test_a_message_for_a_deleted_queue_is_found_in_the_dead_letter_queue(post: Post) -> None:
    topic = post.topic()
    dead = json.dumps({"deadLetterTargetArn": post.queue("dead")})
    post.subscribe(topic, "sqs", post.queue(), RedrivePolicy=dead)
    post.sqs.delete_queue(QueueUrl=post.sqs.get_queue_url(QueueName="orders")["QueueUrl"])
    post.publish(topic)
    assert post.texts(SQS + "dead") == ["tea"]


# -- delivery policies -------------------------------------------------------------------------------

FOUR = {
    "minDelayTarget": 1, "maxDelayTarget": 60, "numRetries": 10, "numNoDelayRetries": 2, "numMinDelayRetries": 2,
    "numMaxDelayRetries": 2, "backoffFunction": "linear",
}  # fmt: skip


def test_a_delivery_policy_has_four_phases(post: Post, door: Door) -> None:
    topic = post.topic()
    door.subscribe(topic, DeliveryPolicy=json.dumps({"healthyRetryPolicy": FOUR}))
    door.down = True
    post.publish(topic)
    post.sandbox.clock.advance(hours=1)
    waits = door.waits()
    assert waits[:4] == [0, 0, 1, 1]
    assert waits[4:8] == pytest.approx([1, 20.7, 40.3, 60], abs=0.1)
    assert waits[8:] == [60, 60]


def test_the_topics_policy_holds_unless_the_subscription_has_its_own(post: Post, door: Door) -> None:
    http: dict[str, Any] = {
        "defaultHealthyRetryPolicy": {"numRetries": 1, "minDelayTarget": 5, "maxDelayTarget": 5}
    }
    topic = post.topic(DeliveryPolicy=json.dumps({"http": http}))
    own = json.dumps({"healthyRetryPolicy": {"numRetries": 2, "minDelayTarget": 7, "maxDelayTarget": 7}})
    arn = door.subscribe(topic, DeliveryPolicy=own)

    def effective() -> dict[str, Any]:
        found = post.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        return dict(json.loads(found["EffectiveDeliveryPolicy"])["healthyRetryPolicy"])

    assert (effective()["numRetries"], effective()["minDelayTarget"]) == (2, 7)
    http["disableSubscriptionOverrides"] = True
    post.sns.set_topic_attributes(
        TopicArn=topic, AttributeName="DeliveryPolicy", AttributeValue=json.dumps({"http": http})
    )
    assert (effective()["numRetries"], effective()["minDelayTarget"]) == (1, 5)
    door.down = True
    post.publish(topic)
    post.sandbox.clock.advance(hours=1)
    assert door.waits() == [5]


def test_a_throttle_lets_so_many_go_each_second(post: Post, door: Door) -> None:
    topic = post.topic()
    door.subscribe(topic, DeliveryPolicy=json.dumps({"throttlePolicy": {"maxReceivesPerSecond": 2}}))
    start = post.sandbox.clock.time()
    for number in range(6):
        post.publish(topic, str(number))
    post.sandbox.clock.advance(seconds=10)
    at = [event.time - start for event in post.events("Delivered")[-6:]]
    assert at[-1] == pytest.approx(2.5, abs=0.3)
    assert [later - earlier for earlier, later in itertools.pairwise(at)] == pytest.approx([0.5] * 5, abs=0.3)


def test_the_request_policy_sets_the_content_type(post: Post, door: Door) -> None:
    topic = post.topic()
    door.subscribe(
        topic, DeliveryPolicy=json.dumps({"requestPolicy": {"headerContentType": "application/json"}})
    )
    post.publish(topic)
    assert door.parcels[-1].option("header:Content-Type") == "application/json"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"numRetries": 101}, "healthyRetryPolicy.numRetries must be less than or equal to 100"),
        ({"numRetries": -1}, "healthyRetryPolicy.numRetries must be greater than or equal to 0"),
        ({"minDelayTarget": 0}, "healthyRetryPolicy.minDelayTarget must be greater than or equal to 1"),
        ({"maxDelayTarget": 3_601}, "healthyRetryPolicy.maxDelayTarget must be less than or equal to 3600"),
        ({"minDelayTarget": 61}, "healthyRetryPolicy.minDelayTarget must be less than or equal to"),
        ({"numRetries": "3"}, "healthyRetryPolicy.numRetries must be an integer"),
        ({"backoffFunction": "random"}, "healthyRetryPolicy.backoffFunction must be one of"),
        ({"numRetries": 5}, "numRetries must be greater than or equal to the total"),
        ({"numRetries": 100, "maxDelayTarget": 3_600}, "the total retry time must be less than or equal to 3600"),
        ({"retries": 1}, "Unexpected JSON member: healthyRetryPolicy.retries"),
    ],
)  # fmt: skip
def test_a_wrong_delivery_policy_is_refused(post: Post, change: dict[str, Any], says: str) -> None:
    policy = json.dumps({"healthyRetryPolicy": FOUR | change})
    code, message = refusal(
        post.sns.subscribe,
        TopicArn=post.topic(),
        Protocol="http",
        Endpoint=URL,
        Attributes={"DeliveryPolicy": policy},
    )
    assert code == "InvalidParameter"
    assert message.startswith("Invalid parameter: Attributes Reason: DeliveryPolicy: ")
    assert says in message


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ("{", "failed to parse JSON"),
        ("[]", "failed to parse JSON"),
        ('{"throttlePolicy": {"maxReceivesPerSecond": 1}}', "Unexpected JSON member: throttlePolicy"),
        (
            '{"http": {"defaultHealthyRetryPolicy": {"numRetries": 101}}}',
            "http.defaultHealthyRetryPolicy.numRetries must be less than or equal to 100",
        ),
        (
            '{"http": {"defaultThrottlePolicy": {"maxReceivesPerSecond": 0}}}',
            "must be greater than or equal to 1",
        ),
    ],
)
def test_a_wrong_delivery_policy_of_a_topic_is_refused(post: Post, policy: str, says: str) -> None:
    topic = post.topic()
    code, message = refusal(
        post.sns.set_topic_attributes, TopicArn=topic, AttributeName="DeliveryPolicy", AttributeValue=policy
    )
    assert code == "InvalidParameter"
    assert message.startswith("Invalid parameter: DeliveryPolicy: ")
    assert says in message
