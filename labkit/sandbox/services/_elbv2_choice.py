"""Which target gets a request: the share of its group, the group's algorithm, slow start, zones, sticky sessions.

AWS draws by chance where weights are given; here shares are dealt out in turn, so that they are exact.

Sources: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html (round
robin, least outstanding requests, slow start, cross-zone, sticky sessions), target-group-health-checks.html (a group
with unhealthy targets only fails open), botocore's model, elasticloadbalancingv2 (TargetGroupAttribute).
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Mapping
from typing import Any, Final

from labkit.sandbox.services import _elbv2_store as store
from labkit.sandbox.services._elbv2_rules import Asked
from labkit.sandbox.services._elbv2_targets import Target, slow_start

COOKIE: Final = "AWSALB"


def group_for(rule: Any, action: Any) -> Any:
    """The target group that gets this request of a forward action, or None when it is gone."""
    config = (action.data.get("ForwardConfig") or {}).get("TargetGroups") or []
    if len(config) < 2:
        found = store.groups_in(action)
        return store.target_group(found[0]) if found else None
    weights = {one["TargetGroupArn"]: float(one.get("Weight", 1)) for one in config}
    turns = vars(rule).setdefault("labkit_turns", {})
    chosen = _in_turn(turns, weights)
    return store.target_group(chosen) if chosen else None


def candidates(group: Any, balancer: Any) -> list[Target]:
    """Who may get a request: the healthy ones; if there are none, all that are registered and in use."""
    found = [one for one in group.targets.values() if one.state == "healthy"]
    if not found:
        # Fail open. Targets under initial checks count as not healthy yet.
        found = [
            one for one in group.targets.values() if one.state in ("unhealthy", "initial", "unavailable")
        ]
    if len(found) > 1 and not _crosses_zones(group, balancer):
        return _of_one_zone(group, balancer, found)
    return found


def _crosses_zones(group: Any, balancer: Any) -> bool:
    usual = "true" if balancer.type == "application" else "false"
    own = store.attribute(group.attributes, "load_balancing.cross_zone.enabled", "")
    if own in ("true", "false"):
        return own == "true"
    if balancer.type == "application":
        return True
    return store.attribute(balancer.attrs, "load_balancing.cross_zone.enabled", usual) == "true"


def _of_one_zone(group: Any, balancer: Any, found: list[Target]) -> list[Target]:
    """Each zone's node gets the same share of requests, and keeps it for the targets of its zone."""
    zones = [
        zone
        for zone in store.zones(balancer)
        if any(one.get("AvailabilityZone") in (zone, "all", None) for one in found)
    ]
    if not zones:
        return found
    place = vars(group).get("labkit_zone", 0)
    group.labkit_zone = place + 1
    zone = zones[place % len(zones)]
    return [one for one in found if one.get("AvailabilityZone") in (zone, "all", None)]


def target_for(group: Any, balancer: Any, asked: Asked, now: float) -> Target | None:
    """The target that gets a request, or None when the group has nobody to give it to."""
    found = candidates(group, balancer)
    if not found:
        return None
    if sticky(group):
        kept = _remembered(asked.headers, found)
        if kept is not None:
            return kept
    if len(found) == 1:
        return found[0]
    attributes = group.attributes
    if attributes.get("load_balancing.algorithm.type") == "least_outstanding_requests":
        return min(found, key=lambda one: outstanding(one, now))
    if int(attributes.get("slow_start.duration_seconds") or 0):
        weights = {one.key: 1 - slow_start(group, one, now) for one in found}
        if any(weight < 1 for weight in weights.values()):
            chosen = _in_turn(vars(group).setdefault("labkit_turns", {}), weights)
            return next(one for one in found if one.key == chosen)
    place: int = vars(group).get("labkit_next", 0)
    group.labkit_next = place + 1
    return found[place % len(found)]


def _in_turn(turns: dict[str, float], weights: Mapping[str, float]) -> str:
    """Deal out in turn, each as often as its weight says: whoever has waited longest for its share."""
    total = sum(weights.values())
    if total <= 0:
        return ""
    for name, weight in weights.items():
        turns[name] = turns.get(name, 0.0) + weight
    chosen = max(weights, key=lambda name: (weights[name] > 0, turns[name]))
    turns[chosen] -= total
    return chosen


# -- requests in flight --------------------------------------------------------------------------------


def began(group: Any, target: Target, until: float, weight: float) -> None:
    """A request is on its way until then. Noted only where the algorithm asks."""
    if group.attributes.get("load_balancing.algorithm.type") == "least_outstanding_requests":
        heapq.heappush(vars(target).setdefault("flying", []), (until, weight))


def outstanding(target: Target, now: float) -> float:
    """How many requests of a target are not answered yet."""
    flying = vars(target).get("flying")
    if not flying:
        return 0.0
    while flying and flying[0][0] <= now:
        heapq.heappop(flying)
    return float(sum(weight for _, weight in flying))


# -- sticky sessions -----------------------------------------------------------------------------------


def sticky(group: Any) -> bool:
    """Whether the group keeps clients with their targets by the load balancer's cookie."""
    attributes = group.attributes
    return bool(
        attributes.get("stickiness.enabled") == "true" and attributes.get("stickiness.type") == "lb_cookie"
    )


def cookie(target: Target) -> str:
    """What the load balancer's cookie says about a target; nobody can read it."""
    return hashlib.sha256(f"{target.key}/{target.registered}".encode()).hexdigest()


def _remembered(headers: Mapping[str, str], found: list[Target]) -> Target | None:
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return next((one for one in found if cookie(one) == value), None)
    return None
