"""A poison message at the head of a line: 17.5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from labkit.judging import Expect, World, exercise, number
from labkit.judging.watch import quick_sleep

from . import DOCS, another_worker, by_key, read

# -- 17.5 ------------------------------------------------------------------------------------------------

STEPS: Final = "steps.fifo"
HOLDS: Final = "on-hold"


class Desk:
    """Handles the steps of orders, but one it cannot read. Remembers what it was handed, and when."""

    def __init__(self, world: World, sick: str) -> None:
        self._world, self._sick = world, sick
        self.handed: list[tuple[float, dict[str, Any]]] = []

    def __call__(self, step: Any) -> None:
        self.handed.append((self._world.clock.time(), dict(step)))
        if step["id"] == self._sick:
            raise ValueError(f"cannot read the address in {step['text']!r}")

    @property
    def read(self) -> list[dict[str, Any]]:
        """The steps that were handled well, in order."""
        return [step for _, step in self.handed if step["id"] != self._sick]


@exercise(
    "One poison order",
    points=10,
    minutes=14,
    covers=("L246", "L250"),
    hints=(
        "A line has a head. While the head fails, the line waits, and that is right. But when the head is taken away, "
        "the next one steps forward. Who tells it to wait?",
        "`RedrivePolicy` on the queue, with a FIFO queue as its target. Each message says how often it came: "
        f"`ApproximateReceiveCount`. See {DOCS}/SQSDeveloperGuide/sqs-dead-letter-queues.html",
        '```\ndead = sqs.create_queue(QueueName="steps-dlq.____", Attributes={"FifoQueue": "true"})["QueueUrl"]\n\n'
        'if int(message["Attributes"]["ApproximateReceiveCount"]) >= 3:\n'
        '    on_hold.put_item(Item={"customer": step["customer"]})\n```',
    ),
)
def poison(world: World, expect: Expect, *, work: Callable[..., Any]) -> None:
    """A step that nobody can read leaves after three tries; its customer's later steps wait behind it."""
    queue, holds = world.queue(STEPS), world.table(HOLDS)
    steps_queue = expect.found(
        "exists",
        queue if holds else None,
        "There are the queue `steps.fifo` and the table `on-hold`.",
        action="Run the cell that makes them again; it stands above the exercise.",
    )
    steps_queue.purge()
    if holds:
        holds.clear()
    customers = [world.word() for _ in range(3)]
    texts = ("new", "new address", "gift card", "ship it")
    story = [
        {"id": f"step-{world.word()}", "customer": customer, "text": text}
        for text in texts
        for customer in world.random.sample(customers, 3)
    ]
    sick = next(step for step in story if step["text"] == "new address")
    for step in story:
        steps_queue.send(step, group=step["customer"], deduplication=step["id"])
    desk = Desk(world, sick["id"])
    began = world.clock.time()
    with quick_sleep(world.clock, work):
        until_quiet(world, expect, work, steps_queue, desk)
    judge_poison(expect, steps_queue, desk, sick)
    judge_neighbours(expect, desk, story, sick, began)
    judge_hold(expect, steps_queue, desk, story, sick)


def until_quiet(world: World, expect: Expect, work: Callable[..., Any], queue: Any, desk: Desk) -> None:
    """The worker is called until nothing is left, for at most a quarter of an hour of lab time."""
    end = world.clock.time() + 900
    forget = another_worker(work)
    while world.clock.time() < end and queue.messages():
        before = len(desk.handed), len(queue.messages())
        forget()
        expect.call(
            "runs",
            work,
            queue.url,
            desk,
            wanted="`work` survives a step that cannot be handled.",
            why="One order must not stop the worker for everybody.",
            action="`handle` raises a ValueError when it cannot read a step. Catch it, and do not delete the message.",
        )
        if (len(desk.handed), len(queue.messages())) == before:
            world.clock.advance(seconds=10)


def judge_poison(expect: Expect, queue: Any, desk: Desk, sick: dict[str, str]) -> None:
    """The step that nobody can read."""
    tries = sum(step["id"] == sick["id"] for _, step in desk.handed)
    target = queue.dead_letter
    there = target is not None and any(read(one.body) == sick for one in target.messages())
    expect(
        "third",
        tries == 3 and there,
        "A step that cannot be handled is tried three times, and is then in the dead-letter queue.",
        seen=f"It was tried {number(tries, 'time')}. "
        + (
            "`steps.fifo` has no dead-letter queue."
            if target is None
            else "It is in the dead-letter queue."
            if there
            else "It is not in the dead-letter queue."
        ),
        why="A short trouble heals by itself. A step that fails three times needs a person.",
        action="What takes it out of the queue before the third try, or keeps it from being tried?"
        if tries < 3 and target
        else "Give `steps.fifo` a `RedrivePolicy`: which queue, and how many receives?",
    )


def judge_neighbours(
    expect: Expect, desk: Desk, story: list[dict[str, str]], sick: dict[str, str], began: float
) -> None:
    """The steps of all other customers."""
    others = [step for step in story if step["customer"] != sick["customer"]]
    wanted = by_key(others, lambda step: str(step["customer"]))
    done = by_key(
        (step for at, step in desk.handed if step["customer"] != sick["customer"] and at < began + 25),
        lambda step: str(step["customer"]),
    )
    flowed = sum(len(steps) for steps in done.values())
    expect(
        "others",
        done == wanted,
        "The steps of all other customers are handled within 25 seconds, once each, and in order.",
        seen=f"After 25 seconds {flowed} of {len(others)} steps of the other customers were handled.",
        why="Each group is a line of its own. One line that waits holds up nobody else.",
        action="Do not wait in the worker, and do not handle anything twice. Go on with the next message.",
    )


def judge_hold(
    expect: Expect, queue: Any, desk: Desk, story: list[dict[str, str]], sick: dict[str, str]
) -> None:
    """What became of the steps behind it."""
    mine = [step for step in story if step["customer"] == sick["customer"]]
    behind = mine[mine.index(sick) + 1 :]
    overtook = [step for step in behind if step in desk.read]
    expect(
        "line",
        not overtook,
        "No later step of that customer is handled before the one in front of it.",
        seen=f"`new address` failed, and {' and '.join(repr(step['text']) for step in overtook)} of the same customer "
        f"{'was' if len(overtook) == 1 else 'were'} handled.",
        why="The parcel would go to the old address.",
        action="Note that this customer is on hold when the third try has failed, and look at the note before "
        "you handle a step.",
    )
    target = queue.dead_letter
    found = target.messages() if target else []
    mine_there = [one for one in found if read(one.body).get("customer") == sick["customer"]]
    kept, lines = [read(one.body) for one in mine_there], {one.group for one in mine_there}
    expect(
        "kept",
        kept == [sick, *behind] and len(lines) == 1 and not queue.messages(),
        "The later steps of that customer stand behind it in the dead-letter queue, in order.",
        seen=f"In the dead-letter queue: {', '.join(repr(step.get('text')) for step in kept) or 'nothing'}. "
        f"{number(len(queue.messages()), 'message')} left in `steps.fifo`."
        + (
            f" They are in {len(lines)} message groups, so they can overtake each other."
            if len(lines) > 1
            else ""
        ),
        why="When the address is repaired, somebody must be able to go on from there.",
        action="Move the later steps into the dead-letter queue too, in the same message group, and delete them here.",
    )
