"""One request: who wants to do what with which resource, and what else is known about it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from labkit.sandbox.authorization.context import Context
from labkit.sandbox.authorization.patterns import arn_parts
from labkit.sandbox.authorization.principals import Principal


class Request:
    """What the evaluator is asked about.

    `principal` is a `Principal` or a text as `Principal.of` takes it. `action` reads `sqs:SendMessage`. `resource`
    is an ARN, or `*` for actions that have none. `account` owns the resource; without it the ARN says who does,
    or else it is the caller's own account. `context` gives condition keys. They win over those that are known
    anyway: who calls, the time (Python's, so the lab's clock moves it), the resource's account and Region, and
    that the call came over TLS. `bare` leaves out all of these but who calls: a policy simulator knows only what
    it is told.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """

    __slots__ = ("account", "action", "context", "principal", "resource")

    def __init__(
        self,
        principal: Principal | str,
        action: str,
        resource: str = "*",
        account: str = "",
        context: Mapping[str, Any] | None = None,
        *,
        bare: bool = False,
    ) -> None:
        self.principal = principal if isinstance(principal, Principal) else Principal.of(principal)
        self.action = action
        self.resource = resource
        parts = arn_parts(resource)
        self.account = account or (parts[4] if parts else "") or self.principal.account
        known = {} if bare else _surroundings(self, parts[3] if parts else "")
        given = {**known, **self.principal.keys(), **(context or {})}
        self.context = Context(given if bare else {**given, **_follows_from(context or {}, self.principal)})

    @property
    def cross_account(self) -> bool:
        """Whether a user or role of one account asks for a resource of another."""
        return self.principal.is_iam and self.principal.account not in ("", self.account)

    def __repr__(self) -> str:
        return f"Request({self.principal.spoken}, {self.action}, {self.resource})"


def _surroundings(request: Request, region: str) -> dict[str, Any]:
    now = time.time()
    return {
        "aws:CurrentTime": datetime.fromtimestamp(int(now), UTC),
        "aws:EpochTime": int(now),
        "aws:SecureTransport": True,
        "aws:ViaAWSService": False,
        "aws:ResourceAccount": request.account or None,
        "aws:RequestedRegion": region or None,
    }


def _follows_from(given: Mapping[str, Any], caller: Principal) -> dict[str, Any]:
    """Keys that say again, in part, what other keys say. Never in place of a key that was given."""
    folded = {str(name).casefold(): value for name, value in given.items()}
    follow: dict[str, Any] = {}
    chain = folded.get("aws:calledvia")
    if isinstance(chain, (list, tuple)) and chain:
        follow = {
            "aws:CalledViaFirst": chain[0], "aws:CalledViaLast": chain[-1], "aws:ViaAWSService": True,
        }  # fmt: skip
    source = arn_parts(str(folded.get("aws:sourcearn", "")))
    if caller.kind == "service" and source and source[4]:
        follow["aws:SourceAccount"] = source[4]
    return {name: value for name, value in follow.items() if name.casefold() not in folded}
