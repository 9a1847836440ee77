"""What the finished exercises of lab 00 do: the account is asked, searched, watched, moved in time, and restored."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Final

from labkit.judging import Expect, World, exercise, question
from labkit.judging.watch import quick_sleep

API: Final = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference"

the_bill = question(
    "Your computer holds the AWS keys of your company. In this notebook you create a hundred queues. What happens "
    "to the company's bill?",
    a="It grows by a hundred requests",
    b="Nothing: no call leaves this computer",
    c="Nothing, because SQS is free",
    answer="b",
    because="The lab answers every call itself. It never reads your keys, and it stops calls that try to leave.",
    why_not={
        "a": "On AWS you would pay for the requests (after a free amount). Here nobody hears them but the lab.",
        "c": "SQS is not free in general. The lab is.",
    },
)


# -- 00.1 ------------------------------------------------------------------------------------------------


@exercise(
    "Ask the lab who you are",
    points=10,
    minutes=4,
    star=True,
    hints=(
        "Somebody gave you an identity when you opened the lab. One AWS service can tell you which one.",
        "The service is STS, the call is `get_caller_identity`, and its answer is a dict. See "
        "https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html",
        '```\nidentity = boto3.client("sts").____()\naccount = identity["Account"]\n```',
    ),
)
def who_am_i(world: World, expect: Expect, *, account: str) -> None:
    """The account number comes from the account itself."""
    asked = world.trace.where(service="sts", action="GetCallerIdentity", caller="learner")
    expect(
        "asked",
        any(not event.error for event in asked),
        "Your code asks the service STS who is calling.",
        seen=f"{len(asked)} such calls stand in the trace."
        if asked
        else "No such call has arrived in this account.",
        why="An account number that somebody told you can be the wrong one. STS knows who you are now.",
        action="Make a client for `sts` and call `get_caller_identity()`. Then run the cell again.",
    )
    expect(
        "account",
        account == world.sandbox.account,
        "`account` is the number of the account you are in.",
        seen=f"`account` is {account!r}.",
        why="The answer of STS holds a user id, an account number and an ARN.",
        action="An account number has twelve digits. Which key of the answer holds one?",
    )


# -- 00.2 ------------------------------------------------------------------------------------------------


@exercise(
    "Make a queue that can be found",
    points=10,
    minutes=6,
    star=True,
    hints=(
        "A year later, nobody remembers whose queue it is. Labels on the queue do. They also sort the bill.",
        f"`create_queue` takes `tags`, a dict of texts. See {API}/API_CreateQueue.html",
        '```\nsqs.create_queue(QueueName="parcels", tags={"project": "____", "owner": "Amara"})\n```',
    ),
)
def find_by_tag(world: World, expect: Expect) -> None:
    """A search by tag finds the queue and says whose it is."""
    queues = [world.queue(url.rpartition("/")[2]) for url in all_queue_urls(world)]
    tagged = [(queue.name, queue.tags) for queue in queues if queue is not None]
    ours = [(name, tags) for name, tags in tagged if tags.get("project") == "orchard"]
    others = {name: tags for name, tags in tagged if tags}
    expect(
        "project",
        ours,
        "A search for the tag `project=orchard` finds a queue.",
        seen=f"The search found {', '.join(name for name, _ in ours)}."
        if ours
        else f"The search found nothing. Tags in your account: {others or 'none'}.",
        why="Tags are compared letter by letter. `Project` and `project` are two different tags.",
        action="Create a queue with this tag, or add the tag with `sqs.tag_queue`.",
    )
    owners = [str(tags.get("owner", "")).strip() for _, tags in ours or tagged]
    expect(
        "owner",
        any(
            owner and owner.strip("_<>. ").lower() not in ("", "you", "your name", "owner")
            for owner in owners
        ),
        "The same queue says who owns it, in the tag `owner`.",
        seen=f"The tag `owner` is {owners[0]!r}." if owners and owners[0] else "There is no tag `owner`.",
        why="When something is wrong with the queue, people want to know whom to ask.",
        action="Put your name (any name) into the tag `owner`.",
    )


def all_queue_urls(world: World) -> list[str]:
    """The URLs of all queues in the account's home Region."""
    return list(world.client("sqs").list_queues().get("QueueUrls", []))


# -- 00.3 ------------------------------------------------------------------------------------------------


@exercise(
    "Make a check fail, read it, repair",
    points=10,
    minutes=7,
    star=True,
    hints=(
        "You cannot pass this one at the first try. Do it wrong on purpose, look at the report, and believe it.",
        "`set_queue_attributes` with `VisibilityTimeout`, in seconds, as a text. First a value that is too short, "
        f"then a check, then a better value. See {API}/API_SetQueueAttributes.html",
        '```\nsqs.set_queue_attributes(QueueUrl=practice, Attributes={"VisibilityTimeout": "____"})\n```',
    ),
)
def read_a_report(world: World, expect: Expect) -> None:
    """The queue hides what was received, and its owner has seen a check fail before."""
    queue = expect.found(
        "exists",
        world.queue("practice"),
        "There is a queue named `practice`.",
        action="Run the cell that creates it again; it stands above the exercise.",
    )
    queue.purge()
    queue.send(world.word())
    first = queue.receive()
    world.clock.advance(seconds=10)
    second = queue.receive()
    hidden = expect(
        "hidden",
        first and not second,
        "An order that one worker has received is hidden from the next for at least 10 seconds.",
        seen="One worker received an order. Ten seconds later a second worker received "
        + ("the same order." if second else "nothing."),
        why="Both would pack it, and the customer would get two parcels.",
        action="Set `VisibilityTimeout` of the queue to more than 10 seconds.",
    )
    failed = any("hidden" in attempt.missed for attempt in world.attempts("read_a_report"))
    expect(
        "learned",
        failed,
        "You have seen this check fail before, and you have read why.",
        seen="It failed before."
        if failed
        else "Your queue was right from the beginning."
        if hidden
        else "This is the first time. That is what you want here: read the lines above.",
        why="A report tells you what happened and what to do next. It is a tool, not a judge.",
        action='Set the timeout to "0", run the check, and read the report. Then repair it and check again.'
        if hidden
        else "Follow the line above, then check again.",
    )


# -- 00.4 ------------------------------------------------------------------------------------------------


@exercise(
    "Receive a message twice without waiting",
    points=10,
    minutes=6,
    star=True,
    hints=(
        "A received message is only borrowed. It comes back after 30 seconds. You do not have to wait for them.",
        "`lab.clock.advance` moves the clock. It takes `seconds`, `minutes`, `hours` or `days`.",
        "```\nlab.clock.advance(seconds=____)\n```",
    ),
)
def receive_twice(world: World, expect: Expect, *, look_twice: Callable[..., Any]) -> None:
    """The same message is received two times, more than 30 seconds apart, and nobody waits."""
    client = world.client("sqs")
    name = f"clock-{world.word()}"
    url = client.create_queue(QueueName=name)["QueueUrl"]
    queue = world.queue(name)
    assert queue is not None
    queue.send(world.word())
    begun = time.perf_counter()
    with world.rehearsal() as rehearsal, quick_sleep(world.clock, look_twice) as slept:
        expect.call("twice", look_twice, url, wanted="The message is received exactly twice.")
        counts = [message.count for message in queue.messages()]
        received = rehearsal.trace.where(service="sqs", action="MessageReceived", resource=name)
    waited = time.perf_counter() - begun + sum(slept)
    expect(
        "twice",
        counts == [2],
        "The message is received exactly twice.",
        seen=f"Its receive count is {counts[0]}."
        if counts
        else "It is gone: it was deleted, or it has expired.",
        why="Only a message that nobody deletes comes back, and only when its time has come.",
        action="Receive, let the time pass, receive again. Delete nothing.",
    )
    apart = received[-1].time - received[0].time if len(received) > 1 else 0.0
    expect(
        "later",
        apart > 29.5,
        "The second receive comes after the visibility timeout of 30 seconds.",
        seen=f"Between the two receives {apart:,.0f} seconds passed on the lab's clock."
        if len(received) > 1
        else "There was no second receive that brought the message.",
        why="This exercise is about the clock: everything that happens later on AWS happens here when you move it.",
        action="Move the clock by a little more than 30 seconds between the two receives.",
    )
    expect(
        "quick",
        waited < 2,
        "You do not wait: it takes less than two seconds of your time.",
        seen=f"It would have taken you {waited:.0f} seconds. It works, but you will grow old."
        if waited >= 2
        else "It took less than two seconds.",
        why="Some labs play twelve hours or two weeks.",
        action="Leave out `time.sleep`. Advance the lab's clock instead.",
    )


# -- 00.5 ------------------------------------------------------------------------------------------------

A_MONTH: Final = 50_000_000


@exercise(
    "Predict a bill, then ask the meter",
    points=10,
    minutes=5,
    hints=(
        "Not every request costs something. Take off the free ones first. Then look for what the price is for: "
        "one request, or many?",
        "Millions of requests, times the price of a million. `lab.price` takes the service, the unit and how many: the "
        "service is `sqs`, the unit `requests`. See https://aws.amazon.com/sqs/pricing/",
        '```\nmonthly_bill = (50 - ____) * 0.40\nlab.price("sqs", "requests", 50_000_000)\n```',
    ),
)
def predict_a_bill(world: World, expect: Expect, *, monthly_bill: float) -> None:
    """A prediction of the bill that is not far off, and the meter's own answer beside it."""
    from labkit.cost.meter import estimate

    line = estimate("sqs", "requests", A_MONTH, world.sandbox.region)
    cost = line.cost - line.free
    near = abs(monthly_bill - cost) <= 0.2 * cost
    seen = f"You predicted ${monthly_bill:,.2f}."
    if not 0 < monthly_bill < math.inf:
        seen += " Nobody gets that bill."
    elif not near:
        times = monthly_bill / cost
        far = f"{times:,.0f} times as much" if times > 1 else f"only {times:.0%} of it"
        seen += f" Compared with the meter's answer, that is {far}."
    expect(
        "near",
        near,
        "Your prediction is within 20 % of what the meter says.",
        seen=seen,
        why="The price is for a million requests, and some requests are free. Mixing that up makes you wrong by far.",
        action="Put a number of US dollars into `monthly_bill`. How many millions do you pay for? What is one million?",
    )
    asked = world.trace.where(service="lab", action="PriceAsked", resource="sqs requests", caller="learner")
    amounts = sorted({float(event.params["Amount"]) for event in asked})
    expect(
        "asked",
        A_MONTH in amounts,
        "You have asked the meter about 50 million requests of SQS.",
        seen=f"You asked about {' and '.join(f'{one:,.0f}' for one in amounts)} requests."
        if amounts
        else "The meter was not asked about requests of SQS.",
        why="A prediction is only worth something when you compare it.",
        action='Call `lab.price` with "sqs", "requests" and the number of requests.',
    )


# -- 00.6 ------------------------------------------------------------------------------------------------


@exercise(
    "Break everything, then undo it",
    points=10,
    minutes=6,
    hints=(
        "There is an undo for the whole account. But you need a copy from before you broke it.",
        '`lab.snapshot("name")` keeps a copy of the account. `lab.restore("name")` brings it back.',
        '```\nlab.snapshot("before")\nsqs.delete_queue(QueueUrl=precious)\nlab.____("before")\n```',
    ),
)
def undo(world: World, expect: Expect) -> None:
    """The queue was deleted with everything in it, and now it is back with the same messages."""
    deleted = [
        event
        for action in ("DeleteQueue", "PurgeQueue")
        for event in world.trace.where(service="sqs", action=action, resource="precious", caller="learner")
        if not event.error
    ]
    expect(
        "broken",
        deleted,
        "You have really broken something: the queue `precious` was deleted.",
        seen="The queue `precious` was deleted or emptied."
        if deleted
        else "Nobody has deleted the queue `precious` in this account. (A reset forgets what was done before.)",
        why="An undo that you never tried is a hope, not a plan.",
        action="Call `sqs.delete_queue` for it, between the snapshot and the restore.",
    )
    queue = world.queue("precious")
    messages = queue.messages() if queue else []
    last = max((event.time for event in deleted), default=world.clock.time())
    old = [message for message in messages if message.sent < last]
    expect(
        "restored",
        len(old) == 3,
        "The queue `precious` is there, with the three messages it had before.",
        seen=f"It holds {len(messages)} messages; {len(old)} of them are older than the damage."
        if queue
        else "There is no queue `precious` now.",
        why="A snapshot brings back everything: the messages, their ids, their age, and the time. A copy made by "
        "hand does not.",
        action="Take the snapshot while all is well. If it is too late, run the cell with `precious` once more.",
    )
