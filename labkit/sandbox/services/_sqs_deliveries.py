"""Queues as targets of other services: topics, rules, schedules, functions' dead letters."""

from __future__ import annotations

import base64
import json
from typing import Any

from moto.sqs.exceptions import SQSException

from labkit.sandbox.parcels import Parcel, Refused
from labkit.sandbox.services import _sqs_api as api
from labkit.sandbox.services import _sqs_engine as engine
from labkit.sandbox.services import _sqs_errors as errors
from labkit.sandbox.services._sqs_validation import check_body

_TEXT = "attribute:"


def find(parcel: Parcel) -> Any:
    """The queue. Raises `Refused` when it was deleted or never made."""
    queue = engine.find_queue(parcel.target)
    if queue is None:
        raise Refused("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
    return queue


def accept(parcel: Parcel) -> str:
    """Put the body into the queue; returns the message's id.

    Options: `MessageGroupId`, `MessageDeduplicationId`, `DelaySeconds`, `attribute:NAME` for a text attribute, and
    `MessageAttributes`, a JSON object as boto3 takes it, with a BinaryValue in base64.
    """
    queue = find(parcel)
    attributes: dict[str, Any] = json.loads(parcel.option("MessageAttributes", "{}"))
    for value in attributes.values():
        if "BinaryValue" in value:
            value["BinaryValue"] = base64.b64decode(value["BinaryValue"])
    for name, value in parcel.options:
        if name.startswith(_TEXT):
            attributes[name.removeprefix(_TEXT)] = {"DataType": "String", "StringValue": str(value)}
    group, key = parcel.option("MessageGroupId"), parcel.option("MessageDeduplicationId")
    delay = parcel.option("DelaySeconds")
    try:
        check_body(parcel.body)
        api.check_for_queue(queue, parcel.body, attributes, delay, group, key)
    except SQSException as error:
        raise Refused(errors.shown_code(str(error.code)), str(error.message)) from None
    return str(engine.send(queue, parcel.body, attributes, delay, group, key).id)
