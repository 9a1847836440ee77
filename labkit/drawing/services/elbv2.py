"""Load balancers: where their listeners forward to."""

from __future__ import annotations

from typing import Any

from labkit.drawing.scene import Scene


def show(scene: Scene, backend: Any) -> None:
    """Load balancers in their VPC, and the targets behind their listeners."""
    for balancer in backend.load_balancers.values():
        word = "nlb" if balancer.type == "network" else "alb"
        scene.resource(balancer.arn, word, balancer.name, balancer.scheme or "", inside=balancer.vpc_id)
    for group in backend.target_groups.values():
        for balancer_arn in group.load_balancer_arns:
            label = f"{group.protocol or ''} {group.port or ''}".strip()
            for service in _ecs_services(scene, group.arn):
                scene.link(balancer_arn, service, label)
            for target in group.targets.values():
                found = scene.known(str(target.get("Id", "")))
                scene.link(balancer_arn, found, label)


def _ecs_services(scene: Scene, group: str) -> list[str]:
    """ECS services register their tasks themselves; they say for which target group."""
    return [service for service, groups in scene.behind.items() if group in groups]
