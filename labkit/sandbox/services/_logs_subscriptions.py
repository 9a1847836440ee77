"""Subscription filters: log events on their way to functions, streams and other log groups.

Source: CloudWatch Logs user guide, "Log group-level subscription filters" (payload, permissions, test message).
"""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any, Final

from moto.logs.exceptions import InvalidParameterException

from labkit.sandbox import delivery
from labkit.sandbox.documents import document_of
from labkit.sandbox.parcels import Parcel, Phase, Retry
from labkit.sandbox.services._logs_patterns import InvalidFilter, read

_ON_ITS_WAY: Final = 1.0
"""Seconds until log events reach a destination. So a function that logs what it logs does not stop the clock."""
_RETRY: Final = Retry((Phase(10, 1.0, 512.0, "exponential"), Phase(165, 512.0, 512.0)), most_age=86_400)
"""For up to 24 hours, as documented. The waits are ours."""
_NOTHING_GOES: Final = {
    "lambda": "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute "
    "your function.",
    "kinesis": "Could not deliver test message to specified Kinesis stream. Check if the given kinesis stream is in "
    "ACTIVE state.",
    "firehose": "Could not deliver test message to specified Firehose stream. Check if the given Firehose stream is in "
    "ACTIVE state.",
}


def source_of(group: Any) -> str:
    """What aws:SourceArn shows for a log group."""
    return f"{group.arn}:*"


def _principal(group: Any, destination: str) -> str:
    """The service, by the name that the function's policy uses: with or without the Region."""
    regional = f"logs.{group.region}.amazonaws.com"
    document = document_of(destination) if ":lambda:" in destination else None
    return regional if regional in json.dumps(document) else "logs.amazonaws.com"


def send(stream: Any, filter_name: str, destination: str, events: list[dict[str, Any]]) -> None:
    """Send the events that match a subscription filter. `events` are moto's, with id, timestamp and message."""
    group = stream.log_group
    kept = group.subscription_filters.get(filter_name)
    if kept is None:
        return
    try:
        pattern = read(kept.filter_pattern or "")
    except InvalidFilter:
        return
    chosen = [event for event in events if pattern.matches(event["message"])]
    if not chosen:
        return
    payload = {
        "messageType": "DATA_MESSAGE",
        "owner": group.account_id,
        "logGroup": group.name,
        "logStream": stream.log_stream_name,
        "subscriptionFilters": [filter_name],
        "logEvents": [{**event, "id": f"{event['id']:056d}"} for event in chosen],
    }
    delivery.send(_parcel(group, kept, destination, payload), _ON_ITS_WAY)


def _parcel(group: Any, kept: Any, destination: str, payload: dict[str, Any]) -> Parcel:
    # Without the time in its head, equal log events give equal bytes.
    packed = base64.b64encode(
        gzip.compress(json.dumps(payload, separators=(",", ":")).encode(), mtime=0)
    ).decode()
    events = payload["logEvents"]
    to_function = ":lambda:" in destination
    return Parcel(
        sender="logs", source=source_of(group), target=destination, via=kept.name, id=events[0]["id"][-32:],
        body=json.dumps({"awslogs": {"data": packed}}) if to_function else packed,
        principal=_principal(group, destination), role="" if to_function else kept.role_arn or "", retry=_RETRY,
        options=() if to_function else (("encoding", "base64"), ("PartitionKey", payload["logStream"][:256])),
    )  # fmt: skip


def check(group: Any, pattern: str, destination: str, role: str | None) -> None:
    """Refuse a subscription filter that could not deliver. Raises moto's InvalidParameterException."""
    try:
        read(pattern or "")
    except InvalidFilter as error:
        raise InvalidParameterException(str(error)) from None
    service = destination.split(":")[2] if destination.count(":") > 4 else ""
    if service not in _NOTHING_GOES:
        return
    if service == "lambda" and role:
        raise InvalidParameterException("destinationArn for vendor lambda cannot be used with roleArn")
    if service != "lambda" and not role:
        raise InvalidParameterException(f"destinationArn for vendor {service} cannot be used without roleArn")
    probe = Parcel("logs", source_of(group), destination, "", _principal(group, destination), role or "")
    if delivery.refusal(probe) is not None:
        raise InvalidParameterException(_NOTHING_GOES[service])
