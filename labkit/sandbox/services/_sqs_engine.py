"""What happens to the messages of a queue, on the sandbox's clock and into its trace.

Each function brings the queue up to the present, does one thing, records what changed, and puts the
queue's next deadline on the clock. A queue has one piece of due work there at any time.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Generator
from contextlib import closing
from typing import Any, Final

from moto.moto_api._internal import mock_random
from moto.sqs import models

from labkit.sandbox import Sandbox, current, lineage
from labkit.sandbox.pollers import readers
from labkit.sandbox.services import _sqs_errors as errors
from labkit.sandbox.services._sqs_fifo import FifoStore
from labkit.sandbox.services._sqs_standard import StandardStore
from labkit.sandbox.services._sqs_store import Entry, Store

IN_FLIGHT_LIMIT: Final = 120_000
"""Messages in flight per queue. Source: the quotas pages named in the fidelity card."""
LONGEST_HIDDEN: Final = 43_200
"""Whole seconds a message can stay hidden after one receive: 12 hours."""
_MOST_SET_ASIDE: Final = 20
_LATEST_DUPLICATE: Final = 20.0

Queue = Any  # moto's Queue: most of its fields are set by name, so types cannot follow
Message = Any


def make_store(queue: Queue) -> Store:
    """An empty store for this kind of queue."""
    secret = mock_random.getrandbits(256).to_bytes(32, "big")
    return FifoStore(secret) if queue.fifo_queue else StandardStore(secret)


def find_queue(arn: str) -> Queue | None:
    """The queue with this ARN, or None."""
    *_, region, account, name = arn.split(":")
    backend = find_backend(account, region)
    return backend.queues.get(name) if backend is not None else None


def find_backend(account: str, region: str) -> Any:
    """moto's backend for an account and Region, or None where nothing was ever made."""
    regions = dict.get(models.sqs_backends, account)
    return dict.get(regions, region) if regions is not None else None


def sources_of(queue: Queue) -> list[Queue]:
    """The queues whose dead-letter queue this is."""
    *_, region, account, _name = queue.queue_arn.split(":")
    return [
        other
        for other in find_backend(account, region).queues.values()
        if (other.redrive_policy or {}).get("deadLetterTargetArn") == queue.queue_arn
    ]


# -- time ------------------------------------------------------------------------------------------


def opened(queue: Queue) -> tuple[Store, float]:
    """The queue's messages as they are now, and the time."""
    sandbox, store = current(), queue._messages
    now = sandbox.clock.time()
    _settle(sandbox, queue, store, now)
    return store, now


def rearm(queue: Queue) -> None:
    """Put the queue's next deadline on the clock, in place of the one that stands there, and tell its readers."""
    store: Store = queue._messages
    if store.readers != ():
        readers.queue_changed(queue, store)
    when = store.next_deadline(queue.message_retention_period)
    if store.due is not None and store.due.when == when:
        return
    clock = current().clock
    clock.cancel(store.due)
    store.due = None if when is None else clock.schedule(when, play, queue.queue_arn)


def play(arn: str) -> None:
    """Due work: a delay, a visibility timeout or a retention period has ended in this queue."""
    queue = find_queue(arn)
    if queue is None:
        return
    store, sandbox = queue._messages, current()
    now = max(sandbox.clock.time(), store.due.when if store.due is not None else 0.0)
    store.due = None
    _settle(sandbox, queue, store, now)
    rearm(queue)


def _settle(sandbox: Sandbox, queue: Queue, store: Store, now: float) -> None:
    changes = store.settle(now, queue.message_retention_period)
    for change in changes:
        record(sandbox, queue, change.action, change.entry, After=change.before)
    if changes:
        sandbox.changed()


def record(sandbox: Sandbox, queue: Queue, action: str, entry: Entry, **more: Any) -> None:
    """One change of a message's state, for the trace."""
    message = entry.message
    params = {"MessageId": message.id, "ReceiveCount": message.approximate_receive_count, **more}
    if entry.group is not None:
        params["MessageGroupId"] = entry.group
    sandbox.trace.record("state", "sqs", action, resource=queue.queue_arn, params=params)


# -- sending ---------------------------------------------------------------------------------------


def send(
    queue: Queue,
    body: str,
    attributes: dict[str, Any] | None = None,
    delay: int | None = None,
    group: str | None = None,
    deduplication_id: str | None = None,
    system_attributes: dict[str, Any] | None = None,
) -> Message:
    """Put a checked message into the queue. Returns moto's message.

    A duplicate on a FIFO queue is not put there; it carries the ids of the first one.
    """
    if (header := lineage.carried()) and not (system_attributes or {}).get(lineage.ATTRIBUTE):
        kept = {"DataType": "String", "StringValue": header}
        system_attributes = {**(system_attributes or {}), lineage.ATTRIBUTE: kept}
    message = models.Message(str(mock_random.uuid4()), body, system_attributes)
    message.message_attributes = attributes or {}
    message.group_id = group
    message.deduplication_id = deduplication_id
    if queue.fifo_queue and deduplication_id is None and queue.content_based_deduplication:
        message.deduplication_id = hashlib.sha256(body.encode()).hexdigest()
    accept(queue, message, queue.delay_seconds if delay is None else delay)
    return message


def accept(queue: Queue, message: Message, delay: float = 0.0) -> None:
    """A message arrives from anywhere. A FIFO queue drops it when it repeats one of the last five minutes."""
    sandbox = current()
    store, now = opened(queue)
    message.sent_timestamp = message.sent_timestamp or int(now * 1000)
    if isinstance(store, FifoStore) and not _is_new(sandbox, queue, store, message, now):
        return
    visible_at = now + delay
    message.delayed_until = visible_at * 1000 if delay else message.delayed_until
    entry = store.add(message, now, visible_at=max(visible_at, message.delayed_until / 1000))
    record(sandbox, queue, "MessageSent", entry, State=entry.state, Until=entry.due or None)
    rearm(queue)
    sandbox.changed()


def _is_new(sandbox: Sandbox, queue: Queue, store: FifoStore, message: Message, now: float) -> bool:
    group, key = message.group_id or "", message.deduplication_id
    if key is None:
        message.sequence_number = store.next_sequence()
        return True
    seen = store.duplicate_of(group, key, queue.deduplication_scope == "messageGroup", now)
    if seen is None:
        message.sequence_number = store.next_sequence()
        store.remember(group, key, message.id, message.sequence_number, now)
        return True
    message.id, message.sequence_number = seen.message_id, seen.sequence
    params = {"MessageId": seen.message_id, "MessageDeduplicationId": key}
    sandbox.trace.record("state", "sqs", "MessageDeduplicated", resource=queue.queue_arn, params=params)
    return False


# -- receiving -------------------------------------------------------------------------------------


def receive(
    queue: Queue, most: int, wait: float, visibility: float, attempt: str | None = None
) -> list[Message]:
    """Receive up to `most` messages, waiting at most `wait` seconds for the first.

    They stay hidden for `visibility` seconds. `attempt` is a FIFO queue's ReceiveRequestAttemptId.
    Returns copies of moto's messages, each with the receipt handle of this receive.
    """
    sandbox, arn = current(), queue.queue_arn
    end = sandbox.clock.time() + wait
    while True:
        given = _take(sandbox, queue, most, visibility, attempt, short=not wait)
        left = end - sandbox.clock.time()
        if given or left <= 0 or not sandbox.wait_until(lambda: _arrived(arn), left):
            return given
        queue = find_queue(arn)
        if queue is None:
            return []


def _arrived(arn: str) -> bool:
    queue = find_queue(arn)
    if queue is None:
        return True  # deleted while somebody waited: let the wait end
    store = opened(queue)[0]
    return store.count["in flight"] < IN_FLIGHT_LIMIT and store.ready()


def _take(
    sandbox: Sandbox, queue: Queue, most: int, visibility: float, attempt: str | None, short: bool
) -> list[Message]:
    store, now = opened(queue)
    if isinstance(store, FifoStore) and attempt:
        again = store.repeat(attempt, now)
        for entry in again:
            store.hide(entry, now + visibility, now)
        if again:
            rearm(queue)
            return [_as_given(entry) for entry in again]
    room = IN_FLIGHT_LIMIT - store.count["in flight"]
    if room <= 0:
        if short and not queue.fifo_queue:
            raise errors.refusal(
                "OverLimit", f"The queue has {IN_FLIGHT_LIMIT} messages in flight, the maximum."
            )
        return []
    taken = _pick(sandbox, queue, store, min(most, room), now)
    given = [_hand_out(sandbox, queue, store, entry, visibility, now) for entry in taken]
    if isinstance(store, FifoStore) and attempt and taken:
        store.remember_attempt(attempt, taken, now)
    rearm(queue)
    return given


def _pick(sandbox: Sandbox, queue: Queue, store: Store, most: int, now: float) -> list[Entry]:
    taken: list[Entry] = []
    policy = queue.redrive_policy
    target = find_queue(policy["deadLetterTargetArn"]) if policy else None
    with closing(_line(sandbox, store, now)) as line:
        for entry in line:
            if target is not None and entry.receives >= policy["maxReceiveCount"]:
                dead_letter(sandbox, queue, store, entry, target)
                continue
            taken.append(entry)
            if len(taken) == most:
                break
    return taken


def _line(sandbox: Sandbox, store: Store, now: float) -> Generator[Entry]:
    """The messages in the order in which they are given; with the fault `sqs.disorder`, shuffled a little."""
    if not isinstance(store, StandardStore) or not sandbox.faults.share("sqs.disorder"):
        with closing(store.candidates(now)) as candidates:
            yield from candidates
        return
    aside: set[int] = set()
    with closing(store.candidates(now)) as candidates:
        for entry in candidates:
            whom = (entry.message.id, entry.receives, entry.ghost)
            may_fall_back = entry.number not in aside and len(aside) < _MOST_SET_ASIDE
            if may_fall_back and sandbox.faults.strikes("sqs.disorder", *whom):
                aside.add(entry.number)
                back = sandbox.faults.dice("sqs.disorder", "how far", *whom).uniform(1, _MOST_SET_ASIDE)
                store.put_back(entry, back)
                continue
            yield entry


def _hand_out(
    sandbox: Sandbox, queue: Queue, store: Store, entry: Entry, visibility: float, now: float
) -> Message:
    message = entry.message
    if isinstance(store, StandardStore) and not entry.ghost:
        _perhaps_again(sandbox, store, entry, now)
    store.fly(entry, now + visibility, now)
    message.approximate_receive_count += 1
    if not message.approximate_first_receive_timestamp:
        message.approximate_first_receive_timestamp = int(now * 1000)
    message.visible_at = (now + visibility) * 1000
    message.receipt_handle = store.handle(entry)
    record(sandbox, queue, "MessageReceived", entry, Until=now + visibility)
    return _as_given(entry)


def _as_given(entry: Entry) -> Message:
    given = copy.copy(entry.message)
    given.dead_letter_queue_source_arn = entry.source
    return given


def _perhaps_again(sandbox: Sandbox, store: Store, entry: Entry, now: float) -> None:
    """At-least-once delivery: with the fault `sqs.duplicate`, some messages come a second time."""
    whom = (entry.message.id, entry.receives)
    if sandbox.faults.strikes("sqs.duplicate", *whom):
        latest = float(sandbox.faults.details("sqs.duplicate").get("within", _LATEST_DUPLICATE))
        # Not sooner than a second: the story must not depend on how fast this machine is.
        comes = now + sandbox.faults.dice("sqs.duplicate", "when", *whom).uniform(min(1.0, latest), latest)
        store.add(copy.copy(entry.message), entry.enqueued, visible_at=comes, source=entry.source, ghost=True)


def dead_letter(sandbox: Sandbox, queue: Queue, store: Store, entry: Entry, target: Queue) -> None:
    """Move an entry to the dead-letter queue. On a standard queue its age goes on; on FIFO it starts anew."""
    message, enqueued = entry.message, entry.enqueued
    there, now = opened(target)
    record(sandbox, queue, "MessageMovedToDLQ", entry, DeadLetterQueueArn=target.queue_arn)
    store.remove(entry)
    if isinstance(there, FifoStore):
        enqueued, message.sent_timestamp = now, int(now * 1000)
        message.deduplication_id = message.id
        message.sequence_number = there.next_sequence()
    message.visible_at = message.delayed_until = 0.0
    there.add(message, enqueued, source=queue.queue_arn)
    rearm(target)
    sandbox.changed()


# -- what a consumer does with a message -------------------------------------------------------------


def delete(queue: Queue, handle: str) -> None:
    """Delete the message that this receive gave out. What is gone already is no error."""
    sandbox = current()
    store, _ = opened(queue)
    receipt = store.read_handle(handle)
    if receipt is None:
        raise errors.no_such_handle(handle)
    entry = store.entries.get(receipt.number)
    if entry is None:
        return
    latest = entry.receives == receipt.receives
    if queue.fifo_queue and not (latest and entry.state == "in flight"):
        raise errors.handle_expired(handle)
    if not latest:
        record(sandbox, queue, "DeleteIgnored", entry, Reason="The message was received again since.")
        return
    if isinstance(store, FifoStore):
        store.forget_attempts_of(entry)
    record(sandbox, queue, "MessageDeleted", entry)
    store.remove(entry)
    rearm(queue)
    sandbox.changed()


def change_visibility(queue: Queue, handle: str, seconds: int) -> None:
    """Hide a received message for so many seconds from now."""
    sandbox = current()
    store, now = opened(queue)
    receipt = store.read_handle(handle)
    if receipt is None:
        raise errors.no_such_handle(handle)
    entry = store.entries.get(receipt.number)
    if entry is None or entry.receives != receipt.receives:
        raise errors.not_in_flight(handle)
    if queue.fifo_queue and entry.state != "in flight":
        raise errors.handle_expired(handle)
    since = entry.received_at if entry.state == "in flight" else now
    if int(now - since) + seconds > LONGEST_HIDDEN:
        reason = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]"
        raise errors.invalid_value(seconds, "VisibilityTimeout", reason)
    if isinstance(store, FifoStore):
        store.forget_attempts_of(entry)
    store.hide(entry, now + seconds, now)
    entry.message.visible_at = (now + seconds) * 1000
    record(sandbox, queue, "VisibilityChanged", entry, State=entry.state, Until=now + seconds)
    rearm(queue)
    sandbox.changed()


def purge(queue: Queue) -> None:
    """Delete all messages. Allowed once in 60 seconds."""
    store, now = opened(queue)
    if queue.last_purged_at is not None and now - queue.last_purged_at < 60:
        raise models.PurgeQueueInProgress(queue.name)
    queue.last_purged_at = now
    params = {"Messages": store.clear()}
    current().trace.record("state", "sqs", "QueuePurged", resource=queue.queue_arn, params=params)
    rearm(queue)


def delay_again(queue: Queue) -> None:
    """A FIFO queue's new delay holds for messages that are in the queue already and were never received."""
    store, now = opened(queue)
    for entry in list(store.entries.values()):
        if entry.state in ("delayed", "available") and not entry.receives:
            until = entry.enqueued + queue.delay_seconds
            entry.message.delayed_until = until * 1000
            store.delay(entry, until, now)
    rearm(queue)
