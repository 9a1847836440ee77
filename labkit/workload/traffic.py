"""Requests that arrive by themselves: in an open loop, so a slow answer does not slow the senders down."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from labkit.errors import UsageError
from labkit.sandbox import Sandbox
from labkit.workload.profiles import Profile
from labkit.workload.records import Record, Records

if TYPE_CHECKING:
    from labkit.sandbox.services._elbv2_front import Answer
    from labkit.workload.http import Target


class Request(NamedTuple):
    """One request, as `send` gets it. `at` is in seconds from the beginning; `random` is its own dice."""

    number: int
    at: float
    user: str
    random: random.Random


class Traffic:
    """Requests of a profile; a player of `play`. What became of each is in `records`.

    `to` says where they go: a function that makes one request, the address of a load balancer, the ARN of an ECS
    service, or a pair (cluster, service).

    A function is called as `to(request)`, at the request's time. What it returns or raises is kept: an AWS error with
    its code and status, an answer with a `statusCode` or AWS's own status with that.

    Requests to a load balancer or service take `path` (one, several, shares, or a function of the request), `method`,
    `headers` and `body`. Their latency comes from the answer and does not move the clock. `timeout`: seconds after
    which a sender gives up. Let one request stand for many with `sample`: it loads the programs like so many.

    `users` are names to draw from, or a mapping from names to shares. Raises `UsageError` for anything else.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        profile: Profile,
        to: Target,
        *,
        users: Sequence[str] | Mapping[str, float] = ("",),
        seed: int | None = None,
        evenly: bool = False,
        path: Any = "/",
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: str = "",
        timeout: float | None = None,
        sample: int = 1,
    ) -> None:
        if not isinstance(profile, Profile):
            raise UsageError(f"profile is a Profile, such as steady(50, seconds=60). It is {profile!r}.")
        if timeout is not None and (isinstance(timeout, bool) or not 0 < timeout < math.inf):
            raise UsageError(f"timeout is how many seconds a sender waits, such as 2. It is {timeout!r}.")
        shares = dict(users) if isinstance(users, Mapping) else dict.fromkeys(users, 1.0)
        if isinstance(users, str) or not shares or not sum(shares.values()) > 0:
            raise UsageError('users are names, such as ["ana", "ben"], or shares: {"ana": 0.9, "ben": 0.1}.')
        self.profile = profile.sampled(sample)
        self.sample = sample
        self._records = Records()
        self._sandbox = sandbox
        self._names, self._weights = list(shares), list(shares.values())
        self._seed = sandbox.seed if seed is None else seed
        self._evenly = evenly
        self._timeout = math.inf if timeout is None else timeout
        self._coming: Iterator[float] = iter(())
        self._next: float | None = None
        self._began = 0.0
        self._under_way: deque[tuple[int, float, Answer]] = deque()
        if callable(to):
            if sample != 1:
                raise UsageError(
                    "sample is for requests to a load balancer or a service; a function is called."
                )
            self._send: Callable[[Request], Any] = to
            self._ask: Callable[[int, float, float], None] = self._call
            return
        from labkit.workload.http import door_to, path_of

        self._door = door_to(sandbox, to)
        self._path, self._one_path = path_of(path), path if isinstance(path, str) else None
        self._method, self._headers, self._body = method, dict(headers or {}), body
        self._who = random.Random(f"{self._seed}/users")
        self._ask = self._knock

    @property
    def lasts(self) -> float:
        """How long it goes on, in seconds."""
        return self.profile.seconds

    @property
    def records(self) -> Records:
        """What became of each request so far, in the order in which they came."""
        self._settle_until(self._sandbox.clock.time())
        return self._records

    def begin(self, now: float) -> None:
        """From the first request again; the seed makes them the same."""
        self._records = Records()
        self._under_way.clear()
        dice = random.Random(f"{self._seed}/arrivals")
        self._coming = self.profile.evenly() if self._evenly else self.profile.arrivals(dice)
        self._began, self._next = now, next(self._coming, None)
        self._who = random.Random(f"{self._seed}/users")

    def due(self) -> float | None:
        """When the next request comes."""
        return None if self._next is None else self._began + self._next

    def stirred(self, now: float) -> None:
        """Requests come whatever the account does."""

    def act(self, now: float) -> None:
        """Send one request and keep what became of it."""
        at = self._next or 0.0
        self._next = next(self._coming, None)
        self._ask(len(self._records) + 1, at, now)

    # -- a function that makes one request -------------------------------------------------------

    def _call(self, number: int, at: float, now: float) -> None:
        dice = random.Random(f"{self._seed}/{number}")
        user = dice.choices(self._names, self._weights)[0]
        status, error = self._sent(Request(number, at, user, dice))
        # A request behind one that took long has waited since it came.
        waited = now - (self._began + at)
        latency = waited + self._sandbox.clock.time() - now
        self._records.add(Record(number, at, latency, user, status, error))

    def _sent(self, request: Request) -> tuple[int, str]:
        try:
            return _status(self._send(request)), ""
        except ClientError as error:
            metadata = error.response.get("ResponseMetadata", {})
            code = str(error.response.get("Error", {}).get("Code", type(error).__name__))
            return int(metadata.get("HTTPStatusCode") or 400), code
        except BotoCoreError as error:
            return 0, type(error).__name__

    # -- a load balancer or a service ------------------------------------------------------------

    def _knock(self, number: int, at: float, now: float) -> None:
        from labkit.sandbox.fleet.boxes import Request as Sent

        user = self._names[0] if len(self._names) == 1 else self._who.choices(self._names, self._weights)[0]
        path = self._one_path
        if path is None:
            path = self._path(Request(number, at, user, random.Random(f"{self._seed}/{number}")))
        # It comes at its own time, to the last digit, unless another player has held up the clock.
        came = self._began + at
        moment = came if now - came < _LATE else now
        sent = Sent(self._method, path, self._headers, self._body, user, self.sample)
        with self._sandbox.lock:
            found = self._door.send(sent, moment)
        self._settle_until(moment)
        waited = moment - came
        self._records.add(self._record(number, at, user, found, waited))
        if found.box is not None:
            self._under_way.append((number, moment, found))

    def _record(self, number: int, at: float, user: str, found: Answer, waited: float) -> Record:
        latency, status, error = found.latency + waited, found.status, found.error
        if latency > self._timeout:
            latency, status, error = self._timeout, 0, "Timeout"
        return Record(number, at, latency, user, status, error, self.sample)

    def _settle_until(self, moment: float) -> None:
        """See to answers whose time is over: what worked on them may have ended before."""
        waiting = self._under_way
        while waiting and waiting[0][1] + waiting[0][2].latency <= moment:
            self._settle()

    def _settle(self) -> None:
        number, began, before = self._under_way.popleft()
        found = self._door.settled(before, began)
        if found is not before:
            old = self._records.numbered(number)
            waited = began - (self._began + old.at)
            self._records.replace(self._record(number, old.at, old.user, found, waited))

    def __repr__(self) -> str:
        return f"Traffic of {self.profile.words}. {self.records!r}"


_LATE = 1e-4
"""Seconds; less is the clock's own rounding."""


def _status(answer: Any) -> int:
    if not isinstance(answer, Mapping):
        return 200
    status = answer.get("statusCode")
    if status is None:
        status = (answer.get("ResponseMetadata") or {}).get("HTTPStatusCode", 200)
    return int(status) if str(status).isdigit() else 200
