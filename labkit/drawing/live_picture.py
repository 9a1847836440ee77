"""One look of a live view as a figure: the drawing, what to notice, and the words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from labkit.drawing.live_state import Dot, Frame, QueueRow, look
from labkit.drawing.live_svg import frame_svg
from labkit.drawing.picture import Picture
from labkit.drawing.queue_state import queues
from labkit.drawing.timeline_words import clock_time, cut
from labkit.judging.card import plural, wrap

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

_NAMES: Final = 8


def live_picture(sandbox: Sandbox, resource: str = "") -> Picture:
    """The account's queues (or one resource) as they are now. Raises `NotFound` for an unknown resource.

    A state machine is shown by its latest execution. A queue of the same name comes first.
    """
    if resource and not any(queue.name == resource for queue in queues(sandbox)):
        from labkit.drawing.states.figure import live_states

        if (graph := live_states(sandbox, resource)) is not None:
            return graph
    return draw(look(sandbox, resource))


def draw(frame: Frame) -> Picture:
    """The figure of one frame."""
    subject = cut(frame.resource, 60) if frame.resource else "Queues"
    title = f"{subject} at {clock_time(frame.now)} UTC"
    if not frame.rows and not frame.flows:
        empty = (
            "There is no queue in this account yet."
            if not frame.resource
            else "Nothing has happened to it yet."
        )
        return Picture("", title, empty, "", kind="live")
    return Picture(frame_svg(frame), title, _notice(frame), _twin(frame), kind="live")


def _notice(frame: Frame) -> str:
    rows = frame.rows
    parts = [
        (sum(len(row.waiting) for row in rows), "waiting"),
        (sum(len(row.in_flight) for row in rows), "in flight"),
        (sum(row.done for row in rows), "done"),
        (sum(len(row.dead) for row in rows), "in a dead-letter queue"),
    ]
    if not rows:
        return f"{sum(map(len, frame.flows.values())):,} things have happened to it."
    told = ", ".join(f"{count:,} {word}" for count, word in parts if count)
    return f"Messages: {told}." if told else "No message is in a queue."


def _twin(frame: Frame) -> str:
    lines = [line for row in frame.rows for line in _row(row)]
    if frame.hidden:
        lines.append(f"  and {frame.hidden:,} quieter queues")
    flows = ", ".join(f"{len(times):,} {word}" for word, times in frame.flows.items())
    if flows:
        lines += ["", wrap(f"So far: {flows}.", "  ")]
    return "\n".join(lines)


def _row(row: QueueRow) -> list[str]:
    told = [f"{len(row.waiting):,} waiting", f"{len(row.in_flight):,} in flight", f"{row.done:,} done"]
    told += [f"{row.lost:,} expired or purged"] if row.lost else []
    told += [f"{len(row.dead):,} in {cut(row.dead_letter, 60)}"] if row.dead_letter else []
    lines = [wrap(f"{cut(row.name, 80)}: {', '.join(told)}", "  ", "    ")]
    for word, dots in (("waiting", row.waiting), ("in flight", row.in_flight), ("dead letters", row.dead)):
        if dots:
            more = f" and {len(dots) - _NAMES:,} more" if len(dots) > _NAMES else ""
            lines.append(wrap(f"{word}: {'; '.join(map(_dot, dots[:_NAMES]))}{more}", "    ", "      "))
    return lines


def _dot(dot: Dot) -> str:
    facts = [f"received {plural(dot.receives, 'time')}"] if dot.receives else []
    facts += ["delayed"] if dot.state == "delayed" else []
    facts += [f"until {clock_time(dot.until)}"] if dot.until else []
    return f"{dot.name} ({', '.join(facts)})" if facts else dot.name
