"""The Smithy RPC v2 CBOR protocol, which newer SDKs speak with services such as CloudWatch.

moto does not know it. All services here that have it have the JSON protocol too, so a request is turned into JSON by
botocore's model, and the reply back.

Source: https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html (path, headers, form of errors).
"""

from __future__ import annotations

import functools
import re
from email.message import Message
from typing import Any, Final

from .errors import UNSUPPORTED, Refused
from .messages import Reply, Request

PROTOCOL: Final = "smithy-rpc-v2-cbor"
_PATH: Final = re.compile(r"/service/(?:[\w.]+\.)?(\w+)/operation/(\w+)")
_OLD: Final = "application/x-amz-cbor"
_HEADERS: Final = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}


def speaks_cbor(request: Request) -> bool:
    """Whether this request is one of the protocol. Raises `Refused` for the older form that only Java's SDKs used."""
    if request.headers.get("Content-Type", "").startswith(_OLD):
        text = "CBOR as older SDKs send it is not simulated here. Set CBOR_ENABLED=false (AWS_CBOR_DISABLE=true in v1)."
        raise Refused(UNSUPPORTED, "NotSimulated", text)
    return request.headers.get("smithy-protocol") == "rpc-v2-cbor"


def addressed(request: Request) -> Request:
    """The request with its operation in the header, where the JSON protocol has it. The body is as it was."""
    found = _PATH.fullmatch(request.path)
    if found is None:
        raise Refused(404, "UnknownOperationException", f"{request.path} names no operation.")
    headers = Message()
    for name, value in request.headers.items():
        if name.lower() not in ("content-type", "content-length", "smithy-protocol", "accept"):
            headers[name] = value
    headers["Content-Type"] = "application/x-amz-json-1.0"
    headers["X-Amz-Target"] = f"{found[1]}.{found[2]}"
    return Request("POST", "/", headers, request.body)


def as_json(request: Request, service: str) -> Request:
    """The request with a JSON body. Raises `Refused` for a body that cannot be read."""
    from botocore.parsers import RpcV2CBORParser
    from botocore.serialize import JSONSerializer

    model = _operation(service, request)
    if model is None:
        return Request("POST", "/", request.headers, b"{}")
    reader = RpcV2CBORParser()
    try:
        given = (
            reader.parse_data_item(reader.get_peekable_stream_from_bytes(request.body))
            if request.body
            else {}
        )
        body = JSONSerializer().serialize_to_request(given, model)["body"]
    except Exception:
        raise Refused(400, "SerializationException", "The request body cannot be read as CBOR.") from None
    return Request("POST", "/", request.headers, body if isinstance(body, bytes) else str(body).encode())


def from_json(reply: Reply, request: Request, service: str) -> Reply:
    """The reply of the JSON protocol, as CBOR. Errors are in this form already when they are ours."""
    from botocore.parsers import JSONParser
    from botocore.serialize import RpcV2CBORSerializer

    from .errors import read

    others = {name: value for name, value in reply.headers.items() if name.lower() != "content-type"}
    if reply.status >= 400:
        return Reply(reply.status, {**others, **_HEADERS}, error(*read(reply)))
    model = _operation(service, request)
    if model is None or model.output_shape is None:
        return Reply(reply.status, {**others, "smithy-protocol": "rpc-v2-cbor"})
    given = {"headers": reply.headers, "body": reply.body, "status_code": reply.status}
    parsed = JSONParser().parse(given, model.output_shape)
    parsed.pop("ResponseMetadata", None)
    written = bytearray()
    RpcV2CBORSerializer()._serialize_data_item(written, parsed, model.output_shape)
    return Reply(reply.status, {**others, **_HEADERS}, bytes(written))


def error(code: str, message: str) -> bytes:
    """The body of an error: a map of two texts."""
    return b"\xa2" + b"".join(_text(one) for one in ("__type", code, "message", message))


def _text(text: str) -> bytes:
    data = text.encode()
    if len(data) < 24:
        return bytes([0x60 + len(data)]) + data
    return b"\x7a" + len(data).to_bytes(4, "big") + data


def _operation(service: str, request: Request) -> Any:
    name = (request.headers.get("X-Amz-Target") or "").rpartition(".")[2]
    model = _model(service)
    return model.operation_model(name) if model is not None and name in model.operation_names else None


@functools.cache
def _model(service: str) -> Any:
    """botocore's own model: moto's has additions that its serializers do not expect."""
    import botocore.session
    from botocore.exceptions import UnknownServiceError

    try:
        return botocore.session.Session().get_service_model(service)
    except UnknownServiceError:
        return None
