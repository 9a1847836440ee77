"""What the finished exercises of lab 13 do. Each check plays the shop, the other teams and the passing of time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from labkit.judging import NAMES, Expect, World, exercise, number, question
from labkit.judging.watch import Enough, only

BUS: Final = "orchard"
SERVICE: Final = "events.amazonaws.com"
DOCS: Final = "https://docs.aws.amazon.com/eventbridge/latest"

# -- questions -------------------------------------------------------------------------------------------

ten_entries = question(
    "You put ten entries in one call. The call answers with HTTP status 200 and raises no error. How many "
    "events are on the bus?",
    a="All ten",
    b="None to ten: the answer says it for each entry",
    c="All ten or none",
    answer="b",
    because="The status is about the call, not about the entries. Each entry has its own result, in the same order.",
    why_not={
        "a": "The call was understood. An entry in it can fail all the same.",
        "c": "EventBridge goes on with the other entries when one fails.",
    },
)

no_policy = question(
    "A rule matches an event. The policy of its target, a queue, does not allow EventBridge to write. "
    "There is no dead-letter queue. What does the shop see, which put the event?",
    a="An error from put_events",
    b="An entry in FailedEntryCount",
    c="Nothing",
    answer="c",
    because="The bus has taken the event, and the answer was sent before any rule looked at it. What happens behind "
    "the bus is not the producer's business. Only a metric, or a dead-letter queue, tells of it.",
    why_not={
        "a": "put_events ends when the bus has the event. Delivery comes later.",
        "b": "That counts entries which the bus did not take. The bus has taken this one.",
    },
)

three_hours = question(
    "A target cannot be reached for three hours. Its rule has the settings that EventBridge uses when you "
    "say nothing. What happens to an order from the first minute?",
    a="It is dropped after a few quick attempts",
    b="EventBridge goes on trying, and the order arrives when the target is back",
    c="It waits in the bus until you call for it",
    answer="b",
    because="The default is 24 hours and 185 retries, with growing waits. Three hours are no problem. Thirty would be.",
    why_not={
        "a": "That is what happens when somebody sets MaximumRetryAttempts to a small number.",
        "c": "This kind of bus keeps nothing. It delivers, or it drops.",
    },
)

nine_utc = question(
    "A rule has the schedule cron(0 9 * * ? *). It is January. What time is it in Vienna when the rule "
    "fires?",
    a="09:00",
    b="10:00",
    c="08:00",
    answer="b",
    because="A scheduled rule knows UTC only. Vienna is one hour ahead of UTC in winter, and two hours in summer.",
    why_not={
        "a": "The rule does not know where you are.",
        "c": "Vienna is ahead of UTC, not behind it.",
    },
)

# -- the plan ------------------------------------------------------------------------------------------------


def figure() -> Any:
    """The three targets behind their rule, for `lab.draw(expected=True)`."""
    from labkit import Diagram  # only who draws waits for it

    plan = Diagram("One rule, three doors")
    with plan.account(), plan.region():
        rule = plan.rule("order-placed")
        plan.eventbridge("orchard").to(rule)
        for target in (plan.sqs("packing"), plan.awslambda("loyalty"), plan.logs("/aws/events/orders")):
            rule.to(target)
    return plan


# -- what the checks share -------------------------------------------------------------------------------


def bus_of(world: World, name: str = BUS) -> str | None:
    """The ARN of an event bus, or None."""
    client = world.client("events")
    try:
        return str(client.describe_event_bus(Name=name)["Arn"])
    except client.exceptions.ResourceNotFoundException:
        return None


def rule_of(world: World, name: str, bus: str = BUS) -> dict[str, Any] | None:
    """A rule as DescribeRule gives it, or None."""
    client = world.client("events")
    try:
        return dict(client.describe_rule(Name=name, EventBusName=bus))
    except client.exceptions.ResourceNotFoundException:
        return None


def targets_of(world: World, rule: str, bus: str = BUS) -> list[dict[str, Any]]:
    """The targets of a rule."""
    return list(world.client("events").list_targets_by_rule(Rule=rule, EventBusName=bus)["Targets"])


def function_arn(world: World, name: str) -> str | None:
    """The ARN of a function, or None."""
    client = world.client("lambda")
    try:
        return str(client.get_function_configuration(FunctionName=name)["FunctionArn"])
    except client.exceptions.ResourceNotFoundException:
        return None


def new_queue(world: World) -> Any:
    """A queue of the checker that EventBridge may write to."""
    name = f"listener-{world.word()}"
    world.client("sqs").create_queue(QueueName=name)
    queue = world.queue(name)
    assert queue is not None
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": SERVICE},
        "Action": "sqs:SendMessage",
        "Resource": queue.arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    world.client("sqs").set_queue_attributes(QueueUrl=queue.url, Attributes={"Policy": policy})
    return queue


def listen(world: World, pattern: dict[str, Any], bus: str = BUS) -> Any:
    """A queue of the checker that gets every event of a bus that fits."""
    queue = new_queue(world)
    client = world.client("events")
    client.put_rule(Name=queue.name, EventBusName=bus, EventPattern=json.dumps(pattern))
    client.put_targets(Rule=queue.name, EventBusName=bus, Targets=[{"Id": "listener", "Arn": queue.arn}])
    return queue


def put(
    world: World,
    detail: dict[str, Any],
    kind: str = "Order Placed",
    bus: str = BUS,
    source: str = "orchard.shop",
) -> str:
    """The shop announces something; returns the event's id."""
    one = {"EventBusName": bus, "Source": source, "DetailType": kind, "Detail": json.dumps(detail)}
    return str(world.client("events").put_events(Entries=[one])["Entries"][0]["EventId"])


def bodies(queue: Any) -> list[dict[str, Any]]:
    """What stands in a queue, read as JSON; what is no JSON object is left out."""
    found = []
    for message in queue.messages():
        with suppress(ValueError):
            value = json.loads(message.body)
            if isinstance(value, dict):
                found.append(value)
    return found


def order_ids(queue: Any) -> Counter[str]:
    """The orders in a queue of events, each with how often it is there."""
    details = (body.get("detail") for body in bodies(queue))
    return Counter(str(one.get("order_id")) for one in details if isinstance(one, dict))


# -- 13.1 ------------------------------------------------------------------------------------------------

MOST_CALLS: Final = 35
MOST_HEAVY_CALLS: Final = 4  # 12 orders below 0.3 MB: at least three of them fit into a call
EVERYTHING: Final = {"source": [{"prefix": ""}]}


def some_orders(world: World, count: int, note: Callable[[], str] = str) -> list[dict[str, Any]]:
    """Orders with fresh ids, names and totals."""
    return [
        {
            "order_id": f"{world.word()}-{place}",
            "customer": world.random.choice(NAMES),
            "total": world.random.randrange(199, 99_999) / 100,
            "note": note(),
        }
        for place in range(count)
    ]


@exercise(
    "Publish 250 orders",
    points=10,
    minutes=14,
    star=True,
    covers=("L182-L183",),
    hints=(
        "The answer 200 means that EventBridge has understood the call. It does not mean that it has taken "
        "every entry. Where does the answer speak about each single entry?",
        "`put_events` takes 1 to 10 `Entries`, below 1 MB together. The list `Entries` in the answer has "
        "one result for each entry, in the same order: with an `EventId`, or with an `ErrorCode`. See "
        f"{DOCS}/APIReference/API_PutEvents.html",
        '```\nfor one, result in zip(batch, answer["____"], strict=True):\n    if "ErrorCode" in result:\n'
        "        waiting.append(one)\n```",
    ),
)
def publish_orders(world: World, expect: Expect, *, publish: Callable[..., Any]) -> None:
    """All orders arrive once, in few calls, although some entries fail, and long notes fit, too."""
    expect.found(
        "exists",
        bus_of(world),
        "There is an event bus named `orchard`.",
        action="Run the cell that creates it again; it stands in the worked example.",
    )
    with world.rehearsal() as rehearsal:
        queue, orders = listen(world, EVERYTHING), some_orders(world, 250)
        default = listen(world, {"source": ["orchard.shop"]}, bus="default")
        world.sandbox.faults.put("events.entry_fails", share=0.05)
        expect.call(
            "runs",
            publish,
            [dict(order) for order in orders],
            wanted="`publish` sends 250 short orders without an error.",
            action="Read what EventBridge says about the call, and repair that line.",
        )
        world.sandbox.faults.clear("events.entry_fails")
        calls = len(rehearsal.trace.where(kind="call", service="events", caller="learner"))
        judge_arrivals(expect, queue, default, orders)
        sent = len(queue.messages())
        expect(
            "calls",
            calls <= MOST_CALLS,
            "250 orders take at most 35 calls, resends included.",
            seen=f"{number(calls, 'call')} sent {number(sent, 'event')}.",
            why="Each call takes time, and an account may make only so many calls in a second.",
            action="Fill each call with ten entries. Collect what failed, and send it again together.",
        )
    judge_size(world, expect, publish)


def judge_arrivals(expect: Expect, queue: Any, default: Any, orders: list[dict[str, Any]]) -> None:
    """What came to the bus."""
    came = {str(body["detail"].get("order_id")): body["detail"] for body in bodies(queue)}
    missing = [order for order in orders if came.get(order["order_id"]) != order]
    lost = len(set(order_ids(default)) & {order["order_id"] for order in orders})
    expect(
        "all",
        not missing,
        "Every order arrives on the bus `orchard`, as it is.",
        seen=f"{len(orders) - len(missing)} of {len(orders)} orders arrived."
        + (f" {number(lost, 'order')} came to the bus `default`." if lost else ""),
        why="Nobody who listens on `orchard` hears what is said on another bus."
        if lost
        else "An entry with an `ErrorCode` is not on the bus. Nobody packs it unless you send it again.",
        action="Name the bus in each entry: `EventBusName`."
        if lost
        else "Look at each result in the answer, and send the failed entries again.",
    )
    twice = [name for name, count in order_ids(queue).items() if count > 1]
    expect(
        "once",
        not twice,
        "Only the entries that failed are sent again.",
        seen=f"{number(len(twice), 'order')} arrived more than once.",
        why="An entry with an `EventId` is on the bus already. Sent again, it is packed twice.",
        action="Results and entries stand in the same order. Send again only those with an `ErrorCode`.",
    )


def judge_size(world: World, expect: Expect, publish: Callable[..., Any]) -> None:
    """Twelve orders with notes so long that ten of them are too heavy for one call."""
    heavy = some_orders(world, 12, lambda: "x" * world.random.randrange(150_000, 300_000))
    with world.rehearsal() as rehearsal:
        queue = listen(world, EVERYTHING)
        with suppress(Enough), only(200):
            expect.call(
                "size",
                publish,
                [dict(order) for order in heavy],
                wanted="Orders with long notes arrive, too.",
                why="All entries of a call together stay below 1 MB.",
                action="Add up the weight of the entries, and begin a new batch before it gets too large.",
            )
        arrived = order_ids(queue)
        calls = len(rehearsal.trace.where(kind="call", service="events", caller="learner"))
    expect(
        "size",
        set(arrived) == {order["order_id"] for order in heavy} and calls <= MOST_HEAVY_CALLS,
        "Orders with long notes arrive, too.",
        seen=f"Of {len(heavy)} orders with long notes, {len(arrived)} arrived, in {number(calls, 'call')}. "
        f"{MOST_HEAVY_CALLS} calls are enough.",
        why="All entries of a call together stay below 1 MB. Half-empty calls cost time.",
        action="Add up the weight of the entries. Begin a new batch only when the next one would make it "
        "too large.",
    )
