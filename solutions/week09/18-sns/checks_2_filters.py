"""Who wants which messages: filters on attributes (18.2) and on the body (18.3)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from labkit.judging import GOODS, NAMES, Expect, World, exercise, number

from . import DOCS, subscriptions, texts, topic

DESKS: Final = ("express", "big-orders", "tea-room", "gift-wrap")
Sale = dict[str, str]


@exercise(
    "Five sieves",
    points=10,
    minutes=12,
    star=True,
    covers=("L135", "L286", "L290-L291"),
    hints=(
        "The sieve hangs at the subscription, and it looks at labels. Ask for each desk: must the label have "
        "one certain "
        "value, begin with something, be a number in a range, be there at all, or be anything else?",
        "`set_subscription_attributes` with `FilterPolicy`. The words are `numeric`, `prefix`, `exists` and "
        f"`anything-but`; an exact value needs no word. See {DOCS}/dg/example-filter-policies.html",
        '```\n"big-orders": {"total": [{"numeric": [">=", ____]}]},\n"tea-room": {"sku": [{"prefix": "tea-"}]},\n```',
    ),
)
def five_sieves(world: World, expect: Expect) -> None:
    """Three hundred sales are sorted exactly by their attributes; a missing attribute matches nothing."""
    arn = topic(world, "sales")
    queues = {name: world.queue(name) for name in DESKS}
    ends = subscriptions(world, arn) if arn else {}
    function = next((end for end in ends if end.endswith(":function:customs")), "")
    missing = [name for name, queue in queues.items() if queue is None or queue.arn not in ends]
    missing += [] if function else ["customs"]
    expect.found(
        "subscribed",
        arn if not missing else None,
        "Four queues and the function `customs` are subscribed to the topic `sales`.",
        seen=f"Not subscribed: {', '.join(missing)}." if arn else "There is no topic `sales`.",
        action="Run the cells of the worked example again.",
    )
    with world.rehearsal() as rehearsal:
        stories = [a_sale(world, place) for place in range(160)]
        ids = publish_all(world, str(arn), stories)
        world.clock.advance(seconds=5)
        got = {name: set(texts(queue)) for name, queue in queues.items() if queue is not None}
        got["customs"] = {
            ids[event.params["Id"]]
            for event in rehearsal.trace.where(action="Delivered")
            if event.params.get("target") == function and event.params.get("Id") in ids
        }
    sorts = Sorted(stories, got)
    expect(
        "exact",
        sorts.right("express", lambda sale: sale.get("delivery") == "express"),
        "`express` gets the orders with the delivery `express`, and no others.",
        seen=sorts.seen("express"),
        why="The courier waits for these, and comes for no others.",
        action="Write the value itself into the list.",
    )
    expect(
        "numeric",
        sorts.right("big-orders", lambda sale: float(sale.get("total", 0)) >= 500),
        "`big-orders` gets the orders with a total of 500 or more, and no others.",
        seen=sorts.seen("big-orders"),
        why="Someone looks at each big order by hand.",
        action="Compare numbers with the word `numeric`, an operator and a number without quotes.",
    )
    expect(
        "prefix",
        sorts.right("tea-room", lambda sale: sale.get("sku", "").startswith("tea-")),
        "`tea-room` gets the orders whose article begins with `tea-`, and no others.",
        seen=sorts.seen("tea-room"),
        why="New sorts of tea come every month. Nobody wants to list them.",
        action="Ask for the beginning of the text, with everything that belongs to it.",
    )
    expect(
        "exists_note",
        sorts.right("gift-wrap", lambda sale: "gift_note" in sale),
        "`gift-wrap` gets the orders that have a gift note, and no others.",
        seen=sorts.seen("gift-wrap"),
        why="What the note says is up to the customer.",
        action="Ask whether the attribute exists.",
    )
    expect(
        "anything_but",
        sorts.right("customs", lambda sale: sale.get("country", "PT") != "PT"),
        "`customs` gets the orders that name a country other than Portugal, and no others.",
        seen=sorts.seen("customs"),
        why="A form that nobody needs costs money. A form that is missing stops the parcel at the border.",
        action="Say which value does not count. An order without a country should not come.",
    )


def a_sale(world: World, place: int) -> Sale:
    """One sale: its text, and attributes of which some are missing."""
    pick = world.random.choice
    total = pick((0, 12.5, 49, 255, 499.99, 500, 500, 501, 640.5, 990, 1000, 5200))
    sale = {
        "text": f"{pick(GOODS)} for {pick(NAMES)} {place} {world.word()}",
        "delivery": pick(("express", "express", "express-cold", "Express", "standard", "pickup")),
        "total": str(total),
        "sku": pick(("tea-green-50", "tea-black-100", "teapot-2", "iced-tea-1", "lamp-9", "Tea-white-20")),
        "country": pick(("PT", "PT", "KE", "UZ", "VN", "DE")),
        "gift_note": pick(("true", "with love", "happy birthday")),
    }
    for name, share in (
        ("delivery", 0.1),
        ("total", 0.1),
        ("sku", 0.1),
        ("country", 0.2),
        ("gift_note", 0.6),
    ):
        if world.random.random() < share:
            del sale[name]
    return sale


def publish_all(world: World, arn: str, stories: list[Sale]) -> dict[str, str]:
    """Publish all sales with their attributes, ten in a call. Gives message id -> text."""
    found = {}
    for start in range(0, len(stories), 10):
        entries = [
            {
                "Id": str(place),
                "Message": sale["text"],
                "MessageAttributes": {
                    name: {"DataType": "Number" if name == "total" else "String", "StringValue": value}
                    for name, value in sale.items()
                    if name != "text"
                },
            }
            for place, sale in enumerate(stories[start : start + 10])
        ]
        answer = world.client("sns").publish_batch(TopicArn=arn, PublishBatchRequestEntries=entries)
        for one in answer["Successful"]:
            found[one["MessageId"]] = stories[start + int(one["Id"])]["text"]
    return found


class Sorted:
    """What each desk got of all sales, compared with what it wants."""

    def __init__(self, stories: list[Sale], got: dict[str, set[str]]) -> None:
        self._stories = stories
        self._got = got
        self._words: dict[str, str] = {}

    def right(self, desk: str, wants: Callable[[Sale], bool]) -> bool:
        """Whether a desk got exactly what it wants. Keeps the difference in words for `seen`."""
        got = self._got[desk]
        lost = [sale for sale in self._stories if wants(sale) and sale["text"] not in got]
        extra = [sale for sale in self._stories if not wants(sale) and sale["text"] in got]
        parts = []
        if lost:
            parts.append(
                f"{number(len(lost), 'order')} of {len(self._stories)} did not come, such as one with "
                f"{shown(lost[0])}"
            )
        if extra:
            parts.append(f"{number(len(extra), 'order')} too many came, such as one with {shown(extra[0])}")
        self._words[desk] = ". ".join(parts) + "." if parts else f"{number(len(got), 'order')} came."
        return not parts

    def seen(self, desk: str) -> str:
        """The difference in words."""
        return self._words[desk]


def shown(sale: Sale) -> str:
    """The attributes of a sale in few words."""
    return (
        ", ".join(f"{name}={value}" for name, value in sale.items() if name != "text")
        or "no attribute at all"
    )


# -- 18.3 ------------------------------------------------------------------------------------------------

PARTNER_DESKS: Final = ("partner-express", "partner-big", "partner-all")


@exercise(
    "Filter on the body",
    points=10,
    minutes=7,
    covers=("L290",),
    hints=(
        "There are no labels on these letters, so somebody has to open them. Who is told to look inside, and "
        "what happens "
        "to a letter that cannot be read?",
        "A subscription has the attribute `FilterPolicyScope`. Set it before you set a policy with keys "
        "inside keys. A "
        f"subscription without a filter gets everything. See {DOCS}/dg/sns-message-filtering-scope.html",
        "```\nsns.set_subscription_attributes(\n    SubscriptionArn=partner_desks[desk], "
        'AttributeName="FilterPolicyScope", '
        'AttributeValue="Message____"\n)\n```',
    ),
)
def by_body(world: World, expect: Expect) -> None:
    """Orders without attributes are sorted by their JSON text; a text that is not JSON is not lost."""
    arn = topic(world, "partner-sales")
    queues = {name: world.queue(name) for name in PARTNER_DESKS}
    ends = subscriptions(world, arn) if arn else {}
    missing = [name for name, queue in queues.items() if queue is None or queue.arn not in ends]
    expect.found(
        "subscribed",
        arn if not missing else None,
        "Three queues are subscribed to the topic `partner-sales`.",
        seen=f"Not subscribed: {', '.join(missing)}." if arn else "There is no topic `partner-sales`.",
        action="Run the cell of the worked example again.",
    )
    with world.rehearsal():
        sent = [partner_text(world, place) for place in range(60)]
        entries = [{"Id": str(place), "Message": text} for place, (text, _) in enumerate(sent)]
        for start in range(0, len(entries), 10):
            world.client("sns").publish_batch(
                TopicArn=str(arn), PublishBatchRequestEntries=entries[start : start + 10]
            )
        world.clock.advance(seconds=5)
        got = {name: Counter(texts(queue)) for name, queue in queues.items() if queue is not None}
    lost, extra = differences(
        sent, got["partner-express"], lambda order: order["shipping"]["kind"] == "express"
    )
    expect(
        "express",
        not lost and not extra,
        "`partner-express` gets the orders whose shipping kind is `express`, and no others.",
        seen=difference(lost, extra),
        why="The courier waits for these, and comes for no others.",
        action="Let the filter look into the body, and write the keys one inside the other, as they stand there.",
    )
    lost, extra = differences(sent, got["partner-big"], lambda order: order["total"] >= 500)
    expect(
        "big",
        not lost and not extra,
        "`partner-big` gets the orders with a total of 500 or more, and no others.",
        seen=difference(lost, extra),
        why="Someone looks at each big order by hand.",
        action="Which scope does the filter of this subscription have? Look at its attributes.",
    )
    lost = [text for text, _ in sent if not got["partner-all"][text]]
    expect(
        "all",
        not lost,
        "`partner-all` gets every message, also a text that is not JSON.",
        seen=f"{number(len(lost), 'message')} of {len(sent)} did not come, such as {lost[0]!r}."
        if lost
        else "All came.",
        why="What no desk takes would be gone for ever, and nobody would know.",
        action="Let one subscription have no filter at all.",
    )


def partner_text(world: World, place: int) -> tuple[str, dict[str, Any] | None]:
    """One message of the partner, and what is in it; None when it is not JSON."""
    pick = world.random.choice
    if place % 6 == 0:
        return f"pallet {place} is late, says {pick(NAMES)} {world.word()}", None
    order = {
        "id": world.word(),
        "total": pick((12.5, 255, 499.99, 500, 501, 640.5, 1000)),
        "shipping": {
            "kind": pick(("express", "express", "standard", "pickup")),
            "country": pick(("PT", "KE", "VN")),
        },
    }
    return json.dumps(order), order


def differences(
    sent: list[tuple[str, dict[str, Any] | None]], got: Counter[str], wants: Callable[[dict[str, Any]], bool]
) -> tuple[list[str], list[str]]:
    """Messages that did not come, and messages that should not have come."""
    lost = [text for text, order in sent if order is not None and wants(order) and not got[text]]
    extra = [text for text, order in sent if (order is None or not wants(order)) and got[text]]
    return lost, extra


def difference(lost: list[str], extra: list[str]) -> str:
    """The same in words."""
    parts = [f"{number(len(lost), 'message')} did not come, such as {lost[0]}"] if lost else []
    parts += [f"{number(len(extra), 'message')} too many came, such as {extra[0]}"] if extra else []
    return ". ".join(parts) + "." if parts else "Exactly the right ones came."
