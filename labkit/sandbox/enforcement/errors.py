"""AWS's refusals, in the protocol of the request.

The codes: "AccessDeniedException" is what JSON services say, "AccessDenied" the XML ones
(https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html); `AuthorizationError` is in
botocore's model of Amazon SNS. Amazon SQS keeps the codes of its old protocol for boto3 and writes actions in small
letters, Amazon SNS with `SNS:` (answers quoted in github.com/aws/serverless-application-model/issues/3633 and
github.com/aws-ia/terraform-aws-control_tower_account_factory/issues/151). Expired and unknown tokens: the common errors
of the API references.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final, Literal
from xml.sax.saxutils import escape

Protocol = Literal["json", "rest-json", "query", "ec2", "rest-xml"]
Problem = Literal["denied", "expired", "unknown"]
Response = tuple[int, dict[str, str], str]

_REQUEST_ID: Final = "00000000-0000-4000-8000-000000000000"
_DENIED: Final = {"sns": "AuthorizationError", "ec2": "UnauthorizedOperation"}
_OLD_CODES: Final = ("sqs", "cloudwatch")
"""Services with a JSON protocol whose errors still carry the codes of the query protocol."""
_SAID: Final = {
    "expired": "The security token included in the request is expired",
    "unknown": "The security token included in the request is invalid.",
}
_XML_CODES: Final = {"denied": "AccessDenied", "expired": "ExpiredToken", "unknown": "InvalidClientTokenId"}
_JSON_CODES: Final = {
    "denied": "AccessDeniedException",
    "expired": "ExpiredTokenException",
    "unknown": "UnrecognizedClientException",
}
_S3_CODES: Final = {"denied": "AccessDenied", "expired": "ExpiredToken", "unknown": "InvalidAccessKeyId"}
_S3_SAID: Final = {
    "expired": "The provided token has expired.",
    "unknown": "The AWS Access Key Id you provided does not exist in our records.",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call is refused. `message` is AWS's; nothing for tokens, whose words the service knows."""

    problem: Problem
    message: str = ""
    note: str = ""


def protocol_of(service: str, request: Any) -> Protocol:
    """The protocol in which a request was made."""
    headers = request.headers
    if headers.get("X-Amz-Target"):
        return "json"
    kind = headers.get("Content-Type") or ""
    kind = kind.decode("latin-1") if isinstance(kind, bytes) else str(kind)
    if service == "ec2":
        return "ec2"
    if kind.startswith("application/x-www-form-urlencoded") or "Action=" in str(request.url):
        return "query"
    return "rest-xml" if service in ("s3", "s3control", "route53", "cloudfront") else "rest-json"


def response(service: str, refusal: Refusal, request: Any) -> Response:
    """The HTTP response that a client of the service reads as this refusal."""
    protocol = protocol_of(service, request)
    code, message = _words(service, refusal, protocol)
    if protocol == "rest-xml":
        return _s3(refusal, code, message, str(request.method))
    if protocol in ("query", "ec2"):
        return 403, {"Content-Type": "text/xml"}, _xml(protocol, code, message)
    old = service in _OLD_CODES
    headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": _REQUEST_ID}
    if old:
        headers["x-amzn-query-error"] = f"{code};Sender"
        code = f"com.amazon.coral.service#{_JSON_CODES[refusal.problem]}"
    else:
        headers["x-amzn-ErrorType"] = code
    body = json.dumps({"__type": code, "message": message, "Message": message})
    return (403 if protocol == "rest-json" or old else 400), headers, body


def failure(service: str, request: Any, status: int, code: str, message: str) -> Response:
    """The HTTP response that a client of the service reads as any other error of AWS's."""
    protocol = protocol_of(service, request)
    if protocol == "rest-xml":
        return status, {"Content-Type": "application/xml"}, _s3_body(code, message)
    if protocol in ("query", "ec2"):
        return status, {"Content-Type": "text/xml"}, _xml(protocol, code, message)
    headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": _REQUEST_ID}
    headers["x-amzn-ErrorType"] = code
    return status, headers, json.dumps({"__type": code, "message": message, "Message": message})


def _words(service: str, refusal: Refusal, protocol: Protocol) -> tuple[str, str]:
    if service == "s3":
        return _S3_CODES[refusal.problem], refusal.message or _S3_SAID.get(refusal.problem, "Access Denied")
    xml = protocol in ("query", "ec2", "rest-xml") or service in _OLD_CODES
    code = (_XML_CODES if xml else _JSON_CODES)[refusal.problem]
    if refusal.problem == "denied":
        code = _DENIED.get(service, code)
    return code, refusal.message or _SAID.get(refusal.problem, "")


def _s3(refusal: Refusal, code: str, message: str, method: str) -> Response:
    status = 400 if refusal.problem == "expired" else 403
    if method == "HEAD":
        return status, {"Content-Type": "application/xml"}, ""
    return status, {"Content-Type": "application/xml"}, _s3_body(code, message)


def _s3_body(code: str, message: str) -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{escape(message)}</Message>'
        f"<RequestId>{_REQUEST_ID}</RequestId></Error>"
    )


def _xml(protocol: str, code: str, message: str) -> str:
    inner = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    if protocol == "ec2":
        return f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>{_REQUEST_ID}</RequestID></Response>"
    return (
        f"<ErrorResponse><Error><Type>Sender</Type>{inner}</Error>"
        f"<RequestId>{_REQUEST_ID}</RequestId></ErrorResponse>"
    )


def worded(service: str, message: str) -> str:
    """AWS's message with the service's own spelling of actions and resources."""
    if service == "sqs":
        return _respelled(message, "sqs:", str.lower)
    if service == "sns":
        return message.replace("sns:", "SNS:").replace(":aws:SNS:", ":aws:sns:")
    if service == "ecr" and " on resource: " not in message:
        return re.sub(r"(to perform: ecr:\w+)", r"\1 on resource: *", message)
    if service == "ec2":
        return f"You are not authorized to perform this operation. {message}"
    if service == "s3" and " on resource: " in message:
        start, _, rest = message.partition(" on resource: ")
        arn, space, end = rest.partition(" ")
        return f'{start} on resource: "{arn}"{space}{end}'
    return message


def _respelled(message: str, prefix: str, spelling: Any) -> str:
    words = [spelling(word) if word.startswith(prefix) else word for word in message.split(" ")]
    return " ".join(words)
