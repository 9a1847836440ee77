"""The last events of the account as a table: `lab.trace()`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from labkit.drawing.tally import denied, plain
from labkit.judging.card import WIDTH, Card, clean, esc, plural, wrap
from labkit.judging.style import page
from labkit.notebook.cards import head

if TYPE_CHECKING:
    from labkit.sandbox.trace import Event

COLUMNS: Final = ("time (UTC)", "service", "action", "resource", "caller", "result")
_RESULT: Final = 60
_NAME: Final = 26
_ID: Final = re.compile(r"(:[0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f-]{22,}$")
"""The id of a subscription, of which the beginning is enough."""
_WIDEST: Final = (10, 14, 20, 30, 20)
"""Characters a cell of the text form has at most."""
_LEAST: Final = 8
_BELOW: Final = "            "
"""Before a result that has no room at the end of its line."""
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
    at = datetime.fromtimestamp(event.time, UTC)
    return (
        f"{at:%H:%M:%S}",
        event.service,
        event.action,
        about(event),
        _caller(event.caller),
        _result(event),
    )


def about(event: Event) -> str:
    """The resource; for what is on its way, also where it goes."""
    params = event.params
    ends = [params.get("source"), params.get("target")]
    if event.action == "MessageFiltered":
        ends = [event.resource, params.get("Endpoint")]
    if all(isinstance(end, str) and end for end in ends):
        return " > ".join(_short(_name(str(end)), _NAME) for end in ends)
    if event.action == "PutEvents" and not event.resource:
        given = event.params.get("Entries")
        entries = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
        buses = dict.fromkeys(_name(str(one.get("EventBusName") or "default")) for one in entries)
        return _short(", ".join(buses), 2 * _NAME)
    return _short(_name(event.resource), 2 * _NAME)


def _name(resource: str) -> str:
    """What an ARN or an address is called."""
    from labkit.sandbox.trace import short_name

    if resource.startswith(("http://", "https://")) and "amazonaws.com" not in resource:
        return resource.partition("://")[2].partition("?")[0].rstrip("/")
    return _ID.sub(r"\1", short_name(resource.removeprefix("mailto:").removeprefix("tel:")))


def _caller(name: str) -> str:
    """Who did it. The session of a role is its name and that of the session."""
    return _short(name.removeprefix("assumed-role/"), 2 * _NAME)


def _result(event: Event) -> str:
    """The error, or what came back, in one short line. What decided is told rather than AWS's own long sentence."""
    tries = int(event.params.get("Attempt") or 0)
    again = f"try {tries}: " if tries > 1 and event.kind in ("delivery", "refused") else ""
    if event.error:
        told = event.note if event.note and denied(event.error) else event.message
        word = "REFUSED" if event.kind == "refused" else "ERROR"
        return _short(f"{word} {again}{event.error}{': ' if told else ''}{plain(told)}", 3 * _RESULT)
    if event.kind == "invocation":
        return _run(event)
    if event.note:
        return _short(again + plain(event.note), 2 * _RESULT)
    if event.kind == "delivery" and (told := _delivery(event)):
        return again + told
    data = event.result if event.kind == "call" else event.params
    pairs = [f"{key}={_value(value)}" for key, value in (data or {}).items() if _tells(key, value)]
    return _short(", ".join(pairs), _RESULT) or "ok"


def _run(event: Event) -> str:
    """How a function ran."""
    params = event.params
    start = f", cold start {float(params['InitMs']):,.0f} ms" if params.get("InitMs") else ""
    again = f", try {params['Attempt']}" if int(params.get("Attempt") or 1) > 1 else ""
    note = f". {event.note}" if event.note else ""
    return _short(f"ran {float(params.get('DurationMs') or 0):,.0f} ms{start}{again}{note}", 2 * _RESULT)


def _delivery(event: Event) -> str:
    """What was delivered or put aside, where no statement decided."""
    params = event.params
    if "Size" in params:
        left = f", {params['Failed']} of them failed" if params.get("Failed") else ""
        return f"{plural(int(params['Size']), 'record')} in one batch{left}"
    if event.action == "DeadLettered":
        why = f"after {plural(int(params.get('Retries') or 0), 'retry', 'retries')}"
        return ", ".join(filter(None, (why, str(params.get("Condition") or ""))))
    return "arrived" if event.action == "Delivered" else ""


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
    failed = (event.error or event.kind == "refused") and place == len(COLUMNS) - 1
    return f'<td class="lk-is-fail">{esc(text)}</td>' if failed else f"<td>{esc(text)}</td>"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    rows = [
        (*(_short(cell, most) for cell, most in zip(row, _WIDEST, strict=False)), row[-1]) for row in rows
    ]
    widths = [max(len(row[place]) for row in rows) for place in range(len(COLUMNS) - 1)]
    room = max(_LEAST, WIDTH - 2 - sum(width + 2 for width in widths))
    lines = []
    for row in rows:
        left = "".join(f"{cell:<{width}}  " for cell, width in zip(row, widths, strict=False))
        told = row[-1]
        cramped = room == _LEAST or len(told) > _RESULT or told.startswith(("ERROR", "REFUSED"))
        below = cramped and len(told) > room
        lines.append(f"  {left}{'' if below else _short(told, room)}".rstrip())
        lines += [wrap(told, _BELOW)] if below else []
    return lines
