"""The line of a standard queue, with the fair order for tenants.

Messages stand in line in order of arrival. One whose visibility timeout ended takes its old place, until
it was received three times: then it goes to the back, so that a message nobody can process does not
hold up the others.
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html,
note on ApproximateAgeOfOldestMessage)

Fair order: a message group is a tenant. A tenant that has at least 30 messages in flight and more than 10 %
of all messages in flight is noisy; its messages wait aside while others have any. It is quiet again when it
has no messages waiting or has sent none for five minutes. Among noisy tenants the one with the fewest
in flight comes first.
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues-detailed.html)
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Generator
from typing import Final

from labkit.sandbox.services._sqs_store import Entry, State, Store

NOISY_IN_FLIGHT: Final = 30
NOISY_SHARE: Final = 0.10
QUIET_AFTER: Final = 300.0
"""Seconds without a new message after which a noisy tenant counts as quiet."""
BACK_OF_THE_LINE_AFTER: Final = 3
"""Receives after which a message that comes back goes to the end of the line."""

_WAITING: Final = ("available", "delayed")

_NONE: Final[Counter[str]] = Counter()

Line = list[tuple[float, int]]


class StandardStore(Store):
    """The messages of a standard queue."""

    def __init__(self, secret: bytes) -> None:
        super().__init__(secret)
        self._line: Line = []
        self._flying: dict[str, int] = {}
        self._waiting: dict[str, int] = {}
        self._sent_at: dict[str, float] = {}
        self._aside: dict[str, Line] = {}  # the noisy tenants, each with its own line

    def candidates(self, now: float) -> Generator[Entry]:
        """Messages of quiet tenants in order, then those of noisy tenants."""
        self._calm(now)
        given: Counter[str] = Counter()
        while (entry := self._pop(self._line)) is not None:
            tenant = entry.group
            if tenant is not None and self._is_noisy(tenant, now, given):
                entry.in_line = True
                heapq.heappush(self._aside[tenant], (entry.rank, entry.number))
                continue
            given[tenant or ""] += 1
            yield entry
        while (entry := self._pop_noisy(given)) is not None:
            yield entry

    def ready(self) -> bool:
        """Whether a receive would find anything."""
        return self.count["available"] > 0

    def put_back(self, entry: Entry, places: float) -> None:
        """Let an entry that `candidates` gave fall back by so many places."""
        entry.rank += places
        self._stand(entry)

    def give_back(self, entry: Entry) -> None:
        """An entry that `candidates` gave was not taken after all: it has its old place again."""
        self._stand(entry)

    # -- inside ----------------------------------------------------------------------------------

    def _moved(self, entry: Entry, before: State) -> None:
        if entry.state == "available":
            if before == "in flight" and entry.receives >= BACK_OF_THE_LINE_AFTER:
                self._last_number += 1  # a fresh number, so that later arrivals stand behind it
                entry.rank = float(self._last_number)
            self._stand(entry)
        else:
            entry.in_line = False
        tenant = entry.group
        if tenant is not None:
            _shift(self._flying, tenant, before == "in flight", entry.state == "in flight")
            _shift(self._waiting, tenant, before in _WAITING, entry.state in _WAITING)
            if before == "gone":
                self._sent_at[tenant] = max(entry.enqueued, self._sent_at.get(tenant, 0.0))
            elif tenant not in self._waiting and tenant not in self._flying:
                self._sent_at.pop(tenant, None)
            if entry.state == "in flight" and tenant in self._waiting:
                self._is_noisy(tenant, entry.received_at)

    def _stand(self, entry: Entry) -> None:
        entry.in_line = True
        heapq.heappush(self._line, (entry.rank, entry.number))

    def _pop(self, line: Line) -> Entry | None:
        while line:
            rank, number = heapq.heappop(line)
            entry = self.entries.get(number)
            if entry is not None and entry.in_line and entry.rank == rank:
                entry.in_line = False
                return entry
        return None

    def _pop_noisy(self, given: Counter[str]) -> Entry | None:
        for tenant in sorted(self._aside, key=lambda name: (self._flying.get(name, 0) + given[name], name)):
            entry = self._pop(self._aside[tenant])
            if entry is not None:
                given[tenant] += 1
                return entry
        return None

    def _is_noisy(self, tenant: str, now: float, given: Counter[str] = _NONE) -> bool:
        """`given` is what this receive has taken so far: it is about to be in flight."""
        if tenant in self._aside:
            return True
        flying = self._flying.get(tenant, 0) + given[tenant]
        if flying < NOISY_IN_FLIGHT or flying <= NOISY_SHARE * (self.count["in flight"] + given.total()):
            return False
        if now - self._sent_at.get(tenant, 0.0) >= QUIET_AFTER:
            return False
        self._aside[tenant] = []
        return True

    def _calm(self, now: float) -> None:
        for tenant in list(self._aside):
            if tenant not in self._waiting or now - self._sent_at.get(tenant, 0.0) >= QUIET_AFTER:
                for place in self._aside.pop(tenant):
                    heapq.heappush(self._line, place)


def _shift(counts: dict[str, int], key: str, was: bool, is_now: bool) -> None:
    if was == is_now:
        return
    left = counts.get(key, 0) + (1 if is_now else -1)
    if left:
        counts[key] = left
    else:
        counts.pop(key, None)
