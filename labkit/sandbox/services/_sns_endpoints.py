"""Protocols, and the form their endpoints have.

Sources: the members Protocol and Endpoint of SubscribeInput in botocore's service model, and
https://docs.aws.amazon.com/sns/latest/dg/fifo-topic-message-ordering.html (FIFO topics deliver to queues only).
"""

from __future__ import annotations

import re
from typing import Any, Final

from labkit.sandbox.services._sns_errors import invalid, refusal

PROTOCOLS: Final = (
    "http", "https", "email", "email-json", "sms", "sqs", "application", "lambda", "firehose",
)  # fmt: skip
BY_OWNER: Final = ("http", "https", "email", "email-json")
"""Somebody must say yes at the endpoint itself."""
_MAIL: Final = re.compile(r"[^@\s<>]+@[^@\s<>]+")
_NUMBER: Final = re.compile(r"\+?[1-9]\d{1,14}")
_ARNS: Final = {
    "sqs": (re.compile(r"arn:[\w-]+:sqs:[\w-]+:\d{12}:[\w.-]+"), "SQS endpoint ARN"),
    "lambda": (re.compile(r"arn:[\w-]+:lambda:[\w-]+:\d{12}:function:[\w:$-]+"), "Lambda endpoint ARN"),
    "firehose": (
        re.compile(r"arn:[\w-]+:firehose:[\w-]+:\d{12}:deliverystream/[\w.-]+"),
        "Firehose endpoint ARN",
    ),
}


def check_protocol(protocol: str | None) -> str:
    """One of the protocols of SNS."""
    if protocol not in PROTOCOLS:
        raise refusal(
            "InvalidParameter",
            f"Invalid parameter: Amazon SNS does not support this protocol string: {protocol or ''}",
        )
    return str(protocol)


def check(topic: Any, protocol: str, endpoint: str | None) -> str:
    """The endpoint as it is kept. Raises `InvalidParameter` when it has not the form of its protocol."""
    text = endpoint or ""
    if not text:
        raise invalid("Endpoint")
    if topic.fifo_topic and protocol != "sqs":
        raise invalid("Invalid parameter: Endpoint", "Please use FIFO SQS queue")
    if protocol in ("http", "https"):
        if not text.startswith(f"{protocol}://") or len(text) <= len(protocol) + 3:
            raise invalid("Endpoint must match the specified protocol")
    elif protocol in ("email", "email-json"):
        if not _MAIL.fullmatch(text):
            raise invalid("Email address")
    elif protocol == "sms":
        check_number(text)
    elif protocol == "application":
        if text not in topic.sns_backend.platform_endpoints:
            # AWS leaves the space out here, too.
            raise invalid("Endpoint", f"Endpoint does not exist for endpoint arn{text}")
    else:
        form, name = _ARNS[protocol]
        if not form.fullmatch(text):
            raise invalid(name)
        if protocol == "sqs" and text.endswith(".fifo") and not topic.fifo_topic:
            raise invalid(
                "Invalid parameter: Endpoint", "FIFO SQS Queues can not be subscribed to standard SNS topics"
            )
    return text


def check_number(text: str) -> None:
    """A phone number in the form E.164, perhaps with dots, dashes and slashes between its digits."""
    if re.search(r"[./-]{2,}|^[./-]|[./-]$", text) or not _NUMBER.fullmatch(re.sub(r"[./-]", "", text)):
        raise refusal("InvalidParameter", f"Invalid SMS endpoint: {text}")


def is_number(text: str) -> bool:
    """Whether something can be published to it as to a phone number."""
    return _NUMBER.fullmatch(text) is not None


def target_of(protocol: str, endpoint: str) -> str:
    """The endpoint as the target of a parcel."""
    if protocol in ("email", "email-json"):
        return f"mailto:{endpoint}"
    return f"tel:{re.sub(r'[./-]', '', endpoint)}" if protocol == "sms" else endpoint
