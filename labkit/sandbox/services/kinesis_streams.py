"""Amazon Kinesis Data Streams in the lab's account: records, for who reads them.

Simulated here:
- Sequence numbers of 56 digits that grow within a shard and differ between shards.
- After a split or a merge, old records stay in the closed shards and new ones go to the open shards.
- Readers (event source mappings, pipes) are woken by each record, and never make the writer wait.

Differs on AWS:
- Records stay readable through the API after the retention period here. Event source mappings and pipes pass over
  them, as on AWS.
- Readers take the records of new shards beside those left in closed ones; AWS finishes the parent first.

Not simulated:
- Throughput limits of shards, enhanced fan-out, on-demand scaling, aggregated records of the producer library.

Sources:
- https://docs.aws.amazon.com/streams/latest/dev/key-concepts.html (shards, sequence numbers, retention)
- Botocore's model, kinesis/2013-12-02/service-2.json.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
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


@hook("moto.kinesis.models:Stream.get_shard_for_key")
def get_shard_for_key(original: Any, self: Any, partition_key: str, explicit_hash_key: str) -> Any:
    """The open shard that a key belongs to. moto also takes closed ones, and forgets the last key of a range."""
    original(self, partition_key, explicit_hash_key)  # refuses what is no key
    place = int(explicit_hash_key) if explicit_hash_key else _place(partition_key)
    fits = (shard for shard in self.shards.values() if shard.starting_hash <= place <= shard.ending_hash)
    return next((shard for shard in fits if shard.is_open), None)


def _place(partition_key: str) -> int:
    return int(hashlib.md5(partition_key.encode(), usedforsecurity=False).hexdigest(), 16)


@hook("moto.kinesis.models:Stream.split_shard")
def split_shard(original: Any, self: Any, shard_to_split: str, new_starting_hash_key: str) -> None:
    """SplitShard: the records stay where they are."""
    with _records_kept(self, shard_to_split):
        original(self, shard_to_split, new_starting_hash_key)


@hook("moto.kinesis.models:Stream.merge_shards")
def merge_shards(original: Any, self: Any, shard_to_merge: str, adjacent_shard_to_merge: str) -> None:
    """MergeShards: the records stay where they are."""
    with _records_kept(self, shard_to_merge, adjacent_shard_to_merge):
        original(self, shard_to_merge, adjacent_shard_to_merge)


@contextmanager
def _records_kept(stream: Any, *names: str) -> Iterator[None]:
    shards = [stream.shards[name] for name in names if name in stream.shards]
    kept = [shard.records for shard in shards]
    for shard in shards:
        shard.records = OrderedDict()
    try:
        yield
    finally:
        for shard, records in zip(shards, kept, strict=True):
            shard.records = records
