"""What one service hands to another: a parcel, how often to try, and why it did not arrive.

All of it is plain data. A parcel can wait on the clock, be copied with the account, and be compared.
"""

from __future__ import annotations

import math
from typing import Any, Final, Literal, NamedTuple

Curve = Literal["linear", "arithmetic", "geometric", "exponential"]
"""How the waits of a phase grow from the first to the last; the names are those of SNS delivery policies."""


class Phase(NamedTuple):
    """`times` attempts more, after waits that grow from `first` to `last` seconds."""

    times: int
    first: float = 0.0
    last: float = 0.0
    curve: Curve = "linear"

    def wait(self, number: int) -> float:
        """Seconds before attempt `number` of this phase, counted from 0."""
        if self.times < 2 or self.first == self.last:
            return self.last if self.times < 2 else self.first
        share = number / (self.times - 1)
        if self.curve in ("geometric", "exponential") and self.first > 0:
            return float(self.first * (self.last / self.first) ** share)
        if self.curve == "arithmetic":
            share *= share
        return self.first + (self.last - self.first) * share


class Retry(NamedTuple):
    """How often a sender tries again, and for how long (seconds since the first attempt).

    `jitter` is the share of each wait that chance may take away.
    """

    phases: tuple[Phase, ...] = ()
    most_age: float = math.inf
    jitter: float = 0.0

    @property
    def attempts(self) -> int:
        """How many times it tries again at most."""
        return sum(phase.times for phase in self.phases)

    def wait(self, done: int) -> float | None:
        """Seconds before the next attempt when `done` retries were made, or None when that was the last."""
        for phase in self.phases:
            if done < phase.times:
                return phase.wait(done)
            done -= phase.times
        return None


NEVER: Final = Retry()


class Parcel(NamedTuple):
    """Something on its way from one resource to another.

    `sender` is the module of the service that sends it, such as `sns`; `source` the ARN that `aws:SourceArn`
    shows; `via` the part of the source that made it (a subscription, a target's id). `target` is an ARN or a
    URL. The sender acts as `principal` (`sns.amazonaws.com`) or in the `role` it was given. `options` is what
    the target's API takes beside the body, such as a message group; see `option`. `about` is what the sender
    wants back when the parcel has arrived or was given up. `born` is set at the first attempt.
    """

    sender: str
    source: str
    target: str
    body: str
    principal: str = ""
    role: str = ""
    via: str = ""
    id: str = ""
    options: tuple[tuple[str, Any], ...] = ()
    about: tuple[tuple[str, Any], ...] = ()
    retry: Retry = NEVER
    dead_letter: str = ""
    born: float = 0.0
    attempt: int = 0

    def option(self, name: str, otherwise: Any = None) -> Any:
        """One of the options, or `otherwise`."""
        return next((value for key, value in self.options if key == name), otherwise)

    def told(self, name: str, otherwise: Any = None) -> Any:
        """One of the things the sender wants back, or `otherwise`."""
        return next((value for key, value in self.about if key == name), otherwise)


def pairs(given: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """A dictionary of plain values in the form parcels carry, without those that are None."""
    return tuple((name, value) for name, value in given.items() if value is not None)


class Failure(NamedTuple):
    """Why a parcel did not arrive.

    `condition` says what ended the attempts: `MaximumRetryAttempts`, `MaximumEventAgeInSeconds`, or nothing
    for a refusal that no further attempt can mend.
    """

    code: str
    message: str
    retried: int = 0
    condition: str = ""


class Undelivered(Exception):
    """The parcel did not arrive. `code` is the target's error code, `note` says more about why, for people.

    `after` is how many seconds the target wants the sender to wait at least, as by `Retry-After`.
    """

    def __init__(self, code: str, message: str, note: str = "", *, after: float = 0.0) -> None:
        super().__init__(message)
        self.code = code
        self.note = note
        self.after = after


class Refused(Undelivered):
    """The target will never take it: no permission, no such target, not acceptable. It is not tried again."""


class Unavailable(Undelivered):
    """The target cannot take it now: throttled, unreachable, failing. It is tried again."""
