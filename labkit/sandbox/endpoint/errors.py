"""Errors in the form each protocol gives them, and reading the code out of an error moto wrote.

Sources: https://smithy.io/2.0/aws/protocols/index.html (where each protocol puts code and message),
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html (codes all services share),
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (codes and form of Amazon S3).
"""

from __future__ import annotations

import json
import re
import uuid
from typing import Final
from xml.sax.saxutils import escape

from .messages import Reply

UNSUPPORTED: Final = 501
"""For what this account cannot do. SDKs try again after 500, 502, 503 and 504; they do not after 501."""


class Refused(Exception):
    """A request that is answered with an error before the service sees it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def reply(status: int, code: str, message: str, protocol: str = "rest-xml") -> Reply:
    """An error as a service of this protocol writes it. `protocol` is botocore's name, or "s3"."""
    number = str(uuid.uuid4())
    made = _WRITERS.get(protocol, _rest_xml)(code, message, number, "Sender" if status < 500 else "Receiver")
    return Reply(status, {"x-amzn-RequestId": number, **made[0]}, made[1])


def _json(code: str, message: str, _number: str, fault: str) -> tuple[dict[str, str], bytes]:
    body = json.dumps({"__type": code, "message": message}).encode()
    headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-ErrorType": code}
    return {**headers, "x-amzn-query-error": f"{code};{fault}"}, body


def _rest_json(code: str, message: str, _number: str, _fault: str) -> tuple[dict[str, str], bytes]:
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
    return headers, json.dumps({"message": message, "code": code}).encode()


def _query(code: str, message: str, number: str, fault: str) -> tuple[dict[str, str], bytes]:
    text = (
        f"<Error><Type>{fault}</Type><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
    )
    return _xml(f"<ErrorResponse>{text}<RequestId>{number}</RequestId></ErrorResponse>")


def _ec2(code: str, message: str, number: str, _fault: str) -> tuple[dict[str, str], bytes]:
    text = f"<Errors><Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error></Errors>"
    return _xml(f"<Response>{text}<RequestID>{number}</RequestID></Response>")


def _rest_xml(code: str, message: str, number: str, fault: str) -> tuple[dict[str, str], bytes]:
    return _query(code, message, number, fault)


def _s3(code: str, message: str, number: str, _fault: str) -> tuple[dict[str, str], bytes]:
    text = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message><RequestId>{number}</RequestId>"
    return _xml(f"<Error>{text}</Error>")


def _xml(text: str) -> tuple[dict[str, str], bytes]:
    return {"Content-Type": "text/xml"}, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()


def _cbor(code: str, message: str, _number: str, _fault: str) -> tuple[dict[str, str], bytes]:
    from .cbor import error

    return {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}, error(code, message)


_WRITERS: Final = {
    "json": _json, "rest-json": _rest_json, "query": _query, "ec2": _ec2, "rest-xml": _rest_xml, "s3": _s3,
    "smithy-rpc-v2-cbor": _cbor,
}  # fmt: skip


def read(answer: Reply) -> tuple[str, str]:
    """AWS's error code and message in a reply of moto's, as far as it says."""
    text = answer.body.decode("utf-8", "replace")
    lower = {name.lower(): value for name, value in answer.headers.items()}
    code = lower.get("x-amzn-query-error") or lower.get("x-amzn-errortype") or ""
    message = ""
    if text.lstrip().startswith("{"):
        try:
            found = json.loads(text)
        except ValueError:
            found = {}
        code = code or str(found.get("__type") or found.get("code") or found.get("Code") or "")
        message = str(found.get("message") or found.get("Message") or "")
    elif "<" in text:
        code = code or _element(text, "Code")
        message = _element(text, "Message")
    return re.split(r"[:;]", code.rpartition("#")[2])[0] or str(answer.status), message


def _element(text: str, tag: str) -> str:
    found = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    return found[1] if found else ""
