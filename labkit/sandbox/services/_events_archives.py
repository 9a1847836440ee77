"""Archives keep events, replays send them again, on the clock.

Sources: botocore's model of CreateArchive and StartReplay (a replay goes minute by minute through the times in the
events; EventEndTime itself is not replayed), https://docs.aws.amazon.com/eventbridge/latest/userguide/
eb-replay-archived-event.html (ten replays at a time, the same bus). How long each state lasts is ours.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

from moto.core.exceptions import JsonRESTError
from moto.events.exceptions import IllegalStatusException
from moto.events.models import ReplayState

from labkit.sandbox import current, stores
from labkit.sandbox.services import _events_publish as publish

MOST_REPLAYS: Final = 10
_START, _STEP = 1.0, 1.0
"""Seconds until a replay runs, and for each minute of events. The figures are ours."""
_DAY: Final = 86_400
_TIME_BYTES: Final = 20
_MANAGER: Final = "prod.vhs.events.aws.internal"
_ACTIVE: Final = (ReplayState.STARTING, ReplayState.RUNNING, ReplayState.CANCELLING)


class Kept(NamedTuple):
    """An archived event: when it came to the bus, its own time (seconds since 1970), its size and its text."""

    arrived: float
    moment: float
    size: int
    text: str


# -- archives ------------------------------------------------------------------------------------------


def keep(rule: Any, event: dict[str, Any], text: str) -> None:
    """An event matched the rule that feeds an archive."""
    backend = stores.backend_of("events", rule.account_id, rule.region_name)
    archive = backend.archives.get(rule.name.removeprefix("Events-Archive-")) if backend is not None else None
    if archive is None:
        return
    fields = [event["source"], event["detail-type"], json.dumps(event["detail"]), *event["resources"]]
    size = sum(len(field.encode()) for field in fields) + _TIME_BYTES
    if archive.events and archive.events[0].arrived <= _oldest(archive):
        archive.events = events_of(archive)
    moment = datetime.fromisoformat(event["time"]).timestamp()
    archive.events.append(Kept(current().clock.time(), moment, size, text))


def _oldest(archive: Any) -> float:
    days = int(archive.retention or 0)
    return current().clock.time() - days * _DAY if days else -math.inf


def events_of(archive: Any) -> list[Kept]:
    """What is still in the archive: the retention in days runs from the arrival, 0 keeps for ever."""
    oldest = _oldest(archive)
    return [event for event in archive.events if event.arrived > oldest]


def shown(original: dict[str, Any], archive: Any) -> dict[str, Any]:
    """An archive in a list, with its counts."""
    events = events_of(archive)
    return {**original, "EventCount": len(events), "SizeBytes": sum(event.size for event in events)}


def update(archive: Any, description: str | None, pattern: str | None, retention: Any) -> None:
    """Change what was given, also the rule that feeds the archive."""
    if description is not None:
        archive.description = description
    if retention is not None:
        archive.retention = retention
    if pattern is None:
        return
    from moto.events.models import EventPattern

    archive.event_pattern = EventPattern.load(pattern)
    arn = stores.Arn.of(archive.arn)
    backend = stores.backend_of("events", arn.account, arn.region) if arn else None
    if backend is not None:
        wanted = {**json.loads(pattern or "{}"), "replay-name": [{"exists": False}]}
        archive.rule = backend.put_rule(
            f"Events-Archive-{archive.name}", event_pattern=json.dumps(wanted),
            event_bus_arn=archive.event_bus_name, managed_by=_MANAGER,
        )  # fmt: skip


# -- replays -------------------------------------------------------------------------------------------


def check_room(backend: Any) -> None:
    """Refuse an eleventh replay while ten are active."""
    if sum(replay.state in _ACTIVE for replay in backend.replays.values()) >= MOST_REPLAYS:
        raise JsonRESTError(
            "LimitExceededException", "The requested resource exceeds the maximum number allowed."
        )


def begin(replay: Any) -> None:
    """A replay was started: it runs a little later."""
    replay.labkit_minute = None
    replay.labkit_last = None
    current().clock.schedule(current().clock.time() + _START, run, replay.arn)


def describe(original: dict[str, Any], replay: Any) -> dict[str, Any]:
    """A replay in a list, with how far it is."""
    extra = {
        "EventLastReplayedTime": vars(replay).get("labkit_last"),
        "StateReason": vars(replay).get("labkit_reason"),
    }
    return {**original, **{name: value for name, value in extra.items() if value is not None}}


def cancel(replay: Any) -> dict[str, str]:
    """CancelReplay."""
    if replay.state not in (ReplayState.STARTING, ReplayState.RUNNING):
        raise IllegalStatusException(f"Replay {replay.name} is not in a valid state for this operation.")
    replay.state = ReplayState.CANCELLING
    current().clock.schedule(current().clock.time() + _STEP, cancelled, replay.arn)
    return {"ReplayArn": replay.arn, "State": ReplayState.CANCELLING.value}


def cancelled(arn: str) -> None:
    """Due work: a replay that was cancelled has stopped."""
    replay, _ = _replay_at(arn)
    if replay is not None and replay.state is ReplayState.CANCELLING:
        _end(replay, ReplayState.CANCELLED)


def run(arn: str) -> None:
    """Due work: a replay sends the events of its next minute, or is done."""
    replay, backend = _replay_at(arn)
    if replay is None or replay.state not in (ReplayState.STARTING, ReplayState.RUNNING):
        return
    replay.state = ReplayState.RUNNING
    archive = backend.archives.get(replay.source_arn.rpartition("/")[2])
    bus = publish.find_bus(replay.destination["Arn"])
    if archive is None or bus is None:
        replay.labkit_reason = "The archive or the event bus does not exist any more."
        _end(replay, ReplayState.FAILED)
        return
    events = list(_next_minute(replay, archive))
    if not events:
        _end(replay, ReplayState.COMPLETED)
        return
    replay.labkit_minute = int(events[0].moment // 60)
    for event in events:
        again = _again(json.loads(event.text), replay.name)
        publish.arrive(bus, again, hops=0, only=replay.destination.get("FilterArns") or None, now=True)
        replay.labkit_last = event.moment
    current().clock.schedule(current().clock.time() + _STEP, run, arn)


def _next_minute(replay: Any, archive: Any) -> Iterator[Kept]:
    done = replay.labkit_minute
    left = [
        event
        for event in events_of(archive)
        if float(replay.event_start_time) <= event.moment < float(replay.event_end_time)
        and (done is None or event.moment // 60 > done)
    ]
    minute = min((event.moment // 60 for event in left), default=None)
    return (event for event in left if event.moment // 60 == minute)


def _again(event: dict[str, Any], name: str) -> dict[str, Any]:
    """The event as it is replayed: with `replay-name` where AWS puts it."""
    resources, detail = event.pop("resources"), event.pop("detail")
    return {**event, "replay-name": name, "resources": resources, "detail": detail}


def _end(replay: Any, state: ReplayState) -> None:
    replay.state, replay.end_time = state, current().clock.time()


def _replay_at(arn: str) -> tuple[Any, Any]:
    parts = stores.Arn.of(arn)
    backend = stores.backend_of("events", parts.account, parts.region) if parts else None
    if parts is None or backend is None:
        return None, None
    return backend.replays.get(parts.name.removeprefix("replay/")), backend


def with_state(backend: Any, state: str) -> list[dict[str, Any]]:
    """The replays in one state; moto compares it with something else."""
    return [replay.describe_short() for replay in backend.replays.values() if replay.state.value == state]
