"""Whether a delivery is allowed: the target's policy or the sender's role, and the target's key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from labkit.sandbox.delivery.ends import Receiver, sender_of
from labkit.sandbox.parcels import Parcel, Refused

if TYPE_CHECKING:
    from labkit.sandbox.authorization import Decision
    from labkit.sandbox.authorization.account import Caller

_USES_OF_A_KEY: Final = ("kms:GenerateDataKey", "kms:Decrypt")
"""What a service needs to do with the key of an encrypted target (SQS developer guide, key management)."""


def permission(parcel: Parcel, receiver: Receiver) -> str:
    """Which statement allows it, in a sentence. Raises `Refused` when policy, role or key do not."""
    actions = receiver.actions(parcel) if callable(receiver.actions) else receiver.actions
    if not actions or not (parcel.principal or parcel.role):
        return ""
    from labkit.sandbox.authorization import keys, resources

    resource = receiver.resource(parcel)
    owner = _account(resource) or _account(parcel.source)
    # A role's session calls as anybody would; only a service says on whose behalf it comes.
    context = {} if parcel.role else _on_behalf_of(parcel)
    caller, policy = _caller(parcel), resources.policy_of(resource)
    said = ""
    for action in actions:
        decision = caller.may(
            action, resource, account=owner, policies=[policy] if policy else [], context=context
        )
        if not decision.allowed:
            raise _denied(decision)
        said = said or decision.sentence
    if key := resources.key_of(resource):
        service, region = resource.split(":")[2:4]
        # EventBridge does not say on whose behalf it uses a topic's key, so a key policy that asks for aws:SourceArn or
        # aws:SourceAccount refuses it (docs.aws.amazon.com/sns/latest/dg/sns-key-management.html).
        silent = parcel.principal == "events.amazonaws.com" and service == "sns"
        refusal = keys.key_refusal(
            caller, key, owner, region, _USES_OF_A_KEY, {} if silent else context, via=service
        )
        if refusal is not None:
            raise Refused(refusal.code, refusal.message, refusal.note)
    return said


def _caller(parcel: Parcel) -> Caller:
    """Who delivers: the service itself, or a session of the role it was given."""
    from labkit.sandbox.authorization.account import Caller, may_assume, session_of

    service = Caller.service(parcel.principal)
    if not parcel.role:
        return service
    decision = may_assume(service, parcel.role, context=_on_behalf_of(parcel))
    if not decision.allowed:
        raise _denied(decision)
    session = session_of(parcel.role, parcel.id or parcel.sender)
    if session is None:
        raise Refused("AccessDenied", f"There is no role {parcel.role}.")
    return session


def _on_behalf_of(parcel: Parcel) -> dict[str, str]:
    account = _account(parcel.source) or str(parcel.told("account", ""))  # the ARN of a bucket has none
    return {"aws:SourceArn": sender_of(parcel).shown_as(parcel), "aws:SourceAccount": account}


def _denied(decision: Decision) -> Refused:
    return Refused("AccessDenied", decision.aws_message, decision.sentence)


def _account(arn: str) -> str:
    parts = arn.split(":")
    return parts[4] if len(parts) > 5 else ""
