"""One health check: who is asked, and what the answer means.

Sources: botocore's model, elasticloadbalancingv2 (CreateTargetGroup: what each setting means; Matcher: codes and
ranges), https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, NamedTuple

from labkit.sandbox.services import _elbv2_store as store

if TYPE_CHECKING:
    from labkit.sandbox.fleet.boxes import Box


class Found(NamedTuple):
    """What a check found. `steady`: it finds the same again until something stirs in the box."""

    good: bool
    reason: str = ""
    description: str = ""
    steady: bool = False


class Asked(NamedTuple):
    """The answer of a program to a health check: status 0 is none."""

    status: int
    latency: float
    steady: bool


_REFUSED = Found(False, "Target.FailedHealthChecks", "Health checks failed")


def box_of(group: Any, name: str, port: int) -> Box | None:
    """The container behind an address or instance, or None."""
    ecs = store.neighbour("ecs")
    ip = address_of(group, name)
    found = ecs.box_at(group.region_name, ip, port) if ecs is not None and ip else None
    return found[2] if found else None


def box_for(group: Any, target: Any, now: float) -> Box | None:
    """The container behind a target; found anew when the one that was there is gone."""
    kept: Box | None = target.box
    if kept is None or (kept.exits_at is not None and now >= kept.exits_at):
        kept = target.box = box_of(group, target["Id"], target["Port"])
    return kept


def address_of(group: Any, name: str) -> str:
    """The private address of a target."""
    if not name.startswith("i-"):
        return name
    instance = group.ec2_backend.get_instance_by_id(name)
    return str(instance.private_ip or "") if instance is not None else ""


def zone_of(group: Any, target: Any) -> str:
    """The Availability Zone a target is in, where that can be known."""
    if target.get("AvailabilityZone"):
        return "" if target["AvailabilityZone"] == "all" else str(target["AvailabilityZone"])
    try:
        address = ipaddress.ip_address(address_of(group, target["Id"]))
    except ValueError:
        return ""
    for subnets in group.ec2_backend.subnets.values():
        for subnet in subnets.values():
            if subnet.vpc_id == group.vpc_id and address in ipaddress.ip_network(subnet.cidr_block):
                target["AvailabilityZone"] = subnet.availability_zone
                return str(subnet.availability_zone)
    return ""


def probe(group: Any, target: Any, now: float) -> Found:
    """Ask a target now. A check takes no capacity from the program it asks."""
    port = target["Port"]
    if str(group.health_check_port) not in ("traffic-port", "None"):
        port = int(group.health_check_port)
    box = box_of(group, target["Id"], port)
    if box is None:
        return _REFUSED
    if not box.listens(now):
        return _REFUSED
    if str(group.health_check_protocol) == "TCP":
        return Found(True, steady=True)
    asked = _ask(box, str(group.health_check_path or "/"), now)
    if asked.status == 0:
        return _REFUSED
    if asked.latency > float(group.health_check_timeout_seconds):
        return Found(False, "Target.Timeout", "Request timed out")
    if not fits(str((group.matcher or {}).get("HttpCode") or "200"), asked.status):
        text = f"Health checks failed with these codes: [{asked.status}]"
        return Found(False, "Target.ResponseCodeMismatch", text, asked.steady)
    return Found(True, steady=asked.steady)


def _ask(box: Box, path: str, now: float) -> Asked:
    from labkit.sandbox.fleet import boxes
    from labkit.sandbox.fleet.inside import Failed, Inside, run

    program = box.program
    waits = max(0.0, box.free_at - now)
    latency = waits + program.cpu_per_request / max(0.01, min(1.0, box.vcpus)) + program.latency
    own = path == program.health_path and program.health is not None
    code = program.health if own else program.handle
    if code is None:
        return Asked(200, latency, not waits)
    inside, before = Inside(box, now), repr(box.state)
    request = boxes.Request(path=path, headers={"user-agent": "ELB-HealthChecker/2.0"})
    result = run(code, inside, *(() if own else (request,)))
    steady = not inside.read and not waits and (not inside.touched or repr(box.state) == before)
    latency += inside.spent
    if isinstance(result, Failed):
        if result.exits:
            boxes.exit_at(box, now, result.code)
            if box.home in boxes.HOMES:
                boxes.HOMES[box.home].ended(box)
            return Asked(0, 0.0, False)
        return Asked(503 if own else 500, latency, steady)
    if own:
        return Asked(200 if result else 503, latency, steady)
    return Asked(boxes._read(result)[0], latency, steady)


def watch(group: Any, target: Any) -> None:
    """Nobody checks this target until its box stirs: have the box tell."""
    box = box_of(group, target["Id"], target["Port"])
    if box is not None:
        box.quiet = box.heeds = True
        box.patience = min(box.patience, float(group.health_check_timeout_seconds))


def fits(matcher: str, status: int) -> bool:
    """Whether a status is among codes such as `200`, `200,202` or `200-299`."""
    for part in matcher.split(","):
        low, _, high = part.strip().partition("-")
        if low.isdigit() and int(low) <= status <= int(high if high.isdigit() else low):
            return True
    return False
