"""The lines of a FIFO queue: one per message group, and the memory that drops duplicates.

A group gives its messages in the order of their sequence numbers, and gives none while one of them is in
flight. A receive takes as many messages of one group as it may, then goes on to the next group.
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html)

A duplicate is known by its deduplication id for five minutes, also after the first message was deleted.
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html)

Only the first 120,000 messages of the queue are looked at.
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/avoid-backlog-with-the-same-message-group-id.html)
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from labkit.sandbox.services._sqs_store import Entry, Receipt, State, Store

DEDUPLICATION: Final = 300.0
"""Seconds for which a duplicate is known, and for which a receive can be repeated."""
LOOKED_AT: Final = 120_000
"""How many messages from the front of the queue a receive looks at."""
_FIRST_SEQUENCE: Final = 18_850_000_000_000_000_000
_SEQUENCE_STEP: Final = 256


class Seen(NamedTuple):
    """A message that was sent: what a duplicate is answered with."""

    until: float
    message_id: str
    sequence: str


class Attempt(NamedTuple):
    """A receive that can be repeated: when it was made and what it gave."""

    at: float
    given: tuple[Receipt, ...]


@dataclass(slots=True)
class Group:
    """One message group: the numbers of its waiting entries, and how many are in flight."""

    waiting: list[int] = field(default_factory=list)
    flying: int = 0


class FifoStore(Store):
    """The messages of a FIFO queue."""

    def __init__(self, secret: bytes) -> None:
        super().__init__(secret)
        self._groups: dict[str, Group] = {}
        self._open: list[tuple[int, str]] = []  # (number of the head, group): groups that may give
        self._seen: dict[tuple[str, str], Seen] = {}
        self._fading: deque[tuple[float, tuple[str, str]]] = deque()
        self._attempts: dict[str, Attempt] = {}

    # -- receiving -------------------------------------------------------------------------------

    def candidates(self, now: float) -> Generator[Entry]:  # noqa: ARG002 (both kinds have one shape)
        """All available messages of the group with the oldest head, then of the next group."""
        last = self._last_looked_at()
        touched: list[str] = []
        try:
            while self._open:
                number, name = self._open[0]
                if number > last:
                    return
                heapq.heappop(self._open)
                group = self._groups.get(name)
                if group is None or group.flying or self._head(group) != number:
                    continue
                touched.append(name)
                while (entry := self._available_head(group, last)) is not None:
                    heapq.heappop(group.waiting)
                    entry.in_line = False
                    yield entry
        finally:
            for name in touched:
                self._open_if_free(name)

    def ready(self) -> bool:
        """Whether a receive would find anything."""
        last = self._last_looked_at()
        while self._open:
            number, name = self._open[0]
            group = self._groups.get(name)
            if group is not None and not group.flying and self._available_head(group, last) is not None:
                if self._head(group) == number:
                    return True
            elif number > last:
                return False
            heapq.heappop(self._open)
        return False

    def give_back(self, entry: Entry) -> None:
        """An entry that `candidates` gave was not taken after all: it has its old place again."""
        name = entry.group or ""
        entry.in_line = True
        heapq.heappush(self._groups.setdefault(name, Group()).waiting, entry.number)
        self._open_if_free(name)

    # -- duplicates ------------------------------------------------------------------------------

    def duplicate_of(self, group: str, deduplication_id: str, per_group: bool, now: float) -> Seen | None:
        """The message this one would repeat, or None."""
        self._forget(now)
        return self._seen.get((group if per_group else "", deduplication_id))

    def remember(self, group: str, deduplication_id: str, message_id: str, sequence: str, now: float) -> None:
        """A message was sent: answer the next ones like it for five minutes with this one's ids."""
        seen = Seen(now + DEDUPLICATION, message_id, sequence)
        self._forget(now)
        for key in (("", deduplication_id), (group, deduplication_id)):
            if self._seen.setdefault(key, seen) is seen:
                self._fading.append((seen.until, key))

    def next_sequence(self) -> str:
        """The sequence number of the next message: 20 digits, always larger than the last."""
        return f"{_FIRST_SEQUENCE + (self._last_number + 1) * _SEQUENCE_STEP:020d}"

    # -- a receive that is repeated --------------------------------------------------------------

    def remember_attempt(self, attempt: str, given: Sequence[Entry], now: float) -> None:
        """This receive may be asked for again for five minutes."""
        self._attempts = {name: old for name, old in self._attempts.items() if now - old.at < DEDUPLICATION}
        self._attempts[attempt] = Attempt(now, tuple(Receipt(one.number, one.receives) for one in given))

    def repeat(self, attempt: str, now: float) -> list[Entry]:
        """What that receive gave, if none of it was deleted or changed since; else nothing."""
        old = self._attempts.get(attempt)
        if old is None or now - old.at >= DEDUPLICATION:
            return []
        found = [self.entries.get(receipt.number) for receipt in old.given]
        given = [entry for entry in found if entry is not None]
        unchanged = len(given) == len(found) and all(
            entry.state == "in flight" and entry.receives == receipt.receives
            for entry, receipt in zip(given, old.given, strict=True)
        )
        return given if unchanged else []

    def forget_attempts_of(self, entry: Entry) -> None:
        """The entry was changed: receives that gave it cannot be repeated."""
        self._attempts = {
            name: old
            for name, old in self._attempts.items()
            if all(receipt.number != entry.number for receipt in old.given)
        }

    # -- inside ----------------------------------------------------------------------------------

    def _moved(self, entry: Entry, before: State) -> None:
        name = entry.group or ""
        group = self._groups.setdefault(name, Group())
        group.flying += (entry.state == "in flight") - (before == "in flight")
        if entry.state in ("available", "delayed") and not entry.in_line:
            entry.in_line = True
            heapq.heappush(group.waiting, entry.number)
        elif entry.state not in ("available", "delayed"):
            entry.in_line = False
        # A message that joins the end of its line opens nothing.
        if before == "in flight" or not entry.in_line or self._head(group) == entry.number:
            self._open_if_free(name)

    def _open_if_free(self, name: str) -> None:
        group = self._groups.get(name)
        if group is None or group.flying:
            return
        head = self._head(group)
        if head is None:
            del self._groups[name]
        elif self.entries[head].state == "available":
            heapq.heappush(self._open, (head, name))
            if len(self._open) > 2 * len(self._groups) + 64:
                self._open = sorted(set(self._open))

    def _head(self, group: Group) -> int | None:
        waiting = group.waiting
        while waiting:
            entry = self.entries.get(waiting[0])
            if entry is not None and entry.in_line:
                return entry.number
            heapq.heappop(waiting)
        return None

    def _available_head(self, group: Group, last: float) -> Entry | None:
        head = self._head(group)
        if head is None or head > last:
            return None
        entry = self.entries[head]
        return entry if entry.state == "available" else None

    def _last_looked_at(self) -> float:
        if len(self.entries) <= LOOKED_AT:
            return math.inf
        return next(itertools.islice(self.entries, LOOKED_AT - 1, None))

    def _forget(self, now: float) -> None:
        while self._fading and self._fading[0][0] <= now:
            del self._seen[self._fading.popleft()[1]]
