"""Requests that arrive by themselves: an open loop, as from people who do not wait for each other."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from labkit.errors import UsageError
from labkit.sandbox import Sandbox
from labkit.workload.profiles import Profile
from labkit.workload.records import Record, Records


class Request(NamedTuple):
    """One request, as `send` gets it. `at` is in seconds from the beginning; `random` is its own dice."""

    number: int
    at: float
    user: str
    random: random.Random


class Traffic:
    """Requests of a profile, sent with a function of yours; a player of `play`.

    `send(request)` makes one request. What it returns or raises is kept in `records`: an AWS error with its code
    and status, an answer with a `statusCode` or AWS's own status with that. `users` are names to draw from, or a
    mapping from names to shares. Raises `UsageError` for anything else.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        profile: Profile,
        send: Callable[[Request], Any],
        *,
        users: Sequence[str] | Mapping[str, float] = ("",),
        seed: int | None = None,
        evenly: bool = False,
    ) -> None:
        if not isinstance(profile, Profile):
            raise UsageError(f"profile is a Profile, such as steady(50, seconds=60). It is {profile!r}.")
        if not callable(send):
            raise UsageError(f"send is a function that makes one request. It is {send!r}.")
        shares = dict(users) if isinstance(users, Mapping) else dict.fromkeys(users, 1.0)
        if isinstance(users, str) or not shares or not sum(shares.values()) > 0:
            raise UsageError('users are names, such as ["ana", "ben"], or shares: {"ana": 0.9, "ben": 0.1}.')
        self.profile = profile
        self.records = Records()
        self._sandbox = sandbox
        self._send = send
        self._names, self._weights = list(shares), list(shares.values())
        self._seed = sandbox.seed if seed is None else seed
        self._evenly = evenly
        self._coming: Iterator[float] = iter(())
        self._next: float | None = None
        self._began = 0.0

    @property
    def lasts(self) -> float:
        """How long it goes on, in seconds."""
        return self.profile.seconds

    def begin(self, now: float) -> None:
        """From the first request again; the seed makes them the same."""
        self.records = Records()
        dice = random.Random(f"{self._seed}/arrivals")
        self._coming = self.profile.evenly() if self._evenly else self.profile.arrivals(dice)
        self._began, self._next = now, next(self._coming, None)

    def due(self) -> float | None:
        """When the next request comes."""
        return None if self._next is None else self._began + self._next

    def stirred(self, now: float) -> None:
        """Requests come whatever the account does."""

    def act(self, now: float) -> None:
        """Send one request and keep what became of it."""
        at, number = self._next or 0.0, len(self.records) + 1
        self._next = next(self._coming, None)
        dice = random.Random(f"{self._seed}/{number}")
        user = dice.choices(self._names, self._weights)[0]
        status, error = self._sent(Request(number, at, user, dice))
        # A request behind one that took long has waited since it came.
        waited = now - (self._began + at)
        latency = waited + self._sandbox.clock.time() - now
        self.records.add(Record(number, at, latency, user, status, error))

    def _sent(self, request: Request) -> tuple[int, str]:
        try:
            return _status(self._send(request)), ""
        except ClientError as error:
            metadata = error.response.get("ResponseMetadata", {})
            code = str(error.response.get("Error", {}).get("Code", type(error).__name__))
            return int(metadata.get("HTTPStatusCode") or 400), code
        except BotoCoreError as error:
            return 0, type(error).__name__

    def __repr__(self) -> str:
        return f"Traffic of {self.profile.words}. {self.records!r}"


def _status(answer: Any) -> int:
    if not isinstance(answer, Mapping):
        return 200
    status = answer.get("statusCode")
    if status is None:
        status = (answer.get("ResponseMetadata") or {}).get("HTTPStatusCode", 200)
    return int(status) if str(status).isdigit() else 200
