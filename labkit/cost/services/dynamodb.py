"""DynamoDB on demand: write request units of 1 KB and read request units of 4 KB.

A strongly consistent read of up to 4 KB takes one unit, an eventually consistent one half, a transactional one two;
a write of up to 1 KB takes one unit, a transactional one two: https://aws.amazon.com/dynamodb/pricing/on-demand/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from labkit.cost.usage import chunks, last_part, size_of

if TYPE_CHECKING:
    from labkit.cost.usage import Period, Usage
    from labkit.sandbox.trace import Event

LEAVES_OUT: Final = (
    "dynamodb: storage, streams, backups and indexes; tables with provisioned capacity. Reads, updates and deletes "
    "count as the smallest unit, because the trace does not keep the size of what they found.",
)
WRITE: Final = 1024
_WRITES: Final = ("PutItem", "UpdateItem", "DeleteItem")
_READS: Final = ("GetItem", "Query", "Scan")


def usage(period: Period) -> Iterator[Usage]:
    """Request units of tables on demand."""
    provisioned = _provisioned(period)
    for call in period.calls("dynamodb"):
        for unit, amount, table in _units(call):
            name = last_part(table)
            arn = f"arn:aws:dynamodb:{period.region_of(table)}:{period.sandbox.account}:table/{name}"
            if name in provisioned:
                unit = "provisioned_capacity"
            yield period.at(call, unit, amount, arn)


def _units(call: Event) -> Iterator[tuple[str, float, str]]:
    given = call.params
    if call.action in _WRITES:
        yield "write_units", _write(given.get("Item")), call.resource
    elif call.action in _READS:
        yield "read_units", _read(given), call.resource
    elif call.action == "BatchWriteItem":
        for table, requests in _tables(given):
            for one in requests if isinstance(requests, list) else ():
                yield "write_units", _write((one.get("PutRequest") or {}).get("Item")), table
    elif call.action == "BatchGetItem":
        for table, asked in _tables(given):
            yield "read_units", _read(asked) * len(asked.get("Keys") or ()), table
    elif call.action in ("TransactWriteItems", "TransactGetItems"):
        writes = call.action == "TransactWriteItems"
        for one in given.get("TransactItems") or ():
            for what in one.values():
                units = _write(what.get("Item")) if writes else 1
                yield "write_units" if writes else "read_units", 2 * units, str(what.get("TableName", ""))


def _tables(given: Any) -> list[tuple[str, Any]]:
    asked = given.get("RequestItems")
    return list(asked.items()) if isinstance(asked, dict) else []


def _write(item: Any) -> int:
    return chunks(_item(item), WRITE)


def _read(given: Any) -> float:
    return 1 if given.get("ConsistentRead") else 0.5


def _item(item: Any) -> int:
    """Bytes of names and values. Numbers count as the text they are, a little more than with AWS.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    if not isinstance(item, dict):
        return 0
    return sum(len(name.encode()) + _value(typed) for name, typed in item.items())


def _value(typed: Any) -> int:
    if not isinstance(typed, dict) or len(typed) != 1:
        return size_of(typed)
    kind, value = next(iter(typed.items()))
    if kind == "M" and isinstance(value, dict):
        return 3 + sum(1 + len(name.encode()) + _value(one) for name, one in value.items())
    if kind == "L" and isinstance(value, list):
        return 3 + sum(1 + _value(one) for one in value)
    return 1 if kind in ("BOOL", "NULL") else size_of(value)


def _provisioned(period: Period) -> set[str]:
    return {
        str(table.name)
        for _region, store in period.stores("dynamodb", "dynamodb_backends")
        for table in store.tables.values()
        if table.billing_mode != "PAY_PER_REQUEST"
    }
