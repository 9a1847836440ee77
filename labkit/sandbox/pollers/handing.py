"""One delivery at once, for a reader that waits for the answer: a pipe keeps what its target did not take."""

from __future__ import annotations

from labkit.sandbox import current, delivery
from labkit.sandbox.parcels import Parcel, Refused, Undelivered


def hand_over(parcel: Parcel) -> str:
    """One attempt, now, with the rights and the record of any delivery; returns what the target answered.

    Raises `Undelivered`. Nothing is tried again and nothing is buried: that is the reader's business.
    """
    sandbox = current()
    parcel = parcel._replace(attempt=1, born=sandbox.clock.time())
    sequence, at = sandbox.trace.reserve(), sandbox.clock.time()
    try:
        with sandbox.trace.caused_by(sequence, parcel.principal):
            receiver, ways = delivery._way(sandbox, parcel)
            arrived = delivery._hand_over(receiver, parcel)
    except Undelivered as error:
        delivery._note(
            sandbox, parcel, sequence, at, error=error.code, message=str(error), note=error.note,
            refused=isinstance(error, Refused),
        )  # fmt: skip
        raise
    delivery._note(sandbox, parcel, sequence, at, arrived=arrived, note=ways)
    return arrived
