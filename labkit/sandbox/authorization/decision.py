"""What the evaluator answers: yes or no, which statement decided, and how to say it.

`aws_message` follows AWS's own wording, `sentence` is for people who learn.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html (the wording for each type of
policy); https://aws.amazon.com/blogs/security/enhanced-access-denied-error-messages-with-policy-arns (an explicit deny
names the ARN of a managed policy, within one account); for keys of another account the sample answers of
https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutDataExportConfiguration.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from labkit.sandbox.authorization.patterns import arn_parts
from labkit.sandbox.authorization.policy import Policy, PolicyKind, Statement
from labkit.sandbox.authorization.request import Request

Reason = Literal["allowed", "explicit deny", "implicit deny"]
Layer = Literal["scp", "resource", "identity", "boundary", "session"]
"""The kinds of policies side by side. Key policies and trust policies are resource policies."""

_EXPLICIT: Final[dict[PolicyKind, str]] = {
    "scp": "a service control policy", "resource": "a resource-based policy", "key": "a resource-based policy",
    "trust": "the role trust policy", "identity": "an identity-based policy", "boundary": "a permissions boundary",
    "session": "a session policy",
}  # fmt: skip
_IMPLICIT: Final[dict[PolicyKind, str]] = {
    "scp": "service control policy", "resource": "resource-based policy", "key": "resource-based policy",
    "trust": "role trust policy", "identity": "identity-based policy", "boundary": "permissions boundary",
    "session": "session policy",
}  # fmt: skip
_THINGS: Final = {
    "sqs": "queue", "sns": "topic", "lambda": "function", "s3": "bucket", "kms": "key", "events": "event bus",
    "secretsmanager": "secret", "iam": "role", "ecr": "repository", "dynamodb": "table", "kinesis": "stream",
    "execute-api": "API", "states": "state machine", "logs": "log group",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Match:
    """A statement that fits a request, with the policy it stands in."""

    policy: Policy
    statement: Statement

    @property
    def sid(self) -> str:
        """The statement's Sid, or nothing."""
        return self.statement.sid

    def __str__(self) -> str:
        where = self.policy.name or f"the {_IMPLICIT[self.policy.kind]}"
        return f"{self.statement.label} of {where}"


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one request.

    `layer` is the type of policy that decided; `kind` is that of the policy itself. `statement` decided, or is None
    when none did. `matched` are all statements that did: the Allows, or the Denies. `allows` are the Allows of
    identity and resource policies that fit, whether they were enough or not. `layers` has the result of each type
    that was asked ("allowed", "explicitDeny", "implicitDeny"). `delegated` says that a key policy or trust policy
    left the decision to the account's own policies. `hint` names the statement that nearly fits.
    """

    request: Request
    reason: Reason
    layer: Layer | None
    kind: PolicyKind
    matched: tuple[Match, ...] = ()
    allows: tuple[Match, ...] = ()
    layers: Mapping[Layer, str] = field(default_factory=dict)
    policies: tuple[Policy, ...] = ()
    delegated: bool = False
    hint: str = ""

    @property
    def allowed(self) -> bool:
        """Whether the request may go on."""
        return self.reason == "allowed"

    @property
    def statement(self) -> Match | None:
        """The statement that decided: the first Deny, or the first Allow."""
        return self.matched[0] if self.matched else None

    @property
    def sentence(self) -> str:
        """One or two plain sentences for the trace and for feedback."""
        who, action = self.request.principal.spoken, self.request.action
        if self.statement is None:
            if self.allowed:
                return f"{_start(who)} may do everything in this account, so also {action}."
            return f"{self._missing()} {self.hint}".strip()
        if self.allowed:
            return f"{_start(str(self.statement))} allows {who} to do {action}."
        return f"{_start(str(self.statement))} forbids {who} to do {action}. A Deny wins over every Allow."

    def _missing(self) -> str:
        who, action = self.request.principal.spoken, self.request.action
        whose = f"the {thing_of(self.request.resource)}'s"
        if self.layer == "resource":
            if not self.policies:
                return f"The {thing_of(self.request.resource)} has no policy, so {who} may not do {action}."
            if self.kind == "trust":
                return f"No statement of the role's trust policy allows {who} to do {action}."
            if self.kind == "key" and self.request.principal.is_iam and not self.request.cross_account:
                return (
                    f"The key's policy neither allows {who} to do {action} nor leaves that to IAM policies."
                )
            return f"No statement of {whose} policy allows {who} to do {action}."
        if self.layer == "boundary":
            return f"The permissions boundary of {who} does not allow {action}."
        if self.layer == "session":
            if not self.policies:
                return f"{_start(who)} has no session policy, so its own policies give it nothing."
            return f"The session policy of {who} does not allow {action}."
        if self.layer == "scp":
            return f"The service control policies of the organization do not allow {who} to do {action}."
        return self._missing_identity(who, action, whose)

    def _missing_identity(self, who: str, action: str, whose: str) -> str:
        what = "has no policy" if not self.policies else "has no policy that allows it"
        start = f"{_start(who)} may not do {action}"
        if self.request.resource != "*":
            start += f" on {self.request.resource}"
        if self.request.cross_account:
            return f"{start}: {who} {what}, and a resource of another account needs that too."
        if self.delegated:
            named = "role's trust policy" if whose == "the role's" else f"{whose.removeprefix('the ')} policy"
            return f"{start}: {who} {what}, and the {named} leaves the decision to that."
        return f"{start}: {who} {what}."

    @property
    def aws_message(self) -> str:
        """AWS's message for a refusal; nothing for what is allowed."""
        if self.allowed:
            return ""
        request, action = self.request, self.request.action
        caller = request.principal.arn or "anonymous"
        start = f"User: {caller} is not authorized to perform: {action}"
        if self.kind == "key" and self.layer == "resource" and request.cross_account:
            return (
                f"{start} on this resource because the resource does not exist in this Region, no resource-based "
                "policies allow access, or a resource-based policy explicitly denies access"
            )
        if request.resource != "*":
            start += f" on resource: {request.resource}"
        if self.reason == "implicit deny":
            return f"{start} because no {_IMPLICIT[self.kind]} allows the {action} action"
        arn = self.statement.policy.arn if self.statement and not request.cross_account else ""
        return f"{start} with an explicit deny in {_EXPLICIT[self.kind]}" + (f": {arn}" if arn else "")

    def __repr__(self) -> str:
        return f"Decision({self.reason}: {self.sentence})"


def thing_of(resource: str) -> str:
    """What a resource is, in one word: `queue` for an SQS ARN."""
    parts = arn_parts(resource)
    return _THINGS.get(parts[2], "resource") if parts else "resource"


def _start(text: str) -> str:
    """The text as the beginning of a sentence. The name of a service keeps its small letters."""
    return text if "." in text.partition(" ")[0] else text[:1].upper() + text[1:]
