"""Application Load Balancers by the hour begun ("per Application LoadBalancer-hour (or partial hour)").

https://aws.amazon.com/elasticloadbalancing/pricing/
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from labkit.cost.usage import Usage, moment

if TYPE_CHECKING:
    from labkit.cost.usage import Period

LEAVES_OUT: Final = (
    "elbv2: LCUs (load balancer capacity units), because traffic is not measured in them here; public addresses; "
    "balancers that were deleted meanwhile; Network and Gateway Load Balancers.",
)


def usage(period: Period) -> Iterator[Usage]:
    """Hours of each balancer."""
    for region, store in period.stores("elbv2", "elbv2_backends"):
        for balancer in list(store.load_balancers.values()):
            begin = moment(balancer.created_time)
            if begin is None or period.end <= max(begin, period.begin):
                continue
            hours = math.ceil(round((period.end - max(begin, period.begin)) / 3600, 9))
            kind = getattr(balancer, "loadbalancer_type", None) or "application"
            unit = "alb_hours" if kind == "application" else f"{kind}_balancer_hours"
            yield Usage("elbv2", unit, hours, balancer.arn, begin, period.end, region)
