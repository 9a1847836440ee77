"""The policies that resources carry, as moto keeps them: texts, or what texts become.

What they mean is the business of `authorization.resources`. This module imports little, because every call asks here
whether the policy of its resource forbids anything.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html (each alias and version has
statements of its own), https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
(policies of log groups belong to account and Region).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from labkit.sandbox import stores
from labkit.sandbox.stores import Arn

Document = str | Mapping[str, Any]
_ELEMENTS: Final = (
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
)  # fmt: skip


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
    return has_deny(document)


def has_deny(document: Mapping[str, Any]) -> bool:
    """Whether a policy denies anything. One statement may stand without a list around it."""
    statements = document.get("Statement")
    several = [statements] if isinstance(statements, Mapping) else statements or ()
    return any(isinstance(one, Mapping) and one.get("Effect") == "Deny" for one in several)


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
    statement = {name: value for name, value in kept.items() if name in _ELEMENTS}
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
