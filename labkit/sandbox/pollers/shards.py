"""Where moto keeps the records of streams, as a reader wants them: by shard, in order, with the time they came.

Sources: DynamoDB streams keep records for 24 hours
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html), Kinesis for the retention period
of the stream.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from labkit.sandbox import stores
from labkit.sandbox.stores import Arn

_DAY: Final = 86_400.0


class Kept(NamedTuple):
    """One record: its sequence number, when it came (seconds since 1970), its partition key, and the event."""

    number: int
    arrived: float
    key: str
    event: dict[str, Any]


class View(ABC):
    """One stream. `holder` is moto's object that remembers who reads it; `name` is how records of failures call it."""

    name: str
    retention: float = _DAY

    def __init__(self, arn: str, holder: Any) -> None:
        self.arn = arn
        self.holder = holder

    @abstractmethod
    def shards(self) -> list[str]:
        """The ids of all shards."""

    @abstractmethod
    def after(self, shard: str, number: int) -> Iterator[Kept]:
        """The records of a shard behind a sequence number, in order."""

    def last_before(self, shard: str, moment: float) -> int:
        """The sequence number of the last record that came before this moment, or -1."""
        last = -1
        for kept in self.after(shard, -1):
            if kept.arrived >= moment:
                break
            last = kept.number
        return last

    def latest(self, shard: str) -> int:
        """The sequence number of the newest record, or -1."""
        return max((kept.number for kept in self.after(shard, -1)), default=-1)


def find(arn: str) -> View | None:
    """The stream with this ARN, or None."""
    parts = Arn.of(arn)
    if parts is None:
        return None
    if parts.service == "dynamodb":
        table, label = stores.table(parts), parts.name.rpartition("/stream/")[2]
        shard = getattr(table, "stream_shard", None)
        return _Table(arn, shard) if shard is not None and table.latest_stream_label == label else None
    if parts.service == "kinesis":
        backend = stores.backend_of("kinesis", parts.account, parts.region)
        stream = backend.streams.get(parts.name.removeprefix("stream/")) if backend is not None else None
        return _Stream(arn, stream) if stream is not None else None
    return None


class _Table(View):
    """The stream of a DynamoDB table: moto has one shard."""

    name = "DDBStreamBatchInfo"

    def shards(self) -> list[str]:
        return [self.holder.id]

    def after(self, shard: str, number: int) -> Iterator[Kept]:  # noqa: ARG002 (there is one)
        first, items = self.holder.starting_sequence_number, self.holder.items
        for place in range(max(number - first + 1, 0), len(items)):
            record = items[place].record
            inside = dict(record["dynamodb"])
            came = _seconds(inside["ApproximateCreationDateTime"])
            inside["ApproximateCreationDateTime"] = int(came)  # a whole second, as AWS shows it
            event = {
                "eventID": record["eventID"], "eventName": record["eventName"],
                "eventVersion": record["eventVersion"], "eventSource": record["eventSource"],
                "awsRegion": record["awsRegion"], "dynamodb": inside, "eventSourceARN": self.arn,
            }  # fmt: skip
            if "userIdentity" in record:
                event["userIdentity"] = record["userIdentity"]
            yield Kept(first + place, came, repr(inside["Keys"]), event)

    def latest(self, shard: str) -> int:  # noqa: ARG002 (there is one)
        items = self.holder.items
        return int(self.holder.starting_sequence_number) + len(items) - 1 if items else -1


class _Stream(View):
    """A Kinesis stream."""

    name = "KinesisBatchInfo"

    def __init__(self, arn: str, holder: Any) -> None:
        super().__init__(arn, holder)
        self.retention = float(holder.retention_period_hours) * 3_600

    def shards(self) -> list[str]:
        return list(self.holder.shards)

    def after(self, shard: str, number: int) -> Iterator[Kept]:
        kept = self.holder.shards.get(shard)
        for place, record in list(kept.records.items()) if kept is not None else ():
            if place <= number:
                continue
            came = float(record.created_at)
            event = {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0", "partitionKey": record.partition_key,
                    "sequenceNumber": str(place), "data": _text(record.data),
                    "approximateArrivalTimestamp": round(came, 3),
                },
                "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventID": f"{shard}:{place}",
                "eventName": "aws:kinesis:record", "awsRegion": self.arn.split(":")[3],
                "eventSourceARN": self.arn,
            }  # fmt: skip
            yield Kept(place, came, record.partition_key, event)


def _seconds(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp() if moment.tzinfo is None else moment.timestamp()


def _text(data: str | bytes) -> str:
    return data if isinstance(data, str) else data.decode()
