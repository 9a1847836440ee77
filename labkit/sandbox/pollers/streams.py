"""Readers of streams: each shard in order, and never past a batch that failed.

A reader has one lane per shard, or several when it may take batches of one shard side by side; then records with one
partition key stay in one lane. A lane hands over one batch at a time. When it fails, the lane waits and tries the same
records again, until they succeed, are given up, or expire in the stream.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/ with the pages services-dynamodb-errors.html and
services-kinesis-errors.html (retries, age, splitting costs no retry, an error blocks the shard),
services-ddb-batchfailurereporting.html (checkpoints: the lowest sequence number), with-kinesis.html (parallelization).
How long Lambda waits between tries is not documented.
"""

from __future__ import annotations

import functools
import itertools
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from labkit.sandbox import Sandbox, current
from labkit.sandbox.pollers import readers, records, rights, shards
from labkit.sandbox.pollers.outcomes import Outcome
from labkit.sandbox.pollers.queues import PAYLOAD
from labkit.sandbox.pollers.readers import Reader

if TYPE_CHECKING:
    from labkit.sandbox.patterns import Pattern
    from labkit.sandbox.pollers.shards import Kept, View

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 300.0
_LONGEST_CALL: Final = 900.0


@dataclass(slots=True, eq=False)
class Lane:
    """Where a reader is in a shard. `position` is the last sequence number that is done with.

    `ends` are the last numbers of batches that have to be handed over as they are: one that failed, or the halves of
    one that was split; the last is next. `tries` counts failures, `invoked` calls, of the records next in line.
    """

    position: int
    due: Any = None
    busy: bool = False
    ends: list[int] = field(default_factory=list)
    tries: int = 0
    invoked: int = 0
    waits: int = 0
    since: float = 0.0
    last: Outcome = field(default_factory=Outcome)


@dataclass(slots=True, eq=False)
class Piece:
    """Records that were handed over. `until` ends what a lost consumer blocks."""

    shard: str
    lane: int
    kept: tuple[Kept, ...]
    until: float
    sequence: int
    began: float

    def ended(self, identifier: str, outcome: Outcome) -> None:
        """The consumer is done with it."""
        _ended(identifier, self, outcome)


class Lost(NamedTuple):
    """Records that were given up: why, after how many calls, and where they are in the stream (`name`: `info`)."""

    condition: str
    invoked: int
    outcome: Outcome
    name: str
    info: dict[str, Any]


def begin(reader: Reader) -> None:
    """A new reader: find its starting position in every shard there is."""
    view, start = shards.find(reader.source), reader.stream.start
    for shard in view.shards() if view is not None else ():
        assert view is not None
        position = -1
        if start == "LATEST":
            position = view.latest(shard)
        elif start == "AT_TIMESTAMP":
            position = view.last_before(shard, reader.stream.start_at)
        for lane in range(reader.stream.lanes):
            reader.reading.lanes[shard, lane] = Lane(position)


def wake(identifier: str, shard: str) -> None:
    """A record came into the shard, or the reader was switched on: its lanes look."""
    reader = readers.view_of(identifier)
    if reader is None or not reader.active:
        return
    _fit_lanes(reader, shard)
    for number in range(reader.stream.lanes):
        lane = reader.reading.lanes.setdefault((shard, number), Lane(-1))
        if lane.since:  # a window is open: is the batch full now?
            current().clock.cancel(lane.due)
            lane.due = None
        if lane.due is None and not lane.busy:
            _look(identifier, shard, number, lane)


def _fit_lanes(reader: Reader, shard: str) -> None:
    """When the number of lanes was changed, all of them go on where the last one is: nothing may be left out."""
    kept = reader.reading.lanes
    here = {place: lane for place, lane in kept.items() if place[0] == shard}
    if not here or len(here) == reader.stream.lanes or any(lane.busy for lane in here.values()):
        return
    position = min(lane.position for lane in here.values())
    for place, lane in here.items():
        current().clock.cancel(lane.due)
        del kept[place]
    for number in range(reader.stream.lanes):
        kept[shard, number] = Lane(position)


def _look(identifier: str, shard: str, number: int, lane: Lane, wait: float = 0.0) -> None:
    clock = current().clock
    lane.due = clock.schedule(clock.time() + wait, read, identifier, shard, number)


def read(identifier: str, shard: str, number: int) -> None:
    """Due work: a lane looks for its next batch."""
    sandbox, reader = current(), readers.view_of(identifier)
    lane = reader.reading.lanes.get((shard, number)) if reader is not None else None
    if reader is None or lane is None:
        return
    lane.due = None
    view = shards.find(reader.source)
    if not reader.active or view is None or lane.busy:
        return
    _forget_expired(sandbox, reader, view, shard, number, lane)
    batch = _next(reader, view, shard, number, lane)
    if not batch:
        lane.since = 0.0
        return
    if not _may_read(sandbox, reader, shard, number, lane) or _gathers(
        sandbox, reader, shard, number, lane, batch
    ):
        return
    wanted = [kept for kept in batch if _is_wanted(reader, kept)]
    if not wanted:
        _move_on(lane, batch[-1].number)
        _look(identifier, shard, number, lane)
        return
    lane.since = 0.0
    _hand_over(sandbox, reader, shard, number, lane, batch, wanted)


# -- which records -----------------------------------------------------------------------------------


def _next(reader: Reader, view: View, shard: str, number: int, lane: Lane) -> tuple[Kept, ...]:
    """The next records of a lane: at most a batch, at most 6 MB, not past the end of what has to be repeated."""
    end = lane.ends[-1] if lane.ends else None
    found: list[Kept] = []
    size = 0
    for kept in itertools.islice(_of_lane(reader, view, shard, number, lane.position), reader.batch):
        size += records.size_of(kept.event)
        if (end is not None and kept.number > end) or (found and size > PAYLOAD):
            break
        found.append(kept)
    if not found and lane.ends:
        lane.ends.pop()  # the rest of it has expired
        return _next(reader, view, shard, number, lane)
    return tuple(found)


def _of_lane(reader: Reader, view: View, shard: str, number: int, position: int) -> Any:
    lanes = reader.stream.lanes
    every = view.after(shard, position)
    if lanes == 1:
        return every
    return (kept for kept in every if zlib.crc32(kept.key.encode()) % lanes == number)


def _is_wanted(reader: Reader, kept: Kept) -> bool:
    return not reader.filters or any(
        _pattern(text, reader.dialect).matches(kept.event) for text in reader.filters
    )


@functools.lru_cache(maxsize=256)
def _pattern(text: str, dialect: str) -> Pattern:
    from labkit.sandbox.patterns import Pattern

    return Pattern.parse(text, dialect=dialect)


def _forget_expired(
    sandbox: Sandbox, reader: Reader, view: View, shard: str, number: int, lane: Lane
) -> None:
    """Pass over what the stream no longer keeps, and give up what is older than the reader wants."""
    now = sandbox.clock.time()
    gone, old = [], []
    for kept in _of_lane(reader, view, shard, number, lane.position):
        age = now - kept.arrived
        if age >= view.retention:
            gone.append(kept)
        elif reader.stream.oldest >= 0 and age > reader.stream.oldest:
            old.append(kept)
        else:
            break
    if gone:
        if lane.invoked:
            _tell(sandbox, reader, shard, "RecordsExpired", gone, "The stream keeps records no longer.")
        _move_on(lane, gone[-1].number)
    if old:
        _give_up(sandbox, reader, view, shard, lane, tuple(old), "RecordAgeExceeded")


# -- when --------------------------------------------------------------------------------------------


def _may_read(sandbox: Sandbox, reader: Reader, shard: str, number: int, lane: Lane) -> bool:
    if rights.may_look(sandbox, reader):
        return True
    _wait(reader.id, shard, number, lane)
    return False


def _wait(identifier: str, shard: str, number: int, lane: Lane) -> None:
    wait = min(_FIRST_WAIT * 2 ** min(lane.waits, 20), _LONGEST_WAIT)
    lane.waits += 1
    _look(identifier, shard, number, lane, wait)


def _gathers(
    sandbox: Sandbox, reader: Reader, shard: str, number: int, lane: Lane, batch: tuple[Kept, ...]
) -> bool:
    """Whether the batching window is still open."""
    now = sandbox.clock.time()
    if not reader.window or lane.ends or len(batch) >= reader.batch:
        return False
    lane.since = lane.since or now
    left = lane.since + reader.window - now
    if left <= 0:
        return False
    _look(reader.id, shard, number, lane, left)
    return True


# -- a batch -----------------------------------------------------------------------------------------


def _hand_over(
    sandbox: Sandbox,
    reader: Reader,
    shard: str,
    number: int,
    lane: Lane,
    batch: tuple[Kept, ...],
    wanted: list[Kept],
) -> None:
    now = sandbox.clock.time()
    piece = Piece(shard, number, batch, now + _LONGEST_CALL, sandbox.trace.reserve(), now)
    place = reader.reading.number()
    reader.reading.batches[place] = piece
    lane.busy = True
    lane.invoked += 1
    with sandbox.trace.caused_by(piece.sequence, reader.principal):
        reader.handle(reader, place, [kept.event for kept in wanted], {})


def _ended(identifier: str, piece: Piece, outcome: Outcome) -> None:
    sandbox, reader = current(), readers.view_of(identifier)
    lane = reader.reading.lanes.get((piece.shard, piece.lane)) if reader is not None else None
    if reader is None or lane is None:
        return
    lane.busy, lane.last = False, outcome
    _note(sandbox, reader, piece, outcome)
    reader.noted(reader, outcome)
    if outcome.good:
        _move_on(lane, piece.kept[-1].number)
    elif _failed(sandbox, reader, piece, outcome, lane):
        _wait(identifier, piece.shard, piece.lane, lane)
        return
    _look(identifier, piece.shard, piece.lane, lane)


def _failed(sandbox: Sandbox, reader: Reader, piece: Piece, outcome: Outcome, lane: Lane) -> bool:
    """What becomes of records that failed. Returns whether the lane has to wait before it goes on."""
    kept = piece.kept
    if outcome.throttled:
        _hold(lane, kept[-1].number)
        return True
    if outcome.failed:
        first = min(int(one) for one in outcome.failed)
        done = [one.number for one in kept if one.number < first]
        lane.position = done[-1] if done else lane.position
        kept = kept[len(done) :]
    elif reader.stream.bisect and len(kept) > 1:
        _hold(lane, kept[-1].number)
        lane.ends.append(kept[(len(kept) - 1) // 2].number)
        return False
    lane.tries += 1
    if 0 <= reader.stream.retries < lane.tries:
        view = shards.find(reader.source)
        if view is not None:
            _give_up(sandbox, reader, view, piece.shard, lane, kept, "RetryAttemptsExhausted")
        return False
    _hold(lane, kept[-1].number)
    return True


def _hold(lane: Lane, end: int) -> None:
    """The same records have to come again, without others behind them."""
    if not lane.ends or lane.ends[-1] != end:
        lane.ends.append(end)


def _move_on(lane: Lane, position: int) -> None:
    lane.position = position
    lane.tries = lane.invoked = lane.waits = 0
    while lane.ends and lane.ends[-1] <= position:
        lane.ends.pop()


def _give_up(
    sandbox: Sandbox,
    reader: Reader,
    view: View,
    shard: str,
    lane: Lane,
    kept: tuple[Kept, ...],
    condition: str,
) -> None:
    info = {
        "shardId": shard, "startSequenceNumber": str(kept[0].number), "endSequenceNumber": str(kept[-1].number),
        "approximateArrivalOfFirstRecord": _stamp(view, kept[0].arrived),
        "approximateArrivalOfLastRecord": _stamp(view, kept[-1].arrived),
        "batchSize": len(kept), "streamArn": reader.source,
    }  # fmt: skip
    lost = Lost(condition, lane.invoked, lane.last, view.name, info)
    _tell(
        sandbox,
        reader,
        shard,
        "RecordsDiscarded",
        list(kept),
        f"{condition}: the stream goes on without them.",
    )
    _move_on(lane, kept[-1].number)
    if reader.discarded is not None:
        reader.discarded(reader, lost)


def _stamp(view: View, moment: float) -> str:
    precision = "milliseconds" if view.name == "KinesisBatchInfo" else "seconds"
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def _tell(sandbox: Sandbox, reader: Reader, shard: str, action: str, kept: list[Kept], note: str) -> None:
    params = {
        "source": reader.source, "target": reader.target, "ShardId": shard, "Size": len(kept),
        "SequenceNumber": str(kept[0].number),
    }  # fmt: skip
    sandbox.trace.record(
        "refused", reader.service, action, resource=reader.source, caller=reader.principal, params=params,
        error=reader.reading.lanes[shard, 0].last.error, note=note,
    )  # fmt: skip


def _note(sandbox: Sandbox, reader: Reader, piece: Piece, outcome: Outcome) -> None:
    params: dict[str, Any] = {
        "source": reader.source, "target": reader.target, "Size": len(piece.kept), "ShardId": piece.shard,
        "SequenceNumber": str(piece.kept[0].number),
    }  # fmt: skip
    sandbox.trace.record(
        "delivery", reader.service, "BatchDelivered" if outcome.failed is not None else "BatchFailed",
        resource=reader.source, caller=reader.principal, params=params, error=outcome.error,
        message=outcome.message, note=outcome.note, sequence=piece.sequence, time=piece.began,
    )  # fmt: skip
