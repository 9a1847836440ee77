"""EventBridge Pipes: from a source, through an enrichment, to a target."""

from __future__ import annotations

from typing import Any

from labkit.drawing.scene import Scene


def show(scene: Scene, backend: Any) -> None:
    """Pipes with their ends and their role."""
    for pipe in backend.pipes.values():
        state = "" if pipe.desired_state == "RUNNING" else "stopped"
        scene.resource(pipe.arn, "pipes", pipe.name, state)
        scene.link(pipe.source, pipe.arn, "polled by")
        scene.link(pipe.arn, pipe.enrichment, "enriches with")
        scene.link(pipe.arn, pipe.target, "delivers")
        scene.assumes(pipe.arn, pipe.role_arn)
