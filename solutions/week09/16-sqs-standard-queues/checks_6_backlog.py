"""As many workers as the backlog needs: 16.8."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from labkit.judging import Expect, World, exercise, number

from . import new_queue

MOST_WAITING: Final = 100  # orders for each worker
TABLES: Final = 20
ORDER_TAKES: Final = 20  # seconds
ASKED_EVERY: Final = 60
STARTS_IN: Final = 30
BATCH: Final = 10  # orders in one call
QUIET: Final = 300  # seconds before the rush
RUSH: Final = 360
EVENING: Final = 2700
CALM: Final = 600  # the last seconds of the story


class Hall:
    """The packing hall for one story: asks `scale` once a minute, and notes what waits and who works."""

    def __init__(self, world: World, scale: Callable[[int, int, int], int]) -> None:
        self._world, self._scale = world, scale
        self._queue = new_queue(world, VisibilityTimeout="900")
        self._began = world.clock.time()
        self.asked: list[tuple[float, int]] = []
        """When `scale` was asked (seconds since the story began), and for how many workers it asked."""
        self.worst = (0.0, 0.0, 0, 1)
        """The most orders for one worker: how many, when, and the orders and workers it is made of."""

    def play(self) -> None:
        """A quiet hour, a rush, and a long evening. The shop sends its orders in batches of ten."""
        from labkit.workload import steady

        world = self._world
        self._crew = world.workers(
            self._queue.url,
            seconds=ORDER_TAKES,
            batch=BATCH,
            scale=self._ask,
            every=ASKED_EVERY,
            warm_up=STARTS_IN,
        )
        quiet, rush = 0.015 / BATCH, world.random.uniform(0.48, 0.52) / BATCH
        day = steady(quiet, QUIET) + steady(rush, RUSH) + steady(quiet, EVENING)
        world.play(world.traffic(day, self._send, evenly=True), self._crew)

    def _send(self, _: Any) -> None:
        entries = [{"Id": str(place), "MessageBody": self._world.word()} for place in range(BATCH)]
        self._world.client("sqs").send_message_batch(QueueUrl=self._queue.url, Entries=entries)
        self._look()

    def _ask(self, visible: int, in_flight: int, workers: int) -> int:
        self._look()
        wanted = self._scale(visible, in_flight, workers)
        self.asked.append((self._world.clock.time() - self._began, wanted))
        return min(max(wanted, 0), 3 * TABLES)

    def _look(self) -> None:
        now = self._world.clock.time()
        waiting = sum(message.visible for message in self._queue.messages())
        working = max(1, self._working(now))
        if waiting / working > self.worst[0]:
            self.worst = (waiting / working, now - self._began, waiting, working)

    def _working(self, now: float) -> int:
        """Workers that have started: the fewest there were to be in the time a start takes."""
        sizes = self._crew.sizes
        before = [size for when, size in sizes if when <= now - STARTS_IN][-1:]
        since = [size for when, size in sizes if when > now - STARTS_IN]
        return min([*before, *since], default=1)

    def calm(self) -> set[int]:
        """The numbers of workers it asked for before the rush and at the end of the evening."""
        end = QUIET + RUSH + EVENING - CALM
        return {count for when, count in self.asked if when <= QUIET or when >= end}


@exercise(
    "Workers follow the backlog",
    points=10,
    minutes=15,
    covers=("L241",),
    hints=(
        "120 waiting orders are nothing for ten workers, and far too much for one. So the length of the queue alone "
        "misleads. What can you divide it by? And what happens in the minute before you are asked again?",
        "AWS calls it the backlog per instance: the visible messages, divided by what one worker may have in front of "
        "it. Aim well below the limit, because new workers need time to start. `math.ceil`, `max` and `min` help. See "
        "https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-using-sqs-queue.html",
        "```\nreturn max(1, min(20, math.ceil(visible / ____)))\n```",
    ),
)
def follow_the_backlog(world: World, expect: Expect, *, scale: Callable[..., Any]) -> None:
    """At most 100 orders wait for each worker, one worker is there when it is quiet, and nobody lacks a table."""

    def asked(visible: int, in_flight: int, workers: int) -> int:
        answer = expect.call(
            "runs",
            scale,
            visible,
            in_flight,
            workers,
            wanted="`scale` runs without an error.",
            action="Call it yourself, for example `scale(0, 0, 1)`, and repair the line that Python names.",
        )
        return judge_whole(expect, answer, visible)

    hall = Hall(world, asked)
    with world.rehearsal():
        hall.play()
    most, when, waiting, working = hall.worst
    expect(
        "backlog",
        most <= MOST_WAITING,
        "At no time more than 100 orders wait for each worker.",
        seen=f"{when - QUIET:.0f} seconds after the rush began, {number(waiting, 'order')} waited for "
        f"{number(working, 'worker')}.",
        why="An order takes 20 seconds. With 100 orders in front of it, a customer waits for more than half an hour.",
        action="Ask for more workers earlier: you are asked once a minute, and a new worker needs 30 seconds more.",
    )
    calm = hall.calm()
    expect(
        "night",
        calm == {1},
        "When it is quiet, exactly one worker is there.",
        seen=f"Hardly anything was in the queue, and it asked for {listed(sorted(calm - {1}))} workers.",
        why="The shop pays for each worker that waits. With no worker at all, the first order of the day waits, too.",
        action="Let the number follow the backlog down again, and never below one.",
    )
    mountain = world.random.randrange(4_000, 9_000)
    wanted = asked(mountain, 10 * TABLES, TABLES)
    expect(
        "tables",
        wanted == TABLES,
        "When thousands of orders wait, all 20 tables have a worker, and no worker is without a table.",
        seen=f"{mountain:,} orders waited, and it asked for {number(wanted, 'worker')}.",
        why="Tables are free, and the customers wait."
        if wanted < TABLES
        else "More workers than tables cost money and pack nothing.",
        action="Let the number grow with the backlog, as far as there are tables."
        if wanted < TABLES
        else "Put a limit on the number that you return.",
    )


def judge_whole(expect: Expect, answer: object, visible: int) -> int:
    """Is the answer a number of workers? Returns the nearest one."""
    whole = isinstance(answer, int) and not isinstance(answer, bool)
    expect(
        "whole",
        whole,
        "`scale` returns a whole number.",
        seen=f"With {number(visible, 'order')} waiting it returned {answer!r}.",
        why="There are no half workers.",
        action="Round up. `math.ceil` does that.",
    )
    try:
        return max(-1, min(round(float(answer)), 10_000))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return 1


def listed(counts: list[int]) -> str:
    """A few numbers as people say them."""
    return ", ".join(map(str, counts[:-1])) + " and " + str(counts[-1]) if len(counts) > 1 else str(*counts)
