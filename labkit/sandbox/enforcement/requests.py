"""What an HTTP request asks for: service, operation, parameters, and whose key signed it.

The key stands in the Authorization header, or in the query of a presigned URL. How operations are found in requests:
https://smithy.io/2.0/aws/protocols/index.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from labkit.sandbox import identity
from labkit.sandbox.enforcement import Call

_SCOPE = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_OLD = re.compile(r"AWS ([^:\s]+):")
_SERVICES: Final = {
    "states": "stepfunctions", "monitoring": "cloudwatch", "elasticloadbalancing": "elbv2", "tagging":
    "resourcegroupstaggingapi", "email": "ses",
}  # fmt: skip
"""Name in a signature -> botocore's name, where they differ."""


def read(request: Any) -> Call | None:
    """The call a request makes, or None when it carries no signature or means nothing to botocore's model."""
    url = str(request.url)
    query = parse_qs(urlsplit(url).query)
    found = _signature(str(_header(request, "Authorization") or ""), query)
    if found is None:
        return None
    key, region, name = found
    service = _SERVICES.get(name, name)
    target = str(_header(request, "X-Amz-Target") or "")
    if service == "dynamodb" and target.startswith("DynamoDBStreams"):
        service = "dynamodbstreams"
    try:
        operation, params = _operation(request, service, target)
    except Exception:  # whatever moto's router or parser finds wrong, moto itself says better
        return None
    return Call(service, operation, params, key, region, identity.account_of(key))


def _signature(signed: str, query: Mapping[str, list[str]]) -> tuple[str, str, str] | None:
    """Access key, Region and service; signature version 2, which only S3 still knows, says the key alone."""
    if not signed and "X-Amz-Credential" in query:
        signed = f"Credential={query['X-Amz-Credential'][0]}"
    scope = _SCOPE.search(signed)
    if scope is not None:
        key, region, name = scope.groups()
        return key, region, name
    if "AWSAccessKeyId" in query:
        return query["AWSAccessKeyId"][0], identity.REGION, "s3"
    old = _OLD.match(signed)
    return (old[1], identity.REGION, "s3") if old else None


def _header(request: Any, name: str) -> str | None:
    value = request.headers.get(name)
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _operation(request: Any, service: str, target: str) -> tuple[str, dict[str, Any]]:
    from moto.core.request import normalize_request

    if target:
        body = request.body if hasattr(request, "body") else request.get_data()
        return target.rpartition(".")[2], json.loads(body or b"{}")
    normal = normalize_request(request)
    action = normal.values.get("Action")
    if action:
        return str(action), _parsed(normal, service, str(action), {})
    from moto.core.routing import get_service_router

    operation, found = get_service_router(service).match(normal)
    return str(operation.name), _parsed(normal, service, str(operation.name), found)


def _parsed(normal: Any, service: str, operation: str, found: Any) -> dict[str, Any]:
    from moto.core.parse import PROTOCOL_PARSERS
    from moto.core.request import determine_request_protocol
    from moto.core.utils import get_service_model

    model = get_service_model(service)
    protocol = determine_request_protocol(model, normal.content_type)
    raw = {
        "method": normal.method, "values": normal.values, "headers": normal.headers, "body": normal.data,
        "url_path": normal.path, "url_params": found,
    }  # fmt: skip
    return dict(PROTOCOL_PARSERS[protocol](model.operation_model(operation), map_type=dict).parse(raw) or {})
