"""Execution roles: whether Lambda may assume one, and the session a function's environment works in.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html (the trust policy, permissions
for logs), https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html (credentials in the environment).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

SERVICE: Final = "lambda.amazonaws.com"
NOT_ASSUMABLE: Final = "The role defined for the function cannot be assumed by Lambda."
SESSION_SECONDS: Final = 12 * 3_600
"""How long an environment's credentials hold. The figure is ours: AWS gives none, and renews them in time."""


class Session(NamedTuple):
    """Credentials of an environment. `name` is the caller in the trace."""

    access_key: str
    secret_key: str
    token: str
    name: str


def assumable(role_arn: str) -> bool:
    """Whether there is such a role and its trust policy lets Lambda assume it."""
    from labkit.sandbox.authorization.account import trusts

    account = role_arn.split(":")[4] if role_arn.count(":") >= 5 else ""
    return trusts(role_arn, SERVICE, {"aws:SourceAccount": account}).allowed


def session(function: Any) -> Session | None:
    """Credentials for a new environment, as STS issues them; None when the role is gone or trusts Lambda no more."""
    from labkit.sandbox.authorization.account import issue_session

    if not assumable(function.role):
        return None
    issued = issue_session(function.role, function.function_name, duration=SESSION_SECONDS)
    if issued is None:
        return None
    name = f"assumed-role/{function.role.rpartition('/')[2]}/{function.function_name}"
    return Session(issued["AccessKeyId"], issued["SecretAccessKey"], issued["SessionToken"], name)


def may(function: Any, action: str, resource: str) -> tuple[bool, str]:
    """Whether the function's role allows it, and the sentence that says why not."""
    from labkit.sandbox.authorization.account import session_of
    from labkit.sandbox.authorization.resources import policy_of

    caller = session_of(function.role, function.function_name)
    if caller is None:
        return False, f"There is no role {function.role}."
    policy = policy_of(resource)
    decision = caller.may(action, resource, account=function.account_id, policies=[policy] if policy else [])
    return decision.allowed, "" if decision.allowed else decision.sentence
