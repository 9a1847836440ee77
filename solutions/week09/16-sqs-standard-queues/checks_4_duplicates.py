"""Messages that come twice, or late: 16.6."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from unittest.mock import patch

from labkit.judging import Expect, World, exercise, number

from . import new_queue

STATUSES: Final = ("paid", "packed", "sent", "delivered")
TABLE: Final = "order-status"


@exercise(
    "Duplicates and disorder are normal",
    points=10,
    minutes=20,
    covers=("L240", "L242"),
    hints=(
        "The same message must have the same effect, however often it comes. And an old message must have no "
        "effect once a newer one was there. Each message tells you how new it is.",
        "Let DynamoDB decide in the moment of writing: `put_item` (or `update_item`) with a `ConditionExpression` "
        "that compares the version. When the condition does not hold, DynamoDB raises "
        "`ConditionalCheckFailedException`. See "
        "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html",
        "```\ntable.put_item(\n    Item=update,\n"
        '    ConditionExpression="attribute_not_exists(order_id) OR version < :____",\n'
        '    ExpressionAttributeValues={":new": update["version"]},\n)\n```',
    ),
)
def newest_wins(world: World, expect: Expect, *, consume: Callable[..., Any]) -> None:
    """Whatever the order and however often messages come: totals are right and the newest status stands."""
    table = expect.found(
        "exists",
        world.table(TABLE),
        "There is a table named `order-status`.",
        action="Run the cell that creates it again; it stands above the exercise.",
    )
    table.clear()
    story = some_updates(world)
    queue = new_queue(world, VisibilityTimeout="30")
    for update in shuffled(world, story):
        queue.send(update)
    world.sandbox.faults.put("sqs.duplicate", share=0.2)
    world.sandbox.faults.put("sqs.disorder", share=0.5)
    pauses = 0
    for _ in range(80):
        expect.call(
            "runs",
            consume,
            queue.url,
            wanted="`consume` runs without an error, whatever comes.",
            why="An error in one message must not stop the worker for all others.",
            action="Is this an error that you expect? Then catch exactly this one, and go on.",
        )
        if not any(message.visible for message in queue.messages()):
            world.clock.advance(seconds=25)  # second copies come within 20 seconds
            pauses += 1
        if pauses == 5 or not queue.messages():
            break
    world.sandbox.faults.clear()
    judge_table(world, expect, queue, table, story)
    judge_race(world, expect, consume, table)


def some_updates(world: World) -> list[dict[str, Any]]:
    """Eight orders; each went through two to four versions."""
    story = []
    for _ in range(8):
        order, total = world.word(), world.random.randrange(5, 400)
        for version in range(1, world.random.randrange(3, 6)):
            story.append(
                {"order_id": order, "version": version, "status": STATUSES[version - 1], "total": total}
            )
    return story


def shuffled(world: World, story: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The story in a bad order, and some of it twice: for every other order the newest comes first."""
    orders = list(dict.fromkeys(update["order_id"] for update in story))
    backwards = set(orders[::2])
    mixed = sorted(story, key=lambda u: -u["version"] if u["order_id"] in backwards else u["version"])
    return [*mixed, *world.random.sample(story, 3), next(u for u in story if u["order_id"] in backwards)]


def judge_table(world: World, expect: Expect, queue: Any, table: Any, story: list[dict[str, Any]]) -> None:
    """What stands in the table after all messages."""
    left = len(queue.messages())
    expect(
        "consumed",
        not left,
        "Every message is consumed, also old ones and copies.",
        seen=f"{number(left, 'message')} stayed in the queue, however often `consume` was called."
        if left
        else "The queue is empty.",
        why="A message that you ignore and do not delete comes back for ever.",
        action="Delete a message also when it changed nothing.",
    )
    newest = {update["order_id"]: update for update in story}
    items = {str(item.get("order_id")): item for item in table.items()}
    stale = [
        order for order, update in newest.items() if items.get(order, {}).get("status") != update["status"]
    ]
    example = stale[0] if stale else ""
    expect(
        "newest",
        not stale,
        "For each order the newest status stands in the table.",
        seen=f"{len(stale)} of {len(newest)} orders are wrong. {example}: the newest is "
        f"{newest[example]['status']!r}, the table says {items.get(example, {}).get('status')!r}."
        if stale
        else f"{len(newest)} of {len(newest)} orders are right.",
        why="A customer whose parcel has arrived should not read that it is being packed.",
        action="Write only when the version in the message is higher than the one in the table.",
    )
    wanted = sum(update["total"] for update in newest.values())
    taken = sum(as_number(item.get("total")) for item in items.values())
    expect(
        "totals",
        abs(taken - wanted) < 0.001,
        "The totals in the table add up: each order counts once.",
        seen=f"The orders are worth {wanted}. The table says {taken:g}.",
        why="A copy of a message is not a second order.",
        action="Set the total. Do not add to it.",
    )


READS: Final = frozenset({"GetItem", "BatchGetItem", "TransactGetItems", "Query", "Scan"})


def judge_race(world: World, expect: Expect, consume: Callable[..., Any], table: Any) -> None:
    """Another worker writes something newer: once before this worker begins, once between its read and its write."""
    for when in ("before", "between"):
        old = {"order_id": world.word(), "version": 1, "status": "paid", "total": 10}
        new = {**old, "version": 4, "status": "delivered"}
        queue = new_queue(world)
        queue.send(old)
        if when == "before":
            table.put(new)
        with second_worker(table, new) as wrote:
            consume(queue.url)
        now = (table.get(old["order_id"]) or {}).get("status")
        expect(
            "race",
            now == "delivered" or (when == "between" and not wrote),
            "Two workers at once do no harm: an older status never replaces a newer one.",
            seen="Another worker had written 'delivered'. "
            f"Then your worker received an older message, and now the table says {now!r}."
            if when == "before"
            else "Your worker read the table. Then another worker wrote 'delivered'. "
            f"Then yours was ready, and now the table says {now!r}.",
            why="No worker knows what another one remembers, and between a read and a write there is always time.",
            action="Put the comparison into the write, as its condition. DynamoDB then does both in one step.",
        )


@contextmanager
def second_worker(table: Any, update: dict[str, Any]) -> Iterator[list[str]]:
    """Inside, another worker writes `update` right after the learner's first read of a table."""
    from botocore.client import BaseClient

    original = BaseClient._make_api_call
    wrote: list[str] = []

    def call(self: Any, operation: str, params: Any) -> Any:
        answer = original(self, operation, params)
        if operation in READS and not wrote:
            wrote.append(operation)
            table.put(update)
        return answer

    with patch.object(BaseClient, "_make_api_call", call):
        yield wrote


def as_number(value: object) -> float:
    """A number, or 0 when it is none."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return 0.0
