"""KMS: requests, and customer managed keys by the hour.

A key you manage costs its price for a month, divided by hours, until its deletion is scheduled:
https://aws.amazon.com/kms/pricing/ and
https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from labkit.cost.usage import HOURS_IN_A_MONTH, moment

if TYPE_CHECKING:
    from labkit.cost.usage import Period, Usage

LEAVES_OUT: Final = (
    "kms: rotated key versions; asymmetric and key pair requests (they cost more); requests that AWS services make "
    "for you.",
)


def usage(period: Period) -> Iterator[Usage]:
    """Requests by call, keys by the time they were there."""
    for call in period.calls("kms"):
        yield period.at(call, "requests", 1)
    for _region, store in period.stores("kms", "kms_backends"):
        for key in list(store.keys.values()):
            made = moment(key.creation_date)
            if getattr(key, "key_manager", "CUSTOMER") != "CUSTOMER" or made is None:
                continue
            pending = key.key_state == "PendingDeletion"
            end = (
                (
                    period.gone("kms", "ScheduleKeyDeletion", key.id)
                    or period.gone("kms", "ScheduleKeyDeletion", key.arn)
                )
                if pending
                else None
            )
            one = period.span("kms", "key_months", 1 / HOURS_IN_A_MONTH, key.arn, made, end)
            if one is not None:
                yield one
