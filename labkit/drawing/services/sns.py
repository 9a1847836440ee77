"""SNS: topics and their subscriptions."""

from __future__ import annotations

from typing import Any, Final

from labkit.drawing.scene import Scene

CALLS: Final = ("Publish", "PublishBatch")


def show(scene: Scene, backend: Any) -> None:
    """Topics, and the queues and functions that subscribe to them."""
    for topic in backend.topics.values():
        subscriptions = [one for one in backend.subscriptions.values() if one.topic is topic]
        others = [one for one in subscriptions if one.protocol not in ("sqs", "lambda", "firehose")]
        kinds = sorted({str(one.protocol) for one in others})
        detail = "FIFO" if str(topic.arn).endswith(".fifo") else ""
        also = f"also {len(others)} by {', '.join(kinds)}" if others else ""
        scene.resource(topic.arn, "sns", topic.name, "; ".join(filter(None, (detail, also))))
        for subscription in subscriptions:
            if subscription in others:
                continue
            filtered = "filtered" if subscription.attributes.get("FilterPolicy") else ""
            raw = "raw" if subscription.attributes.get("RawMessageDelivery") == "true" else ""
            label = ", ".join(filter(None, ("delivers", filtered, raw)))
            scene.link(topic.arn, subscription.endpoint, label)
