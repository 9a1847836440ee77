"""What a Distributed Map reads from S3 and writes there.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html (kinds of input, delimiters,
ItemsPointer) and input-output-resultwriter.html (the bucket is in the account and Region of the state machine).
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from labkit.sandbox.services import _stepfunctions_roles as roles
from labkit.sandbox.states.errors import READER, WRITER, NotSimulatedHere, StateFailed
from labkit.sandbox.states.runs import Run

_LISTS: Final = "arn:aws:states:::s3:listObjectsV2"
_OBJECTS: Final = "arn:aws:states:::s3:getObject"
_KINDS: Final = ("JSON", "JSONL", "CSV")
_DELIMITERS: Final = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}


def read(run: Run, state: dict[str, Any], arguments: Any, config: dict[str, Any]) -> Any:
    """The items of a CSV, JSON or JSON Lines object, or of a listing. Raises `StateFailed`."""
    resource = state["ItemReader"].get("Resource")
    if resource not in (_LISTS, _OBJECTS):
        raise NotSimulatedHere(f"{resource} as an ItemReader")
    if resource == _OBJECTS and (kind := config.get("InputType", "JSON")) not in _KINDS:
        raise NotSimulatedHere(f"InputType {kind} of an ItemReader")
    client = roles.client(run, "s3")
    try:
        if resource == _LISTS:
            pages = client.get_paginator("list_objects_v2").paginate(**arguments)
            return [_listed(one) for page in pages for one in page.get("Contents", ())]
        body = client.get_object(**arguments)["Body"].read().decode("utf-8-sig")
        return _parsed(body, config)
    except (ClientError, BotoCoreError) as error:
        raise StateFailed(READER, str(error)) from None
    except (ValueError, UnicodeError, TypeError, LookupError) as error:
        raise StateFailed(READER, str(error)) from None


def _listed(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "Etag": one["ETag"], "Key": one["Key"], "LastModified": int(one["LastModified"].timestamp()),
        "Size": one["Size"], "StorageClass": one.get("StorageClass", "STANDARD"),
    }  # fmt: skip


def _parsed(text: str, config: dict[str, Any]) -> Any:
    kind = config.get("InputType", "JSON")
    if kind == "JSONL":
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    if kind == "CSV":
        return _rows(text, config)
    found = _pointed(json.loads(text), config.get("ItemsPointer", ""))
    if not isinstance(found, (dict, list)):
        raise ValueError("Attempting to map over non-iterable node.")
    return found


def _rows(text: str, config: dict[str, Any]) -> list[dict[str, str]]:
    delimiter = _DELIMITERS[config.get("CSVDelimiter", "COMMA")]
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
    given = config.get("CSVHeaderLocation", "FIRST_ROW") == "GIVEN"
    header = list(config.get("CSVHeaders") or ()) if given else (rows.pop(0) if rows else [])
    return [
        {name: row[number] if number < len(row) else "" for number, name in enumerate(header)} for row in rows
    ]


def _pointed(data: Any, pointer: str) -> Any:
    """What a JSON pointer such as /orders/open leads to."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(data, dict) and name in data:
            data = data[name]
        elif isinstance(data, list) and name.isdigit() and int(name) < len(data):
            data = data[int(name)]
        else:
            raise ValueError(
                "The provided ReaderConfig.ItemsPointer does not match any valid path in the JSON structure."
            )
    return data


def write(run: Run, where: dict[str, Any], files: dict[str, bytes]) -> None:
    """Put the files of a ResultWriter into the bucket. Raises `StateFailed`."""
    client = roles.client(run, "s3")
    try:
        place = client.get_bucket_location(Bucket=where["Bucket"]).get("LocationConstraint") or "us-east-1"
    except ClientError:
        place = ""  # the role need not be allowed to ask; putting the object tells
    if place and place != run.arn.split(":")[3]:
        raise StateFailed(
            WRITER, "The bucket of the ResultWriter is in another Region than the state machine."
        )
    try:
        for key, body in files.items():
            client.put_object(Bucket=where["Bucket"], Key=key, Body=body)
    except (ClientError, BotoCoreError) as error:
        raise StateFailed(WRITER, str(error)) from None
