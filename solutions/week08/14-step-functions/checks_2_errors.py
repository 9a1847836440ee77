"""Exercises 14.3 and 14.4: which errors deserve another try, and how many items may fail."""

from __future__ import annotations

import json
from typing import Any, Final

from labkit.judging import Expect, World, exercise, number, shown

from . import DOCS, Run, play, the_machine

LONGEST: Final = (2, 4, 8, 16, 20)
"""Seconds that each wait may last at most."""
CROWD: Final = 16
TOUCH: Final = 0.05
APART: Final = 0.8
"""Seconds. The first waits of so many orders, each anything up to 2 seconds, are hardly ever as near to each other."""


@exercise(
    "Retry the flaky bank",
    points=15,
    minutes=15,
    covers=("L205",),
    hints=(
        "Which of the three errors can be over in a few seconds? Which will never be over? And what happens when a "
        "thousand customers all try again at the same moment?",
        "`Retry` is a list, and the first entry that fits counts. `States.ALL` stands alone and comes last. The "
        "fields are `ErrorEquals`, `IntervalSeconds`, `BackoffRate`, `MaxDelaySeconds`, `MaxAttempts` and "
        f"`JitterStrategy`. See {DOCS}/concepts-error-handling.html",
        '```\n{\n    "ErrorEquals": ["Throttled"],\n    "IntervalSeconds": 2,\n    "BackoffRate": ____,\n'
        '    "MaxDelaySeconds": 20,\n    "MaxAttempts": 5,\n    "JitterStrategy": "FULL",\n}\n```',
    ),
)
def flaky_bank(world: World, expect: Expect) -> None:
    """A throttled bank is asked again with growing waits, a stolen card is not, anything else once more."""
    machine = the_machine(world, expect, "bank-flow")
    odd = world.word().partition("-")[0].title() + "Error"
    plans: list[list[Any]] = [["Throttled"]] * CROWD + [["CardStolen"], [odd], ["Throttled", 5]]
    orders = [
        {"order_id": world.word(), "total": world.random.randint(5, 99), "trouble": {"bank": plan}}
        for plan in plans
    ]
    *crowd, stolen, strange, short = play(world, machine, *orders, hours=0.2)
    expect(
        "recovers",
        short.status == "SUCCEEDED",
        "When the bank throttles five calls and takes the sixth, the order succeeds.",
        seen=f"After {number(len(short.calls), 'call')} the execution was {short.end}.",
        why="A bank that throttles is well again soon.",
        action="MaxAttempts counts the tries after the first call.",
    )
    tries = sorted({len(run.calls) for run in crowd})
    expect(
        "attempts",
        tries == [6],
        "A bank that throttles for ever is called six times, no more.",
        seen=f"The bank was called {' or '.join(map(str, tries))} times.",
        why="Each further call makes it worse for a bank in trouble.",
        action="The first call and how many retries make six?",
    )
    judge_waits(expect, crowd)
    expect(
        "stolen",
        len(stolen.calls) == 1,
        "For a stolen card the bank is called once.",
        seen=f"The bank said `CardStolen`, and was called {number(len(stolen.calls), 'time')}.",
        why="A stolen card stays stolen. Who tries it again and again looks like a thief.",
        action="An entry with `MaxAttempts` 0 says: this error, never again. It must stand above one that fits, too.",
    )
    expect(
        "others",
        len(strange.calls) == 2,
        "After any other error the bank is called once more.",
        seen=f"The bank said `{odd}`, and was called {number(len(strange.calls), 'time')}.",
        why="Nobody knows all errors. One more try costs little, and often helps.",
        action="`States.ALL` fits every error that a Task can have, but for two. It must be the last entry.",
    )


def judge_waits(expect: Expect, crowd: list[Run]) -> None:
    """How long the waits are, and whether they differ."""
    waits = [run.waits for run in crowd]
    places = [[one[place] for one in waits if len(one) > place] for place in range(len(LONGEST))]
    long = [
        (place, max(told)) for place, told in enumerate(places) if told and max(told) > LONGEST[place] + TOUCH
    ]
    short = [
        (place, max(told, default=0.0))
        for place, told in enumerate(places)
        if max(told, default=0.0) <= LONGEST[place] / 2 + TOUCH / 2
    ]
    wrong = (long or short or [(0, 0.0)])[0]
    expect(
        "waits",
        not long and not short,
        "The waits last up to 2, 4, 8, 16 and 20 seconds.",
        seen=f"In {len(crowd)} orders, wait number {wrong[0] + 1} lasted up to {wrong[1]:.1f} seconds. "
        f"It should be up to {LONGEST[wrong[0]]}.",
        why="Growing waits give the bank air. A longest wait keeps the customer from waiting for minutes.",
        action="First wait, growth and longest wait are `IntervalSeconds`, `BackoffRate` and `MaxDelaySeconds`.",
    )
    first = places[0]
    expect(
        "spread",
        len(first) == len(crowd) and max(first) - min(first) > APART,
        "Orders that failed together do not try again together.",
        seen=f"{len(crowd)} orders were throttled at the same moment. They came again at the same moment."
        if first
        else "Not all of the orders that were throttled came again.",
        why="Who comes again in step with all others is throttled again.",
        action="`JitterStrategy` makes each wait a random part of its length.",
    )


# -- 14.4 ------------------------------------------------------------------------------------------------


def books(world: World, count: int, sold_out: int) -> dict[str, Any]:
    """A big order in which so many books are sold out."""
    things = [{"sku": world.word(), "left": 1} for _ in range(count)]
    for one in world.random.sample(things, sold_out):
        one["left"] = 0
    return {"order_id": world.word(), "items": things}


@exercise(
    "Two hundred books",
    points=10,
    minutes=15,
    covers=("L205", "L206"),
    hints=(
        "Two limits: how many at once, and how many may fail. Who keeps the list of those that failed, if the one "
        "that failed does not?",
        "A Map in the mode `DISTRIBUTED` has `MaxConcurrency` and `ToleratedFailurePercentage`. Inside, a "
        "`Catch` leads to a state that sends the item to the queue, and then to a Fail, so that it still counts. See "
        f"{DOCS}/state-map-distributed.html",
        '```\n"MaxConcurrency": 10,\n"ToleratedFailurePercentage": ____,\n"ItemProcessor": {\n'
        '    "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},\n```',
    ),
)
def many_books(world: World, expect: Expect) -> None:
    """Ten books at a time; five in a hundred may be missing, and those are on the list."""
    machine = the_machine(world, expect, "school-flow")
    queue = expect.found(
        "queue",
        world.queue("backorder"),
        "There is a queue named `backorder`.",
        action="Run the cell that creates it; it stands above the exercise.",
    )
    queue.purge()
    with world.rehearsal() as rehearsal:
        (bad,) = play(world, machine, books(world, 50, 3))
        most = at_once(rehearsal.trace)
    few = books(world, 120, 6)
    if most <= 10:  # else far too many functions would run at once
        with world.rehearsal() as rehearsal:
            (good,) = play(world, machine, few)
            most, seconds = at_once(rehearsal.trace), good.seconds
            noted = [sku(message.body) for message in queue.messages()]
    if not expect(
        "ten",
        most <= 10,
        "At most ten books are reserved at the same time.",
        seen=f"{most} calls of `take` ran at the same time.",
        why="The warehouse has ten people. With more calls, all of them wait, and some time out.",
        action="`MaxConcurrency` limits a Map.",
    ):
        return
    missing = sorted(one["sku"] for one in few["items"] if not one["left"])
    expect(
        "fast",
        seconds <= 24,
        "120 books take no longer than 24 seconds.",
        seen="The execution did not end within an hour."
        if seconds == float("inf")
        else f"It took about {round(seconds, -1):.0f} seconds. Each book takes one second.",
        why="Ten at a time need 12 seconds.",
        action="Let as many run at once as the warehouse can take.",
    )
    expect(
        "tolerates",
        good.status == "SUCCEEDED",
        "When 5 % of the books are sold out, the order succeeds.",
        seen=f"{len(missing)} of 120 were sold out, and the execution ended as {good.end}.",
        why="A school that waits for 200 books is glad about 190.",
        action="How many of a hundred may fail? A Map fails with the first item, unless you say what it tolerates.",
    )
    expect(
        "strict",
        bad.status == "FAILED",
        "When more than 5 % are sold out, the order fails.",
        seen=f"3 of 50 books were sold out, and the execution ended as {bad.end}.",
        why="Five in a hundred is the promise of the shop, however big the order is.",
        action="What counts as failed? An item whose error was caught and forgotten does not. And is it a "
        "share or a number?",
    )
    expect(
        "listed",
        sorted(noted) == missing,
        "Each book that was sold out is in the queue `backorder`, once, as JSON with its `sku`.",
        seen=f"{len(missing)} books were sold out. The queue had {number(len(noted), 'message')}: {shown(noted)}.",
        why="Somebody has to order them from the publisher.",
        action="Catch the error inside the Map, send the item to the queue, and only then let it fail.",
    )


def sku(body: str) -> str:
    """The sku in a message."""
    try:
        told = json.loads(body)
    except ValueError:
        return body[:40]
    return str(told.get("sku")) if isinstance(told, dict) else str(told)


def at_once(trace: Any) -> int:
    """How many calls of `take` ran at the same time at most; each takes a second."""
    began = sorted(one.time for one in trace.where(kind="invocation", resource="take"))
    most, first = 0, 0
    for last, when in enumerate(began):
        while when - began[first] > 0.99:
            first += 1
        most = max(most, last - first + 1)
    return most
