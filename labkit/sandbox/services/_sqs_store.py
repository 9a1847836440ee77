"""Where one queue keeps its messages, and what time does to them.

A message is an `Entry`. It is delayed, available or in flight, and the store counts each kind as it
goes, so no question needs a walk through the queue. Two heaps say what time changes next: one holds the
ends of delays and visibility timeouts, the other the ages that the retention period is held
against. Both forget lazily: a line about an entry that moved on is dropped when it comes to the
top. Which available message is next is the business of the two kinds of queue, `_sqs_standard.py` and
`_sqs_fifo.py`.

Nothing here knows a clock. Every function is told the time, in seconds since 1970. Everything here can be
pickled: the sandbox copies accounts that way.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import math
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

State = Literal["delayed", "available", "in flight", "hidden", "gone"]
Action = Literal["MessageVisible", "MessageExpired", "MessageDuplicated"]

_TIMED: Final = ("delayed", "in flight", "hidden")
_AT_TIMEOUT: Final[dict[State, Action]] = {
    "delayed": "MessageVisible",
    "in flight": "MessageVisible",
    "hidden": "MessageDuplicated",
}
_HANDLE_PREFIX: Final = "AQEB"
_SLACK: Final = 64
"""How many dead lines a heap may hold beyond the living ones before it is built anew."""


@dataclass(slots=True, eq=False)
class Entry:
    """One message in one queue. Times are seconds since 1970.

    `number` is its place of arrival. `rank` is its place in line, the same unless it was put back.
    `due` is when its present state ends by itself, or 0. `receives` counts receives in this queue; the
    message's own `approximate_receive_count` goes on counting from queue to queue. `source` is the ARN of the
    queue it was dead-lettered from. A `ghost` is the second copy that at-least-once delivery may show.
    """

    number: int
    message: Any
    enqueued: float
    state: State = "gone"
    rank: float = 0.0
    due: float = 0.0
    receives: int = 0
    received_at: float = 0.0
    source: str = ""
    ghost: bool = False
    in_line: bool = False

    @property
    def group(self) -> str | None:
        """The message group: an order on FIFO queues, a tenant on standard queues."""
        group: str | None = self.message.group_id
        return group


class Change(NamedTuple):
    """What time did to an entry: `before` is the state it was in until `when`."""

    action: Action
    entry: Entry
    before: State
    when: float


class Receipt(NamedTuple):
    """What a receipt handle says: which entry, and which receive of it."""

    number: int
    receives: int


class Store(ABC):
    """The messages of one queue. Iterating gives moto's `Message` objects in order of arrival."""

    def __init__(self, secret: bytes) -> None:
        self.entries: dict[int, Entry] = {}
        self.count: dict[State, int] = {"delayed": 0, "available": 0, "in flight": 0, "hidden": 0}
        self.due: Any = None  # the queue's one piece of due work on the sandbox's clock
        self.refused: dict[str, int] = {}  # batch entries that a fault sent back once
        self.moves: list[Any] = []  # message move tasks out of this queue, oldest first
        self.readers: tuple[str, ...] | None = None  # who reads this queue by itself; None: not asked yet
        self._secret = secret
        self._last_number = 0
        self._timers: list[tuple[float, int]] = []
        self._ages: list[tuple[float, int]] = []

    # -- as moto sees it -------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Any]:
        return (entry.message for entry in self.entries.values() if entry.state != "hidden")

    def __len__(self) -> int:
        return len(self.entries) - self.count["hidden"]

    @property
    def arrivals(self) -> int:
        """How many messages have ever come in."""
        return self._last_number

    def visible(self) -> list[Any]:
        """The messages that can be received now, in order of arrival."""
        return [entry.message for entry in self.entries.values() if entry.state == "available"]

    # -- the life of a message -------------------------------------------------------------------

    def add(
        self,
        message: Any,
        enqueued: float,
        *,
        visible_at: float = 0.0,
        source: str = "",
        ghost: bool = False,
    ) -> Entry:
        """Take a message in. It is available at `visible_at`, or at once when that is not later."""
        self._last_number = number = self._last_number + 1
        entry = Entry(number, message, enqueued, rank=float(number), source=source, ghost=ghost)
        self.entries[number] = entry
        self._push(self._ages, enqueued, number)
        if visible_at > enqueued:
            self._move(entry, "hidden" if ghost else "delayed", visible_at)
        else:
            self._move(entry, "available")
        return entry

    def fly(self, entry: Entry, until: float, now: float) -> None:
        """The entry was received. It is hidden until then; with a timeout of 0 it is not hidden at all."""
        entry.receives += 1
        entry.received_at = now
        self._move(entry, "in flight", until)
        if until <= now:
            self._move(entry, "available")

    def hide(self, entry: Entry, until: float, now: float) -> None:
        """Change how long an entry that was received stays hidden."""
        if until <= now:
            if entry.state != "available":
                self._move(entry, "available")
            return
        if entry.state == "available":
            entry.received_at = now
        self._move(entry, "in flight", until)

    def delay(self, entry: Entry, until: float, now: float) -> None:
        """Change the delay of an entry that was never received."""
        if until > now:
            self._move(entry, "delayed", until)
        elif entry.state == "delayed":
            self._move(entry, "available")

    def remove(self, entry: Entry) -> None:
        """The entry is gone: deleted, expired, or moved to another queue."""
        del self.entries[entry.number]
        self._move(entry, "gone")
        entry.message = None  # what is still in a heap must not keep a large body alive

    def clear(self) -> int:
        """Throw all messages away. Returns how many there were."""
        thrown = len(self)
        for entry in list(self.entries.values()):
            self.remove(entry)
        return thrown

    # -- time ------------------------------------------------------------------------------------

    def settle(self, now: float, retention: float) -> list[Change]:
        """Let everything happen that time brings until `now`, in order. `retention` is in seconds."""
        changes: list[Change] = []
        while True:
            timer, oldest = self._next_timer(), self._oldest()
            ends = timer.due if timer else math.inf
            expires = oldest.enqueued + retention if oldest else math.inf
            if min(ends, expires) > now:
                return changes
            if oldest is not None and expires <= ends:
                changes.append(Change("MessageExpired", _copy(oldest), oldest.state, expires))
                self.remove(oldest)
            elif timer is not None:
                before = timer.state
                self._move(timer, "available")
                changes.append(Change(_AT_TIMEOUT[before], timer, before, ends))

    def next_deadline(self, retention: float) -> float | None:
        """When time changes something next, or None for an empty queue."""
        timer, oldest = self._next_timer(), self._oldest()
        if oldest is None:
            return None
        expires = oldest.enqueued + retention
        return min(timer.due, expires) if timer else expires

    # -- receiving -------------------------------------------------------------------------------

    @abstractmethod
    def candidates(self, now: float) -> Generator[Entry]:
        """The entries a receive may have, best first.

        Each one given has left the line. The caller makes it fly, removes it, or gives it back. Close
        the iterator when enough were taken (`contextlib.closing`).
        """

    @abstractmethod
    def give_back(self, entry: Entry) -> None:
        """An entry that `candidates` gave was not taken after all: it has its old place again."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether a receive would find anything."""

    # -- receipt handles -------------------------------------------------------------------------

    def handle(self, entry: Entry) -> str:
        """The receipt handle of the entry's latest receive.

        It says what it belongs to and is signed, so nothing has to be remembered to tell a handle
        that has served its time from one that was made up.
        """
        text = f"{entry.number}.{entry.receives}".encode()
        return _HANDLE_PREFIX + base64.b64encode(self._sign(text) + text).decode()

    def read_handle(self, handle: str) -> Receipt | None:
        """What a handle says, or None when this queue never gave it out."""
        try:
            raw = base64.b64decode(handle.removeprefix(_HANDLE_PREFIX), validate=True)
        except ValueError:
            return None
        text = raw[64:]
        if not handle.startswith(_HANDLE_PREFIX) or raw[:64] != self._sign(text):
            return None
        number, receives = text.split(b".")
        return Receipt(int(number), int(receives))

    def _sign(self, text: bytes) -> bytes:
        return hashlib.blake2b(text, key=self._secret).digest()

    # -- inside ----------------------------------------------------------------------------------

    def _move(self, entry: Entry, state: State, due: float = 0.0) -> None:
        before, entry.state, entry.due = entry.state, state, due
        if before != "gone":
            self.count[before] -= 1
        if state != "gone":
            self.count[state] += 1
        if due:
            self._push(self._timers, due, entry.number)
        self._moved(entry, before)

    @abstractmethod
    def _moved(self, entry: Entry, before: State) -> None:
        """An entry changed its state: keep the line in step."""

    def _next_timer(self) -> Entry | None:
        timers = self._timers
        while timers:
            due, number = timers[0]
            entry = self.entries.get(number)
            if entry is not None and entry.due == due and entry.state in _TIMED:
                return entry
            heapq.heappop(timers)
        return None

    def _oldest(self) -> Entry | None:
        ages = self._ages
        while ages:
            entry = self.entries.get(ages[0][1])
            if entry is not None:
                return entry
            heapq.heappop(ages)
        return None

    def _push(self, heap: list[tuple[float, int]], when: float, number: int) -> None:
        heapq.heappush(heap, (when, number))
        if len(heap) > 2 * len(self.entries) + _SLACK:
            timers = heap is self._timers
            heap[:] = [
                (entry.due if timers else entry.enqueued, entry.number)
                for entry in self.entries.values()
                if not timers or entry.due
            ]
            heapq.heapify(heap)


def _copy(entry: Entry) -> Entry:
    return Entry(entry.number, entry.message, entry.enqueued, entry.state, receives=entry.receives)
