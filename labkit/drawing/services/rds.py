"""RDS: database instances."""

from __future__ import annotations

from typing import Any

from labkit.drawing.scene import Scene


def show(scene: Scene, backend: Any) -> None:
    """Database instances with engine and state."""
    for database in backend.databases.values():
        detail = f"{database.engine}, {database.status}"
        scene.resource(database.db_instance_arn, "rds", database.db_instance_identifier, detail)
