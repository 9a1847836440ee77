"""Who signed a request, for which service and Region, and to which account that belongs.

The signature itself is not checked, here as in the notebook: whoever reaches the endpoint is trusted.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html (the header, the
query parameters, the credential scope).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from labkit.sandbox import identity
from labkit.sandbox.guard import looks_real

from .errors import Refused
from .messages import Request

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

_HEADER: Final = re.compile(r"AWS4-[A-Z0-9-]+\s+.*?Credential\s*=\s*([^,\s]+)")
_OLD: Final = re.compile(r"AWS ([^:\s]+):")
"""Signature version 2, which only old S3 programs still use."""
_ACCOUNT: Final = re.compile(r"\d{12}")


@dataclass(frozen=True, slots=True)
class Signature:
    """The credential scope of a request. `service` is the signing name; `region` is empty when it says none."""

    access_key: str
    service: str
    region: str = ""


def signature_of(request: Request) -> Signature | None:
    """Who signed, or None for an unsigned request. Raises `Refused` when the header cannot be read."""
    header = request.headers.get("Authorization") or ""
    found = _HEADER.match(header)
    if found:
        return _scope(found[1])
    old = _OLD.match(header)
    if old:
        return Signature(old[1], "s3")
    if header.startswith("AWS4"):
        text = "Authorization header requires 'Credential' parameter."
        raise Refused(400, "IncompleteSignature", text)
    query = request.query
    if "X-Amz-Credential" in query:
        return _scope(query["X-Amz-Credential"][0])
    if "AWSAccessKeyId" in query:
        return Signature(query["AWSAccessKeyId"][0], "s3")
    return None


def _scope(credential: str) -> Signature:
    parts = credential.split("/")
    if len(parts) >= 5:  # a key never holds a slash, so what is before the last four is the key
        return Signature("/".join(parts[:-4]), parts[-2].lower(), parts[-3].lower())
    if len(parts) == 4:  # signature version 4A: no Region
        return Signature(parts[0], parts[2].lower())
    text = f"Credential must have 5 parts, as in key/date/region/service/aws4_request. It is {credential!r}."
    raise Refused(400, "IncompleteSignature", text)


def account_of(access_key: str, others: str) -> str | None:
    """The account an access key belongs to; None: IAM in the account gave it out, and moto knows.

    `others` is the account of keys that say nothing.
    """
    if _ACCOUNT.fullmatch(access_key):
        return access_key
    if identity.is_lab_key(access_key):
        return identity.ACCOUNT
    return None if identity.issued_here(access_key) else others


def require_harmless(sandbox: Sandbox, access_key: str, service: str) -> None:
    """Raise `Refused` for the keys of a real account: they were typed here by mistake."""
    if not looks_real(access_key) or identity.issued_here(access_key):
        return
    stopped = sandbox.guard.refuse(
        f"a call with the credentials of a real account (access key {access_key[:4]}...{access_key[-4:]})",
        f"Nothing was sent on. Use another access key here: {identity.ACCOUNT} is the key of that account.",
    )
    code = "InvalidAccessKeyId" if service == "s3" else "InvalidClientTokenId"
    raise Refused(403, code, str(stopped))


def caller_name(access_key: str, account: str | None) -> str:
    """How the trace calls whoever has this key: learner, a user, a role's session, or an account's number."""
    if identity.is_lab_key(access_key):
        return identity.caller_of(access_key)
    if account is not None:
        return account
    from labkit.sandbox.authorization.account import caller_of

    found = caller_of(access_key)
    if found is None:
        return "unknown"
    principal = found.principal
    return f"{principal.name}/{principal.session}" if principal.session else principal.name
