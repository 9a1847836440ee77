"""What the finished exercises of lab 16 do. Each check plays the shop, the other workers and the passing of time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final
from unittest.mock import patch

from labkit.judging import Expect, World, exercise, question
from labkit.judging.watch import Enough, only, quick_sleep
from labkit.sandbox import current

NAMES: Final = (
    "Amara",
    "Bao",
    "Chloé",
    "Dilnoza",
    "Elif",
    "Farid",
    "Goran",
    "Hina",
    "Ines",
    "Jamal",
    "Kofi",
    "Lena",
)
GOODS: Final = ("tea", "lamp", "boots", "quilt", "kettle", "globe", "basket", "candle", "radio", "map")
DOCS: Final = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest"

# -- questions -------------------------------------------------------------------------------------------

after_a_minute = question(
    "A worker receives an order from a queue with a visibility timeout of 30 seconds. Its program stops before it "
    "deletes the message. Nobody does anything for a minute. Where is the order?",
    a="It is gone: the worker has received it",
    b="It waits in the queue again, for any worker",
    c="It is hidden until somebody calls the queue for help",
    answer="b",
    because="Receiving does not remove a message. It only hides it for the visibility timeout. After 30 seconds "
    "everybody can receive it again.",
    why_not={
        "a": "Only DeleteMessage (or the end of the retention period) removes a message.",
        "c": "Nobody has to call. The visibility timeout ends by itself.",
    },
)

idle_calls = question(
    "An idle worker asks the queue again as soon as it has an answer, about ten times a second. How many calls is "
    "that in one hour without a single order?",
    a="About 360",
    b="About 3,600",
    c="About 36,000",
    answer="c",
    because="10 calls a second, 3,600 seconds: 36,000 calls, each of them billed, and no order packed.",
    why_not={
        "a": "That is one call every ten seconds.",
        "b": "That is one call every second.",
    },
)


# -- the plan ------------------------------------------------------------------------------------------------


def figure() -> Any:
    """The queues of the finished lab, for `lab.draw(expected=True)`."""
    from labkit import Diagram  # only who draws waits for it

    plan = Diagram("Orders that fail")
    with plan.account(), plan.region():
        orders, dead = plan.sqs("orders"), plan.sqs("orders-dlq")
        orders.to(dead, "after 3 receives")
    return plan


# -- what the checks share -------------------------------------------------------------------------------


def new_queue(world: World, **attributes: str) -> Any:
    """A queue nobody has seen before."""
    name = f"orchard-{world.word()}"
    world.client("sqs").create_queue(QueueName=name, Attributes=attributes)
    return world.queue(name)


def seconds_said(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


def number(count: int, thing: str, plural: str = "") -> str:
    """A count with its word: "1 order", "3 orders"."""
    return f"{count:,} {thing if count == 1 else plural or thing + 's'}"


def shown(things: list[Any]) -> str:
    """The first few things of a list, in few words."""
    text = ", ".join(repr(one) if isinstance(one, str) else f"a {type(one).__name__}" for one in things[:3])
    return f"{text} and {len(things) - 3} more" if len(things) > 3 else text or "nothing"


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


# -- 16.5 ------------------------------------------------------------------------------------------------


@exercise(
    "Give poison messages somewhere to go",
    points=10,
    minutes=20,
    star=True,
    covers=("L250",),
    hints=(
        "Count receives, not errors. Who decides when it was once too often, the old queue or the new one? And who "
        "decides which queues may put something into the new one?",
        "On `orders`: the attribute `RedrivePolicy`. On the new queue: `MessageRetentionPeriod` and "
        "`RedriveAllowPolicy`. To send messages back: `start_message_move_task`. See "
        f"{DOCS}/SQSDeveloperGuide/sqs-configure-dead-letter-queue.html",
        '```\npolicy = json.dumps({"deadLetterTargetArn": dlq_arn, "maxReceiveCount": ____})\n'
        'sqs.set_queue_attributes(QueueUrl=orders, Attributes={"RedrivePolicy": policy})\n```',
    ),
)
def dead_letter(
    world: World, expect: Expect, *, read_total: Callable[..., Any], redrive: Callable[..., Any]
) -> None:
    """A message nobody can process leaves the queue on its fourth receive, is kept, repaired and sent back."""
    orders = expect.found(
        "exists",
        world.queue("orders"),
        "There is a queue named `orders`.",
        action="Run the cell that creates it again; it stands above the exercise.",
    )
    orders.purge()
    with world.rehearsal():
        sick, receives, moved = poison(world, orders)
        expect(
            "third",
            receives == 3,
            "A message that was received three times without success moves on its fourth receive.",
            seen=f"It was received {number(receives, 'time')}, and then it moved."
            if moved
            else f"It was received {number(receives, 'time')} and stands in no dead-letter queue.",
            why="A poison message uses up a worker again and again, and the orders behind it wait.",
            action="Give `orders` a `RedrivePolicy` with the ARN of the other queue and the count you want.",
        )
        kept_for(world, expect, orders, sick)
    judge_stranger(world, expect, orders)
    judge_redrive(world, expect, orders, read_total, redrive)


def poison(world: World, orders: Any) -> tuple[str, int, bool]:
    """Send one message that nobody can process. Returns its text, how often it came, and whether it moved."""
    sick = json.dumps({"id": world.word(), "total": "no number"})
    orders.send(sick)
    receives = 0
    for _ in range(7):
        came = [message for message in orders.receive(visibility=5) if message.body == sick]
        receives += len(came)
        if holds(orders.dead_letter, sick):
            return sick, receives, True
        world.clock.advance(seconds=6)
    return sick, receives, False


def holds(queue: Any, body: str) -> bool:
    """Whether a message with this text is in the queue, in whatever state."""
    return queue is not None and any(message.body == body for message in queue.messages())


def kept_for(world: World, expect: Expect, orders: Any, sick: str) -> None:
    """Is the message still there when somebody comes back from almost two weeks of holiday?"""
    target, days = orders.dead_letter, 0
    arrived = holds(target, sick)
    while holds(target, sick) and days < 13:
        world.clock.advance(days=1)
        days += 1
    world.clock.advance(hours=23)
    kept = holds(target, sick)
    expect(
        "kept",
        kept,
        "The dead-letter queue keeps a message until 14 days after it was sent.",
        seen="13 days and 23 hours later it was still there."
        if kept
        else f"It was gone {number(days, 'day')} later."
        if arrived
        else "It had never come to a dead-letter queue.",
        why="People need time to look. The age of a message counts from its first sending, not from its move.",
        action="Set `MessageRetentionPeriod` of the dead-letter queue to the most AWS allows. It is in seconds.",
    )


def judge_stranger(world: World, expect: Expect, orders: Any) -> None:
    """Another team tries to use the dead-letter queue for its own queue."""
    target = orders.dead_letter
    refused = False
    if target is not None:
        policy = json.dumps({"deadLetterTargetArn": target.arn, "maxReceiveCount": 3})
        client = world.client("sqs")
        try:
            client.create_queue(QueueName=f"other-team-{world.word()}", Attributes={"RedrivePolicy": policy})
        except client.exceptions.ClientError:
            refused = True
    expect(
        "stranger",
        refused,
        "The queue of another team cannot use this dead-letter queue.",
        seen="Another team tried to use it for its own queue. "
        + ("SQS refused." if refused else "SQS allowed it.")
        if target
        else "`orders` has no dead-letter queue yet.",
        why="Their messages would stand between yours, and a redrive would send them to their queue.",
        action="Give the dead-letter queue a `RedriveAllowPolicy` that names `orders` only.",
    )


def judge_redrive(
    world: World, expect: Expect, orders: Any, read_total: Callable[..., Any], redrive: Callable[..., Any]
) -> None:
    """Six orders with a decimal comma and a few healthy ones: the old worker cannot read the former."""
    target = orders.dead_letter
    if target:
        target.purge()
    cents = [world.random.randrange(1_00, 900_00) for _ in range(6)]
    sent = [json.dumps({"id": world.word(), "total": f"{c // 100},{c % 100:02d}"}) for c in cents]
    for body in sent:
        orders.send(body)
    for _ in range(12):
        if not orders.messages():
            break
        orders.receive(max=10, visibility=5)  # the old worker: it receives, fails, and deletes nothing
        world.clock.advance(seconds=6)
    with quick_sleep(world.clock, redrive):
        expect.call(
            "redriven",
            redrive,
            wanted="`redrive` brings every message back to `orders`, and none stays behind.",
            action="Read what SQS answered, and repair that line. Which ARN is the source of the move?",
        )
    world.clock.advance(minutes=10)
    left = target.messages() if target else []
    back = [message.body for message in orders.messages()]
    expect(
        "redriven",
        target is not None and not left and sorted(back) == sorted(sent),
        "`redrive` brings every message back to `orders`, and none stays behind.",
        seen=f"6 messages waited. {number(len(back), 'message is', 'messages are')} in `orders` now, "
        f"{len(left)} in the dead-letter queue."
        if target
        else "`orders` has no dead-letter queue yet.",
        why="These are real orders. They only had to wait for a worker that can read them.",
        action="Start a message move task with the ARN of the dead-letter queue as its source.",
    )
    for body, amount in [*zip(sent, cents, strict=True), (json.dumps({"id": "x", "total": "12.50"}), 1250)]:
        total = expect.call(
            "readable",
            read_total,
            body,
            wanted="`read_total` understands 12,50 and 12.50.",
            why="A redrive without a repair only fills the dead-letter queue again.",
            action="Python's `float` knows only the point. Change the text before you make a number of it.",
        )
        expect(
            "readable",
            near(total, amount / 100),
            "`read_total` understands 12,50 and 12.50.",
            seen=f"For `{body}` it returned {total!r}.",
            why="A redrive without a repair only fills the dead-letter queue again.",
            action="Python's `float` knows only the point. Change the text before you make a number of it.",
        )


def near(value: object, wanted: float) -> bool:
    """Whether a value is that number, whatever kind of number it is."""
    try:
        return abs(float(value) - wanted) < 0.001  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


# -- 16.6 ------------------------------------------------------------------------------------------------

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
