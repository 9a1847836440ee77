"""One order for three queues, each of which must consent: 18.1."""

from __future__ import annotations

from typing import Any, Final

from labkit.judging import GOODS, NAMES, Expect, World, exercise

from . import DOCS, refusals, subscriptions, texts, topic

DEPARTMENTS: Final = ("packing", "billing", "statistics")


@exercise(
    "One order, three queues",
    points=10,
    minutes=10,
    star=True,
    covers=("L276-L279", "L285"),
    hints=(
        "A queue is a door with a list of guests. Who rings, what does the guest want to do, and on whose "
        "behalf? The "
        "list of guests stands at the queue, not at the topic.",
        "Write the principal of SNS, the action of SQS that puts a message in, and the ARN of the topic under "
        f"`aws:SourceArn`. Then `sns.subscribe` with `Protocol` and `Endpoint`. See "
        f"{DOCS}/dg/subscribe-sqs-queue-to-sns-topic.html",
        '```\n"Principal": {"Service": "sns.amazonaws.com"},\n"Action": "sqs:SendMessage",\n'
        '"Condition": {"ArnEquals": {"aws:SourceArn": ____}},\n```',
    ),
)
def three_queues(world: World, expect: Expect) -> None:
    """Each of three queues gets one copy of an order; other topics cannot write; a lost queue harms nobody."""
    arn = topic(world, "orders")
    queues = [queue for name in DEPARTMENTS if (queue := world.queue(name)) is not None]
    missing = [name for name in DEPARTMENTS if name not in [queue.name for queue in queues]]
    expect.found(
        "exists",
        arn if not missing else None,
        "There are the topic `orders` and the queues `packing`, `billing` and `statistics`.",
        seen=f"Not found: {', '.join([*missing, *([] if arn else ['orders'])])}.",
        action="Run the cells that create them again; they stand above the exercise.",
    )
    with world.rehearsal() as rehearsal:
        counts = copies(world, str(arn), queues)
        why = [text for queue in queues for text in refusals(rehearsal.trace, queue.arn)]
        ends = subscriptions(world, str(arn))
        out = [queue.name for queue in queues if queue.arn not in ends]
        expect(
            "copies",
            set(counts.values()) == {1},
            "Each queue gets one copy of each order.",
            seen=f"One order was published. Copies: {told(counts)}."
            f"{' Not subscribed to this topic: ' + ', '.join(out) + '.' if out else ''}{' ' + why[0] if why else ''}",
            why="Each department works on a copy of its own and deletes it when it is done.",
            action="Look at the trace for deliveries that were refused, and at the subscriptions of the topic.",
        )
    with world.rehearsal():
        lost = world.random.choice(queues)
        world.client("sqs").delete_queue(QueueUrl=lost.url)
        rest = [queue for queue in queues if queue is not lost]
        counts = copies(world, str(arn), rest)
        expect(
            "independent",
            set(counts.values()) == {1},
            "When one queue is deleted, the others still get their copies.",
            seen=f"The queue {lost.name} was deleted. Then one order was published. Copies: {told(counts)}.",
            why="A department that closes must not stop the others.",
            action="Subscribe each queue to the topic itself.",
        )
    with world.rehearsal():
        stranger = world.client("sns").create_topic(Name=f"other-team-{world.word()}")["TopicArn"]
        for queue in queues:
            world.client("sns").subscribe(TopicArn=stranger, Protocol="sqs", Endpoint=queue.arn)
        counts = copies(world, stranger, queues)
        expect(
            "stranger",
            not any(counts.values()),
            "A topic of another team cannot write into these queues.",
            seen="Another topic of this account subscribed your queues and published. "
            f"Its message arrived: {told(counts)}.",
            why="Whoever can subscribe your queue could pack and bill orders that no customer made.",
            action="Let the policy of the queue name the one topic that may write, in a condition.",
        )


def copies(world: World, arn: str, queues: list[Any]) -> dict[str, int]:
    """Publish one order; how many copies of it are in each queue."""
    order = f"{world.random.choice(GOODS)} for {world.random.choice(NAMES)} {world.word()}"
    world.client("sns").publish(TopicArn=arn, Message=order)
    world.clock.advance(seconds=5)
    return {queue.name: texts(queue).count(order) for queue in queues}


def told(counts: dict[str, int]) -> str:
    """Counts by name, in words."""
    return ", ".join(f"{name} {count}" for name, count in counts.items())
