"""Service level objectives over recorded requests: attainment, error budget, burn rate.

The words are those of Google's SRE workbook: an SLI is good events by valid events; the error budget is `1 - SLO`; the
burn rate is how fast, relative to the SLO, the service consumes its error budget (1 uses up exactly the budget in
the SLO's window). Alerts look at a long window and at one that is 1/12 of it, and fire while both burn too fast:
14.4 in an hour (2 % of a 30 days' budget), 6 in six hours (5 %), 1 in three days (10 %).

Sources: https://sre.google/workbook/implementing-slos/ and https://sre.google/workbook/alerting-on-slos/ (table 5-8).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, NamedTuple

from labkit.errors import UsageError
from labkit.workload.records import Record, Records

MONTH: Final = 30 * 86_400.0
"""Seconds of the window that the workbook's figures are for."""


class Alert(NamedTuple):
    """One rule of the workbook: fires while the long and the short window burn faster than `burn`. Seconds."""

    long: float
    short: float
    burn: float
    severity: str


ALERTS: Final = (
    Alert(3_600, 300, 14.4, "page"),
    Alert(6 * 3_600, 1_800, 6.0, "page"),
    Alert(3 * 86_400, 6 * 3_600, 1.0, "ticket"),
)
"""Table 5-8 of the workbook: 2 % of the budget in an hour, 5 % in six hours, 10 % in three days."""


class Burn(NamedTuple):
    """How fast the budget burned in a window that ended at `at`, seconds from the beginning."""

    seconds: float
    rate: float
    at: float


class Fired(NamedTuple):
    """An alert that would have fired at `at`, seconds from the beginning."""

    alert: Alert
    at: float


@dataclass(frozen=True)
class SLO:
    """An objective: this share of requests (`good`) is answered well, `within` so many seconds.

    `window` is the time the objective is for, in seconds; 30 days, unless it is said. Answers with 4xx count as good,
    as in the workbook's example (all but 500 to 599 is successful), unless `client_errors` is False.
    Raises `UsageError`.
    """

    good: float = 0.999
    within: float = math.inf
    window: float = MONTH
    client_errors: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.good, bool) or not isinstance(self.good, (int, float)) or not 0 < self.good < 1:
            raise UsageError(f"good is a share below 1, such as 0.999 for 99.9 %. It is {self.good!r}.")
        for name, value in (("within", self.within), ("window", self.window)):
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
                raise UsageError(f"{name} is a time in seconds, such as 0.3. It is {value!r}.")

    def is_good(self, record: Record) -> bool:
        """Whether a request counts as good."""
        well = record.ok or (self.client_errors and 400 <= record.status < 500)
        return well and record.latency <= self.within

    def of(self, records: Records) -> Report:
        """What these requests say about it."""
        if not isinstance(records, Records):
            raise UsageError(f"records are those of traffic, such as load.records. They are {records!r}.")
        return Report(self, records)

    def __str__(self) -> str:
        within = "" if self.within == math.inf else f" within {_time(self.within)}"
        return f"{_share(self.good)} of requests answered well{within}, over {_time(self.window)}"


class Report:
    """An objective and the requests it was held against."""

    def __init__(self, slo: SLO, records: Records) -> None:
        self.slo = slo
        self._at: list[float] = []
        totals, bads = [0], [0]
        # In the order in which they came: records of several senders may be joined.
        for one in sorted(records, key=lambda one: one.at):
            self._at.append(one.at)
            totals.append(totals[-1] + one.weight)
            bads.append(bads[-1] + (0 if slo.is_good(one) else one.weight))
        self._totals, self._bads = totals, bads

    @property
    def requests(self) -> int:
        """How many requests there were, those that were only stood for included."""
        return self._totals[-1]

    @property
    def bad(self) -> int:
        """How many of them were not good."""
        return self._bads[-1]

    @property
    def attainment(self) -> float:
        """The SLI: good requests by all requests. 1.0 where there were none."""
        return 1 - self.bad / self.requests if self.requests else 1.0

    @property
    def met(self) -> bool:
        """Whether the objective was kept in these requests."""
        return self.attainment >= self.slo.good

    @property
    def seconds(self) -> float:
        """From the first request to the last."""
        return self._at[-1] - self._at[0] if self._at else 0.0

    @property
    def allowed(self) -> float:
        """How many bad requests the budget allows in these requests."""
        return (1 - self.slo.good) * self.requests

    @property
    def budget_left(self) -> float:
        """The share of the error budget of the window that is left; negative when it is overdrawn.

        The budget is for the SLO's window. Where the records are shorter, traffic is taken to go on at their rate.
        """
        if not self.requests:
            return 1.0
        spent = self.bad / self.allowed
        return 1 - spent * min(1.0, self.seconds / self.slo.window if self.seconds else 1.0)

    @property
    def burn_rate(self) -> float:
        """How fast the budget burned over all: 1.0 would use up exactly the budget in the SLO's window."""
        return self.bad / self.allowed if self.requests else 0.0

    def burn(self, seconds: float) -> Burn:
        """The window of so many seconds in which the budget burned fastest."""
        best = Burn(seconds, 0.0, self._at[0] if self._at else 0.0)
        for at, rate in self._rates(seconds):
            if rate > best.rate:
                best = Burn(seconds, rate, at)
        return best

    def _rates(self, seconds: float) -> Iterator[tuple[float, float]]:
        """For each request, when it came and the burn rate of the window that ends with it."""
        first, budget = 0, 1 - self.slo.good
        for place, at in enumerate(self._at):
            while self._at[first] <= at - seconds:
                first += 1
            total = self._totals[place + 1] - self._totals[first]
            bad = self._bads[place + 1] - self._bads[first]
            yield at, bad / total / budget

    def fired(self, alerts: Sequence[Alert] = ALERTS) -> list[Fired]:
        """The alerts of the workbook that would have fired, each at its first moment.

        A window that is longer than the records so far is not full yet and fires nothing.
        """
        found = []
        for alert in alerts:
            both = zip(self._rates(alert.long), self._rates(alert.short), strict=True)
            at = next(
                (
                    at
                    for (at, long), (_, short) in both
                    if at - self._at[0] >= alert.long and long > alert.burn < short
                ),
                None,
            )
            if at is not None:
                found.append(Fired(alert, at))
        return found

    # -- to look at ------------------------------------------------------------------------------

    def rows(self) -> list[tuple[str, str]]:
        """What is shown: a name and a value in each line."""
        if not self.requests:
            return [("Objective", str(self.slo)), ("Requests", "none")]
        rows = [
            ("Objective", str(self.slo)),
            ("Requests", f"{self.requests:,}, {self.bad:,} of them not good"),
            ("Attainment", f"{_share(self.attainment)}: {'met' if self.met else 'missed'}"),
            ("Allowed in these requests", f"{self.allowed:,.1f} bad ones"),
            (f"Error budget left of {_time(self.slo.window)}", f"{self.budget_left:.1%}"),
            ("Burn rate over all", f"{self.burn_rate:,.2f}"),
        ]
        for seconds in (300.0, 3_600.0, 6 * 3_600.0, 3 * 86_400.0):
            if seconds <= self.seconds:
                burn = self.burn(seconds)
                rows.append(
                    (f"Fastest burn in {_time(seconds)}", f"{burn.rate:,.2f}, until {_time(burn.at)}")
                )
        rows += [
            (f"Alert ({one.alert.severity})", f"burn rate above {one.alert.burn:g} in {_time(one.alert.long)}: "
             f"fires at {_time(one.at)}")
            for one in self.fired()
        ]  # fmt: skip
        return rows

    def __repr__(self) -> str:
        rows = self.rows()
        wide = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{wide}}  {value}" for name, value in rows)

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th><td style='text-align:left'>{escape(value)}</td></tr>"
            for name, value in self.rows()
        )
        return f"<table>{cells}</table>"


def _share(value: float) -> str:
    """A share in percent, with as many digits as tell it from 100 %."""
    digits = 2
    while digits < 6 and value < 1 and round(value * 100, digits) >= 100:
        digits += 1
    text = f"{value * 100:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.')} %"


def _time(seconds: float) -> str:
    """A time in words: 0.3 s, 5 min, 1 h 30 min, 30 d."""
    if seconds < 60:
        return f"{seconds:g} s" if seconds == int(seconds) or seconds < 10 else f"{seconds:.1f} s"
    rest, parts = round(seconds), []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(itertools.islice(parts, 2))
