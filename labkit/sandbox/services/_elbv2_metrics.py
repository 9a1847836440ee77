"""CloudWatch metrics of load balancers, as soon as somebody uses CloudWatch.

Requests are added up and told once a minute, when the minute is over; numbers of hosts when they change, and in every
minute with requests.

Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any, Final

from labkit.sandbox import current
from labkit.sandbox.services import _elbv2_store as store

MINUTE: Final = 60.0
_NAMESPACE: Final = {"application": "AWS/ApplicationELB", "network": "AWS/NetworkELB"}
_FINE: Final = 0.001
"""Response times are kept to the millisecond."""


def wanted() -> bool:
    """Whether anybody in this session has looked at CloudWatch: only then can there be an alarm or a graph."""
    return "moto.cloudwatch.models" in sys.modules


def count(
    balancer: Any,
    group: Any,
    weight: float,
    *,
    target: int = 0,
    elb: int = 0,
    seconds: float = 0.0,
    fixed: bool = False,
    redirect: bool = False,
    refused: bool = False,
) -> None:
    """A request was answered: by a target with this status, or by the load balancer itself."""
    if not wanted():
        return
    minute = _minute(balancer)
    arn = group.arn if group is not None else ""
    sums: dict[tuple[str, str], float] = minute["sums"]

    def add(name: str, *where: str) -> None:
        for one in where:
            sums[name, one] = sums.get((name, one), 0.0) + weight

    places = ("", arn) if arn else ("",)
    if fixed:
        add("HTTP_Fixed_Response_Count", "")
    elif redirect:
        add("HTTP_Redirect_Count", "")
        add("HTTPCode_ELB_3XX_Count", "")
    elif elb:
        add(f"HTTPCode_ELB_{elb // 100}XX_Count", "")
        add(f"HTTPCode_ELB_{elb}_Count", "") if elb in (500, 502, 503, 504) else None
        add("TargetConnectionErrorCount", *places) if refused else None
    add("RequestCount", *places)
    if target:
        add(f"HTTPCode_Target_{target // 100}XX_Count", *places)
        fine = round(seconds / _FINE) * _FINE
        times = minute["times"].setdefault(arn, {})
        times[fine] = times.get(fine, 0.0) + weight


def _minute(balancer: Any) -> dict[str, Any]:
    clock = current().clock
    begin = clock.time() // MINUTE * MINUTE
    kept: dict[str, Any] | None = vars(balancer).get("labkit_minute")
    if kept is None or kept["begin"] != begin:
        if kept is not None:
            _tell(balancer, kept)
        kept = balancer.labkit_minute = {"begin": begin, "sums": {}, "times": {}}
        clock.schedule(begin + MINUTE, over, balancer.arn, begin)
    return kept


def over(arn: str, begin: float) -> None:
    """Due work: a minute with requests is over."""
    balancer = store.balancer(arn)
    kept = vars(balancer).get("labkit_minute") if balancer is not None else None
    if kept is not None and kept["begin"] == begin:
        balancer.labkit_minute = None
        _tell(balancer, kept)


def _tell(balancer: Any, kept: dict[str, Any]) -> None:
    at, data = _moment(kept["begin"]), []
    for (name, arn), value in kept["sums"].items():
        for given in _dimensions(balancer, arn):
            data.append(_datum(name, given, at, Value=value))
        if name == "RequestCount" and arn:
            group = store.target_group(arn)
            hosts = max(1, len(group.targets)) if group is not None else 1
            for given in _dimensions(balancer, arn):
                data.append(_datum("RequestCountPerTarget", given, at, Value=value / hosts))
    for arn, times in kept["times"].items():
        total = sum(times.values())
        values = {
            "Sum": sum(seconds * weight for seconds, weight in times.items()), "SampleCount": total,
            "Minimum": min(times), "Maximum": max(times),
        }  # fmt: skip
        for where in ("", arn):
            for given in _dimensions(balancer, where):
                data.append(_datum("TargetResponseTime", given, at, StatisticValues=values, Unit="Seconds"))
    _put(balancer, data)
    for arn in {arn for _, arn in kept["sums"] if arn}:
        group = store.target_group(arn)
        if group is not None:
            hosts_of(balancer, group, at)


def hosts(group: Any) -> None:
    """A target's state changed."""
    if wanted():
        at = _moment(current().clock.time())
        for balancer in store.users(group):
            hosts_of(balancer, group, at)


def hosts_of(balancer: Any, group: Any, at: datetime) -> None:
    """HealthyHostCount and UnHealthyHostCount of a group at a load balancer."""
    states = [target.state for target in group.targets.values()]
    data = []
    for name, state in (("HealthyHostCount", "healthy"), ("UnHealthyHostCount", "unhealthy")):
        for given in _dimensions(balancer, group.arn)[:1]:
            data.append(_datum(name, given, at, Value=float(states.count(state))))
    _put(balancer, data)


def _dimensions(balancer: Any, arn: str) -> list[list[dict[str, str]]]:
    """The sets of dimensions under which a metric stands: load balancer, and target group alone and with it."""
    own = {"Name": "LoadBalancer", "Value": balancer.arn.partition("loadbalancer/")[2]}
    if not arn:
        return [[own]]
    group = {"Name": "TargetGroup", "Value": arn.rpartition(":")[2]}
    return [[group, own], [group]]


def _datum(name: str, dimensions: list[dict[str, str]], at: datetime, **value: Any) -> dict[str, Any]:
    datum = {"MetricName": name, "Dimensions": dimensions, "Timestamp": at, "Unit": "Count"}
    return datum | value


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)  # as moto keeps it


def _put(balancer: Any, data: list[dict[str, Any]]) -> None:
    if not data or not wanted():
        return
    from moto.cloudwatch.models import cloudwatch_backends

    _, _, _, region, account, _ = balancer.arn.split(":", 5)
    space = _NAMESPACE.get(balancer.type, _NAMESPACE["application"])
    cloudwatch_backends[account][region].put_metric_data(space, data)
