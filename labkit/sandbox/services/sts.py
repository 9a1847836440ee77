"""AWS STS in the lab's account.

Simulated here:
- AssumeRole asks the role's trust policy and the caller's own policies; a role that does not exist is refused in the
  same words. Session names, external ids, session tags and session policies count.
- A session lasts 900 seconds to the role's MaxSessionDuration, one hour when a role assumes a role. It ends on the
  lab's clock: ExpiredToken, or ExpiredTokenException from JSON services.
- Whoever holds a session's or a user's keys may do what the policies say, and no more.
- GetCallerIdentity names the learner, an IAM user of account 123456789012, or the user, session or root user that
  calls.

Differs on AWS:
- GetSessionToken and GetFederationToken give out keys that count as the learner's.
- AssumeRoleWithWebIdentity and AssumeRoleWithSAML succeed here whatever the token and the trust policy say.

Not simulated:
- Transitive session tags, source identity in later sessions, multi-factor authentication, packed policy sizes.

Sources:
- https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
- https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html (the form of the answer)
- https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining
"""

from __future__ import annotations

from typing import Any, Final

from labkit.sandbox import identity
from labkit.sandbox.hooks import hook

_HOUR: Final = 3_600


@hook("moto.sts.responses:TokenResponse.get_caller_identity")
def get_caller_identity(original: Any, self: Any) -> Any:
    """Who calls. Keys that nobody gave out are the learner's, as in the trace."""
    from moto.core.responses import ActionResult

    root = identity.account_of_root(self.access_key) or self.access_key
    if len(root) == 12 and root.isdigit():
        return ActionResult(
            {"UserId": root, "Account": root, "Arn": f"arn:{self.partition}:iam::{root}:root"}
        )
    name = identity.caller_of(self.access_key)
    if name not in (identity.LEARNER, identity.CHECKER) or _is_users(self.access_key):
        return original(self)
    return ActionResult(
        {
            "UserId": f"AIDA{name.upper():0<17}",
            "Account": self.current_account,
            "Arn": f"arn:{self.partition}:iam::{self.current_account}:user/{name}",
        }
    )


def _is_users(access_key: str) -> bool:
    """Whether IAM gave the key out: a user may be called `learner`, too."""
    return not identity.is_lab_key(access_key) and identity.given_out(access_key)


@hook("moto.sts.responses:TokenResponse.assume_role")
def assume_role(original: Any, self: Any) -> Any:
    """AssumeRole, by somebody who may: that was asked before, in `labkit.sandbox.enforcement`."""
    from labkit.sandbox.authorization import account

    _check_duration(self, account.caller_or_learner(self.access_key), str(self._get_param("RoleArn")))
    _check_session_policy(self)
    answer = original(self)
    tags = {str(tag["Key"]): str(tag["Value"]) for tag in self._get_param("Tags") or []}
    policy_arns = [str(one.get("arn")) for one in self._get_param("PolicyArns") or []]
    account.remember_session(answer.result["Credentials"], tags=tags, policy_arns=policy_arns)
    return answer


def _check_duration(response: Any, caller: Any, role_arn: str) -> None:
    from moto.sts.exceptions import STSValidationError

    from labkit.sandbox import stores

    seconds = response._get_int_param("DurationSeconds")
    arn = stores.Arn.of(role_arn)
    role = stores.role(arn) if arn is not None else None
    if seconds is None:
        return
    if caller.principal.kind == "session" and seconds > _HOUR:
        raise STSValidationError(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
        )
    if seconds > int(getattr(role, "max_session_duration", None) or _HOUR):
        raise STSValidationError(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )


def _check_session_policy(response: Any) -> None:
    from moto.sts.exceptions import STSClientError

    from labkit.sandbox.authorization import InvalidPolicy, Policy

    text = response._get_param("Policy")
    if text:
        try:
            Policy.parse(text, "session", "the session policy")
        except InvalidPolicy as error:
            raise STSClientError("MalformedPolicyDocument", error.reason) from None
