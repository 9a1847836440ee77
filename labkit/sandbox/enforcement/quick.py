"""Whether a call of an administrator can be refused at all. It is asked for each of them, so it must cost nothing.

An administrator is stopped by a Deny in the policy of the resource, by a resource that belongs to another account,
and by a key whose policy leaves the account out. Everything else is hers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from labkit.sandbox import documents, stores

if TYPE_CHECKING:
    from labkit.sandbox.enforcement import Call


def may_be_refused(call: Call) -> bool:
    """Whether the whole judgement is needed for a call of somebody who may do everything in her account."""
    look = _LOOKS.get(call.service)
    return look is not None and look(call)


def _sqs(call: Call) -> bool:
    url = call.params.get("QueueUrl")
    if not isinstance(url, str):
        return False
    host, _, name = url.rpartition("/")
    account = host[-12:]
    if not account.isdigit():
        account = call.account
    registry = stores.registry_of("sqs")
    regions = dict.get(registry, account) if registry is not None else None
    backend = dict.get(regions, call.region) if regions is not None else None
    queue = backend.queues.get(name) if backend is not None else None
    if queue is None:
        return False  # no such queue: that is what the service says then
    return account != call.account or documents.has_deny(queue._policy_json)


def _arns(*names: str) -> Callable[[Call], bool]:
    """For services whose parameters name ARNs: whether one is foreign, or its policy denies anything."""

    def look(call: Call) -> bool:
        for name in names:
            value = call.params.get(name)
            if isinstance(value, str) and value[:4] == "arn:":
                arn = stores.Arn.of(value)
                if arn is not None and (arn.account not in ("", call.account) or documents.denies(value)):
                    return True
        return False

    return look


def _named(service: str, form: str, *names: str) -> Callable[[Call], bool]:
    """For services whose parameters name resources by name or ARN."""
    by_arn = _arns(*names)

    def look(call: Call) -> bool:
        if by_arn(call):
            return True
        for name in names:
            value = call.params.get(name)
            if isinstance(value, str) and value[:4] != "arn:":
                whole = f"arn:aws:{service}:{call.region}:{call.account}:{form}{value}"
                if documents.denies(whole):
                    return True
        return False

    return look


def _bucket(call: Call) -> bool:
    name = call.params.get("Bucket")
    bucket = stores.bucket(name) if isinstance(name, str) else None
    if bucket is None:
        return False
    return bucket.account_id != call.account or b"Deny" in (getattr(bucket, "policy", None) or b"")


def _buses(call: Call) -> bool:
    entries = call.params.get("Entries")
    blocks = (
        [one for one in entries if isinstance(one, Mapping)] if isinstance(entries, list) else [call.params]
    )
    names = {_bus_in(block) for block in blocks}
    return any(_bus(call, name) for name in names)


def _bus_in(block: Mapping[str, Any]) -> str:
    found = block.get("EventBusName") or block.get("Name")
    return found if isinstance(found, str) else "default"


def _bus(call: Call, name: str) -> bool:
    whole = name if name[:4] == "arn:" else f"arn:aws:events:{call.region}:{call.account}:event-bus/{name}"
    arn = stores.Arn.of(whole)
    return arn is not None and (arn.account != call.account or documents.denies(whole))


def _secret(call: Call) -> bool:
    wanted = call.params.get("SecretId")
    secret = stores.secret(wanted, call.account, call.region) if isinstance(wanted, str) else None
    if secret is None:
        arn = stores.Arn.of(wanted) if isinstance(wanted, str) else None
        return arn is not None and arn.account != call.account
    return secret.account_id != call.account or "Deny" in str(getattr(secret, "policy", None) or "")


def _repository(call: Call) -> bool:
    owner = call.params.get("registryId") or call.account
    name = call.params.get("repositoryName")
    return owner != call.account or documents.denies(f"arn:aws:ecr:{call.region}:{owner}:repository/{name}")


def _always(call: Call) -> bool:
    return bool(call.params)


_LOOKS: Final[dict[str, Callable[[Call], Any]]] = {
    "sqs": _sqs,
    "sns": _arns("TopicArn", "TargetArn", "ResourceArn", "SubscriptionArn"),
    "lambda": _arns("FunctionName", "Resource", "LayerName"),
    "events": _buses,
    "kms": _always,
    "s3": _bucket,
    "sts": lambda call: call.operation == "AssumeRole",
    "secretsmanager": _secret,
    "dynamodb": _named("dynamodb", "table/", "TableName", "ResourceArn"),
    "dynamodbstreams": _arns("StreamArn"),
    "kinesis": _arns("StreamARN", "ResourceARN"),
    "ecr": _repository,
}
