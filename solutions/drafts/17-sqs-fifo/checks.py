"""What the finished exercises of lab 17 do. Each check plays the shop, the workers side by side, and power cuts."""

from __future__ import annotations

import copy
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import Any, Final
from unittest.mock import patch

from labkit.judging import Expect, World, exercise, question
from labkit.judging.watch import quick_sleep

GOODS: Final = ("tea", "lamp", "boots", "quilt", "kettle", "globe", "basket", "candle", "radio", "map")
DOCS: Final = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest"

# -- questions -------------------------------------------------------------------------------------------

one_group = question(
    "A FIFO queue holds 100 orders. All have the same message group id. Four workers receive from the queue. How "
    "many of them are busy at the same time?",
    a="All four",
    b="One",
    c="None: there must be at least as many groups as workers",
    answer="b",
    because="While a message of a group is in flight, nobody else receives anything of that group. One group is "
    "one line, and one worker stands at its head.",
    why_not={
        "a": "Then the second order could be ready before the first. That is what the group forbids.",
        "c": "One group is allowed. It is only slow.",
    },
)

price_again = question(
    "A FIFO queue has content-based deduplication: SQS itself compares the texts. Within two minutes the shop sends "
    "three messages about the tea: 'price 10', 'price 12', 'price 10'. How many messages are delivered?",
    a="Three: each is news",
    b="Two: the last one has the same text as the first",
    c="One: they are about the same tea",
    answer="b",
    because="Deduplication looks at all messages of the last five minutes, not only at the one before. The third text "
    "is known, so it is accepted and not delivered. The till goes on with price 12.",
    why_not={
        "a": "Each is news for you. SQS sees the text only, and has seen it before.",
        "c": "'price 12' is another text, so it is another message.",
    },
)

charged_twice = question(
    "A worker on a FIFO queue receives an order and takes the money off the customer's card. Then its power fails, "
    "before it deletes the message. The queue promises exactly-once processing. How often does the customer pay?",
    a="Once: a FIFO queue delivers each message once",
    b="Twice: the message comes back, and the next worker takes the money again",
    c="Not at all: the worker did not finish",
    answer="b",
    because="SQS knows only that the message was not deleted. After the visibility timeout it gives the message to the "
    "next worker, as it must: nobody else could know whether the work was done.",
    why_not={
        "a": "A message that is not deleted comes back on a FIFO queue, too.",
        "c": "The money was taken before the power failed.",
    },
)


# -- what the checks share -------------------------------------------------------------------------------


def new_fifo(world: World, **attributes: str) -> Any:
    """A FIFO queue nobody has seen before."""
    name = f"orchard-{world.word()}.fifo"
    world.client("sqs").create_queue(QueueName=name, Attributes={"FifoQueue": "true", **attributes})
    return world.queue(name)


def number(count: int, thing: str, plural: str = "") -> str:
    """A count with its word: "1 order", "3 orders"."""
    return f"{count:,} {thing if count == 1 else plural or thing + 's'}"


def read(body: str) -> dict[str, Any]:
    """The order in a message, also when SNS has put its envelope round it. Empty when it is no JSON object."""
    try:
        found = json.loads(body)
        if isinstance(found, dict) and "Message" in found and "TopicArn" in found:
            found = json.loads(found["Message"])
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def alike(order: Any) -> str:
    """An order as text, the same whatever the order of its fields."""
    return json.dumps(order, sort_keys=True)


def some_orders(world: World, customers: int, each: int, in_a_row: int = 1) -> list[dict[str, str]]:
    """Orders with fresh ids, mixed: customer after customer, each time so many of one in a row."""
    names = [world.word() for _ in range(customers)]
    orders = []
    for _ in range(each // in_a_row):
        for customer in world.random.sample(names, customers):
            orders += [
                {"id": f"order-{world.word()}", "customer": customer, "wants": world.random.choice(GOODS)}
                for _ in range(in_a_row)
            ]
    return orders


def by_key(things: Iterable[Any], key: Callable[[Any], str]) -> dict[str, list[Any]]:
    """Things by their key, in the order in which they came."""
    found: dict[str, list[Any]] = defaultdict(list)
    for one in things:
        found[key(one)].append(one)
    return found


def overtaken(handled: Iterable[Any], key: str) -> list[str]:
    """Orders that were begun before the one in front of them was ready. `key` says what stays in line."""
    early = []
    lines = by_key(handled, lambda one: str(read(one.body).get(key)))
    for line in lines.values():
        line.sort(key=lambda one: one.began)
        early += [
            str(read(after.body).get("id"))
            for before, after in pairwise(line)
            if after.began < before.ended - 0.001
        ]
    return early


def another_worker(function: Callable[..., Any]) -> Callable[[], None]:
    """A function that puts the plain variables which `function` uses back to what they hold now.

    What one worker remembers in a variable, another one on another machine does not know.
    """
    code, names = getattr(function, "__code__", None), getattr(function, "__globals__", {})
    used: list[Any] = [names.get(name) for name in getattr(code, "co_names", ())]
    used += [*(getattr(function, "__defaults__", None) or ())]
    kept = [(one, copy.copy(one)) for one in used if type(one) in (dict, list, set, Counter, defaultdict)]

    def forget() -> None:
        for one, before in kept:
            one.clear()
            (one.extend if isinstance(one, list) else one.update)(before)

    return forget


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


# -- 17.3 ------------------------------------------------------------------------------------------------

CARDS: Final = "gift-cards"
PAYMENTS: Final = "payments"


class PowerOff(BaseException):
    """The machine is off. No `except Exception` of a learner's code goes on after it."""


@contextmanager
def power_fails(before: int) -> Iterator[None]:
    """Inside, the power fails before API call number `before`, counted from 1. No call after it gets through."""
    from botocore.client import BaseClient

    original, made = BaseClient._make_api_call, []

    def call(self: Any, operation: str, params: Any) -> Any:
        made.append(operation)
        if len(made) >= before:
            raise PowerOff
        return original(self, operation, params)

    with patch.object(BaseClient, "_make_api_call", call):
        yield


class Till:
    """Gift cards, orders that were paid with them, and a queue between."""

    def __init__(self, world: World, cards: Any) -> None:
        self._world, self._cards = world, cards
        self.queue = new_fifo(world, VisibilityTimeout="30")
        self._began: dict[str, int] = {}

    def card(self) -> str:
        """A new gift card."""
        name, balance = f"card-{self._world.word()}", self._world.random.randrange(400, 900)
        self._began[name] = balance
        self._cards.put({"card": name, "balance": balance})
        return name

    def order(self, card: str) -> dict[str, Any]:
        """An order that is to be paid with a card."""
        total = self._world.random.randrange(20, 90)
        return {"id": f"order-{self._world.word()}", "card": card, "total": total}

    def send(self, order: dict[str, Any]) -> None:
        """The shop sends an order, or sends it again."""
        self.queue.send(order, group=order["card"], deduplication=order["id"])

    def taken(self, card: str) -> float:
        """How much is gone from a card."""
        balance = (self._cards.get(card) or {}).get("balance", 0)
        return self._began[card] - float(balance)


@exercise(
    "Prove the gap",
    points=10,
    minutes=14,
    star=True,
    covers=("L244-L247",),
    hints=(
        "SQS cannot see what your worker did to a gift card. Somebody has to write down that this order was paid. When "
        "must that be written, so that no power cut can come between the payment and the note?",
        "One call that does both or neither: `transact_write_items`. A condition in it makes the second attempt fail, "
        "with `TransactionCanceledException`. See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/"
        "transaction-apis.html",
        '```\n{"Put": {\n    "TableName": "payments",\n    "Item": {"order_id": order["id"]},\n'
        '    "ConditionExpression": "attribute_not_exists(____)",\n}}\n```',
    ),
)
def charge_once(world: World, expect: Expect, *, work: Callable[..., Any]) -> None:
    """Wherever the power fails, and however often an order is sent: its card pays once."""
    tables = {name: world.table(name) for name in (CARDS, PAYMENTS)}
    cards = expect.found(
        "exists",
        tables[CARDS] if all(tables.values()) else None,
        "There are the tables `gift-cards` and `payments`.",
        action="Run the cell that makes them again; it stands above the exercise.",
    )
    judge_calm(world, expect, work, cards)
    judge_cuts(world, expect, work, cards)
    judge_resent(world, expect, work, cards)


def run(expect: Expect, work: Callable[..., Any], till: Till) -> None:
    """One round of the worker."""
    expect.call(
        "runs",
        work,
        till.queue.url,
        wanted="`work` runs without an error, also when an order has been paid before.",
        why="An error in one message must not stop the worker for all others.",
        action="Is this an error that you expect? Then catch exactly this one, and go on.",
    )


def judge_calm(world: World, expect: Expect, work: Callable[..., Any], cards: Any) -> None:
    """Three orders, two of them with one card, and nothing goes wrong."""
    with world.rehearsal():
        till = Till(world, cards)
        one, two = till.card(), till.card()
        orders = [till.order(one), till.order(two), till.order(one)]
        for order in orders:
            till.send(order)
        for _ in range(5):
            run(expect, work, till)
        wanted = {
            card: sum(order["total"] for order in orders if order["card"] == card) for card in (one, two)
        }
        wrong = [card for card in wanted if abs(till.taken(card) - wanted[card]) > 0.001]
        expect(
            "paid",
            not wrong,
            "Each order takes its total off the card.",
            seen=f"{number(sum(o['card'] == wrong[0] for o in orders), 'order')} of {wrong[0]} cost {wanted[wrong[0]]} "
            f"together. {till.taken(wrong[0]):g} is gone from the card."
            if wrong
            else "",
            why="One card can pay many orders.",
            action="The note must be about the order, not about the card or the message.",
        )


def judge_cuts(world: World, expect: Expect, work: Callable[..., Any], cards: Any) -> None:
    """The power fails before the first call, before the second, and so on; then another worker takes over."""
    paid: dict[int, float] = {}
    left: dict[int, int] = {}
    forget = another_worker(work)
    for cut in range(1, 12):
        with world.rehearsal():
            till = Till(world, cards)
            card = till.card()
            order = till.order(card)
            till.send(order)
            survived = True
            with power_fails(before=cut):
                try:
                    work(till.queue.url)
                except PowerOff:
                    survived = False
            if survived:
                break
            for _ in range(2):
                world.clock.advance(seconds=31)
                forget()
                run(expect, work, till)
            paid[cut] = till.taken(card) / order["total"]
            left[cut] = len(till.queue.messages())
    twice = [cut for cut, times in paid.items() if times > 1.001]
    never = [cut for cut, times in paid.items() if times < 0.999]
    kept = [cut for cut, messages in left.items() if messages]
    where = "The power failed {}, another worker took over after 30 seconds, and {}."
    expect(
        "twice",
        not twice,
        "Wherever the power fails, no order is paid twice.",
        seen=where.format(moment(twice[0]), f"the card had paid {number(round(paid[twice[0]]), 'time')}")
        if twice
        else "",
        why="SQS cannot see your side effect. It only sees that the message was not deleted.",
        action="Note in the same step as the payment that this order is paid. Let that step fail the second time.",
    )
    expect(
        "lost",
        not never,
        "Wherever the power fails, no order stays unpaid.",
        seen=where.format(moment(never[0]), "in the end nothing was taken off the card") if never else "",
        why="The note said that the order was paid, or the message was gone. So nobody took the money any more.",
        action="The payment and its note belong into one step. And the message is deleted after it.",
    )
    expect(
        "deleted",
        not kept,
        "In the end the message is gone.",
        seen="The order was paid, and its message stayed in the queue and came again and again."
        if kept
        else "",
        why="On a FIFO queue a message that nobody deletes also holds up everything behind it in its group.",
        action="Delete the message also when the order turns out to be paid already.",
    )


def moment(cut: int) -> str:
    """When the power failed, in words."""
    return f"before call number {cut} of `work`" if cut > 1 else "before its first call"


def judge_resent(world: World, expect: Expect, work: Callable[..., Any], cards: Any) -> None:
    """The shop sends the same order again after six minutes: for the queue it is a new message."""
    forget = another_worker(work)
    with world.rehearsal():
        till = Till(world, cards)
        card = till.card()
        order = till.order(card)
        for _ in range(2):
            forget()
            till.send(order)
            for _ in range(2):
                run(expect, work, till)
            world.clock.advance(minutes=6)
        times = till.taken(card) / order["total"]
        expect(
            "resent",
            abs(times - 1) < 0.001,
            "An order that is sent again six minutes later is still paid once.",
            seen=f"The shop sent the order {order['id']!r} again after six minutes. The card has paid "
            f"{number(round(times), 'time')}.",
            why="After five minutes the queue has forgotten the deduplication id. To SQS this is a new message with a "
            "new message id.",
            action="Recognise the order by its own id, not by anything that SQS gave it.",
        )


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


# -- 17.6 ------------------------------------------------------------------------------------------------

TOPIC: Final = "order-news.fifo"
READERS: Final = ("warehouse.fifo", "billing.fifo", "reports")
STATUSES: Final = ("paid", "packed", "delivered")


@exercise(
    "One topic, two FIFO queues and a standard queue",
    points=10,
    minutes=12,
    covers=("L244-L247",),
    hints=(
        "A chain is only as ordered as its weakest link. What stands between the shop and the queues must keep the "
        "order, too. And whoever wants only some of the news says so when it subscribes.",
        '`create_topic` with `FifoTopic`, then `subscribe` with `Protocol="sqs"`. `FilterPolicy` is an attribute of '
        "the subscription. `publish` takes a group and a deduplication id, as `send_message` does. See "
        "https://docs.aws.amazon.com/sns/latest/dg/sns-fifo-topics.html",
        '```\nnews = sns.create_topic(Name="order-news.fifo", Attributes={"FifoTopic": "____"})["TopicArn"]\n```',
    ),
)
def fan_out(world: World, expect: Expect, *, publish: Callable[..., Any]) -> None:
    """Two FIFO queues get every news of an order in the same order; a standard queue gets the deliveries only."""
    topics = world.client("sns").get_paginator("list_topics").paginate()
    arns = [one["TopicArn"] for page in topics for one in page["Topics"]]
    views = {name: world.queue(name) for name in READERS}
    topic = expect.found(
        "exists",
        next((arn for arn in arns if arn.endswith(f":{TOPIC}")), None) if all(views.values()) else None,
        "There is a topic named `order-news.fifo`, and the three queues.",
        action="Make the topic in the cell above. The cell above that makes the queues.",
    )
    queues = {name: view for name, view in views.items() if view is not None}
    for queue in queues.values():
        queue.purge()
    orders = [f"order-{world.word()}" for _ in range(4)]
    story = [
        {"id": f"{order}/{status}", "order": order, "status": status}
        for order in orders
        for status in STATUSES
    ]
    for update in [*story, world.random.choice(story)]:
        expect.call(
            "runs",
            publish,
            topic,
            {"order": update["order"], "status": update["status"]},
            wanted="`publish` runs without an error.",
            action="Read what SNS says about the message: what does a FIFO topic want to know of each one?",
        )
        world.clock.advance(seconds=1)
    stranger = {"order": f"order-{world.word()}", "status": "packed"}
    world.client("sns").publish(
        TopicArn=topic,
        Message=json.dumps(stranger),
        MessageGroupId=stranger["order"],
        MessageDeduplicationId=world.word(),
    )
    world.clock.advance(seconds=1)
    takes = dict(zip(STATUSES, (1.0, 0.6, 0.2), strict=True))
    crews = {
        name: world.workers(
            queue.url, count=4, seconds=lambda one: takes.get(str(read(one["Body"]).get("status")), 1.0)
        )
        for name, queue in queues.items()
    }
    world.play(*crews.values(), seconds=60)
    judge_news(expect, {name: crew.handled for name, crew in crews.items()}, story, stranger)


def said(handled: Sequence[Any]) -> Counter[tuple[str, str]]:
    """How often each news came."""
    return Counter((str(read(one.body).get("order")), str(read(one.body).get("status"))) for one in handled)


def judge_news(
    expect: Expect, handled: dict[str, Any], story: list[dict[str, str]], stranger: dict[str, str]
) -> None:
    """What the workers at the three queues had in their hands."""
    wanted = {(update["order"], update["status"]) for update in story}
    counts = {name: said(handled[name]) for name in READERS}
    fifos = READERS[:2]
    missing = {name: len(wanted - set(counts[name])) for name in fifos}
    worst = max(fifos, key=lambda name: missing[name])
    unread = sum(not read(one.body) for one in handled[worst])
    passed_by = [name for name in fifos if not counts[name][(stranger["order"], stranger["status"])]]
    complete = expect(
        "everything",
        not any(missing.values()) and not passed_by,
        "Both FIFO queues get all news that are published to the topic, as JSON.",
        seen=f"{number(unread, 'message')} in `{worst}` could not be read as JSON."
        if unread
        else f"{missing[worst]} of {len(story)} news did not come to `{worst}`."
        if missing[worst]
        else f"Another program published to the topic, too. Its news did not come to `{', '.join(passed_by)}`.",
        why="SNS tells the publisher nothing about it: a queue that does not let the topic in gets nothing."
        if missing[worst] in (0, len(story))
        else "Within five minutes, a deduplication id that SNS knows is accepted and not delivered.",
        action="Publish `json.dumps(news)`."
        if unread
        else "Subscribe the ARN of each queue to the topic, and call `allow` for each."
        if missing[worst] in (0, len(story))
        else "Is the deduplication id different for different news of one order?",
    )
    if unread and not complete:
        return
    copies = sum(count - 1 for name in fifos for count in counts[name].values())
    expect(
        "copies",
        not copies,
        "News that is published twice within five minutes is delivered once.",
        seen=f"One of {len(story)} news was published a second time. "
        f"{number(copies, 'copy', 'copies')} came to the queues.",
        why="The billing would send a second bill.",
        action="The deduplication id must be the same for the same news: which order, and which status?",
    )
    early = {name: len(overtaken(handled[name], "order")) for name in fifos}
    ordered = all(
        [read(one.body).get("status") for one in sorted(line, key=lambda one: one.began)] == list(STATUSES)
        for name in fifos
        for line in by_key(
            without_copies(handled[name]), lambda one: str(read(one.body).get("order"))
        ).values()
        if len(line) == len(STATUSES)
    )
    expect(
        "line",
        ordered and not any(early.values()),
        "In both FIFO queues the news of one order is worked on one after another: paid, packed, delivered.",
        seen=f"{number(max(early.values()), 'news item')} overtook the one in front of it, of the same order."
        if any(early.values())
        else "The news of one order came in another order.",
        why="Without a common group, four workers take paid, packed and delivered at the same time.",
        action="What has to stay in line here? Make that the message group.",
    )
    reports = Counter({one: count for one, count in counts["reports"].items() if one[0] != stranger["order"]})
    right = {one for one in wanted if one[1] == "delivered"}
    expect(
        "filter",
        set(reports) == right,
        "The queue `reports` gets the deliveries, and nothing else.",
        seen=f"{len(right)} orders were delivered. `reports` got {number(sum(reports.values()), 'message')}, "
        f"{sum(count for (_, status), count in reports.items() if status == 'delivered')} of them about deliveries.",
        why="A filter looks at the message attributes unless you say otherwise. What is not there cannot match.",
        action="Give this one subscription a `FilterPolicy`, and see that each message carries what it looks at.",
    )


def without_copies(handled: Sequence[Any]) -> list[Any]:
    """The first of each news."""
    found: dict[tuple[Any, Any], Any] = {}
    for one in sorted(handled, key=lambda one: one.began):
        found.setdefault((read(one.body).get("order"), read(one.body).get("status")), one)
    return list(found.values())


# -- 17.7 ------------------------------------------------------------------------------------------------

HANDS: Final = 32  # workers, each with one order at a time
BUSY: Final = 160  # orders of the busy seller, in half a second
IN_TIME: Final = 12  # seconds; the workers need six for all orders
QUIET: Final = 18  # orders of all others, in four seconds: one in ten


@exercise(
    "A noisy tenant",
    points=10,
    minutes=8,
    covers=("L239-L242",),
    hints=(
        "The queue cannot be fair to sellers as long as it does not know who they are. Tell it.",
        "A standard queue takes a `MessageGroupId`, too. There it does not mean order: it names the tenant. See "
        f"{DOCS}/SQSDeveloperGuide/sqs-fair-queues.html",
        "```\nsqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(order), MessageGroupId=____)\n```",
    ),
)
def fair(world: World, expect: Expect, *, place_order: Callable[..., Any]) -> None:
    """While one seller sends nine of ten orders, the orders of the others wait two seconds at most."""
    from labkit.workload import Traffic, steady

    name = f"orchard-{world.word()}"
    world.client("sqs").create_queue(QueueName=name)
    queue = world.queue(name)
    assert queue is not None
    busy, *others = [world.word() for _ in range(7)]
    sent: list[dict[str, str]] = []

    def send(request: Any) -> None:
        order = {
            "id": f"order-{world.word()}",
            "seller": request.user,
            "wants": world.random.choice(GOODS),
        }
        sent.append(order)
        expect.call(
            "runs",
            place_order,
            queue.url,
            dict(order),
            wanted="`place_order` runs without an error.",
            action="This is a standard queue. Which of your arguments does it take?",
        )

    flood: Traffic = world.traffic(steady(BUSY * 2, seconds=0.5), send, users=[busy], evenly=True)
    drops: Traffic = world.traffic(steady(QUIET / 4, seconds=4), send, users=others, evenly=True)
    crew = world.workers(queue.url, count=HANDS, seconds=lambda _: world.random.uniform(0.7, 1.3))
    world.play(flood, drops, crew, seconds=IN_TIME)
    done = Counter(alike(read(one.body)) for one in crew.handled if one.done)
    missing = sum(done[alike(order)] != 1 for order in sent)
    expect(
        "all",
        not missing,
        "Every order is handled once within 12 seconds, also those of the busy seller.",
        seen=f"{len(sent)} orders were placed. {number(missing, 'order was', 'orders were')} not handled exactly once "
        f"in that time. {HANDS} workers could do all of them in six seconds.",
        why="A busy seller is a good customer. Fair means that others do not wait, not that this one is sent away.",
        action="Send each order whole and at once: `json.dumps(order)`.",
    )
    waits = sorted(one.waited for one in crew.handled if read(one.body).get("seller") in others)
    slow = waits[max(0, -(-len(waits) * 95 // 100) - 1)] if waits else 0.0
    expect(
        "quiet",
        waits and slow <= 2,
        "95 % of the orders of the quiet sellers wait at most 2 seconds.",
        seen=f"One seller sent {BUSY} orders, six others {QUIET} together. 95 % of those {QUIET} waited "
        f"up to {slow:.1f} seconds.",
        why="They stand behind the orders of somebody they do not know.",
        action="Say on each message whose it is. SQS does the rest.",
    )
