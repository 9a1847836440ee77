"""What was used, read from the trace: who called what how often, what was carried where, what was refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from labkit.drawing import services
from labkit.drawing.scene import UNMATCHED, Link, Scene
from labkit.drawing.tally import FAILING, REFUSED, Tally, denied
from labkit.sandbox.trace import Event

PEOPLE: Final = {"learner": "You"}
"""Callers that are people -> what they are called in a figure."""
NOBODY: Final = frozenset({"", "aws", "checker"})
"""Callers that no figure shows: AWS itself, and the checks, which play the outside world."""
_SESSION: Final = "assumed-role/"
_RUNS: Final = {
    "Invocation": "runs", "InvocationThrottled": "throttled", "RecursiveInvocationStopped": "stopped as a loop",
    "EventDropped": "dropped", "EventUnmatched": UNMATCHED,
}  # fmt: skip
"""Events about one resource alone -> what is counted at it."""


def observe(scene: Scene, events: Iterable[Event], names: Iterable[str]) -> None:
    """Add what the events say about the resources of these services. Calls that failed otherwise do not count."""
    reader = _Reader(scene, {name: services.module(name) for name in names})
    for event in events:
        reader.read(event)


class _Reader:
    def __init__(self, scene: Scene, modules: Mapping[str, Any]) -> None:
        self.scene, self.modules = scene, modules
        self.calls: dict[tuple[str, str], Link] = {}
        self.known: dict[str, str] = {}
        self.callers: dict[str, str | None] = {}
        self.asking: set[int] = set()  # what followed from Subscribe: requests to confirm, and no messages
        self.links: dict[tuple[str, str], Link] = {}
        for link in scene.links:
            self.links.setdefault((self.key(link.source), self.key(link.target)), link)

    def key(self, name: str) -> str:
        """The ARN of the resource that a name means, or the name: the same for all its names."""
        if name not in self.known:
            self.known[name] = self.scene.known(name) or name
        return self.known[name]

    def read(self, event: Event) -> None:
        module = self.modules.get(event.service)
        if event.action == "Subscribe" or event.cause in self.asking:
            self.asking.add(event.sequence)
        elif event.kind == "call":
            if module is not None and event.action in getattr(module, "CALLS", ()):
                self.call(module, event)
        elif event.action in _COUNTS or event.action in _ONE:
            self.carried(event)
        elif event.action in _RUNS:
            self.run(event)
        elif module is not None and (named := getattr(module, "MOVES", {}).get(event.action)):
            tally = self.tally(event.resource, event.params.get(named))
            if tally is not None:
                tally.moved += 1

    # -- calls -----------------------------------------------------------------------------------

    def call(self, module: Any, event: Event) -> None:
        if event.error and not denied(event.error):
            return
        if event.caller not in self.callers:
            self.callers[event.caller] = _caller(self.scene, event.caller)
        caller = self.callers[event.caller]
        if caller is None:
            return
        for name in _names(module, event):
            target = self.scene.named(event.service, name)
            if target is None or target == caller:
                continue
            link = self.calls.get((caller, target))
            if link is None:
                link = self.calls[caller, target] = Link(caller, target, seen=True)
                self.scene.links.append(link)
            if event.error:
                link.tally.refused += 1
                link.tally.blame(REFUSED, event.error, event.note, event.message)
            else:
                link.tally.standing = ""
                link.observed[event.action] = link.observed.get(event.action, 0) + 1

    # -- what is carried -------------------------------------------------------------------------

    def tally(self, source: object, target: object) -> Tally | None:
        """The counts of the link between two resources; of a new one when no link says that it is there."""
        if not isinstance(source, str) or not isinstance(target, str):
            return None
        ends = self.through(self.key(source), self.key(target))
        link = self.links.get(ends)
        if link is None:
            if ends[0] not in self.scene.resources or ends[1] not in self.scene.resources:
                return None
            link = self.links[ends] = Link(*ends, seen=True)
            self.scene.links.append(link)
        return link.tally

    def carried(self, event: Event) -> None:
        """Something was on its way from one resource to another."""
        source = event.params.get("source") or event.resource
        tally = self.tally(source, event.params.get("target") or event.params.get("Endpoint"))
        if tally is None:
            return
        if event.action in _COUNTS:
            _COUNTS[event.action](tally, event)
            return
        what = _ONE[event.action]
        setattr(tally, what, getattr(tally, what) + 1)
        tally.standing = tally.standing if what == "filtered" else ""

    def through(self, source: str, target: str) -> tuple[str, str]:
        """The ends of the link that is meant. A pipe's batches name its source and its target, not the pipe."""
        if (source, target) not in self.links:
            for start, middle in self.links:
                pipe = start == source and self.scene.resources.get(middle)
                if pipe and pipe.service == "pipes" and (middle, target) in self.links:
                    return source, middle
        return source, target

    def run(self, event: Event) -> None:
        resource = self.scene.resources.get(self.key(event.resource))
        if resource is not None:
            resource.counts[_RUNS[event.action]] += 1
            if event.action == "Invocation" and event.error:
                resource.counts["failed"] += 1


def _batch(tally: Tally, event: Event) -> None:
    tally.batches += 1
    tally.arrived += int(event.params.get("Size") or 1)
    tally.standing = ""


def _batch_failed(tally: Tally, event: Event) -> None:
    tally.failed_batches += 1
    tally.blame(FAILING, event.error, event.note, event.message)


def _refused(tally: Tally, event: Event) -> None:
    tally.refused += 1
    tally.blame(REFUSED, event.error, event.note, event.message)


def _failed(tally: Tally, event: Event) -> None:
    tally.tries += 1
    tally.blame(FAILING, event.error, event.note, event.message)


def _dropped(tally: Tally, event: Event) -> None:
    tally.lost += int(event.params.get("Records") or 1)
    if not tally.why:
        tally.blame(REFUSED, event.error, event.message, event.note)


def _discarded(tally: Tally, event: Event) -> None:
    tally.lost += int(event.params.get("Size") or 1)


_COUNTS: Final[Mapping[str, Callable[[Tally, Event], None]]] = {
    "DeliveryFailed": _failed,
    "DeliveryRefused": _refused,
    "Dropped": _dropped,
    "RecordsDiscarded": _discarded,
    "RecordsExpired": _discarded,
    "BatchDelivered": _batch,
    "BatchFailed": _batch_failed,
    "PollRefused": _refused,
}
"""What happened to something on its way -> how it is counted."""
_ONE: Final = {
    "Delivered": "arrived",
    "DeadLettered": "dead",
    "FilteredOut": "filtered",
    "MessageFiltered": "filtered",
}
"""What happened to something on its way -> of what it is one more."""


def _caller(scene: Scene, name: str) -> str | None:
    """The key of who called: a person, or the resource that goes by that name."""
    if name in NOBODY or name.endswith(".amazonaws.com"):
        return None
    if name in PEOPLE:
        return f"person:{PEOPLE[name]}"
    if (known := scene.known(name)) is not None:
        return known
    if not name.startswith(_SESSION):
        flows = [one for one in scene.resources.values() if one.service == "stepfunctions"]
        named = [
            one.arn for one in flows if name in scene.roles_of(one.arn)
        ]  # its tasks call by the role's name
        return named[0] if len(named) == 1 else None if named else f"person:{name}"
    role, _, session = name.removeprefix(_SESSION).partition("/")
    worker = scene.known(session)
    if worker is not None and role in scene.roles_of(worker):
        return worker
    return scene.known(f"role:{role}") or f"person:{role}"


def _names(module: Any, event: Event) -> list[str]:
    """The resources a call was about."""
    if hasattr(module, "used"):
        return list(module.used(event.params))
    for parameter in getattr(module, "USED", ()):
        value = event.params.get(parameter)
        if isinstance(value, str) and value:
            return [value]
        if isinstance(value, Mapping):
            return [str(name) for name in value]
    return [event.resource] if event.resource else []
