"""What the finished exercises of lab 13 do."""

from __future__ import annotations

from labkit.judging import Expect, World, exercise


@exercise(
    "Keep a message for two minutes",
    points=10,
    minutes=10,
    star=True,
    hints=(
        "A received message is only borrowed. Somebody decides for how long.",
        "The queue attribute is `VisibilityTimeout`, in seconds. See the page of `create_queue`.",
        'sqs.create_queue(QueueName="parcels", Attributes={"VisibilityTimeout": "____"})',
    ),
)
def keep(world: World, expect: Expect) -> None:
    """A received message comes back after two minutes, and not earlier."""
    queue = expect.found(
        "exists",
        world.queue("parcels"),
        "There is a queue named parcels.",
        action="Create it with `sqs.create_queue(...)`.",
    )
    with world.rehearsal():
        sent = queue.send(world.word())
        queue.receive(max=10)
        world.clock.advance(seconds=115)
        early = sent in [message.id for message in queue.receive(max=10)]
        expect(
            "hidden",
            not early,
            "A received message stays hidden for two minutes.",
            seen="It came back before 115 seconds were over." if early else "It was hidden for 115 seconds.",
            why="A second worker would begin the same work.",
            action="Give the timeout in seconds.",
        )
        world.clock.advance(seconds=10)
        back = early or sent in [message.id for message in queue.receive(max=10)]
        expect(
            "back",
            back,
            "It comes back when two minutes are over.",
            seen="It came back." if back else "After 125 seconds it was still hidden.",
            why="When a worker dies, the message has to wait until the timeout ends.",
            action="Make the timeout shorter.",
        )
