"""The life of a message: 16.1 and 16.2."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from labkit.judging import GOODS, NAMES, Expect, World, exercise

from . import DOCS, new_queue, seconds_said, shown

# -- 16.1 ------------------------------------------------------------------------------------------------


class Packer:
    """Packs orders, except those it is called away from. Remembers everything it was handed."""

    def __init__(self, leaves: str = "") -> None:
        self.leaves = leaves
        self.handed: list[object] = []

    def __call__(self, order: object) -> bool:
        self.handed.append(order)
        return order != self.leaves


@exercise(
    "Send, receive, delete, and forget once",
    points=10,
    minutes=12,
    star=True,
    covers=("L239-L242", "L260-L264"),
    hints=(
        "To receive is to borrow. The queue keeps the message until somebody says that the work is done. Ask "
        "yourself: what did I put in, what came out, and what do I have to show to hand it back for good?",
        "`send_message` takes the text as `MessageBody`. A received message is a dict with `Body` and "
        f"`ReceiptHandle`. `delete_message` wants the handle. See {DOCS}/APIReference/API_DeleteMessage.html",
        '```\nsqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["____"])\n```',
    ),
)
def life_cycle(world: World, expect: Expect, *, place: Callable[..., Any], work: Callable[..., Any]) -> None:
    """Orders that were packed never come back; an order that was left comes back after the visibility timeout."""
    orders = [
        f"{world.random.choice(GOODS)} for {world.random.choice(NAMES)} {world.word()}" for _ in range(3)
    ]
    shop = new_queue(world)
    for order in orders:
        expect.call(
            "runs",
            place,
            shop.url,
            order,
            wanted="`place` and `work` run without an error.",
            action="Compare the call in that line with the worked example.",
        )
    waiting = [message.body for message in shop.messages()]
    expect(
        "sent",
        sorted(waiting) == sorted(orders),
        "`place` puts the customer's order into the queue.",
        seen=f"The first order was {orders[0]!r}. After three orders the queue holds {shown(waiting)}.",
        why="The worker sees nothing but the body of the message.",
        action="The body of the message should be the order, word for word.",
    )
    bench = new_queue(world, VisibilityTimeout="30")
    left, *packed = world.random.sample(orders, 3)
    judge_work(world, expect, work, bench, left, packed)
    expect.call(
        "empty",
        work,
        new_queue(world).url,
        Packer(),
        wanted="`work` ends quietly when the queue is empty.",
        why="When there is no message, the answer has no key `Messages` at all.",
        action="Treat an answer without that key like an empty list.",
    )


def judge_work(
    world: World, expect: Expect, work: Callable[..., Any], bench: Any, left: str, packed: list[str]
) -> None:
    """The checker sends three orders; the packer is called away from one of them."""
    for order in (left, *packed):
        bench.send(order)
    packer = Packer(leaves=left)
    for _ in range(3):
        expect.call(
            "runs",
            work,
            bench.url,
            packer,
            wanted="`place` and `work` run without an error.",
            action="Print the whole answer of `receive_message` once, and see what it holds. Then repair that line.",
        )
        if len(packer.handed) >= 3:
            break
    expect(
        "packed",
        sorted(map(str, packer.handed)) == sorted([left, *packed]),
        "`work` hands each order to `pack`, once.",
        seen=f"The queue held 3 orders. `pack` was handed {shown(packer.handed)}.",
        why="`pack` reads what the customer wants from the body of the message.",
        action="Look at what `receive_message` answers. Where are the messages in it, and where is the text?",
    )
    world.clock.advance(seconds=31)
    back = {message.body: message for message in bench.receive(max=10)}
    again = sum(order in back for order in packed)
    expect(
        "deleted",
        not again,
        "An order that was packed never comes back.",
        seen=f"2 of 3 orders should be gone. 31 seconds later {again} of the 2 came back.",
        why="A queue keeps a message until it is deleted, and somebody would pack it again.",
        action="Delete a message with its receipt handle when `pack` has returned True.",
    )
    expect(
        "forgotten",
        left in back and back[left].count == 2,
        "An order that was not packed comes back after the timeout, with receive count 2.",
        seen=f"It came back with receive count {back[left].count}."
        if left in back
        else "The order that was left did not come back. It was deleted although nobody had packed it.",
        why="If the message is deleted before the work is done, a crash loses the order.",
        action="Delete only after `pack` has said True. To forget a message, do nothing with it.",
    )


# -- 16.2 ------------------------------------------------------------------------------------------------


class PaperJam(Exception):
    """The printer stops, and the worker's program with it."""


class PowerOff(BaseException):
    """The machine is off: also a program that goes on after a jam comes to its end here."""


class Job:
    """Ninety-five seconds of printing. `step()` prints for five seconds and says whether there is more to do.

    A second worker asks for the same message after each step; `second_worker_at` is when it first got one.
    """

    LONG: Final = 95
    STEP: Final = 5

    def __init__(self, world: World, queue: Any, jam_after: int = LONG + 1) -> None:
        self._world, self._queue, self._jam_after = world, queue, jam_after
        self._idle_steps = 0
        self.seconds = 0
        self.second_worker_at: int | None = None

    def step(self) -> bool:
        """Print for five seconds. True while there is more to print. A jam raises PaperJam."""
        if self.seconds >= min(self._jam_after, self.LONG):
            return self._idle()
        self._world.clock.advance(seconds=self.STEP)
        self.seconds += self.STEP
        if self.second_worker_at is None and any(message.visible for message in self._queue.messages()):
            self.second_worker_at = self.seconds
        return self.seconds < self.LONG

    def _idle(self) -> bool:
        """A step that cannot print any more. No program may go on with these for ever."""
        self._idle_steps += 1
        if self.seconds >= self.LONG:
            if self._idle_steps > 3:
                raise RuntimeError("the calendar is ready, and step() has said so by returning False")
            return False
        if self._idle_steps > 1:
            raise PowerOff
        raise PaperJam("the paper is stuck, and the program stops here")


@exercise(
    "A 95-second job on a 30-second queue",
    points=10,
    minutes=15,
    star=True,
    covers=("L268-L271",),
    hints=(
        "The queue cannot see your worker. While the work goes on, the worker has to say again and again: this "
        "message is still mine. When the worker stops, nobody says it any more, and that is what you want.",
        "`change_message_visibility` sets a new timeout for one message, counted from the moment of the call. Call "
        f"it between the steps. See {DOCS}/APIReference/API_ChangeMessageVisibility.html",
        "```\nwhile job.step():\n    sqs.change_message_visibility(\n        QueueUrl=queue_url, "
        'ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=____\n    )\n```',
    ),
)
def heartbeat(world: World, expect: Expect, *, work: Callable[..., Any]) -> None:
    """Nobody else gets the message while its worker lives; after a crash the next worker has it in 40 seconds."""
    with world.rehearsal():
        queue, message = received(world)
        job = Job(world, queue)
        expect.call(
            "runs",
            work,
            queue.url,
            message,
            job,
            wanted="The function runs without an error when nothing is wrong with the printer.",
            action="Read what SQS or Python says about that line, and repair it.",
        )
        expect(
            "finished",
            job.seconds >= Job.LONG,
            "The calendar is printed to the end.",
            seen=f"The work ended after {job.seconds} of {Job.LONG} seconds.",
            why="The customer paid for all twelve months.",
            action="Call `job.step()` until it returns False.",
        )
        expect(
            "alone",
            job.second_worker_at is None,
            "While the worker lives, nobody else receives its message.",
            seen=f"After {job.second_worker_at} seconds of work a second worker could receive the same message."
            if job.second_worker_at
            else "A second worker asked every five seconds and never got it.",
            why="Two workers print and bill the same calendar.",
            action="Renew the visibility timeout before it ends, between the steps of the work.",
        )
        world.clock.advance(hours=13)
        rest = queue.messages()
        expect(
            "deleted",
            not rest,
            "After the work the message is gone.",
            seen="The work was done, but the message came back to the queue."
            if rest
            else "It never came back.",
            why="The next worker would print the calendar once more.",
            action="Delete the message when the last step is done.",
        )
    first = world.random.randrange(3, 8) * Job.STEP
    waits = [wait_after_jam(world, work, first + more) for more in (0, 5, 10, 15)]
    lost, longest = None in waits, max(wait or 0 for wait in waits)
    expect(
        "safe",
        not lost,
        "When the worker stops half-way, the order is not lost.",
        seen="The program stopped half-way, and the message was gone: no worker ever saw the order again."
        if lost
        else "In four crashes no order was lost.",
        why="A customer has paid for this calendar.",
        action="Delete the message after the last step, and only then.",
    )
    expect(
        "takeover",
        not lost and longest <= 40,
        "When the worker stops half-way, another one has the message within 40 seconds.",
        seen="No other worker could have it, because it was gone."
        if lost
        else f"The program stopped, and the message stayed hidden for up to {seconds_said(longest)}.",
        why="A customer waits, and no worker is busy with the order.",
        action="Ask for a short timeout each time, and ask often. A heartbeat is many short promises.",
    )


def received(world: World) -> tuple[Any, dict[str, Any]]:
    """A queue with the default timeout of 30 seconds, and its only message, just received."""
    queue = new_queue(world, VisibilityTimeout="30")
    queue.send(f"calendar {world.word()}")
    return queue, world.client("sqs").receive_message(QueueUrl=queue.url)["Messages"][0]


def wait_after_jam(world: World, work: Callable[..., Any], jam_after: int) -> float | None:
    """How many seconds after a crash the message can be received again; None when it is lost."""
    with world.rehearsal():
        queue, message = received(world)
        with suppress(PaperJam, PowerOff):
            work(queue.url, message, Job(world, queue, jam_after))
        stopped = world.clock.time()
        return next((max(0.0, left.visible_at - stopped) for left in queue.messages()), None)
