"""The account as a person would want to look at it: `lab.console()`.

Resources by service, the clock, the last errors, the last events. It is one card with a complete text form. In a
live kernel, buttons below it move the clock; each does what a call does. Looking changes nothing.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from labkit.drawing.icons import ALIASES, SERVICES
from labkit.drawing.picture import MEDIA_TYPE
from labkit.drawing.tally import denied
from labkit.drawing.timeline_words import clock_time, cut, date_of, moment, spoken
from labkit.errors import NotFound, UsageError
from labkit.judging.card import Card, code, esc, plural, wrap
from labkit.judging.style import page
from labkit.notebook.cards import head
from labkit.notebook.console_section import Section
from labkit.notebook.console_sections import sections
from labkit.notebook.tracetable import COLUMNS, TraceTable, about
from labkit.sandbox.trace import Event, short_name

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

MOST_ROWS: Final = 12
_ERRORS: Final = 3
_EVENTS: Final = 6
_SHORT: Final = 12
"""A cell of so many characters stands in one line, such as `$LATEST`."""
_CALL: Final = "lab.clock.advance(minutes=5)"


@dataclass(frozen=True, slots=True)
class ClockFace:
    """The clock as it was: the time, how far it is ahead, and what falls due next (all in words)."""

    time: str
    date: str
    ahead: str
    next: str


@dataclass(frozen=True, eq=False, repr=False)
class Console(Card):
    """The account at one moment."""

    account: str
    region: str
    clock: ClockFace
    sections: tuple[Section, ...]
    errors: tuple[str, ...]
    errors_before: int
    events: TraceTable
    most: int = MOST_ROWS

    @property
    def title(self) -> str:
        """Which account it is."""
        return f"Account {self.account}, Region {self.region}"

    def html(self) -> str:
        """The card as HTML."""
        face = self.clock
        clock = (
            f'<div class="lk-clock"><span class="lk-time">{face.time}</span>'
            f'<span class="lk-facts">{face.date} UTC, {esc(face.ahead)}<br>{esc(face.next)}</span></div>'
        )
        parts = [head("CONSOLE", self.title), clock]
        parts += [_section_html(section, self.most) for section in self.sections] or [
            '<p class="lk-lead">There is nothing in this account yet.</p>'
        ]
        parts += [_heading("", "Last errors"), self._errors_html()]
        parts += [_heading("", "Last events"), self._events_html()]
        how = f"Move the clock: {code(_CALL)} Look again: {code('lab.console()')}"
        return page("".join(parts) + f'<p class="lk-small">{how}</p>', label="Console", css="console")

    def _errors_html(self) -> str:
        if not self.errors:
            return '<p class="lk-note">No call has failed.</p>'
        items = "".join(f"<li>{esc(line)}</li>" for line in self.errors)
        return f'<ul class="lk-errors">{items}</ul>{self._more_errors("<p class=lk-note>", "</p>")}'

    def _more_errors(self, before: str, after: str) -> str:
        if not self.errors_before:
            return ""
        return f"{before}And {plural(self.errors_before, 'error')} before.{after}"

    def _events_html(self) -> str:
        if not self.events.events:
            return '<p class="lk-note">Nothing has happened yet.</p>'
        return _table(COLUMNS, self.events.rows())

    def text(self) -> str:
        """The card as text."""
        face = self.clock
        lines = [wrap(self.title, "CONSOLE  ")]
        lines += [wrap(f"Clock: {face.date} {face.time} UTC, {face.ahead}. {face.next}", "  ")]
        lines += [f"  > Move it: {_CALL}", ""]
        if not self.sections:
            lines += ["  There is nothing in this account yet.", ""]
        for section in self.sections:
            lines += [*_section_text(section, self.most), ""]
        lines += ["  Last errors"]
        lines += [wrap(line, "    ", "      ") for line in self.errors] or ["    No call has failed."]
        lines += [self._more_errors("    ", "")] if self.errors_before else []
        events = self.events.text().splitlines()[1:] or ["  Nothing has happened yet."]
        lines += ["", "  Last events", *(f"  {line}" for line in events)]
        return "\n".join(lines)

    def data(self) -> dict[str, Any]:
        """The account for programs."""
        tables = {
            section.title: [dict(zip(section.names, row, strict=True)) for row in section.rows]
            for section in self.sections
        }
        clock = {"time": f"{self.clock.date}T{self.clock.time}Z", "next": self.clock.next}
        return {MEDIA_TYPE: {"version": 1, "kind": "console", "clock": clock, "resources": tables}}


def console(sandbox: Sandbox, service: str | None = None, most: int = MOST_ROWS) -> Console:
    """The account as it is now. `service` shows only one ("sqs"), `most` is how many rows each table has.

    Raises `NotFound` for a service that has nothing in the account.
    """
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise UsageError(f"most is how many rows to show, such as lab.console(most=50). It is {most!r}.")
    with sandbox.lock:
        found = sections(sandbox)
        events = list(sandbox.trace)
        face = clock_face(sandbox)
    found = [section for section in found if not section.deep] if service is None else _only(found, service)
    errors = [event for event in events if event.error]
    last = TraceTable.of(events, _EVENTS)
    return Console(
        account=sandbox.account,
        region=sandbox.region,
        clock=face,
        sections=tuple(found),
        errors=tuple(_error(event) for event in reversed(errors[-_ERRORS:])),
        errors_before=max(0, len(errors) - _ERRORS),
        events=last,
        most=most,
    )


def clock_face(sandbox: Sandbox) -> ClockFace:
    """The clock in words."""
    clock = sandbox.clock
    now, ahead = clock.time(), clock.ahead.total_seconds()
    waiting = clock.waiting
    told = "Nothing is due."
    if waiting:
        due = waiting[0]
        subject = next((short_name(one) for one in due.args if isinstance(one, str)), "")
        when = (
            "now"
            if due.when <= now
            else f"in {spoken(max(1, due.when - now))}, at {moment(due.when, date_of(now))}"
        )
        told = f"Next: {when}{f', for {cut(subject, 40)}' if subject else ''}."
    return ClockFace(
        time=clock_time(now),
        date=date_of(now),
        ahead="in step with real time" if ahead < 1 else f"{spoken(ahead)} ahead of real time",
        next=told,
    )


def _only(found: list[Section], service: str) -> list[Section]:
    word = ALIASES.get(service.strip().casefold(), service.strip().casefold())
    kept = [section for section in found if word in (section.word, section.title.casefold())]
    if not kept:
        known = [section.word for section in found]
        raise NotFound("service with anything in the account", service, known)
    return kept


def _error(event: Event) -> str:
    what = f"{clock_time(event.time)}  {event.service} {event.action}"
    name = cut(about(event), 60)
    why = event.note if event.note and denied(event.error) else event.message
    told = f"{event.error}: {why}" if why else event.error
    return f"{what}{f' on {name}' if name else ''}: {cut(told, 200)}"


# -- one section -----------------------------------------------------------------------------------


def _section_html(section: Section, most: int) -> str:
    title = f"{section.title}: {plural(len(section.rows), *section.noun)}"
    table = _table(section.columns, section.shown(most), section.alerts)
    note = _more(section, most)
    return _heading(section.word, title) + table + (f'<p class="lk-note">{esc(note)}</p>' if note else "")


def _more(section: Section, most: int) -> str:
    left = len(section.rows) - most
    if left <= 0:
        return ""
    return f"And {plural(left, *section.noun)} more: lab.console(most={len(section.rows)})"


def _heading(word: str, title: str) -> str:
    return f'<p class="lk-section">{_tile(word) if word else ""}<strong>{esc(title)}</strong></p>'


def _tile(word: str) -> str:
    service = SERVICES.get(word, SERVICES["generic"])
    strokes = 'fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"'
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48">'
        f'<rect width="48" height="48" rx="9" fill="{service.colour}"/><g {strokes}>{service.markup}</g></svg>'
    )
    uri = "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
    return f'<img src="{uri}" alt="" width="24" height="24">'


def _table(columns: tuple[str, ...], rows: Any, alerts: frozenset[int] | None = None) -> str:
    kinds = ["lk-num" if column.startswith("#") else "" for column in columns]
    titles = "".join(
        f'<th scope="col"{_class(kind)}>{esc(column.lstrip("#"))}</th>'
        for column, kind in zip(columns, kinds, strict=True)
    )
    body = "".join(
        f"<tr>{_cells(row, kinds, alert=place in (alerts or ()))}</tr>" for place, row in enumerate(rows)
    )
    things = alerts is not None and not columns[0].startswith("time")  # a time needs no wide column
    return (
        f'<div class="lk-wide{" lk-things" if things else ""}" tabindex="0" role="region" '
        'aria-label="Table"><table>'
        f"<thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _class(*names: str) -> str:
    found = " ".join(filter(None, names))
    return f' class="{found}"' if found else ""


def _cells(row: tuple[str, ...], kinds: list[str], alert: bool) -> str:
    cells = [
        f"<td{_class(kind, 'lk-short' if len(cell) <= _SHORT else '')}>{esc(cell) or '&#8211;'}</td>"
        for cell, kind in zip(row, kinds, strict=True)
    ]
    cells[0] = f'<th scope="row"{_class(kinds[0])}>{esc(row[0]) or "&#8211;"}</th>'
    if alert:
        cells[-1] = f'<td class="lk-is-fail">{esc(row[-1])}</td>'
    return "".join(cells)


def _section_text(section: Section, most: int) -> list[str]:
    titles = section.names
    shown = [titles, *section.shown(most)]
    widths = [max(len(row[place]) for row in shown) for place in range(len(titles))]
    lines = [f"  {section.title}: {plural(len(section.rows), *section.noun)}"]
    for row in shown:
        cells = [
            f"{cell or '-':>{wide}}" if column.startswith("#") else f"{cell:<{wide}}"
            for cell, wide, column in zip(row, widths, section.columns, strict=True)
        ]
        lines.append(f"    {'  '.join(cells)}".rstrip())
    more = _more(section, most)
    return [*lines, f"    {more}"] if more else lines
