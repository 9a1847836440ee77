"""KMS: the keys that the learner made."""

from __future__ import annotations

from typing import Any, Final

from labkit.drawing.scene import Scene

CALLS: Final = ("Encrypt", "Decrypt", "GenerateDataKey", "Sign", "Verify", "ReEncrypt")


def show(scene: Scene, backend: Any) -> None:
    """Customer keys, by their alias where they have one."""
    for key in backend.keys.values():
        names = [one.alias_name for one in key.aliases.values()]
        if key.key_manager != "CUSTOMER" or any(name.startswith("alias/aws/") for name in names):
            continue
        state = "" if key.key_state == "Enabled" else str(key.key_state)
        shown = names[0].removeprefix("alias/") if names else f"key {key.id[:8]}"
        scene.resource(key.arn, "kms", shown, state, aliases=(key.id, *names))
