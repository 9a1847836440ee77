"""Whether a reader's role may read its source, and use its key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from labkit.sandbox.pollers.outcomes import Outcome

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox
    from labkit.sandbox.pollers.readers import Reader

QUEUE: Final = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
"""Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html, "Setting up execution role"."""
STREAMS: Final = {
    "dynamodb": ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
    "kinesis": (
        "kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards",
    ),
}  # fmt: skip
"""Source: the pages services-ddb.html and services-kinesis.html of the Lambda developer guide."""


class Refusal(NamedTuple):
    """Why not: the action that is not allowed, AWS's code and message, and which statement decided."""

    action: str
    code: str
    message: str
    note: str


def actions_for(source: str) -> tuple[str, ...]:
    """What a reader of this ARN has to be allowed."""
    service = source.split(":")[2]
    return QUEUE if service == "sqs" else STREAMS.get(service, ())


def may_look(sandbox: Sandbox, reader: Reader) -> bool:
    """Whether the consumer is there and the reader's role may read. A refusal is in the trace and on the reader."""
    if not reader.exists:
        return False
    refused = refusal(reader.role, reader.session, reader.source, principal=reader.principal)
    if refused is None:
        return True
    sandbox.trace.record(
        "refused", reader.service, "PollRefused", resource=reader.source, caller=reader.principal,
        params={"source": reader.source, "target": reader.target, "Action": refused.action},
        error=refused.code, message=refused.message, note=refused.note,
    )  # fmt: skip
    reader.noted(reader, Outcome(None, error=refused.code, message=refused.message, state="source"))
    return False


def refusal(
    role: str, session: str, source: str, actions: tuple[str, ...] = (), principal: str = ""
) -> Refusal | None:
    """Why a session of this role cannot read the source (or do `actions` with it), or None when it can.

    With a `principal`, that service also has to be allowed to take the role.
    """
    from labkit.sandbox.authorization import keys, resources
    from labkit.sandbox.authorization.account import Caller, may_assume, session_of

    actions = actions or actions_for(source)
    caller = session_of(role, session)
    if caller is None:
        return Refusal(actions[0], "AccessDenied", f"There is no role {role}.", "")
    if principal:
        trusted = may_assume(Caller.service(principal), role)
        if not trusted.allowed:
            return Refusal("sts:AssumeRole", "AccessDenied", trusted.aws_message, trusted.sentence)
    service, region, owner = source.split(":")[2:5]
    policy = resources.policy_of(source)
    for action in actions:
        decision = caller.may(action, source, account=owner, policies=[policy] if policy else [])
        if not decision.allowed:
            return Refusal(action, "AccessDenied", decision.aws_message, decision.sentence)
    if service == "sqs" and (key := resources.key_of(source)):
        problem = keys.key_refusal(caller, key, owner, region, ("kms:Decrypt",), via=service)
        if problem is not None:
            return Refusal("kms:Decrypt", problem.code, problem.message, problem.note)
    return None
