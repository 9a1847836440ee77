"""Who calls: the credentials the lab issues, and which of them belong to whom."""

from __future__ import annotations

import os
import sys
from typing import Final

ACCOUNT: Final = "123456789012"
REGION: Final = "eu-west-1"
LEARNER: Final = "learner"
CHECKER: Final = "checker"
# They have the form of real keys, so that every library takes them, and no meaning outside the lab.
_KEYS: Final = {LEARNER: "AKIALABKITLEARNER000", CHECKER: "AKIALABKITCHECKER000"}
_CALLERS: Final = {key: name for name, key in _KEYS.items()}
_EXAMPLE: Final = "AKIAIOSFODNN7EXAMPLE"
"""The example key of the AWS documentation. moto gives it out for session tokens; it opens nothing on AWS."""
_SECRET: Final = "not-a-secret-this-key-works-only-in-a-lab"


def credentials(name: str) -> dict[str, str]:
    """Credentials of the learner or the checker, as `boto3.client` takes them."""
    return {"aws_access_key_id": _KEYS[name], "aws_secret_access_key": _SECRET}


def environment() -> dict[str, str]:
    """The `AWS_*` variables that stand in the environment while a lab is open."""
    return {
        "AWS_ACCESS_KEY_ID": _KEYS[LEARNER],
        "AWS_SECRET_ACCESS_KEY": _SECRET,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
        # moto 5.2.5 does not know the account-based hosts this botocore would use for DynamoDB.
        "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
    }


def caller_of(access_key: str | None) -> str:
    """The name under which a call stands in the trace."""
    return _CALLERS.get(access_key or "", LEARNER)


def issued_here(access_key: str) -> bool:
    """Whether the lab, or IAM or STS inside it, gave this access key out."""
    if is_lab_key(access_key) or access_key == _EXAMPLE:
        return True
    iam = sys.modules.get("moto.iam.models")
    if iam is None:
        return False
    return any(
        access_key in backend.access_keys
        for account in list(iam.iam_backends.values())
        for backend in list(account.values())
    )


def is_lab_key(access_key: str | None) -> bool:
    """Whether this is the learner's or the checker's own key."""
    return (access_key or "") in _CALLERS
