"""Exercise 18.6: a web server that is down, gone, or away for hours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from unittest.mock import patch

from labkit.judging import Expect, World, exercise, number, question
from labkit.sandbox import delivery
from labkit.sandbox.parcels import Parcel, Refused, Unavailable

from . import DOCS, text_of, topic

client_error = question(
    "Somebody changes the password of the courier's web server. It now answers 403 to every post. How often "
    "does SNS try to "
    "deliver a message?",
    a="Once",
    b="Four times: once, and three retries",
    c="For an hour, because it is a web server",
    answer="a",
    because="403 is a client error: something is wrong with the request, and it will be as wrong in a "
    "minute. SNS retries "
    "only server errors, which are 5xx, 429 and no answer.",
    why_not={
        "b": "That is what happens after a server error such as 503.",
        "c": "An hour is the most that retries at a web server may take in all, and only after server errors.",
    },
)

OUTAGE: Final = 600
PATIENCE: Final = 120


class Courier:
    """The courier's web server: it takes posts, is down, or refuses. It notes when it was asked."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.mood = "open"
        self.asked: list[float] = []
        self.took: list[str] = []

    def accept(self, parcel: Parcel) -> str:
        """Answer one post."""
        self.asked.append(self._world.clock.time())
        if self.mood == "down":
            raise Unavailable("503", "Service Unavailable")
        if self.mood == "gone":
            raise Refused("403", "Forbidden")
        self.took.append(text_of(parcel.body))
        return "HTTP 200"


@contextmanager
def courier_of(world: World) -> Iterator[Courier]:
    """Inside, every HTTP post of SNS comes to a courier of the checker, and nothing goes over a wire."""
    courier = Courier(world)
    receiver = delivery.Receiver((), courier.accept)
    with world.rehearsal(), patch.dict(delivery.receivers, {"http": receiver, "https": receiver}):
        yield courier


@exercise(
    "Down for ten minutes, gone for good",
    points=10,
    minutes=12,
    star=True,
    covers=("L282", "L292-L293"),
    hints=(
        "Two questions: how long must SNS go on trying, and where does a message go when it stops? And who "
        "puts it there, so "
        "who must be let in?",
        "On the subscription: `DeliveryPolicy` with `numRetries`, `minDelayTarget` and `maxDelayTarget` "
        "(seconds), and "
        "`RedrivePolicy` with `deadLetterTargetArn`. On the dead-letter queue: a policy as in 18.1. See "
        f"{DOCS}/dg/sns-configure-dead-letter-queue.html",
        '```\n"Principal": {"Service": "____"},\n"Condition": {"ArnEquals": {"aws:SourceArn": pickups}},\n```\n'
        'and\n```\n{"healthyRetryPolicy": {"numRetries": ____, "minDelayTarget": 20, "maxDelayTarget": 60}}\n```',
    ),
)
def down_or_gone(world: World, expect: Expect) -> None:
    """Retries outlast ten minutes; what cannot be delivered is in a dead-letter queue."""
    arn = topic(world, "pickups")
    link = expect.found(
        "exists",
        web_subscription(world, arn) if arn else None,
        "A web server is subscribed to the topic `pickups`, and has confirmed.",
        action="Run the cell again that subscribes the courier.",
    )
    judge_outage(world, expect, str(arn))
    with courier_of(world) as courier:
        courier.mood = "gone"
        body = publish(world, str(arn))
        world.clock.advance(seconds=30)
        kept, why = in_dead_letters(world, link, body)
    expect(
        "gone",
        kept,
        "When the courier answers 403, the message is in the dead-letter queue at once.",
        seen=f"The courier answered 403. SNS tried {number(len(courier.asked), 'time')}. Half a minute later: {why}",
        why="SNS does not try again after a client error. Without a dead-letter queue, the message is gone for ever.",
        action="Look at the `RedrivePolicy` of the subscription, and at the policy of the queue it names.",
    )
    with courier_of(world) as courier:
        courier.mood = "down"
        body = publish(world, str(arn))
        world.clock.advance(minutes=70)
        kept, why = in_dead_letters(world, link, body)
    expect(
        "lost",
        kept,
        "When the courier is away for hours, the message is in the dead-letter queue within 70 minutes.",
        seen=f"The courier was down for 70 minutes. SNS tried {number(len(courier.asked), 'time')}. Then: {why}",
        why="Retries at a web server end after an hour at the latest, and the message with them.",
        action="Look at the `RedrivePolicy` of the subscription, and at the policy of the queue it names.",
    )


def web_subscription(world: World, arn: str) -> str | None:
    """The confirmed HTTP subscription of a topic, or None."""
    for one in world.client("sns").list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]:
        if one["Protocol"] in ("http", "https") and one["SubscriptionArn"].startswith("arn:"):
            return str(one["SubscriptionArn"])
    return None


def publish(world: World, arn: str) -> str:
    """Publish a message that nobody has seen before."""
    body = f"please fetch {world.word()}"
    world.client("sns").publish(TopicArn=arn, Message=body)
    return body


def judge_outage(world: World, expect: Expect, arn: str) -> None:
    """The courier is down for ten minutes and then comes back."""
    with courier_of(world) as courier:
        courier.mood = "down"
        published = world.clock.time()
        body = publish(world, arn)
        world.clock.advance(seconds=OUTAGE)
        tries, last = len(courier.asked), courier.asked[-1] - published
        courier.mood = "open"
        world.clock.advance(seconds=PATIENCE)
        arrived = body in courier.took
        world.clock.advance(minutes=60)
        late = courier.asked[-1] - published - OUTAGE if body in courier.took else None
    how = (
        f"It arrived {late:.0f} seconds after the courier was back."
        if late is not None
        else "It never arrived."
    )
    expect(
        "outage",
        arrived,
        "After an outage of ten minutes, a message arrives within two minutes.",
        seen=f"During the outage SNS tried {number(tries, 'time')}, the last time after {last:.0f} seconds. {how}",
        why="A restart in the night should cost nobody a parcel.",
        action="How many retries, and how long the pauses? Their sum must be longer than the outage, each "
        "pause shorter than "
        "two minutes.",
    )


def in_dead_letters(world: World, link: str, body: str) -> tuple[bool, str]:
    """Whether a message is in the dead-letter queue of a subscription, and what is there in words."""
    attributes = world.client("sns").get_subscription_attributes(SubscriptionArn=link)["Attributes"]
    target = str(json.loads(attributes.get("RedrivePolicy") or "{}").get("deadLetterTargetArn", ""))
    if not target:
        return False, "the message is gone; this subscription has no dead-letter queue."
    queue: Any = world.queue(target.rpartition(":")[2])
    if queue is None:
        return False, f"the message is gone; there is no queue {target}."
    if any(text_of(message.body) == body for message in queue.messages()):
        return True, f"the message is in {queue.name}."
    dropped = [
        one for one in world.sandbox.trace.where(action="Dropped") if one.params.get("target") == target
    ]
    refused = f" SNS could not put it there. {dropped[-1].message}" if dropped else ""
    return False, f"the message is not in {queue.name}.{refused}"
