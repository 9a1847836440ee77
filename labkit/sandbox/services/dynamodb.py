"""Amazon DynamoDB in the lab's account: its streams.

Simulated here:
- A stream's records carry the table's Region, `eventVersion` 1.1 and the size of keys and images as DynamoDB counts it.
- A write that changes nothing leaves no record.
- Readers (event source mappings, pipes) are woken by each record, and never make the writer wait.

Differs on AWS:
- A stream has one shard here and never splits it. AWS has one or more per partition and closes them after hours.
- Records stay readable through the API after 24 hours here. Event source mappings and pipes pass over them, as on AWS.
- Tables, items, indexes and transactions are those of moto.

Not simulated:
- Records of items that time to live deletes, capacity and throttling, backups' contents, global tables.

Sources:
- https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html (24 hours; no record without a change)
- https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html (sizes of attributes)
- Event version 1.1 and sizes: answers of the service recorded in LocalStack's tests
  (test_lambda_integration_dynamodbstreams.snapshot.json).
"""

from __future__ import annotations

from typing import Any

from labkit.sandbox.hooks import hook
from labkit.sandbox.pollers import readers
from labkit.sandbox.services._dynamodb_sizes import size_of


@hook("moto.dynamodb.models.table:StreamShard.add")
def add(original: Any, self: Any, old: Any, new: Any) -> None:
    """A write is recorded in the table's stream, and its readers hear of it."""
    from moto.dynamodb.models.table import StreamRecord

    before, after = _attributes(old), _attributes(new)
    if old is not None and new is not None and before == after:
        return
    table = self.table
    name = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
    number = len(self.items) + self.starting_sequence_number
    kept = StreamRecord(table, table.stream_specification["StreamViewType"], name, old, new, number)
    record, inside = kept.record, kept.record["dynamodb"]
    record["awsRegion"], record["eventVersion"] = table.region_name, "1.1"
    images = (inside.get(one) or {} for one in ("Keys", "NewImage", "OldImage"))
    inside["SizeBytes"] = sum(size_of(image) for image in images)
    self.items.append(kept)
    arn = f"{table.table_arn}/stream/{table.latest_stream_label}"
    readers.stream_changed(self, arn, self.id)


def _attributes(item: Any) -> Any:
    return item.to_json()["Attributes"] if item is not None else None
