"""Kinesis: data streams."""

from __future__ import annotations

from typing import Any, Final

from labkit.drawing.scene import Scene
from labkit.judging.card import plural

CALLS: Final = ("PutRecord", "PutRecords", "GetRecords")
USED: Final = ("StreamName", "StreamARN")


def show(scene: Scene, backend: Any) -> None:
    """Streams and their shards."""
    for stream in backend.streams.values():
        scene.resource(stream.arn, "kinesis", stream.stream_name, plural(len(stream.shards), "shard"))
