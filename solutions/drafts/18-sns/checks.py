"""What the finished exercises of lab 18 do. Each check plays publishers, subscribers and strangers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from labkit.judging import Expect, World, exercise, question

DOCS: Final = "https://docs.aws.amazon.com/sns/latest"
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

# -- questions -------------------------------------------------------------------------------------------

no_consent = question(
    "You subscribe a queue to a topic. The queue's policy says nothing about SNS. You publish a message. What do you "
    "see as the publisher?",
    a="An error: the queue cannot be reached",
    b="A message id, as always, and the message never comes",
    c="A message id, and the message comes as soon as the policy allows it",
    answer="b",
    because="Publishing and delivering are two things. The publisher only learns that the topic took the "
    "message. A queue "
    "that refuses is a client error, and SNS does not try again after a client error.",
    why_not={
        "a": "The topic took the message, so the call succeeds. The publisher never hears about a subscriber.",
        "c": "A refusal is a client error. SNS gives up at once, and the message is gone unless you kept it.",
    },
)

no_attribute = question(
    'A subscription has the filter {"country": [{"anything-but": ["PT"]}]}. A message comes that has no attribute '
    "`country` at all. What happens?",
    a="It is delivered: no country is not Portugal",
    b="It is not delivered",
    c="The publish call fails",
    answer="b",
    because="A filter needs a value to look at. A message without the attribute does not match, whatever the "
    "rule says "
    "about its value.",
    why_not={
        "a": "Anything-but means: there is a value, and it is none of these.",
        "c": "The publisher knows nothing about filters, and the call succeeds.",
    },
)

# -- what the checks share -------------------------------------------------------------------------------


def topic(world: World, name: str) -> str | None:
    """The ARN of the topic of this name, or None."""
    sns = world.client("sns")
    arn = f"arn:aws:sns:{world.sandbox.region}:{account(world)}:{name}"
    try:
        sns.get_topic_attributes(TopicArn=arn)
    except sns.exceptions.NotFoundException:
        return None
    return arn


def account(world: World) -> str:
    """The number of the account."""
    return str(world.client("sts").get_caller_identity()["Account"])


def subscriptions(world: World, arn: str) -> dict[str, str]:
    """Endpoint -> ARN of the subscription, for each subscription of a topic."""
    pages = world.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
    return {one["Endpoint"]: one["SubscriptionArn"] for page in pages for one in page["Subscriptions"]}


def text_of(body: str) -> str:
    """What was published, out of the envelope of SNS; a text without an envelope as it is."""
    try:
        envelope = json.loads(body)
    except ValueError:
        return body
    if isinstance(envelope, dict) and envelope.get("Type") == "Notification":
        return str(envelope.get("Message"))
    return body


def texts(queue: Any) -> list[str]:
    """What was published to a queue and is in it now."""
    return [text_of(message.body) for message in queue.messages()]


def number(count: int, thing: str, plural: str = "") -> str:
    """A count with its word: "1 order", "3 orders"."""
    return f"{count:,} {thing if count == 1 else plural or thing + 's'}"


def refusals(trace: Any, target: str) -> Iterator[str]:
    """Why deliveries to a target were refused, in the words of the lab."""
    for event in trace.where(kind="refused"):
        if event.params.get("target") == target:
            yield str(event.note or event.message)


# -- 18.1 ------------------------------------------------------------------------------------------------

DEPARTMENTS: Final = ("packing", "billing", "statistics")


@exercise(
    "One order, three queues",
    points=10,
    minutes=10,
    star=True,
    covers=("L276-L279", "L285"),
    hints=(
        "A queue is a door with a list of guests. Who rings, what does the guest want to do, and on whose "
        "behalf? The "
        "list of guests stands at the queue, not at the topic.",
        "Write the principal of SNS, the action of SQS that puts a message in, and the ARN of the topic under "
        f"`aws:SourceArn`. Then `sns.subscribe` with `Protocol` and `Endpoint`. See "
        f"{DOCS}/dg/subscribe-sqs-queue-to-sns-topic.html",
        '```\n"Principal": {"Service": "sns.amazonaws.com"},\n"Action": "sqs:SendMessage",\n'
        '"Condition": {"ArnEquals": {"aws:SourceArn": ____}},\n```',
    ),
)
def three_queues(world: World, expect: Expect) -> None:
    """Each of three queues gets one copy of an order; other topics cannot write; a lost queue harms nobody."""
    arn = topic(world, "orders")
    queues = [queue for name in DEPARTMENTS if (queue := world.queue(name)) is not None]
    missing = [name for name in DEPARTMENTS if name not in [queue.name for queue in queues]]
    expect.found(
        "exists",
        arn if not missing else None,
        "There are the topic `orders` and the queues `packing`, `billing` and `statistics`.",
        seen=f"Not found: {', '.join([*missing, *([] if arn else ['orders'])])}.",
        action="Run the cells that create them again; they stand above the exercise.",
    )
    with world.rehearsal() as rehearsal:
        counts = copies(world, str(arn), queues)
        why = [text for queue in queues for text in refusals(rehearsal.trace, queue.arn)]
        expect(
            "copies",
            set(counts.values()) == {1},
            "Each queue gets one copy of each order.",
            seen=f"One order was published. Copies: {told(counts)}.{' ' + why[0] if why else ''}",
            why="Each department works on a copy of its own and deletes it when it is done.",
            action="Look at the trace for deliveries that were refused, and at the subscriptions of the topic.",
        )
    with world.rehearsal():
        lost = world.random.choice(queues)
        world.client("sqs").delete_queue(QueueUrl=lost.url)
        rest = [queue for queue in queues if queue is not lost]
        counts = copies(world, str(arn), rest)
        expect(
            "independent",
            set(counts.values()) == {1},
            "When one queue is deleted, the others still get their copies.",
            seen=f"The queue {lost.name} was deleted. Then one order was published. Copies: {told(counts)}.",
            why="A department that closes must not stop the others.",
            action="Subscribe each queue to the topic itself.",
        )
    with world.rehearsal():
        stranger = world.client("sns").create_topic(Name=f"other-team-{world.word()}")["TopicArn"]
        for queue in queues:
            world.client("sns").subscribe(TopicArn=stranger, Protocol="sqs", Endpoint=queue.arn)
        counts = copies(world, stranger, queues)
        expect(
            "stranger",
            not any(counts.values()),
            "A topic of another team cannot write into these queues.",
            seen="Another topic of this account subscribed your queues and published. "
            f"Its message arrived: {told(counts)}.",
            why="Whoever can subscribe your queue could pack and bill orders that no customer made.",
            action="Let the policy of the queue name the one topic that may write, in a condition.",
        )


def copies(world: World, arn: str, queues: list[Any]) -> dict[str, int]:
    """Publish one order; how many copies of it are in each queue."""
    order = f"{world.random.choice(GOODS)} for {world.random.choice(NAMES)} {world.word()}"
    world.client("sns").publish(TopicArn=arn, Message=order)
    world.clock.advance(seconds=5)
    return {queue.name: texts(queue).count(order) for queue in queues}


def told(counts: dict[str, int]) -> str:
    """Counts by name, in words."""
    return ", ".join(f"{name} {count}" for name, count in counts.items())


# -- 18.2 ------------------------------------------------------------------------------------------------

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
        stories = [a_sale(world, place) for place in range(300)]
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


# -- 18.4 ------------------------------------------------------------------------------------------------


@exercise(
    "One publish, a text for each",
    points=10,
    minutes=9,
    covers=("L283-L284",),
    hints=(
        "One letter can hold several versions of itself, each marked with whom it is for. And one of the "
        "readers wants "
        "the bare letter, without the envelope.",
        '`publish` with `MessageStructure="json"`; the message is then a JSON text with the keys `default`, '
        "`sms`, `email` "
        "and `sqs`, and each value is a text. The subscription attribute is `RawMessageDelivery`. See "
        f"{DOCS}/dg/sns-send-custom-platform-specific-payloads-mobile-devices.html",
        '```\ntexts = {"default": "...", "sms": ____, "email": "...", "sqs": json.dumps(order)}\n'
        'sns.publish(TopicArn=topic_arn, Message=json.dumps(texts), MessageStructure="json")\n```',
    ),
)
def announce(world: World, expect: Expect, *, announce: Callable[..., Any]) -> None:
    """One call reaches a phone, a mailbox and a queue, each with a text that fits."""
    from labkit.sandbox import inbox

    arn, board = topic(world, "shipping"), world.queue("shipping-board")
    ends = subscriptions(world, arn) if arn else {}
    wanted = ("+351910000018", "amara@example.com", board.arn if board else "the queue shipping-board")
    missing = [one for one in wanted if not ends.get(one, "").startswith("arn:")]
    expect.found(
        "exists",
        arn if not missing else None,
        "A phone, a mailbox and a queue are subscribed to the topic `shipping`.",
        seen=f"Not subscribed, or not confirmed: {', '.join(missing)}.",
        action="Run the cell again that subscribes them.",
    )
    pick = world.random.choice
    order = {
        "id": world.word(),
        "customer": f"{pick(NAMES)} {world.word()}",
        "items": [f"{pick(GOODS)} {world.word()}" for _ in range(12)],
    }
    with world.rehearsal() as rehearsal:
        board.purge() if board else None
        before = {entry.message_id for entry in inbox.entries(world.sandbox)}
        expect.call(
            "runs",
            announce,
            str(arn),
            json.loads(json.dumps(order)),
            wanted="`announce` runs without an error.",
            action="Read what SNS says about the message, and repair that line.",
        )
        world.clock.advance(seconds=5)
        calls = rehearsal.trace.where(kind="call", service="sns", caller="learner")
        published = [event.params for event in calls if event.action in ("Publish", "PublishBatch")]
        new = [entry for entry in inbox.entries(world.sandbox) if entry.message_id not in before]
        bodies = [message.body for message in board.messages()] if board else []
    expect(
        "once",
        len(published) == 1,
        "The order is published once.",
        seen=f"{number(len(published), 'message was', 'messages were')} published.",
        why="Whoever publishes should not know who listens. Each further call costs money and can fail alone.",
        action="Put all texts into one message.",
    )
    sms = [entry.body for entry in new if entry.kind == "sms"]
    expect(
        "sms",
        any(order["id"] in text and len(text) <= 100 for text in sms),
        "The phone gets the order id in at most 100 characters.",
        seen=f"The phone got a text of {len(sms[0])} characters: {sms[0][:60]!r}..."
        if sms
        else "The phone got nothing.",
        why="A text message holds 140 bytes. A longer one is sent, and billed, in several parts.",
        action="Give the message a text of its own for the protocol of phones.",
    )
    mail = [entry.body for entry in new if entry.kind == "email"]
    told_all = [
        text for text in mail if order["customer"] in text and all(one in text for one in order["items"])
    ]
    expect(
        "mail",
        told_all,
        "The e-mail names the customer and every item.",
        seen=f"The e-mail begins with {mail[0][:80]!r}." if mail else "No e-mail came.",
        why="The customer wants to see what is in the parcel.",
        action="Give the message a text of its own for e-mail.",
    )
    expect(
        "board",
        len(bodies) >= 1 and all(as_json(body) == order for body in bodies[:1]),
        "The queue gets the order as JSON, without an envelope.",
        seen=f"The queue got {bodies[0][:90]!r}..." if bodies else "The queue got nothing.",
        why="The program of the board parses once. With an envelope around it, it finds no `id`.",
        action="Is the delivery raw? And is the text for the queue a text, made with `json.dumps`?",
    )


def as_json(text: str) -> Any:
    """The value of a JSON text, or None."""
    try:
        return json.loads(text)
    except ValueError:
        return None
