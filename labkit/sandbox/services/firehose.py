"""Amazon Data Firehose in the lab's account.

Simulated here:
- Delivery streams with an S3 destination: records appear as objects with AWS's names (prefix, date, version).
- Delivery streams as targets of topics, rules, schedules and log subscriptions.
- A bucket that is not there is no error for who puts records: Firehose has taken them.

Differs on AWS:
- Every PutRecord or PutRecordBatch becomes an object at once. AWS collects them: 5 MB or 300 seconds by default.
- Records that S3 does not take are lost here, and the trace says so. AWS tries for 24 hours.
- The role of the delivery stream is not asked here.

Not simulated:
- Transformation with Lambda, conversion, compression, error output, streams as sources, destinations other than S3.

Sources:
- https://docs.aws.amazon.com/firehose/latest/dev/basic-deliver.html (names of objects, buffering, retries)
- https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecord.html (size of a record)
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from moto.moto_api._internal import mock_random

from labkit.sandbox import current, delivery
from labkit.sandbox.hooks import hook
from labkit.sandbox.parcels import Parcel, Refused

_LARGEST: Final = 1_024_000
"""Bytes of one record: 1,000 KiB (API reference, PutRecord)."""


def _missing(parcel: Parcel) -> Refused:
    name, account = parcel.target.rpartition("/")[2], (parcel.target.split(":") + [""] * 5)[4]
    return Refused("ResourceNotFoundException", f"Firehose {name} under account {account} not found.")


def _backend(parcel: Parcel) -> Any:
    from moto.firehose.models import firehose_backends

    parts = parcel.target.split(":")
    if len(parts) != 6 or parts[4] not in firehose_backends or parts[3] not in firehose_backends[parts[4]]:
        raise _missing(parcel)
    return firehose_backends[parts[4]][parts[3]]


def find(parcel: Parcel) -> Any:
    """The delivery stream. Raises `Refused` when it was deleted or never made."""
    stream = _backend(parcel).lookup_name_from_arn(parcel.target)
    if stream is None:
        raise _missing(parcel)
    return stream


def accept(parcel: Parcel) -> str:
    """Put the body into the delivery stream as one record; returns its id.

    Option: `encoding` (`base64`: the body is bytes in base64).
    """
    stream = find(parcel)
    try:
        encoded = parcel.option("encoding") == "base64"
        data = base64.b64decode(parcel.body, validate=True) if encoded else parcel.body.encode("utf-8")
    except (ValueError, binascii.Error):
        raise Refused("InvalidArgumentException", "The data is not base64.") from None
    if len(data) > _LARGEST:
        raise Refused("InvalidArgumentException", "The record is larger than 1,000 KiB.")
    answer = _backend(parcel).put_record(stream.delivery_stream_name, {"Data": data})
    return str(answer["RecordId"])


@hook("moto.firehose.models:FirehoseBackend.put_s3_records")
def put_s3_records(
    original: Any, self: Any, name: str, version: str, destination: dict[str, Any], records: list[Any]
) -> Any:
    """Records go into the bucket. When it is gone, they are gone too, but they were taken."""
    try:
        return original(self, name, version, destination, records)
    except RuntimeError as error:
        arn = f"arn:aws:firehose:{self.region_name}:{self.account_id}:deliverystream/{name}"
        code = getattr(error.__cause__, "error_type", "") or "S3.NoSuchBucket"
        current().trace.record(
            "refused", "firehose", "Dropped", resource=arn, error=str(code),
            params={"source": arn, "target": destination["BucketARN"], "Records": len(records)},
            note="Firehose has taken the records, but the bucket did not.",
        )  # fmt: skip
        return [{"RecordId": str(mock_random.uuid4())} for _ in records]


delivery.receives("arn:firehose", delivery.Receiver(("firehose:PutRecord",), accept, find=find))
