"""Tasks as lanes: a bar for each status from PROVISIONING to STOPPED, and why it ended.

Reads the "state" events of ECS. A task outside a service stands under the name of its family.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from labkit.drawing.timeline_model import Bar, Lane, Look, Mark, Past, Sign, Story
from labkit.drawing.timeline_words import cut
from labkit.judging.card import plural
from labkit.sandbox.trace import Event, short_name

LOOKS: Final = {
    "placed": Look("provisioning", fill="#FFFFFF", edge="#5A6B86", dashed=True),
    "pending": Look("pending", fill="#FDF0D5", edge="#A36200", hatch="////"),
    "starting": Look("activating: pulls the image", fill="#FDF0D5", edge="#A36200"),
    "running": Look("running", fill="#0F5E93", edge="#0B4870", ink="#FFFFFF"),
    "unhealthy": Look("running, unhealthy", fill="#FBE3E6", edge="#B8233B", hatch="xxxx"),
    "stopping": Look("stopping", fill="#E4E8EE", edge="#5A6B86", hatch="...."),
    "stopped": Look("stopped", done=True),
}
SIGNS: Final = {
    "healthy": Sign("its health check passes", "check", "#4A6A00"),
    "unhealthy": Sign("its health check fails", "ring", "#B8233B"),
    "failed": Sign("ended with an error", "cross", "#B8233B"),
    "warned": Sign("Spot takes it back", "diamond", "#B01A57"),
    "ended": Sign("stopped", "square", "#5A6B86"),
}
_STATES: Final = {
    "TaskProvisioning": "placed", "TaskPending": "pending", "TaskActivating": "starting", "TaskRunning": "running",
    "TaskDeactivating": "stopping", "TaskStopping": "stopping", "TaskDeprovisioning": "stopping",
    "TaskStopped": "stopped",
}  # fmt: skip
_HEALTH: Final = {"ContainerHealthHealthy": "healthy", "ContainerHealthUnhealthy": "unhealthy"}
_TOLD: Final = {"TaskProvisioning": "placed", "TaskRunning": "running"}
"""Steps that only the words tell: the bars show them."""
_GOOD: Final = ("UserInitiated", "ServiceSchedulerInitiated", "EssentialContainerExited")
_SPOT: Final = "SpotInterruption"
_LONGEST: Final = 140


@dataclass(slots=True)
class _Life:
    """What the trace tells of one task."""

    arn: str
    params: Mapping[str, Any]
    steps: list[tuple[float, str]] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    warned: bool = False

    @property
    def owner(self) -> str:
        """The service, or the family of a task that runs by itself."""
        return str(self.params.get("Service") or str(self.params.get("Family", "")).partition(":")[0])

    @property
    def names(self) -> tuple[str, ...]:
        """Everything one can ask for it by."""
        family = str(self.params.get("Family", ""))
        task = short_name(self.arn)
        found = (self.owner, family.partition(":")[0], family, str(self.params.get("Cluster", "")), task)
        return tuple(dict.fromkeys(filter(None, found)))


def names(past: Past) -> set[str]:
    """Every name one can ask for: of services, families with and without revision, clusters, tasks."""
    return {name for life in _lives(past.events) for name in life.names}


def story(past: Past) -> Story:
    """All tasks, or those of one service, family, revision or cluster, or one task."""
    lives = _lives(past.events)
    known = tuple(dict.fromkeys(name for life in lives for name in life.names))
    wanted = [life for life in lives if not past.resource or past.resource in life.names]
    wanted.sort(key=lambda life: life.owner)  # the sort keeps the order in which they began
    return Story(
        title=f"Tasks of {past.resource}" if past.resource else "Tasks",
        nouns=("task", "tasks"),
        lanes=tuple(_lane(life, past.now) for life in wanted),
        looks=LOOKS,
        signs=SIGNS,
        now=past.now,
        known=known,
        notices=notices,
        empty=f"{past.resource} has had no task yet." if past.resource else "No task has run yet.",
        uneven="steps",
    )


def notices(lanes: Sequence[Lane]) -> list[str]:
    """What a reader should see first, in sentences."""
    running = sum(lane.state in ("running", "unhealthy") for lane in lanes)
    found = [f"{plural(running, 'task is', 'tasks are')} running now."]
    for sign, one, more in (
        ("warned", "task was taken back by Spot", "tasks were taken back by Spot"),
        ("failed", "task ended with an error", "tasks ended with an error"),
    ):
        count = sum(any(mark.sign == sign for mark in lane.marks) for lane in lanes)
        if count:
            found.append(f"{plural(count, one, more)}.")
    return found


def _lives(events: Sequence[Event]) -> list[_Life]:
    lives: dict[str, _Life] = {}
    for event in events:
        if event.service != "ecs" or event.kind != "state":
            continue
        if (state := _STATES.get(event.action)) is not None:
            life = lives.setdefault(event.resource, _Life(event.resource, event.params))
            life.params = event.params
            life.steps.append((event.time, state))
            if event.action in _TOLD:
                life.marks.append(Mark(event.time, "", _TOLD[event.action]))
            life.marks += _ends(life, event)
        elif (health := _HEALTH.get(event.action)) is not None and event.resource in lives:
            life = lives[event.resource]
            life.steps.append((event.time, "running" if health == "healthy" else "unhealthy"))
            life.marks.append(
                Mark(event.time, health, f"became {health}", str(event.params.get("Container", "")))
            )
    return list(lives.values())


def _ends(life: _Life, event: Event) -> Iterator[Mark]:
    """Signs for a warning and for the end of a task."""
    code = str(event.params.get("StopCode", ""))
    why = cut(str(event.params.get("Reason", "")), _LONGEST)
    if code == _SPOT and not life.warned:
        life.warned = True
        yield Mark(event.time, "warned", "warned", why)
    if event.action != "TaskStopped":
        return
    exits = event.params.get("ExitCodes") or {}
    bad = {name: exit_code for name, exit_code in exits.items() if exit_code}
    told = ", ".join(
        filter(None, (code, why, *(f"{name} exited with {number}" for name, number in bad.items())))
    )
    failed = code not in (*_GOOD, _SPOT) or (
        code == "EssentialContainerExited" and (bad or None in exits.values())
    )
    yield Mark(event.time, "failed" if failed else "ended", "stopped", told)


def _lane(life: _Life, now: float) -> Lane:
    bars: list[Bar] = []
    for place, (began, state) in enumerate(life.steps):
        following = life.steps[place + 1][0] if place + 1 < len(life.steps) else now
        if bars and bars[-1].state == state:
            bars[-1] = Bar(bars[-1].start, following, state)
        elif following > began or place + 1 == len(life.steps):
            bars.append(Bar(began, began if state == "stopped" else following, state))
    params = life.params
    where = [
        str(params.get("Family", "")),
        str(params.get("CapacityProvider") or params.get("LaunchType") or ""),
    ]
    zone = str(params.get("Zone", "")).rpartition("-")[2]  # "1a": the Region is the same in every lane
    detail = ", ".join(filter(None, (*where, zone)))
    name = f"{life.owner} {short_name(life.arn)[:8]}"
    return Lane(name, tuple(bars), tuple(life.marks), (life.owner,), detail=detail, key=life.arn)
