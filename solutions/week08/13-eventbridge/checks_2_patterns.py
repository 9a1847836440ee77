"""Exercise 13.2: four hundred events, and six patterns that must find theirs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from labkit.judging import Expect, World, exercise

from . import DOCS, bodies, new_queue

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
        detail["method"] = "cash"
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
        "A pattern has the shape of the event: what stands inside the detail there stands inside the detail in the "
        "pattern, too. Where the event has a value, the pattern has a list.",
        "The list holds values, or operators such as `numeric`, `anything-but`, `prefix` and `exists`. "
        "Both ends of a "
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
    judged = {
        name: verdict(name, happened, caught[name]) if listeners[name] else "There is no such rule."
        for name in WANTED
    }
    expect(
        "stopped",
        not judged["stopped"],
        "`stopped` finds the EC2 instances that have stopped, and nothing else.",
        seen=judged["stopped"],
        why="This is the pattern of the syllabus.",
        action="All three fields count: `source`, `detail-type`, and `state` inside `detail`.",
    )
    expect(
        "big",
        not judged["big"],
        "`big` finds orders above 100, up to 500.",
        seen=judged["big"],
        why="Two conditions in two objects of a list mean `or`.",
        action="Put both ends of the range into one `numeric`.",
    )
    expect(
        "not_card",
        not judged["not_card"],
        "`not_card` finds orders whose payment method is there and is not card.",
        seen=judged["not_card"],
        why="`anything-but` also finds values that you have never heard of.",
        action="The field `method` stands inside `payment`, and that inside `detail`. Use `anything-but` "
        "there.",
    )
    expect(
        "vienna",
        not judged["vienna"],
        "`vienna` finds orders whose postcode begins with 1.",
        seen=judged["vienna"],
        why="A postcode is a text. A number does not begin with anything.",
        action="The field `postcode` stands inside `address`, and that inside `detail`. Use `prefix` there.",
    )
    expect(
        "no_coupon",
        not judged["no_coupon"],
        "`no_coupon` finds orders without a field `coupon`.",
        seen=judged["no_coupon"],
        why="A field that is `null` is there all the same.",
        action="Ask whether the field exists, not what it holds.",
    )
    expect(
        "hurry",
        not judged["hurry"],
        "`hurry` finds orders that are express or above 1000.",
        seen=judged["hurry"],
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
        action="Read the reason. Each value stands in a list, also a single one. A range begins with its lower end.",
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
        f"{len(caught)} of {len(happened)} events came through; {len(wanted)} should. For "
        f"instance, it {what} "
        f"{example['source']}, {example['detail-type']}, {json.dumps(detail)}."
    )
