"""Execution environments of an account: which are warm, which are busy, and how many there may be.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html (one call per environment, the account's
limit, reserved concurrency, 100 unreserved), https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html (1,000
environments every 10 seconds for each function), botocore's model (`ThrottleReason`).
"""

from __future__ import annotations

import contextlib
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from labkit.sandbox import Sandbox
from labkit.sandbox.runtime import Environment, Pool, Result
from labkit.sandbox.runtime.conversation import Steps

ACCOUNT_LIMIT: Final = 1_000
"""Calls that run at once in an account and Region, by default; a new account may have less."""
ALWAYS_UNRESERVED: Final = 100
"""So many of them cannot be reserved."""
SCALING: Final = (1_000, 10.0)
"""So many new environments for one function in so many seconds."""
_IDLE: Final = 900.0
"""Seconds after which an environment nobody uses is gone. The figure is ours; AWS gives none."""
_LIFE: Final = 6 * 3_600.0
"""Seconds after which no environment takes another call. The figure is ours; AWS says "every few hours"."""

Function = Any  # moto's LambdaFunction


class Throttled(Exception):
    """No environment is free and none may be added. `reason` is AWS's `ThrottleReason`."""

    status = 429
    code = "TooManyRequestsException"
    retry_after = 1

    def __init__(self, reason: str) -> None:
        super().__init__("Rate Exceeded.")
        self.reason = reason


@dataclass(slots=True)
class Run:
    """One call that is under way. `done` gets the result and `args`."""

    steps: Steps[Result]
    done: Callable[..., None]
    args: tuple[Any, ...]
    sequence: int
    caller: str


@dataclass(slots=True)
class _Warm:
    environment: Environment
    born: float
    idle_since: float


@dataclass
class Fleet:
    """The environments of one account and all its Regions. Lives beside moto's objects."""

    sandbox: Sandbox
    running: dict[str, Run] = field(default_factory=dict)
    busy: Counter[str] = field(default_factory=Counter)
    """Calls that run now, by the function's ARN."""
    _idle: dict[str, list[_Warm]] = field(default_factory=dict)
    _born: dict[int, float] = field(default_factory=dict)
    _starts: dict[str, deque[float]] = field(default_factory=dict)

    def take(self, key: str) -> Environment | None:
        """A warm environment that is free, or None."""
        waiting, now = self._idle.get(key, []), self.sandbox.clock.time()
        while waiting:
            warm = waiting.pop()
            fresh = now - warm.idle_since <= _IDLE and now - warm.born <= _LIFE
            if warm.environment.alive and fresh:
                return warm.environment
            self.end(warm.environment)
        return None

    def added(self, environment: Environment) -> None:
        """A new environment."""
        self._born[id(environment)] = self.sandbox.clock.time()

    def give_back(self, key: str, environment: Environment) -> None:
        """The call is over. An environment that survived it stays warm."""
        if not environment.alive:
            self.end(environment)
            return
        now = self.sandbox.clock.time()
        warm = _Warm(environment, self._born.get(id(environment), now), now)
        self._idle.setdefault(key, []).append(warm)

    def end(self, environment: Environment) -> None:
        """It takes no further call."""
        self._born.pop(id(environment), None)
        environment.stop()

    def close(self) -> None:
        """End all of them, also in the middle of a call."""
        for run in list(self.running.values()):
            with contextlib.suppress(ValueError):  # it is this very call that closes the account
                run.steps.close()
        self.running.clear()
        for waiting in self._idle.values():
            for warm in waiting:
                warm.environment.stop()
        self._idle.clear()

    # -- concurrency -----------------------------------------------------------------------------

    def admit(self, function: Function) -> None:
        """Count one more call of a function. Raises `Throttled` when it may not run now."""
        arn, backend = bare_arn(function), backend_of(function)
        reserved = reserved_for(backend, function.function_name)
        if reserved is not None:
            if self.busy[arn] >= reserved:
                raise Throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
        elif self._unreserved_busy(backend) >= account_limit(backend) - all_reserved(backend):
            raise Throttled("ConcurrentInvocationLimitExceeded")
        self.busy[arn] += 1

    def may_start(self, function: Function) -> bool:
        """Whether one more environment of the function may start now; if so it counts."""
        now = self.sandbox.clock.time()
        starts = self._starts.setdefault(bare_arn(function), deque())
        most, seconds = SCALING
        while starts and now - starts[0] >= seconds:
            starts.popleft()
        if len(starts) >= most:
            return False
        starts.append(now)
        return True

    def release(self, function: Function) -> None:
        """The call is over."""
        arn = bare_arn(function)
        self.busy[arn] -= 1
        if self.busy[arn] <= 0:
            del self.busy[arn]

    def _unreserved_busy(self, backend: Any) -> int:
        place = f":lambda:{backend.region_name}:{backend.account_id}:function:"
        return sum(
            number
            for arn, number in self.busy.items()
            if place in arn and reserved_for(backend, arn.rpartition(":")[2]) is None
        )


class _Pool(Pool):
    def close(self) -> None:
        self.stop()


def fleet_of(sandbox: Sandbox) -> Fleet:
    """The environments that belong to the account as it is now."""
    fleet: Fleet | None = sandbox.attached.get("functions")
    if fleet is None:
        fleet = sandbox.attached["functions"] = Fleet(sandbox)
    return fleet


def pool_of(sandbox: Sandbox) -> Pool:
    """Where environments are made."""
    if "functions" not in sandbox.tools:
        sandbox.tools["functions"] = _Pool(sandbox)
    pool: Pool = sandbox.tools["functions"]
    return pool


# -- moto's functions --------------------------------------------------------------------------------


def backend_of(function: Function) -> Any:
    """moto's backend of a function."""
    from moto.awslambda.models import lambda_backends

    return lambda_backends[function.account_id][function.region]


def bare_arn(function: Function) -> str:
    """A function's ARN without version."""
    return ":".join(function.function_arn.split(":")[:7])


def newest(backend: Any, name: str) -> Function | None:
    """The function with its newest code, or None when it is gone. Settings of all versions are kept here."""
    found = backend._lambdas._functions.get(name)
    return found["latest"] if found else None


def reserved_for(backend: Any, name: str) -> int | None:
    """A function's reserved concurrency, or None."""
    function = newest(backend, name)
    kept = function.reserved_concurrency if function is not None else None
    return None if kept is None else int(kept)


def all_reserved(backend: Any, but: str = "") -> int:
    """What all functions (`but` one) have reserved."""
    return sum(reserved_for(backend, name) or 0 for name in list(backend._lambdas._functions) if name != but)


def account_limit(backend: Any) -> int:
    """How many calls may run at once in the account and Region."""
    return int(getattr(backend, "labkit_concurrency", ACCOUNT_LIMIT))
