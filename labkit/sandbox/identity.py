"""Who calls: the credentials the lab issues, and which of them belong to whom."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any, Final

ACCOUNT: Final = "123456789012"
REGION: Final = "eu-west-1"
LEARNER: Final = "learner"
CHECKER: Final = "checker"
# They have the form of real keys, so that every library takes them, and no meaning outside the lab.
_KEYS: Final = {LEARNER: "AKIALABKITLEARNER000", CHECKER: "AKIALABKITCHECKER000"}
_CALLERS: Final = {key: name for name, key in _KEYS.items()}
_EXAMPLE: Final = "AKIAIOSFODNN7EXAMPLE"
"""The example key of the AWS documentation. moto gives it out for session tokens; it opens nothing on AWS."""
_ROOT: Final = "AKIAROOT"
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
    """The name under which a call stands in the trace: the user's, or the role's of a session.

    Keys that nobody here gave out count as the learner's.
    """
    key = access_key or ""
    return _CALLERS.get(key) or _named(key) or LEARNER


def _named(key: str) -> str:
    for _, backend in _iam_backends():
        kept = backend.access_keys.get(key)
        if kept is not None:
            return str(kept.user_name or (kept.role_arn or "").rpartition("/")[2])
    return ""


def _iam_backends() -> Iterator[tuple[str, Any]]:
    iam = sys.modules.get("moto.iam.models")
    for account, partitions in list(iam.iam_backends.items()) if iam is not None else ():
        for backend in list(partitions.values()):
            yield account, backend


def account_of(access_key: str | None) -> str:
    """The account an access key belongs to; the lab's own for keys that nobody here gave out."""
    key = access_key or ""
    if key in _CALLERS:
        return ACCOUNT
    root = account_of_root(key) or key
    if len(root) == 12 and root.isdigit():
        return root
    return next((account for account, backend in _iam_backends() if key in backend.access_keys), ACCOUNT)


def issued_here(access_key: str) -> bool:
    """Whether the lab, or IAM or STS inside it, gave this access key out."""
    if is_lab_key(access_key) or access_key == _EXAMPLE:
        return True
    return given_out(access_key)


def given_out(access_key: str) -> bool:
    """Whether IAM or STS of an account here gave this access key out."""
    return any(access_key in backend.access_keys for _, backend in _iam_backends())


def is_lab_key(access_key: str | None) -> bool:
    """Whether this is the learner's or the checker's own key."""
    return (access_key or "") in _CALLERS


def root_key(account: str) -> str:
    """The access key under which the root user of an account calls, in the length all libraries expect.

    Outside the lab she writes the account's twelve digits; see `labkit.sandbox.endpoint`.
    """
    return f"{_ROOT}{account}"


def account_of_root(access_key: str | None) -> str | None:
    """The account whose root user calls with this key, or None for any other key."""
    number = (access_key or "").removeprefix(_ROOT)
    return number if len(number) == 12 and number.isdigit() else None
