"""CloudWatch metrics of load balancers: counted by the minute as requests come, made when somebody reads them.

RequestCountPerTarget is what all requests of a group are for each of its targets at that time.

Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
(names, dimensions, one point a minute; no point where there was nothing to count).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from labkit.sandbox import current, metrics
from labkit.sandbox.services import _elbv2_store as store

NAMESPACES: Final = {"application": "AWS/ApplicationELB", "network": "AWS/NetworkELB"}
_MINUTES: Final = 24 * 60
"""Minutes that can be looked back. AWS keeps points of a minute for 15 days."""
_CHANGES: Final = 10_000
_TOLD: Final = (500, 502, 503, 504)
"""Statuses of the load balancer's own that have a metric each."""

Places = list[tuple[tuple[str, str], ...]]


class Minute:
    """What was counted in one minute. Sums are by name and target group (nothing: the load balancer alone)."""

    __slots__ = ("hosts", "sums", "times")

    def __init__(self) -> None:
        self.sums: dict[tuple[str, str], float] = {}
        self.times: dict[str, list[float]] = {}
        self.hosts: dict[str, int] = {}


# -- counting ------------------------------------------------------------------------------------------


def count(
    balancer: Any, group: Any, now: float, weight: float, *, target: int = 0, elb: int = 0, seconds: float = 0.0,
    own: str = "", refused: bool = False,
) -> None:  # fmt: skip
    """A request was answered: by a target with this status, or by the load balancer itself.

    `own` is the metric of an action of the load balancer's own, such as HTTP_Redirect_Count.
    """
    sums = (kept := _minute(balancer, now)).sums
    arn = group.arn if group is not None else ""
    names = ["RequestCount"]
    if target:
        names.append(f"HTTPCode_Target_{target // 100}XX_Count")
        kept.times.setdefault(arn, []).append(seconds)
    elif refused:
        names.append("TargetConnectionErrorCount")
    for name in names:
        sums[name, arn] = sums.get((name, arn), 0.0) + weight
    if elb and own != "HTTP_Fixed_Response_Count":
        sums[f"HTTPCode_ELB_{elb // 100}XX_Count", ""] = (
            sums.get((f"HTTPCode_ELB_{elb // 100}XX_Count", ""), 0.0) + weight
        )
        if elb in _TOLD:
            sums[f"HTTPCode_ELB_{elb}_Count", ""] = sums.get((f"HTTPCode_ELB_{elb}_Count", ""), 0.0) + weight
    if own:
        sums[own, ""] = sums.get((own, ""), 0.0) + weight
    if arn and arn not in kept.hosts:
        kept.hosts[arn] = max(1, len(group.targets))


def _minute(balancer: Any, now: float) -> Minute:
    number = int(now // 60)
    minutes: dict[int, Minute] | None = vars(balancer).get("labkit_minutes")
    if minutes is None:
        minutes = balancer.labkit_minutes = {}
    found = minutes.get(number)
    if found is None:
        while len(minutes) >= _MINUTES:
            del minutes[next(iter(minutes))]
        found = minutes[number] = Minute()
    return found


def hosts(group: Any) -> None:
    """A target's state changed: how many there are now of each."""
    kept: list[tuple[float, int, int]] = vars(group).setdefault("labkit_hosts", [])
    states = [target.state for target in group.targets.values()]
    kept.append((current().clock.time(), states.count("healthy"), states.count("unhealthy")))
    del kept[:-_CHANGES]


# -- for those who read --------------------------------------------------------------------------------


def read(account: str, region: str, asked: metrics.Asked) -> Iterator[metrics.Point]:
    """All data points that somebody asks for, of minutes that are over. Looking changes nothing."""
    backend = store.backend(account, region)
    if backend is None or not asked.names(set(NAMESPACES.values())):
        return
    last = int(current().clock.time() // 60) - 1
    first = max(int(asked.start // 60), last - _MINUTES)
    last = int(min(last, asked.end // 60))
    for balancer in backend.load_balancers.values():
        space = NAMESPACES.get(balancer.type, NAMESPACES["application"])
        minutes = vars(balancer).get("labkit_minutes", {})
        for number in range(first, last + 1):
            if number in minutes:
                for name, arn, unit, values in _counted(minutes[number]):
                    if asked.wants(space, name):
                        for place in _places(balancer, arn):
                            yield metrics.Point(space, name, place, _moment(number), unit, values)
        if asked.wants(space, "HealthyHostCount") or asked.wants(space, "UnHealthyHostCount"):
            for group in backend.target_groups.values():
                if balancer.arn in group.load_balancer_arns:
                    yield from _hosts(balancer, group, space, first, last)


def _counted(kept: Minute) -> Iterator[tuple[str, str, str, list[float]]]:
    totals: dict[str, float] = {}
    for (name, arn), value in kept.sums.items():
        totals[name] = totals.get(name, 0.0) + value
        if arn:
            yield name, arn, "Count", [value]
            if name == "RequestCount":
                yield "RequestCountPerTarget", arn, "Count", [value / kept.hosts[arn]]
    for name, value in totals.items():
        yield name, "", "Count", [value]
    for arn, values in kept.times.items():
        yield "TargetResponseTime", arn, "Seconds", values
    if kept.times:
        yield "TargetResponseTime", "", "Seconds", [one for values in kept.times.values() for one in values]


def _hosts(balancer: Any, group: Any, space: str, first: int, last: int) -> Iterator[metrics.Point]:
    changes: list[tuple[float, int, int]] = vars(group).get("labkit_hosts", [])
    if not changes:
        return
    place = _places(balancer, group.arn)[0]
    coming = iter(changes)
    following = next(coming, None)
    healthy = unhealthy = 0
    for number in range(max(first, int(changes[0][0] // 60)), last + 1):
        good, bad = [float(healthy)], [float(unhealthy)]
        while following is not None and following[0] < (number + 1) * 60:
            _, healthy, unhealthy = following
            good.append(float(healthy))
            bad.append(float(unhealthy))
            following = next(coming, None)
        if len(good) > 1 and number == int(changes[0][0] // 60):
            del good[0], bad[0]  # before the first there was nobody to count
        yield metrics.Point(space, "HealthyHostCount", place, _moment(number), "Count", good)
        yield metrics.Point(space, "UnHealthyHostCount", place, _moment(number), "Count", bad)


def _places(balancer: Any, arn: str) -> Places:
    """The sets of dimensions under which a metric stands."""
    own = ("LoadBalancer", str(balancer.arn.partition("loadbalancer/")[2]))
    if not arn:
        return [(own,)]
    group = ("TargetGroup", arn.rpartition(":")[2])
    return [(group, own), (group,)]


def _moment(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC).replace(tzinfo=None)  # as moto keeps it


metrics.SOURCES["elbv2"] = read
