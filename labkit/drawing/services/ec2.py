"""EC2: VPCs with their subnets, instances, gateways and endpoints. An untouched default VPC is not shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from labkit.drawing.scene import Scene


def show(scene: Scene, backend: Any) -> None:
    """VPCs and subnets as frames, and what lies in them."""
    for vpc in backend.vpcs.values():
        scene.frame(vpc.id, "vpc", f"{_name(backend, vpc.id)} {vpc.cidr_block}".strip())
    for subnets in backend.subnets.values():
        for subnet in subnets.values():
            kind = "public_subnet" if _is_public(backend, subnet) else "private_subnet"
            label = f"{_name(backend, subnet.id)} {subnet.cidr_block}, {subnet.availability_zone}".strip()
            scene.frame(subnet.id, kind, label, inside=subnet.vpc_id)
            if not subnet.default_for_az:
                scene.keep.add(subnet.id)
    prefix = f"arn:aws:ec2:{scene.region}:{scene.account}:"
    for instance in _instances(backend):
        state = f"{instance.instance_type}, {instance._state.name}"
        name = _name(backend, instance.id) or instance.id
        scene.resource(f"{prefix}instance/{instance.id}", "ec2", name, state, inside=instance.subnet_id,
                       aliases=(instance.id,))  # fmt: skip
    for nat in backend.nat_gateways.values():
        scene.resource(f"{prefix}natgateway/{nat.id}", "nat", _name(backend, nat.id) or nat.id, "NAT gateway",
                       inside=nat.subnet_id)  # fmt: skip
    for gateway in backend.internet_gateways.values():
        if gateway.vpc is not None and not gateway.vpc.is_default:
            scene.resource(f"{prefix}internet-gateway/{gateway.id}", "internet_gateway", gateway.id,
                           inside=gateway.vpc.id)  # fmt: skip
    for endpoint in backend.vpc_end_points.values():
        name = str(endpoint.service_name).rpartition(".")[2]
        scene.resource(f"{prefix}vpc-endpoint/{endpoint.id}", "vpc_endpoint", name,
                       f"{endpoint.vpc_endpoint_type or 'Gateway'} endpoint", inside=endpoint.vpc_id)  # fmt: skip


def _instances(backend: Any) -> Iterator[Any]:
    for reservation in backend.reservations.values():
        for instance in reservation.instances:
            if instance._state.name != "terminated":
                yield instance


def _name(backend: Any, resource: str) -> str:
    """The Name tag. The store of tags makes an entry for whoever asks by index, so it is not asked so."""
    return str(backend.tags.get(resource, {}).get("Name", ""))


def _is_public(backend: Any, subnet: Any) -> bool:
    """A subnet is public when its route table leads to an internet gateway."""
    tables = [one for one in backend.route_tables.values() if one.vpc_id == subnet.vpc_id]
    own = [one for one in tables if subnet.id in one._associations.values()]
    main = [one for one in tables if one.main_association_id is not None]
    return any(
        str(getattr(route.gateway, "id", "")).startswith("igw-")
        for table in own or main
        for route in table.routes
    )
