"""Who asks, and whom the Principal element of a policy names.

A session of a role is three things at once: the session, the role, and the account. Which of them a policy
names decides what else may limit the permission, so the answer to "does it name her" is one of three:

* `direct`: the caller herself is named (user, session, service, everybody). Nothing but a Deny limits that.
* `role`: the role behind the session is named. Permissions boundary and session policies limit that.
* `account`: her account is named. That only hands the decision over to the account's own policies.

Sources, under https://docs.aws.amazon.com/IAM/latest/UserGuide/ : reference_policies_elements_principal.html,
reference_policies_elements_notprincipal.html, reference_policies_evaluation-logic_policy-eval-denyallow.html,
reference_policies_variables.html (the keys of each kind of caller).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from labkit.sandbox.authorization.patterns import arn_parts

Kind = Literal[
    "user", "role", "session", "federated user", "root", "group", "service", "identity provider", "anonymous"
]
How = Literal["direct", "role", "account"]
TYPES: Final = ("AWS", "Service", "Federated", "CanonicalUser")
"""The keys a Principal element may have."""

_ACCOUNT = re.compile(r"\d{12}")
_UNIQUE_ID = re.compile(r"A[A-Z]{3}[A-Z0-9]{12,124}|[a-z0-9]{20}")
"""AIDA..., AROA...; moto's ids of users are 20 small letters and digits."""
_ROOT = re.compile(r"arn:[^:]+:iam::(\d{12}):root")
_TYPES_OF_CALLER: Final[dict[Kind, str]] = {
    "user": "User", "role": "AssumedRole", "session": "AssumedRole", "federated user": "FederatedUser",
    "root": "Account", "anonymous": "Anonymous",
}  # fmt: skip
"""What aws:PrincipalType says."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who makes requests. `Principal.of` makes one from what a policy or a log writes.

    `arn` is a service's name for a service. `role_arn` is the role of a session, or the user behind a federated
    session. `unique_id` is the id IAM gave the user or the role (AIDA..., AROA...). `tags` are those of the user, or of
    the role and its session together.
    """

    kind: Kind
    arn: str
    account: str = ""
    name: str = ""
    session: str = ""
    role_arn: str = ""
    unique_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str) -> Principal:
        """From an ARN, an account number, a service's name, or `*` for somebody unknown.

        A session's ARN does not say the path of its role: `role_arn` is then the role without a path. Raises
        `ValueError` for anything else.
        """
        if text in ("", "*"):
            return cls("anonymous", "")
        if _ACCOUNT.fullmatch(text):
            return cls("root", f"arn:aws:iam::{text}:root", text)
        parts = arn_parts(text)
        if parts is None:
            if "." in text and ":" not in text and "/" not in text:
                return cls("service", text, name=text)
            raise ValueError(f"{text!r} is no caller. Give an ARN, an account number or a service's name.")
        _, partition, service, _, account, resource = parts
        return _from_arn(text, partition, service, account, resource)

    @property
    def spoken(self) -> str:
        """How a sentence names it: `user alice`, `role worker (session one)`, `sns.amazonaws.com`."""
        return {
            "session": f"role {self.name} (session {self.session})",
            "root": f"the root user of account {self.account}",
            "anonymous": "an anonymous caller",
            "service": self.name,
            "identity provider": f"somebody signed in with {self.name}",
        }.get(self.kind, f"{self.kind} {self.name}")

    @property
    def is_iam(self) -> bool:
        """Whether identity policies, boundaries and the organization's policies apply to it."""
        return self.kind not in ("service", "identity provider", "anonymous")

    @property
    def service_linked(self) -> bool:
        """Whether this is a role that belongs to a service. The organization's policies leave those alone."""
        return ":role/aws-service-role/" in (self.role_arn or self.arn)

    def keys(self) -> dict[str, Any]:
        """The condition keys that follow from who asks."""
        if self.kind == "service":
            return {"aws:PrincipalIsAWSService": True, "aws:PrincipalServiceName": self.name}
        if self.kind == "anonymous":
            return {"aws:PrincipalType": "Anonymous", "aws:PrincipalAccount": "anonymous"}
        if self.kind == "identity provider":
            return {"aws:FederatedProvider": self.arn}
        return {
            "aws:PrincipalArn": (self.role_arn if self.kind == "session" else self.arn) or None,
            "aws:PrincipalAccount": self.account or None,
            "aws:PrincipalType": _TYPES_OF_CALLER.get(self.kind),
            "aws:PrincipalIsAWSService": False,
            "aws:userid": self._user_id(),
            "aws:username": self.name if self.kind == "user" else None,
            **{f"aws:PrincipalTag/{key}": value for key, value in self.tags.items()},
        }

    def _user_id(self) -> str | None:
        if self.kind == "root":
            return self.account
        if self.kind == "federated user":
            return f"{self.account}:{self.name}"
        if not self.unique_id:
            return None
        return f"{self.unique_id}:{self.session}" if self.kind == "session" else self.unique_id


def _from_arn(arn: str, partition: str, service: str, account: str, resource: str) -> Principal:
    sort, _, path = resource.partition("/")
    name = path.rpartition("/")[2]
    if service == "iam" and resource == "root":
        return Principal("root", arn, account)
    if service == "iam" and sort == "role" and name:
        return Principal("role", arn, account, name, role_arn=arn)
    if service == "iam" and sort in ("user", "group") and name:
        return Principal("user" if sort == "user" else "group", arn, account, name)
    if service == "iam" and sort in ("saml-provider", "oidc-provider") and name:
        return Principal("identity provider", arn, account, path)
    if service == "sts" and sort == "federated-user" and name:
        return Principal("federated user", arn, account, name)
    role, _, session = path.partition("/")
    if service == "sts" and sort == "assumed-role" and role and session:
        role_arn = f"arn:{partition}:iam::{account}:role/{role}"
        return Principal("session", arn, account, role, session, role_arn)
    raise ValueError(f"{arn!r} is no caller: users, roles, sessions and accounts make requests.")


@dataclass(frozen=True, slots=True)
class PrincipalElement:
    """The Principal or NotPrincipal element of a statement, as pairs of type and value."""

    entries: tuple[tuple[str, str], ...]

    def how(self, caller: Principal) -> How | None:
        """The closest way in which the element names the caller, or None."""
        ways = {_names(sort, value, caller) for sort, value in self.entries}
        order: tuple[How, ...] = ("direct", "role", "account")
        return next((way for way in order if way in ways), None)

    def spares(self, caller: Principal) -> bool:
        """Whether a NotPrincipal element leaves the caller out of a Deny.

        Every level must be listed: the session, its role, and the account. AWS warns that otherwise the account that
        holds the caller is denied as a whole.
        """
        if caller.kind in ("service", "identity provider", "anonymous"):
            return self.how(caller) is not None
        listed = [value for sort, value in self.entries if sort == "AWS"]
        if "*" in listed:
            return True
        account = any(_account_of(value) == caller.account for value in listed)
        levels = {caller.arn, caller.role_arn} - {""} if caller.kind != "root" else set()
        return account and levels <= set(listed)

    def __str__(self) -> str:
        return ", ".join(dict.fromkeys(value for _, value in self.entries)) or "nobody"


def _names(sort: str, value: str, caller: Principal) -> How | None:
    if sort == "Service":
        return "direct" if caller.kind == "service" and value == caller.name else None
    if sort == "Federated":
        named = caller.kind == "identity provider" and value in (caller.arn, caller.name)
        return "direct" if named else None
    if sort == "AWS":
        return _names_aws(value, caller)
    return None  # CanonicalUser: canonical ids exist only in Amazon S3, and are not simulated


def _names_aws(value: str, caller: Principal) -> How | None:
    if value == "*":
        return "direct"
    if not caller.is_iam:
        return None
    if _account_of(value):
        if _account_of(value) != caller.account:
            return None
        return "direct" if caller.kind == "root" else "account"
    behind = caller.kind in ("role", "session")
    if caller.unique_id and value == caller.unique_id:
        return "role" if behind else "direct"
    if value == caller.role_arn:
        return "role"
    return "direct" if value == caller.arn else None


def _account_of(value: str) -> str:
    """The account that `123456789012` or `arn:aws:iam::123456789012:root` stands for, or nothing."""
    if _ACCOUNT.fullmatch(value):
        return value
    found = _ROOT.fullmatch(value)
    return found.group(1) if found else ""


def valid_entry(sort: str, value: str) -> bool:
    """Whether AWS would take such an entry in a Principal element: names are whole, never patterns."""
    if value == "*":
        return sort == "AWS"
    if "*" in value or "?" in value or not value:
        return False
    if sort == "Service":
        return "." in value and ":" not in value and "/" not in value
    if sort != "AWS":
        return True
    if _ACCOUNT.fullmatch(value) or _UNIQUE_ID.fullmatch(value):
        return True
    try:
        named = Principal.of(value)
    except ValueError:
        return False
    return named.kind in ("user", "role", "session", "federated user", "root") and bool(
        _ACCOUNT.fullmatch(named.account)
    )


def pinned(document: Mapping[str, Any], unique_id: Mapping[str, str]) -> dict[str, Any]:
    """The policy as AWS keeps it: ARNs of users and roles in Principal elements become their unique ids.

    So a policy no longer trusts a role that was deleted and made anew under the same name. `unique_id` maps
    ARN to id; ARNs it lacks stay as they are.
    """

    def pin(value: Any) -> Any:
        if isinstance(value, list):
            return [pin(one) for one in value]
        return unique_id.get(value, value) if isinstance(value, str) else value

    def pin_statement(statement: Any) -> Any:
        if not isinstance(statement, Mapping):
            return statement
        changed = dict(statement)
        for element in ("Principal", "NotPrincipal"):
            named = changed.get(element)
            if isinstance(named, Mapping) and "AWS" in named:
                changed[element] = {**named, "AWS": pin(named["AWS"])}
        return changed

    statements = document.get("Statement")
    several = statements if isinstance(statements, list) else [statements]
    made = [pin_statement(statement) for statement in several]
    return {**document, "Statement": made if isinstance(statements, list) else made[0]}
