"""Policies and keys that belong to resources, as moto keeps them.

Looking makes nothing: a service nobody used, an account, a Region or a name that does not exist has no policy.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html (each alias and version has
statements of its own), https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
(policies of log groups belong to account and Region), and the API reference of each service for the words of errors.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from labkit.sandbox.authorization import stores
from labkit.sandbox.authorization.policy import InvalidPolicy, Policy
from labkit.sandbox.authorization.stores import Arn
from labkit.sandbox.authorization.validation import ELEMENTS, PolicyKind

Document = str | Mapping[str, Any]


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


def document_of(arn: str) -> Document | None:
    """The same policy as it is stored: JSON text, or what JSON text becomes. Do not change it."""
    parts = Arn.of(arn)
    finder = _POLICIES.get(parts.service) if parts else None
    return finder(parts) if finder and parts else None


def denies(arn: str) -> bool:
    """Whether the policy of a resource has any Deny. Made for every call of an administrator, so it is quick."""
    document = document_of(arn)
    if not document:
        return False
    if isinstance(document, str):
        return '"Deny"' in document
    statements = document.get("Statement")
    several = [statements] if isinstance(statements, Mapping) else statements or ()
    return any(statement.get("Effect") == "Deny" for statement in several)


_NAMES: Final = {
    "sqs": "the queue's policy", "sns": "the topic's policy", "lambda": "the function's policy",
    "events": "the event bus's policy", "kms": "the key's policy", "s3": "the bucket's policy",
    "secretsmanager": "the secret's policy", "ecr": "the repository's policy", "dynamodb": "the table's policy",
    "kinesis": "the stream's policy", "logs": "the log group's resource policy",
    "iam": "the role's trust policy",
}  # fmt: skip


def _queue_policy(arn: Arn) -> Document | None:
    queue = stores.queue(arn)
    kept = vars(queue).get("_policy_json") if queue is not None else None
    return kept if kept and kept.get("Statement") else None


def _topic_policy(arn: Arn) -> Document | None:
    topic = stores.topic(arn)
    kept: Document | None = topic._policy_json if topic is not None else None
    return kept if isinstance(kept, Mapping) and kept.get("Statement") else None


def _function_policy(arn: Arn) -> Document | None:
    """The statements for this very ARN. `$LATEST` is the function itself."""
    function = stores.function(arn)
    if function is None:
        return None
    wanted = arn.whole.removesuffix(":$LATEST")
    bare = function.function_arn.removesuffix(":$LATEST")
    found = [
        _lambda_statement(statement)
        for statement in function.policy.statements
        if str(statement.get("Resource", bare)).removesuffix(":$LATEST") == wanted
    ]
    return {"Version": "2012-10-17", "Id": "default", "Statement": found} if found else None


def _lambda_statement(kept: Mapping[str, Any]) -> dict[str, Any]:
    """A statement as AWS shows it. moto leaves bare principals and what AddPermission alone knows."""
    statement = {name: value for name, value in kept.items() if name in ELEMENTS}
    principal = statement.get("Principal")
    if isinstance(principal, str) and principal != "*":
        is_service = "." in principal and ":" not in principal
        statement["Principal"] = {"Service" if is_service else "AWS": principal}
    if url := kept.get("FunctionUrlAuthType"):
        conditions = {name: dict(block) for name, block in statement.get("Condition", {}).items()}
        conditions.setdefault("StringEquals", {})["lambda:FunctionUrlAuthType"] = url
        statement["Condition"] = conditions
    return statement


def _bus_policy(arn: Arn) -> Document | None:
    bus = stores.bus(arn)
    text = bus.policy if bus is not None else None
    # moto writes the star of PutPermission's Principal into an ARN, too.
    return text.replace('"AWS": "arn:aws:iam::*:root"', '"AWS": "*"') if text else None


def _key_policy(arn: Arn) -> Document | None:
    key = stores.key(arn.whole, "", "")
    return str(key.policy) if key is not None else None


def _bucket_policy(arn: Arn) -> Document | None:
    text = getattr(stores.bucket(arn.name.partition("/")[0]), "policy", None)
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text


def _secret_policy(arn: Arn) -> Document | None:
    return getattr(stores.secret(arn.whole, "", ""), "policy", None)


def _repository_policy(arn: Arn) -> Document | None:
    return getattr(stores.repository(arn), "policy", None)


def _table_policy(arn: Arn) -> Document | None:
    backend = stores.backend_of("dynamodb", arn.account, arn.region)
    if backend is None:
        return None
    table = arn.whole.partition("/index/")[0]  # an index answers to its table's policy
    kept = backend.resource_policies.get(arn.whole) or backend.resource_policies.get(table)
    return str(kept.policy_doc) if kept is not None else None


def _stream_policy(arn: Arn) -> Document | None:
    backend = stores.backend_of("kinesis", arn.account, arn.region)
    return backend.resource_policies.get(arn.whole) if backend is not None else None


def _logs_policy(arn: Arn) -> Document | None:
    """All resource policies of the Region together: each names the log groups it is about."""
    backend = stores.backend_of("logs", arn.account, arn.region)
    statements: list[Any] = []
    for kept in list(backend.resource_policies.values()) if backend is not None else ():
        try:
            found = json.loads(kept.policy_document)["Statement"]
        except (ValueError, TypeError, KeyError):
            continue  # kept by moto as it came; AWS would have refused it
        statements += [found] if isinstance(found, Mapping) else found
    return {"Version": "2012-10-17", "Statement": statements} if statements else None


def _trust_policy(arn: Arn) -> Document | None:
    return getattr(stores.role(arn), "assume_role_policy_document", None)


_POLICIES: Final[dict[str, Callable[[Arn], Document | None]]] = {
    "sqs": _queue_policy, "sns": _topic_policy, "lambda": _function_policy, "events": _bus_policy,
    "kms": _key_policy, "s3": _bucket_policy, "secretsmanager": _secret_policy, "ecr": _repository_policy,
    "dynamodb": _table_policy, "kinesis": _stream_policy, "logs": _logs_policy, "iam": _trust_policy,
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
