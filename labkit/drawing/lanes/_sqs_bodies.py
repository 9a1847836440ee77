"""What is in a message: the state events name it by id only, the calls that sent it hold the body."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from labkit.sandbox.trace import Event

_SENDS = ("SendMessage", "SendMessageBatch")
_ARRIVALS = ("MessageSent", "MessageDeduplicated")


def bodies_of(events: Sequence[Event]) -> dict[str, str]:
    """Message id -> body, for every message whose sending call tells which one it is.

    A batch of which some entries failed does not tell; its messages are left out.
    """
    arrivals: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        if event.kind == "state" and event.action in _ARRIVALS and event.cause is not None:
            arrivals[event.cause].append(event)
    found: dict[str, str] = {}
    for event in events:
        if event.kind != "call" or event.action not in _SENDS or event.sequence not in arrivals:
            continue
        sent = arrivals[event.sequence]
        texts = _texts(event)
        if len(texts) == len(sent):
            for arrival, text in zip(sent, texts, strict=True):
                found.setdefault(str(arrival.params.get("MessageId", "")), text)
    return found


def _texts(event: Event) -> list[str]:
    if event.action == "SendMessage":
        return [str(event.params.get("MessageBody", ""))]
    entries = event.params.get("Entries")
    return [str(entry.get("MessageBody", "")) for entry in entries] if isinstance(entries, list) else []
