"""Firehose: streams and where they deliver."""

from __future__ import annotations

from typing import Any, Final

from labkit.drawing.scene import Scene

CALLS: Final = ("PutRecord", "PutRecordBatch")
USED: Final = ("DeliveryStreamName",)


def show(scene: Scene, backend: Any) -> None:
    """Streams with their source and the buckets behind them."""
    for stream in backend.delivery_streams.values():
        arn = stream.delivery_stream_arn
        scene.resource(arn, "firehose", stream.delivery_stream_name, stream.delivery_stream_type)
        scene.link((stream.source or {}).get("KinesisStreamARN", ""), arn, "read by")
        for destination in stream.destinations:
            for config in destination.values():
                if isinstance(config, dict) and "BucketARN" in config:
                    scene.link(arn, config["BucketARN"], "delivers")
                    break
