"""PolicyExclusionList of SimulatePrincipalPolicy: policies to leave out, as if they were not attached.

Source: botocore's model (`iam/2010-05-08/service-2.json`), PolicyIdentifier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labkit.sandbox.authorization.account import Attached
from labkit.sandbox.authorization.patterns import matches, pattern

Identifiers = Sequence[Mapping[str, Any]] | None


def excluded(one: Attached, identifiers: Identifiers) -> bool:
    """Whether any of the identifiers means this policy."""
    return any(_means(identifier, one) for identifier in identifiers or ())


def boundary_excluded(identifiers: Identifiers) -> bool:
    """Whether the permissions boundary is to be left out."""
    return any(identifier.get("PolicyType") == "permission-boundary" for identifier in identifiers or ())


def _means(identifier: Mapping[str, Any], one: Attached) -> bool:
    if identifier.get("PolicyType"):
        return str(identifier["PolicyType"]) == one.source
    if identifier.get("PolicyArn"):
        return one.policy.arn != "" and matches(pattern(str(identifier["PolicyArn"])), one.policy.arn)
    inline = identifier.get("InlinePolicyIdentifier") or {}
    return bool(
        one.source == "inline"
        and inline.get("PolicyName") == one.policy_name
        and inline.get("AttachmentType") == one.holder
        and matches(pattern(str(inline.get("AttachmentName", ""))), one.holder_name)
    )
