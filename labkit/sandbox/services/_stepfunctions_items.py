"""What a Distributed Map reads from S3. Source: developer guide, "ItemReader (Map)"."""

from __future__ import annotations

import csv
import io
import json
from typing import Any, Final

from botocore.exceptions import ClientError

from labkit.sandbox.services import _stepfunctions_roles as roles
from labkit.sandbox.states.errors import READER, StateFailed
from labkit.sandbox.states.runs import Run

_LISTS: Final = "arn:aws:states:::s3:listObjectsV2"
_OBJECTS: Final = "arn:aws:states:::s3:getObject"


def read(run: Run, state: dict[str, Any], arguments: Any) -> list[Any]:
    """The items of a CSV, JSON or JSON Lines object, or of a listing. Raises `StateFailed`."""
    reader = state["ItemReader"]
    config = reader.get("ReaderConfig") or {}
    client = roles.client(run, "s3")
    most = config.get("MaxItems")
    try:
        if reader.get("Resource") == _LISTS:
            pages = client.get_paginator("list_objects_v2").paginate(**arguments)
            items = [_plain(one) for page in pages for one in page.get("Contents", ())]
        elif reader.get("Resource") == _OBJECTS:
            body = client.get_object(**arguments)["Body"].read().decode("utf-8-sig")
            items = _parsed(body, config)
        else:
            raise StateFailed(READER, f"{reader.get('Resource')} is not simulated here as an ItemReader.")
    except ClientError as error:
        raise StateFailed(READER, f"S3.{error.response['Error']['Code']}: {error}") from None
    except (ValueError, UnicodeError, TypeError) as error:
        raise StateFailed(READER, f"The input could not be read: {error}") from None
    return items[: int(most)] if most else items


def _plain(listed: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.timestamp() if hasattr(value, "timestamp") else value for name, value in listed.items()
    }


def _parsed(text: str, config: dict[str, Any]) -> list[Any]:
    kind = config.get("InputType", "JSON")
    if kind == "JSONL":
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    if kind == "CSV":
        rows = list(csv.reader(io.StringIO(text)))
        header = config.get("CSVHeaders") if config.get("CSVHeaderLocation") == "GIVEN" else rows.pop(0)
        return [dict(zip(header or [], row, strict=False)) for row in rows if row]
    if kind != "JSON":
        raise ValueError(f"InputType {kind} is not simulated here")
    found = json.loads(text)
    if isinstance(found, dict):
        return [{"Key": name, "Value": value} for name, value in found.items()]
    if not isinstance(found, list):
        raise ValueError("Attempting to map over non-iterable node.")
    return found
