"""boto3 clients that call in the name of a role, for what AWS services do on somebody's behalf."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labkit.sandbox.parcels import Refused, Unavailable


def in_role(service: str, region: str, keys: Mapping[str, str]) -> Any:
    """A client of a service that calls with the credentials of a session; see `account.issue_session`.

    Raises botocore's `UnknownServiceError` for a service that does not exist.
    """
    import boto3

    return boto3.client(
        service, region_name=region, aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"], aws_session_token=keys["SessionToken"],
    )  # fmt: skip


def fitted(value: Any, shape: Any) -> Any:
    """Parameters with the names that a model's shape has: `QueueUrl` and `queueUrl` are the same member."""
    kind = getattr(shape, "type_name", "")
    if kind == "structure" and isinstance(value, dict):
        names = {member.lower(): member for member in shape.members}
        renamed = {names.get(key.lower(), key): item for key, item in value.items()}
        return {key: fitted(item, shape.members.get(key)) for key, item in renamed.items()}
    if kind == "list" and isinstance(value, list):
        return [fitted(item, shape.member) for item in value]
    if kind == "map" and isinstance(value, dict):
        return {key: fitted(item, shape.value) for key, item in value.items()}
    return value


def failed(error: Any) -> Refused | Unavailable:
    """What botocore's ClientError means for a delivery: tried again, or final."""
    said = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    code, message = str(said.get("Code", "")), str(said.get("Message", ""))
    later = status >= 500 or status == 429 or "Throttl" in code or "TooManyRequests" in code
    return Unavailable(code, message) if later and code != "NotSimulated" else Refused(code, message)
