"""What an hour of computing costs: Fargate sizes, instances, and commitments. For choosing between them.

>>> fargate_hour(0.25, 0.5).cost        # a quarter of a vCPU and half a GB, in eu-west-1
0.0123425
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from labkit.cost import prices as price_table
from labkit.errors import UsageError

if TYPE_CHECKING:
    from labkit.cost.prices import Price, PriceTable

HOME: Final = "eu-west-1"
PLANS: Final = {"": "", "1 year": "_plan_1y", "3 years": "_plan_3y"}
"""Commitments that have prices (Compute Savings Plans without upfront payment), and none."""
SPOT_AT_MOST: Final = 0.70
"""AWS: "up to a 70% discount off the regular Fargate price" (https://aws.amazon.com/fargate/pricing/). The price itself
is a market price; nobody can promise it."""


@dataclass(frozen=True, slots=True)
class Hour:
    """What one hour costs in US dollars, from which prices. `verified` when all of them are."""

    cost: float
    prices: tuple[Price, ...]

    @property
    def verified(self) -> bool:
        """Whether each of its prices was read in AWS's own text."""
        return all(one.verified for one in self.prices)


def fargate_hour(
    vcpus: float,
    memory_gb: float,
    *,
    arm: bool = False,
    plan: str = "",
    spot_discount: float = 0,
    storage_gb: float = 20,
    region: str = HOME,
    table: PriceTable | None = None,
) -> Hour:
    """One hour of a Fargate task on Linux. `spot_discount` is your guess of the market, such as 0.5; at most 0.7."""
    _positive(vcpus=vcpus, memory_gb=memory_gb, storage_gb=storage_gb)
    if isinstance(spot_discount, bool) or not 0 <= spot_discount <= SPOT_AT_MOST:
        raise UsageError(
            f"spot_discount is a part from 0 to {SPOT_AT_MOST}: AWS says up to 70 %. It is {spot_discount!r}."
        )
    if spot_discount and plan:
        raise UsageError("Savings Plans do not cover Fargate Spot. Leave out plan or spot_discount.")
    if arm and plan:
        raise UsageError("The table has no Savings Plan for arm64. Leave out plan or arm.")
    table = table or price_table.table()
    suffix = ("_arm" if arm else "") + _plan(plan)
    used = [
        (table.get("fargate", f"vcpu_hours{suffix}", region), vcpus),
        (table.get("fargate", f"gb_hours{suffix}", region), memory_gb),
    ]
    if storage_gb > 20:
        used.append((table.get("fargate", "storage_gb_hours", region), storage_gb - 20))
    cost = math.fsum(price.amount / price.per * amount for price, amount in used) * (1 - spot_discount)
    return Hour(cost, tuple(price for price, _ in used))


def instance_hour(
    instance_type: str,
    *,
    plan: str = "",
    managed: bool = False,
    region: str = HOME,
    table: PriceTable | None = None,
) -> Hour:
    """One hour of a Linux instance, on demand or committed; `managed` adds the fee of ECS Managed Instances."""
    if not isinstance(instance_type, str) or not instance_type.strip():
        raise UsageError(f'instance_type is a text such as "m5.large". It is {instance_type!r}.')
    table = table or price_table.table()
    used = [table.get("ec2", f"{instance_type}_hours{_plan(plan)}", region)]
    if managed:
        used.append(table.get("ec2", f"{instance_type}_managed_fee_hours", region))
    return Hour(math.fsum(one.amount / one.per for one in used), tuple(used))


def _plan(plan: str) -> str:
    if plan not in PLANS:
        raise UsageError(
            f"plan is one of {', '.join(repr(one) for one in PLANS if one)}, or left out. It is {plan!r}."
        )
    return PLANS[plan]


def _positive(**amounts: float) -> None:
    for name, value in amounts.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
            raise UsageError(f"{name} is a number above 0, such as 0.5. It is {value!r}.")
