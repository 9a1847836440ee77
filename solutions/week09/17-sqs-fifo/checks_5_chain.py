"""An ordered chain: 17.6."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from labkit.judging import Expect, World, exercise, number

from . import by_key, overtaken, read

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
