"""Event notifications of buckets: what is said, to whom, and which configurations AWS takes.

Sources: S3 user guide, "Event message structure", "Configuring event notifications using object key name filtering",
"Using EventBridge"; the shapes and the words of errors were recorded on AWS (LocalStack's validated tests,
test_s3_notifications_sqs and _eventbridge).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import combinations
from typing import Any, Final
from urllib.parse import quote_plus

from moto.s3.exceptions import InvalidNotificationDestination, S3ClientError
from moto.s3.notifications import S3NotificationEvent, _detail_type

from labkit.sandbox import current, delivery
from labkit.sandbox.announce import announce
from labkit.sandbox.parcels import Parcel, Phase, Retry

_PRINCIPAL: Final = "s3.amazonaws.com"
_OWNER: Final = "A3NL1KOZZKExample"
_REQUESTER: Final = f"AWS:AIDA{'LEARNER':0<17}"
_RETRY: Final = Retry((Phase(8, 1.0, 60.0, "exponential"),))
"""S3 delivers "at least once", "typically in seconds"; it gives no figures for attempts. These are ours."""
_MARKER_TAG: Final = "d41d8cd98f00b204e9800998ecf8427e"
_NEWER: Final = (
    "ObjectTagging",
    "ObjectAcl",
    "LifecycleExpiration",
    "LifecycleTransition",
    "IntelligentTiering",
)
"""Event types whose records have version 2.3."""
_REASONS: Final = {"Put": "PutObject", "Post": "POST Object", "Copy": "CopyObject"}
_KINDS: Final = (
    ("Queue", "sqs", "queue"), ("Topic", "sns", "topic"), ("CloudFunction", "lambda", "Lambda"),
)  # fmt: skip


# -- sending -----------------------------------------------------------------------------------------


def _matching(bucket: Any, event: str, key: str) -> Iterator[Any]:
    configuration = bucket.notification_configuration
    for kept in (*configuration.cloud_function, *configuration.queue, *configuration.topic):
        prefix, suffix = _affixes(kept.filters)
        if kept._event_matches(event) and key.startswith(prefix) and key.endswith(suffix):
            yield kept


def send(bucket: Any, event: str, key: Any, *, version: str | None = None, marker: bool = False) -> None:
    """Tell everybody who wants to know what happened to an object. `key` is moto's object (or has its name)."""
    if bucket.notification_configuration is None:
        return
    about = _About(bucket, event, key, version, marker)
    for kept in _matching(bucket, event, key.name):
        record = json.dumps({"Records": [about.record(kept.id)]}, separators=(",", ":"))
        _post(bucket, kept.arn, kept.id, record, f"{about.request}-{kept.id}")
    if bucket.notification_configuration.event_bridge is not None:
        announce(
            "aws.s3", _detail_type(event), about.detail(), [bucket.arn],
            account=bucket.account_id, region=bucket.region_name,
        )  # fmt: skip


def _post(bucket: Any, target: str, via: str, body: str, number: str) -> None:
    subject = (("Subject", "Amazon S3 Notification"),) if ":sns:" in target else ()
    delivery.send(_parcel(bucket, target, via, body, number)._replace(options=subject, retry=_RETRY))


def _parcel(bucket: Any, target: str, via: str = "", body: str = "", number: str = "") -> Parcel:
    return Parcel(
        "s3",
        bucket.arn,
        target,
        body,
        _PRINCIPAL,
        via=via,
        id=number,
        about=(("account", bucket.account_id),),
    )


class _About:
    """One thing that happened to one object."""

    def __init__(self, bucket: Any, event: str, key: Any, version: str | None, marker: bool) -> None:
        now = current().clock.time()
        bucket.labkit_events = getattr(bucket, "labkit_events", 0) + 1
        dice = current().faults.dice("s3.event", bucket.name, bucket.labkit_events, now)
        self.request = f"{dice.getrandbits(64):016X}"
        self.host = base64.b64encode(dice.randbytes(48)).decode()
        # It grows with time, and within one moment with the number of the event.
        self.sequencer = f"00{int(now * 1000):011X}{bucket.labkit_events & 0xFFFFF:05X}"
        self.time = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%S}.{int(now * 1000) % 1000:03d}Z"
        self.bucket, self.key, self.marker = bucket, key, marker
        _, self.family, self.action = event.split(":") if event.count(":") == 2 else (*event.split(":"), "")
        self.version = version or (str(key.version_id) if bucket.is_versioned and key.version_id else None)

    def _object(self, name: str, tag: str, version: str) -> dict[str, Any]:
        """What is said of the object; the two kinds of message name the same things differently."""
        found: dict[str, Any] = {"key": name}
        if self.marker:
            found[tag] = _MARKER_TAG
        elif self.family != "ObjectRemoved":
            if self.family not in _NEWER:
                found["size"] = self.key.size
            found[tag] = self.key.etag.replace('"', "")
        if self.version and self.version != "null":
            found[version] = self.version
        if self.family not in _NEWER:
            found["sequencer"] = self.sequencer
        return found

    def record(self, configuration: str) -> dict[str, Any]:
        """The record for queues, topics and functions. Its key is URL-encoded."""
        return {
            "eventVersion": "2.3" if self.family in _NEWER else "2.1",
            "eventSource": "aws:s3",
            "awsRegion": self.bucket.region_name,
            "eventTime": self.time,
            "eventName": f"{self.family}:{self.action}" if self.action else self.family,
            "userIdentity": {"principalId": _REQUESTER},
            "requestParameters": {"sourceIPAddress": "127.0.0.1"},
            "responseElements": {"x-amz-request-id": self.request, "x-amz-id-2": self.host},
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": configuration,
                "bucket": {
                    "name": self.bucket.name, "ownerIdentity": {"principalId": _OWNER}, "arn": self.bucket.arn,
                },
                "object": self._object(quote_plus(self.key.name, safe="/*"), "eTag", "versionId"),
            },
        }  # fmt: skip

    def detail(self) -> dict[str, Any]:
        """The detail for EventBridge. Its key is as it is."""
        found: dict[str, Any] = {
            "version": "0",
            "bucket": {"name": self.bucket.name},
            "object": self._object(self.key.name, "etag", "version-id"),
            "request-id": self.request,
            "requester": self.bucket.account_id,
            "source-ip-address": "127.0.0.1",
        }
        if self.family == "ObjectCreated":
            found["reason"] = _REASONS.get(self.action, self.action)
        elif self.family == "ObjectRemoved":
            found["reason"] = "DeleteObject"
            found["deletion-type"] = "Delete Marker Created" if self.marker else "Permanently Deleted"
        return found


def send_test(bucket: Any) -> None:
    """The message that a new configuration sends to its queues and topics."""
    configuration = bucket.notification_configuration
    dice = current().faults.dice("s3.test", bucket.name, current().clock.time())
    for kept in (*configuration.queue, *configuration.topic):
        now = current().clock.time()
        body = {
            "Service": "Amazon S3",
            "Event": "s3:TestEvent",
            "Time": f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%S}.{int(now * 1000) % 1000:03d}Z",
            "Bucket": bucket.name,
            "RequestId": f"{dice.getrandbits(64):016X}",
            "HostId": base64.b64encode(dice.randbytes(48)).decode(),
        }
        _post(bucket, kept.arn, kept.id, json.dumps(body), f"{body['RequestId']}-{kept.id}")


# -- configurations ----------------------------------------------------------------------------------


def _affixes(filters: Any) -> tuple[str, str]:
    """Prefix and suffix of a filter, as moto keeps filters. The names of rules are taken in any case."""
    found = {"prefix": "", "suffix": ""}
    for rule in (filters or {}).get("S3Key", {}).get("FilterRule", []):
        found[str(rule["Name"]).lower()] = str(rule["Value"] or "")
    return found["prefix"], found["suffix"]


def _invalid(message: str, *arguments: tuple[str, str]) -> S3ClientError:
    error = S3ClientError("InvalidArgument", message)
    many = len(arguments) > 1 or "destination" in message
    for number, (name, value) in enumerate(arguments, 1):
        end = str(number) if many else ""
        setattr(error, f"ArgumentName{end}", name)
        setattr(error, f"ArgumentValue{end}", value)
    return error


def checked(parsed: Any) -> dict[str, Any]:
    """A configuration from a request (as xmltodict reads it) in the form moto keeps. Raises S3's InvalidArgument."""
    given = dict(parsed or {})
    if "EventBridgeConfiguration" in given:
        given["EventBridgeConfiguration"] = {}
    seen: list[tuple[str, set[str], tuple[str, str]]] = []
    for kind, service, _ in _KINDS:
        name = f"{kind}Configuration"
        if name not in given:
            continue
        given[name] = [_one(dict(each), kind, service) for each in _listed(given[name])]
        for each in given[name]:
            seen.append((each.get("Id", ""), _expanded(each["Event"]), _affixes(each.get("Filter"))))
    _check_ids([one[0] for one in seen])
    for first, second in combinations(seen, 2):
        _check_overlap(first, second)
    return {name: value for name, value in given.items() if not name.startswith("@")}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _one(given: dict[str, Any], kind: str, service: str) -> dict[str, Any]:
    arn = str(given[kind])
    parts = arn.split(":")
    if len(parts) < 6 or parts[0] != "arn":
        raise _invalid("The ARN could not be parsed", (kind, arn))
    if parts[2] != service:
        raise _invalid("The ARN is not well formed", (kind, arn))
    given["Event"] = _listed(given["Event"])
    for event in given["Event"]:
        if event not in S3NotificationEvent.events():
            raise _invalid("The event is not supported for notifications", ("Event", str(event)))
    if given.get("Filter"):
        rules = [dict(rule) for rule in _listed((given["Filter"]["S3Key"] or {}).get("FilterRule") or [])]
        for rule in rules:
            if str(rule["Name"]).lower() not in ("prefix", "suffix"):
                raise _invalid(
                    "filter rule name must be either prefix or suffix", ("FilterRule.Name", rule["Name"])
                )
            rule["Name"], rule["Value"] = str(rule["Name"]).capitalize(), rule["Value"] or ""
        if len({rule["Name"] for rule in rules}) < len(rules):
            raise _invalid("Cannot specify more than one prefix or suffix rule in a filter.")
        given["Filter"] = {"S3Key": {"FilterRule": rules}}
    return given


def _expanded(events: list[str]) -> set[str]:
    """All single event types that a list of them means."""
    known = [event for event in S3NotificationEvent.events() if not event.endswith("*")]
    return {
        one
        for event in events
        for one in known
        if one == event or one.startswith(event.removesuffix("*") or "-")
    }


def _check_ids(ids: list[str]) -> None:
    named = [one for one in ids if one]
    if len(set(named)) < len(named):
        raise _invalid("Same ID used for multiple configurations. IDs must be unique")


def _check_overlap(first: Any, second: Any) -> None:
    _, events, (prefix, suffix) = first
    _, others, (other_prefix, other_suffix) = second
    shared = events & others
    prefixes = prefix.startswith(other_prefix) or other_prefix.startswith(prefix)
    suffixes = suffix.endswith(other_suffix) or other_suffix.endswith(suffix)
    if not (shared and prefixes and suffixes):
        return
    if not (prefix or suffix or other_prefix or other_suffix):
        raise _invalid(
            "Configurations overlap. Configurations on the same bucket cannot share a common event type.",
            ("Event", ", ".join(sorted(shared))),
        )
    raise _invalid(
        "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are "
        "overlapping for the same event type."
    )


def check_destinations(bucket: Any, configuration: dict[str, Any]) -> None:
    """Whether S3 may send to all destinations. Raises S3's InvalidArgument, which names those that fail."""
    failed: list[tuple[str, str]] = []
    for kind, _, spoken in _KINDS:
        for one in configuration.get(f"{kind}Configuration") or ():
            arn = one[kind]
            if arn.split(":")[3] != bucket.region_name:
                raise InvalidNotificationDestination()
            reason = _why_not(bucket, arn, spoken)
            if reason:
                failed.append((arn, reason))
    if failed:
        raise _invalid("Unable to validate the following destination configurations", *failed)


def _why_not(bucket: Any, arn: str, spoken: str) -> str:
    if spoken == "queue" and arn.endswith(".fifo"):
        return "The destination queue is a FIFO queue, which is not supported"
    refused = delivery.refusal(_parcel(bucket, arn))
    if refused is None:
        return ""
    if "NotFound" in refused.code or "NonExistent" in refused.code:
        return f"The destination {spoken} does not exist"
    if spoken == "Lambda":
        return f"Not authorized to invoke function [{arn}]"
    return (
        f"Permissions on the destination {spoken} do not allow S3 to publish notifications from this bucket"
    )
