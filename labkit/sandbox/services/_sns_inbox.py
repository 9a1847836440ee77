"""Where e-mails, text messages, push messages and confirmations go: a list beside moto's topics.

Nobody reads mail on a simulated account, so the lab shows it: `lab.inbox()`. An entry is a plain dictionary, kept in
the account and Region it was sent from, and copied with them.
"""

from __future__ import annotations

from typing import Any

from labkit.sandbox import current
from labkit.sandbox.parcels import Parcel
from labkit.sandbox.services import _sns_subscriptions as subscriptions


def put(backend: Any, **entry: Any) -> str:
    """Add one entry; returns its id."""
    entries: list[dict[str, Any]] = vars(backend).setdefault("inbox", [])
    entries.append({"time": current().clock.time(), **entry})
    return str(entry.get("message_id", ""))


def put_parcel(backend: Any, parcel: Parcel, to: str) -> str:
    """Add what a parcel brings."""
    known = subscriptions.look_up(parcel.via)
    return put(
        backend, kind=parcel.option("kind", ""), to=to, sender=parcel.option("from", ""),
        subject=parcel.option("subject", ""), body=parcel.body, topic=parcel.source,
        subscription=known.arn if known is not None else parcel.via, token=parcel.option("token", ""),
        message_id=parcel.id, account=backend.account_id, region=backend.region_name,
    )  # fmt: skip
