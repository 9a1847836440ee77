"""Availability Zone rebalancing: when a zone has room again, a task is started there and one elsewhere goes.

Source: "Balancing an Amazon ECS service across Availability Zones" (service-rebalancing.html) and its event messages
(service-rebalancing-event-messages-list.html): a new task first; it has to be healthy before another one is stopped.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from labkit.sandbox import current
from labkit.sandbox.services import _ecs_events as events
from labkit.sandbox.services import _ecs_launches as launches
from labkit.sandbox.services import _ecs_planning as planning

LOOK_AGAIN: Final = 60.0
"""Seconds until a service whose zones are uneven is looked at again. The figure is ours."""


def counts(tasks: Sequence[Any]) -> Counter[str]:
    """Tasks in each zone."""
    return Counter(task.availability_zone for task in tasks if task.availability_zone)


def wanted(service: Any) -> bool:
    """Whether a service is to be rebalanced. One that may not have a task too many cannot be."""
    settings = service.settings
    return bool(
        settings.get("availabilityZoneRebalancing") == "ENABLED"
        and service.scheduling_strategy == "REPLICA"
        and settings["deploymentConfiguration"]["maximumPercent"] > 100
    )


def begin(service: Any, newest: Any, view: Any) -> None:
    """Start a task in an emptier zone, if there is one with room."""
    if service.rebalancing or not wanted(service) or len(view.healthy) < 2:
        return
    zones = counts(view.healthy)
    target = _emptier(service, newest, view.healthy, zones)
    if not target:
        if uneven(service, zones):
            view.again = min(view.again or view.now + LOOK_AGAIN, view.now + LOOK_AGAIN)
        return
    told = zones | Counter({target: zones[target]})
    told.setdefault(target, 0)
    text = f"is not AZ balanced with {events.zones(told)}. AZ Rebalancing in progress."
    if not service.unbalanced:
        service.unbalanced = True
        events.say(service, text)
        events.action(service, "SERVICE_REBALANCING_STARTED")
    if launches.start(service, newest, 1, view.healthy, rebalance=True):
        service.rebalancing = target


def uneven(service: Any, zones: Counter[str]) -> bool:
    """Whether another zone of the service's subnets could take a task of the fullest."""
    from labkit.sandbox.services import _ecs_networks as networks

    found = networks.asked(launches.backend(service), service.settings)
    return any(zones[one.zone] + 2 <= max(zones.values()) for one in found.subnets)


def _emptier(service: Any, newest: Any, tasks: Sequence[Any], zones: Counter[str]) -> str:
    """The zone where a new task would go, when that makes the zones more equal."""
    from labkit.sandbox.services import _ecs_capacity as capacity
    from labkit.sandbox.services import _ecs_store as store

    cluster = store.cluster(launches.backend(service), service.cluster_name)
    what = store.definition(newest.definition)
    asked = launches.asked(service, newest)
    for place in capacity.choose(launches.backend(service), cluster, what, 1, asked, running=tasks):
        zone = str(getattr(place, "zone", "") or "")
        if zone and zones[zone] + 2 <= max(zones.values()):
            return zone
    return ""


def go_on(service: Any, view: Any) -> bool:
    """With the extra task healthy, stop one of the fullest zone. Returns whether rebalancing still waits or acted."""
    if view.starting or view.unhealthy:
        return True
    dice = random.Random(f"{current().seed} {service.arn} {view.now}")
    launches.stop(service, planning.leave(view.healthy, 1, dice))
    service.rebalancing = ""
    return True


def done(service: Any, view: Any) -> None:
    """The extra task is gone again before it was healthy."""
    service.rebalancing = ""


def report(service: Any, view: Any) -> None:
    """Say that the zones are balanced again."""
    if service.unbalanced and not service.rebalancing:
        service.unbalanced = False
        events.say(service, f"is AZ balanced with {events.zones(counts(view.healthy))}.")
        events.action(service, "SERVICE_REBALANCING_COMPLETED")
