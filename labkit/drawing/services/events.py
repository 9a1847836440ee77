"""EventBridge: buses, rules and their targets. A rule is a node between its bus and its targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from labkit.drawing.scene import Scene

CALLS: Final = ("PutEvents",)


def used(params: Mapping[str, Any]) -> list[str]:
    """The buses that the entries of a PutEvents call name."""
    entries = params.get("Entries") or []
    return list(dict.fromkeys(str(one.get("EventBusName") or "default") for one in entries))


def show(scene: Scene, backend: Any) -> None:
    """Buses that have rules or were made by the learner, their rules, and where the rules deliver."""
    for bus in backend.event_buses.values():
        if bus.name == "default" and not bus.rules:
            continue
        scene.resource(bus.arn, "eventbridge", bus.name, "event bus")
        for rule in bus.rules.values():
            _show_rule(scene, bus.arn, rule)


def _show_rule(scene: Scene, bus: str, rule: Any) -> None:
    off = "" if rule.state == "ENABLED" else " (disabled)"
    scene.resource(rule.arn, "rule", rule.name, (rule.scheduled_expression or "event pattern") + off)
    scene.link(bus, rule.arn, _matched(rule))
    for target in rule.targets:
        scene.link(rule.arn, target.get("Arn"), "delivers")
        scene.leads(rule.arn, target, "DeadLetterConfig", "Arn")


def _matched(rule: Any) -> str:
    """What the pattern asks of the kind of event, when it says so simply."""
    pattern = rule.event_pattern.get_pattern() or {}
    kinds = pattern.get("detail-type") or pattern.get("source") or []
    return ", ".join(one for one in kinds if isinstance(one, str))
