"""Policies and keys that belong to resources, as moto keeps them.

Looking makes nothing: a service nobody used, an account, a Region or a name that does not exist has no policy.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html (each alias and version has
statements of its own), https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
(policies of log groups belong to account and Region), and the API reference of each service for the words of errors.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from labkit.sandbox import stores
from labkit.sandbox.authorization.policy import InvalidPolicy, Policy
from labkit.sandbox.authorization.validation import PolicyKind
from labkit.sandbox.documents import Document, denies, document_of
from labkit.sandbox.stores import Arn

__all__ = ["PolicyRefused", "check_policy", "denies", "document_of", "key_of", "policy_of"]


# -- policies -------------------------------------------------------------------------------------------


def policy_of(arn: str) -> Policy | None:
    """The resource-based policy of a resource, or None when it has none or is not there.

    A policy that is stored but not well formed comes back with its problem told; it allows nothing.
    """
    document = document_of(arn)
    if not document:
        return None
    service = arn.split(":", 3)[2]
    kind: PolicyKind = "key" if service == "kms" else "trust" if service == "iam" else "resource"
    text = document if isinstance(document, str) else json.dumps(document)
    return Policy.stored(text, kind, _NAMES.get(service, "the resource's policy"))


_NAMES: Final = {
    "sqs": "the queue's policy", "sns": "the topic's policy", "lambda": "the function's policy",
    "events": "the event bus's policy", "kms": "the key's policy", "s3": "the bucket's policy",
    "secretsmanager": "the secret's policy", "ecr": "the repository's policy", "dynamodb": "the table's policy",
    "kinesis": "the stream's policy", "logs": "the log group's resource policy",
    "iam": "the role's trust policy",
}  # fmt: skip


# -- keys -----------------------------------------------------------------------------------------------


def key_of(arn: str) -> str:
    """The KMS key that encrypts a resource, as it is stored: an id, an ARN or an alias.

    Nothing for a resource that is not there, is not encrypted, or is encrypted with a key AWS owns.
    """
    parts = Arn.of(arn)
    finder = _KEYS.get(parts.service) if parts else None
    return str(finder(parts) or "") if finder and parts else ""


def _secret_key(arn: Arn) -> str | None:
    secret = stores.secret(arn.whole, "", "")
    return (getattr(secret, "kms_key_id", None) or "alias/aws/secretsmanager") if secret is not None else None


def _table_key(arn: Arn) -> str | None:
    kept = getattr(stores.table(arn), "sse_specification", None) or {}
    return kept.get("KMSMasterKeyId") if kept.get("Enabled") else None


_KEYS: Final[dict[str, Callable[[Arn], str | None]]] = {
    "sqs": lambda arn: getattr(stores.queue(arn), "kms_master_key_id", None),
    "sns": lambda arn: getattr(stores.topic(arn), "kms_master_key_id", None),
    "lambda": lambda arn: getattr(stores.function(arn), "kms_key_arn", None),
    "events": lambda arn: getattr(stores.bus(arn), "kms_key_identifier", None),
    "logs": lambda arn: getattr(stores.log_group(arn), "kms_key_id", None),
    "ssm": lambda arn: getattr(stores.parameter(arn), "keyid", None),
    "secretsmanager": _secret_key,
    "dynamodb": _table_key,
}


# -- policies before they are stored ----------------------------------------------------------------------


class PolicyRefused(Exception):
    """A policy that AWS does not store. `code` is the service's error code; the text is its message."""

    def __init__(self, code: str, message: str, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(message)


_REFUSALS: Final[dict[str, tuple[str, str]]] = {
    "sqs": ("InvalidAttributeValue", "Invalid value for the parameter Policy."),
    "sns": ("InvalidParameter", "Invalid parameter: Policy Error: null"),
    "kms": ("MalformedPolicyDocumentException", ""),
    "secretsmanager": ("MalformedPolicyDocumentException", "This resource policy contains an error."),
    "s3": ("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'"),
    "ecr": ("InvalidParameterException", "Invalid parameter at 'PolicyText' failed to satisfy constraint"),
    "events": ("ValidationException", ""),
    "logs": ("InvalidParameterException", ""),
    "iam": ("MalformedPolicyDocument", ""),
}


def check_policy(kind: str, text: Document) -> Policy:
    """The policy for a resource of a service (`sqs`, `sns`, `kms`...), when AWS would store it.

    Raises `PolicyRefused` with that service's error code. What the grammar allows stands in `validation`.
    """
    code, message = _REFUSALS.get(kind, ("MalformedPolicyDocument", ""))
    parsed_as: PolicyKind = "key" if kind == "kms" else "trust" if kind == "iam" else "resource"
    try:
        return Policy.parse(text, parsed_as, _NAMES.get(kind, "the resource's policy"))
    except InvalidPolicy as error:
        raise PolicyRefused(code, message or error.reason, error.detail) from None
