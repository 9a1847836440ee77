"""What services hand to each other as lanes: one per thing and target, with every try, the waits, and how it ended.

Reads the "delivery" and "refused" events of `labkit/sandbox/delivery`. What was delivered is named after the call that
began it: an event's kind and detail, a message's text, a schedule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from labkit.drawing.lanes._origins import Origins
from labkit.drawing.tally import plain
from labkit.drawing.timeline_model import Bar, Lane, Look, Mark, Past, Sign, Story
from labkit.drawing.timeline_words import about, cut, ordinal, spoken
from labkit.judging.card import plural
from labkit.sandbox.trace import Event, short_name

LOOKS: Final = {
    "waiting": Look("waits for the next try", fill="#FDF0D5", edge="#A36200"),
    "delivered": Look("delivered", fill="#E4EFD0", edge="#4A6A00", hatch="----", done=True),
    "dead-lettered": Look("dead-lettered", fill="#FBE3E6", edge="#B8233B", hatch="xxxx", done=True),
    "lost": Look("lost", fill="#EEF1F4", edge="#5A6B86", hatch="||||", done=True),
}
SIGNS: Final = {
    "failed": Sign("a try that failed, with its number", "disc", "#A36200"),
    "delivered": Sign("delivered", "check", "#4A6A00"),
    "refused": Sign("refused, not tried again", "cross", "#B8233B"),
    "dead": Sign("to the dead-letter queue", "down", "#B8233B"),
    "lost": Sign("lost", "diamond", "#5A6B86"),
}
_TRIES: Final = {"Delivered": "delivered", "DeliveryFailed": "failed", "DeliveryRefused": "refused"}
_ENDS: Final = {"DeadLettered": "dead-lettered", "Dropped": "lost"}
_LONGEST_NAME: Final = 80
_LONGEST_REASON: Final = 160


@dataclass(slots=True)
class _Way:
    """One thing on its way to one target."""

    source: str
    target: str
    dead_letters: str = ""
    bars: list[Bar] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    tries: int = 0
    state: str = "waiting"
    since: float = 0.0
    why: str = ""

    def told(self, event: Event) -> None:
        """The next thing that happened to it."""
        if self.bars or self.marks:
            self._wait(event.time)
        before, self.since = self.since, event.time
        if event.action in _TRIES:
            self._tried(event, before)
        else:
            self._ended(event)

    def _wait(self, until: float) -> None:
        if self.state == "waiting" and until > self.since:
            self.bars.append(Bar(self.since, until, "waiting", said=about(until - self.since)))

    def _tried(self, event: Event, before: float) -> None:
        self.tries = int(event.params.get("Attempt") or self.tries + 1)
        how = _TRIES[event.action]
        if how == "failed":
            why = _why(event)
            more = why if why != self.why else f"{spoken(event.time - before)} later"
            self.marks.append(Mark(event.time, how, f"try {self.tries} failed", more, str(self.tries)))
            self.state, self.why = "waiting", why
        elif how == "refused":
            self.marks.append(Mark(event.time, how, "refused", _why(event)))
            self.state = "lost"
        else:
            more = f"{ordinal(self.tries)} try" if self.tries > 1 else ""
            self.marks.append(Mark(event.time, how, "delivered", more))
            self.state = "delivered"

    def _ended(self, event: Event) -> None:
        self.state = _ENDS[event.action]
        condition = str(event.params.get("Condition", ""))
        if event.action == "DeadLettered":
            self.dead_letters = str(event.params.get("target", ""))
            more = ", ".join(filter(None, (f"to {shown(self.dead_letters)}", condition)))
            self.marks.append(Mark(event.time, "dead", "dead-lettered", more))
        else:
            self.marks.append(Mark(event.time, "lost", "lost", condition or event.note.rstrip(".")))

    def lane(self, key: str, name: str, now: float) -> Lane:
        """The lane at a time. It waits on when its last try failed."""
        bars = list(self.bars)
        start, end = self.since, max(now, self.since)
        bars.append(Bar(start, end, self.state, said=about(end - start)))
        places = tuple(shown(one) for one in (self.source, self.target, self.dead_letters) if one)
        standing = "now waiting for the next try" if self.state == "waiting" else ""
        detail = f"{places[0]} > {places[1]}"
        return Lane(name, tuple(bars), tuple(self.marks), places, standing, detail, key)


def shown(end: str) -> str:
    """What a source or a target is called: the name of a resource, an address without what is before it."""
    if end.startswith(("http://", "https://")):
        return cut(end.partition("://")[2].partition("?")[0].rstrip("/"), _LONGEST_NAME)
    return cut(short_name(end.removeprefix("mailto:").removeprefix("tel:")), _LONGEST_NAME)


def _why(event: Event) -> str:
    told = plain(event.note or event.message)
    return cut(f"{event.error}: {told}" if told else event.error, _LONGEST_REASON)


def story(past: Past) -> Story:
    """Every delivery that was tried, or those from or to one resource."""
    origins = Origins(past.events)
    ways: dict[tuple[str, str, str], _Way] = {}
    for event in past.events:
        if event.action not in _TRIES and event.action not in _ENDS:
            continue
        source, target = str(event.params.get("source", "")), str(event.params.get("target", ""))
        if not source or not target:
            continue
        key = (source, str(event.params.get("via", "")), str(event.params.get("Id", event.sequence)))
        ways.setdefault(key, _Way(source, target)).told(event)
    lanes = tuple(
        way.lane(" ".join(key), origins.name(key[2]) or shown(key[0]), past.now) for key, way in ways.items()
    )
    known = dict.fromkeys(place for lane in lanes for place in lane.places)
    kept = tuple(lane for lane in lanes if not past.resource or past.resource in lane.places)
    return Story(
        title=f"Deliveries of {past.resource}" if past.resource else "Deliveries",
        nouns=("delivery", "deliveries"),
        lanes=kept,
        looks=LOOKS,
        signs=SIGNS,
        now=past.now,
        known=tuple(known),
        notices=notices,
        empty=f"Nothing was delivered{f' from or to {past.resource}' if past.resource else ''} yet.",
        uneven="waits" if any(bar.state == "waiting" for lane in kept for bar in lane.bars) else "",
    )


def notices(lanes: Sequence[Lane]) -> list[str]:
    """What a reader should see first, in sentences."""
    found, signs = [], {lane.key: [mark.sign for mark in lane.marks] for lane in lanes}
    late = [lane for lane in lanes if "failed" in signs[lane.key] and lane.state == "delivered"]
    if late:
        most = max(signs[lane.key].count("failed") + 1 for lane in late)
        longest = max(lane.marks[-1].time - lane.marks[0].time for lane in late)
        verb = "one arrived" if len(late) == 1 else f"{len(late):,} arrived"
        tries = f"after {'up to ' if len(late) > 1 else ''}{plural(most, 'try', 'tries')}"
        found.append(f"{verb[0].upper()}{verb[1:]} {tries}, {spoken(longest)} late.")
    for sign, told in (("refused", "refused"), ("dead", "dead-lettered"), ("lost", "lost")):
        count = sum(sign in signs[lane.key] for lane in lanes)
        if count:
            found.append(f"{plural(count, 'delivery was', 'deliveries were')} {told}.")
    waiting = sum(lane.state == "waiting" for lane in lanes)
    if waiting:
        found.append(f"{plural(waiting, 'delivery is', 'deliveries are')} still waiting for the next try.")
    return found or ["Everything arrived at the first try."]
