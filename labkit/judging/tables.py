"""A DynamoDB table as the outside world sees it, for checks.

Operations and types: the Amazon DynamoDB API model in botocore (`dynamodb/2012-08-10/service-2.json`).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labkit.judging.world import World

Item = dict[str, Any]


class TableView:
    """One DynamoDB table. Items are plain Python: whole numbers come as int, others as Decimal."""

    def __init__(self, world: World, name: str, region: str) -> None:
        self._world = world
        self.name = name
        self.region = region

    @classmethod
    def find(cls, world: World, name: str, region: str) -> TableView | None:
        """The table of this name, or None."""
        client = world.client("dynamodb", region)
        try:
            client.describe_table(TableName=name)
        except client.exceptions.ResourceNotFoundException:
            return None
        return cls(world, name, region)

    @property
    def _client(self) -> Any:
        return self._world.client("dynamodb", self.region)

    @property
    def description(self) -> dict[str, Any]:
        """What DescribeTable says of the table."""
        return dict(self._client.describe_table(TableName=self.name)["Table"])

    @property
    def arn(self) -> str:
        """The table's ARN."""
        return str(self.description["TableArn"])

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the key attributes: the partition key, then the sort key if there is one."""
        schema = sorted(self.description["KeySchema"], key=lambda part: part["KeyType"])  # HASH, RANGE
        return tuple(part["AttributeName"] for part in schema)

    def items(self) -> list[Item]:
        """Every item, read consistently, page after page."""
        found: list[Item] = []
        page = self._client.get_paginator("scan").paginate(TableName=self.name, ConsistentRead=True)
        for answer in page:
            found += [_plain(item) for item in answer.get("Items", [])]
        return found

    def get(self, key: object) -> Item | None:
        """The item with this key, or None. `key` is a dict, or the value of a table's only key attribute."""
        answer = self._client.get_item(TableName=self.name, Key=_typed(self._whole(key)), ConsistentRead=True)
        return _plain(answer["Item"]) if "Item" in answer else None

    def put(self, item: Mapping[str, Any]) -> None:
        """Write one item, as somebody else would."""
        self._client.put_item(TableName=self.name, Item=_typed(item))

    def delete(self, key: object) -> None:
        """Delete the item with this key. `key` as in `get`."""
        self._client.delete_item(TableName=self.name, Key=_typed(self._whole(key)))

    def clear(self) -> None:
        """Delete every item."""
        names = self.key
        for item in self.items():
            self.delete({name: item[name] for name in names})

    def __len__(self) -> int:
        return len(self.items())

    def __bool__(self) -> bool:
        return True  # an empty table is still a table

    def __repr__(self) -> str:
        return f"<table {self.name}>"

    def _whole(self, key: object) -> Mapping[str, Any]:
        return key if isinstance(key, Mapping) else {self.key[0]: key}


def _typed(item: Mapping[str, Any]) -> dict[str, Any]:
    from boto3.dynamodb.types import TypeSerializer

    serialize = TypeSerializer().serialize
    return {name: serialize(_exact(value)) for name, value in item.items()}


def _plain(item: Mapping[str, Any]) -> Item:
    from boto3.dynamodb.types import TypeDeserializer

    deserialize = TypeDeserializer().deserialize
    return {name: _whole_numbers(deserialize(value)) for name, value in item.items()}


def _exact(value: Any) -> Any:
    """DynamoDB numbers are decimal; a float is taken by what it prints."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, Mapping):
        return {name: _exact(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_exact(inner) for inner in value]
    return value


def _whole_numbers(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else value
    if isinstance(value, dict):
        return {name: _whole_numbers(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(inner) for inner in value]
    if isinstance(value, set):
        return {_whole_numbers(inner) for inner in value}
    return value
