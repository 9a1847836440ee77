"""What boto3 does for every call and nobody looks at, in an account that lives in the same process.

- A signature proves to AWS who calls. Here the call does not leave the process: the header names the access key, as
  always, and carries no real signature. Signing by hand, presigned URLs and S3 are left as they are.
- The user agent is put together once for each client, not twice for each call.
- moto would load all of IAM and S3 before it does not ask whether the caller may: `enforcement` has asked already.
- moto's IAM loads the part of `cryptography` that reads certificates. It is loaded when somebody looks at one.

`tests/benchmarks/bench_sqs.py` prints a call beside bare moto's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from importlib.util import LazyLoader, find_spec, module_from_spec
from typing import Any, Final
from unittest.mock import patch
from weakref import WeakKeyDictionary

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.compat import get_current_datetime
from botocore.exceptions import NoCredentialsError
from botocore.useragent import UserAgentString

UNSIGNED: Final = "0" * 64
"""Stands where the signature would be."""
_SIGNED_HEADERS: Final = "host;x-amz-date"
_ASKING: Final = ("_authenticate_and_authorize_normal_action", "_authenticate_and_authorize_s3_action")


def in_place(inside_a_call: Callable[[], bool]) -> ExitStack:
    """The shortcuts, until the stack is closed. `inside_a_call` tells a client's call from signing by hand."""
    from moto.core.authorization import ActionAuthenticatorMixin  # functions load this module, and no moto

    with ExitStack() as stack:
        stack.enter_context(patch.object(SigV4Auth, "add_auth", _named_only(inside_a_call)))
        stack.enter_context(patch.object(UserAgentString, "to_string", _said_once()))
        for name in _ASKING:
            stack.enter_context(patch.object(ActionAuthenticatorMixin, name, _asked_already))
        _put_off("cryptography.x509")
        return stack.pop_all()


def _named_only(inside_a_call: Callable[[], bool]) -> Callable[[Any, Any], None]:
    original = SigV4Auth.add_auth

    def add_auth(self: Any, request: Any) -> None:
        if type(self) is not SigV4Auth or not inside_a_call():
            original(self, request)
            return
        if self.credentials is None:
            raise NoCredentialsError
        request.context["timestamp"] = get_current_datetime().strftime(SIGV4_TIMESTAMP)
        self._modify_request_before_signing(request)
        scope = self.scope(request)
        request.headers["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={_SIGNED_HEADERS}, Signature={UNSIGNED}"
        )

    return add_auth


def _said_once() -> Callable[[Any], str]:
    original = UserAgentString.to_string
    said: WeakKeyDictionary[Any, tuple[Any, str]] = WeakKeyDictionary()

    def to_string(self: Any) -> str:
        config = self._client_config
        kept = said.get(self)
        if kept is None or kept[0] is not config:
            kept = said[self] = (config, str(original(self)))
        return kept[1]

    return to_string


def _asked_already(*_: Any, **__: Any) -> None:
    return


def _put_off(name: str) -> None:
    """Load a module when it is first looked into."""
    if name in sys.modules:
        return
    package, _, own = name.rpartition(".")
    spec = find_spec(name)
    if spec is None or spec.loader is None:
        return
    spec.loader = LazyLoader(spec.loader)
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    setattr(sys.modules[package], own, module)
