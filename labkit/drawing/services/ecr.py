"""ECR: repositories of container images."""

from __future__ import annotations

from typing import Any

from labkit.drawing.scene import Scene
from labkit.judging.card import plural


def show(scene: Scene, backend: Any) -> None:
    """Repositories and how many images lie in them."""
    for repository in backend.repositories.values():
        immutable = "immutable tags" if repository.image_tag_mutability == "IMMUTABLE" else ""
        detail = ", ".join(filter(None, (plural(len(repository.images), "image"), immutable)))
        scene.resource(repository.arn, "ecr", repository.name, detail)
