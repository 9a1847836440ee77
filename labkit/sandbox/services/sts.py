"""AWS STS in the lab's account.

Simulated here:
- GetCallerIdentity names the learner, an IAM user of account 123456789012.
- AssumeRole and GetSessionToken give credentials that work in this account.

Differs on AWS:
- AssumeRole succeeds here whatever the trust policy of the role says.
- Credentials do not expire here.

Not simulated:
- Permissions of the assumed role, session policies, session tags, web identity checks.

Sources:
- https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html (the form of the answer)
"""

from __future__ import annotations

from typing import Any

from labkit.sandbox import identity
from labkit.sandbox.hooks import hook


@hook("moto.sts.responses:TokenResponse.get_caller_identity")
def get_caller_identity(original: Any, self: Any) -> Any:
    """The lab's own keys belong to IAM users; everybody else is known to moto."""
    name = identity.caller_of(self.access_key)
    if not identity.is_lab_key(self.access_key):
        return original(self)
    from moto.core.responses import ActionResult

    return ActionResult(
        {
            "UserId": f"AIDA{name.upper():0<17}",
            "Account": self.current_account,
            "Arn": f"arn:{self.partition}:iam::{self.current_account}:user/{name}",
        }
    )
