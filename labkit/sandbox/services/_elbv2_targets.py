"""Targets: registration, health checks on the clock, draining.

A check is due work only while its outcome may differ from the last. A target that is settled (healthy and good, or
unhealthy and bad) and whose program looked at neither clock nor dice gives the same answer for ever: no work is due
for it until something stirs (its box, the group's settings, a listener).

Sources: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html (settings,
states, reason codes and their descriptions, one good check makes a new target healthy),
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html (draining).
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

from labkit.sandbox import current
from labkit.sandbox.services import _elbv2_probe as probes
from labkit.sandbox.services import _elbv2_store as store

FIRST_CHECK: Final = 5.0
"""Seconds from registration to the first health check. The figure is ours: AWS gives none."""
REGISTERING: Final = 2.0
"""Seconds for which a new target is `Elb.RegistrationInProgress`. The figure is ours."""

DESCRIPTIONS: Final = {
    "Elb.RegistrationInProgress": "Target registration is in progress",
    "Elb.InitialHealthChecking": "Initial health checks in progress",
    "Target.FailedHealthChecks": "Health checks failed",
    "Target.Timeout": "Request timed out",
    "Target.NotRegistered": "Target is not registered to the target group",
    "Target.NotInUse": "Target group is not configured to receive traffic from the load balancer",
    "Target.DeregistrationInProgress": "Target deregistration is in progress",
    "Target.HealthCheckDisabled": "Health checks are disabled for the target group",
}
_NOT_ENABLED: Final = "Target is in an Availability Zone that is not enabled for the load balancer"


class Target(dict[str, Any]):
    """A registered target: moto's entry (Id, Port, AvailabilityZone), and what health checks say about it.

    `run` counts checks in a row with the outcome `good`. `due` is when the next check is played, None when none is
    needed; `last` is a moment at which one was, or would have been.
    """

    state = "unused"
    reason = "Target.NotInUse"
    description = DESCRIPTIONS["Target.NotInUse"]
    registered = 0.0
    healthy_since = 0.0
    good = False
    run = 0
    last = 0.0
    due: float | None = None
    slow = False
    until = 0.0
    box: Any = None

    @property
    def key(self) -> str:
        """Its place in the group: one address may be registered with several ports."""
        return f"{self['Id']}:{self['Port']}"


class Seen(NamedTuple):
    """What DescribeTargetHealth says."""

    state: str
    reason: str = ""
    description: str = ""


# -- coming and going ----------------------------------------------------------------------------------


def register(arn: str, name: str, port: int | None = None, zone: str = "") -> None:
    """Register an address, an instance or a function. Who is registered already stays as it is."""
    group = store.target_group(arn)
    if group is None:
        return
    target = Target(Id=name, Port=int(port or group.port or 0))
    if zone:
        target["AvailabilityZone"] = zone
    if target.key in group.targets:
        return
    group.deregistered_targets.pop(target.key, None)
    target.registered = current().clock.time()
    group.targets[target.key] = target
    _begin(group, target)


def deregister(arn: str, name: str, port: int | None = None) -> bool:
    """Take a target out. It drains for the group's delay. Returns whether it was there."""
    group = store.target_group(arn)
    gone = [
        one
        for one in (list(group.targets.values()) if group is not None else [])
        if one["Id"] == name and port in (None, one["Port"])
    ]
    for target in gone:
        del group.targets[target.key]
        _drain(group, target)
    return bool(gone)


def _drain(group: Any, target: Target) -> None:
    sandbox = current()
    delay = float(store.attribute(group.attributes, "deregistration_delay.timeout_seconds", "300"))
    target.due = None
    if target.state in ("unused", "unavailable") or not delay or group.target_type == "lambda":
        _become(group, target, "unused", "Target.NotRegistered")
        return
    target.until = sandbox.clock.time() + delay
    group.deregistered_targets[target.key] = target
    _become(group, target, "draining", "Target.DeregistrationInProgress")
    sandbox.clock.schedule(target.until, drained, group.arn, target.key, target.until)


def drained(arn: str, key: str, until: float) -> None:
    """Due work: the deregistration delay is over."""
    group = store.target_group(arn)
    target = group.deregistered_targets.get(key) if group is not None else None
    if target is not None and target.until == until:
        del group.deregistered_targets[key]
        _become(group, target, "unused", "Target.NotRegistered")


# -- looking -------------------------------------------------------------------------------------------


def health(arn: str, name: str, port: int) -> str:
    """initial, healthy, unhealthy, draining, unavailable or unused."""
    group = store.target_group(arn)
    return see(group, name, port).state if group is not None else "unused"


def see(group: Any, name: str, port: int | None) -> Seen:
    """A target's health, with AWS's reason and description. Looking changes nothing."""
    key = f"{name}:{port or group.port or 0}"
    target = group.targets.get(key) or group.deregistered_targets.get(key)
    if target is None and port is None:
        target = next((one for one in everyone(group) if one["Id"] == name), None)
    if target is None:
        return Seen("unused", "Target.NotRegistered", DESCRIPTIONS["Target.NotRegistered"])
    if target.state == "healthy":
        return Seen("healthy")
    reason, description = target.reason, target.description
    if target.state == "initial" and current().clock.time() < target.registered + REGISTERING:
        reason = "Elb.RegistrationInProgress"
        description = DESCRIPTIONS[reason]
    return Seen(target.state, reason, description)


def everyone(group: Any) -> list[Target]:
    """Registered and draining targets."""
    return [*group.targets.values(), *group.deregistered_targets.values()]


def slow_start(group: Any, target: Target, now: float) -> float:
    """The share of its traffic that a target in slow start does not get yet: 0.0 for one that is not."""
    lasts = float(store.attribute(group.attributes, "slow_start.duration_seconds", "0"))
    if not lasts or not target.slow:
        return 0.0
    return max(0.0, 1 - (now - target.healthy_since) / lasts)


# -- what begins and ends checks -----------------------------------------------------------------------


def _begin(group: Any, target: Target) -> None:
    """From the first check on, if the group is in use and the target can get requests."""
    in_use = store.users(group)
    target.due, target.run, target.good = None, 0, False
    if not in_use:
        _become(group, target, "unused", "Target.NotInUse")
        return
    zone = probes.zone_of(group, target)
    if zone and not any(zone in store.zones(one) for one in in_use):
        _become(group, target, "unused", "Target.NotInUse", _NOT_ENABLED)
        return
    if not _checked(group):
        _become(group, target, "unavailable", "Target.HealthCheckDisabled")
        return
    _become(group, target, "initial", "Elb.InitialHealthChecking")
    target.last = current().clock.time() + FIRST_CHECK - _interval(group)
    _await(group, target, target.last + _interval(group))


def _checked(group: Any) -> bool:
    return str(group.health_check_enabled).lower() != "false"


def _interval(group: Any) -> float:
    return float(group.health_check_interval_seconds)


def _await(group: Any, target: Target, when: float) -> None:
    target.due = when
    current().clock.schedule(when, check, group.arn, target.key, when)


def used_anew(group: Any) -> None:
    """A listener or rule changed: checks begin where they were missing, and end where nobody needs them."""
    in_use = bool(store.users(group))
    for target in list(group.targets.values()):
        if in_use == (target.state == "unused" and target.description != _NOT_ENABLED):
            _begin(group, target)


def settings_changed(group: Any) -> None:
    """The health check of a group is another: every target is asked again."""
    for target in list(group.targets.values()):
        if target.state in ("initial", "healthy", "unhealthy"):
            target.due = None
            _stir(group, target)


def stirred(region: str, ip: str) -> None:
    """Something happened in the container at this address: its checks may come out differently now."""
    for backend in store.backends(region):
        for group in backend.target_groups.values():
            for target in list(group.targets.values()):
                if target["Id"] == ip:
                    _stir(group, target)


def _stir(group: Any, target: Target) -> None:
    if target.due is not None or target.state not in ("initial", "healthy", "unhealthy"):
        return
    now, interval = current().clock.time(), _interval(group)
    passed = math.floor((now - target.last) / interval)
    target.last += passed * interval
    _await(group, target, target.last + interval)


# -- a check -------------------------------------------------------------------------------------------


def check(arn: str, key: str, when: float) -> None:
    """Due work: one health check."""
    group = store.target_group(arn)
    target = group.targets.get(key) if group is not None else None
    if target is None or target.due != when:
        return
    target.due, target.last = None, when
    found = probes.probe(group, target, when)
    target.run = target.run + 1 if found.good == target.good else 1
    target.good = found.good
    _judge(group, target, found)
    settled = target.state == ("healthy" if found.good else "unhealthy")
    if group.targets.get(key) is not target or target.due is not None:
        return  # whoever was told has changed it
    if settled and found.steady:
        probes.watch(group, target)
    else:
        _await(group, target, when + _interval(group))


def _judge(group: Any, target: Target, found: probes.Found) -> None:
    state = target.state
    if found.good:
        if state == "initial" or (state == "unhealthy" and target.run >= int(group.healthy_threshold_count)):
            target.healthy_since = current().clock.time()
            target.slow = any(
                one.state == "healthy" and not slow_start(group, one, target.healthy_since)
                for one in group.targets.values()
            )
            _become(group, target, "healthy", "")
    elif state == "unhealthy" or target.run >= int(group.unhealthy_threshold_count):
        _become(group, target, "unhealthy", found.reason, found.description)


def _become(group: Any, target: Target, state: str, reason: str, description: str = "") -> None:
    before = target.state, target.reason, target.description
    target.state, target.reason = state, reason
    target.description = description or DESCRIPTIONS.get(reason, "")
    if before == (target.state, target.reason, target.description):
        return
    sandbox = current()
    sandbox.trace.record(
        "state", "elbv2", "TargetHealthChanged", resource=group.arn, note=_line(target),
        params={"Target": target.key, "Before": before[0], "State": state, "Reason": reason},
    )  # fmt: skip
    if before[0] != state:
        from labkit.sandbox.services import _elbv2_metrics as metrics

        metrics.hosts(group)
        reconcile = store.neighbour("reconcile")
        if reconcile is not None:
            reconcile.target_changed(group.arn, target["Id"], target["Port"], state)
    sandbox.changed()


def _line(target: Target) -> str:
    return f"{target.key} is {target.state}" + (f": {target.description}." if target.description else ".")
