"""The fault `events.entry_fails`: some entries of PutEvents come back with an error. Sent again, they go through.

Source: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html (InternalFailure is
one of the errors that are worth another try).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from labkit.sandbox import current

_FAULT: Final = "events.entry_fails"
FAILED: Final = {
    "ErrorCode": "InternalFailure",
    "ErrorMessage": "The fault events.entry_fails is switched on in this lab.",
}


def strikes(bus: Any, entry: Mapping[str, Any]) -> bool:
    """Whether this entry comes back. What came back once goes through the next time."""
    faults = current().faults
    if not faults.share(_FAULT, target=bus.arn):
        return False
    content = repr([entry.get(name) for name in ("Source", "DetailType", "Detail", "Resources", "Time")])
    key = hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    # Kept on moto's bus, so that a copy of the account knows what came back, too.
    refused: dict[str, int] = vars(bus).setdefault("labkit_refused", {})
    asked = bus.labkit_asked = vars(bus).get("labkit_asked", 0) + 1
    if refused.get(key):
        refused[key] -= 1
        return False
    if not faults.strikes(_FAULT, bus.arn, key, asked, target=bus.arn):
        return False
    refused[key] = 1
    return True
