"""What the finished exercises of lab 18 do. Each check plays publishers, subscribers and strangers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from labkit.judging import World, question

DOCS: Final = "https://docs.aws.amazon.com/sns/latest"

# -- questions -------------------------------------------------------------------------------------------

no_consent = question(
    "You subscribe a queue to a topic. The queue's policy says nothing about SNS. You publish a message. What do you "
    "see as the publisher?",
    a="An error: the queue cannot be reached",
    b="A message id, as always, and the message never comes",
    c="A message id, and the message comes as soon as the policy allows it",
    answer="b",
    because="Publishing and delivering are two things. The publisher only learns that the topic took the "
    "message. A queue "
    "that refuses is a client error, and SNS does not try again after a client error.",
    why_not={
        "a": "The topic took the message, so the call succeeds. The publisher never hears about a subscriber.",
        "c": "A refusal is a client error. SNS gives up at once, and the message is gone unless you kept it.",
    },
)

no_attribute = question(
    'A subscription has the filter `{"country": [{"anything-but": ["PT"]}]}`. A message comes that has no attribute '
    "`country` at all. What happens?",
    a="It is delivered: no country is not Portugal",
    b="It is not delivered",
    c="The publish call fails",
    answer="b",
    because="A filter needs a value to look at. A message without the attribute does not match, whatever the "
    "rule says "
    "about its value.",
    why_not={
        "a": "Anything-but means: there is a value, and it is none of these.",
        "c": "The publisher knows nothing about filters, and the call succeeds.",
    },
)

# -- what the checks share -------------------------------------------------------------------------------


def topic(world: World, name: str) -> str | None:
    """The ARN of the topic of this name, or None."""
    sns = world.client("sns")
    arn = f"arn:aws:sns:{world.sandbox.region}:{account(world)}:{name}"
    try:
        sns.get_topic_attributes(TopicArn=arn)
    except sns.exceptions.NotFoundException:
        return None
    return arn


def account(world: World) -> str:
    """The number of the account."""
    return str(world.client("sts").get_caller_identity()["Account"])


def subscriptions(world: World, arn: str) -> dict[str, str]:
    """Endpoint -> ARN of the subscription, for each subscription of a topic; none for a topic that is gone."""
    sns = world.client("sns")
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
    try:
        return {one["Endpoint"]: one["SubscriptionArn"] for page in pages for one in page["Subscriptions"]}
    except sns.exceptions.NotFoundException:
        return {}


def phones_work(world: World) -> None:
    """Whatever the learner has spent on text messages this month: the outside world can be reached again."""
    from labkit.sandbox import inbox

    inbox.begin_month(world.sandbox)
    world.client("sns").set_sms_attributes(attributes={"MonthlySpendLimit": "1"})


def text_of(body: str) -> str:
    """What was published, out of the envelope of SNS; a text without an envelope as it is."""
    try:
        envelope = json.loads(body)
    except ValueError:
        return body
    if isinstance(envelope, dict) and envelope.get("Type") == "Notification":
        return str(envelope.get("Message"))
    return body


def texts(queue: Any) -> list[str]:
    """What was published to a queue and is in it now."""
    return [text_of(message.body) for message in queue.messages()]


def refusals(trace: Any, target: str) -> Iterator[str]:
    """Why deliveries to a target were refused, in the words of the lab."""
    for event in trace.where(kind="refused"):
        if event.params.get("target") == target:
            yield str(event.note or event.message)
