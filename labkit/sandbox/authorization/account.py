"""Callers of the lab's account, with their policies as moto's IAM keeps them.

A caller is found by access key, by ARN, or as a session of a role. What moto does not keep of a session (its tags
and managed session policies) whoever assumes the role leaves with `remember_session`.

Sources: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html (who may assume a role, session
policies), https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html (sts:TagSession, session tags win over
the role's tags).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final, Literal

from labkit.sandbox import identity
from labkit.sandbox.authorization import managed
from labkit.sandbox.authorization.decision import Decision
from labkit.sandbox.authorization.evaluation import decide
from labkit.sandbox.authorization.patterns import arn_parts
from labkit.sandbox.authorization.policy import Policy
from labkit.sandbox.authorization.principals import Principal
from labkit.sandbox.authorization.request import Request

_EVERYTHING: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Sid": "Everything", "Effect": "Allow", "Action": "*", "Resource": "*"}],
}
_SESSION: Final = "labkit_session"
"""The attribute of moto's session that carries what moto forgets."""


@dataclass(frozen=True, slots=True)
class Attached:
    """An identity policy, with where it comes from. `policy_name` is its name in IAM."""

    policy: Policy
    source: Literal["inline", "aws-managed", "user-managed"]
    holder: Literal["user", "group", "role"]
    holder_name: str
    policy_name: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with everything that decides what she may. `expires` is in seconds since 1970, or None."""

    principal: Principal
    attached: tuple[Attached, ...] = ()
    boundary: Policy | None = None
    session: tuple[Policy, ...] = ()
    expires: float | None = None

    @classmethod
    def service(cls, name: str) -> Caller:
        """An AWS service that acts in its own name, such as `sns.amazonaws.com`."""
        return cls(Principal.of(name))

    @property
    def identity(self) -> tuple[Policy, ...]:
        """The policies of the user and her groups, or of the role."""
        return tuple(one.policy for one in self.attached)

    def may(
        self,
        action: str,
        resource: str = "*",
        *,
        account: str = "",
        policies: Sequence[Policy] = (),
        context: Mapping[str, Any] | None = None,
        scp: Sequence[Policy | Sequence[Policy]] = (),
    ) -> Decision:
        """Whether she may do this with that. `policies` are the resource's; `account` is the resource's owner."""
        request = Request(self.principal, action, resource, account, context)
        return decide(request, self.identity, policies, self.boundary, self.session, scp)


# -- finding callers ------------------------------------------------------------------------------------


def caller_of(access_key: str | None) -> Caller | None:
    """Who calls with this access key, or None when nobody has it or it was switched off.

    The learner and the checker are users who may do everything. A key of twelve digits is the root user of the
    account with that number.
    """
    key = identity.account_of_root(access_key) or access_key or ""
    if identity.is_lab_key(key):
        return administrator(identity.caller_of(key))
    root = identity.account_of_root(key) or key
    if re.fullmatch(r"\d{12}", root):
        return Caller(Principal.of(root))
    for account, backend in _iam_backends():
        kept = backend.access_keys.get(key)
        if kept is None:
            continue
        if kept.role_arn:
            return _session_with_key(account, key)
        user = backend.users.get(kept.user_name)
        return _user(backend, user) if user is not None and kept.status == "Active" else None
    return None


def caller_or_learner(access_key: str | None) -> Caller:
    """Who calls with this access key; keys that nobody here gave out count as the learner's."""
    return caller_of(access_key) or administrator(identity.LEARNER)


def key_is_off(access_key: str | None) -> bool:
    """Whether IAM here knows an access key that was switched off."""
    key = access_key or ""
    return any(
        key in backend.access_keys and backend.access_keys[key].status == "Inactive"
        for _, backend in _iam_backends()
    )


def administrator(name: str, account: str = identity.ACCOUNT) -> Caller:
    """A user who may do everything and is not kept in IAM: the learner, the checker."""
    arn = f"arn:aws:iam::{account}:user/{name}"
    policy = Policy.parse(_EVERYTHING, "identity", f"the policy of user {name}")
    return Caller(
        Principal("user", arn, account, name, unique_id=f"AIDA{name.upper():0<17}"),
        (Attached(policy, "inline", "user", name, "Everything"),),
    )


def caller_named(arn: str) -> Caller | None:
    """The user, role or group with this ARN, or None when IAM has none. A role answers without any session."""
    parts = arn_parts(arn)
    backend = _iam(parts[4]) if parts and parts[2] == "iam" else None
    if backend is None:
        return None
    for user in backend.users.values():
        if user.arn == arn:
            return _user(backend, user)
    for role in backend.roles.values():
        if role.arn == arn:
            return _role(backend, role)
    for group in backend.groups.values():
        if group.arn == arn:
            return Caller(Principal.of(arn), tuple(_attached(group, "group")))
    return None


def session_of(
    role_arn: str,
    session_name: str,
    *,
    policy: str | Mapping[str, Any] | None = None,
    policy_arns: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
) -> Caller | None:
    """A session of a role, as a function or an assumer of the role has it; None when there is no such role.

    `policy` and `policy_arns` are session policies, `tags` session tags.
    """
    parts = arn_parts(role_arn)
    backend = _iam(parts[4]) if parts else None
    role = _find_role(backend, role_arn)
    if role is None:
        return None
    caller = _role(backend, role)
    account, name = role.account_id, role.name
    principal = Principal(
        "session",
        f"arn:{role.partition}:sts::{account}:assumed-role/{name}/{session_name}",
        account,
        name,
        session_name,
        role.arn,
        role.id,
        {**caller.principal.tags, **(tags or {})},
    )
    inline = [Policy.stored(policy, "session", f"the session policy of {principal.spoken}")] if policy else []
    others = [_managed(backend, one, "session", f"session policy {one}") for one in policy_arns]
    return Caller(principal, caller.attached, caller.boundary, (*inline, *others))


def issue_session(
    role_arn: str,
    session_name: str,
    *,
    duration: int = 3600,
    policy: str | None = None,
    policy_arns: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
) -> dict[str, Any] | None:
    """Credentials of a new session of a role, as STS gives them out; None when there is no such role.

    For services that work in a role they were given, such as Lambda: nobody is asked for permission here. The keys
    are those of an answer of AssumeRole: AccessKeyId, SecretAccessKey, SessionToken, Expiration. `duration` in seconds.
    """
    parts = arn_parts(role_arn)
    role = _find_role(_iam(parts[4]) if parts else None, role_arn)
    if role is None:
        return None
    from moto.sts.models import sts_backends

    assumed = sts_backends[role.account_id]["aws"].assume_role(
        identity.REGION, session_name, role_arn, policy, duration, None
    )
    remember_session(assumed, tags=tags, policy_arns=policy_arns)
    return {
        "AccessKeyId": assumed.access_key_id,
        "SecretAccessKey": assumed.secret_access_key,
        "SessionToken": assumed.session_token,
        "Expiration": assumed.expiration,
    }


def trusts(role_arn: str, service: str, context: Mapping[str, Any] | None = None) -> Decision:
    """Whether a role exists and its trust policy lets a service, such as `lambda.amazonaws.com`, assume it."""
    return may_assume(Caller.service(service), role_arn, context=context)


def may_pass(caller: Caller, role_arn: str, service: str) -> Decision:
    """Whether a caller may hand a role to a service: iam:PassRole."""
    return caller.may("iam:PassRole", role_arn, context={"iam:PassedToService": service})


def remember_session(
    assumed: Any, *, tags: Mapping[str, str] | None = None, policy_arns: Sequence[str] = ()
) -> None:
    """Keep with moto's session (`moto.sts.models.AssumedRole`) what moto drops."""
    setattr(assumed, _SESSION, {"tags": dict(tags or {}), "policy_arns": tuple(policy_arns)})


def _session_with_key(account: str, key: str) -> Caller | None:
    sts = sys.modules.get("moto.sts.models")
    for backend in list(sts.sts_backends[account].values()) if sts else []:
        for assumed in backend.assumed_roles:
            if assumed.access_key_id == key:
                return _as_assumed(assumed)
    return None


def _as_assumed(assumed: Any) -> Caller:
    extra = vars(assumed).get(_SESSION, {"tags": {}, "policy_arns": ()})
    found = session_of(
        assumed.role_arn,
        assumed.session_name,
        policy=assumed.policy,
        policy_arns=extra["policy_arns"],
        tags=extra["tags"],
    )
    caller = found or Caller(Principal.of(assumed.arn))  # the role was deleted: the session may nothing
    expires = assumed.expiration.replace(tzinfo=UTC).timestamp()
    return Caller(caller.principal, caller.attached, caller.boundary, caller.session, expires)


# -- assuming a role ------------------------------------------------------------------------------------


def may_assume(
    caller: Caller,
    role_arn: str,
    *,
    action: str = "sts:AssumeRole",
    session_name: str = "",
    external_id: str | None = None,
    source_identity: str | None = None,
    tags: Mapping[str, str] | None = None,
    transitive_tag_keys: Sequence[str] = (),
    context: Mapping[str, Any] | None = None,
) -> Decision:
    """Whether a caller may assume a role: its trust policy and the caller's own policies are asked.

    Session tags need sts:TagSession too, and a source identity sts:SetSourceIdentity, in both places. The first
    refusal is the answer.
    """
    parts = arn_parts(role_arn)
    role = _find_role(_iam(parts[4]) if parts else None, role_arn)
    trust = _trust(role, role_arn)
    about = {
        "sts:RoleSessionName": session_name or None,
        "sts:ExternalId": external_id,
        "sts:SourceIdentity": source_identity,
        "sts:TransitiveTagKeys": list(transitive_tag_keys) or None,
        "aws:TagKeys": list(tags) if tags else None,
        **{f"aws:RequestTag/{key}": value for key, value in (tags or {}).items()},
        **_resource_tags(role),
        **(context or {}),
    }
    decision = caller.may(action, role_arn, policies=[trust], context=about)
    needed = (["sts:TagSession"] if tags else []) + (["sts:SetSourceIdentity"] if source_identity else [])
    for extra in needed:
        if not decision.allowed:
            break
        other = caller.may(extra, role_arn, policies=[trust], context=about)
        decision = decision if other.allowed else other
    return decision


def _trust(role: Any, role_arn: str) -> Policy:
    if role is None:
        return Policy.useless("trust", f"There is no role {role_arn}.", "the role's trust policy")
    return Policy.stored(
        role.assume_role_policy_document or "", "trust", f"the trust policy of role {role.name}"
    )


def _resource_tags(role: Any) -> dict[str, str]:
    tags = _tags(role.tags) if role is not None else {}
    return {f"{prefix}:ResourceTag/{key}": value for key, value in tags.items() for prefix in ("aws", "iam")}


# -- moto's objects --------------------------------------------------------------------------------------


def _iam_backends() -> Iterator[tuple[str, Any]]:
    iam = sys.modules.get("moto.iam.models")
    if iam is not None:
        for account, partitions in list(iam.iam_backends.items()):
            for backend in list(partitions.values()):
                yield account, backend


def _iam(account: str) -> Any:
    """IAM of an account, or None when nobody has used it: looking must not make an account."""
    return next((backend for number, backend in _iam_backends() if number == account), None)


def _find_role(backend: Any, arn: str) -> Any:
    if backend is None:
        return None
    return next((role for role in backend.roles.values() if role.arn == arn), None)


def _user(backend: Any, user: Any) -> Caller:
    principal = Principal(
        "user", user.arn, user.account_id, user.name, unique_id=user.id, tags=_tags(user.tags)
    )
    attached = list(_attached(user, "user"))
    for group in backend.groups.values():
        if user in group.users:
            attached += _attached(group, "group")
    return Caller(principal, tuple(attached), _boundary(backend, user, principal))


def _role(backend: Any, role: Any) -> Caller:
    principal = Principal(
        "role", role.arn, role.account_id, role.name, "", role.arn, role.id, tags=_tags(role.tags)
    )
    return Caller(principal, tuple(_attached(role, "role")), _boundary(backend, role, principal))


def _attached(holder: Any, kind: Literal["user", "group", "role"]) -> Iterator[Attached]:
    for name, document in holder.policies.items():
        policy = Policy.stored(document, "identity", f"policy {name} of {kind} {holder.name}")
        yield Attached(policy, "inline", kind, holder.name, name)
    for arn, kept in holder.managed_policies.items():
        source: Literal["aws-managed", "user-managed"] = (
            "aws-managed" if arn.startswith(managed.PREFIX) else "user-managed"
        )
        policy = Policy.stored(_default_version(kept), "identity", f"managed policy {kept.name}", arn)
        yield Attached(policy, source, kind, holder.name, kept.name)


def _default_version(kept: Any) -> str:
    return next((str(version.document) for version in kept.versions if version.is_default), "")


def _boundary(backend: Any, holder: Any, principal: Principal) -> Policy | None:
    arn = getattr(holder, "permissions_boundary_arn", None)  # moto keeps one for roles only
    return (
        _managed(backend, arn, "boundary", f"the permissions boundary of {principal.spoken}") if arn else None
    )


def _managed(backend: Any, arn: str, kind: Literal["boundary", "session"], name: str) -> Policy:
    kept = backend.managed_policies.get(arn)
    document = managed.document(arn) if kept is None else _default_version(kept)
    if document is None:
        return Policy.useless(kind, f"There is no policy {arn}.", name, arn)
    return Policy.stored(document, kind, name, arn)


def _tags(tags: Any) -> dict[str, str]:
    return {str(tag["Key"]): str(tag["Value"]) for tag in tags or []}
