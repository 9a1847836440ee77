"""Fewer calls: 16.3 and 16.4."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from labkit.judging import GOODS, NAMES, Expect, World, exercise, number
from labkit.judging.watch import Enough, only, quick_sleep
from labkit.sandbox import current

from . import DOCS, new_queue, seconds_said, shown

# -- 16.3 ------------------------------------------------------------------------------------------------

IDLE_MINUTES: Final = 10
MOST_IDLE_CALLS: Final = 180  # in an hour
WORKER_PAUSE: Final = 0.1  # seconds the worker needs between two polls


def arrive(name: str, body: str) -> None:
    """A customer orders, at whatever time."""
    sandbox = current()
    client = sandbox.client("sqs")
    client.send_message(QueueUrl=client.get_queue_url(QueueName=name)["QueueUrl"], MessageBody=body)


@exercise(
    "Cut an idle worker's calls",
    points=10,
    minutes=8,
    covers=("L251",),
    hints=(
        "The worker asks, hears no, and asks again. Could it wait at the counter instead, until an order comes?",
        "A receive can wait: `WaitTimeSeconds` on the call, or `ReceiveMessageWaitTimeSeconds` on the queue. See "
        f"{DOCS}/SQSDeveloperGuide/best-practices-setting-up-long-polling.html",
        "```\nanswer = sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=____)\n```",
    ),
)
def idle_worker(world: World, expect: Expect, *, poll: Callable[..., Any]) -> None:
    """An idle worker makes at most 180 calls an hour and still sees a new order within a second."""
    night = expect.found(
        "exists",
        world.queue("night-orders"),
        "There is a queue named `night-orders`.",
        action="Run the cell that creates it again; it stands above the exercise.",
    )
    night.purge()
    with quick_sleep(world.clock, poll):
        judge_latency(world, expect, poll, night)
        judge_calls(world, expect, poll, night)


def judge_latency(world: World, expect: Expect, poll: Callable[..., Any], night: Any) -> None:
    """One order arrives while the worker is busy polling."""
    with world.rehearsal():
        order = f"{world.random.choice(GOODS)} {world.word()}"
        sent_at = world.clock.time() + world.random.uniform(2.2, 2.8)
        world.clock.schedule(sent_at, arrive, night.name, order)
        found: list[str] = []
        while not found and world.clock.time() < sent_at + 30:
            answer = expect.call(
                "runs",
                poll,
                night.url,
                wanted="`poll` runs without an error, also when the queue is empty.",
                action="Repair that line. The values AWS takes stand in the callout above the exercise.",
            )
            found = bodies(answer)
            if any(message.count for message in night.messages()):
                break
            world.clock.advance(seconds=WORKER_PAUSE)
        late = world.clock.time() - sent_at
        expect(
            "delivered",
            found == [order],
            "`poll` returns the messages that have arrived.",
            seen=f"The order {order!r} arrived, and `poll` returned {shown(found)}.",
            why="A message that is received and not returned is hidden, and nobody works on it.",
            action="Return the list of messages; an empty list when there are none.",
        )
        expect(
            "latency",
            late < 1,
            "A new order is in the worker's hands within one second.",
            seen=f"It took {late:.0f} seconds." if late >= 1 else "It took less than a second.",
            why="Fewer calls must not mean that customers wait.",
            action="Let the receive itself wait, not the worker: a waiting receive returns when a message comes.",
        )


def judge_calls(world: World, expect: Expect, poll: Callable[..., Any], night: Any) -> None:
    """Ten minutes in which nobody orders."""
    most = (
        2 * IDLE_MINUTES * MOST_IDLE_CALLS // 60 + 10
    )  # far beyond what may be, with room for the last order
    with world.rehearsal() as rehearsal:
        begun = world.clock.time()
        end = begun + IDLE_MINUTES * 60
        world.clock.schedule(end, arrive, night.name, "the first order of the morning")
        with suppress(Enough), only(most):
            while world.clock.time() < end:
                poll(night.url)
                world.clock.advance(seconds=WORKER_PAUSE)
        passed = world.clock.time() - begun
        calls = len(rehearsal.trace.where(kind="call", service="sqs", caller="learner"))
    # The last wait may end after the ten minutes; a worker that was stopped early has made too many calls.
    hourly = calls * 3600 / min(passed, IDLE_MINUTES * 60)
    expect(
        "calls",
        hourly <= MOST_IDLE_CALLS,
        "In an hour without orders the worker makes at most 180 calls.",
        seen=f"It made {number(calls, 'call')} in {'less than a minute' if passed < 60 else seconds_said(passed)}.",
        why="AWS bills every call, also the ones that bring nothing.",
        action="Let each call wait for a message, and as long as AWS allows.",
    )


def bodies(answer: object) -> list[str]:
    """The texts of received messages, whether they are boto3 dicts or boto3 resources."""
    if isinstance(answer, dict):
        answer = answer.get("Messages", [])
    if not isinstance(answer, (list, tuple)):
        return []
    return [
        str(one.get("Body")) if isinstance(one, dict) else str(getattr(one, "body", one)) for one in answer
    ]


# -- 16.4 ------------------------------------------------------------------------------------------------

MOST_CALLS: Final = 110
MOST_HEAVY_CALLS: Final = 10  # 30 orders of at most 0.23 MiB: at least four of them fit into a batch


def some_orders(world: World, count: int, note: Callable[[], str] = str) -> list[dict[str, str]]:
    """Orders with fresh ids, names and totals."""
    return [
        {
            "id": f"{world.word()}-{place}",
            "customer": world.random.choice(NAMES),
            "total": f"{world.random.randrange(199, 99_999) / 100:.2f}",
            "note": note(),
        }
        for place in range(count)
    ]


@exercise(
    "A thousand orders in a hundred calls",
    points=10,
    minutes=18,
    covers=("L252-L253",),
    hints=(
        "Ten letters in one envelope cost one stamp. But the post office can return one of the ten: you send that "
        "one again, not all ten. And an envelope has a weight limit, too.",
        "`send_message_batch` takes up to 10 `Entries`. Its answer has the lists `Successful` and `Failed`; each "
        f"failed entry names the `Id` you gave it. See {DOCS}/APIReference/API_SendMessageBatch.html",
        '```\nagain = [one["Id"] for one in answer.get("____", [])]\n'
        'waiting += [one for one in batch if one["Id"] in again]\n```',
    ),
)
def send_in_batches(world: World, expect: Expect, *, send_all: Callable[..., Any]) -> None:
    """All orders arrive once, with typed attributes, in at most 110 calls, although some entries fail."""
    with world.rehearsal() as rehearsal:
        queue, orders = new_queue(world), some_orders(world, 1000)
        world.sandbox.faults.put("sqs.batch_entry_fails", share=0.03)
        expect.call(
            "runs",
            send_all,
            queue.url,
            list(orders),
            wanted="`send_all` sends 1,000 short orders without an error.",
            action="Read what SQS says about the batch, and repair that line.",
        )
        world.sandbox.faults.clear("sqs.batch_entry_fails")
        calls = len(rehearsal.trace.where(kind="call", service="sqs", caller="learner"))
        judge_arrivals(expect, queue.messages(), orders)
        sent = len(queue.messages())
        expect(
            "calls",
            calls <= MOST_CALLS and sent > 900,
            "Sending 1,000 orders takes at most 110 calls, resends included.",
            seen=f"{number(calls, 'call')} sent {number(sent, 'message')}.",
            why="AWS bills each call, and each call takes time.",
            action="Fill each batch with 10 entries. Collect what failed and send it again in full batches, too.",
        )
    judge_weight(world, expect, send_all)


def judge_weight(world: World, expect: Expect, send_all: Callable[..., Any]) -> None:
    """Thirty orders with notes so long that ten of them are too heavy for one batch."""
    heavy = some_orders(world, 30, lambda: "x" * world.random.randrange(120_000, 240_000))
    queue = new_queue(world)
    with world.rehearsal() as rehearsal:
        expect.call(
            "size",
            send_all,
            queue.url,
            list(heavy),
            wanted="Orders with long notes arrive, in batches as heavy as AWS allows.",
            why="All entries of a batch together may have 1 MiB.",
            action="Add up the weight of the entries, and begin a new batch before it gets too large.",
        )
        arrived = {order_id(message.body) for message in queue.messages()}
        calls = len(rehearsal.trace.where(kind="call", service="sqs", caller="learner"))
    expect(
        "size",
        arrived == {order["id"] for order in heavy} and calls <= MOST_HEAVY_CALLS,
        "Orders with long notes arrive, in batches as heavy as AWS allows.",
        seen=f"Of 30 orders with long notes, {len(arrived)} arrived, in {number(calls, 'call')}. "
        f"{MOST_HEAVY_CALLS} calls are enough.",
        why="All entries of a batch together may have 1 MiB. Half-empty batches cost more calls.",
        action="Add up the weight of the entries. Begin a new batch only when the next entry would make it too large.",
    )


def judge_arrivals(expect: Expect, messages: list[Any], orders: list[dict[str, str]]) -> None:
    """What stands in the queue after a thousand orders."""
    arrived = Counter(order_id(message.body) for message in messages)
    missing = [order for order in orders if not arrived[order["id"]]]
    expect(
        "all",
        not missing,
        "Every order arrives, as JSON.",
        seen=f"{number(len(missing), 'order')} of 1,000 did not arrive (or not as JSON with an `id`)."
        if missing
        else "All 1,000 arrived.",
        why="An entry in the list `Failed` is not in the queue. Nobody will pack it unless you send it again.",
        action="Look at `Failed` in each answer, and send those entries again.",
    )
    twice = sum(count - 1 for count in arrived.values() if count > 1)
    expect(
        "alone",
        not twice,
        "Only the entries that failed are sent again.",
        seen=f"{number(twice, 'order')} arrived more than once." if twice else "No order arrived twice.",
        why="What is in `Successful` is in the queue already. Sent again, it is packed twice.",
        action="Send again only those entries whose `Id` is in `Failed`.",
    )
    by_id = {order["id"]: order for order in orders}
    wrong = [
        message.attributes
        for message in messages
        if order_id(message.body) in by_id
        and not well_typed(message.attributes, by_id[order_id(message.body)])
    ]
    expect(
        "typed",
        messages and not wrong,
        "Each message carries `customer` as a String and `total` as a Number.",
        seen=f"{number(len(wrong), 'message')} of {len(messages):,} did not. One of them carries {told(wrong[0])}."
        if wrong
        else f"{number(len(messages), 'message')} looked at.",
        why="A filter or a worker can compare numbers only when they are sent as numbers.",
        action='Give each entry `MessageAttributes`, with `DataType` "String" or "Number" and a `StringValue`.',
    )


def order_id(body: str) -> str:
    """The id in the body of an order, or nothing."""
    try:
        return str(json.loads(body)["id"])
    except (ValueError, KeyError, TypeError):
        return ""


def typed(attribute: Any) -> tuple[str, str]:
    """Type and value of a message attribute."""
    if isinstance(attribute, dict):
        kind, value = attribute.get("DataType", attribute.get("data_type")), attribute.get("StringValue")
        return str(kind), str(value if value is not None else attribute.get("string_value"))
    return str(getattr(attribute, "data_type", "")), str(getattr(attribute, "string_value", ""))


def well_typed(attributes: dict[str, Any], order: dict[str, str]) -> bool:
    """Whether a message carries its customer and its total, each of the right kind."""
    customer, total = typed(attributes.get("customer")), typed(attributes.get("total"))
    try:
        same = float(total[1]) == float(order["total"])
    except ValueError:
        same = False
    return customer == ("String", order["customer"]) and total[0].split(".")[0] == "Number" and same


def told(attributes: dict[str, Any]) -> str:
    """Message attributes in a few words."""
    return ", ".join(f"{name} ({typed(value)[0]})" for name, value in attributes.items()) or "no attributes"
