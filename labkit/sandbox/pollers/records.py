"""The forms in which records are handed over.

Sources: the example events of https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html, with-ddb.html and
with-kinesis.html, and answers of the real services recorded in LocalStack's tests (event_source_mapping/
*.snapshot.json: `md5OfMessageAttributes`, `stringListValues`, `eventVersion` 1.1 of DynamoDB).
"""

from __future__ import annotations

import base64
import json
from typing import Any

Record = dict[str, Any]


def of_message(message: Any, arn: str) -> Record:
    """One message of a queue."""
    attributes = {
        "ApproximateReceiveCount": message.approximate_receive_count,
        "AWSTraceHeader": message.system_attributes.get("AWSTraceHeader", {}).get("StringValue"),
        "SentTimestamp": message.sent_timestamp,
        "SequenceNumber": message.sequence_number,
        "MessageGroupId": message.group_id,
        "SenderId": message.sender_id,
        "MessageDeduplicationId": message.deduplication_id,
        "ApproximateFirstReceiveTimestamp": message.approximate_first_receive_timestamp,
        "DeadLetterQueueSourceArn": getattr(message, "dead_letter_queue_source_arn", None),
    }
    own = message.message_attributes
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": {name: str(value) for name, value in attributes.items() if value not in (None, "")},
        "messageAttributes": {name: _attribute(value) for name, value in own.items()},
        "md5OfMessageAttributes": message.attribute_md5 if own else None,
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": arn.split(":")[3],
    }


def _attribute(given: dict[str, Any]) -> Record:
    shown: Record = {}
    if given.get("StringValue") is not None:
        shown["stringValue"] = given["StringValue"]
    if given.get("BinaryValue") is not None:
        value = given["BinaryValue"]
        shown["binaryValue"] = value if isinstance(value, str) else base64.b64encode(value).decode()
    return shown | {"stringListValues": [], "binaryListValues": [], "dataType": given.get("DataType")}


def size_of(record: Record) -> int:
    """Bytes of a record as JSON text, with the comma behind it."""
    return len(json.dumps(record)) + 1
