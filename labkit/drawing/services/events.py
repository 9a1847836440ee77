"""EventBridge: buses, rules with their targets, archives, and the web addresses of API destinations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from labkit.drawing.scene import Scene
from labkit.drawing.services._filters import in_full, phrase
from labkit.judging.card import plural

CALLS: Final = ("PutEvents",)


def used(params: Mapping[str, Any]) -> list[str]:
    """The buses that the entries of a PutEvents call name."""
    entries = params.get("Entries") or []
    return list(dict.fromkeys(str(one.get("EventBusName") or "default") for one in entries))


def show(scene: Scene, backend: Any) -> None:
    """Buses, their rules, where the rules deliver, and what is kept. The default bus only when it is used."""
    for bus in backend.event_buses.values():
        rules = [rule for rule in bus.rules.values() if not rule.managed_by]
        scene.resource(
            bus.arn, "eventbridge", bus.name, "event bus", spare=bus.name == "default" and not rules
        )
        for rule in rules:
            _show_rule(scene, bus.arn, rule)
    for archive in backend.archives.values():
        kept = f"{archive.retention} days" if archive.retention else "for ever"
        count = plural(len(archive.events), "event")
        asked: Any = getattr(getattr(archive, "event_pattern", None), "get_pattern", dict)()
        detail = f"{count}, kept {kept}"
        scene.resource(archive.arn, "archive", archive.name, detail, off=archive.state == "DISABLED")
        scene.link(archive.source_arn, archive.arn, phrase(asked))
    for destination in getattr(backend, "destinations", {}).values():
        address = str(destination.invocation_endpoint).partition("://")[2]
        scene.outside(destination.arn, "webhook", destination.name, address)


def _show_rule(scene: Scene, bus: str, rule: Any) -> None:
    off = rule.state == "DISABLED"
    asked = rule.event_pattern.get_pattern() or {}
    told = [rule.scheduled_expression, _asked(asked) if asked else ""]
    scene.resource(rule.arn, "rule", rule.name, "; ".join(filter(None, told)), off=off)
    if asked or not rule.scheduled_expression:
        more = in_full(asked)
        scene.link(bus, rule.arn, off=off, more=f"Pattern: {more}" if more else "")
    for target in rule.targets:
        scene.link(rule.arn, target.get("Arn"), ", ".join(_shaped(target)), off=off)
        scene.leads(rule.arn, target, "DeadLetterConfig", "Arn")


def _asked(pattern: Mapping[str, Any]) -> str:
    """What the pattern asks for. A kind of event alone needs no word before it."""
    kinds = pattern.get("detail-type")
    if isinstance(kinds, list) and all(isinstance(one, str) for one in kinds):
        rest = phrase({name: asked for name, asked in pattern.items() if name != "detail-type"})
        return ", ".join(filter(None, (" or ".join(kinds), rest)))
    return phrase(pattern)


def _shaped(target: Mapping[str, Any]) -> Iterator[str]:
    """What of the event a target gets."""
    if target.get("Input"):
        yield "a fixed text"
    if target.get("InputPath"):
        yield f"only {target['InputPath']}"
    if target.get("InputTransformer"):
        yield "transformed"
