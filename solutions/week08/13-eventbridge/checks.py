"""What the finished exercises of lab 13 do. Each check plays the shop, the other teams and the passing of time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from labkit.judging import Expect, World, exercise, question
from labkit.judging.watch import Enough, only

BUS: Final = "orchard"
SERVICE: Final = "events.amazonaws.com"
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
DOCS: Final = "https://docs.aws.amazon.com/eventbridge/latest"

# -- questions -------------------------------------------------------------------------------------------

ten_entries = question(
    "You put ten entries in one call. The call answers with HTTP status 200 and raises no error. How many events are "
    "on the bus?",
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
    "A rule matches an event. The policy of its target, a queue, does not allow EventBridge to write. There is no "
    "dead-letter queue. What does the shop see, which put the event?",
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
    "A target cannot be reached for three hours. Its rule has the settings that EventBridge uses when you say nothing. "
    "What happens to an order from the first minute?",
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
    "A rule has the schedule cron(0 9 * * ? *). It is January. What time is it in Vienna when the rule fires?",
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
        rule = plan.eventbridge("order-placed")
        rule.to(plan.sqs("packing"))
        rule.to(plan.awslambda("loyalty"))
        rule.to(plan.logs("/aws/events/orders"))
    return plan


# -- what the checks share -------------------------------------------------------------------------------


def number(count: int, thing: str, plural: str = "") -> str:
    """A count with its word: "1 order", "3 orders"."""
    return f"{count:,} {thing if count == 1 else plural or thing + 's'}"


def shown(things: list[Any]) -> str:
    """The first few things of a list, in few words."""
    text = ", ".join(str(one) for one in things[:3])
    return f"{text} and {len(things) - 3} more" if len(things) > 3 else text or "nothing"


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
        "The answer 200 means that EventBridge has understood the call. It does not mean that it has taken every "
        "entry. Where does the answer speak about each single entry?",
        "`put_events` takes 1 to 10 `Entries`, below 1 MB together. The list `Entries` in the answer has one result "
        "for each entry, in the same order: with an `EventId`, or with an `ErrorCode`. See "
        f"{DOCS}/APIReference/API_PutEvents.html",
        '```\nfor one, result in zip(batch, answer["____"]):\n    if "ErrorCode" in result:\n'
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
        judge_arrivals(expect, queue, orders)
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


def judge_arrivals(expect: Expect, queue: Any, orders: list[dict[str, Any]]) -> None:
    """What came to the bus."""
    came = {str(body["detail"].get("order_id")): body["detail"] for body in bodies(queue)}
    missing = [order for order in orders if came.get(order["order_id"]) != order]
    expect(
        "all",
        not missing,
        "Every order arrives on the bus `orchard`, as it is.",
        seen=f"{len(orders) - len(missing)} of {len(orders)} orders arrived.",
        why="An entry with an `ErrorCode` is not on the bus. Nobody packs it unless you send it again.",
        action="Look at each result in the answer, send the failed entries again, and name the bus in each entry.",
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
        action="Add up the weight of the entries. Begin a new batch only when the next one would make it too large.",
    )


# -- 13.2 ------------------------------------------------------------------------------------------------

EC2: Final = "EC2 Instance State-change Notification"
METHODS: Final = ("card", "cash", "invoice", "gift card", "Card")
EVENTS: Final = 400


def numbers(value: object) -> list[float]:
    """The numbers that a field holds: its own or those of its list. True and texts are no numbers."""
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, (int, float)) and not isinstance(one, bool)]


def texts(value: object) -> list[str]:
    """The texts that a field holds."""
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str)]


def placed(event: dict[str, Any]) -> bool:
    """Whether it is an order of the shop."""
    return bool(event["source"] == "orchard.shop" and event["detail-type"] == "Order Placed")


def is_stopped(event: dict[str, Any]) -> bool:
    """An EC2 instance has stopped."""
    return bool(
        event["source"] == "aws.ec2"
        and event["detail-type"] == EC2
        and event["detail"].get("state") == "stopped"
    )


def is_big(event: dict[str, Any]) -> bool:
    """Above 100, up to 500."""
    return placed(event) and any(100 < one <= 500 for one in numbers(event["detail"].get("total")))


def is_not_card(event: dict[str, Any]) -> bool:
    """A method is there, and it is not card."""
    payment = event["detail"].get("payment", {})
    return placed(event) and "method" in payment and payment["method"] != "card"


def is_vienna(event: dict[str, Any]) -> bool:
    """The postcode begins with 1."""
    postcode = event["detail"].get("address", {}).get("postcode")
    return placed(event) and any(one.startswith("1") for one in texts(postcode))


def has_no_coupon(event: dict[str, Any]) -> bool:
    """The field is not there."""
    return placed(event) and "coupon" not in event["detail"]


def is_hurry(event: dict[str, Any]) -> bool:
    """Express, or above 1000."""
    detail = event["detail"]
    return placed(event) and (
        detail.get("express") is True or any(one > 1000 for one in numbers(detail.get("total")))
    )


WANTED: Final[dict[str, Callable[[dict[str, Any]], bool]]] = {
    "stopped": is_stopped,
    "big": is_big,
    "not_card": is_not_card,
    "vienna": is_vienna,
    "no_coupon": has_no_coupon,
    "hurry": is_hurry,
}


def some_events(world: World) -> list[dict[str, Any]]:
    """Events of many kinds: orders with nulls, lists and texts for numbers, and events that only look like one."""
    dice = world.random
    found = []
    for place in range(EVENTS):
        if place % 5 == 4:
            state = dice.choice(["stopped", "stopped", "stopping", "running", "terminated"])
            source = dice.choice(["aws.ec2", "aws.ec2", "aws.ec2", "aws.rds", "orchard.shop"])
            kind = dice.choice([EC2, EC2, EC2, "EC2 Spot Instance Interruption Warning"])
            detail: dict[str, Any] = {"instance-id": f"i-{dice.getrandbits(68):017x}", "state": state}
        else:
            source = dice.choice(["orchard.shop"] * 8 + ["orchard.returns", "orchard.shop.test"])
            kind = dice.choice(["Order Placed"] * 8 + ["Order Changed", "order placed"])
            detail = an_order(dice)
        found.append({"source": source, "detail-type": kind, "detail": {"n": place, **detail}})
    return found


def an_order(dice: Any) -> dict[str, Any]:
    """The detail of an order, complete or not."""
    total = dice.choice(
        [100, 100.01, 500, 500.01, 1000, 1000.01, 99, 101, 499, 501, 999, 1001, 51, 199, 251, 2001]
    )
    total = dice.choice([total, total, total, dice.randrange(1, 1500), str(total), None, [total, 5]])
    detail: dict[str, Any] = {"order_id": f"o-{dice.randrange(10**6)}", "total": total}
    if dice.random() < 0.8:
        detail["payment"] = {"method": dice.choice([*METHODS, None, 7])} if dice.random() < 0.9 else {}
    if dice.random() < 0.8:
        code = f"{dice.randrange(1010, 9990)}"
        detail["address"] = {
            "postcode": dice.choice([code, code, f"{dice.randrange(1, 24):02}", 1010, None, [code, "8010"]])
        }
    if dice.random() < 0.6:
        detail["coupon"] = dice.choice(["SPRING", "", None])
    if dice.random() < 0.7:
        detail["express"] = dice.choice([True, False, False, "true", 1])
    if dice.random() < 0.1:
        detail["payment.method"] = "cash"
        detail["postcode"] = "1070"
    if dice.random() < 0.1:
        del detail["total"]
    return detail


@exercise(
    "Six patterns",
    points=15,
    minutes=16,
    star=True,
    covers=("L184", "L188-L196"),
    hints=(
        "A pattern has the shape of the event: a field inside `detail` stands inside `detail` in the pattern, too. "
        "Where the event has a value, the pattern has a list.",
        "The list holds values, or operators such as `numeric`, `anything-but`, `prefix` and `exists`. Both ends of a "
        f"range stand in one `numeric`. See {DOCS}/userguide/eb-create-pattern-operators.html",
        '```\n"big": {\n    "source": ["orchard.shop"],\n    "detail-type": ["Order Placed"],\n'
        '    "detail": {"total": [{"numeric": [">", 100, "____", 500]}]},\n}\n```',
    ),
)
def patterns(world: World, expect: Expect, *, patterns: dict[str, Any]) -> None:
    """Of 400 events each pattern finds exactly those it is meant for."""
    with world.rehearsal():
        listeners = {name: listener(world, expect, name, patterns.get(name)) for name in WANTED}
        happened = some_events(world)
        announce(world, happened)
        caught = {
            name: {body["detail"]["n"] for body in bodies(queue)} if queue else set()
            for name, queue in listeners.items()
        }
    judged = {name: verdict(name, happened, caught[name]) for name in WANTED if listeners[name]}
    expect(
        "stopped",
        not judged.get("stopped"),
        "`stopped` finds the EC2 instances that have stopped, and nothing else.",
        seen=judged.get("stopped", ""),
        why="This is the pattern of the syllabus.",
        action="All three fields count: `source`, `detail-type`, and `state` inside `detail`.",
    )
    expect(
        "big",
        not judged.get("big"),
        "`big` finds orders above 100, up to 500.",
        seen=judged.get("big", ""),
        why="Two conditions in two objects of a list mean `or`.",
        action="Put both ends of the range into one `numeric`.",
    )
    expect(
        "not_card",
        not judged.get("not_card"),
        "`not_card` finds orders whose payment method is there and is not card.",
        seen=judged.get("not_card", ""),
        why="`anything-but` also finds values that you have never heard of.",
        action="The field `method` stands inside `payment`, and that inside `detail`. Use `anything-but` there.",
    )
    expect(
        "vienna",
        not judged.get("vienna"),
        "`vienna` finds orders whose postcode begins with 1.",
        seen=judged.get("vienna", ""),
        why="A postcode is a text. A number does not begin with anything.",
        action="The field `postcode` stands inside `address`, and that inside `detail`. Use `prefix` there.",
    )
    expect(
        "no_coupon",
        not judged.get("no_coupon"),
        "`no_coupon` finds orders without a field `coupon`.",
        seen=judged.get("no_coupon", ""),
        why="A field that is `null` is there all the same.",
        action="Ask whether the field exists, not what it holds.",
    )
    expect(
        "hurry",
        not judged.get("hurry"),
        "`hurry` finds orders that are express or above 1000.",
        seen=judged.get("hurry", ""),
        why="Two fields beside each other in a pattern mean `and`.",
        action="Put the two conditions into the list of `$or`, each in an object of its own.",
    )


def listener(world: World, expect: Expect, name: str, pattern: object) -> Any:
    """A rule with this pattern on the default bus and a queue behind it; None when the pattern is not valid."""
    client, queue = world.client("events"), new_queue(world)
    text = pattern if isinstance(pattern, str) else json.dumps(pattern, default=str)
    said = "there is no such key in the dict"
    if pattern is not None:
        try:
            client.put_rule(Name=queue.name, EventPattern=text)
            said = ""
        except client.exceptions.ClientError as error:
            said = error.response["Error"]["Message"]
    expect(
        "valid",
        not said,
        "EventBridge accepts all six patterns.",
        seen=f"`{name}`: {said}",
        why="EventBridge refuses a rule with such a pattern.",
        action="Each value stands in a list, also a single one. Compare it with the pattern of the syllabus.",
    )
    if said:
        return None
    client.put_targets(Rule=queue.name, Targets=[{"Id": "listener", "Arn": queue.arn}])
    return queue


def announce(world: World, happened: list[dict[str, Any]]) -> None:
    """All these events come to the default bus; those of AWS services as AWS sends them."""
    backend = world.sandbox.backend("events")
    for start in range(0, len(happened), 10):
        backend.put_events(
            [
                {
                    "Source": one["source"],
                    "DetailType": one["detail-type"],
                    "Detail": json.dumps(one["detail"]),
                }
                for one in happened[start : start + 10]
            ]
        )
    world.clock.advance(seconds=2)


def verdict(name: str, happened: list[dict[str, Any]], caught: set[int]) -> str:
    """What a pattern did wrong, with one event as an example; nothing when it was right."""
    wanted = {event["detail"]["n"] for event in happened if WANTED[name](event)}
    if caught == wanted:
        return ""
    extra, missed = sorted(caught - wanted), sorted(wanted - caught)
    example = happened[extra[0] if extra else missed[0]]
    detail = {
        key: value for key, value in example["detail"].items() if key not in ("n", "order_id", "instance-id")
    }
    what = "let through" if extra else "did not find"
    return (
        f"{len(caught)} of {len(happened)} events came through; {len(wanted)} should. For instance, it {what} "
        f"{example['source']}, {example['detail-type']}, {json.dumps(detail)}."
    )


# -- 13.3 ------------------------------------------------------------------------------------------------

DOORS: Final = {"queue": ":sqs:", "function": ":lambda:", "log": ":logs:"}


@exercise(
    "Three doors",
    points=15,
    minutes=18,
    star=True,
    covers=("L185", "L135"),
    hints=(
        "The rule may call whom it likes. It is the target that says who may come in. Who is it that comes, what does "
        "it want to do, and on whose behalf does it come?",
        "Queue: `set_queue_attributes` with `Policy`, action `sqs:SendMessage`. Function: `add_permission`, action "
        "`lambda:InvokeFunction`, with `SourceArn`. Log group: `put_resource_policy`, actions `logs:CreateLogStream` and "
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
        action="Give the queue a policy for `events.amazonaws.com`, with the ARN of the rule as `aws:SourceArn`.",
    )
    expect(
        "function",
        said.get(arns["function"]) == "",
        "An order comes to the function `loyalty`.",
        seen=refused(said, arns["function"]),
        why="A function lets nobody in who is not named in its resource policy.",
        action="Use `add_permission` with the principal `events.amazonaws.com` and the rule's ARN as `SourceArn`.",
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
        "Two questions. How long should EventBridge go on trying? And where should an order be when that time is over?",
        "A target in `put_targets` has a `RetryPolicy` (`MaximumEventAgeInSeconds`, `MaximumRetryAttempts`) and a "
        "`DeadLetterConfig` with the ARN of a queue. EventBridge must be allowed to write to that queue, too. See "
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
            action="Read what SQS answered. A message move task takes only from the dead-letter queue of another queue.",
        )
    world.clock.advance(minutes=10)
    there, left = order_ids(warehouse), order_ids(dead) if dead else Counter()
    wrong = [one for one in orders.values() if there[one] != 1 or left[one]]
    expect(
        "redriven",
        not wrong,
        "`redrive` brings every order from the dead-letter queue to the warehouse, once.",
        seen=f"Of {len(orders)} orders, {sum(there[one] == 1 for one in orders.values())} are in the warehouse once, "
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
        "An hour after it came, an order that could not be delivered is in the dead-letter queue, with its `ERROR_CODE`.",
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


def function_arn(world: World, name: str) -> str | None:
    """The ARN of a function, or None."""
    client = world.client("lambda")
    try:
        return str(client.get_function_configuration(FunctionName=name)["FunctionArn"])
    except client.exceptions.ResourceNotFoundException:
        return None


@exercise(
    "Only what it needs",
    points=10,
    minutes=10,
    covers=("L185",),
    hints=(
        "EventBridge can write a new, smaller letter for each event before it sends it. What does the letter say, and "
        "where in the event do its words come from?",
        "Give the target an `InputTransformer`: `InputPathsMap` gives names to values, with paths that begin at `$`, the "
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
        action="Compare the names, the paths and the template. A path begins at the whole event: `$.detail...`.",
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
        action="Send less: pick single values with the `InputPathsMap`. Is there an old target beside the new one?",
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


# -- 13.6 ------------------------------------------------------------------------------------------------

HOUR: Final = 3600


@exercise(
    "The lost hour",
    points=15,
    minutes=16,
    covers=("L183",),
    hints=(
        "A tape can be wound back to a place and played to another one. Who in the room should hear it? And what does a "
        "bookkeeper do with a letter that she has seen before?",
        "`start_replay` takes the archive's ARN, a start and an end, and a `Destination`: the bus, and in `FilterArns` the "
        "rules that may hear it. In DynamoDB, the same key means the same item. See "
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
        "There are the archive `orchard-tape`, the rule `to-ledger`, the queue `ledger-in` and the table `ledger`.",
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
    from datetime import UTC, datetime

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
        seen=f"{len(orders)} orders are worth {sum(wanted) / 100:.2f}. The ledger has {number(len(totals), 'item')} "
        f"worth {sum(totals) / 100:.2f}.",
        why="After a replay some orders come a second time. The tax office wants each of them once.",
        action="Use a key that is the same each time the order comes, whatever event and message bring it.",
    )


# -- 13.7 ------------------------------------------------------------------------------------------------

VIENNA: Final = "Europe/Vienna"


@exercise(
    "Nine o'clock in Vienna",
    points=15,
    minutes=14,
    covers=("L182",),
    hints=(
        "Two kinds of time. Nine o'clock is what a clock on the wall in Vienna shows. Thirty-six hours is what a "
        "stopwatch shows. Which of them cares about summer time?",
        "A schedule reads its expression in its `ScheduleExpressionTimezone`. For the stopwatch: go to UTC first, then "
        "add. A schedule that runs once has the form `at(...)`. See "
        "https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html",
        '```\nScheduleExpression="cron(0 9 * * ? *)",\nScheduleExpressionTimezone="____",\n```',
    ),
)
def on_time(world: World, expect: Expect, *, remind: Callable[..., Any]) -> None:
    """The report comes at nine by the clock in Vienna, before and after a change of the clocks; a reminder comes once."""
    from datetime import timedelta

    reports, reminders = world.queue("reports"), world.queue("reminders")
    reports = expect.found(
        "exists",
        reports if reminders else None,
        "There are the queues `reports` and `reminders`.",
        action="Run the cell that creates them again; it stands above the exercise.",
    )
    assert reminders is not None
    change = next_change(world.clock.time())
    world.clock.advance(seconds=change - 36 * 3600 - world.clock.time())
    reports.purge()
    reminders.purge()
    before = schedule_names(world)
    orders = {world.word(): world.clock.time() for _ in range(2)}
    for order, when in orders.items():
        expect.call(
            "runs",
            remind,
            order,
            local(when),
            wanted="`remind` runs without an error, also for a second order.",
            action="Read what Scheduler says about that line, and repair it. Each schedule needs a name of its own.",
        )
    world.clock.advance(days=3)
    times = [local(message.sent) for message in reports.messages() if message.sent >= change - 36 * 3600]
    wanted_days = {(local(change) + timedelta(days=day)).date() for day in (-1, 0, 1)}
    nine = [one for one in times if one.date() in wanted_days]
    good = sorted(one.date() for one in nine) == sorted(wanted_days) and all(
        (one.hour, one.minute) == (9, 0) for one in nine
    )
    expect(
        "nine",
        good and all(message.body == "report" for message in reports.messages()),
        "The queue `reports` gets the text `report` once a day at 09:00 in Vienna, before and after the change of the clocks.",
        seen=f"Around {local(change):%d %B %Y}, when the clocks change, it came at "
        + (", ".join(f"{one:%a %H:%M}" for one in times) or "no time at all")
        + ", by the clock in Vienna.",
        why="Without a time zone, `cron` means UTC. Vienna is one hour ahead in winter and two in summer.",
        action="Give the schedule its time zone: a place, not a number of hours.",
    )
    world.clock.advance(days=3)
    judge_reminders(expect, reminders, orders)
    left = schedule_names(world) - before
    expect(
        "tidy",
        not left,
        "After the reminder its schedule is gone.",
        seen=f"Still there: {shown(sorted(left))}.",
        why="Each schedule counts towards the quota of the account, also one that is over.",
        action="Use a schedule that runs once, with `ActionAfterCompletion`.",
    )


def judge_reminders(expect: Expect, reminders: Any, orders: dict[str, float]) -> None:
    """Each order once, 36 hours after it was placed."""
    came = {order: [m.sent for m in reminders.messages() if m.body == order] for order in orders}
    wrong = {
        order: moments
        for order, moments in came.items()
        if len(moments) != 1 or abs(moments[0] - orders[order] - 36 * 3600) >= 60
    }
    order = next(iter(wrong), "")
    hours = ", ".join(f"{(one - orders[order]) / 3600:.2f}" for one in wrong.get(order, []))
    expect(
        "reminder",
        not wrong,
        "36 hours after an order was placed, its id is in the queue `reminders`, once.",
        seen=f"{order} was placed on the eve of a change of the clocks. "
        + (f"The reminder came after {hours} hours." if hours else "No reminder came."),
        why="A customer who has paid in time should not be reminded too early.",
        action="Go to UTC first, then add 36 hours. In local time the change of the clocks gets in between.",
    )


def local(when: float) -> Any:
    """A moment as the clock in Vienna shows it."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    return datetime.fromtimestamp(when, ZoneInfo(VIENNA))


def next_change(now: float) -> float:
    """When the clocks in Vienna change next, at least three days from now."""
    when = (now // HOUR) * HOUR + 3 * 86_400
    while local(when).utcoffset() == local(when + HOUR).utcoffset():
        when += HOUR
    return when + HOUR


def schedule_names(world: World) -> set[str]:
    """All schedules of the account."""
    pages = world.client("scheduler").get_paginator("list_schedules").paginate()
    return {one["Name"] for page in pages for one in page["Schedules"]}


# -- 13.8 ------------------------------------------------------------------------------------------------

BUSY: Final = 20
LOOP: Final = 60


@exercise(
    "Do you listen to yourself?",
    points=15,
    minutes=14,
    covers=("L184", "L188-L196"),
    hints=(
        "The function hears everything, also its own voice. How can the rule tell the function's voice from the voice "
        "of the shop? And what number would have told you of the trouble in the first minute?",
        "`put_rule` replaces the pattern. `anything-but` fits every kind but one. For the alarm: `put_metric_alarm` on the "
        "metric `Invocations` with the statistic `Sum`. See "
        f"{DOCS}/userguide/eb-create-pattern-operators.html and {DOCS}/userguide/eb-monitoring.html",
        '```\n{"source": ["orchard.shop"], "detail-type": [{"anything-but": "____"}]}\n```',
    ),
)
def loop(world: World, expect: Expect) -> None:
    """The function runs once for each event of the shop and not for its own output, and an alarm would see a loop."""
    expect.found(
        "exists",
        function_arn(world, "enrich") if rule_of(world, "enrich", "default") else None,
        "There are the rule `enrich` on the bus `default` and the function `enrich`.",
        action="Run the cell that creates both again; it stands above the exercise.",
    )
    kinds = ["Order Placed", f"Order {world.word().title()}"]
    told = [one_event(world, kind, "orchard.shop") for kind in kinds]
    expect(
        "alone",
        all(runs <= 1 for runs, _ in told),
        "The function's own output does not start it again.",
        seen=f"One event of the shop, and half a minute later the function had run {max(one for one, _ in told)} times.",
        why="Each run makes an event, and each event makes a run. AWS bills all of them.",
        action="Disable the rule first. Then narrow its pattern, so that it does not fit `Order Enriched`.",
    )
    missed = [kind for kind, (runs, results) in zip(kinds, told, strict=True) if not runs or not results]
    expect(
        "kept",
        not missed,
        "Every other event of the shop starts the function, and `Order Enriched` follows.",
        seen=f"An event {shown([repr(one) for one in missed])} of the shop was not enriched.",
        why="Next year the shop will have events that nobody has thought of yet. And a rule that is disabled matches nothing.",
        action="Say what the rule does not want, instead of listing what it wants.",
    )
    strange = [
        source
        for source in ("aws.s3", "aws.ec2", "orchard.returns")
        if one_event(world, "Order Placed", source)[0]
    ]
    expect(
        "strangers",
        not strange,
        "Events of AWS services and of other sources do not start the function.",
        seen=f"The function ran for an event with the source {shown(strange)}.",
        why="On the default bus, AWS services speak all day long.",
        action="Name the source in the pattern.",
    )
    judge_alarm(world, expect)


def one_event(world: World, kind: str, source: str) -> tuple[int, int]:
    """One event on the default bus, and half a minute: how often the function ran, and the results that it put."""
    with world.rehearsal() as rehearsal:
        results = listen(world, {"detail-type": ["Order Enriched"]}, bus="default")
        entry = {
            "Source": source,
            "DetailType": kind,
            "Detail": json.dumps({"order_id": world.word(), "total": 12.5}),
        }
        world.sandbox.backend("events").put_events([entry])
        world.clock.advance(seconds=30)
        return len(rehearsal.trace.where(kind="invocation", resource="enrich")), len(results.messages())


def judge_alarm(world: World, expect: Expect) -> None:
    """What the alarms of the account would do on a busy day and in a loop."""
    found = world.client("cloudwatch").describe_alarms(AlarmTypes=["MetricAlarm"])["MetricAlarms"]
    watching = [one for one in found if watches(one)]
    expect(
        "watches",
        watching,
        "An alarm watches the metric `Invocations` of the rule `enrich`.",
        seen=f"{number(len(found), 'alarm')} in the account, and none of them watches it.",
        why="A metric without its dimensions is another metric, and that one has no data.",
        action="Namespace `AWS/Events`, metric `Invocations`, and one dimension: `RuleName`.",
    )
    ringing = [one for one in watching if rings(one, LOOP)]
    expect(
        "rings",
        ringing,
        "In a loop with 60 calls a minute, the alarm rings within ten minutes.",
        seen="With 60 calls in each minute, no such alarm rings within ten minutes.",
        why="You want to hear of it before the bill comes.",
        action="Add the calls up (`Sum`) over a short period, and look for a threshold below what a loop makes.",
    )
    expect(
        "silent",
        watching and not any(rings(one, BUSY) for one in watching),
        "In the busiest minutes of the year, with 20 calls each, the alarm is silent.",
        seen="With 20 calls in each minute, an alarm rings." if watching else "There is no such alarm.",
        why="An alarm that rings for nothing is soon ignored.",
        action="How many calls are there in one period of your alarm on a busy day? The threshold must be higher.",
    )


def watches(alarm: dict[str, Any]) -> bool:
    """Whether an alarm is on the invocations of the rule, or of its function."""
    dimensions = [(one["Name"], one["Value"]) for one in alarm.get("Dimensions", [])]
    metric = alarm.get("Namespace"), alarm.get("MetricName"), dimensions
    return metric in (
        ("AWS/Events", "Invocations", [("RuleName", "enrich")]),
        ("AWS/Lambda", "Invocations", [("FunctionName", "enrich")]),
    )


def rings(alarm: dict[str, Any], per_minute: int) -> bool:
    """Whether an alarm rings within ten minutes of so many calls a minute."""
    period = alarm["Period"]
    needed = alarm.get("DatapointsToAlarm") or alarm["EvaluationPeriods"]
    # Each call is one data point of the value 1.
    value = per_minute * period / 60 if alarm.get("Statistic") in ("Sum", "SampleCount") else 1
    over = {
        "GreaterThanThreshold": value > alarm["Threshold"],
        "GreaterThanOrEqualToThreshold": value >= alarm["Threshold"],
        "LessThanThreshold": value < alarm["Threshold"],
        "LessThanOrEqualToThreshold": value <= alarm["Threshold"],
    }
    return over.get(alarm["ComparisonOperator"], False) and needed * period <= 600
