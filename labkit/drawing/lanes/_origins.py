"""What a delivery is about, in words: read from the call or the schedule that it followed from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from labkit.drawing.timeline_words import cut
from labkit.sandbox.trace import Event, short_name

_LONGEST: Final = 80
_CALLS: Final = ("PutEvents", "Publish", "PublishBatch")


class Origins:
    """Names of what was delivered, by its id."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._names: dict[str, str] = {}
        ids: dict[int, dict[str, None]] = defaultdict(dict)
        for event in events:
            if event.kind in ("delivery", "refused") and event.cause is not None and "Id" in event.params:
                ids[event.cause][str(event.params["Id"])] = None
        for event in events:
            if event.sequence in ids:
                self._read(event, list(ids[event.sequence]))

    def name(self, one: str) -> str:
        """What it is, or an empty text when nothing tells."""
        return self._names.get(one, "")

    def _read(self, event: Event, ids: Sequence[str]) -> None:
        if event.action == "Subscribe":
            texts = ["request to confirm"] * len(ids)
        elif event.action == "ScheduleInvoked":
            texts = [short_name(event.resource)] * len(ids)
        elif event.kind == "call" and event.action in _CALLS:
            texts = _texts(event)
        else:
            return
        if len(texts) == len(ids):
            for one, text in zip(ids, texts, strict=True):
                self._names.setdefault(one, text)


def _texts(event: Event) -> list[str]:
    if event.action == "Publish":
        return [cut(event.params.get("Message", ""), _LONGEST)]
    batch = event.params.get("Entries") or event.params.get("PublishBatchRequestEntries")
    return [cut(_entry(one), _LONGEST) for one in batch] if isinstance(batch, list) else []


def _entry(one: Mapping[str, Any]) -> str:
    if "Message" in one:
        return str(one["Message"])
    return f"{one.get('DetailType', '')} {one.get('Detail', '')}".strip()
