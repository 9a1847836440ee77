"""IAM: roles, and who may assume them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from labkit.drawing.scene import Scene
from labkit.judging.card import plural


def show(scene: Scene, backend: Any) -> None:
    """Roles, except those that AWS services make for themselves. What a role allows is its number of policies."""
    roles = [role for role in backend.roles.values() if not str(role.path).startswith("/aws-service-role/")]
    for role in roles:
        count = len(role.policies) + len(role.managed_policies)
        detail = plural(count, "policy", "policies")
        scene.resource(role.arn, "iam", role.name, detail, aliases=(f"role:{role.name}",))
    for role in roles:
        for principal in _principals(role.assume_role_policy_document):
            if principal in scene.resources:
                scene.link(principal, role.arn, "may assume", style="optional", must=False)


def _principals(document: object) -> Iterator[str]:
    """The AWS principals that a trust policy lets in."""
    try:
        told = json.loads(document) if isinstance(document, str) else document
        statements = told["Statement"] if isinstance(told, dict) else []
    except (ValueError, KeyError):
        return
    for statement in [statements] if isinstance(statements, dict) else statements:
        named = (statement.get("Principal") or {}) if statement.get("Effect") == "Allow" else {}
        aws = named.get("AWS", []) if isinstance(named, dict) else []
        yield from [aws] if isinstance(aws, str) else aws
