"""Documents that are too large for a message: 16.9."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from unittest.mock import patch

from labkit.judging import Expect, World, exercise, number

from . import new_queue

LARGE: Final = 3_000_000  # bytes
SMALLER: Final = 1_200_000


class Printer:
    """Prints documents while it has paper. Remembers everything it was handed."""

    def __init__(self, paper: bool = True) -> None:
        self.paper = paper
        self.handed: list[object] = []

    def __call__(self, document: object) -> bool:
        self.handed.append(document)
        return self.paper


class Shelf:
    """The learner's bucket, as the outside world sees it."""

    def __init__(self, world: World, name: str) -> None:
        self._s3, self.name = world.client("s3"), name
        self._others: dict[str, bytes] = {}

    def put(self, key: str, data: bytes) -> None:
        """Somebody else's document. Nobody may touch it."""
        self._s3.put_object(Bucket=self.name, Key=key, Body=data)
        self._others[key] = data

    def keys(self) -> list[str]:
        """Every key in the bucket."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return [one["Key"] for page in pages for one in page.get("Contents", [])]

    def left(self, before: set[str]) -> list[str]:
        """What lies there now and did not lie there before."""
        return [key for key in self.keys() if key not in before]

    def untouched(self) -> bool:
        """Whether the documents of other people are still there."""
        return set(self._others) <= set(self.keys())


def bucket_of(world: World) -> str | None:
    """The bucket of the exercise, or None."""
    name = f"orchard-documents-{world.sandbox.account}"
    return name if name in [one["Name"] for one in world.client("s3").list_buckets()["Buckets"]] else None


@exercise(
    "Documents too large for a message",
    points=10,
    minutes=20,
    covers=("L260-L264",),
    hints=(
        "You do not send a piano by letter. You put it into the store room, and the letter says on which shelf it "
        "stands. Who clears the shelf, and when? And what if somebody comes with a second copy of the letter?",
        "`put_object` stores the document, under a key that nobody else has (`uuid.uuid4()`). The body of the message "
        "is that key. `get_object` fetches it and raises `s3.exceptions.NoSuchKey` when it is gone. See "
        "https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html",
        "```\nkey = str(uuid.uuid4())\ns3.put_object(Bucket=bucket, Key=____, Body=document)\n"
        "sqs.send_message(QueueUrl=queue_url, MessageBody=____)\n```",
    ),
)
def by_pointer(
    world: World,
    expect: Expect,
    *,
    post: Callable[..., Any],
    take: Callable[..., Any],
    give_up: Callable[..., Any],
) -> None:
    """Large documents go through the bucket, arrive whole, and leave nothing behind."""
    name = expect.found(
        "exists",
        bucket_of(world),
        "There is a bucket named `orchard-documents-` and the number of the account.",
        action="Run the cell that creates it again; it stands above the exercise.",
    )
    shelf = Shelf(world, name)
    shelf.put(f"{world.word()}.pdf", b"the lease of the shop")
    judge_journey(world, expect, post, take, shelf)
    judge_out_of_paper(world, expect, post, take, shelf)
    judge_second_copy(world, expect, post, take, shelf)
    judge_given_up(world, expect, post, take, give_up, shelf)
    expect(
        "others",
        shelf.untouched(),
        "Documents that belong to others stay in the bucket.",
        seen="The lease of the shop lay in the bucket. It is gone.",
        why="A bucket is rarely yours alone.",
        action="Delete one object: the one that the message names.",
    )


def judge_journey(
    world: World, expect: Expect, post: Callable[..., Any], take: Callable[..., Any], shelf: Shelf
) -> None:
    """Two documents wait at the same time, and are printed one after the other."""
    queue, before = new_queue(world, VisibilityTimeout="30"), set(shelf.keys())
    documents = [world.random.randbytes(LARGE), world.random.randbytes(SMALLER)]
    with shelf_at_sending(shelf, before) as found:
        for document in documents:
            run(expect, post, queue.url, document)
    expect(
        "first",
        not found or min(found) >= 1,
        "The document is in the bucket before its message is in the queue.",
        seen="The message was sent, and at that moment its document was not in the bucket yet.",
        why="A worker can be faster than the upload, and find nothing.",
        action="Turn the two calls round.",
    )
    printer = Printer()
    for _ in range(4):
        run(expect, take, queue.url, printer)
    same = sum(document in printer.handed for document in documents)
    expect(
        "whole",
        same == 2 and len(printer.handed) == 2,
        "`work` is handed each document once, whole: the same bytes that were posted.",
        seen=f"2 documents were posted. `work` was called {number(len(printer.handed), 'time')}, with "
        f"{number(same, 'document')} as it had been.",
        why="A part of a calendar cannot be printed, and neither can somebody else's calendar.",
        action="Give each document a key of its own, and hand `work` the bytes from the bucket.",
    )
    world.clock.advance(seconds=31)
    left, waiting = shelf.left(before), len(queue.messages())
    expect(
        "cleaned",
        not left and not waiting,
        "What was printed leaves nothing behind: no message and no document.",
        seen=f"2 documents were printed. {number(len(left), 'document')} stayed in the bucket, "
        f"{number(waiting, 'message')} in the queue.",
        why="Nobody will ever ask for a document whose message is gone, and the shop pays for it every month.",
        action="When `work` has returned True, delete the message, and then the document.",
    )


def run(expect: Expect, function: Callable[..., Any], *args: Any) -> None:
    """One call of a function of the learner's."""
    expect.call(
        "runs",
        function,
        *args,
        wanted="`post`, `take` and `give_up` run without an error.",
        action="Read what AWS says about that line, and repair it.",
    )


@contextmanager
def shelf_at_sending(shelf: Shelf, before: set[str]) -> Iterator[list[int]]:
    """Inside, notes at each message how many new documents lie in the bucket."""
    from botocore.client import BaseClient

    original, found = BaseClient._make_api_call, list[int]()

    def call(self: Any, operation: str, params: Any) -> Any:
        if operation in ("SendMessage", "SendMessageBatch"):
            found.append(len(shelf.left(before)))
        return original(self, operation, params)

    with patch.object(BaseClient, "_make_api_call", call):
        yield found


def judge_out_of_paper(
    world: World, expect: Expect, post: Callable[..., Any], take: Callable[..., Any], shelf: Shelf
) -> None:
    """The printer has no paper at first. Half a minute later it has."""
    queue, document = new_queue(world, VisibilityTimeout="30"), world.random.randbytes(SMALLER)
    run(expect, post, queue.url, document)
    run(expect, take, queue.url, Printer(paper=False))
    world.clock.advance(seconds=31)
    printer = Printer()
    run(expect, take, queue.url, printer)
    expect(
        "kept",
        printer.handed == [document],
        "A document that was not printed comes back, whole, with its message.",
        seen="The printer had no paper. Half a minute later "
        + ("it was handed something else." if printer.handed else "nothing came."),
        why="The customer has paid for it.",
        action="While `work` has not returned True, delete neither the message nor the document.",
    )


def judge_second_copy(
    world: World, expect: Expect, post: Callable[..., Any], take: Callable[..., Any], shelf: Shelf
) -> None:
    """SQS delivers the message a second time, after all has been done."""
    queue = new_queue(world, VisibilityTimeout="30")
    run(expect, post, queue.url, world.random.randbytes(SMALLER))
    world.sandbox.faults.put("sqs.duplicate", share=1.0)
    run(expect, take, queue.url, Printer())
    world.sandbox.faults.clear("sqs.duplicate")
    world.clock.advance(seconds=25)
    printer = Printer()
    for _ in range(2):
        expect.call(
            "copy",
            take,
            queue.url,
            printer,
            wanted="A second copy of a message whose document is gone does no harm, and is deleted, too.",
            why="A standard queue delivers at least once. The second copy would make every worker fail.",
            action="Catch the error that says that there is no such key. What does it tell you about the document?",
        )
        world.clock.advance(seconds=31)
    waiting = len(queue.messages())
    expect(
        "copy",
        not waiting and not printer.handed,
        "A second copy of a message whose document is gone does no harm, and is deleted, too.",
        seen=f"`work` was called {number(len(printer.handed), 'time')} for the second copy, and "
        f"{number(waiting, 'message')} stayed in the queue.",
        why="A standard queue delivers at least once. A copy that stays comes back until it is put aside.",
        action="When the document is gone, somebody has printed it. Then delete the message.",
    )


def judge_given_up(
    world: World,
    expect: Expect,
    post: Callable[..., Any],
    take: Callable[..., Any],
    give_up: Callable[..., Any],
    shelf: Shelf,
) -> None:
    """Three documents that no printer takes end in the dead-letter queue. One more still waits in its queue."""
    dead, before = new_queue(world), set(shelf.keys())
    policy = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 1})
    queue = new_queue(world, VisibilityTimeout="30", RedrivePolicy=policy)
    for _ in range(3):
        run(expect, post, queue.url, world.random.randbytes(SMALLER))
    for _ in range(4):
        run(expect, take, queue.url, Printer(paper=False))
    world.clock.advance(seconds=31)
    queue.receive(max=10)  # this is when SQS moves them
    run(expect, post, queue.url, waits := world.random.randbytes(SMALLER))
    moved = len(dead.messages())
    run(expect, give_up, dead.url)
    world.clock.advance(seconds=31)
    left, still = len(shelf.left(before)), len(dead.messages())
    expect(
        "given_up",
        moved == 3 and not still and left == 1,
        "`give_up` empties the dead-letter queue, and the documents of its messages are gone, too.",
        seen=f"3 documents had failed, and one more waited in its queue. After `give_up`, {number(still, 'message')} "
        f"stayed in the dead-letter queue, and {number(left, 'document')} in the bucket. It should be 0 and 1.",
        why="When a message is thrown away, nobody knows its document any more.",
        action="Receive until nothing comes. For each message delete its document, and then the message.",
    )
    printer = Printer()
    run(expect, take, queue.url, printer)
    expect(
        "kept",
        printer.handed == [waits],
        "A document that was not printed comes back, whole, with its message.",
        seen="One document still waited in its queue. After `give_up`, nobody could print it any more.",
        why="The customer has paid for it.",
        action="Delete only documents whose message is in the dead-letter queue.",
    )
