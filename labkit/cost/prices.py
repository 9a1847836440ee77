"""Reads data/prices.toml, the dated and sourced table of what AWS charges. Its head explains each key."""

from __future__ import annotations

import functools
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from labkit.errors import LabkitError, NotFound

STATUSES: Final = ("verified", "unverified")
_NEEDED: Final = (
    "service",
    "unit",
    "region",
    "amount",
    "per",
    "currency",
    "as_of",
    "status",
    "source",
    "seen",
)
_OTHER: Final = ("what", "tiers", "free", "free_shared_with", "free_source", "note")
_RESTORE: Final = "Restore data/prices.toml, for example with git."


@dataclass(frozen=True, slots=True)
class Price:
    """What so many units cost. `tiers` are pairs: above so many units in a month, this amount."""

    service: str
    unit: str
    region: str
    what: str
    amount: float
    per: float
    currency: str
    as_of: date
    status: str
    source: str
    seen: str
    tiers: tuple[tuple[float, float], ...] = ()
    free: float = 0
    pool: str = ""
    free_source: str = ""
    note: str = ""

    @property
    def verified(self) -> bool:
        """Whether somebody has read it in AWS's own text."""
        return self.status == "verified"

    def cost(self, units: float, free: float = 0) -> float:
        """US dollars for so many units in a month, of which `free` cost nothing. Tiers count what is paid for."""
        paid = max(0.0, units - free)
        total, below, amount = 0.0, 0.0, self.amount
        for above, next_amount in (*self.tiers, (math.inf, 0.0)):
            total += (min(paid, above) - below) * amount / self.per
            if paid <= above:
                return total
            below, amount = above, next_amount
        return total


class NotPriced(LabkitError):
    """The table has no price for this."""


class PriceTable:
    """All prices, found by service, unit and Region."""

    def __init__(self, prices: list[Price]) -> None:
        self.prices = tuple(prices)
        self._by_name = {(one.service, one.unit, one.region): one for one in prices}

    def find(self, service: str, unit: str, region: str) -> Price | None:
        """The price, or None."""
        return self._by_name.get((service, unit, region))

    def get(self, service: str, unit: str, region: str) -> Price:
        """The price. Raises `NotFound` with the nearest names, or `NotPriced` for a Region without it."""
        services = sorted({one.service for one in self.prices})
        if service not in services:
            raise NotFound("service in the price table", service, services)
        units = sorted({one.unit for one in self.prices if one.service == service})
        if unit not in units:
            raise NotFound(f"unit of {service}", unit, units)
        found = self.find(service, unit, region)
        if found is None:
            others = sorted({one.region for one in self.prices if (one.service, one.unit) == (service, unit)})
            raise NotPriced(
                f"The price table has no price for {service} {unit} in {region}. It has one for {', '.join(others)}: "
                f'pass region="{others[0]}".'
            )
        return found


def default_path() -> Path:
    """Where the table is: `data/` of the clone, or of the installed package."""
    package = Path(__file__).resolve().parent.parent
    clone, wheel = package.parent / "data" / "prices.toml", package / "_workbook" / "data" / "prices.toml"
    return wheel if wheel.is_file() and not clone.is_file() else clone


def table() -> PriceTable:
    """The table that belongs to this labkit."""
    return read(default_path())


@functools.lru_cache(maxsize=4)
def read(path: Path) -> PriceTable:
    """The prices of a file. Raises `LabkitError`, which names the flaw and the cure."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LabkitError(f"The price table {path} is missing. {_RESTORE}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise LabkitError(f"The price table {path} cannot be read: {error}. {_RESTORE}") from None
    rows = raw.get("price")
    if not isinstance(rows, list) or not rows:
        raise LabkitError(f"The price table {path} holds no prices. {_RESTORE}")
    prices = [_price(row, number, path) for number, row in enumerate(rows, 1)]
    seen: set[tuple[str, str, str]] = set()
    for one in prices:
        key = (one.service, one.unit, one.region)
        if key in seen:
            raise LabkitError(
                f"The price table {path} prices {' '.join(key)} twice. Leave the newer one in, and delete the other."
            )
        seen.add(key)
    return PriceTable(prices)


def _price(row: Any, number: int, path: Path) -> Price:
    flaw = _flaw(row)
    if flaw:
        name = (
            f"{row.get('service')} {row.get('unit')} {row.get('region')}" if isinstance(row, Mapping) else "?"
        )
        raise LabkitError(f"The price table {path} is wrong at price {number} ({name}): {flaw} {_RESTORE}")
    return Price(
        service=row["service"], unit=row["unit"], region=row["region"], what=row.get("what", row["unit"]),
        amount=float(row["amount"]), per=float(row["per"]), currency=row["currency"], as_of=row["as_of"],
        status=row["status"], source=row["source"], seen=row["seen"],
        tiers=tuple((float(one["above"]), float(one["amount"])) for one in row.get("tiers", ())),
        free=float(row.get("free", 0)), pool=row.get("free_shared_with", ""),
        free_source=row.get("free_source", ""), note=row.get("note", ""),
    )  # fmt: skip


def _flaw(row: Any) -> str:
    """What is wrong with a row of the table, in one sentence; nothing when it is right."""
    if not isinstance(row, Mapping):
        return "It is no table of keys and values."
    missing = [key for key in _NEEDED if key not in row]
    if missing:
        return f"It has no {' and no '.join(missing)}."
    strange = sorted(set(row) - set(_NEEDED) - set(_OTHER))
    if strange:
        return f"It has a key that means nothing: {', '.join(strange)}."
    for key in ("service", "unit", "region", "source", "seen"):
        if not isinstance(row[key], str) or not row[key].strip():
            return f"Its {key} is no text."
    if row["status"] not in STATUSES:
        return f"Its status is {row['status']!r}; it can be {' or '.join(STATUSES)}."
    if row["currency"] != "USD":
        return "Its currency is not USD."
    if type(row["as_of"]) is not date:
        return "Its as_of is no date, such as 2026-11-23."
    if not _is_number(row["amount"]) or not _is_number(row["per"]) or row["per"] == 0:
        return "Its amount and per must be numbers, not negative, and per not 0."
    if not _is_number(row.get("free", 0)) or (row.get("free") and not row.get("free_source")):
        return "Its free amount must be a number and needs a free_source."
    return _tiers_flaw(row.get("tiers", []))


def _tiers_flaw(tiers: Any) -> str:
    if not isinstance(tiers, list) or not all(
        isinstance(one, Mapping) and _is_number(one.get("above")) and _is_number(one.get("amount"))
        for one in tiers
    ):
        return "Its tiers must be a list of { above = ..., amount = ... }."
    limits = [one["above"] for one in tiers]
    return "" if limits == sorted(set(limits)) else "Its tiers are not in rising order."


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf
