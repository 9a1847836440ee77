"""DynamoDB: tables, their keys, and how many items lie in them."""

from __future__ import annotations

from typing import Any, Final

from labkit.drawing.scene import Scene
from labkit.judging.card import plural

CALLS: Final = (
    "PutItem", "GetItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchWriteItem", "BatchGetItem",
    "TransactWriteItems", "TransactGetItems", "ExecuteStatement",
)  # fmt: skip
USED: Final = ("TableName", "RequestItems")


def show(scene: Scene, backend: Any) -> None:
    """Tables. A stream has the ARN of its table at its beginning, so links from it begin at the table."""
    for table in backend.tables.values():
        items = sum(len(one) if table.range_key_attr else 1 for one in table.items.values())
        key = " + ".join(filter(None, (table.hash_key_attr, table.range_key_attr)))
        stream = ", stream" if (table.stream_specification or {}).get("StreamEnabled") else ""
        scene.resource(table.table_arn, "dynamodb", table.name, f"key {key}{stream}; {plural(items, 'item')}")
