"""EventBridge Scheduler: schedules and their targets."""

from __future__ import annotations

from typing import Any

from labkit.drawing.scene import Scene


def show(scene: Scene, backend: Any) -> None:
    """Schedules, what they invoke, and the roles they use."""
    for group in backend.schedule_groups.values():
        for schedule in group.schedules.values():
            zone = schedule.schedule_expression_timezone or "UTC"
            detail = schedule.schedule_expression + ("" if zone == "UTC" else f" {zone}")
            off = schedule.state != "ENABLED"
            scene.resource(schedule.arn, "scheduler", schedule.name, detail, off=off)
            scene.link(schedule.arn, schedule.target.get("Arn"), off=off)
            scene.leads(schedule.arn, schedule.target, "DeadLetterConfig", "Arn")
            scene.assumes(schedule.arn, schedule.target.get("RoleArn"))
