"""Network interfaces of tasks: each task in mode awsvpc has one, with an address from its subnet.

Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-networking-awsvpc.html
"""

from __future__ import annotations

import ipaddress
from typing import Any

from labkit.sandbox.services import _ecs_store as store
from labkit.sandbox.services._ecs_store import Task


def attach(task: Task) -> str:
    """Make and attach the interface. Returns why that failed, or nothing."""
    if task.network_mode != "awsvpc":
        return ""
    from moto.ec2 import ec2_backends

    ec2 = ec2_backends[task.account_id][task.region_name]
    subnet = next((kept[task.subnet] for kept in ec2.subnets.values() if task.subnet in kept), None)
    if subnet is None:
        return _failed(f"The subnet ID '{task.subnet}' does not exist")
    address = _free(ec2, subnet)
    if address is None:
        return _failed(f"Insufficient IP addresses available in subnet {task.subnet}")
    interface = ec2.create_network_interface(
        subnet=subnet,
        private_ip_address=address,
        group_ids=list(task.security_groups),
        description=f"arn:aws:ecs:{task.region_name}:{task.account_id}:attachment/{task.attachments[0]['id']}",
    )
    interface.status, interface.device_index, interface.requester_managed = "in-use", 0, True
    task.eni_id = interface.id
    details = {
        "subnetId": task.subnet, "networkInterfaceId": interface.id, "macAddress": interface.mac_address,
        "privateDnsName": _dns(address, task.region_name),
        "privateIPv4Address": address,
    }  # fmt: skip
    attachment = task.attachments[0]
    attachment["status"] = "ATTACHED"
    attachment["details"] = [{"name": name, "value": value} for name, value in details.items()]
    for container in task.containers:
        container.network_interfaces = [{"attachmentId": attachment["id"], "privateIpv4Address": address}]
    return ""


def _failed(why: str) -> str:
    return f"ResourceInitializationError: unable to create network interface: {why}"


def _dns(address: str, region: str) -> str:
    domain = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
    return f"ip-{address.replace('.', '-')}.{domain}"


def _free(ec2: Any, subnet: Any) -> str | None:
    """The lowest address nobody has. The first four and the last of a subnet are AWS's."""
    used = {one.private_ip_address for one in ec2.enis.values()}
    used |= set(subnet._subnet_ips)
    network = ipaddress.ip_network(subnet.cidr_block)
    first, last = int(network.network_address) + 4, int(network.broadcast_address)
    recent = getattr(subnet, "labkit_last_address", first - 1) + 1
    for number in (*range(recent, last), *range(first, min(recent, last))):
        address = str(ipaddress.ip_address(number))
        if address not in used:
            subnet.labkit_last_address = number
            return address
    return None


def detach(task: Task) -> None:
    """Take the interface away."""
    if not task.eni_id:
        return
    from moto.ec2 import ec2_backends

    ec2 = ec2_backends[task.account_id][task.region_name]
    ec2.enis.pop(task.eni_id, None)
    task.eni_id = ""


# -- the instance under a task -----------------------------------------------------------------------------


def instance_of(task: Task) -> Any:
    """The container instance that carries a task, or None."""
    found_in = store.backend_for(task.task_arn)
    if task.container_instance_arn is None or found_in is None:
        return None
    kept = found_in.container_instances.get(task.cluster_name, {})
    return kept.get(task.container_instance_arn.rpartition("/")[2])


def _machine(task: Task) -> Any:
    instance = instance_of(task)
    if instance is None:
        return None
    from moto.ec2 import ec2_backends

    return ec2_backends[task.account_id][task.region_name].get_instance_by_id(instance.ec2_instance_id)


def instance_address(task: Task) -> str:
    """The private address of the EC2 instance that carries a task, or nothing."""
    return str(getattr(_machine(task), "private_ip", "") or "")


def instance_role(task: Task) -> str:
    """The role in the instance profile of the EC2 instance that carries a task, or nothing."""
    machine = _machine(task)
    if machine is None:
        return ""
    kept = machine.ec2_backend.iam_instance_profile_associations.get(machine.id)
    roles = getattr(getattr(kept, "iam_instance_profile", None), "roles", None) or []
    return str(roles[0].arn) if roles else ""
