"""Deliveries in the trace: one event for each attempt, and one for each end that is not an arrival."""

from __future__ import annotations

from labkit.sandbox import Sandbox
from labkit.sandbox.parcels import Failure, Parcel


def attempted(
    sandbox: Sandbox,
    parcel: Parcel,
    sequence: int,
    at: float,
    *,
    arrived: str = "",
    error: str = "",
    message: str = "",
    note: str = "",
    refused: bool = False,
) -> None:
    """One attempt, for the trace."""
    params = {
        "source": parcel.source, "target": parcel.target, "via": parcel.via, "Attempt": parcel.attempt,
        "Id": parcel.id, "Arrived": arrived,
    }  # fmt: skip
    sandbox.trace.record(
        "refused" if refused else "delivery", parcel.sender,
        "DeliveryRefused" if refused else "DeliveryFailed" if error else "Delivered",
        resource=parcel.source, caller=parcel.principal or parcel.sender,
        params={name: value for name, value in params.items() if value != ""},
        error=error, message=message, note=note, sequence=sequence, time=at,
    )  # fmt: skip


def ended(sandbox: Sandbox, parcel: Parcel, action: str, failure: Failure, note: str) -> None:
    """How a parcel ended that did not arrive: `Dropped` or `DeadLettered`."""
    params = {
        "source": parcel.source, "target": parcel.target, "via": parcel.via, "Id": parcel.id,
        "Retries": failure.retried, "Condition": failure.condition,
    }  # fmt: skip
    dropped = action == "Dropped"
    sandbox.trace.record(
        "refused" if dropped else "delivery", parcel.sender, action, resource=parcel.source,
        params={name: value for name, value in params.items() if value != ""},
        error=failure.code if dropped else "", message=failure.message, note=note,
    )  # fmt: skip
