"""Exercise 18.8: phones that said stop, apps that were removed, messages that are too large."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from labkit.judging import Expect, World, exercise, number

from . import DOCS, phones_work, subscriptions

LARGE: Final = 600_000


@exercise(
    "Respect the receiver",
    points=10,
    minutes=12,
    covers=("L284", "L287"),
    hints=(
        "Before you send: may I, and what does it cost? After you sent: is somebody no longer there? And "
        "before you allow "
        "something large: can everybody on the list take it?",
        "`check_if_phone_number_is_opted_out`, the message attribute `AWS.SNS.SMS.MaxPrice`, "
        "`list_endpoints_by_platform_application` (with a paginator), `delete_endpoint`, and the topic attribute "
        f"`MaximumMessageSize`. See {DOCS}/dg/large-message-payloads.html",
        '```\npages = sns.get_paginator("list_endpoints_by_platform_application")\n'
        "for page in pages.paginate(PlatformApplicationArn=application_arn):\n"
        '    for endpoint in page["Endpoints"]:\n        if endpoint["Attributes"]["Enabled"] == "____":\n```',
    ),
)
def manners(
    world: World,
    expect: Expect,
    *,
    text: Callable[..., Any],
    tidy: Callable[..., Any],
    allow_large: Callable[..., Any],
) -> None:
    """Nobody who said STOP is written to, no text is too dear, dead endpoints go, size is allowed where it fits."""
    judge_texts(world, expect, text)
    judge_apps(world, expect, tidy)
    judge_large(world, expect, allow_large)


def judge_texts(world: World, expect: Expect, text: Callable[..., Any]) -> None:
    """Six phones, two of them have said STOP; then one long text."""
    from labkit.sandbox import inbox

    numbers = [f"+35193{world.random.randrange(10**6, 10**7)}" for _ in range(6)]
    stopped = world.random.sample(numbers, 2)
    with world.rehearsal() as rehearsal:
        phones_work(world)
        for one in stopped:
            world.client("sns").publish(PhoneNumber=one, Message="hello")
            entry = next(entry for entry in inbox.entries(world.sandbox) if entry.to == one)
            inbox.answer(world.sandbox, entry, "STOP")
        word = world.word()
        answer = run(expect, text, list(numbers), f"Sale {word}")
        calls = rehearsal.trace.where(kind="call", service="sns", action="Publish", caller="learner")
        tried = [str(event.params.get("PhoneNumber")) for event in calls]
        reached = [entry.to for entry in inbox.entries(world.sandbox) if word in entry.body]
        wanted = [one for one in numbers if one not in stopped]
        told = list(answer) if isinstance(answer, (list, tuple, set)) else answer
        expect(
            "stop",
            sorted(reached) == sorted(wanted)
            and not set(tried) & set(stopped)
            and isinstance(told, list)
            and sorted(map(str, told)) == sorted(wanted),
            "`text` writes to each number that has not opted out, to no other, and returns those numbers.",
            seen=f"Of 6 numbers, 2 had answered STOP. You tried {len(set(tried) & set(stopped))} of these 2, "
            f"reached {len(set(reached))} of the other 4, and returned {told!r}.",
            why="SNS does not deliver to them, but your list should know, too. In many countries the law "
            "asks for it.",
            action="Ask for each number whether it has opted out, before you publish.",
        )
    with world.rehearsal():
        phones_work(world)
        word = world.word()
        run(expect, text, wanted[:2], f"{word} " + "half price on everything. " * 12)
        reached = [entry.to for entry in inbox.entries(world.sandbox) if word in entry.body]
        expect(
            "price",
            not reached,
            "A text that would cost more than 0.01 US dollars is not sent.",
            seen=f"A text of 320 characters went to {number(len(reached), 'phone')}. It counts as three messages.",
            why="One long text to a hundred thousand customers is a bill that somebody has to explain.",
            action="Give each message the attribute with its highest price, of the type Number.",
        )


def judge_apps(world: World, expect: Expect, tidy: Callable[..., Any]) -> None:
    """An app on many devices; on some it was removed."""
    sns = world.client("sns")
    with world.rehearsal():
        app = sns.create_platform_application(
            Name=world.word(), Platform="GCM", Attributes={"PlatformCredential": "x"}
        )["PlatformApplicationArn"]
        for place in range(108):
            sns.create_platform_endpoint(PlatformApplicationArn=app, Token=f"{world.word()}-{place}")
        ends = endpoints(world, app)
        dead = {*world.random.sample(ends[:100], 3), *world.random.sample(ends[100:], 3)}
        for one in dead:
            sns.set_endpoint_attributes(EndpointArn=one, Attributes={"Enabled": "false"})
        run(expect, tidy, app)
        left = set(endpoints(world, app))
    living = set(ends) - dead
    expect(
        "tidied",
        left == living,
        "`tidy` deletes the endpoints that are switched off, and no others.",
        seen=f"6 of 108 endpoints were switched off. "
        f"{number(len(dead & left), 'of these is', 'of these are')} still there, "
        f"and {number(len(living - left), 'living endpoint was', 'living endpoints were')} deleted.",
        why="A push to a dead endpoint fails each time. A deleted living one loses a customer.",
        action="Look at `Enabled` of every endpoint, on every page of the list. Its value is a text.",
    )


def endpoints(world: World, app: str) -> list[str]:
    """The endpoints of an app, in the order in which SNS lists them."""
    sns = world.client("sns")
    pages = sns.get_paginator("list_endpoints_by_platform_application").paginate(PlatformApplicationArn=app)
    try:
        return [one["EndpointArn"] for page in pages for one in page["Endpoints"]]
    except sns.exceptions.NotFoundException:
        return []


def judge_large(world: World, expect: Expect, allow_large: Callable[..., Any]) -> None:
    """A topic with a queue, and one with a phone."""
    sns = world.client("sns")
    with world.rehearsal():
        fine, mixed = (sns.create_topic(Name=world.word())["TopicArn"] for _ in range(2))
        queue_arn = world.client("sqs").create_queue(QueueName=world.word())["QueueUrl"]
        queue_arn = world.client("sqs").get_queue_attributes(QueueUrl=queue_arn, AttributeNames=["QueueArn"])[
            "Attributes"
        ]["QueueArn"]
        for one in (fine, mixed):
            sns.subscribe(TopicArn=one, Protocol="sqs", Endpoint=queue_arn)
        sns.subscribe(TopicArn=mixed, Protocol="sms", Endpoint="+351930000001")
        answers = [run(expect, allow_large, one) for one in (fine, mixed)]
        took = [takes(world, one) for one in (fine, mixed)]
        phones = sum("+351930000001" in subscriptions(world, one) for one in (fine, mixed))
    expect(
        "large",
        answers[0] is True and answers[1] is False and took == [True, False] and phones == 1,
        "`allow_large` allows 600,000 bytes where only queues, functions and streams listen, and says so.",
        seen=f"For a topic with a queue it returned {answers[0]!r}, and the topic "
        f"{'took' if took[0] else 'refused'} 600,000 bytes. For a topic with a queue and a phone it returned "
        f"{answers[1]!r}{'' if phones else ', and the phone was unsubscribed'}.",
        why="A phone cannot show 600 kilobytes. SNS does not let such topics grow.",
        action="Set `MaximumMessageSize` in bytes. When SNS refuses, catch that one error.",
    )


def takes(world: World, arn: str) -> bool:
    """Whether a topic takes a message of 600,000 bytes."""
    sns = world.client("sns")
    try:
        sns.publish(TopicArn=arn, Message="x" * LARGE)
    except (sns.exceptions.InvalidParameterException, sns.exceptions.NotFoundException):
        return False
    return True


def run(expect: Expect, function: Callable[..., Any], *given: Any) -> Any:
    """Call one of the learner's functions."""
    return expect.call(
        "runs",
        function,
        *json.loads(json.dumps(given)),
        wanted="The three functions run without an error.",
        action="Read what SNS says. Is this an error that you expect? Then catch exactly this one.",
    )
