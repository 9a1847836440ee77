"""What a live view shows at one moment: where the messages of each queue are, and what has flowed.

Waiting, in flight and dead letters come from the account. What is done is in no queue any more, so it comes from
the trace, as do the calls of the river.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from labkit.drawing.queue_state import MessageState, QueueState, queues
from labkit.drawing.timeline_history import standing
from labkit.drawing.timeline_words import cut
from labkit.errors import NotFound
from labkit.sandbox.trace import Event, short_name

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

MOST_QUEUES: Final = 8
"""Queues shown at once; the busiest ones when there are more."""
FLOWS: Final = ("sent", "received", "asked, nothing came", "deleted", "failed")
_NAME: Final = 60
_LOST: Final = ("MessageExpired",)


@dataclass(frozen=True, slots=True)
class Dot:
    """One message. `receives` is how often it was received, `until` when its state ends by itself, or 0."""

    name: str
    state: str
    receives: int
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One queue: its messages by state, how many are done, and what lies in its dead-letter queue."""

    name: str
    waiting: tuple[Dot, ...]
    in_flight: tuple[Dot, ...]
    done: int
    lost: int
    dead: tuple[Dot, ...]
    dead_letter: str

    @property
    def busy(self) -> int:
        """How much there is to see."""
        return 2 * (len(self.waiting) + len(self.in_flight) + len(self.dead)) + min(self.done, 1)


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything a live view shows. `flows` are the times of what happened, by word; `resource` may be empty."""

    resource: str
    now: float
    rows: tuple[QueueRow, ...]
    hidden: int
    flows: dict[str, tuple[float, ...]]


def look(sandbox: Sandbox, resource: str = "") -> Frame:
    """The account now. Raises `NotFound` when there is no such resource, neither here nor in the trace."""
    with sandbox.lock:
        here = queues(sandbox)
        events = standing(sandbox.trace)
        now = sandbox.clock.time()
    if resource:
        _require(resource, here, events)
    rows = _rows(here, events, resource)
    shown = rows
    if len(rows) > MOST_QUEUES:
        busiest = sorted(range(len(rows)), key=lambda place: (-rows[place].busy, place))[:MOST_QUEUES]
        shown = [rows[place] for place in sorted(busiest)]
    flows = _flows(events, resource)
    return Frame(resource, now, tuple(shown), len(rows) - len(shown), flows)


def _require(resource: str, here: Sequence[QueueState], events: Sequence[Event]) -> None:
    known = dict.fromkeys(queue.name for queue in here)
    known.update(dict.fromkeys(short_name(event.resource) for event in events if event.resource))
    if resource not in known:
        raise NotFound("resource", resource, known)


def _rows(here: Sequence[QueueState], events: Sequence[Event], resource: str) -> list[QueueRow]:
    done: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    for event in events:
        if event.service != "sqs" or event.kind != "state":
            continue
        if event.action == "MessageDeleted":
            done[event.resource] += 1
        elif event.action in _LOST:
            lost[event.resource] += 1
        elif event.action == "QueuePurged":
            lost[event.resource] += int(event.params.get("Messages") or 0)
    by_name = {(queue.account, queue.region, queue.name): queue for queue in here}
    rows = []
    for queue in here:
        # a dead-letter queue has a column in the rows of the queues it serves
        if queue.name != resource if resource else (queue.serves and not queue.in_flight):
            continue
        target = by_name.get((queue.account, queue.region, queue.dead_letter))
        dead = [one for one in target.messages if one.source == queue.name] if target else []
        rows.append(
            QueueRow(
                name=queue.name,
                waiting=_dots(queue.messages, "waiting", "delayed"),
                in_flight=_dots(queue.messages, "in flight"),
                done=done[queue.arn],
                lost=lost[queue.arn],
                dead=_dots(dead, "waiting", "delayed", "in flight"),
                dead_letter=queue.dead_letter,
            )
        )
    return rows


def _dots(messages: Sequence[MessageState], *states: str) -> tuple[Dot, ...]:
    return tuple(
        Dot(cut(one.body, _NAME), one.state, one.receives, one.until)
        for one in messages
        if one.state in states
    )


def _flows(events: Sequence[Event], resource: str) -> dict[str, tuple[float, ...]]:
    flows: dict[str, list[float]] = defaultdict(list)
    for event in events:
        if resource and short_name(event.resource) != resource:
            continue
        word = _flow(event)
        if word:
            flows[word].append(event.time)
    return {word: tuple(flows[word]) for word in FLOWS if word in flows}


def _flow(event: Event) -> str:
    """Which line of the river an event belongs to, if any."""
    if event.kind == "call":
        if event.error:
            return "failed"
        empty = event.action == "ReceiveMessage" and "Messages" not in (event.result or {})
        return "asked, nothing came" if empty else ""
    if event.service != "sqs" or event.kind != "state":
        return ""
    return {"MessageSent": "sent", "MessageReceived": "received", "MessageDeleted": "deleted"}.get(
        event.action, ""
    )
