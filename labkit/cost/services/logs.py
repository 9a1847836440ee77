"""CloudWatch Logs: what was taken in, in GB. Each event counts its text in UTF-8 and 26 bytes more.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html and
https://aws.amazon.com/cloudwatch/pricing/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from labkit.cost.usage import Usage

if TYPE_CHECKING:
    from labkit.cost.usage import Period

LEAVES_OUT: Final = ("logs: storage, queries, and log groups that were deleted meanwhile.",)
OVERHEAD: Final = 26
GB: Final = 1024**3


def usage(period: Period) -> Iterator[Usage]:
    """Gigabytes taken in, by log group."""
    for region, store in period.stores("logs", "logs_backends"):
        for group in list(store.groups.values()):
            taken = [
                (event.ingestion_time / 1000, len(event.message.encode()) + OVERHEAD)
                for stream in list(group.streams.values())
                for event in stream.events
                if event.ingestion_time / 1000 >= period.begin
            ]
            if taken:
                size = sum(one for _, one in taken) / GB
                first, last = min(taken)[0], max(taken)[0]
                yield Usage("logs", "gb_ingested", size, group.arn, first, last, region)
