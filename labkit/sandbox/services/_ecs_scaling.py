"""ECS services as what is scaled: `ecs:service:DesiredCount`."""

from __future__ import annotations

import math
from typing import Any

from labkit.sandbox.scalable import RESOURCES, Resource


def _service(account: str, region: str, resource_id: str) -> Any:
    from labkit.sandbox.services import _ecs_store as ecs

    found_in, parts = ecs.backend(account, region), resource_id.split("/")
    service = (
        found_in.services.get(f"{parts[1]}:{parts[2]}") if found_in is not None and len(parts) == 3 else None
    )
    return service if service is not None and service.status == "ACTIVE" else None


def desired(account: str, region: str, resource_id: str) -> int | None:
    """The desired count, or None when the service is gone."""
    service = _service(account, region, resource_id)
    return int(service.desired_count) if service is not None else None


def actual(account: str, region: str, resource_id: str) -> int:
    """Tasks that run."""
    service = _service(account, region, resource_id)
    return int(service.running_count) if service is not None else 0


def ran(account: str, region: str, resource_id: str, when: float) -> int:
    """Tasks that ran at a moment."""
    from labkit.sandbox.services import _ecs_store as ecs

    service = _service(account, region, resource_id)
    if service is None:
        return 0
    found = ecs.tasks(ecs.backend(account, region), cluster=service.cluster_name, service=service.arn)
    return sum(
        one.started_at is not None
        and one.started_at <= when
        and when < (one.stopping_at or one.stopped_at or math.inf)
        for one in found
    )


def change(account: str, region: str, resource_id: str, capacity: int) -> None:
    """Give the service another desired count."""
    from labkit.sandbox.services._ecs_services import set_count

    service = _service(account, region, resource_id)
    if service is not None:
        set_count(service, capacity)


def deploying(account: str, region: str, resource_id: str) -> bool:
    """Whether a deployment is in progress: no scale-in meanwhile."""
    service = _service(account, region, resource_id)
    return service is not None and any(one.state == "IN_PROGRESS" for one in service.rollouts)


RESOURCES["ecs:service:DesiredCount"] = Resource(
    "desired count", "ecs", desired, actual, ran, change, deploying
)
