"""The meter: usage of a period times the price table, with what could not be priced said."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from labkit.cost import prices as price_table
from labkit.cost import services
from labkit.cost.usage import HOURS_IN_A_MONTH, Period, Usage
from labkit.errors import UsageError

if TYPE_CHECKING:
    from labkit.cost.prices import Price, PriceTable
    from labkit.sandbox import Sandbox

_EPOCH: Final = 1_000_000_000
"""From here on a number is seconds since 1970; below it is a mark of the trace."""
MONTH: Final = "month"


@dataclass(frozen=True, slots=True)
class Line:
    """One position: so many units in one Region, what they cost at list price, and how much the free tier takes off."""

    service: str
    unit: str
    region: str
    amount: float
    price: Price
    cost: float
    free: float

    @property
    def resources(self) -> str:
        """What the units are called."""
        return self.price.what


@dataclass(frozen=True, slots=True)
class Bill:
    """The positions of a period, and what is not among them. `shares` is list cost by resource."""

    lines: tuple[Line, ...]
    shares: tuple[tuple[str, str, str, float, float], ...]
    """(service, unit, resource, units, cost): the parts the positions are made of, at list price."""
    not_priced: tuple[str, ...]
    begin: float
    end: float
    scale: float
    region: str

    @property
    def cost(self) -> float:
        """US dollars at list price."""
        return sum(line.cost for line in self.lines)

    @property
    def free(self) -> float:
        """What the free tier takes off."""
        return sum(line.free for line in self.lines)

    @property
    def total(self) -> float:
        """US dollars to pay."""
        return self.cost - self.free


def start_of(sandbox: Sandbox, since: object) -> tuple[int, float]:
    """A mark of the trace and a time from what somebody calls the beginning. Raises `UsageError`."""
    now = sandbox.clock.time()
    if since is None:
        return 0, -math.inf
    if isinstance(since, timedelta):
        return 0, now - since.total_seconds()
    if isinstance(since, datetime):
        return 0, (since if since.tzinfo else since.replace(tzinfo=UTC)).timestamp()
    if isinstance(since, (int, float)) and not isinstance(since, bool) and 0 <= since < math.inf:
        if since >= _EPOCH:
            return 0, float(since)
        mark = int(since)
        earlier = [event.time for event in sandbox.trace if event.sequence <= mark]
        return mark, max(earlier, default=-math.inf)
    raise UsageError(
        "since is a mark of the trace (lab.sandbox.trace.mark()), a time, or how long ago: "
        f"lab.bill(since=timedelta(hours=1)). It is {since!r}."
    )


def period_of(sandbox: Sandbox, since: object = None) -> Period:
    """The stretch from `since` until now."""
    mark, begin = start_of(sandbox, since)
    story = tuple(sandbox.trace)
    events = tuple(event for event in story if event.sequence > mark and event.time >= begin)
    return Period(sandbox, begin, sandbox.clock.time(), events, story)


def bill(
    sandbox: Sandbox, since: object = None, scale: float | str = 1, table: PriceTable | None = None
) -> Bill:
    """What happened since a moment, priced. `scale` multiplies it; "month" goes on like this for a month."""
    table = table or price_table.table()
    period = period_of(sandbox, since)
    used = list(services.measure(period))
    factor = _factor(scale, period, used)
    called = {event.service for event in period.events if event.kind == "call" and not event.error}
    told = services.left_out(called | {one.service for one in used})
    priced, unknown = _split(used, table)
    begin = period.begin if math.isfinite(period.begin) else _first(period, used)
    return Bill(
        *priced_lines(priced, table, factor),
        (*unknown, *told),
        begin,
        period.end,
        factor,
        sandbox.region,
    )


def _first(period: Period, used: Iterable[Usage]) -> float:
    times = [event.time for event in period.events[:1]] + [one.begin for one in used]
    return min(times, default=period.end)


def _factor(scale: float | str, period: Period, used: list[Usage]) -> float:
    if scale == MONTH:
        begin = period.begin if math.isfinite(period.begin) else _first(period, used)
        hours = (period.end - begin) / 3600
        if hours < 1 / 60:
            raise UsageError(
                "Less than a minute has passed, from which nobody can tell a month. Advance the clock first: "
                "lab.clock.advance(hours=1)."
            )
        return HOURS_IN_A_MONTH / hours
    if isinstance(scale, (int, float)) and not isinstance(scale, bool) and 0 < scale < math.inf:
        return float(scale)
    raise UsageError(f'scale is a number above 0, or "month" for a month like this. It is {scale!r}.')


def _split(used: list[Usage], table: PriceTable) -> tuple[list[Usage], list[str]]:
    priced: list[Usage] = []
    unknown: dict[str, None] = {}
    for one in used:
        if table.find(one.service, one.unit, one.region) is not None:
            priced.append(one)
        else:
            unknown[f"{one.service}: {one.unit.replace('_', ' ')} in {one.region} (no price found)."] = None
    return priced, list(unknown)


def priced_lines(
    used: Iterable[Usage], table: PriceTable, factor: float = 1
) -> tuple[tuple[Line, ...], tuple[tuple[str, str, str, float, float], ...]]:
    """Positions by unit and Region. Tiers and the free tier count the sum, as on a monthly bill."""
    sums: dict[tuple[str, str, str], float] = {}
    parts: dict[tuple[str, str, str, str], float] = {}
    for one in used:
        key = (one.service, one.unit, one.region)
        sums[key] = sums.get(key, 0) + one.amount * factor
        parts[(*key, one.resource)] = parts.get((*key, one.resource), 0) + one.amount * factor
    pools: dict[str, float] = {}
    lines = []
    for (service, unit, region), amount in sums.items():
        price = table.get(service, unit, region)
        free = take_free(price, amount, pools)
        cost = price.cost(amount)
        lines.append(Line(service, unit, region, amount, price, cost, cost - price.cost(amount, free)))
    costs = {(line.service, line.unit, line.region): line for line in lines}
    shares = tuple(
        (
            service,
            unit,
            resource,
            amount,
            costs[service, unit, region].cost * amount / sums[service, unit, region],
        )
        for (service, unit, region, resource), amount in parts.items()
        if sums[service, unit, region]
    )
    return tuple(lines), shares


def take_free(price: Price, amount: float, pools: dict[str, float]) -> float:
    """How many units of a month cost nothing. Units that share a free amount take it in turn."""
    pool = price.pool or f"{price.service} {price.unit} {price.region}"
    taken = min(amount, max(0.0, price.free - pools.get(pool, 0)))
    pools[pool] = pools.get(pool, 0) + taken
    return taken


def estimate(service: str, unit: str, amount: float, region: str, table: PriceTable | None = None) -> Line:
    """What so many units in a month would cost. Raises `NotFound`, `NotPriced` or `UsageError`."""
    for name, value in (("service", service), ("unit", unit), ("region", region)):
        if not isinstance(value, str) or not value.strip():
            raise UsageError(
                f'The {name} is a text: lab.price("sqs", "requests", 50_000_000). It is {value!r}.'
            )
    if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not 0 <= amount < math.inf:
        raise UsageError(
            f'The amount is a number, 0 or more: lab.price("sqs", "requests", 50_000_000). It is {amount!r}.'
        )
    price = (table or price_table.table()).get(service, unit, region)
    free = take_free(price, float(amount), {})
    cost = price.cost(amount)
    return Line(service, unit, region, float(amount), price, cost, cost - price.cost(amount, free))


def sums_by(
    shares: Iterable[tuple[str, str, str, float, float]], names: Mapping[str, str]
) -> dict[str, float]:
    """List cost by what `names` calls each resource; resources without a name stay together."""
    found: dict[str, float] = {}
    for _service, _unit, resource, _amount, cost in shares:
        name = names.get(resource, "")
        found[name] = found.get(name, 0) + cost
    return found
