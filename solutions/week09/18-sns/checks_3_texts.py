"""One message with a text for each protocol, and an order without its envelope: 18.4."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from labkit.judging import GOODS, NAMES, Expect, World, exercise, number

from . import DOCS, phones_work, subscriptions, topic


@exercise(
    "One publish, a text for each",
    points=10,
    minutes=9,
    covers=("L283-L284",),
    hints=(
        "One letter can hold several versions of itself, each marked with whom it is for. And one of the "
        "readers wants "
        "the bare letter, without the envelope.",
        '`publish` with `MessageStructure="json"`; the message is then a JSON text with the keys `default`, '
        "`sms`, `email` "
        "and `sqs`, and each value is a text. The subscription attribute is `RawMessageDelivery`. See "
        f"{DOCS}/dg/sns-send-custom-platform-specific-payloads-mobile-devices.html",
        '```\ntexts = {"default": "...", "sms": ____, "email": "...", "sqs": json.dumps(order)}\n'
        'sns.publish(TopicArn=topic_arn, Message=json.dumps(texts), MessageStructure="json")\n```',
    ),
)
def announce(world: World, expect: Expect, *, announce: Callable[..., Any]) -> None:
    """One call reaches a phone, a mailbox and a queue, each with a text that fits."""
    from labkit.sandbox import inbox

    arn, board = topic(world, "shipping"), world.queue("shipping-board")
    ends = subscriptions(world, arn) if arn else {}
    wanted = ("+351910000018", "amara@example.com", board.arn if board else "the queue shipping-board")
    missing = [one for one in wanted if not ends.get(one, "").startswith("arn:")]
    expect.found(
        "exists",
        arn if not missing else None,
        "A phone, a mailbox and a queue are subscribed to the topic `shipping`.",
        seen=f"Not subscribed, or not confirmed: {', '.join(missing)}.",
        action="Run the cell again that subscribes them.",
    )
    pick = world.random.choice
    order = {
        "id": world.word(),
        "customer": f"{pick(NAMES)} {world.word()}",
        "items": [f"{pick(GOODS)} {world.word()}" for _ in range(12)],
    }
    with world.rehearsal() as rehearsal:
        phones_work(world)
        board.purge() if board else None
        before = {entry.message_id for entry in inbox.entries(world.sandbox)}
        expect.call(
            "runs",
            announce,
            str(arn),
            json.loads(json.dumps(order)),
            wanted="`announce` runs without an error.",
            action="Read what SNS says about the message, and repair that line.",
        )
        world.clock.advance(seconds=5)
        calls = rehearsal.trace.where(kind="call", service="sns", caller="learner")
        published = [event.params for event in calls if event.action in ("Publish", "PublishBatch")]
        new = [entry for entry in inbox.entries(world.sandbox) if entry.message_id not in before]
        bodies = [message.body for message in board.messages()] if board else []
    expect(
        "once",
        len(published) == 1,
        "The order is published once.",
        seen=f"{number(len(published), 'message was', 'messages were')} published.",
        why="Whoever publishes should not know who listens. Each further call costs money and can fail alone.",
        action="Put all texts into one message.",
    )
    sms = [entry.body for entry in new if entry.kind == "sms"]
    expect(
        "sms",
        any(order["id"] in text and len(text) <= 100 for text in sms),
        "The phone gets the order id in at most 100 characters.",
        seen=f"The phone got a text of {len(sms[0])} characters: {sms[0][:60]!r}..."
        if sms
        else "The phone got nothing.",
        why="A text message holds 140 bytes. A longer one is sent, and billed, in several parts.",
        action="Give the message a text of its own for the protocol of phones.",
    )
    mail = [entry.body for entry in new if entry.kind == "email"]
    told_all = [
        text for text in mail if order["customer"] in text and all(one in text for one in order["items"])
    ]
    expect(
        "mail",
        told_all,
        "The e-mail names the customer and every item.",
        seen=f"The e-mail begins with {mail[0][:80]!r}." if mail else "No e-mail came.",
        why="The customer wants to see what is in the parcel.",
        action="Give the message a text of its own for e-mail.",
    )
    expect(
        "board",
        len(bodies) >= 1 and all(as_json(body) == order for body in bodies[:1]),
        "The queue gets the order as JSON, without an envelope.",
        seen=f"The queue got {bodies[0][:90]!r}..." if bodies else "The queue got nothing.",
        why="The program of the board parses once. With an envelope around it, it finds no `id`.",
        action="Is the delivery raw? And is the text for the queue a text, made with `json.dumps`?",
    )


def as_json(text: str) -> Any:
    """The value of a JSON text, or None."""
    try:
        return json.loads(text)
    except ValueError:
        return None
