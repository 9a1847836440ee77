"""Amazon Kinesis Data Streams as targets of other services. How streams behave stands in `kinesis_streams`.

Simulated here:
- Streams as targets of rules, schedules and log subscriptions, when role or policy allow kinesis:PutRecord.
- Records with equal partition keys keep their order in one shard. A record of more than 1 MB is refused.

Differs on AWS:
- A shard takes any number of records here. AWS takes 1 MB and 1,000 records a second, and senders try again.

Not simulated:
- Encryption with KMS keys: a sender needs no permission for the key here.

Sources:
- https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecord.html (size of a record, errors)
- https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from labkit.sandbox import current, delivery
from labkit.sandbox.parcels import Parcel, Refused

_LARGEST: Final = 1024 * 1024
"""Bytes of data and partition key together (API reference, PutRecord)."""
_LONGEST_KEY: Final = 256


def _backend(parcel: Parcel) -> Any:
    from moto.kinesis.models import kinesis_backends

    parts = parcel.target.split(":")
    if len(parts) != 6 or parts[4] not in kinesis_backends or parts[3] not in kinesis_backends[parts[4]]:
        raise _missing(parcel)
    return kinesis_backends[parts[4]][parts[3]]


def _missing(parcel: Parcel) -> Refused:
    name, account = parcel.target.rpartition("/")[2], (parcel.target.split(":") + [""] * 5)[4]
    return Refused("ResourceNotFoundException", f"Stream {name} under account {account} not found.")


def find(parcel: Parcel) -> Any:
    """The stream. Raises `Refused` when it was deleted or never made."""
    stream = _backend(parcel)._find_stream_by_arn(parcel.target)
    if stream is None:
        raise _missing(parcel)
    return stream


def accept(parcel: Parcel) -> str:
    """Put the body into the stream as one record; returns its sequence number.

    Options: `PartitionKey` (the parcel's id by default), `encoding` (`base64`: the body is bytes in base64).
    """
    stream = find(parcel)
    key = str(parcel.option("PartitionKey") or parcel.id or "0")[:_LONGEST_KEY]
    data = body_of(parcel)
    if len(data) + len(key.encode()) > _LARGEST:
        raise Refused("InvalidArgumentException", "The record is larger than 1 MB.")
    encoded = base64.b64encode(data).decode()
    number, _ = _backend(parcel).put_record(stream.arn, stream.stream_name, key, None, encoded)
    current().changed()
    return str(number)


def body_of(parcel: Parcel) -> bytes:
    """The bytes of a parcel's body."""
    if parcel.option("encoding") != "base64":
        return parcel.body.encode("utf-8")
    try:
        return base64.b64decode(parcel.body, validate=True)
    except (ValueError, binascii.Error):
        raise Refused("InvalidArgumentException", "The data is not base64.") from None


delivery.receives("arn:kinesis", delivery.Receiver(("kinesis:PutRecord",), accept, find=find))
