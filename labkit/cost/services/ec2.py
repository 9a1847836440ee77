"""EC2: Linux instances on demand by the second with at least a minute, and NAT gateways by the hour begun.

https://aws.amazon.com/ec2/pricing/on-demand/ (per second, at least 60) and
https://aws.amazon.com/vpc/pricing/ ("each partial NAT Gateway-hour consumed is billed as a full hour")
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from labkit.cost.usage import Usage, moment

if TYPE_CHECKING:
    from labkit.cost.usage import Period

LEAVES_OUT: Final = (
    "ec2: disks, data (also through NAT gateways), public addresses, CPU credits, Spot prices, other systems than "
    "Linux. An instance that is stopped now is not counted.",
)
MINIMUM_SECONDS: Final = 60


def usage(period: Period) -> Iterator[Usage]:
    """Instances by type, and NAT gateways."""
    for region, store in period.stores("ec2", "ec2_backends"):
        for instance in list(store.all_instances()):
            begin, arn = (
                moment(instance.launch_time),
                f"arn:aws:ec2:{region}:{period.sandbox.account}:instance/",
            )
            if begin is None or instance.state == "stopped":
                continue
            end = period.end
            if instance.state in ("terminated", "shutting-down"):
                removed = _terminated(period, instance.id)
                if removed is None:
                    continue
                end = removed
            seconds = math.ceil(round(end - max(begin, period.begin), 6))
            if seconds <= 0 and begin < period.begin:
                continue
            hours = max(seconds, MINIMUM_SECONDS if begin >= period.begin else 0) / 3600
            unit = f"{instance.instance_type}_hours"
            yield Usage("ec2", unit, hours, arn + instance.id, begin, end, region)
        for gateway in list(getattr(store, "nat_gateways", {}).values()):
            begin = moment(gateway.create_time)
            end = period.gone("ec2", "DeleteNatGateway", gateway.id) or period.end
            if begin is not None and end > max(begin, period.begin):
                hours = math.ceil(round((end - max(begin, period.begin)) / 3600, 9))
                arn = f"arn:aws:ec2:{region}:{period.sandbox.account}:natgateway/{gateway.id}"
                yield Usage("ec2", "nat_gateway_hours", hours, arn, begin, end, region)


def _terminated(period: Period, identifier: str) -> float | None:
    return next(
        (
            event.time
            for event in reversed(period.story)
            if event.service == "ec2"
            and event.action == "TerminateInstances"
            and identifier in (event.params.get("InstanceIds") or ())
        ),
        None,
    )
