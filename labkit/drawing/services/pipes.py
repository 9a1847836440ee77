"""EventBridge Pipes: from a source, through a filter and an enrichment, to a target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labkit.drawing.scene import Scene
from labkit.drawing.services._mappings import batches, filters


def show(scene: Scene, backend: Any) -> None:
    """Pipes with their ends, their filter and their role."""
    for pipe in backend.pipes.values():
        off = pipe.desired_state == "STOPPED"
        settings = pipe.source_parameters or {}
        reads = _reading(settings)
        said, more = filters(settings.get("FilterCriteria"))
        scene.resource(pipe.arn, "pipes", pipe.name, said, off=off)
        label = batches(reads.get("BatchSize"), reads.get("MaximumBatchingWindowInSeconds"))
        scene.link(pipe.source, pipe.arn, label, off=off, more=more)
        scene.link(pipe.arn, pipe.enrichment, "enriches with", off=off)
        scene.link(pipe.arn, pipe.target, off=off)
        scene.leads(pipe.arn, reads, "DeadLetterConfig", "Arn")
        scene.assumes(pipe.arn, pipe.role_arn)


def _reading(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """How the source is read: `SqsQueueParameters` and the like."""
    found = (one for name, one in settings.items() if name != "FilterCriteria" and isinstance(one, Mapping))
    return next(found, {})
