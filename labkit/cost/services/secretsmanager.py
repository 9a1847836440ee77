"""Secrets Manager: secrets by the hour they are kept, and API calls.

A secret that is stored for less than a month is charged for its hours; one that is marked for deletion costs nothing:
https://aws.amazon.com/secrets-manager/pricing/ and
https://docs.aws.amazon.com/secretsmanager/latest/userguide/intro.html (pricing)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from labkit.cost.usage import HOURS_IN_A_MONTH, moment

if TYPE_CHECKING:
    from labkit.cost.usage import Period, Usage

LEAVES_OUT: Final = ("secretsmanager: secrets that were deleted at once, without a recovery window.",)


def usage(period: Period) -> Iterator[Usage]:
    """API calls by call, secrets by the time they were there."""
    for call in period.calls("secretsmanager"):
        yield period.at(call, "requests", 1)
    for _region, store in period.stores("secretsmanager", "secretsmanager_backends"):
        for secret in list(dict.values(store.secrets)):
            made, name = moment(secret.created_date), str(secret.name)
            deleted = secret.deleted_date is not None
            end = period.gone("secretsmanager", "DeleteSecret", name) if deleted else None
            if made is None or (deleted and end is None):
                continue
            one = period.span("secretsmanager", "secret_months", 1 / HOURS_IN_A_MONTH, secret.arn, made, end)
            if one is not None:
                yield one
