"""The errors of Amazon SQS: its codes and its words.

The codes are those of the service model in botocore (`sqs/2012-11-05/service-2.json`); boto3 shows the
older names of the query protocol, such as `AWS.SimpleQueueService.NonExistentQueue`, and moto
translates. The words are the ones the service answers with.
"""

from __future__ import annotations

from typing import Any

from moto.sqs.exceptions import SQSException

_QUERY_CODES = {
    "KmsAccessDenied": "KMS.AccessDeniedException",
    "KmsDisabled": "KMS.DisabledException",
    "KmsInvalidState": "KMS.InvalidStateException",
    "KmsNotFound": "KMS.NotFoundException",
}
"""Codes that moto does not translate: name in the model -> what boto3 shows on AWS."""


def refusal(code: str, message: str) -> SQSException:
    """An error with one of the codes of the service model."""
    return SQSException(code, message)


def invalid(message: str) -> SQSException:
    """`InvalidParameterValue`."""
    return refusal("InvalidParameterValue", message)


def invalid_value(value: object, parameter: str, reason: str) -> SQSException:
    """`InvalidParameterValue`, in the form that names value, parameter and reason."""
    return invalid(f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")


def wrong_queue_type(value: object, parameter: str) -> SQSException:
    """A parameter that only the other kind of queue knows."""
    return invalid_value(
        value, parameter, "The request include parameter that is not valid for this queue type."
    )


def missing(parameter: str) -> SQSException:
    """`MissingParameter`."""
    return refusal("MissingParameter", f"The request must contain the parameter {parameter}.")


def unknown_attribute(name: str) -> SQSException:
    """A queue attribute that does not exist, or not here."""
    return refusal("InvalidAttributeName", f"Unknown Attribute {name}.")


def attribute_value(name: str, reason: str = "") -> SQSException:
    """A queue attribute with a value it cannot have."""
    because = f" Reason: {reason}" if reason else ""
    return refusal("InvalidAttributeValue", f"Invalid value for the parameter {name}.{because}")


def no_such_handle(handle: str) -> SQSException:
    """A receipt handle that this queue never gave out."""
    return refusal(
        "ReceiptHandleIsInvalid", f'The input receipt handle "{handle}" is not a valid receipt handle.'
    )


def handle_expired(handle: str) -> SQSException:
    """A FIFO queue's receipt handle after the visibility timeout."""
    return invalid_value(handle, "ReceiptHandle", "The receipt handle has expired.")


def not_in_flight(handle: str) -> SQSException:
    """A change of visibility for a message that is no longer there."""
    return invalid_value(
        handle, "ReceiptHandle", "Message does not exist or is not available for visibility timeout change."
    )


def shown_code(code: str) -> str:
    """The code as boto3 shows it, in entries of a batch too."""
    return _QUERY_CODES.get(code, code)


def with_query_code(response: tuple[int, dict[str, Any], Any]) -> tuple[int, dict[str, Any], Any]:
    """A serialized answer whose error carries the code that boto3 shows on AWS."""
    status, headers, body = response
    code, _, fault = str(headers.get("x-amzn-query-error", "")).partition(";")
    if code in _QUERY_CODES:
        headers["x-amzn-query-error"] = f"{shown_code(code)};{fault}"
    return status, headers, body
