"""Fills an account with what belongs to somebody else, and puts a learner's own messages in flight.

A check that counts all queues, looks at the newest message or expects an empty account is right in a test and wrong
for a learner. So the right answers are tried in an account like this, too. The names nearly equal those that labs
use, and some of the things are busy: rules that match everything, schedules that fire, dead letters that wait.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from labkit.sandbox import Sandbox, Snapshot, state
from labkit.workbook import messy_services
from labkit.workbook.messy_services import NAME, OWNER

REGIONS = ("eu-west-1", "us-east-1")
QUEUES = 30
TABLES = 3
_GLOBAL = frozenset({"iam"})
"""Services that are the same in every Region: they are filled once."""


_filled: dict[tuple[str, ...], Snapshot] = {}
"""Full accounts, by what is in them: filling one takes as long as a check or two, bringing it back does not."""


def fill(sandbox: Sandbox, services: Iterable[str]) -> None:
    """Put somebody else's things of these services into two Regions. The trace does not tell of it."""
    wanted = tuple(services)
    was_empty = not any(state.live().values())
    if was_empty and wanted in _filled:
        sandbox.restore(_filled[wanted])
        return
    events = sandbox.trace.swap()
    for service in wanted:
        filler = _FILLERS.get(service)
        for region in REGIONS[: 1 if service in _GLOBAL else None] if filler is not None else ():
            _FILLERS[service](sandbox.client(service, region))
    sandbox.trace.swap(events)
    if was_empty:
        _filled[wanted] = sandbox.snapshot()


def put_in_flight(sandbox: Sandbox) -> None:
    """A message of the learner's own, received and not yet deleted, in each of her queues where none waits.

    A queue with waiting messages is left alone: receiving would change what the exercise may be about. So is one
    whose policy or key lets nobody in.
    """
    events = sandbox.trace.swap()
    sqs = sandbox.client("sqs")
    for url in sqs.list_queues().get("QueueUrls", []):
        with suppress(sqs.exceptions.ClientError):
            if NAME in url or url.endswith(".fifo") or _waiting(sqs, url):
                continue
            sqs.send_message(QueueUrl=url, MessageBody="my own message", DelaySeconds=0)
            sqs.receive_message(QueueUrl=url, VisibilityTimeout=600)
    sandbox.trace.swap(events)


def _waiting(sqs: Any, url: str) -> bool:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"]
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return any(int(count) for count in counts.values())


def _queues(sqs: Any) -> None:
    dead = sqs.create_queue(QueueName=f"{NAME}-dead-letters", tags=OWNER)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2})}
    for number in range(QUEUES - 2):
        url = sqs.create_queue(
            QueueName=f"{NAME}-orders-{number:02}", Attributes=redrive if number % 2 else {}, tags=OWNER
        )["QueueUrl"]
        for message in range(3):
            sqs.send_message(QueueUrl=url, MessageBody=f"order {number}-{message}")
        sqs.receive_message(QueueUrl=url)
    fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = sqs.create_queue(QueueName=f"{NAME}-ledger.fifo", Attributes=fifo, tags=OWNER)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="entry 1", MessageGroupId="a")


def _tables(dynamodb: Any) -> None:
    for number in range(TABLES):
        dynamodb.create_table(
            TableName=f"{NAME}-orders-{number}",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            Tags=[{"Key": key, "Value": value} for key, value in OWNER.items()],
        )
        for item in range(3):
            dynamodb.put_item(TableName=f"{NAME}-orders-{number}", Item={"id": {"S": f"order-{item}"}})


# What somebody else has of each service. A service without a filler is left as it is.
_FILLERS: dict[str, Callable[[Any], None]] = {
    "sqs": _queues, "dynamodb": _tables, **messy_services.FILLERS,
}  # fmt: skip
