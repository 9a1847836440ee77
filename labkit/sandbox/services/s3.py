"""Amazon S3 in the lab's account: event notifications. Buckets and objects are moto's own.

Simulated here:
- Notifications to queues, topics and functions, when their policies let s3.amazonaws.com in, and to EventBridge.
- A configuration is checked when it is made: destinations and their policies, event types, filters, overlaps. Queues
  and topics get s3:TestEvent.
- Records as on AWS: URL-encoded key, sequencer, version 2.1 or 2.3, deletions without size. Delete markers and
  deleted versions have events too. Only PutObjectTagging has an event for tags.

Differs on AWS:
- A notification arrives within seconds on AWS, sometimes in a minute or later. Here it arrives at once.
- AWS gives no figures for its attempts. Here they go on for some minutes, and there is no dead-letter queue.
- Who made the request, addresses and request ids in records are invented.

Not simulated:
- Events of replication, lifecycle rules, Intelligent-Tiering and lost objects: nothing causes them here.

Sources:
- https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html
- https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
- https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html (overlapping filters)
- https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html (which request has which event)
- https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html (EventBridge)
- https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Final

from labkit.sandbox.hooks import hook

# Every lab loads this module, because moto loads S3 with IAM. What it does is loaded when a bucket has notifications.

_TAGS_PUT: Final = "s3:ObjectTagging:Put"
_tagging: ContextVar[bool] = ContextVar("tagging", default=False)


@hook("moto.s3.notifications:send_event")
def send_event(original: Any, account_id: str, event_name: Any, bucket: Any, key: Any) -> None:
    """Something happened to an object."""
    event = str(getattr(event_name, "value", event_name))
    if bucket.notification_configuration is not None and (event != _TAGS_PUT or _tagging.get()):
        from labkit.sandbox.services import _s3_notifications as notifications

        notifications.send(bucket, event, key)


@hook("moto.s3.responses:S3Response.put_object_tagging")
def put_object_tagging(original: Any, self: Any) -> Any:
    """The one request with an event for tags. moto has it for every new object, which has tags, if only none."""
    token = _tagging.set(True)
    try:
        return original(self)
    finally:
        _tagging.reset(token)


@hook("moto.s3.notifications:send_test_event")
def send_test_event(original: Any, account_id: str, bucket: Any) -> None:
    """A new configuration was stored. Its test message is sent where its destinations are checked."""


@hook("moto.s3.models:S3Backend._set_delete_marker")
def set_delete_marker(original: Any, self: Any, bucket_name: str, key_name: str) -> Any:
    """A deletion in a versioned bucket has an event of its own."""
    marker = original(self, bucket_name, key_name)
    bucket = self.get_bucket(bucket_name)
    if bucket.notification_configuration is not None:
        from labkit.sandbox.services import _s3_notifications as notifications

        event = "s3:ObjectRemoved:DeleteMarkerCreated"
        notifications.send(bucket, event, marker, version=str(marker.version_id), marker=True)
    return marker


@hook("moto.s3.models:S3Backend.delete_object")
def delete_object(
    original: Any,
    self: Any,
    bucket_name: str,
    key_name: str,
    version_id: str | None = None,
    bypass: bool = False,
) -> Any:
    """A version that is deleted has an event also when others stay. moto tells only of the last one."""
    bucket = self.get_bucket(bucket_name)
    versions = bucket.keys.getlist(key_name, []) if version_id and bucket.notification_configuration else []
    gone = next((one for one in versions if str(one.version_id) == str(version_id)), None)
    answer = original(self, bucket_name, key_name, version_id, bypass)
    if gone is not None and bucket.is_versioned and bucket.keys.getlist(key_name, []):
        from labkit.sandbox.services import _s3_notifications as notifications

        notifications.send(bucket, "s3:ObjectRemoved:Delete", gone, version=str(version_id))
    return answer


@hook("moto.s3.responses:S3Response._notification_config_from_body")
def notification_config_from_body(original: Any, self: Any) -> dict[str, Any]:
    """PutBucketNotificationConfiguration: form, event types, filters, overlaps, and the destinations."""
    from moto.s3.responses import xmltodict

    from labkit.sandbox.services import _s3_notifications as notifications

    configuration = notifications.checked(xmltodict.parse(self.body).get("NotificationConfiguration"))
    skip = str(self.headers.get("x-amz-skip-destination-validation", "")).lower() == "true"
    if not skip:
        notifications.check_destinations(self.backend.get_bucket(self.bucket_name), configuration)
    return configuration


@hook("moto.s3.models:S3Backend.put_bucket_notification_configuration")
def put_bucket_notification_configuration(
    original: Any, self: Any, bucket_name: str, notification_config: dict[str, Any]
) -> None:
    """Queues and topics of the new configuration get a test message."""
    original(self, bucket_name, notification_config)
    bucket = self.get_bucket(bucket_name)
    if bucket.notification_configuration is not None:
        from labkit.sandbox.services import _s3_notifications as notifications

        notifications.send_test(bucket)


@hook("moto.s3.responses:S3Response.get_bucket_notification")
def get_bucket_notification(original: Any, self: Any) -> Any:
    """GetBucketNotificationConfiguration: only what was configured, and EventBridge too."""
    from moto.core.responses import ActionResult

    kept = self.backend.get_bucket_notification_configuration(self.bucket_name)
    if not kept:
        return original(self)
    result: dict[str, Any] = {
        f"{name}Configurations": [_shown(one, f"{name}Arn") for one in items]
        for name, items in (
            ("Topic", kept.topic),
            ("Queue", kept.queue),
            ("LambdaFunction", kept.cloud_function),
        )
        if items
    }
    if kept.event_bridge is not None:
        result["EventBridgeConfiguration"] = {}
    self.data["Action"] = "GetBucketNotificationConfiguration"
    return self.serialized(ActionResult(result))


def _shown(kept: Any, arn: str) -> dict[str, Any]:
    shown = {"Id": kept.id, arn: kept.arn, "Events": kept.events}
    if kept.filters:
        shown["Filter"] = {"Key": {"FilterRules": kept.filters["S3Key"]["FilterRule"]}}
    return shown
