"""E-mails, text messages and push messages as a card: `lab.inbox()`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, overload

from labkit.judging.card import Card, clean, code, esc, fenced, plural, shorten, wrap
from labkit.judging.style import page
from labkit.notebook.cards import Note, head
from labkit.sandbox import inbox as received

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox
    from labkit.sandbox.inbox import Entry

_SHOWN = 20
_PLAIN = "white-space:pre-wrap;overflow-wrap:anywhere;margin:4px 0 0"


@dataclass(frozen=True, eq=False, repr=False)
class Received(Card):
    """One message. `confirm()`, `reply("STOP")` and `uninstall()` do what its receiver could do."""

    entry: Entry
    sandbox: Sandbox

    @property
    def kind(self) -> str:
        """How it came: email, email-json, sms, push, http, https."""
        return self.entry.kind

    @property
    def to(self) -> str:
        """The address, number, device or URL."""
        return self.entry.to

    @property
    def subject(self) -> str:
        """The subject line; empty for text and push messages."""
        return self.entry.subject

    @property
    def body(self) -> str:
        """The whole text."""
        return self.entry.body

    @property
    def token(self) -> str:
        """The token of a request to confirm, as ConfirmSubscription takes it; empty otherwise."""
        return self.entry.token

    def confirm(self) -> Note:
        """Visit the link of a request to confirm a subscription. Raises `UsageError` when there is none."""
        arn = received.confirm(self.sandbox, self.entry)
        return Note(
            "CONFIRMED",
            "The subscription is confirmed",
            (f"`{arn}` gets messages from now on.",),
            tone="pass",
        )

    def reply(self, text: str) -> Note:
        """Answer a text message from its phone; STOP opts the number out."""
        if received.answer(self.sandbox, self.entry, text):
            return Note("OPTED OUT", f"{self.to} gets no text messages any more", tone="pass")
        return Note("SENT", "The answer changes nothing", ("Only words such as `STOP` do.",))

    def uninstall(self) -> Note:
        """Remove the app from the device of a push message. The next push finds a dead token."""
        received.uninstall(self.sandbox, self.entry)
        return Note("REMOVED", "The app is gone from this device", tone="pass")

    def lines(self) -> list[str]:
        """Kind, time, addresses and subject, for both forms."""
        entry = self.entry
        at = datetime.fromtimestamp(entry.time, UTC)
        first = f"{received.KINDS.get(entry.kind, entry.kind)} to {entry.to}, {at:%Y-%m-%d %H:%M:%S} UTC"
        found = [first]
        if entry.sender:
            found.append(f"From: {entry.sender}")
        if entry.subject:
            found.append(f"Subject: {entry.subject}")
        return found

    def inner(self, call: str) -> str:
        """The message as HTML, with the call that confirms it."""
        first, *rest = self.lines()
        lines = "".join(f"<div>{esc(line)}</div>" for line in rest)
        asks = f"<p>It asks to be confirmed: {code(call)}</p>" if self.entry.asks else ""
        return f'<p><strong>{esc(first)}</strong></p>{lines}<pre style="{_PLAIN}">{esc(shorten(self.body))}</pre>{asks}'

    def plain(self, call: str) -> str:
        """The same as text."""
        first, *rest = self.lines()
        lines = [
            wrap(first, "  "),
            *(wrap(line, "    ") for line in rest),
            fenced(clean(shorten(self.body)), "    | "),
        ]
        if self.entry.asks:
            lines.append(f"    It asks to be confirmed: {call}")
        return "\n".join(lines)

    def html(self) -> str:
        """The message as HTML."""
        title = received.KINDS.get(self.kind, self.kind)
        return page(head("MESSAGE", title) + self.inner(".confirm()"), label="Message")

    def text(self) -> str:
        """The message as text."""
        return f"MESSAGE  {received.KINDS.get(self.kind, self.kind)}\n{self.plain('.confirm()')}"


@dataclass(frozen=True, eq=False, repr=False)
class Inbox(Card):
    """Everything that was received, newest first. Iterate or index it: `lab.inbox()[0].confirm()`."""

    messages: tuple[Received, ...]

    @classmethod
    def of(cls, sandbox: Sandbox, to: str | None = None) -> Inbox:
        """What arrived, or what arrived at one address, number, device or URL."""
        found = (Received(entry, sandbox) for entry in received.entries(sandbox))
        return cls(tuple(one for one in found if to is None or one.to == to))

    def __iter__(self) -> Iterator[Received]:
        return iter(self.messages)

    def __len__(self) -> int:
        return len(self.messages)

    @overload
    def __getitem__(self, place: int) -> Received: ...
    @overload
    def __getitem__(self, place: slice) -> Inbox: ...
    def __getitem__(self, place: int | slice) -> Received | Inbox:
        return Inbox(self.messages[place]) if isinstance(place, slice) else self.messages[place]

    @property
    def title(self) -> str:
        """How many there are."""
        if not self.messages:
            return "Nothing has arrived yet"
        return f"{plural(len(self), 'message')}, newest first"

    def _rest(self) -> str:
        left = len(self) - _SHOWN
        return f"{plural(left, 'older message')}: lab.inbox()[{_SHOWN}:]" if left > 0 else ""

    def html(self) -> str:
        """The messages as HTML."""
        rows = "".join(
            f"<li>{one.inner(f'lab.inbox()[{place}].confirm()')}</li>"
            for place, one in enumerate(self.messages[:_SHOWN])
        )
        listed = f'<ol start="0">{rows}</ol>' if rows else ""
        rest = f"<p>{esc(self._rest())}</p>" if self._rest() else ""
        return page(head("INBOX", self.title) + listed + rest, label="Inbox")

    def text(self) -> str:
        """The messages as text."""
        lines = [f"INBOX  {self.title}"]
        for place, one in enumerate(self.messages[:_SHOWN]):
            lines.append(f"[{place}] " + one.plain(f"lab.inbox()[{place}].confirm()").lstrip())
        return "\n".join([*lines, *filter(None, [self._rest()])])

    def data(self) -> dict[str, Any]:
        """Nothing further."""
        return {}
