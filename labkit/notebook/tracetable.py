"""The last events of the account as a table: `lab.trace()`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from labkit.judging.card import WIDTH, Card, clean, esc, plural
from labkit.judging.style import page
from labkit.notebook.cards import head

if TYPE_CHECKING:
    from labkit.sandbox.trace import Event

COLUMNS: Final = ("time (UTC)", "service", "action", "resource", "caller", "result")
_RESULT: Final = 60
_ECHOES: Final = frozenset(
    {"MessageSent", "MessageReceived", "MessageDeleted", "VisibilityChanged", "QueuePurged"}
)
"""Changes that say no more than the call that made them, which stands beside them."""


@dataclass(frozen=True, eq=False, repr=False)
class TraceTable(Card):
    """Events, oldest first. Iterate or index it to get the `Event` objects."""

    events: tuple[Event, ...]
    total: int

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)

    def __getitem__(self, place: int) -> Event:
        return self.events[place]

    @classmethod
    def of(cls, events: Sequence[Event], most: int) -> TraceTable:
        """The last `most` of these events, without mere echoes of calls."""
        telling = [event for event in events if event.kind != "state" or event.action not in _ECHOES]
        return cls(tuple(telling[-most:]), len(telling))

    @property
    def title(self) -> str:
        """What is shown of how much."""
        if not self.events:
            return "Nothing like that has happened yet"
        if len(self.events) == self.total:
            return f"{plural(self.total, 'event')}, oldest first"
        return f"the last {len(self.events):,} of {plural(self.total, 'event')}, oldest first"

    def rows(self) -> list[tuple[str, ...]]:
        """The cells of the table as text."""
        return [_row(event) for event in self.events]

    def html(self) -> str:
        """The table as HTML."""
        titles = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
        rows = "".join(
            "<tr>" + "".join(_cell(text, event, place) for place, text in enumerate(row)) + "</tr>"
            for event, row in zip(self.events, self.rows(), strict=True)
        )
        table = (
            '<div class="lk-wide" tabindex="0" role="region" aria-label="Trace"><table>'
            f"<thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table></div>"
        )
        return page(head("TRACE", self.title) + (table if rows else ""), label="Trace", css="trace")

    def text(self) -> str:
        """The table as text, columns as wide as they need to be."""
        lines = [f"TRACE  {self.title}"]
        if not self.events:
            return lines[0]
        return "\n".join(lines + _columns([COLUMNS, *self.rows()]))

    def data(self) -> dict[str, Any]:
        """Nothing further: programs read `lab.sandbox.trace`."""
        return {}


def _row(event: Event) -> tuple[str, ...]:
    from labkit.sandbox.trace import short_name

    at = datetime.fromtimestamp(event.time, UTC)
    return (
        f"{at:%H:%M:%S}",
        event.service,
        event.action,
        clean(short_name(event.resource)),
        event.caller,
        _result(event),
    )


def _result(event: Event) -> str:
    """The error, or what came back, in one short line."""
    if event.error:
        told = f"{event.error}: {event.message}" if event.message else event.error
        return _short("ERROR " + told, 2 * _RESULT)
    if event.note:
        return _short(event.note, 2 * _RESULT)
    data = event.result if event.kind == "call" else event.params
    pairs = [f"{key}={_value(value)}" for key, value in (data or {}).items() if _tells(key, value)]
    return _short(", ".join(pairs), _RESULT) or "ok"


def _tells(key: str, value: object) -> bool:
    return value is not None and key != "ResponseMetadata" and not key.startswith("MD5")


def _value(value: Any) -> str:
    from labkit.sandbox.trace import short_name

    if isinstance(value, (list, tuple)):
        return plural(len(value), "entry", "entries")
    if isinstance(value, dict):
        return plural(len(value), "field")
    return short_name(value) if isinstance(value, str) else str(value)


def _short(text: str, most: int) -> str:
    one_line = " ".join(clean(text).split())
    return one_line if len(one_line) <= most else one_line[: most - 3] + "..."


def _cell(text: str, event: Event, place: int) -> str:
    failed = event.error and place == len(COLUMNS) - 1
    return f'<td class="lk-is-fail">{esc(text)}</td>' if failed else f"<td>{esc(text)}</td>"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(COLUMNS) - 1)]
    room = max(20, WIDTH - 2 - sum(width + 2 for width in widths))
    lines = []
    for row in rows:
        left = "".join(f"{cell:<{width}}  " for cell, width in zip(row, widths, strict=False))
        lines.append(f"  {left}{_short(row[-1], room)}".rstrip())
    return lines
