"""CapacityProviderReservation: how much of a capacity provider's group the tasks need, and what follows from it.

M / N * 100: N instances are there, M are needed: those that carry tasks, or when tasks wait for a place, all and as
many as those fill besides. Without instances it is 100, or 200 when some are needed. Tasks of daemons do not count.
Managed scaling keeps it at the target: it grows the group at once, and takes instances that carry nothing after 15
minutes.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cluster-auto-scaling.html,
https://aws.amazon.com/blogs/containers/deep-dive-on-amazon-ecs-cluster-auto-scaling/ (the formula, its special cases,
what M is).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from labkit.sandbox import current, metrics
from labkit.sandbox.services import _ecs_instances as instances
from labkit.sandbox.services import _ecs_providers as providers
from labkit.sandbox.services import _ecs_store as store

NAMESPACE: Final = "AWS/ECS/ManagedScaling"
NAME: Final = "CapacityProviderReservation"
_BACK: Final = 180
_CHANGES: Final = 10_000
_EMPTY: Final = 100.0
_MORE_THAN_NOTHING: Final = 200.0


class Need(NamedTuple):
    """Instances that are needed, and instances that are there."""

    needed: int
    there: int

    @property
    def percent(self) -> float:
        """The metric."""
        if self.there:
            return 100.0 * self.needed / self.there
        return _MORE_THAN_NOTHING if self.needed else _EMPTY


def measure(backend: Any, cluster: Any, provider: Any) -> Need:
    """What tasks need of a provider's group now."""
    from labkit.sandbox.services import _ecs_managed as managed
    from labkit.sandbox.services import _ecs_waiting as waiting

    mine = {
        one.container_instance_arn
        for one in instances.all_in(backend, cluster)
        if vars(one).get("capacity_provider_name") == provider.name
    }
    sizes = [
        waiting.size(task)
        for task in waiting.waiting(backend, cluster)
        if task.capacity_provider_name == provider.name
    ]
    group = waiting.group_of(backend, provider)
    if sizes and group is not None:
        more = waiting.machines(sizes, managed.size_of(group.instance_type))
        return Need(len(mine) + more, len(mine))
    busy = {
        task.container_instance_arn
        for task in store.tasks(backend, cluster)
        if task.container_instance_arn in mine and task.last_status != "STOPPED" and counts(task)
    }
    return Need(len(busy), len(mine))


def counts(task: Any) -> bool:
    """Whether a task makes its instance needed: a daemon's does not."""
    service = store.service(task.service_arn) if task.service_arn else None
    return service is None or service.scheduling_strategy != "DAEMON"


def scaled(backend: Any, cluster: Any) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    """The providers of a cluster whose groups ECS scales, and how."""
    for name in cluster.capacity_providers or ():
        provider = providers.find(backend, providers.short(name))
        settings = (getattr(provider, "auto_scaling_group_provider", None) or {}).get("managedScaling") or {}
        if provider is not None and settings.get("status") == "ENABLED":
            yield provider, settings


def changed(backend: Any, cluster: Any) -> None:
    """Tasks or instances came or went: write down what that makes of the metric, and look whether it is too high."""
    from labkit.sandbox.services import _ecs_waiting as waiting

    if cluster is None or cluster.status != "ACTIVE":
        return
    now = current().clock.time()
    for provider, settings in scaled(backend, cluster):
        value = measure(backend, cluster, provider).percent
        kept: list[tuple[float, float]] = (
            vars(provider).setdefault("reservation", {}).setdefault(cluster.name, [])
        )
        if not kept or kept[-1][1] != value:
            kept.append((now, value))
            del kept[:-_CHANGES]
        if value > float(settings.get("targetCapacity") or 100):
            waiting.soon(cluster.arn)


# -- for those who read ------------------------------------------------------------------------------


def read(account: str, region: str, asked: metrics.Asked) -> Iterator[metrics.Point]:
    """One data point a minute for each provider and cluster."""
    backend = store.backend(account, region)
    if backend is None or not asked.wants(NAMESPACE, NAME):
        return
    last = int(current().clock.time() // 60) * 60 - 60
    first = max(last - _BACK * 60, int(asked.start // 60) * 60 if asked.start > 0 else 0)
    for provider in list(backend.capacity_providers.values()):
        for cluster, kept in vars(provider).get("reservation", {}).items():
            place = (("CapacityProviderName", str(provider.name)), ("ClusterName", str(cluster)))
            for start in range(first, int(min(last, asked.end)) + 1, 60):
                value = _at(kept, start + 60.0)
                if value is not None:
                    at = datetime.fromtimestamp(start, UTC).replace(tzinfo=None)
                    yield metrics.Point(NAMESPACE, NAME, place, at, "Percent", [value])


def _at(kept: list[tuple[float, float]], when: float) -> float | None:
    return next((value for since, value in reversed(kept) if since < when), None)


metrics.SOURCES["ecs_reservation"] = read
