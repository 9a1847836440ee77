"""A state machine's role: whether Step Functions may use it, and clients that call in its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from labkit.sandbox import current
from labkit.sandbox.states.errors import StateFailed
from labkit.sandbox.states.runs import Run

PRINCIPAL: Final = "states.amazonaws.com"
NOT_TRUSTED: Final = (
    "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the "
    "provided role."
)
_KEPT: Final = "stepfunctions"
_LASTING: Final = 3_600


class _Clients:
    """The clients of the roles that were used. They end with the state of the account that issued their keys."""

    def __init__(self) -> None:
        self.by_use: dict[tuple[str, str, str], tuple[float, Any]] = {}

    def close(self) -> None:
        self.by_use.clear()


def trusted(role: str, machine_arn: str) -> bool:
    """Whether the role exists and lets Step Functions assume it."""
    from labkit.sandbox.authorization.account import trusts

    context = {"aws:SourceArn": machine_arn, "aws:SourceAccount": machine_arn.split(":")[4]}
    return trusts(role, PRINCIPAL, context).allowed


def may(run: Run, action: str, resource: str, context: Mapping[str, Any] | None = None) -> Any:
    """Whether the role may do something, for what Step Functions does in it without an API call."""
    from labkit.sandbox.authorization.account import session_of

    session = session_of(run.role, run.name[:64]) if trusted(run.role, run.machine_arn) else None
    if session is None:
        raise StateFailed("States.Permissions", NOT_TRUSTED)
    return session.may(action, resource, account=run.arn.split(":")[4], context=context)


def client(run: Run, service: str) -> Any:
    """A boto3 client of a service in the role's name. Raises `StateFailed` when the role cannot be used."""
    sandbox = current()
    kept = sandbox.attached.get(_KEPT)
    if kept is None:
        kept = sandbox.attached[_KEPT] = _Clients()
    key, now = (run.role, run.arn.split(":")[3], service), sandbox.clock.time()
    until, found = kept.by_use.get(key, (0.0, None))
    if until <= now or not trusted(run.role, run.machine_arn):
        found = _made(run, service)
        kept.by_use[key] = now + _LASTING / 2, found
    return found


def _made(run: Run, service: str) -> Any:
    from labkit.sandbox.authorization.account import issue_session
    from labkit.sandbox.authorization.clients import in_role

    keys = None
    if trusted(run.role, run.machine_arn):
        keys = issue_session(run.role, run.name[:64], duration=_LASTING)
    if keys is None:
        raise StateFailed("States.Permissions", NOT_TRUSTED)
    return in_role(service, run.arn.split(":")[3], keys)
