"""Whether somebody may use the KMS key that encrypts a resource: its state, its policy, its grants.

An AWS managed key (`alias/aws/sqs`) has a policy that nobody can change: everybody in the account may use it through
its service, and no service may. That is why Amazon SNS cannot deliver to a queue that is encrypted with it.

Sources: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html,
https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-viewing.html (the policy of a managed key),
https://docs.aws.amazon.com/kms/latest/developerguide/grants.html, the errors of SendMessage in botocore's model.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from labkit.sandbox import identity, stores
from labkit.sandbox.authorization.account import Caller, administrator, caller_named
from labkit.sandbox.authorization.decision import Decision
from labkit.sandbox.authorization.patterns import arn_parts
from labkit.sandbox.authorization.policy import Policy

Code = Literal["KmsNotFound", "KmsDisabled", "KmsInvalidState", "KmsAccessDenied"]
_MANAGED: Final = "alias/aws/"
_CONTEXT: Final = "kms:EncryptionContext:"


@dataclass(frozen=True, slots=True)
class KeyRefusal:
    """Why a key cannot be used. `message` is in AWS's words; `decision` is there when permission was asked."""

    code: Code
    message: str
    decision: Decision | None = None

    @property
    def note(self) -> str:
        """Which statement decided, for the trace."""
        return self.decision.sentence if self.decision is not None else ""


def key_refusal(
    caller: Caller,
    key: str,
    account: str,
    region: str,
    actions: Sequence[str],
    context: Mapping[str, Any] | None = None,
    *,
    via: str = "",
) -> KeyRefusal | None:
    """Why a caller cannot do `actions` (such as `kms:Decrypt`) with a key, or None when she can.

    `key` is an id, ARN or alias as a resource of this account and Region names it; nothing means no key of the
    customer. `via` is the service in between, such as `sqs`, for kms:ViaService; `context` adds condition keys.
    """
    if not key:
        return None
    service = managed_service(key)
    if service:
        return _with_managed(caller, key, account, region, actions, context, service)
    found = stores.key(key, account, region)
    if found is None:
        kind = "Alias" if "alias/" in key else "Key"
        return KeyRefusal("KmsNotFound", f"{kind} '{_whole(key, account, region)}' does not exist")
    own = managed_service(managed_alias(found))
    if own:
        return _with_managed(caller, found.arn, account, region, actions, context, own)
    return _by_state(found) or _by_policy(caller, found, actions, _about(caller, region, context, via))


def managed_service(key: str) -> str:
    """The service of an AWS managed key, from its alias or the alias's ARN; nothing for other keys."""
    name = (arn_parts(key) or ("",) * 5 + (key,))[5]
    return name.removeprefix(_MANAGED) if name.startswith(_MANAGED) else ""


def managed_alias(key: Any) -> str:
    """The alias of AWS on moto's key, such as `alias/aws/sqs`, or nothing for a key of the customer."""
    return next((name for name in key.aliases if name.startswith(_MANAGED)), "")


def is_managed(key: Any) -> bool:
    """Whether moto's key stands for an AWS managed key."""
    return bool(managed_alias(key))


def state_problem(key: Any) -> KeyRefusal | None:
    """Why moto's key cannot do any work now, whoever asks; None when it can."""
    return _by_state(key)


def _by_state(key: Any) -> KeyRefusal | None:
    if key.key_state in ("PendingDeletion", "PendingReplicaDeletion", "PendingImport", "Unavailable"):
        word = "pending import" if key.key_state == "PendingImport" else "pending deletion"
        return KeyRefusal("KmsInvalidState", f"{key.arn} is {word}.")
    if not key.enabled:
        return KeyRefusal("KmsDisabled", f"{key.arn} is disabled.")
    return None


def _by_policy(
    caller: Caller, key: Any, actions: Sequence[str], context: Mapping[str, Any]
) -> KeyRefusal | None:
    for action in actions:
        decision = may_use(caller, key, action, context)
        if not decision.allowed and not granted(caller, key, action, context, decision):
            return KeyRefusal("KmsAccessDenied", decision.aws_message, decision)
    return None


def may_use(caller: Caller, key: Any, action: str, context: Mapping[str, Any] | None = None) -> Decision:
    """What the policy of moto's key and the caller's own policies say about one action. Grants stay out."""
    policy = Policy.stored(str(key.policy), "key", "the key's policy")
    return caller.may(action, key.arn, account=key.account_id, policies=[policy], context=context)


def granted(
    caller: Caller, key: Any, action: str, context: Mapping[str, Any] | None, decision: Decision
) -> bool:
    """Whether a grant allows what no policy allowed. A Deny wins over every grant."""
    if decision.reason == "explicit deny":
        return False
    operation = action.partition(":")[2].casefold()
    names = {caller.principal.arn, caller.principal.role_arn} - {""}
    return any(
        grant.grantee_principal in names
        and any(operation == one.casefold() for one in grant.operations or ())
        and _fits(grant.constraints or {}, context or {})
        for grant in list(key.grants.values())
    )


def _fits(constraints: Mapping[str, Any], context: Mapping[str, Any]) -> bool:
    given = {name[len(_CONTEXT) :]: value for name, value in context.items() if name.startswith(_CONTEXT)}
    exact = constraints.get("EncryptionContextEquals")
    some = constraints.get("EncryptionContextSubset")
    if exact and exact != given:
        return False
    return not some or all(given.get(name) == value for name, value in some.items())


# -- principals ---------------------------------------------------------------------------------------


def principals_in(policy: Policy) -> Iterator[str]:
    """The ARNs of users and roles that a policy names."""
    for statement in policy.statements:
        for sort, value in statement.principals.entries if statement.principals else ():
            if sort == "AWS" and value.startswith("arn:"):
                yield value


def is_missing(arn: str) -> bool:
    """Whether this is a user or role that IAM here does not have. The lab's own users are there without IAM."""
    parts = arn_parts(arn)
    if parts is None or parts[2] != "iam" or not parts[5].startswith(("user/", "role/")):
        return False
    if arn in (administrator(name).principal.arn for name in (identity.LEARNER, identity.CHECKER)):
        return False
    return caller_named(arn) is None


# -- AWS managed keys -----------------------------------------------------------------------------------


def _with_managed(
    caller: Caller,
    key: str,
    account: str,
    region: str,
    actions: Sequence[str],
    context: Mapping[str, Any] | None,
    service: str,
) -> KeyRefusal | None:
    whole = _whole(key, account, region)
    owner = whole.split(":")[4]
    policy = managed_policy(service, owner, region)
    about = _about(caller, region, context, service)
    for action in actions:
        decision = caller.may(action, whole, account=owner, policies=[policy], context=about)
        if not decision.allowed:
            return KeyRefusal("KmsAccessDenied", decision.aws_message, decision)
    return None


@functools.lru_cache(maxsize=64)
def managed_policy(service: str, account: str, region: str) -> Policy:
    """The policy of the AWS managed key of a service in an account and Region."""
    return Policy.parse(
        managed_document(service, account, region), "key", f"the policy of {_MANAGED}{service}"
    )


def managed_document(service: str, account: str, region: str) -> dict[str, Any]:
    """The same policy as GetKeyPolicy shows it."""
    use = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant"]
    look = ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"]
    through = {"kms:CallerAccount": account, "kms:ViaService": f"{service}.{region}.amazonaws.com"}
    return {
        "Version": "2012-10-17",
        "Id": f"auto-{service}-1",
        "Statement": [
            {
                "Sid": f"Allow access through {service} for all principals in the account",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": [*use, "kms:DescribeKey"],
                "Resource": "*",
                "Condition": {"StringEquals": through},
            },
            {
                "Sid": "Allow direct access to key metadata to the account",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
                "Action": look,
                "Resource": "*",
            },
        ],
    }


def _about(caller: Caller, region: str, context: Mapping[str, Any] | None, via: str) -> dict[str, Any]:
    mine = caller.principal.account if caller.principal.is_iam else None
    return {
        "kms:CallerAccount": mine or None,
        "kms:ViaService": f"{via}.{region}.amazonaws.com" if via else None,
        **(context or {}),
    }


def _whole(key: str, account: str, region: str) -> str:
    if key.startswith("arn:"):
        return key
    name = key if key.startswith(("alias/", "key/")) else f"key/{key}"
    return f"arn:aws:kms:{region}:{account}:{name}"
