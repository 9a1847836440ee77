"""Targets of load balancers: for whoever runs what stands behind them, without knowing Elastic Load Balancing.

Targets are named by address or instance, and port. Who uses no load balancer pays nothing: while nobody has made a
target group, nothing is registered and nothing is draining.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any, NamedTuple


def _targets() -> Any:
    if "moto.elbv2.models" not in sys.modules:
        return None
    return importlib.import_module("labkit.sandbox.services._elbv2_targets")


def stirred(region: str, ip: str) -> None:
    """Something happened at this address: its health checks may come out differently now."""
    targets = _targets()
    if targets is not None and ip:
        targets.stirred(region, ip)


class Group(NamedTuple):
    """A target group: what it takes (`ip`, `instance`, ...), and whether a listener forwards to it."""

    arn: str
    kind: str
    balanced: bool


def group(arn: str) -> Group | None:
    """A target group, or None when there is none."""
    targets = _targets()
    found = targets.store.target_group(arn) if targets is not None else None
    if found is None:
        return None
    return Group(arn, str(found.target_type), bool(targets.store.users(found)))


def health(group: str, name: str, port: int) -> str:
    """What a target group thinks of a target: initial, healthy, unhealthy, draining or unused."""
    targets = _targets()
    return str(targets.health(group, name, port)) if targets is not None else "unused"


def register(group: str, name: str, port: int, zone: str = "") -> None:
    """Register a target with a target group. Who is registered already stays as it is."""
    targets = _targets()
    if targets is not None:
        targets.register(group, name, port, zone)


def deregister(group: str, name: str, port: int) -> None:
    """Take a target out of a target group; it drains."""
    targets = _targets()
    if targets is not None:
        targets.deregister(group, name, port)


def why(group: str, name: str, port: int) -> str:
    """AWS's description of what is wrong with a target; nothing when it is healthy."""
    targets = _targets()
    found = targets.store.target_group(group) if targets is not None else None
    return (
        str(targets.see(found, name, port).description) if targets is not None and found is not None else ""
    )
