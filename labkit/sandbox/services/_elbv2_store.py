"""moto's load balancers, listeners and target groups: how they are found, and what each says about the others."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from typing import Any, Final

from labkit.sandbox import stores

SERVICE: Final = "elasticloadbalancing"
_APPLICATION: Final = re.compile(r"[a-z0-9-]+\.([a-z0-9-]+)\.elb\.amazonaws\.com")
_NETWORK: Final = re.compile(r"[a-z0-9-]+\.elb\.([a-z0-9-]+)\.amazonaws\.com")


def backend(account: str, region: str) -> Any:
    """moto's backend, or None when nobody has used load balancers there."""
    return stores.backend_of(SERVICE, account, region)


def backends(region: str) -> list[Any]:
    """moto's backends of one Region, of all accounts."""
    return stores.backends_in(SERVICE, region)


def target_group(arn: str) -> Any:
    """A target group, or None."""
    parts = arn.split(":", 5)
    found = backend(parts[4], parts[3]) if len(parts) == 6 else None
    return found.target_groups.get(arn) if found is not None else None


def balancer(arn: str) -> Any:
    """A load balancer, or None."""
    parts = arn.split(":", 5)
    found = backend(parts[4], parts[3]) if len(parts) == 6 else None
    return found.load_balancers.get(arn) if found is not None else None


def region_of(host: str) -> str:
    """The Region in the DNS name of a load balancer; empty for any other name."""
    found = _APPLICATION.fullmatch(host) or _NETWORK.fullmatch(host)
    return found[1] if found else ""


def balancer_at(host: str) -> Any:
    """The load balancer with this DNS name, or None."""
    for found in backends(region_of(host)):
        for one in found.load_balancers.values():
            if one.dns_name.lower() == host:
                return one
    return None


def rules(listener: Any) -> list[Any]:
    """A listener's rules in the order in which they are tried; the default is the last."""
    own = sorted(listener._non_default_rules.values(), key=lambda rule: int(rule.priority))
    return [*own, listener._default_rule[0]]


def actions(listener: Any) -> Iterator[Any]:
    """All actions of a listener."""
    for rule in listener.rules.values():
        yield from rule.actions


def groups_in(action: Any) -> list[str]:
    """The target groups to which an action forwards."""
    config = action.data.get("ForwardConfig") or {}
    found = [one["TargetGroupArn"] for one in config.get("TargetGroups") or []]
    return found or ([action.data["TargetGroupArn"]] if action.data.get("TargetGroupArn") else [])


def users(group: Any) -> list[Any]:
    """The load balancers whose listeners or rules forward to a target group, in moto's order."""
    found = backend(group.account_id, group.region_name)
    return [
        one
        for one in (found.load_balancers.values() if found is not None else ())
        if any(
            group.arn in groups_in(action)
            for listener in one.listeners.values()
            for action in actions(listener)
        )
    ]


def zones(one: Any) -> list[str]:
    """The Availability Zones that are enabled for a load balancer."""
    return [subnet.availability_zone for subnet in one.subnets]


def attribute(holder: dict[str, Any], name: str, usual: str) -> str:
    """An attribute of a load balancer or target group, as text."""
    value = holder.get(name)
    return usual if value in (None, "") else str(value)


def neighbour(name: str) -> Any:
    """A module of another service, if that service is in use in this session; else None."""
    package, module = {
        "ecs": ("moto.ecs.models", "_ecs_store"),
        "reconcile": ("moto.ecs.models", "_ecs_reconcile"),
    }[name]
    if package not in sys.modules:
        return None
    return importlib.import_module(f"labkit.sandbox.services.{module}")
