"""The tags of resources, for a bill by tag, as moto's stores know them. Looking makes nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from labkit.cost.usage import last_part

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

_STORES: Final = {
    "sqs": "sqs", "sns": "sns", "awslambda": "lambda", "events": "events", "scheduler": "scheduler", "pipes": "pipes",
    "stepfunctions": "stepfunctions", "dynamodb": "dynamodb", "kms": "kms", "s3": "s3", "logs": "logs",
    "secretsmanager": "secretsmanager", "ecs": "ecs", "ec2": "ec2", "ecr": "ecr", "elbv2": "elbv2",
}  # fmt: skip
"""Module of moto -> how its registry of stores begins."""


def named_by(sandbox: Sandbox, resources: Iterable[str], key: str) -> dict[str, str]:
    """Each resource that carries the tag `key`, with the tag's value. Resources are ARNs, or bare names."""
    values = {
        str(found.arn): str(found.tags[key])
        for store in _stores(sandbox)
        for found in store.iter_tagged_resources()
        if key in found.tags
    }
    short = {last_part(arn): value for arn, value in values.items()}
    wanted = set(resources)
    found = {one: values.get(one) or (short.get(one) if ":" not in one else None) for one in wanted}
    return {one: value for one, value in found.items() if value is not None}


def _stores(sandbox: Sandbox) -> Iterator[Any]:
    for module, name in _STORES.items():
        registry = getattr(sys.modules.get(f"moto.{module}.models"), f"{name}_backends", None)
        held = dict.get(registry, sandbox.account) if registry is not None else None
        for store in dict.values(held or {}):
            if hasattr(store, "iter_tagged_resources"):
                yield store
