"""Who may, asked at every call: the one place between a request and moto.

Every request passes `answered`: calls of boto3 clients, calls of functions, and plain HTTP. Callers are told apart by
their access key. The learner and the checker may do everything in their account, so for them only what can refuse
an administrator is looked at: a Deny in the resource's policy, a resource of another account, a key's policy. For
everybody else the call's actions and resources are found (`needs`), the evaluator decides, and a refusal is AWS's
own error in the protocol of the request, so that every client reads it as on AWS.

Not asked: requests without any signature (moto decides about those), and the calls services make to each other,
which `labkit.sandbox.delivery` decides.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from labkit.sandbox import identity
from labkit.sandbox.enforcement.quick import may_be_refused

Response = tuple[int, Mapping[str, str], Any]


@dataclass(slots=True)
class Call:
    """One API call on its way in. `service` and `operation` are botocore's names, `params` those of its model.

    `note` says afterwards which statement refused it.
    """

    service: str
    operation: str
    params: Mapping[str, Any]
    access_key: str | None
    region: str
    account: str = identity.ACCOUNT
    url: str = ""
    headers: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    judged: bool = False


_now: ContextVar[Call | None] = ContextVar("labkit_call", default=None)


@contextlib.contextmanager
def entered(call: Call) -> Iterator[Call]:
    """The next request inside belongs to this call, so nobody needs to read it from the request again."""
    token = _now.set(call)
    try:
        yield call
    finally:
        _now.reset(token)


def noting() -> contextlib.AbstractContextManager[Call]:
    """For who passes a foreign request on. What it asks for is read from the request itself; when it was refused,
    the `note` of the call that is yielded says which statement did."""
    return entered(Call("", "", {}, None, "", judged=True))


def call_now() -> Call | None:
    """The call that is being answered, or None when nobody called."""
    return _now.get()


def answered(process: Callable[[Any], Response | None], request: Any) -> Response | None:
    """The answer to a request: AWS's refusal, or what moto says."""
    call = _now.get()
    if call is not None and not call.judged:
        call.judged = True
        return _refused(call, request) or process(request)
    # Not from a boto3 client of this process, or a call inside a call: the request itself says what it is.
    from labkit.sandbox.enforcement.requests import read

    found = read(request)
    if found is None:
        return process(request)
    found.judged = True
    token = _now.set(found)
    try:
        refusal = _refused(found, request)
        if refusal is not None and call is not None:
            call.note = call.note or found.note
        return refusal or process(request)
    finally:
        _now.reset(token)


def _sign_as_root(key: str, request: Any) -> None:
    """A key of twelve digits is an account's root user. moto only reads keys of twenty characters."""
    signed = request.headers.get("Authorization")
    if signed is not None:
        text = signed.decode("latin-1") if isinstance(signed, bytes) else str(signed)
        del request.headers["Authorization"]
        request.headers["Authorization"] = text.replace(
            f"Credential={key}/", f"Credential={identity.root_key(key)}/"
        )


def _refused(call: Call, request: Any) -> Response | None:
    if call.access_key is not None and len(call.access_key) == 12:
        _sign_as_root(call.access_key, request)
    if identity.is_lab_key(call.access_key) and not may_be_refused(call):
        return None
    from labkit.sandbox.enforcement import judging

    call.url, call.headers = request.url, request.headers
    return judging.refusal(call, request)
