"""Readers of queues.

A reader takes what is there, at most a batch, and hands it over; while that is under way it takes the next batch, as
far as it may have several. What was handled is deleted; what failed stays hidden until the visibility timeout ends.
Messages that no filter wants are deleted at once.

With a batching window, messages are received as they come and held, hidden in the queue, until the batch is full or
the window over. Batches have at most 6 MB.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html (five batches at first, up to 300 more
per minute), https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html (what failed comes back after
the visibility timeout; a throttled batch is tried until then),
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html (what no filter wants is deleted),
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html (when a batch is handed over).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from labkit.sandbox import Sandbox, current
from labkit.sandbox.pollers import readers, records, rights, sources
from labkit.sandbox.pollers.outcomes import Outcome
from labkit.sandbox.pollers.readers import Reader, Reading

if TYPE_CHECKING:
    from labkit.sandbox.patterns import Pattern

PAYLOAD: Final = 6_291_456
"""Bytes of a batch as JSON: 6 MB."""
AT_FIRST: Final = 5
PER_SECOND: Final = 300 / 60
MOST_HERE: Final = 100
"""Batches of one reader that really run side by side on this machine. AWS goes to 1,250."""
GATHER: Final = 0.05
"""Seconds in which messages that are on their way at this moment may still join a batch. Ours: AWS polls."""
_PATIENCE: Final = 8
"""So many other things may go first without bringing a message."""
_ENVELOPE: Final = 64
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 900.0

Queue = Any
Message = Any


@dataclass(slots=True, eq=False)
class Batch:
    """Messages that were handed over. They come back by themselves at `until`; `tries` counts throttled attempts.

    `sequence` and `began` are its place and time in the trace.
    """

    messages: list[Message]
    source: str
    until: float
    tries: int = 0
    sequence: int = 0
    began: float = 0.0

    def ended(self, identifier: str, outcome: Outcome) -> None:
        """The consumer is done with it."""
        _ended(identifier, self, outcome)


def poll(identifier: str) -> None:
    """Due work: a reader looks at its queue."""
    sandbox, reader = current(), readers.view_of(identifier)
    if reader is None:
        return
    reading = reader.reading
    reading.due = None
    queue = sources.find_queue(reader.source)
    if not reader.active or queue is None:
        reading.held.clear()  # what was held comes back after its visibility timeout
        return
    if not reading.held and not queue._messages.ready():
        return  # idle: the queue wakes its readers
    if _under_way(reading, sandbox.clock.time()) >= _room(sandbox, reader):
        return  # a batch that ends looks again
    if _others_come_first(sandbox, reader, queue) or not _may_read(sandbox, reader):
        return
    with sandbox.trace.caused_by(sandbox.trace.cause, reader.principal):
        batch = _collect(sandbox, reader, queue)
    if queue._messages.ready() or (reading.held and not reader.window):
        readers.wake(identifier)
    if batch:
        until = sandbox.clock.time() + int(queue.visibility_timeout)
        _hand_over(sandbox, reader, Batch(batch, reader.source, until))


# -- when --------------------------------------------------------------------------------------------


def _under_way(reading: Reading, now: float) -> int:
    """Batches that were handed over and not ended. One whose messages are visible again counts no more."""
    return sum(now < batch.until for batch in reading.batches.values())


def _room(sandbox: Sandbox, reader: Reader) -> float:
    """How many batches may be under way now."""
    reading, now = reader.reading, sandbox.clock.time()
    if not _under_way(reading, now) or reading.busy_since is None:
        reading.busy_since = now
    grown = AT_FIRST + int((now - reading.busy_since) * PER_SECOND)
    return min(grown, reader.most, MOST_HERE)


def _others_come_first(sandbox: Sandbox, reader: Reader, queue: Queue) -> bool:
    """Whether something else is due at this moment, which may bring more messages: then that goes first."""
    reading, store, now = reader.reading, queue._messages, sandbox.clock.time()
    upcoming = sandbox.clock.next_due
    if store.arrivals != reading.arrivals:
        reading.arrivals, reading.patience = store.arrivals, _PATIENCE
    reading.patience -= 1
    full = store.count["available"] >= reader.batch
    if upcoming is None or full or upcoming > now + GATHER or reading.patience < 0:
        return False
    reading.due = sandbox.clock.schedule(max(upcoming, now), poll, reader.id)
    return True


def _may_read(sandbox: Sandbox, reader: Reader) -> bool:
    """Whether role and consumer allow a look. If not, the next look is later, as long as messages wait."""
    reading = reader.reading
    if rights.may_look(sandbox, reader):
        reading.refused = 0
        return True
    wait = min(_FIRST_WAIT * 2**reading.refused, _LONGEST_WAIT)
    reading.refused += 1
    reading.due = sandbox.clock.schedule(sandbox.clock.time() + wait, poll, reader.id)
    return False


# -- a batch -----------------------------------------------------------------------------------------


def _collect(sandbox: Sandbox, reader: Reader, queue: Queue) -> list[Message]:
    """The messages of the next batch, or none while a window waits for more."""
    reading = reader.reading
    wanted = reader.batch - len(reading.held)
    if wanted > 0:
        fresh = sources.receive(queue, wanted)
        if not reading.held:
            reading.held_since = sandbox.clock.time()
        reading.held += _filtered(sandbox, reader, queue, fresh)
    if not reading.held:
        return []
    batch, rest = _cut(reader, reading.held)
    ends = reading.held_since + reader.window
    if reader.window and len(batch) < reader.batch and not rest and sandbox.clock.time() < ends:
        if not queue._messages.ready():
            sandbox.clock.schedule(ends, window_over, reader.id, reading.held_since)
        return []
    reading.held = rest
    reading.held_since = sandbox.clock.time()
    if rest and reader.window:
        sandbox.clock.schedule(ends, window_over, reader.id, reading.held_since)
    return batch


def window_over(identifier: str, since: float) -> None:
    """Due work: a batching window has ended, unless its batch was handed over before."""
    thing = readers.thing_of(identifier)
    if thing is not None and thing.reading.held and thing.reading.held_since == since:
        readers.wake(identifier)


def _filtered(sandbox: Sandbox, reader: Reader, queue: Queue, given: list[Message]) -> list[Message]:
    """The messages that a filter wants. The others are deleted: a queue cannot keep them for anybody."""
    if not reader.filters:
        return given
    patterns = [_pattern(text, reader.dialect) for text in reader.filters]
    kept = []
    for message in given:
        record = records.of_message(message, reader.source)
        if any(pattern.matches(record) for pattern in patterns):
            kept.append(message)
            continue
        sandbox.trace.record(
            "state", reader.service, "FilteredOut", resource=reader.source, caller=reader.principal,
            params={"MessageId": message.id, "target": reader.target},
            note="No filter wants it, so it is deleted from the queue.",
        )  # fmt: skip
        sources.delete(queue, message)
    return kept


@functools.lru_cache(maxsize=256)
def _pattern(text: str, dialect: str) -> Pattern:
    from labkit.sandbox.patterns import Pattern

    return Pattern.parse(text, dialect=dialect)


def _cut(reader: Reader, messages: list[Message]) -> tuple[list[Message], list[Message]]:
    """As many messages as fit into one batch and 6 MB, and the rest."""
    most = messages[: reader.batch]
    if sum(len(message.body) for message in most) * 2 < PAYLOAD // 2 and len(most) < 1000:
        return most, messages[reader.batch :]  # far from the limit: nobody has to count
    size = _ENVELOPE
    for place, message in enumerate(most):
        size += records.size_of(records.of_message(message, reader.source))
        if size > PAYLOAD and place:
            return messages[:place], messages[place:]
    return most, messages[reader.batch :]


def _hand_over(sandbox: Sandbox, reader: Reader, batch: Batch) -> None:
    batch.sequence, batch.began = sandbox.trace.reserve(), sandbox.clock.time()
    number = reader.reading.number()
    reader.reading.batches[number] = batch
    given = [records.of_message(message, reader.source) for message in batch.messages]
    with sandbox.trace.caused_by(batch.sequence, reader.principal):
        reader.handle(reader, number, given, {})


def _ended(identifier: str, batch: Batch, outcome: Outcome) -> None:
    sandbox, reader, queue = current(), readers.view_of(identifier), sources.find_queue(batch.source)
    assert reader is not None  # it was found a moment ago
    failed = outcome.failed
    if queue is not None and failed is not None:
        with sandbox.trace.caused_by(batch.sequence, reader.principal):
            for message in batch.messages:
                if message.id not in failed:
                    sources.delete(queue, message)
    _note(sandbox, reader, batch, outcome)
    if outcome.throttled:
        _park(sandbox, reader, batch)
    reader.noted(reader, outcome)
    if queue is not None and (queue._messages.ready() or (reader.reading.held and not reader.window)):
        readers.wake(identifier)


def _note(sandbox: Sandbox, reader: Reader, batch: Batch, outcome: Outcome) -> None:
    size = len(batch.messages)
    params: dict[str, Any] = {"source": reader.source, "target": reader.target, "Size": size}
    if outcome.failed:
        params["Failed"] = len(outcome.failed)
    sandbox.trace.record(
        "delivery", reader.service, "BatchFailed" if outcome.failed is None else "BatchDelivered",
        resource=reader.source, caller=reader.principal, params=params, error=outcome.error,
        message=outcome.message, note=outcome.note, sequence=batch.sequence, time=batch.began,
    )  # fmt: skip


# -- throttled ---------------------------------------------------------------------------------------


def _park(sandbox: Sandbox, reader: Reader, batch: Batch) -> None:
    """Keep a throttled batch for another try, until its messages come back to the queue anyway."""
    when = sandbox.clock.time() + min(_FIRST_WAIT * 2**batch.tries, _LONGEST_WAIT)
    if when >= batch.until:
        return
    batch.tries += 1
    number = reader.reading.number()
    reader.reading.parked[number] = batch
    sandbox.clock.schedule(when, again, reader.id, number)


def again(identifier: str, number: int) -> None:
    """Due work: a throttled batch is tried once more."""
    sandbox, reader = current(), readers.view_of(identifier)
    batch = reader.reading.parked.pop(number, None) if reader is not None else None
    if reader is not None and batch is not None and reader.active and sources.find_queue(reader.source):
        _hand_over(sandbox, reader, batch)
