"""What was used, read from the trace: who called which resource how often, and what was carried on where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from labkit.drawing import services
from labkit.drawing.scene import Link, Scene
from labkit.sandbox.trace import Event

PEOPLE: Final = {"learner": "You"}
"""Callers that are people -> what they are called in a figure."""
NOBODY: Final = frozenset({"", "aws", "checker"})
"""Callers that no figure shows: AWS itself, and the checks, which play the outside world."""
CARRIES: Final = ("delivery", "invocation")


def observe(scene: Scene, events: Iterable[Event], names: Iterable[str]) -> None:
    """Add what the events say about the resources of these services. Calls that failed do not count."""
    modules = {name: services.module(name) for name in names}
    links: dict[tuple[str, str], Link] = {}
    for event in events:
        module = modules.get(event.service)
        if event.error:
            continue
        if event.kind == "call" and module is not None and event.action in getattr(module, "CALLS", ()):
            _count_call(scene, links, module, event)
        elif event.kind in CARRIES:
            _count_move(scene, event.params.get("source") or event.resource, event.params.get("target"))
        elif module is not None and (target := getattr(module, "MOVES", {}).get(event.action)):
            _count_move(scene, event.resource, event.params.get(target))


def _count_call(scene: Scene, links: dict[tuple[str, str], Link], module: Any, event: Event) -> None:
    caller = _caller(scene, event.caller)
    if caller is None:
        return
    for name in _names(module, event):
        target = scene.named(event.service, name)
        if target is None or target == caller:
            continue
        link = links.get((caller, target))
        if link is None:
            link = links[caller, target] = Link(caller, target)
            scene.links.append(link)
        link.observed[event.action] = link.observed.get(event.action, 0) + 1


def _caller(scene: Scene, name: str) -> str | None:
    """The key of who called: a person, or the resource that goes by that name."""
    if name in NOBODY:
        return None
    if name in PEOPLE:
        return f"person:{PEOPLE[name]}"
    return scene.known(name) or f"person:{name}"


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


def _count_move(scene: Scene, source: object, target: object) -> None:
    """Something went from one resource to another, along the link that says so if there is one."""
    if not isinstance(source, str) or not isinstance(target, str):
        return
    ends = (scene.known(source), scene.known(target))
    if None in ends:
        return
    for link in scene.links:
        if (scene.known(link.source), scene.known(link.target)) == ends and not link.observed:
            link.moved += 1
            return
    scene.links.append(Link(str(ends[0]), str(ends[1]), moved=1))
