"""The policies AWS manages, from moto's copy of them, read when first asked for.

moto keeps 1,582 of them in one text of 4.7 MB (`moto/iam/aws_managed_policies.py`); its own switch puts them all into
every account. Here they stand once, outside the account, so that copies of the account stay small.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

PREFIX = "arn:aws:iam::aws:policy/"
"""How the ARN of a policy managed by AWS begins."""


@functools.cache
def catalogue() -> Mapping[str, Mapping[str, Any]]:
    """ARN of each AWS managed policy -> its name, path, document, version and dates, as moto has them."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    every = json.loads(aws_managed_policies_data)
    return {
        f"arn:aws:iam::aws:policy{one['Path']}{name}": {"Name": name, **one} for name, one in every.items()
    }


@functools.lru_cache(maxsize=256)
def document(arn: str) -> str | None:
    """The JSON text of an AWS managed policy, or None when AWS has none of that ARN."""
    found = catalogue().get(arn) if arn.startswith(PREFIX) else None
    return None if found is None else json.dumps(found["Document"])
