"""S3: buckets and their notifications."""

from __future__ import annotations

from typing import Any, Final

from labkit.drawing.scene import Scene
from labkit.judging.card import plural

CALLS: Final = (
    "PutObject",
    "GetObject",
    "DeleteObject",
    "DeleteObjects",
    "ListObjectsV2",
    "HeadObject",
    "CopyObject",
)


def show(scene: Scene, backend: Any) -> None:
    """Buckets in their Region, and where they send events."""
    for bucket in backend.buckets.values():
        versioned = ", versioned" if bucket.is_versioned else ""
        detail = plural(sum(1 for _ in bucket.keys), "object") + versioned
        scene.resource(bucket.arn, "s3", bucket.name, detail, region=bucket.region_name)
        config = bucket.notification_configuration
        if config is not None:
            for one in (*config.topic, *config.queue, *config.cloud_function):
                told = sorted({str(event).removeprefix("s3:").partition(":")[0] for event in one.events})
                scene.link(bucket.arn, one.arn, ", ".join(told))
