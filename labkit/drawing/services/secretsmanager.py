"""Secrets Manager: secrets, who rotates them, and the keys around them. Values are never shown."""

from __future__ import annotations

from typing import Any, Final

from labkit.drawing.scene import Scene

CALLS: Final = ("GetSecretValue", "PutSecretValue", "BatchGetSecretValue")


def show(scene: Scene, backend: Any) -> None:
    """Secrets by name, with rotation and key."""
    for secret in backend.secrets.values():
        rotation = f"rotates every {secret.auto_rotate_after_days} days" if secret.rotation_enabled else ""
        gone = "to be deleted" if secret.deleted_date else ""
        scene.resource(secret.arn, "secretsmanager", secret.name, rotation or gone, aliases=(secret.name,))
        scene.link(secret.arn, secret.rotation_lambda_arn, "rotated by", style="optional")
        scene.link(secret.arn, secret.kms_key_id, "encrypted by", style="optional", must=False)
