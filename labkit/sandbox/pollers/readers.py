"""Who reads a source. Services register their kind of reader; sources wake their readers.

This module is loaded by every lab that has a queue, so it imports little.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from labkit.sandbox import current

if TYPE_CHECKING:
    from labkit.sandbox.pollers.outcomes import Outcome

Thing = Any
"""moto's object behind a reader, such as an EventSourceMapping. Its `reading` is a `Reading`."""


@dataclass(slots=True, eq=False)
class Reading:
    """What a reader remembers between two looks. It is copied with the account.

    `due` is its one piece of due work for a queue. `held` are messages that were received and wait for their
    batch to fill, since `held_since`; `arrivals` and `patience` say how long it still
    lets other work go first. `batches` are handed
    over and not ended, `parked` wait because the consumer was throttled. `busy_since` is when the queue became
    active, `refused` how often in a row a look was not allowed. `lanes` are places in a stream, which is read
    from `began` on.
    """

    due: Any = None
    held: list[Any] = field(default_factory=list)
    held_since: float = 0.0
    arrivals: int = 0
    patience: int = 0
    batches: dict[int, Any] = field(default_factory=dict)
    parked: dict[int, Any] = field(default_factory=dict)
    busy_since: float | None = None
    refused: int = 0
    lanes: dict[tuple[str, int], Any] = field(default_factory=dict)
    began: float = 0.0
    last: int = 0

    def number(self) -> int:
        """A number for one more batch."""
        self.last += 1
        return self.last


class Streaming(NamedTuple):
    """What only readers of streams have. Ages are in seconds; -1 means no limit."""

    start: str = "TRIM_HORIZON"
    start_at: float = 0.0
    lanes: int = 1
    retries: int = -1
    oldest: int = -1
    bisect: bool = False
    tumbling: int = 0


_NO_STREAM: Final = Streaming()


@dataclass(frozen=True, slots=True)
class Reader:
    """How a reader reads, as its service sees it at this moment.

    `source` and `target` are ARNs, `role` is the role it reads with, in a `session` of this
    name, `principal` the service that takes it.
    `batch` is in records, `window` in seconds, `most` is how many batches may be under way. `filters` are patterns
    of a dialect. `handle` is the consumer: it gets the reader, the number of the batch, its records, and for a
    stream more for the event; in the end it calls `ended`. `discarded` hears of records of a stream that were
    given up, `noted` how each batch ended. `exists` says whether the consumer does.
    """

    id: str
    thing: Thing
    service: str
    source: str
    target: str
    active: bool
    role: str
    session: str
    principal: str
    batch: int
    window: float
    most: int
    filters: tuple[str, ...]
    dialect: str
    partial: bool
    handle: Callable[[Reader, int, list[dict[str, Any]], dict[str, Any]], None]
    noted: Callable[[Reader, Outcome], None]
    discarded: Callable[[Reader, Any], None] | None = None
    stream: Streaming = _NO_STREAM
    exists: bool = True

    @property
    def reading(self) -> Reading:
        """What it remembers."""
        reading: Reading = self.thing.reading
        return reading


class Kind(NamedTuple):
    """A kind of reader: how its service finds them.

    `reading` gives the ids of those that read an ARN, `find` moto's object of an id or None, `view` the reader.
    """

    reading: Callable[[str], list[str]]
    find: Callable[[str], Thing | None]
    view: Callable[[str, Thing], Reader]


_kinds: Final[dict[str, Kind]] = {}


def reads(kind: str, how: Kind) -> None:
    """Register a kind of reader. The ids of its readers begin with this name and a bar."""
    _kinds[kind] = how


def of(arn: str) -> tuple[str, ...]:
    """The ids of all readers of a source."""
    return tuple(one for kind in _kinds.values() for one in kind.reading(arn))


def thing_of(identifier: str) -> Thing | None:
    """moto's object behind a reader, or None when it was deleted."""
    kind = _kinds.get(identifier.partition("|")[0])
    return kind.find(identifier) if kind is not None else None


def view_of(identifier: str) -> Reader | None:
    """The reader, or None when it was deleted."""
    thing = thing_of(identifier)
    return _kinds[identifier.partition("|")[0]].view(identifier, thing) if thing is not None else None


def ended(identifier: str, number: int, outcome: Outcome) -> None:
    """A consumer has handled a batch. The reader may have been changed or deleted since."""
    thing = thing_of(identifier)
    batch = thing.reading.batches.pop(number, None) if thing is not None else None
    if batch is not None:
        batch.ended(identifier, outcome)


def identifier_of(record: dict[str, Any]) -> str:
    """What a consumer calls a record by when it reports failures: a message's id, or a sequence number."""
    if "messageId" in record:
        return str(record["messageId"])
    inside = record.get("dynamodb") or record.get("kinesis") or record
    return str(inside.get("SequenceNumber") or inside.get("sequenceNumber"))


# -- sources wake readers ------------------------------------------------------------------------------


def queue_changed(queue: Any, store: Any) -> None:
    """A queue has something to give, perhaps: its readers look. Called for every change, so it is quick."""
    if store.readers is None:
        store.readers = of(queue.queue_arn)
    if store.readers and store.ready():
        for identifier in store.readers:
            wake(identifier)


def stream_changed(holder: Any, arn: str, shard: str) -> None:
    """A record came into a shard. `holder` is moto's object that keeps who reads this stream."""
    known: tuple[str, ...] | None = vars(holder).get("readers")
    if known is None:
        holder.readers = known = of(arn)
    for identifier in known:
        from labkit.sandbox.pollers import streams

        streams.wake(identifier, shard)


def wake(identifier: str) -> None:
    """Have the reader of a queue look at it, as soon as what is due now was done."""
    thing = thing_of(identifier)
    if thing is None or thing.reading.due is not None:
        return
    from labkit.sandbox.pollers import queues

    clock = current().clock
    thing.reading.due = clock.schedule(clock.time(), queues.poll, identifier)


def changed(arn: str) -> None:
    """A reader of this source was made, changed or deleted: the source has to ask again, and they look."""
    from labkit.sandbox.pollers import shards
    from labkit.sandbox.pollers.sources import find_queue

    if arn.split(":")[2] == "sqs":
        queue = find_queue(arn)
        if queue is not None:
            queue._messages.readers = None
            queue_changed(queue, queue._messages)
        return
    view = shards.find(arn)
    if view is not None:
        view.holder.readers = None
        for shard in view.shards():
            stream_changed(view.holder, arn, shard)
