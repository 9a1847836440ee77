"""What the account costs, as a card: `lab.bill()`, and `lab.price("sqs", "requests", 50_000_000)`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from labkit.errors import UsageError
from labkit.judging.card import Card, clean, esc, prose, wrap
from labkit.judging.style import page
from labkit.notebook.cards import head

if TYPE_CHECKING:
    from labkit.cost.meter import Bill, Line
    from labkit.cost.prices import Price
    from labkit.sandbox import Sandbox

BILL: Final = "application/vnd.labkit.bill+json"
PRICE: Final = "application/vnd.labkit.price+json"
MARK: Final = "unverified"
_WAYS: Final = ("service", "resource", "tag")
_UNSURE: Final = (
    "unverified: third parties say so, and nobody of us has read it in AWS's own text. "
    "Compare with the source before you decide on it."
)


def bill_card(sandbox: Sandbox, since: object, by: str, scale: float | str) -> BillCard:
    """The bill of an account since a moment, sorted by service, resource or tag."""
    if (
        not isinstance(by, str)
        or by.partition(":")[0] not in _WAYS
        or (":" in by and not by.startswith("tag:"))
    ):
        raise UsageError(f'by is "service", "resource", "tag" or a tag such as "tag:owner". It is {by!r}.')
    key = by.partition(":")[2] or "project"
    from labkit.cost import meter

    made = meter.bill(sandbox, since, scale)
    groups: tuple[tuple[str, float], ...] = ()
    if by == "resource":
        groups = _groups(_by_resource(made), "(no resource named)")
    elif by != "service":
        from labkit.cost.tags import named_by

        names = named_by(sandbox, {part[2] for part in made.shares}, key)
        names = {resource: f"{key}={value}" for resource, value in names.items()}
        groups = _groups(meter.sums_by(made.shares, names), f"(no tag {key})")
    sandbox.trace.record(
        "state", "lab", "BillShown", caller="learner", params={"Total": round(made.total, 6)}
    )
    return BillCard(made, groups)


def price_card(sandbox: Sandbox, service: str, unit: str, amount: float, region: str | None) -> PriceCard:
    """What so many units would cost in a month."""
    from labkit.cost import meter

    line = meter.estimate(service, unit, amount, sandbox.region if region is None else region)
    params = {"Service": service, "Unit": unit, "Amount": line.amount, "Region": line.region}
    sandbox.trace.record(
        "state", "lab", "PriceAsked", resource=f"{service} {unit}", caller="learner", params=params
    )
    return PriceCard(line)


def _groups(sums: dict[str, float], without: str) -> tuple[tuple[str, float], ...]:
    named = [(name or without, cost) for name, cost in sums.items()]
    return tuple(sorted(named, key=lambda one: (-one[1], one[0])))


def _by_resource(made: Bill) -> dict[str, float]:
    """List cost by resource. A call may name one by its ARN, another by its name: both are the same one."""
    from labkit.cost.usage import last_part

    sums: dict[str, float] = {}
    for service, _unit, resource, _amount, cost in made.shares:
        name = f"{service} {last_part(resource)}" if resource else ""
        sums[name] = sums.get(name, 0) + cost
    return sums


def money(dollars: float) -> str:
    """US dollars: cents, and below a cent the first two digits that count, down to a ten-millionth of a dollar."""
    sign, size = ("-" if dollars < 0 else ""), abs(dollars)
    if size == 0 or size >= 0.01:
        return f"{sign}${size:,.2f}"
    if size < 1e-7:
        return f"{sign}less than $0.0000001"
    digits = f"{size:.12f}"
    first = next(place for place, one in enumerate(digits[2:]) if one != "0")
    return f"{sign}${size:.{first + 2}f}"


def quantity(amount: float) -> str:
    """A number of units: whole ones whole, parts with the digits that count."""
    if amount == int(amount):
        return f"{int(amount):,}"
    if amount >= 0.0001:
        return f"{amount:,.2f}" if amount >= 1 else f"{amount:.3g}"
    return f"{amount:.7f}".rstrip("0") if amount >= 5e-7 else "less than 0.000001"


def rate(price: Price) -> str:
    """A price in words, such as "$0.40 per 1,000,000"."""
    text = f"{price.amount:.10f}".rstrip("0")
    whole, _, part = text.partition(".")
    return f"${whole}.{part.ljust(2, '0')} " + ("each" if price.per == 1 else f"per {price.per:,.0f}")


@dataclass(frozen=True, eq=False, repr=False)
class BillCard(Card):
    """A bill. `total` is what is to pay, `cost` the list price before the free tier, in US dollars."""

    bill: Bill
    groups: tuple[tuple[str, float], ...] = ()

    @property
    def total(self) -> float:
        """US dollars to pay."""
        return self.bill.total

    @property
    def cost(self) -> float:
        """US dollars at list price, before the free tier."""
        return self.bill.cost

    def title(self) -> str:
        """What is billed."""
        begin, end = (
            f"{datetime.fromtimestamp(one, UTC):%d %b %H:%M}" for one in (self.bill.begin, self.bill.end)
        )
        times = f", times {quantity(self.bill.scale)}" if self.bill.scale != 1 else ""
        return f"{money(self.total)} in {self.bill.region}, {begin} to {end} UTC{times}"

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """Service, what, how much, at which price, what it costs."""
        return [
            (line.service, line.price.what + _elsewhere(line, self.bill.region), quantity(line.amount),
             rate(line.price) + ("" if line.price.verified else f" ({MARK})"), money(line.cost))
            for line in self.bill.lines
        ]  # fmt: skip

    def sums(self) -> list[tuple[str, str]]:
        """The lines below the table."""
        free = [("Free tier of a month", money(-self.bill.free))] if self.bill.free else []
        return [("At list price", money(self.cost)), *free, ("To pay", money(self.total))]

    def notes(self) -> list[str]:
        """Dates, doubts, and what is missing."""
        return _notes([line.price for line in self.bill.lines], self.bill.region)

    def html(self) -> str:
        """The bill as HTML."""
        if not self.bill.lines:
            body = f'<p class="lk-lead">{prose(_NOTHING)}</p>'
        else:
            body = _table(
                ("service", "what", "how much", "price", "cost"), self.rows(), (2, 3, 4), self.sums()
            )
        if self.groups:
            rows = [(name, money(cost)) for name, cost in self.groups]
            body += _table(("whose", "at list price"), rows, (1,), [])
        body += "".join(f'<p class="lk-lead">{prose(note)}</p>' for note in self.notes())
        body += _list("Not priced", self.bill.not_priced) + _sources(line.price for line in self.bill.lines)
        return page(head("BILL", self.title()) + body, label="Bill", css="bill")

    def text(self) -> str:
        """The bill as text."""
        lines = [wrap(self.title(), "BILL  ")]
        if not self.bill.lines:
            lines.append(wrap(_NOTHING, "  "))
        for service, what, amount, price, cost in self.rows():
            lines.append(f"  {cost:>12}  {service}: {amount} {what}")
            lines.append(f"  {'':>12}    at {price}")
        if self.bill.lines:
            lines += [f"  {value:>12}  {name}" for name, value in self.sums()]
        if self.groups:
            lines.append("  By whose it is, at list price:")
            lines += [f"  {money(cost):>12}  {clean(name)}" for name, cost in self.groups]
        lines += [wrap(note, "  ") for note in self.notes()]
        lines += _text_list("Not priced", self.bill.not_priced)
        return "\n".join(lines + _text_sources(line.price for line in self.bill.lines))

    def data(self) -> dict[str, Any]:
        """The same for programs."""
        made = self.bill
        return {
            BILL: {
                "region": made.region, "begin": made.begin, "end": made.end, "scale": made.scale, "currency": "USD",
                "cost": made.cost, "freeTier": made.free, "total": made.total,
                "lines": [_line_data(line) for line in made.lines],
                "groups": [{"name": name, "cost": cost} for name, cost in self.groups],
                "notPriced": list(made.not_priced),
            }
        }  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class PriceCard(Card):
    """An answer to "what would it cost in a month". `cost` is to pay, after the free tier, in US dollars."""

    line: Line

    @property
    def cost(self) -> float:
        """US dollars a month."""
        return self.line.cost - self.line.free

    def title(self) -> str:
        """The question with its answer."""
        line = self.line
        return f"{quantity(line.amount)} {line.price.what} in a month: {money(self.cost)} in {line.region}"

    def steps(self) -> list[tuple[str, str]]:
        """How the answer comes about."""
        line, price = self.line, self.line.price
        doubt = "" if price.verified else f" ({MARK})"
        steps = [(f"{quantity(line.amount)} at {rate(price)}{doubt}", money(line.cost))]
        for above, amount in price.tiers:
            if line.amount > above:
                steps.append((f"(above {quantity(above)} each at ${amount} per {price.per:,.0f})", ""))
        if line.free:
            steps.append((f"Free tier: {quantity(price.free)} a month cost nothing", money(-line.free)))
        return [*steps, ("To pay", money(self.cost))]

    def html(self) -> str:
        """The answer as HTML."""
        *steps, total = self.steps()
        body = _table(("step", "cost"), steps, (1,), [total])
        body += "".join(
            f'<p class="lk-lead">{prose(note)}</p>' for note in _notes([self.line.price], self.line.region)
        )
        return page(
            head("PRICE", self.title()) + body + _sources([self.line.price]), label="Price", css="bill"
        )

    def text(self) -> str:
        """The answer as text."""
        lines = [wrap(self.title(), "PRICE  ")]
        lines += [f"  {value:>12}  {name}" for name, value in self.steps()]
        lines += [wrap(note, "  ") for note in _notes([self.line.price], self.line.region)]
        return "\n".join(lines + _text_sources([self.line.price]))

    def data(self) -> dict[str, Any]:
        """The same for programs."""
        return {PRICE: _line_data(self.line) | {"total": self.cost, "currency": "USD"}}


_NOTHING: Final = "Nothing that has a price happened in this time."


def _elsewhere(line: Line, home: str) -> str:
    return "" if line.region == home else f", {line.region}"


def _notes(prices: Sequence[Price], region: str) -> list[str]:
    if not prices:
        return []
    oldest, newest = min(one.as_of for one in prices), max(one.as_of for one in prices)
    dates = f"of {oldest}" if oldest == newest else f"of {oldest} to {newest}"
    notes = [
        f"Prices {dates}, in US dollars without taxes, for {region}. The simulation itself costs nothing."
    ]
    unsure = sum(not one.verified for one in prices)
    if unsure:
        which = "This price is" if len(prices) == 1 else f"Of {len(prices)} prices, {unsure} are"
        notes.append(f"{which} {_UNSURE}")
    return notes


def _line_data(line: Line) -> dict[str, Any]:
    price = line.price
    return {
        "service": line.service, "unit": line.unit, "region": line.region, "amount": line.amount, "cost": line.cost,
        "freeTier": line.free, "price": price.amount, "per": price.per, "asOf": price.as_of.isoformat(),
        "status": price.status, "source": price.source, "seen": price.seen,
    }  # fmt: skip


def _table(
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Sequence[int],
    sums: Sequence[tuple[str, str]],
) -> str:
    def cell(place: int, text: str, tag: str = "td") -> str:
        kind = ' class="lk-number"' if place in numbers else ""
        scope = ' scope="col"' if tag == "th" else ""
        marked = esc(text).replace(f"({MARK})", f'<span class="lk-unsure">({MARK})</span>')
        return f"<{tag}{scope}{kind}>{marked}</{tag}>"

    top = "".join(cell(place, title, "th") for place, title in enumerate(titles))
    body = "".join(f"<tr>{''.join(cell(place, text) for place, text in enumerate(row))}</tr>" for row in rows)
    ends = "".join(
        f'<tr class="lk-sum"><td colspan="{len(titles) - 1}">{esc(name)}</td>'
        f'<td class="lk-number">{esc(value)}</td></tr>'
        for name, value in sums
    )
    return (
        '<div class="lk-wide" tabindex="0" role="region" aria-label="Costs"><table>'
        f"<thead><tr>{top}</tr></thead><tbody>{body}{ends}</tbody></table></div>"
    )


def _list(title: str, points: Sequence[str]) -> str:
    if not points:
        return ""
    items = "".join(f"<li>{esc(point)}</li>" for point in points)
    return f"<details><summary>{esc(title)} ({len(points)})</summary><ul>{items}</ul></details>"


def _text_list(title: str, points: Sequence[str]) -> list[str]:
    return [f"  {title}:", *(wrap(point, "  - ", "    ") for point in points)] if points else []


def _told(prices: Iterable[Price]) -> list[str]:
    """For each price: where it stands, where it was read, and what is free."""
    told = []
    for one in prices:
        free = f" Free: {one.free_source}." if one.free else ""
        note = f" {one.note}" if one.note else ""
        told.append(
            f"{one.service} {one.what} ({one.status}, {one.as_of}): {one.source} Read in: {one.seen}.{free}{note}"
        )
    return list(dict.fromkeys(told))


def _sources(prices: Iterable[Price]) -> str:
    return _list("Where the prices come from", _told(prices))


def _text_sources(prices: Iterable[Price]) -> list[str]:
    return _text_list("Where the prices come from", _told(prices))
