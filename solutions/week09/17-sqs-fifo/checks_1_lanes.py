"""Lines and the memory: 17.1 and 17.2."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from labkit.judging import Expect, World, exercise, number

from . import DOCS, alike, new_fifo, overtaken, read, some_orders

# -- 17.1 ------------------------------------------------------------------------------------------------

WORKERS: Final = 4
SLOW, FAST = 1.0, 0.4  # seconds of work: every other order of a customer could overtake the one before it


@exercise(
    "Order per customer, parallel across customers",
    points=10,
    minutes=9,
    star=True,
    covers=("L244-L247",),
    hints=(
        "What must stay in line? Not the whole shop. Amara's second order has to wait for Amara's first. It does not "
        "have to wait for Bao.",
        "`create_queue` with the attribute `FifoQueue`; the name ends in `.fifo`. `send_message` takes a "
        f"`MessageGroupId`: messages with the same one stay in line. See {DOCS}/SQSDeveloperGuide/"
        "using-messagegroupid-property.html",
        "```\nsqs.send_message(\n    QueueUrl=queue_url,\n    MessageBody=json.dumps(order),\n"
        '    MessageGroupId=order["____"],\n)\n```',
    ),
)
def lanes(world: World, expect: Expect, *, place: Callable[..., Any]) -> None:
    """Four workers finish more than three times as fast as one, and no order overtakes another of its customer."""
    queue = expect.found(
        "exists",
        world.queue("orders.fifo"),
        "There is a FIFO queue named `orders.fifo`.",
        action='Make it with `create_queue` and the attribute `FifoQueue`, which is the text "true".',
    )
    queue.purge()
    orders = some_orders(world, customers=8, each=6, in_a_row=2)
    for order in orders:
        expect.call(
            "runs",
            place,
            queue.url,
            dict(order),
            wanted="`place` runs without an error.",
            action="Read what SQS says about the message: what does a FIFO queue want to know of each one?",
        )
    waiting = [read(message.body) for message in queue.messages()]
    good = sum(one in orders for one in waiting)
    whole = expect(
        "sent",
        sorted(map(alike, waiting)) == sorted(map(alike, orders)),
        "Each order is in the queue once, as JSON.",
        seen=f"{len(orders)} orders were placed. The queue holds {number(len(waiting), 'message')}, and {good} of them "
        "are such an order.",
        why="The worker sees nothing but the body. A message whose text is known already is not delivered again.",
        action="Send the whole order: `json.dumps(order)`.",
    )
    if whole:
        judge_lanes(world, expect, queue, orders)


def judge_lanes(world: World, expect: Expect, queue: Any, orders: list[dict[str, str]]) -> None:
    """Four workers at once; every first order of two in a row takes longer than the second."""
    takes = {order["id"]: SLOW if place % 2 == 0 else FAST for place, order in enumerate(orders)}
    alone = sum(takes.values())
    crew = world.workers(
        queue.url,
        count=WORKERS,
        seconds=lambda message: takes.get(str(read(message["Body"]).get("id")), SLOW),
    )
    world.play(crew, seconds=alone + 10)
    early = overtaken(crew.handled, "customer")
    first = min((one.began for one in crew.handled), default=0.0)
    last = max((one.ended for one in crew.handled), default=alone)
    together = max(last - first, 0.001)
    expect(
        "line",
        not early,
        "No order is begun before the one in front of it, of the same customer, is ready.",
        seen=f"{number(len(early), 'order')} of {len(orders)} overtook another order of the same customer."
        if early
        else "",
        why='"Two lamps", then "no, three lamps": in the wrong order, the customer gets two.',
        action="All orders of one customer belong to one message group.",
    )
    expect(
        "speed",
        alone / together >= 3,
        "Four workers are at least three times as fast as one.",
        seen=f"{len(orders)} orders took {together:.1f} seconds with four workers. One worker alone needs "
        f"{alone:.1f} seconds. That is {len(orders) / together:.1f} orders a second.",
        why="Perfect order for the whole shop means one customer at a time, however many workers there are.",
        action="Customers do not have to wait for each other. Give them message groups of their own.",
    )


# -- 17.2 ------------------------------------------------------------------------------------------------


@exercise(
    "Deduplicate",
    points=10,
    minutes=10,
    star=True,
    covers=("L244-L247",),
    hints=(
        "The queue has a memory of five minutes. What does it compare? When the text changes with each try, the text "
        "cannot tell that it is the same order. What stays the same?",
        "`send_message` takes a `MessageDeduplicationId`. And a queue with `ContentBasedDeduplication` makes one from "
        f"the text. See {DOCS}/SQSDeveloperGuide/using-messagededuplicationid-property.html",
        '```\nsqs.create_queue(\n    QueueName="shelf-alerts.fifo",\n'
        '    Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "____"},\n)\n```',
    ),
)
def once(world: World, expect: Expect, *, place: Callable[..., Any]) -> None:
    """An order that is sent again is delivered once; an alert comes once in five minutes, and then again."""
    alerts = expect.found(
        "exists",
        world.queue("shelf-alerts.fifo"),
        "There is a FIFO queue named `shelf-alerts.fifo`.",
        action="Make it in the cell above; see the second part of the task.",
    )
    judge_tries(world, expect, place)
    alerts.purge()
    judge_alerts(world, expect, alerts)


def judge_tries(world: World, expect: Expect, place: Callable[..., Any]) -> None:
    """The app tries three times; between the second and the third try the order is packed."""
    queue = new_fifo(world, ContentBasedDeduplication="true")
    first, second = some_orders(world, customers=1, each=2)
    second["wants"] = first["wants"]
    delivered: list[dict[str, Any]] = []
    for attempt in (1, 2, 3):
        expect.call(
            "runs",
            place,
            queue.url,
            {**first, "attempt": attempt},
            wanted="`place` runs without an error.",
            action="Read what SQS says about the message, and repair that line.",
        )
        if attempt != 1:
            delivered += [read(message.body) for message in queue.drain()]
        world.clock.advance(seconds=90)
    copies = sum(one.get("id") == first["id"] for one in delivered)
    expect(
        "once",
        copies == 1,
        "An order that is sent three times in three minutes is delivered once.",
        seen=f"The order {first['id']!r} was sent three times. It was delivered {number(copies, 'time')}. "
        "The second try came while it waited, the third one after it was deleted.",
        why="For the queue, another deduplication id is another message, and a customer gets two parcels.",
        action="Give the message a deduplication id that is the same for every try, and for this order only.",
    )
    place(queue.url, {**second, "attempt": 1})
    other = [read(message.body).get("id") for message in queue.drain()]
    expect(
        "both",
        other == [second["id"]],
        "Two orders of one customer for the same thing are two orders.",
        seen=f"The customer then ordered a second {second['wants']}, with a new order id. It was not delivered."
        if not other
        else f"After that, {number(len(other), 'message')} came: {other}.",
        why="The customer paid for both.",
        action="What is different in two orders of one customer? Use that as the deduplication id.",
    )


def judge_alerts(world: World, expect: Expect, alerts: Any) -> None:
    """A sensor says the same every twenty seconds, with another temperature each time."""
    text, other = f"shelf {world.word()} is empty", f"shelf {world.word()} is empty"
    refusal = ""

    def sense(body: str) -> None:
        nonlocal refusal
        client = world.client("sqs")
        degrees = f"{world.random.uniform(17, 23):.3f}"
        try:
            alerts.send(
                body, attributes={"degrees": {"DataType": "Number", "StringValue": degrees}}, group="shelves"
            )
        except client.exceptions.ClientError as error:
            refusal = str(error.response["Error"]["Message"])

    came: list[str] = []
    for pause in (20, 20, 200):
        sense(text)
        world.clock.advance(seconds=pause)
        came += [message.body for message in alerts.drain()]
    sense(text)
    sense(other)
    came += [message.body for message in alerts.drain()]
    counts = Counter(came)
    expect(
        "alerts",
        not refusal and counts == {text: 1, other: 1},
        "In five minutes each empty shelf brings one alert, whatever the attributes of the messages.",
        seen=f"SQS refused the sensor's message, which has no deduplication id: {refusal}"
        if refusal
        else f"Two shelves sent 5 messages in four minutes; {len(came)} were delivered.",
        why="The sensors are simple. They send a text and a temperature, and no deduplication id.",
        action="Let the queue compare the texts by itself.",
    )
    world.clock.advance(seconds=100)
    sense(text)
    again = [message.body for message in alerts.drain()]
    expect(
        "again",
        not refusal and again == [text],
        "A shelf that is still empty after five minutes brings another alert.",
        seen="SQS refused the sensor's messages."
        if refusal
        else f"Then five minutes were over, and the sensor sent again. {number(len(again), 'message')} came.",
        why="An empty shelf that nobody fills needs a second alert.",
        action="You have nothing to do for that: the memory of a FIFO queue ends after five minutes.",
    )
