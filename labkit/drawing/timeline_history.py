"""The story of the account as it stands: what a trace holds, without what was undone.

`lab.restore` brings an older state back, so what happened between the snapshot and the restore is no longer true of
the account. Figures leave it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from labkit.drawing.timeline_model import Past
from labkit.drawing.timeline_words import cut
from labkit.errors import UsageError
from labkit.sandbox.trace import Event, Trace

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

Source = Any
"""A `Sandbox`, a `Trace` (such as a rehearsal's), or a list of `Event`."""


def happened(source: Source, resource: str = "") -> Past:
    """What a figure of this source tells. Reads only: nothing falls due, nothing is recorded."""
    from labkit.drawing.queue_state import queues
    from labkit.drawing.states.account import machines

    sandbox = sandbox_of(source)
    with _locked(sandbox):
        events, now = _events(source)
        if sandbox is None or not sandbox.running:  # the account is not there to be asked
            return Past(events, now, resource)
        here = queues(sandbox)
        bodies = {message.id: cut(message.body, 200) for queue in here for message in queue.messages}
        return Past(events, now, resource, bodies, tuple(queue.name for queue in here), machines())


def sandbox_of(source: Source) -> Sandbox | None:
    """The account behind a source; None for a trace or a list of events."""
    found = getattr(source, "sandbox", source)
    return found if hasattr(found, "trace") and hasattr(found, "backend") else None


def standing(events: Iterable[Event]) -> list[Event]:
    """The events in order, without those that a restore has undone."""
    kept: list[Event] = []
    for event in events:
        if event.service == "lab" and event.action == "Restore":
            _undo(kept, event)
        kept.append(event)
    return kept


def _undo(kept: list[Event], restore: Event) -> None:
    for place in range(len(kept) - 1, -1, -1):
        one = kept[place]
        if one.service == "lab" and one.action == "Snapshot" and one.resource == restore.resource:
            del kept[place + 1 :]
            return
    kept.clear()  # the snapshot was made before this record began


def _events(source: Source) -> tuple[Sequence[Event], float]:
    trace = getattr(sandbox_of(source), "trace", source)
    if not isinstance(trace, (Trace, list, tuple)):
        raise UsageError(f"A timeline is drawn from a sandbox or a trace, not from {type(source).__name__}.")
    events = standing(trace)
    clock = trace.clock() if isinstance(trace, Trace) else 0.0
    return events, max([clock, *(event.time for event in events[-1:])])


def _locked(sandbox: Sandbox | None) -> AbstractContextManager[object]:
    return nullcontext() if sandbox is None else sandbox.lock
