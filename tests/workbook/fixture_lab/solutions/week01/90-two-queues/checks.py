"""The checks of a small lab, for the tests of labkit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labkit.judging import Expect, World, exercise, question

hidden_for = question(
    "How long is a received message hidden, if you say nothing?",
    a="30 seconds",
    b="12 hours",
    answer="a",
    because="30 seconds is the default.",
    why_not={"b": "That is the longest."},
)


@exercise(
    "Hide a letter for two minutes",
    minutes=4,
    star=True,
    hints=(
        "A borrowed message is hidden for a while.",
        "Set `VisibilityTimeout` in `create_queue`.",
        'Attributes={"VisibilityTimeout": "____"}',
    ),
    covers=("L267-L271",),
)
def hide(world: World, expect: Expect) -> None:
    """A message comes back two minutes after it was received."""
    queue = expect.found(
        "exists",
        world.queue("letters"),
        "There is a queue named letters.",
        action="Create it with `create_queue`.",
    )
    with world.rehearsal():
        sent = queue.send(world.word())
        first = [message for message in queue.receive(max=10) if message.id == sent]
        world.clock.advance(seconds=115)
        early = [message.id for message in queue.receive(max=10)]
        expect(
            "hidden",
            first and sent not in early,
            "A received message is hidden for two minutes.",
            seen="It came back before two minutes were over." if sent in early else "It stayed hidden.",
            why="Two workers would handle it.",
            action="The timeout is in seconds.",
        )
        world.clock.advance(seconds=10)
        late = [message.id for message in queue.receive(max=10)]
        expect(
            "back",
            sent in early or sent in late,
            "It comes back after two minutes.",
            seen="It came back." if sent in late else "It was still hidden after 125 seconds.",
            why="When a worker dies, another one must get the message.",
            action="Make the timeout shorter.",
        )


@exercise(
    "Work through the queue",
    minutes=6,
    hints=(
        "Take, handle, throw away; again, until nothing is left.",
        "`receive_message`, then `delete_message` with the `ReceiptHandle`.",
        "sqs.delete_message(QueueUrl=url, ReceiptHandle=____)",
    ),
    covers=("L250",),
)
def worker(world: World, expect: Expect, *, work: Callable[[str], Any]) -> None:
    """The worker handles every message once and leaves the queue empty."""
    with world.rehearsal():
        name = world.word()
        world.client("sqs").create_queue(QueueName=name)
        queue = world.queue(name)
        assert queue is not None
        sent = [queue.send(world.word()) for _ in range(3)]
        bodies = [message.body for message in queue.messages() if message.id in sent]
        found = expect.call("runs", work, queue.url, wanted="The worker runs to its end.")
        expect(
            "bodies",
            sorted(found or []) == sorted(bodies),
            "The worker returns the bodies of all messages.",
            seen=f"It returned {found!r}.",
            action="Collect the bodies in a list and return it.",
        )
        world.clock.advance(minutes=1)
        left = len(queue.messages())
        expect(
            "gone",
            left == 0,
            "No message is left in the queue.",
            seen=f"{left} of 3 messages are still there.",
            why="A message that is not deleted comes back.",
            action="Delete each message after you handled it.",
        )
