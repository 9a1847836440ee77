"""One table of the console, and what all of them share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

LONGEST: Final = 44


@dataclass(frozen=True, slots=True)
class Section:
    """One table. `word` is the service's word (its pictogram). Columns that begin with "#" hold numbers.

    The last cell of the rows in `alerts` wants attention. A `deep` table is shown only to who asks for its service.
    """

    word: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    noun: tuple[str, str]
    alerts: frozenset[int] = frozenset()
    deep: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.lstrip("#") for column in self.columns)

    def shown(self, most: int) -> tuple[tuple[str, ...], ...]:
        """At most `most` rows."""
        return self.rows[:most]


def elsewhere(sandbox: Sandbox, account: str, region: str) -> str:
    """Where a thing is, when that is not where the lab is. Global services have no Region."""
    parts = [region] if "-" in region and region != sandbox.region else []
    parts += [f"account {account}"] if account != sandbox.account else []
    return f" ({', '.join(parts)})" if parts else ""


def alerting(rows: Sequence[tuple[str, ...]], fine: tuple[str, ...]) -> frozenset[int]:
    """The rows whose last cell does not say that all is well."""
    return frozenset(place for place, row in enumerate(rows) if row[-1] not in fine)
