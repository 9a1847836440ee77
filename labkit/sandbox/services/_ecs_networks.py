"""Subnets and security groups that a task or service is given.

Sources: API reference, AwsVpcConfiguration (at most 16 subnets and 5 security groups; "If you don't specify a security
group, the default security group for the VPC is used"; assignPublicIp). The texts about what does not exist are AWS's,
as moto has recorded them; the one about different networks is EC2's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from moto.ecs.exceptions import InvalidParameterException

_MOST_SUBNETS: Final = 16
_MOST_GROUPS: Final = 5


class Subnet(NamedTuple):
    """A subnet, its zone and its VPC."""

    id: str
    zone: str
    vpc: str


class Network(NamedTuple):
    """What a networkConfiguration means. Without one there are no subnets."""

    subnets: tuple[Subnet, ...] = ()
    groups: tuple[str, ...] = ()
    public: bool = False


def asked(backend: Any, wanted: Mapping[str, Any]) -> Network:
    """The network of a request; what does not exist (any more) is left out."""
    given = (wanted.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    subnets = tuple(
        found for name in given.get("subnets") or () if (found := subnet(backend, name)) is not None
    )
    groups = tuple(given.get("securityGroups") or ())
    if subnets and not groups:
        groups = default_group(backend, subnets[0].vpc)
    return Network(subnets, groups, given.get("assignPublicIp") == "ENABLED")


def check(backend: Any, configuration: Mapping[str, Any]) -> None:
    """Raise AWS's error for a networkConfiguration that names what is not there."""
    given = configuration.get("awsvpcConfiguration") or {}
    names, groups = given.get("subnets") or [], given.get("securityGroups") or []
    if not names:
        raise InvalidParameterException("subnets can not be empty.")
    for what, found, most in (("subnets", names, _MOST_SUBNETS), ("securityGroups", groups, _MOST_GROUPS)):
        if len(found) > most:
            raise InvalidParameterException(f"{what} can have at most {most} items.")
    networks = set()
    for name in names:
        there = subnet(backend, name)
        if there is None:
            said = f"The subnet ID '{name}' does not exist (ErrorCode: InvalidSubnetID.NotFound)"
            raise InvalidParameterException(f"Error retrieving subnet information for [{name}]: {said}")
        networks.add(there.vpc)
    for name in groups:
        vpc = _vpc_of_group(backend, name)
        if vpc is None:
            said = f"The security group '{name}' does not exist (ErrorCode: InvalidGroup.NotFound)"
            raise InvalidParameterException(
                f"Error retrieving security group information for [{name}]: {said}"
            )
        networks.add(vpc)
    if len(networks) > 1:
        raise InvalidParameterException("You have specified two resources that belong to different networks.")


def subnet(backend: Any, name: str) -> Subnet | None:
    """A subnet of the account, or None."""
    for kept in _ec2(backend).subnets.values():
        if name in kept:
            found = kept[name]
            return Subnet(name, str(found.availability_zone), str(found.vpc_id))
    return None


def default_group(backend: Any, vpc: str) -> tuple[str, ...]:
    """The default security group of a VPC."""
    groups = _ec2(backend).groups.get(vpc, {})
    return tuple(name for name, group in groups.items() if group.name == "default")[:1]


def _vpc_of_group(backend: Any, name: str) -> str | None:
    return next((str(vpc) for vpc, groups in _ec2(backend).groups.items() if name in groups), None)


def _ec2(backend: Any) -> Any:
    from moto.ec2.models import ec2_backends

    return ec2_backends[backend.account_id][backend.region_name]
