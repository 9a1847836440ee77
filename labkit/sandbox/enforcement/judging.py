"""The judgement of one call: who calls, what the call needs, what the policies say."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from labkit.sandbox import identity, stores
from labkit.sandbox.authorization import Policy, keys, resources
from labkit.sandbox.authorization.account import Caller, caller_named, caller_of, key_is_off, may_assume
from labkit.sandbox.enforcement import errors, facts
from labkit.sandbox.enforcement.errors import Refusal, Response
from labkit.sandbox.enforcement.needs import Asked, Need, needs_of

if TYPE_CHECKING:
    from labkit.sandbox.authorization import Decision
    from labkit.sandbox.enforcement import Call

_FREE = frozenset({("sts", "GetCallerIdentity"), ("sts", "GetSessionToken"), ("sts", "GetAccessKeyInfo")})
"""Operations that need no permission, by the STS API reference. Who may assume a role says `services.sts`."""


def refusal(call: Call, request: Any) -> Response | None:
    """The answer that refuses a call, or None when it may go on. Leaves the reason in `call.note`."""
    found = _judge(call)
    if found is None:
        return None
    call.note = found.note
    return errors.response(call.service, found, request)


def _judge(call: Call) -> Refusal | None:
    caller = caller_of(call.access_key)
    if caller is None:
        if not key_is_off(call.access_key):
            return None  # not a key of this lab: the call counts as the learner's, as in the trace
        return Refusal("unknown", note="The access key was switched off or deleted.")
    if caller.expires is not None and caller.expires <= time.time():
        return Refusal("expired", note=f"The session of {caller.principal.spoken} is over.")
    if (call.service, call.operation) in _FREE:
        return None
    if (call.service, call.operation) == ("sts", "AssumeRole"):
        return _assuming(call, caller)
    asked = Asked(
        call.service, call.operation, call.params, call.region, caller.principal.account or call.account
    )
    needed = needs_of(asked)
    for need in needed:
        decision = _decide(call, caller, need)
        if decision is not None:
            return _denied(call, decision)
    return None


def _assuming(call: Call, caller: Caller) -> Refusal | None:
    """AssumeRole: the role's trust policy and the caller's own are both asked."""
    given, role = call.params, str(call.params.get("RoleArn", ""))
    keys_given = given.get("TransitiveTagKeys")
    decision = may_assume(
        caller, role, session_name=str(given.get("RoleSessionName") or ""), external_id=given.get("ExternalId"),
        source_identity=given.get("SourceIdentity"), tags=facts.requested_tags(given),
        transitive_tag_keys=[str(key) for key in keys_given] if isinstance(keys_given, (list, tuple)) else [],
    )  # fmt: skip
    if decision.allowed:
        return None
    if caller_named(role) is None:
        start = (
            f"User: {caller.principal.arn} is not authorized to perform: sts:AssumeRole on resource: {role}"
        )
        return Refusal("denied", start, f"There is no role {role}.")
    return _denied(call, decision)


def _denied(call: Call, decision: Decision) -> Refusal:
    message = errors.worded(call.service, decision.aws_message)
    return Refusal("denied", message, decision.sentence)


def _decide(call: Call, caller: Caller, need: Need) -> Decision | None:
    """The decision that refuses, or None."""
    arn = stores.Arn.of(need.resource)
    policy = _policy(need)
    context = facts.context_of(call, caller, need, policy)
    if arn is not None and arn.service == "kms" and need.action.startswith("kms:"):
        return _decide_key(caller, need, context)
    owner = _owner(arn) or caller.principal.account
    if _is_administrator(caller) and owner == caller.principal.account and policy is None:
        return None
    decision = caller.may(
        need.action, need.resource, account=owner, policies=[policy] if policy else [], context=context
    )
    return None if decision.allowed else decision


def _decide_key(caller: Caller, need: Need, context: Mapping[str, Any]) -> Decision | None:
    key = stores.key(need.resource, "", "")
    if key is None:
        decision = caller.may(need.action, need.resource, context=context)
    elif keys.is_managed(key):
        arn = stores.Arn.of(need.resource)
        assert arn is not None
        fixed = keys.managed_policy(keys.managed_service(keys.managed_alias(key)), key.account_id, key.region)
        decision = caller.may(need.action, key.arn, account=arn.account, policies=[fixed], context=context)
    else:
        decision = keys.may_use(caller, key, need.action, context)
        if not decision.allowed and keys.granted(caller, key, need.action, context, decision):
            return None
    return None if decision.allowed else decision


def _policy(need: Need) -> Policy | None:
    if need.action.startswith("iam:"):
        return None  # a role's trust policy says who may assume it, not who may change or pass it
    return resources.policy_of(need.resource)


def _owner(arn: stores.Arn | None) -> str:
    if arn is None:
        return ""
    if arn.service == "s3":
        bucket = stores.bucket(arn.name.partition("/")[0])
        return getattr(bucket, "account_id", "")
    return "" if arn.account == "aws" else arn.account  # AWS managed policies belong to everybody


def _is_administrator(caller: Caller) -> bool:
    principal = caller.principal
    return principal.kind == "root" or principal.arn in _LAB_USERS


_LAB_USERS = tuple(
    f"arn:aws:iam::{identity.ACCOUNT}:user/{name}" for name in (identity.LEARNER, identity.CHECKER)
)
