"""Lab 10: the way for a payload."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from labkit.judging import Expect, World, exercise

from . import DOCS, short

# -- 10.8 ------------------------------------------------------------------------------------------------

KB: Final = 1_024
MB: Final = 1_024 * KB


@exercise(
    "Choose the way",
    points=10,
    minutes=12,
    star=True,
    covers=("L148",),
    hints=(
        "Ask two questions of each payload: does somebody wait for the answer, and how heavy is it? A parcel that does "
        "not fit into the letter box goes to the depot, and the box gets a card with its number.",
        '`invoke` with `InvocationType="Event"` does not wait. `put_object` and a pointer carry what is too heavy. '
        f"Measure `len(payload)` in bytes of JSON. See {DOCS}/dg/gettingstarted-limits.html",
        "```\nif len(payload) <= ____ and not need_reply:\n"
        '    lambda_client.invoke(FunctionName="photo-book", InvocationType="____", Payload=payload)\n```',
    ),
)
def payloads(world: World, expect: Expect, *, send: Callable[..., Any]) -> None:
    """Every request and every reply arrives by a way that AWS allows, and by the short one where it fits."""
    book = expect.found(
        "exists",
        world.function("photo-book"),
        "There is a function named `photo-book`.",
        action="Deploy it with `deploy_book`.",
    )
    account = book.arn.split(":")[4]
    bucket = f"orchard-books-{account}"
    # Whoever takes 1 MB for a million bytes, and 6 MB for six million, is careful and not wrong.
    with world.rehearsal() as rehearsal:  # one for all, so that one environment serves them
        desk = Desk(world, rehearsal, bucket, send)
        for size, said_size in (
            (200 * KB, "200 KB"),
            (900 * KB, "900 KB"),
            (1_200_000, "1.2 MB"),
            (7_000_000, "7 MB"),
        ):
            judge_event(desk, expect, size, said_size)
        for size, wanted, said_size in (
            (5_900_000, 2_000, "5.9 MB"),
            (7_000_000, 5_000_000, "7 MB"),
            (2_000, 7_000_000, "2 KB"),
        ):
            judge_reply(desk, expect, size, wanted, said_size)


@dataclass(frozen=True)
class Desk:
    """Where the requests are handed in: everything a check of one request needs."""

    world: World
    rehearsal: Any
    bucket: str
    send: Callable[..., Any]

    def waited(self) -> int:
        """How many synchronous calls the learner has made so far."""
        calls = self.rehearsal.trace.where(kind="call", service="lambda", caller="learner")
        return sum(one.action == "Invoke" and one.params.get("InvocationType") != "Event" for one in calls)

    def stored(self, caller: str = "learner") -> int:
        """How many objects somebody has put into the bucket so far."""
        calls = self.rehearsal.trace.where(kind="call", service="s3")
        return sum(
            one.action in ("PutObject", "CreateMultipartUpload") and one.caller.startswith(caller)
            for one in calls
        )


def a_request(world: World, size: int, wanted: int) -> dict[str, Any]:
    """A request of about `size` bytes of JSON, for a book of `wanted` bytes."""
    page = f"{world.word()}+"
    return {
        "title": world.word(),
        "photos": (page * (size // len(page) + 1))[: size - 60],
        "size": wanted + world.random.randrange(99),
    }


def handed_in(desk: Desk, expect: Expect, request: dict[str, Any], need_reply: bool) -> Any:
    """Let the learner's function send a request."""
    return expect.call(
        "runs",
        desk.send,
        dict(request),
        need_reply,
        wanted="`send` sends requests of 200 KB to 7 MB without an error.",
        why="An asynchronous event may have 1 MB, a synchronous request 6 MB. An asynchronous call has an empty "
        "answer.",
        action="Read the error. Is the payload too large for this call? Is an answer read where there is none? Where "
        "an answer has an `errorMessage`, the function failed.",
    )


def judge_event(desk: Desk, expect: Expect, size: int, said_size: str) -> None:
    """Nobody waits for this one."""
    request = a_request(desk.world, size, 500)
    waited, stored = desk.waited(), desk.stored()
    handed_in(desk, expect, request, False)
    waited, stored = desk.waited() - waited, desk.stored() - stored
    desk.world.clock.advance(seconds=30)
    there = arrived(desk.world, desk.bucket, request)
    expect(
        "arrive",
        there == digest(request),
        "Every request arrives as it was sent.",
        seen=f"Of a request of {said_size}, "
        + ("nothing arrived." if not there else "something else arrived than was sent."),
        why="A customer has paid for every photo.",
        action="Send all of it: in the event, or in S3 with a pointer in the event.",
    )
    if size <= MB:
        expect(
            "patient",
            not waited,
            "A caller who needs no reply does not wait, up to 1 MB.",
            seen=f"With {said_size} and no reply needed, `send` waited until the function had ended.",
            why="The customer at the counter would look at your program instead of going home.",
            action="Without a reply, choose the type of call that Lambda queues.",
        )
        judge_direct(expect, stored, f"An event of {said_size}", "1 MB")


def judge_direct(expect: Expect, puts: int, what: str, most: str) -> None:
    """What fits does not go through S3."""
    expect(
        "direct",
        not puts,
        "What fits into a call goes without S3.",
        seen=f"{what} went through S3. It works, and you paid for one write and one read more.",
        why=f"It may have {most}."
        + (
            " (Older courses say 256 KB for asynchronous events; that was so until 2025.)"
            if most == "1 MB"
            else ""
        ),
        action="Use S3 only from the limit on.",
    )


def judge_reply(desk: Desk, expect: Expect, size: int, wanted: int, said_size: str) -> None:
    """Somebody waits for this one."""
    request = a_request(desk.world, size, wanted)
    stored, by_function = desk.stored(), desk.stored("assumed-role")
    answer = handed_in(desk, expect, request, True)
    page = f"{request['title']} "
    book = (page * (request["size"] // len(page) + 1))[: request["size"]]
    large = f"{wanted // 1_000_000} MB" if wanted >= MB else "2 KB"
    expect(
        "replies",
        answer == book,
        "Who needs the reply gets the whole book.",
        seen=f"A request of {said_size} for a book of {large}: `send` returned "
        + (
            f"{len(answer):,} characters, not those of the book."
            if isinstance(answer, str)
            else f"{short(answer, 60)}."
        ),
        why="The customer waits at the counter.",
        action=how_to_reply(answer, wanted),
    )
    if size <= 6 * MB and answer == book:
        judge_direct(expect, desk.stored() - stored, f"A request of {said_size}", "6 MB")
    if wanted <= 6_000_000:
        expect(
            "answered",
            desk.stored("assumed-role") - by_function <= 1,  # one note says what arrived
            "A book that fits into an answer is in the answer.",
            seen=f"A book of {large} went through S3.",
            why="It costs a write and a read more, and the customer waits longer.",
            action="In `reply`, look at the size first.",
        )


def how_to_reply(answer: object, wanted: int) -> str:
    """What to change, by what `send` returned for a book of that size."""
    if isinstance(answer, dict):
        return "Return the text of the book: `opened` finds it in an answer."
    if wanted < MB:
        return (
            "With `need_reply`, choose the type of call that waits, and return the text that `opened` finds."
        )
    return "An answer may have 6 MB. A larger book goes to S3, and `opened` finds it by its pointer."


def arrived(world: World, bucket: str, request: dict[str, Any]) -> str:
    """What the function wrote down about a request."""
    client = world.client("s3")
    with suppress(client.exceptions.ClientError):
        found = client.get_object(Bucket=bucket, Key=f"arrived/{request['title']}")
        return str(found["Body"].read(), "ascii")
    return ""


def digest(request: dict[str, Any]) -> str:
    """The fingerprint of a request's photos."""
    return hashlib.sha256(request["photos"].encode()).hexdigest()
