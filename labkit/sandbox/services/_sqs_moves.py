"""Message move tasks: a dead-letter queue's messages go back, second by second.

Source: the StartMessageMoveTask, ListMessageMoveTasks and CancelMessageMoveTask pages of the API reference
(as in botocore's service model), and
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
"""

from __future__ import annotations

import base64
import itertools
import json
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

from moto.moto_api._internal import mock_random

from labkit.sandbox import current
from labkit.sandbox.services import _sqs_errors as errors
from labkit.sandbox.services._sqs_engine import (
    Queue,
    accept,
    find_queue,
    opened,
    rearm,
    record,
    sources_of,
)
from labkit.sandbox.services._sqs_store import Entry

FASTEST: Final = 500
"""Messages per second a task may move, and what it moves when no rate is asked for."""
_LISTED: Final = 10
_NO_SOURCE: Final = "CouldNotDetermineMessageSource"
_NO_QUEUE: Final = "AWS.SimpleQueueService.NonExistentQueue"
_ACTIVE: Final = ("RUNNING", "CANCELLING")


@dataclass(slots=True)
class MoveTask:
    """One task. `started` is in seconds since 1970; `rate` is messages per second, if one was asked for."""

    name: str
    source: str
    destination: str | None
    rate: int | None
    started: float
    to_move: int
    moved: int = 0
    status: str = "RUNNING"
    failure: str = ""

    @property
    def handle(self) -> str:
        """The handle a client holds: the task's name and its source."""
        text = json.dumps({"taskId": self.name, "sourceArn": self.source}, separators=(",", ":"))
        return base64.b64encode(text.encode()).decode()

    def shown(self) -> dict[str, Any]:
        """As ListMessageMoveTasks shows it."""
        result: dict[str, Any] = {
            "Status": self.status,
            "SourceArn": self.source,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.to_move,
            "StartedTimestamp": int(self.started * 1000),
        }
        if self.status == "RUNNING":
            result["TaskHandle"] = self.handle
        if self.destination:
            result["DestinationArn"] = self.destination
        if self.rate:
            result["MaxNumberOfMessagesPerSecond"] = self.rate
        if self.failure:
            result["FailureReason"] = self.failure
        return result


def start(source_arn: str, destination_arn: str | None, rate: int | None) -> str:
    """Start moving the messages of a dead-letter queue. Returns the task's handle."""
    source = _existing(source_arn, "SourceArn")
    if not sources_of(source):
        raise errors.invalid("Source queue must be configured as a Dead Letter Queue.")
    if destination_arn is not None:
        destination = _existing(destination_arn, "DestinationArn")
        if destination is source:
            raise errors.invalid("Source queue arn and destination queue arn cannot be the same.")
        if destination.fifo_queue != source.fifo_queue:
            raise errors.invalid("Source queue and destination queue must be of the same type.")
    if rate is not None and not 1 <= rate <= FASTEST:
        raise errors.invalid_value(rate, "MaxNumberOfMessagesPerSecond", f"Must be between 1 and {FASTEST}.")
    store, now = opened(source)
    if any(task.status in _ACTIVE for task in store.moves):
        raise errors.invalid(
            "There is already a task running. Only one active task is allowed for a source queue arn "
            "at a given time."
        )
    name, waiting = str(mock_random.uuid4()), store.count["available"]
    task = MoveTask(name, source_arn, destination_arn, rate, now, waiting)
    store.moves = [*store.moves, task][-_LISTED:]
    _step_later(task, now)
    return task.handle


def listed(source_arn: str, most: int | None) -> list[dict[str, Any]]:
    """The latest tasks of a queue, newest first."""
    source = _existing(source_arn, "SourceArn")
    most = 1 if most is None else most
    if not 1 <= most <= _LISTED:
        raise errors.invalid_value(most, "MaxResults", f"Must be between 1 and {_LISTED}.")
    return [task.shown() for task in reversed(source._messages.moves)][:most]


def cancel(handle: str) -> int:
    """Stop a task. Returns how many messages it has moved; they stay where they are."""
    try:
        said = json.loads(base64.b64decode(handle, validate=True))
        name, source_arn = str(said["taskId"]), str(said["sourceArn"])
    except (ValueError, TypeError, KeyError):
        raise errors.invalid("Value for parameter TaskHandle is invalid.") from None
    source = _existing(source_arn, "SourceArn")
    task = _task(source, name)
    if task is None:
        raise errors.refusal("ResourceNotFoundException", "Task does not exist.")
    if task.status != "RUNNING":
        raise errors.invalid(f"Only a task in status RUNNING can be cancelled. This one is {task.status}.")
    task.status = "CANCELLING"
    return task.moved


def step(source_arn: str, name: str) -> None:
    """Due work: one second of a task."""
    source = find_queue(source_arn)
    task = _task(source, name) if source is not None else None
    if source is None or task is None:
        return
    if task.status == "CANCELLING":
        _finish(source, task, "CANCELLED")
        return
    _, now = opened(source)
    left = _move_some(source, task, now)
    if task.failure:
        _finish(source, task, "FAILED")
    elif left:
        _step_later(task, now)
    else:
        _finish(source, task, "COMPLETED")
    rearm(source)


def _move_some(source: Queue, task: MoveTask, now: float) -> bool:
    """Move one second's worth of messages. Returns whether some are left."""
    store = source._messages
    budget = task.rate or FASTEST
    with closing(store.candidates(now)) as line:
        for entry in itertools.islice(line, budget):
            destination_arn = task.destination or entry.source
            destination = find_queue(destination_arn) if destination_arn else None
            if destination is None:
                task.failure = _NO_QUEUE if destination_arn else _NO_SOURCE
                store.give_back(entry)
                return False
            _move_one(source, destination, entry)
            task.moved += 1
    return bool(store.ready())


def _move_one(source: Queue, destination: Queue, entry: Entry) -> None:
    old = entry.message
    new = type(old)(str(mock_random.uuid4()), old.body, old.system_attributes)
    new.message_attributes = old.message_attributes
    new.group_id, new.deduplication_id, new.sender_id = old.group_id, old.deduplication_id, old.sender_id
    record(
        current(), source, "MessageMoved", entry, DestinationArn=destination.queue_arn, NewMessageId=new.id
    )
    source._messages.remove(entry)
    accept(destination, new)


def _finish(source: Queue, task: MoveTask, status: str) -> None:
    task.status = status
    params = {"Status": status, "Moved": task.moved, "FailureReason": task.failure or None}
    current().trace.record("state", "sqs", "MoveTaskEnded", resource=source.queue_arn, params=params)


def _step_later(task: MoveTask, now: float) -> None:
    current().clock.schedule(now + 1, step, task.source, task.name)


def _task(source: Queue, name: str) -> MoveTask | None:
    found: MoveTask | None = next((task for task in source._messages.moves if task.name == name), None)
    return found


def _existing(arn: str, parameter: str) -> Queue:
    queue = find_queue(arn) if arn.count(":") == 5 else None
    if queue is None:
        raise errors.refusal(
            "ResourceNotFoundException",
            f"The resource that you specified for the {parameter} parameter doesn't exist.",
        )
    return queue
