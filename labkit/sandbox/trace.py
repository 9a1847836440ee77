"""The one ordered record of what happened in the account.

Every API call, delivery, refusal and change of state is one `Event`. Figures, feedback and checks
read this record; nobody keeps a second one. Each event knows the virtual time, who caused it, and the
number of the event it followed from.
"""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from labkit.errors import UsageError

KINDS: Final = ("call", "state", "delivery", "refused", "invocation", "clock")
KEPT: Final = 100_000
"""How many events are kept. The oldest go first, so a long session cannot fill the memory."""

_KIND: Final = re.compile(r"^(function|layer|stateMachine|execution|secret|key|alias):")
"""ARNs of some services name the kind of the resource before a colon, others before a slash."""

_cause: ContextVar[int | None] = ContextVar("labkit_cause", default=None)
_caller: ContextVar[str] = ContextVar("labkit_caller", default="aws")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    `time` is virtual, in seconds since 1970. `error` is AWS's error code, or empty.
    `cause` is the sequence number of the event this one followed from, or None.
    """

    sequence: int
    time: float
    kind: str
    service: str
    action: str
    resource: str = ""
    caller: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] | None = None
    error: str = ""
    message: str = ""
    note: str = ""
    cause: int | None = None


class Trace:
    """The account's record, oldest event first."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=KEPT)
        self._sequence = itertools.count(1)
        self._last = 0
        self._reserved: dict[int, int | None] = {}
        self.clock: Callable[[], float] = lambda: 0.0

    def record(
        self,
        kind: str,
        service: str,
        action: str,
        *,
        resource: str = "",
        caller: str = "",
        params: Mapping[str, Any] | None = None,
        result: Mapping[str, Any] | None = None,
        error: str = "",
        message: str = "",
        note: str = "",
        sequence: int | None = None,
        time: float | None = None,
    ) -> Event:
        """Add one event. `sequence` and `time` are given only by who has `reserved` a place before.

        What was reserved follows from what was the cause then; meanwhile it has caused things itself.
        """
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no kind of event; take one of {', '.join(KINDS)}")
        cause = _cause.get() if sequence is None else self._reserved.pop(sequence, None)
        event = Event(
            sequence=next(self._sequence) if sequence is None else sequence,
            time=self.clock() if time is None else time,
            kind=kind,
            service=service,
            action=action,
            resource=resource,
            caller=caller or _caller.get(),
            params=params or {},
            result=result,
            error=error,
            message=message,
            note=note,
            cause=cause,
        )
        self._last = max(self._last, event.sequence)
        self._events.append(event)
        return event

    def reserve(self) -> int:
        """The next sequence number. A call takes its number before the things it causes."""
        self._last = next(self._sequence)
        self._reserved[self._last] = _cause.get()
        return self._last

    @property
    def cause(self) -> int | None:
        """The event that what happens now follows from."""
        return _cause.get()

    @contextmanager
    def caused_by(self, sequence: int | None, caller: str | None = None) -> Iterator[None]:
        """What is recorded inside follows from the event with this number."""
        before = _cause.set(sequence)
        caller_before = _caller.set(_caller.get() if caller is None else caller)
        try:
            yield
        finally:
            _caller.reset(caller_before)
            _cause.reset(before)

    # -- reading ---------------------------------------------------------------------------------

    def mark(self) -> int:
        """The number of the newest event. `since(mark)` gives what came later."""
        return self._last

    def since(self, mark: int) -> Iterator[Event]:
        """The events with a higher number than `mark`, newest first."""
        for event in reversed(self._events):
            # A call, a delivery or an invocation stands in the record after what it caused, with a lower number.
            if event.sequence > mark:
                yield event
            elif event.kind not in ("call", "delivery", "invocation", "refused"):
                return

    def where(
        self,
        service: str | None = None,
        action: str | None = None,
        resource: str | None = None,
        kind: str | None = None,
        caller: str | None = None,
        error: str | None = None,
        since: int = 0,
    ) -> list[Event]:
        """The events that match everything given, in order.

        `resource` matches a whole ARN, a URL, or the name at its end. `since` is a `mark()`.
        """
        if kind is not None and kind not in KINDS:
            raise UsageError(f"{kind!r} is no kind of event. Take one of: {', '.join(KINDS)}.")
        exact = {"service": service, "action": action, "kind": kind, "caller": caller, "error": error}
        wanted = {name: value for name, value in exact.items() if value is not None}
        found = [
            event
            for event in self._events
            if event.sequence > since
            and all(getattr(event, name) == value for name, value in wanted.items())
            and (resource is None or _names(event.resource, resource))
        ]
        return sorted(found, key=lambda event: event.sequence)

    def last(self, count: int = 20) -> list[Event]:
        """The newest `count` events, oldest first."""
        return sorted(self._events, key=lambda event: event.sequence)[-count:] if count > 0 else []

    def __iter__(self) -> Iterator[Event]:
        return iter(sorted(self._events, key=lambda event: event.sequence))

    def __len__(self) -> int:
        return len(self._events)

    def clear(self) -> None:
        """Forget everything. Numbers go on counting."""
        self._events.clear()
        self._reserved.clear()

    def swap(self, events: deque[Event] | None = None) -> deque[Event]:
        """Put other events (or none) in place of the present ones, which are returned."""
        present, self._events = self._events, deque(maxlen=KEPT) if events is None else events
        return present

    @classmethod
    def holding(cls, events: deque[Event]) -> Trace:
        """A record that is over: these events, and nothing more to come."""
        trace = cls()
        trace._events = events
        trace._last = max((event.sequence for event in events), default=0)
        return trace

    def __repr__(self) -> str:
        return "\n".join(line(event) for event in self.last(20)) or "Nothing has happened yet."


def line(event: Event) -> str:
    """One event as one line of text."""
    outcome = f" -> {event.error}" if event.error else ""
    name = short_name(event.resource)
    at = datetime.fromtimestamp(event.time, UTC)
    parts = [f"{at:%H:%M:%S}", event.caller, f"{event.service} {event.action}", name, event.note]
    return "  ".join(part for part in parts if part) + outcome


def short_name(resource: str) -> str:
    """The name at the end of an ARN or URL; anything else as it is."""
    if resource.startswith(("http://", "https://")):
        return resource.rstrip("/").rsplit("/", 1)[-1]
    if resource.startswith("arn:"):
        return _KIND.sub("", resource.split(":", 5)[-1]).rsplit("/", 1)[-1]
    return resource


def _names(resource: str, wanted: str) -> bool:
    return bool(resource) and (resource == wanted or short_name(resource) == short_name(wanted))
