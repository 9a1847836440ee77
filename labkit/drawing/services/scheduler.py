"""EventBridge Scheduler: schedules and their targets."""

from __future__ import annotations

from typing import Any

from labkit.drawing.scene import Scene


def show(scene: Scene, backend: Any) -> None:
    """Schedules, what they invoke, and the roles they use."""
    for group in backend.schedule_groups.values():
        for schedule in group.schedules.values():
            off = "" if schedule.state == "ENABLED" else " (disabled)"
            scene.resource(schedule.arn, "scheduler", schedule.name, schedule.schedule_expression + off)
            scene.link(schedule.arn, schedule.target.get("Arn"), "invokes")
            scene.leads(schedule.arn, schedule.target, "DeadLetterConfig", "Arn")
            scene.assumes(schedule.arn, schedule.target.get("RoleArn"))
