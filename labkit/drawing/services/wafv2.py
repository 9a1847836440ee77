"""WAF: web ACLs and what they protect."""

from __future__ import annotations

from typing import Any

from labkit.drawing.scene import Scene
from labkit.judging.card import plural


def show(scene: Scene, backend: Any) -> None:
    """Web ACLs with their rules, in front of what they are associated with."""
    for acl in backend.wacls.values():
        scene.resource(acl.arn, "waf", acl.name, plural(len(acl.rules), "rule"))
        for resource in acl.associated_resources:
            scene.link(acl.arn, resource, "protects", style="optional")
