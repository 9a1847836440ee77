"""CloudWatch Logs: log groups. The group that a function writes to by itself is part of the function."""

from __future__ import annotations

from typing import Any

from labkit.drawing.scene import Scene


def show(scene: Scene, backend: Any) -> None:
    """Log groups, how long they keep what they hold, and where they send it."""
    for group in backend.groups.values():
        if scene.known(group.name) is not None:
            continue
        kept = f"kept {group.retention_in_days} days" if group.retention_in_days else "kept for ever"
        scene.resource(group.arn, "logs", group.name, kept)
        for subscription in group.subscription_filters.values():
            scene.link(group.arn, subscription.destination_arn, "delivers")
