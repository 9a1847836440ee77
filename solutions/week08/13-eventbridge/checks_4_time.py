"""Exercises 13.6 and 13.7: an hour of the past, and moments to come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from labkit.judging import Expect, World, exercise, number, shown

from . import DOCS, EVERYTHING, bodies, listen, order_ids, put, rule_of, targets_of

# -- 13.6 ------------------------------------------------------------------------------------------------

HOUR: Final = 3600


@exercise(
    "The lost hour",
    points=15,
    minutes=16,
    covers=("L183",),
    hints=(
        "A tape can be wound back to a place and played to another one. Who in the room should hear it? "
        "And what does a bookkeeper do with a letter that she has seen before?",
        "`start_replay` takes the archive's ARN, a start and an end, and a `Destination`: the bus, and in "
        "`FilterArns` the rules that may hear it. In DynamoDB, the same key means the same item. See "
        f"{DOCS}/APIReference/API_StartReplay.html",
        '```\nDestination={"Arn": bus_arn, "FilterArns": [____]},\n```',
    ),
)
def lost_hour(
    world: World, expect: Expect, *, book: Callable[..., Any], replay_hour: Callable[..., Any]
) -> None:
    """The orders of one hour come again, to one rule, and in the end the ledger has each order once."""
    queue, table, archive = world.queue("ledger-in"), world.table("ledger"), archive_there(world)
    queue = expect.found(
        "exists",
        queue if table and archive and rule_of(world, "to-ledger") else None,
        "There are the archive `orchard-tape`, the rule `to-ledger`, the queue `ledger-in` and the table "
        "`ledger`.",
        action="Run the cell that creates them again; it stands above the exercise.",
    )
    assert table is not None
    table.clear()
    queue.purge()
    world.clock.advance(hours=world.random.randrange(1, 20), minutes=world.random.randrange(1, 59))
    begin = (world.clock.time() // 60) * 60 + 60
    start, end = begin + HOUR, begin + 2 * HOUR
    orders = day_of_orders(world, expect, queue, book, begin)
    packers = listen(world, EVERYTHING)
    world.clock.advance(hours=world.random.randrange(20, 30))
    for lo, hi in ((start, end), (begin, begin + 60)):
        expect.call(
            "runs",
            replay_hour,
            moment(lo),
            moment(hi),
            wanted="`book` and `replay_hour` run without an error, also a second time.",
            action="Read what AWS says about that line, and repair it. A replay needs a name that is new.",
        )
        world.clock.advance(hours=2)
    again = order_ids(queue)
    wanted = {order for order, (when, _) in orders.items() if start <= when < end}
    expect(
        "window",
        set(again) == wanted,
        "The replay brings the orders of that hour, and no others.",
        seen=f"{number(len(set(again) & wanted), 'order')} of the {len(wanted)} of that hour came again, and "
        f"{number(len(set(again) - wanted), 'other')}.",
        why="Too few, and the books are wrong. Too many, and you pay for them, and everything takes longer.",
        action="Replay from `start` to `end`, from the archive, to the bus.",
    )
    expect(
        "others",
        not bodies(packers),
        "Only the rule `to-ledger` hears the replay.",
        seen=f"Another rule of the bus got {number(len(bodies(packers)), 'event')} of the replay.",
        why="The packers would pack every order of that hour a second time.",
        action="Name the rule in the `FilterArns` of the `Destination`.",
    )
    take(expect, queue, book)
    judge_ledger(expect, table, orders)


def archive_there(world: World) -> bool:
    """Whether the tape is there."""
    client = world.client("events")
    try:
        client.describe_archive(ArchiveName="orchard-tape")
    except client.exceptions.ResourceNotFoundException:
        return False
    return True


def moment(when: float) -> Any:
    """A moment as a datetime with a time zone."""
    return datetime.fromtimestamp(when, UTC)


def day_of_orders(
    world: World, expect: Expect, queue: Any, book: Callable[..., Any], begin: float
) -> dict[str, tuple[float, int]]:
    """Three hours of orders, announced and booked; in the second hour the old program forgets most of them.

    Gives for each order when it came, and its total in cents.
    """
    orders: dict[str, tuple[float, int]] = {}
    for place in range(12):
        when = begin + 450 + 900 * place
        world.clock.advance(seconds=max(0.0, when - world.clock.time()))
        order, cents = world.word(), world.random.randrange(199, 40_000)
        orders[order] = (world.clock.time(), cents)
        for _ in range(2 if place in (1, 6) else 1):  # the shop announces some orders twice
            put(world, {"order_id": order, "total": cents / 100})
        world.clock.advance(seconds=2)
        if 4 <= place < 8 and place != 5:
            queue.drain()  # the bug: taken, and not booked
        else:
            take(expect, queue, book)
    return orders


def take(expect: Expect, queue: Any, book: Callable[..., Any]) -> None:
    """The bookkeeper's worker takes everything that waits, and one message twice."""
    for place, message in enumerate(queue.drain()):
        for _ in range(2 if place == 0 else 1):
            expect.call(
                "runs",
                book,
                message.body,
                wanted="`book` and `replay_hour` run without an error, also a second time.",
                action="Print the body once, and see what it holds. Then repair that line.",
            )


def judge_ledger(expect: Expect, table: Any, orders: dict[str, tuple[float, int]]) -> None:
    """What stands in the books."""
    totals = sorted(round(float(item.get("total", 0)) * 100) for item in table.items())
    wanted = sorted(cents for _, cents in orders.values())
    expect(
        "ledger",
        totals == wanted,
        "In the end the ledger has each order once, with its total.",
        seen=f"{len(orders)} orders are worth {sum(wanted) / 100:.2f}. The ledger has "
        f"{number(len(totals), 'item')} "
        f"worth {sum(totals) / 100:.2f}.",
        why="After a replay some orders come a second time. The tax office wants each of them once.",
        action="Use a key that is the same each time the order comes, whatever event and message bring it."
        if len(totals) >= len(wanted)
        else "Some orders are not in the ledger. Does the replay bring them, and does `book` write each of them?",
    )


# -- 13.7 ------------------------------------------------------------------------------------------------

VIENNA: Final = "Europe/Vienna"
QUEUES: Final = ("reports", "reminders")
EVE: Final = 20 * 3600  # so long before the clocks change, the check's orders are placed


@exercise(
    "Nine o'clock in Vienna",
    points=15,
    minutes=14,
    covers=("L182",),
    hints=(
        "Two kinds of time. Nine o'clock is what a clock on the wall in Vienna shows. Thirty-six hours is "
        "what a stopwatch shows. Which of them cares about summer time?",
        "A schedule reads its expression in its `ScheduleExpressionTimezone`. For the stopwatch: go to UTC "
        "first, then add. A schedule that runs once has the form `at(...)`. See "
        "https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html",
        '```\nScheduleExpression="cron(0 9 * * ? *)",\nScheduleExpressionTimezone="____",\n```',
    ),
)
def on_time(world: World, expect: Expect, *, remind: Callable[..., Any]) -> None:
    """The report comes at nine in Vienna, before and after a change of the clocks; a reminder comes once."""
    reports, reminders = world.queue("reports"), world.queue("reminders")
    reports = expect.found(
        "exists",
        reports if reminders else None,
        "There are the queues `reports` and `reminders`.",
        action="Run the cell that creates them again; it stands above the exercise.",
    )
    assert reminders is not None
    only_hers(world)
    change = next_change(world.clock.time())
    world.clock.advance(seconds=change - EVE - world.clock.time())
    reports.purge()
    reminders.purge()
    before = {one["Arn"] for one in schedules(world)}
    orders = {world.word(): world.clock.time() for _ in range(2)}
    for order, when in orders.items():
        expect.call(
            "runs",
            remind,
            order,
            local(when),
            wanted="`remind` runs without an error, also for a second order.",
            action="Read what Scheduler says about that line, and repair it. Each schedule needs a name of "
            "its own.",
        )
    world.clock.advance(days=3)
    times = [local(message.sent) for message in reports.messages() if message.sent >= change - EVE]
    wanted_days = {(local(change) + timedelta(days=day)).date() for day in (-1, 0, 1)}
    nine = [one for one in times if one.date() in wanted_days]
    good = sorted(one.date() for one in nine) == sorted(wanted_days) and all(
        (one.hour, one.minute) == (9, 0) for one in nine
    )
    expect(
        "nine",
        good and all(message.body == "report" for message in reports.messages()),
        "The queue `reports` gets the text `report` once a day at 09:00 in Vienna, before and after the "
        "change of the clocks.",
        seen=f"Around {local(change):%d %B %Y}, when the clocks change, it came at "
        + (", ".join(f"{one:%a %H:%M}" for one in times) or "no time at all")
        + ", by the clock in Vienna.",
        why="Without a time zone, `cron` means UTC. Vienna is one hour ahead in winter and two in summer.",
        action="Give the schedule its time zone: a place, not a number of hours.",
    )
    judge_reminders(expect, reminders, orders)
    left = [one["Name"] for one in schedules(world) if one["Arn"] not in before]
    expect(
        "tidy",
        not left,
        "After the reminder its schedule is gone.",
        seen=f"Still there: {shown(left)}.",
        why="Each schedule counts towards the quota of the account, also one that is over.",
        action="Use a schedule that runs once, with `ActionAfterCompletion`.",
    )


def only_hers(world: World) -> None:
    """Nothing else of the account runs on the clock: months of other people's schedules would take long."""
    scheduler, events = world.client("scheduler"), world.client("events")
    hers = set()
    for one in schedules(world):
        full = scheduler.get_schedule(Name=one["Name"], GroupName=one["GroupName"])
        if one["Name"] == "daily-report" or any(queue in str(full["Target"]) for queue in QUEUES):
            hers.add(one["Arn"])
    for page in events.get_paginator("list_rules").paginate():
        for rule in page["Rules"]:
            targets = str(targets_of(world, rule["Name"], "default"))
            if any(queue in targets for queue in QUEUES):
                hers.add(rule["Arn"])
    for due in world.clock.waiting:
        whose = str(due.args[0]) if due.args else ""
        if whose.startswith(("arn:aws:scheduler:", "arn:aws:events:")) and whose not in hers:
            world.clock.cancel(due)


def judge_reminders(expect: Expect, reminders: Any, orders: dict[str, float]) -> None:
    """Each order once, 36 hours after it was placed."""
    came = {order: [m.sent for m in reminders.messages() if m.body == order] for order in orders}
    counts = [len(moments) for moments in came.values()]
    expect(
        "reminder",
        counts == [1] * len(counts),
        "Each order has one reminder, with its id as the text.",
        seen=f"Two orders were placed. In three days they had {counts[0]} and {counts[1]} reminders.",
        why="Without a reminder the customer forgets to pay. With two she is annoyed.",
        action="Each order needs a schedule with a name of its own, which runs once: `at(...)`.",
    )
    hours = [(moments[0] - orders[order]) / 3600 for order, moments in came.items() if moments]
    wrong = [f"{one:.2f}" for one in hours if abs(one - 36) > 1 / 60]
    expect(
        "hours",
        not wrong,
        "The reminder comes 36 hours after the order, also when the clocks change in between.",
        seen=f"An order was placed on the eve of a change of the clocks. Its reminder came after {shown(wrong)} hours.",
        why="A customer who pays in time should not be reminded, and the others not too late.",
        action="Go to UTC first, then add 36 hours. In local time the change of the clocks gets in between.",
    )


def local(when: float) -> Any:
    """A moment as the clock in Vienna shows it."""
    return datetime.fromtimestamp(when, ZoneInfo(VIENNA))


def next_change(now: float) -> float:
    """When the clocks in Vienna change next, at least three days from now."""
    when = (now // HOUR) * HOUR + 3 * 86_400
    while local(when).utcoffset() == local(when + HOUR).utcoffset():
        when += HOUR
    return when + HOUR


def schedules(world: World) -> list[dict[str, Any]]:
    """All schedules of the account, as ListSchedules gives them."""
    pages = world.client("scheduler").get_paginator("list_schedules").paginate()
    return [one for page in pages for one in page["Schedules"]]
