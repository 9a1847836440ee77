"""SQS messages as lanes: one per message, from the moment it is sent until it is gone.

Reads the "state" events that the queues record (`MessageSent`, `MessageReceived`, `MessageVisible`, ...). What a
timeout has done since the account was last touched is worked out here, so that looking changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from labkit.drawing.lanes._sqs_bodies import bodies_of
from labkit.drawing.lanes._sqs_life import Life
from labkit.drawing.timeline_model import Lane, Look, Past, Sign, Story
from labkit.drawing.timeline_words import cut, date_of, moment, ordinal, times
from labkit.judging.card import clean, plural
from labkit.sandbox.trace import Event, short_name

LOOKS: Final = {
    "delayed": Look("delayed", fill="#FFFFFF", edge="#5A6B86", hatch="////", dashed=True),
    "waiting": Look("waiting", fill="#D9E9F7", edge="#147EBA"),
    "in flight": Look("in flight", fill="#0F5E93", edge="#0B4870", ink="#FFFFFF"),
    "dead-lettered": Look("in the dead-letter queue", fill="#FBE3E6", edge="#B8233B", hatch="xxxx"),
    "deleted": Look("deleted", fill="#E4EFD0", edge="#4A6A00", hatch="----", done=True),
    "lost": Look("expired or purged", fill="#EEF1F4", edge="#5A6B86", hatch="||||", done=True),
}
SIGNS: Final = {
    "receive": Sign("received, with the count", "disc"),
    "timeout": Sign("visible again", "left", "#0F5E93"),
    "held": Sign("visibility timeout changed", "diamond", "#6B2FE0"),
    "delete": Sign("deleted", "check", "#4A6A00"),
    "dead": Sign("moved to the dead-letter queue", "down", "#B8233B"),
    "moved": Sign("moved back by a redrive", "plus", "#007C85"),
    "twice": Sign("a second copy, or a copy refused", "ring", "#B01A57"),
    "gone": Sign("expired, or thrown away", "cross", "#5A6B86"),
}
_LONGEST_NAME: Final = 80


class _Reader:
    def __init__(self) -> None:
        self.lives: dict[str, Life] = {}
        self.alias: dict[str, str] = {}
        self.queues: dict[str, None] = {}

    def life(self, event: Event) -> Life:
        message = str(event.params.get("MessageId", ""))
        key = self.alias.get(message, message)
        if key not in self.lives:
            self.lives[key] = Life(key, event.resource)
        return self.lives[key]

    def read(self, event: Event) -> None:
        if event.service != "sqs" or event.error:
            return
        if event.kind == "state":
            self.queues[event.resource] = None
            handler = _HANDLERS.get(event.action)
            if handler is not None:
                handler(self, event)
        elif event.action in ("CreateQueue", "DeleteQueue") and event.resource:
            self._queue_call(event)

    def _queue_call(self, event: Event) -> None:
        known = [arn for arn in self.queues if _same_queue(arn, event.resource)]
        if event.action == "CreateQueue":
            self.queues.setdefault(known[0] if known else short_name(event.resource))
        else:
            for arn in known:
                self.empty(arn, event.time, "lost with its queue")

    def empty(self, queue: str, time: float, said: str) -> None:
        for life in self.lives.values():
            if life.queue == queue and (life.copies or life.delayed_until):
                life.mark(time, "gone", said)
                life.end(time, "lost")


def _same_queue(arn: str, url: str) -> bool:
    """Whether a queue's URL (or its name) means the queue with this ARN."""
    if not arn.startswith("arn:") or not url.startswith("http"):
        return short_name(arn) == short_name(url)
    region, account, name = arn.split(":")[3:6]
    host, _, path = url.partition("://")[2].partition("/")
    return path.rstrip("/").endswith(f"{account}/{name}") and (region in host or "amazonaws" not in host)


def _sent(reader: _Reader, event: Event) -> None:
    until = float(event.params.get("Until") or 0)
    message = str(event.params.get("MessageId", ""))
    life = reader.life(event)
    if message in reader.alias:  # a redrive brought it here: the lane goes on
        life.dead = False
    elif life.bars or life.copies:
        life.mark(event.time, "twice", "sent again")
    else:
        more = f"delayed until {moment(until, date_of(event.time))}" if until > event.time else ""
        life.mark(event.time, "", "sent", more)
    life.arrive(event.time, event.resource, until if until > event.time else 0.0)


def _received(reader: _Reader, event: Event) -> None:
    life = reader.life(event)
    life.receives = int(event.params.get("ReceiveCount") or life.receives + 1)
    life.mark(event.time, "receive", "received", ordinal(life.receives), str(life.receives))
    life.fly(event.time, float(event.params.get("Until") or 0))


def _visible(reader: _Reader, event: Event) -> None:
    life = reader.life(event)
    delay = event.params.get("After") == "delayed"
    life.mark(
        event.time, "timeout", "visible" if delay else "visible again", "the delay is over" if delay else ""
    )
    life.surface(event.time)


def _second_copy(reader: _Reader, event: Event) -> None:
    life = reader.life(event)
    life.mark(event.time, "twice", "a second copy appeared")
    life.copies.append(0.0)
    life.settle(event.time)


def _held(reader: _Reader, event: Event) -> None:
    life, until = reader.life(event), float(event.params.get("Until") or 0)
    back = until <= event.time
    more = "" if back else f"until {moment(until, date_of(event.time))}"
    life.mark(event.time, "held", "given back" if back else "kept hidden", more)
    life.hold(event.time, until)


def _deleted(reader: _Reader, event: Event) -> None:
    life = reader.life(event)
    life.mark(event.time, "delete", "deleted")
    life.leave(event.time, "deleted")


def _not_deleted(reader: _Reader, event: Event) -> None:
    reader.life(event).mark(event.time, "twice", "delete ignored", "it was received again since")


def _expired(reader: _Reader, event: Event) -> None:
    life = reader.life(event)
    life.mark(event.time, "gone", "expired", "its retention period was over")
    life.end(event.time, "lost")


def _dead(reader: _Reader, event: Event) -> None:
    life, target = reader.life(event), str(event.params.get("DeadLetterQueueArn", ""))
    reader.queues[target] = None
    life.mark(event.time, "dead", f"moved to {clean(short_name(target))}")
    life.dead, life.copies = True, [0.0]
    life.arrive(event.time, target, 0.0)


def _moved(reader: _Reader, event: Event) -> None:
    life, target = reader.life(event), str(event.params.get("DestinationArn", ""))
    reader.alias[str(event.params.get("NewMessageId", ""))] = life.message
    life.mark(event.time, "moved", f"moved back to {clean(short_name(target))}")
    life.dead, life.copies = False, [0.0]
    life.arrive(event.time, target, 0.0)


def _repeated(reader: _Reader, event: Event) -> None:
    reader.life(event).mark(event.time, "twice", "sent again and not taken", "the same deduplication id")


def _purged(reader: _Reader, event: Event) -> None:
    reader.empty(event.resource, event.time, "purged")


_HANDLERS: Final[Mapping[str, Callable[[_Reader, Event], None]]] = {
    "MessageSent": _sent,
    "MessageReceived": _received,
    "MessageVisible": _visible,
    "MessageDuplicated": _second_copy,
    "VisibilityChanged": _held,
    "MessageDeleted": _deleted,
    "DeleteIgnored": _not_deleted,
    "MessageExpired": _expired,
    "MessageMovedToDLQ": _dead,
    "MessageMoved": _moved,
    "MessageDeduplicated": _repeated,
    "QueuePurged": _purged,
}


def story(past: Past) -> Story:
    """The life of every message that is or was in the account, or in one queue."""
    reader = _Reader()
    for event in past.events:
        reader.read(event)
    names = _names(reader.lives, {**past.bodies, **bodies_of(past.events)})
    lanes = (life.lane(names[key], past.now) for key, life in reader.lives.items())
    kept = tuple(lane for lane in lanes if not past.resource or past.resource in lane.places)
    if len({lane.places for lane in kept}) > 1:
        kept = tuple(replace(lane, detail=" > ".join(lane.places)) for lane in kept)
    return Story(
        title=f"Messages of {past.resource}" if past.resource else "Messages",
        nouns=("message", "messages"),
        lanes=kept,
        looks=LOOKS,
        signs=SIGNS,
        now=past.now,
        known=tuple(dict.fromkeys(short_name(queue) for queue in reader.queues)),
        notices=notices,
        empty=f"No message was sent{f' to {past.resource}' if past.resource else ''} yet.",
    )


def notices(lanes: Sequence[Lane]) -> list[str]:
    """What a reader should see first, in sentences."""
    received = {lane.key: sum(mark.sign == "receive" for mark in lane.marks) for lane in lanes}
    dead = [lane for lane in lanes if any(mark.sign == "dead" for mark in lane.marks)]
    gone = {lane.key for lane in dead}
    often = [lane for lane in lanes if received[lane.key] > 1 and lane.key not in gone]
    flying = [lane for lane in lanes if lane.state == "in flight"]
    found = []
    if len(dead) == 1:
        after = f" after {plural(received[dead[0].key], 'receive')}" if received[dead[0].key] else ""
        found.append(f"{_quoted(dead[0])} moved to the dead-letter queue{after}.")
    elif dead:
        found.append(f"{len(dead):,} messages moved to a dead-letter queue.")
    if len(often) == 1:
        found.append(f"{_quoted(often[0])} was received {times(received[often[0].key])}.")
    elif often:
        most = max(received[lane.key] for lane in often)
        found.append(f"{len(often):,} messages were received more than once, up to {times(most)}.")
    if len(flying) == 1 and not found:
        found.append(f"{_quoted(flying[0])} is in flight: hidden from other workers.")
    elif flying and not found:
        found.append(f"{len(flying):,} messages are in flight: hidden from other workers.")
    return found


def _quoted(lane: Lane) -> str:
    return f"\u201c{cut(lane.name, 40)}\u201d"


def _names(lives: Mapping[str, Life], bodies: Mapping[str, str]) -> dict[str, str]:
    """Each message by its body; messages with the same body by a piece of their id as well."""
    texts = {key: cut(bodies.get(key, ""), _LONGEST_NAME) for key in lives}
    often = Counter(texts.values())
    return {
        key: f"message {key[:8]}" if not text else text if often[text] == 1 else f"{text} \u00b7 {key[:4]}"
        for key, text in texts.items()
    }
