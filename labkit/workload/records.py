"""What became of each request: one record each, and what they say together."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from labkit.errors import UsageError


class Record(NamedTuple):
    """One request. `at` is when it came, in seconds from the beginning; `latency` is in seconds.

    `status` is an HTTP status: 200 for a call that returned, 429 and others for AWS's refusals, 0 when the code
    itself failed, or no answer came. `error` is AWS's error code, the name of the exception, or nothing. `weight` is
    how many requests it stands for.
    """

    number: int
    at: float
    latency: float
    user: str = ""
    status: int = 200
    error: str = ""
    weight: int = 1

    @property
    def ok(self) -> bool:
        """Whether it was answered well."""
        return 200 <= self.status < 400


class Records(Sequence[Record]):
    """All requests of one story, in order."""

    def __init__(self, records: Sequence[Record] = ()) -> None:
        self._records = list(records)

    def add(self, record: Record) -> None:
        """Keep one more."""
        self._records.append(record)

    def numbered(self, number: int) -> Record:
        """The request with this number, where all from the first on are kept."""
        return self._records[number - 1]

    def replace(self, record: Record) -> None:
        """Keep this in place of what is known of the request with its number."""
        self._records[record.number - 1] = record

    def __getitem__(self, place: int | slice) -> Record | Records:  # type: ignore[override]
        found = self._records[place]
        return Records(found) if isinstance(found, list) else found

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    @property
    def failed(self) -> Records:
        """Those that were not answered well."""
        return Records([one for one in self._records if not one.ok])

    @property
    def requests(self) -> int:
        """How many requests they stand for. More than `len(...)` when only a sample was sent."""
        return sum(one.weight for one in self._records)

    @property
    def errors(self) -> Counter[str]:
        """How many failed, by error."""
        found: Counter[str] = Counter()
        for one in self._records:
            if not one.ok:
                found[one.error or str(one.status)] += one.weight
        return found

    def by(self, user: str) -> Records:
        """The requests of one user."""
        return Records([one for one in self._records if one.user == user])

    def between(self, begin: float, end: float) -> Records:
        """Those that came from `begin` to `end`, in seconds from the beginning."""
        return Records([one for one in self._records if begin <= one.at < end])

    def share_good(self, within: float = math.inf) -> float:
        """The share (0 to 1) that was answered well within so many seconds: what an SLO counts."""
        if not self._records:
            return 1.0
        good = sum(one.weight for one in self._records if one.ok and one.latency <= within)
        return good / self.requests

    def percentile(self, share: float) -> float:
        """The latency in seconds that this share of all requests did not exceed. 0.0 for none."""
        return percentile([one.latency for one in self._records], share)

    def __repr__(self) -> str:
        if not self._records:
            return "No requests were made."
        middle, high = self.percentile(0.5), self.percentile(0.99)
        failed = ", ".join(f"{count:,} x {error}" for error, count in self.errors.most_common(5))
        count = self.requests
        sample = (
            ""
            if count == len(self)
            else f" ({len(self):,} were sent, each stands for {count / len(self):,.0f})"
        )
        return (
            f"Requests: {count:,}{sample}. Answered well: {self.share_good():.2%}. "
            f"Latency: half within {middle * 1000:,.0f} ms, 99 % within {high * 1000:,.0f} ms."
            + (f" Failed: {failed}." if failed else "")
        )


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share (0 to 1) of all values does not exceed. 0.0 for none."""
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
        raise UsageError(f"share is a number from 0 to 1, such as 0.95. It is {share!r}.")
    if not values:
        return 0.0
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
