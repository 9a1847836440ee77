"""Exercises 13.3 to 13.5: who may come in, what happens when nobody opens, and what is sent."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from labkit.judging import NAMES, Expect, World, exercise, number, shown
from labkit.judging.watch import Enough, only

from . import BUS, DOCS, function_arn, listen, order_ids, put, rule_of, targets_of

# -- 13.3 ------------------------------------------------------------------------------------------------

DOORS: Final = {"queue": ":sqs:", "function": ":lambda:", "log": ":logs:"}


@exercise(
    "Three doors",
    points=15,
    minutes=18,
    star=True,
    covers=("L185", "L135"),
    hints=(
        "The rule may call whom it likes. It is the target that says who may come in. Who is it that "
        "comes, what does it want to do, and on whose behalf does it come?",
        "Queue: `set_queue_attributes` with `Policy`, action `sqs:SendMessage`. Function: "
        "`add_permission`, action `lambda:InvokeFunction`, with `SourceArn`. Log group: "
        "`put_resource_policy`, actions `logs:CreateLogStream` and "
        f"`logs:PutLogEvents`. See {DOCS}/userguide/eb-use-resource-based.html",
        '```\n"Condition": {"ArnEquals": {"aws:SourceArn": ____}}\n```',
    ),
)
def three_doors(world: World, expect: Expect) -> None:
    """An order comes to all three targets of the rule, and the rule of another team comes to none."""
    rule = expect.found(
        "exists",
        rule_of(world, "order-placed"),
        "There is a rule `order-placed` on the bus `orchard`.",
        action="Run the cell that creates it again; it stands above the exercise.",
    )
    targets = targets_of(world, "order-placed")
    arns = {
        door: next((one["Arn"] for one in targets if mark in one["Arn"]), "") for door, mark in DOORS.items()
    }
    said = knock(world, rule["Arn"], BUS)
    expect(
        "queue",
        said.get(arns["queue"]) == "",
        "An order comes to the queue `packing`.",
        seen=refused(said, arns["queue"]),
        why="EventBridge tried, was refused and gave up. Without a dead-letter queue nobody is told.",
        action="Give the queue a policy for `events.amazonaws.com`, with the ARN of the rule as "
        "`aws:SourceArn`.",
    )
    expect(
        "function",
        said.get(arns["function"]) == "",
        "An order comes to the function `loyalty`.",
        seen=refused(said, arns["function"]),
        why="A function lets nobody in who is not named in its resource policy.",
        action="Use `add_permission` with the principal `events.amazonaws.com` and the rule's ARN as "
        "`SourceArn`.",
    )
    expect(
        "log",
        said.get(arns["log"]) == "",
        "An order comes to the log group `/aws/events/orders`.",
        seen=refused(said, arns["log"]),
        why="The auditors find no trace of the order.",
        action="Use `put_resource_policy`. The resource is the ARN of the log group with `:*` at its end.",
    )
    intruders = [other_team(world, arns, bus) for bus in (BUS, "default")]
    inside = [door for door in ("queue", "function") if any(one.get(arns[door]) == "" for one in intruders)]
    expect(
        "queue_shut",
        "queue" not in inside,
        "The rule of another team cannot write to the queue.",
        seen="Another team made a rule with your queue as its target, and its events stood in your queue.",
        why="Every rule of every account comes as `events.amazonaws.com`. The name alone says nothing.",
        action="Add a condition: `aws:SourceArn` must equal the ARN of your rule.",
    )
    expect(
        "function_shut",
        "function" not in inside,
        "The rule of another team cannot call the function.",
        seen="Another team made a rule with your function as its target, and the function ran.",
        why="They give away your loyalty points, and you pay for the function.",
        action="Give `add_permission` the `SourceArn` of your rule.",
    )


def knock(world: World, rule_arn: str, bus: str) -> dict[str, str]:
    """An order comes to this bus: for each target of the rule, what refused it; "" where it came in."""
    with world.rehearsal() as rehearsal:
        put(world, {"order_id": world.word(), "total": world.random.randrange(5, 400)}, bus=bus)
        world.clock.advance(seconds=5)
        happened = rehearsal.trace.where(service="events", resource=rule_arn)
    came = {one.params["target"]: "" for one in happened if one.action == "Delivered"}
    closed = {
        one.params["target"]: one.note or one.message for one in happened if one.action == "DeliveryRefused"
    }
    return {**closed, **came}


def refused(said: dict[str, str], target: str) -> str:
    """Why a target has nothing, in words."""
    if not target:
        return "The rule has no such target any more. Run the cell above the exercise again."
    return said.get(target) or "The rule sent nothing to it."


def other_team(world: World, arns: dict[str, str], bus: str) -> dict[str, str]:
    """A rule that is not the learner's sends to her queue and her function."""
    with world.rehearsal():
        client, name = world.client("events"), f"other-team-{world.word()}"
        pattern = json.dumps({"source": ["orchard.shop"]})
        made = client.put_rule(Name=name, EventBusName=bus, EventPattern=pattern)
        targets = [{"Id": door, "Arn": arns[door]} for door in ("queue", "function") if arns[door]]
        if targets:
            client.put_targets(Rule=name, EventBusName=bus, Targets=targets)
        return knock(world, made["RuleArn"], bus)


# -- 13.4 ------------------------------------------------------------------------------------------------

OUTAGE: Final = 180
EARLY: Final = (0, 25, 50, 75, 100)  # minutes after the beginning: these give up before it is over
LATE: Final = (140, 150, 165)  # these are less than an hour old when it is over


@exercise(
    "The target is down for three hours",
    points=15,
    minutes=18,
    star=True,
    covers=("L185",),
    hints=(
        "Two questions. How long should EventBridge go on trying? And where should an order be when that "
        "time is over?",
        "A target in `put_targets` has a `RetryPolicy` (`MaximumEventAgeInSeconds`, "
        "`MaximumRetryAttempts`) and a `DeadLetterConfig` with the ARN of a queue. EventBridge must be "
        "allowed to write to that queue, too. See "
        f"{DOCS}/userguide/eb-rule-dlq.html",
        '```\n"RetryPolicy": {"MaximumEventAgeInSeconds": ____},\n"DeadLetterConfig": {"Arn": dead_arn},\n```',
    ),
)
def outage(world: World, expect: Expect, *, redrive: Callable[..., Any]) -> None:
    """In an outage of three hours nothing is lost: young orders arrive late, older ones wait in a dead-letter queue."""
    rule = rule_of(world, "to-warehouse")
    target = (
        next((one for one in targets_of(world, "to-warehouse") if one["Arn"].endswith(":warehouse")), None)
        if rule
        else None
    )
    target = expect.found(
        "exists",
        target,
        "The rule `to-warehouse` has the queue `warehouse` as a target.",
        action="Run the cell that creates both again; it stands above the exercise.",
    )
    warehouse, audit = world.queue("warehouse"), listen(world, {"detail-type": ["Order Placed"]})
    dead = world.queue(str((target.get("DeadLetterConfig") or {}).get("Arn", "")).rpartition(":")[2])
    for queue in (warehouse, dead):
        if queue is not None:
            queue.purge()
    world.sandbox.faults.put("delivery.unavailable", target="warehouse", lasting=OUTAGE * 60)
    orders = {minute: world.word() for minute in (*EARLY, *LATE)}
    in_time = []
    for minute in range(0, OUTAGE, 5):
        if minute in orders:
            put(world, {"order_id": orders[minute]})
        if minute - 70 in EARLY:
            in_time.append(waiting_letter(dead, orders[minute - 70]))
        world.clock.advance(minutes=5)
    world.clock.advance(minutes=30)
    judge_outage(expect, orders, warehouse, dead, in_time)
    with suppress(Enough), only(300):
        expect.call(
            "redriven",
            redrive,
            wanted="`redrive` brings every order from the dead-letter queue to the warehouse, once.",
            action="Read what SQS answered. A message move task takes only from the dead-letter queue of "
            "another queue.",
        )
    world.clock.advance(minutes=10)
    there, left = order_ids(warehouse), order_ids(dead) if dead else Counter()
    wrong = [one for one in orders.values() if there[one] != 1 or left[one]]
    expect(
        "redriven",
        not wrong,
        "`redrive` brings every order from the dead-letter queue to the warehouse, once.",
        seen=f"Of {len(orders)} orders, {sum(there[one] == 1 for one in orders.values())} are in "
        "the warehouse once, "
        f"{sum(there[one] > 1 for one in orders.values())} more than once, "
        f"and {sum(left[one] for one in orders.values())} in the dead-letter queue.",
        why="These customers have paid.",
        action="Receive from the dead-letter queue, send the body to `warehouse`, then delete the message.",
    )
    again = [one for one in orders.values() if order_ids(audit)[one] != 1]
    expect(
        "others",
        not again,
        "No other listener hears of an order twice.",
        seen=f"{number(len(again), 'order')} came to another listener of the bus a second time.",
        why="An event on the bus is for everybody. The others have it already.",
        action="Do not put it on the bus again: send it to the queue that did not get it.",
    )


def waiting_letter(dead: Any, order: str) -> bool:
    """Whether an order waits in the dead-letter queue, with the reason."""
    if dead is None:
        return False
    return any(order in message.body and "ERROR_CODE" in message.attributes for message in dead.messages())


def judge_outage(
    expect: Expect, orders: dict[int, str], warehouse: Any, dead: Any, in_time: list[bool]
) -> None:
    """Half an hour after the outage."""
    there, put_aside = order_ids(warehouse), order_ids(dead) if dead else Counter()
    lost = [one for one in orders.values() if not there[one] and not put_aside[one]]
    expect(
        "kept",
        not lost,
        "No order is lost in three hours.",
        seen=f"{len(lost)} of {len(orders)} orders are in no queue any more.",
        why="EventBridge drops what it could not deliver, unless the dead-letter queue takes it.",
        action="Does the target of the rule have a dead-letter queue, and may EventBridge write to it?",
    )
    expect(
        "aside",
        all(in_time),
        "An hour after it came, an order that could not be delivered is in the dead-letter queue, with its "
        "`ERROR_CODE`.",
        seen=f"{sum(in_time)} of {len(in_time)} such orders were there 70 minutes after they came.",
        why="A person has to see them on the same day.",
        action="Set `MaximumEventAgeInSeconds` to one hour and give the target a dead-letter queue.",
    )
    young = [orders[minute] for minute in LATE]
    late = [one for one in young if not there[one]]
    expect(
        "patient",
        not late,
        "Orders that are less than an hour old when the warehouse is back arrive by themselves.",
        seen=f"{len(late)} of {len(young)} such orders did not arrive.",
        why="The outage was over, and these orders only had to wait a little.",
        action="Allow enough retries for an hour: leave `MaximumRetryAttempts` alone.",
    )


# -- 13.5 ------------------------------------------------------------------------------------------------


@exercise(
    "Only what it needs",
    points=10,
    minutes=10,
    covers=("L185",),
    hints=(
        "EventBridge can write a new, smaller letter for each event before it sends it. What does the "
        "letter say, and where in the event do its words come from?",
        "Give the target an `InputTransformer`: `InputPathsMap` gives names to values, with paths that "
        "begin at `$`, the "
        f"whole event. `InputTemplate` uses the names. See {DOCS}/userguide/eb-transform-target-input.html",
        '```\n"InputPathsMap": {"to": "$.detail.____", "order": "$.detail.order_id"},\n'
        '"InputTemplate": \'{"to": <to>, "text": "Order <order> has been sent."}\',\n```',
    ),
)
def only_needed(world: World, expect: Expect) -> None:
    """The function gets the e-mail address and the text, and its log holds nothing else about the customer."""
    expect.found(
        "exists",
        function_arn(world, "notification") if rule_of(world, "order-sent") else None,
        "There are the rule `order-sent` and the function `notification`.",
        action="Run the cell that creates both again; it stands above the exercise.",
    )
    orders = [a_customer(world) for _ in range(3)]
    begun = int(world.clock.time() * 1000)
    for order in orders:
        put(world, order, kind="Order Sent")
    world.clock.advance(seconds=30)
    lines = log_lines(world, "/aws/lambda/notification", begun)
    got = [value for value in map(as_json, lines) if value is not None]
    wanted = [
        {"to": one["customer"]["email"], "text": f"Order {one['order_id']} has been sent."} for one in orders
    ]
    strange = [one for one in got if one not in wanted]
    expect(
        "exact",
        not strange and all(one in got for one in wanted),
        "For each order the function gets `to` and `text`, and nothing else.",
        seen=f"It got {json.dumps(strange[0], ensure_ascii=False)}."
        if strange
        else f"Three orders were sent, and the function got {number(len(got), 'of them', 'of them')}.",
        why="The function needs an address and a text. Everything else can only do harm.",
        action="Compare the names, the paths and the template. A path begins at the whole event: "
        "`$.detail...`.",
    )
    log = "\n".join(lines)
    leaked = [
        f"the {name} {value!r}"
        for one in orders
        for name, value in one["customer"].items()
        if name != "email" and value in log
    ]
    expect(
        "private",
        not leaked,
        "No name, phone number or street stands in the log of the function.",
        seen=f"In the log of the function stands {shown(leaked)}.",
        why="Logs are kept for long and read by many.",
        action="Send less: pick single values with the `InputPathsMap`. Is there an old target beside the "
        "new one?",
    )


def a_customer(world: World) -> dict[str, Any]:
    """An order with everything the shop knows."""
    name, word = world.random.choice(NAMES), world.word()
    return {
        "order_id": world.word(),
        "total": world.random.randrange(500, 9000) / 100,
        "customer": {
            "name": f"{name} {word.partition('-')[0].title()}",
            "email": f"{word}@example.com",
            "phone": f"+43 660 555 {world.random.randrange(1000, 10000)}",
            "street": f"{word.title()} Street {world.random.randrange(1, 99)}",
        },
    }


def log_lines(world: World, group: str, since: int) -> list[str]:
    """What was written to a log group from a moment on (milliseconds since 1970)."""
    client = world.client("logs")
    try:
        found = client.filter_log_events(logGroupName=group, startTime=since)["events"]
    except client.exceptions.ResourceNotFoundException:
        return []
    return [str(one["message"]) for one in found]


def as_json(text: str) -> Any:
    """A line of a log as JSON; None when it is none, such as START and END."""
    with suppress(ValueError):
        return json.loads(text)
    return None
