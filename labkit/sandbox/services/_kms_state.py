"""What a key can do in its state, and what becomes of it on the clock.

Source: https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html (the table of
operations and states, and the words of its errors)
"""

from __future__ import annotations

from typing import Any, Final

from moto.core.exceptions import JsonRESTError

WINDOW: Final = (7, 30)
"""Days a key waits before it is deleted; from the API reference of ScheduleKeyDeletion."""


def invalid_state(arn: str, what: str) -> JsonRESTError:
    """KMSInvalidStateException. `what` reads like `is pending deletion`."""
    return JsonRESTError("KMSInvalidStateException", f"{arn} {what}.")


def check_usable(key: Any) -> None:
    """A key must be enabled for cryptographic work and for new grants."""
    check_not_leaving(key)
    if not key.enabled:
        raise JsonRESTError("DisabledException", f"{key.arn} is disabled.")


def check_not_leaving(key: Any) -> None:
    """A key that waits to be deleted can't be changed."""
    if key.key_state == "PendingDeletion":
        raise invalid_state(key.arn, "is pending deletion")


def check_leaving(key: Any) -> None:
    """Only a key that waits to be deleted can be kept."""
    if key.key_state != "PendingDeletion":
        raise invalid_state(key.arn, "is not pending deletion")


def check_window(days: int) -> None:
    """The waiting period: 7 to 30 days."""
    low, high = WINDOW
    if not low <= days <= high:
        bound = f"greater than or equal to {low}" if days < low else f"less than or equal to {high}"
        raise JsonRESTError(
            "ValidationException",
            f"1 validation error detected: Value '{days}' at 'pendingWindowInDays' failed to satisfy constraint: "
            f"Member must have value {bound}",
        )


def delete_when_due(account: str, region: str, key_id: str, due: float) -> None:
    """Due work: the waiting period is over. Nothing happens when the key was kept or is waiting anew."""
    from labkit.sandbox import current, stores

    key = stores.key(key_id, account, region)
    if key is None or key.key_state != "PendingDeletion" or key._labkit_deletion != due:
        return
    stores.backend_of("kms", account, region).delete_key(key.id)
    current().trace.record("state", "kms", "KeyDeleted", resource=key.arn)
