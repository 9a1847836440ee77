"""S3: requests of the two classes. "PUT, COPY, POST, or LIST" are the dearer ones, "GET and all other" the cheaper.

DELETE and CANCEL requests are free: https://aws.amazon.com/s3/pricing/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from labkit.cost.usage import Period, Usage

LEAVES_OUT: Final = ("s3: storage, data transfer, and storage classes other than Standard.",)
_DEAR: Final = ("Put", "Copy", "Post", "List", "Create", "Upload", "Complete")
_FREE: Final = ("Delete", "Abort")


def usage(period: Period) -> Iterator[Usage]:
    """Requests by what they do."""
    for call in period.calls("s3"):
        if call.action.startswith(_FREE):
            continue
        unit = "put_requests" if call.action.startswith(_DEAR) else "get_requests"
        yield period.at(call, unit, 1, f"arn:aws:s3:::{call.resource}" if call.resource else "")
