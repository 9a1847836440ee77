"""Throughput: 17.4."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from labkit.judging import Expect, World, exercise, number

from . import DOCS, alike, read, some_orders

# -- 17.4 ------------------------------------------------------------------------------------------------

SALE: Final = "sale.fifo"
SLICES: Final = 10
IN_A_SLICE: Final = 40  # orders in 16 milliseconds: 2,500 a second
A_SLICE: Final = 0.016  # seconds
DEFAULT_LIMIT: Final = 300  # calls a second


@exercise(
    "2,500 orders a second",
    points=10,
    minutes=10,
    covers=("L247", "L253"),
    hints=(
        "The queue counts calls, not messages. You can make fewer calls. Or you can ask for a queue that counts for "
        "each customer instead of all of them together.",
        "`send_message_batch` takes 10 `Entries`. Or `set_queue_attributes` with `DeduplicationScope` and "
        f"`FifoThroughputLimit`. See {DOCS}/SQSDeveloperGuide/high-throughput-fifo.html",
        "```\nsqs.set_queue_attributes(\n    QueueUrl=sale,\n    Attributes={\n"
        '        "DeduplicationScope": "messageGroup",\n        "FifoThroughputLimit": "____",\n    },\n)\n```',
    ),
)
def rush(world: World, expect: Expect, *, send_orders: Callable[..., Any]) -> None:
    """Orders that come at 2,500 a second arrive, and SQS refuses no call."""
    queue = expect.found(
        "exists",
        world.queue(SALE),
        "There is a FIFO queue named `sale.fifo`.",
        action="Run the cell that creates it again; it stands above the exercise.",
    )
    queue.purge()
    judge_sale_lines(world, expect, send_orders, queue)
    judge_rush(world, expect, send_orders, queue)


def judge_sale_lines(world: World, expect: Expect, send_orders: Callable[..., Any], queue: Any) -> None:
    """Three customers with four orders each: of how many can a worker have one at the same time?"""
    with world.rehearsal():
        orders = some_orders(world, customers=3, each=4)
        expect.call(
            "runs",
            send_orders,
            queue.url,
            [dict(order) for order in orders],
            wanted="`send_orders` sends a handful of orders without an error.",
            action="Read what SQS says about the call, and repair that line.",
        )
        heads = [read(message.body) for _ in range(13) for message in queue.receive()]
        first = [
            next(o for o in orders if o["customer"] == name)
            for name in dict.fromkeys(o["customer"] for o in orders)
        ]
        expect(
            "line",
            sorted(map(alike, heads)) == sorted(map(alike, first)),
            "Each customer has a line of their own: the first order of each can be worked on at once, and no other.",
            seen=f"3 customers sent 4 orders each. Workers could take {number(len(heads), 'order')} at once, of "
            f"{number(len({one.get('customer') for one in heads}), 'customer')}.",
            why="A group for each order is fast, and has no order left. One group for all is slow.",
            action="The message group is the customer, as in 17.1.",
        )


def judge_rush(world: World, expect: Expect, send_orders: Callable[..., Any], queue: Any) -> None:
    """The sale opens."""
    from botocore.exceptions import ClientError

    from labkit.workload import steady

    orders = some_orders(world, customers=40, each=SLICES)
    slices = [orders[at : at + IN_A_SLICE] for at in range(0, len(orders), IN_A_SLICE)]

    def send(request: Any) -> None:
        with suppress(ClientError):  # what was refused is counted below
            send_orders(queue.url, [dict(order) for order in slices[request.number - 1]])

    with world.rehearsal() as rehearsal:
        sale = world.traffic(steady(1 / A_SLICE, seconds=SLICES * A_SLICE), send, evenly=True)
        world.play(sale, seconds=60)
        calls = rehearsal.trace.where(kind="call", service="sqs", caller="learner")
        failed = [one for one in calls if one.error]
        # The clock stands still while the calls are made. Only waits, such as boto3's before a new try, move it.
        waited = max((one.latency for one in sale.records), default=0.0)
        arrived = Counter(str(read(message.body).get("id")) for message in queue.messages())
    wanted = {order["id"] for order in orders}
    missing = [name for name in wanted if arrived[name] != 1]
    pace = len(calls) / (SLICES * A_SLICE)
    high = queue.attributes.get("FifoThroughputLimit") == "perMessageGroupId"
    calm = expect(
        "throttled",
        not failed and waited < 0.01 and (high or pace <= DEFAULT_LIMIT),
        "While orders come in at 2,500 a second, SQS refuses no call.",
        seen="`send_orders` could not keep up. SQS refuses calls that come too fast. boto3 then waits and tries "
        "again, and gives up after a few tries. So orders were sent late, or not at all."
        if failed or waited >= 0.01
        else f"{len(orders)} orders came in 0.16 seconds, and `send_orders` made {number(len(calls), 'call')}. "
        f"In a whole second that is about {pace:,.0f}. This queue takes {DEFAULT_LIMIT}.",
        why="A shop that has to wait for its queue falls further behind with every second of the sale.",
        action="Make fewer calls, or give the queue a higher limit. One of the two is enough.",
    )
    if calm:  # what was refused for good is missing, of course
        expect(
            "all",
            not missing,
            "Each of the 400 orders is in the queue once.",
            seen=f"{number(len(missing), 'order is', 'orders are')} not there exactly once."
            if missing
            else "",
            why="When `send_orders` has returned, the shop forgets its list.",
            action="Send every order of the list before you return. What becomes of the last ones?",
        )
