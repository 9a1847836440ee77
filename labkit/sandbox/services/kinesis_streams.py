"""Amazon Kinesis Data Streams in the lab's account: records, for who reads them.

Simulated here:
- Sequence numbers of 56 digits that grow within a shard and differ between shards.
- Readers (event source mappings, pipes) are woken by each record, and never make the writer wait.

Differs on AWS:
- Records stay readable through the API after the retention period here. Event source mappings and pipes pass over
  them, as on AWS.
- When a shard is split or merged, moto moves its records to the new shards. AWS leaves them where they are.

Not simulated:
- Throughput limits of shards, enhanced fan-out, on-demand scaling, aggregated records of the producer library.

Sources:
- https://docs.aws.amazon.com/streams/latest/dev/key-concepts.html (shards, sequence numbers, retention)
- Botocore's model, kinesis/2013-12-02/service-2.json.
"""

from __future__ import annotations

from typing import Any, Final

from labkit.sandbox.hooks import hook
from labkit.sandbox.pollers import readers

_FIRST: Final = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898
"""Sequence numbers begin near here, as in the examples of the API reference."""
_SHARD: Final = 16
_STEP: Final = 1 << 33


@hook("moto.kinesis.models:Shard.put_record")
def put_record_in_shard(
    original: Any, self: Any, partition_key: str, data: str, explicit_hash_key: str
) -> str:
    """A record gets the next sequence number of its shard."""
    from moto.kinesis.models import Record

    last = self.get_max_sequence_number()
    number = last + _STEP if last else _FIRST + self._shard_id * _SHARD + _STEP
    self.records[number] = Record(partition_key, data, number, explicit_hash_key)
    return str(number)


@hook("moto.kinesis.models:Stream.put_record")
def put_record(
    original: Any, self: Any, partition_key: str, explicit_hash_key: str, data: str
) -> tuple[str, str]:
    """A record comes into its shard, and the stream's readers hear of it."""
    shard = self.get_shard_for_key(partition_key, explicit_hash_key)
    number = shard.put_record(partition_key, data, explicit_hash_key)
    readers.stream_changed(self, self.arn, shard.shard_id)
    return number, shard.shard_id
