"""What a service says: its `events`, and the same things on the event bus.

The words are AWS's: "Amazon ECS service event messages" (service-event-messages-list.html), "Amazon ECS service
action events" (ecs_service_events.html), "Amazon ECS service deployment state change events"
(ecs_service_deployment_events.html), "Amazon ECS Availability Zone service rebalancing service event messages"
(service-rebalancing-event-messages-list.html). DescribeServices shows the newest 100.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from moto.moto_api._internal import mock_random

from labkit.sandbox import current
from labkit.sandbox.announce import announce

KEPT: Final = 100
_NAMED: Final = 10
"""How many tasks one message names. AWS splits longer lists; the figure is ours."""


def stamp(seconds: float) -> datetime:
    """A time of the virtual clock as moto keeps times."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def iso(seconds: float) -> str:
    """A time as the detail of an event writes it."""
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def say(service: Any, text: str) -> None:
    """Add one message to the service's events."""
    now = current().clock.time()
    message = f"(service {service.name}) {text}"
    service.events.insert(0, {"id": str(mock_random.uuid4()), "createdAt": stamp(now), "message": message})
    del service.events[KEPT:]
    current().trace.record("state", "ecs", "ServiceEvent", resource=service.arn, note=message)


def ids(arns: Sequence[str]) -> str:
    """`(task 1234) (task 5678)`, as messages name tasks."""
    return " ".join(f"(task {arn.rpartition('/')[2]})" for arn in arns)


def started(service: Any, arns: Sequence[str], *, replaced: int = 0) -> None:
    """Tasks were started."""
    for at in range(0, len(arns), _NAMED):
        some = arns[at : at + _NAMED]
        why = f". Amazon ECS replaced {replaced} tasks due to an unhealthy status." if replaced else "."
        say(service, f"has started {len(some)} tasks: {ids(some)}{why}")


def stopped(service: Any, arns: Sequence[str], *, pending: int = 0) -> None:
    """Running tasks were stopped, and `pending` others that did not run yet."""
    for at in range(0, len(arns), _NAMED):
        some = arns[at : at + _NAMED]
        say(service, f"has stopped {len(some)} running tasks: {ids(some)}.")
    if pending:
        say(service, f"stopped {pending} pending tasks.")


def action(service: Any, name: str, kind: str = "INFO", **more: Any) -> None:
    """An "ECS Service Action" event. `kind` is INFO, WARN or ERROR."""
    detail = {"eventType": kind, "eventName": name, "clusterArn": service.cluster_arn, **more}
    detail["createdAt"] = iso(current().clock.time())
    _tell(service, "ECS Service Action", detail)


def deployment(service: Any, deployment_id: str, name: str, reason: str, kind: str = "INFO") -> None:
    """An "ECS Deployment State Change" event."""
    detail = {
        "eventType": kind, "eventName": name, "deploymentId": deployment_id,
        "updatedAt": iso(current().clock.time()), "reason": reason,
    }  # fmt: skip
    _tell(service, "ECS Deployment State Change", detail)


def _tell(service: Any, kind: str, detail: Mapping[str, Any]) -> None:
    announce(
        "aws.ecs", kind, detail, [service.arn], account=service.account_id, region=service.region_name
    )  # fmt: skip


def zones(counts: Mapping[str, int]) -> str:
    """`2 tasks in eu-west-1a, 1 tasks in eu-west-1b`."""
    return ", ".join(f"{count} tasks in {zone}" for zone, count in sorted(counts.items()))
