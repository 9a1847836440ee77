"""What the finished exercises of lab 17 do. Each check plays the shop, the workers side by side, and power cuts."""

from __future__ import annotations

import copy
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any, Final

from labkit.judging import GOODS, World, question

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
