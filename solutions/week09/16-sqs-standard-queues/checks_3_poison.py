"""Messages that nobody can process: 16.5."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from labkit.judging import Expect, World, exercise, number
from labkit.judging.watch import quick_sleep

from . import DOCS


@exercise(
    "Give poison messages somewhere to go",
    points=10,
    minutes=20,
    star=True,
    covers=("L250",),
    hints=(
        "Count receives, not errors. Who decides when it was once too often, the old queue or the new one? And who "
        "decides which queues may put something into the new one?",
        "On `orders`: the attribute `RedrivePolicy`. On the new queue: `MessageRetentionPeriod` and "
        "`RedriveAllowPolicy`. To send messages back: `start_message_move_task`. See "
        f"{DOCS}/SQSDeveloperGuide/sqs-configure-dead-letter-queue.html",
        '```\npolicy = json.dumps({"deadLetterTargetArn": dlq_arn, "maxReceiveCount": ____})\n'
        'sqs.set_queue_attributes(QueueUrl=orders, Attributes={"RedrivePolicy": policy})\n```',
    ),
)
def dead_letter(
    world: World, expect: Expect, *, read_total: Callable[..., Any], redrive: Callable[..., Any]
) -> None:
    """A message nobody can process leaves the queue on its fourth receive, is kept, repaired and sent back."""
    orders = expect.found(
        "exists",
        world.queue("orders"),
        "There is a queue named `orders`.",
        action="Run the cell that creates it again; it stands above the exercise.",
    )
    orders.purge()
    with world.rehearsal():
        sick, receives, moved = poison(world, orders)
        expect(
            "third",
            receives == 3,
            "A message that was received three times without success moves on its fourth receive.",
            seen=f"It was received {number(receives, 'time')}, and then it moved."
            if moved
            else f"It was received {number(receives, 'time')} and stands in no dead-letter queue.",
            why="A poison message uses up a worker again and again, and the orders behind it wait.",
            action="Give `orders` a `RedrivePolicy` with the ARN of the other queue and the count you want.",
        )
        kept_for(world, expect, orders, sick)
    judge_stranger(world, expect, orders)
    judge_redrive(world, expect, orders, read_total, redrive)


def poison(world: World, orders: Any) -> tuple[str, int, bool]:
    """Send one message that nobody can process. Returns its text, how often it came, and whether it moved."""
    sick = json.dumps({"id": world.word(), "total": "no number"})
    orders.send(sick)
    receives = 0
    for _ in range(7):
        came = [message for message in orders.receive(visibility=5) if message.body == sick]
        receives += len(came)
        if holds(orders.dead_letter, sick):
            return sick, receives, True
        world.clock.advance(seconds=6)
    return sick, receives, False


def holds(queue: Any, body: str) -> bool:
    """Whether a message with this text is in the queue, in whatever state."""
    return queue is not None and any(message.body == body for message in queue.messages())


def kept_for(world: World, expect: Expect, orders: Any, sick: str) -> None:
    """Is the message still there when somebody comes back from almost two weeks of holiday?"""
    target, days = orders.dead_letter, 0
    arrived = holds(target, sick)
    while holds(target, sick) and days < 13:
        world.clock.advance(days=1)
        days += 1
    world.clock.advance(hours=23)
    kept = holds(target, sick)
    expect(
        "kept",
        kept,
        "The dead-letter queue keeps a message until 14 days after it was sent.",
        seen="13 days and 23 hours later it was still there."
        if kept
        else f"It was gone {number(days, 'day')} later."
        if arrived
        else "It had never come to a dead-letter queue.",
        why="People need time to look. The age of a message counts from its first sending, not from its move.",
        action="Set `MessageRetentionPeriod` of the dead-letter queue to the most AWS allows. It is in seconds.",
    )


def judge_stranger(world: World, expect: Expect, orders: Any) -> None:
    """Another team tries to use the dead-letter queue for its own queue."""
    target = orders.dead_letter
    refused = False
    if target is not None:
        policy = json.dumps({"deadLetterTargetArn": target.arn, "maxReceiveCount": 3})
        client = world.client("sqs")
        try:
            client.create_queue(QueueName=f"other-team-{world.word()}", Attributes={"RedrivePolicy": policy})
        except client.exceptions.ClientError:
            refused = True
    expect(
        "stranger",
        refused,
        "The queue of another team cannot use this dead-letter queue.",
        seen="Another team tried to use it for its own queue. "
        + ("SQS refused." if refused else "SQS allowed it.")
        if target
        else "`orders` has no dead-letter queue yet.",
        why="Their messages would stand between yours, and a redrive would send them to their queue.",
        action="Give the dead-letter queue a `RedriveAllowPolicy` that names `orders` only.",
    )


def judge_redrive(
    world: World, expect: Expect, orders: Any, read_total: Callable[..., Any], redrive: Callable[..., Any]
) -> None:
    """Six orders with a decimal comma and a few healthy ones: the old worker cannot read the former."""
    target = orders.dead_letter
    if target:
        target.purge()
    cents = [world.random.randrange(1_00, 900_00) for _ in range(6)]
    sent = [json.dumps({"id": world.word(), "total": f"{c // 100},{c % 100:02d}"}) for c in cents]
    for body in sent:
        orders.send(body)
    for _ in range(12):
        if not orders.messages():
            break
        orders.receive(max=10, visibility=5)  # the old worker: it receives, fails, and deletes nothing
        world.clock.advance(seconds=6)
    with quick_sleep(world.clock, redrive):
        expect.call(
            "redriven",
            redrive,
            wanted="`redrive` brings every message back to `orders`, and none stays behind.",
            action="Read what SQS answered, and repair that line. Which ARN is the source of the move?",
        )
    world.clock.advance(minutes=10)
    left = target.messages() if target else []
    back = [message.body for message in orders.messages()]
    expect(
        "redriven",
        target is not None and not left and sorted(back) == sorted(sent),
        "`redrive` brings every message back to `orders`, and none stays behind.",
        seen=f"6 messages waited. {number(len(back), 'message is', 'messages are')} in `orders` now, "
        f"{len(left)} in the dead-letter queue."
        if target
        else "`orders` has no dead-letter queue yet.",
        why="These are real orders. They only had to wait for a worker that can read them.",
        action="Start a message move task with the ARN of the dead-letter queue as its source.",
    )
    for body, amount in [*zip(sent, cents, strict=True), (json.dumps({"id": "x", "total": "12.50"}), 1250)]:
        total = expect.call(
            "readable",
            read_total,
            body,
            wanted="`read_total` understands 12,50 and 12.50.",
            why="A redrive without a repair only fills the dead-letter queue again.",
            action="Python's `float` knows only the point. Change the text before you make a number of it.",
        )
        expect(
            "readable",
            near(total, amount / 100),
            "`read_total` understands 12,50 and 12.50.",
            seen=f"For `{body}` it returned {total!r}.",
            why="A redrive without a repair only fills the dead-letter queue again.",
            action="Python's `float` knows only the point. Change the text before you make a number of it.",
        )


def near(value: object, wanted: float) -> bool:
    """Whether a value is that number, whatever kind of number it is."""
    try:
        return abs(float(value) - wanted) < 0.001  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
