"""Faults: things that go wrong on purpose, chosen by name.

A fault is a share between 0 and 1, the time in which it is in force, what it strikes, and where a service wants
them, details. Who can suffer it asks `share` or `strikes`. Several faults of one name stand side by side when they
strike different targets.
"""

from __future__ import annotations

import difflib
import math
import random
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final, NamedTuple

from labkit.errors import UsageError

KNOWN: Final[dict[str, str]] = {
    "api.error": "share of API calls that AWS answers with an internal error",
    "api.throttle": "share of API calls that are throttled",
    "delivery.duplicate": "share of deliveries from one service to another that are made twice",
    "delivery.unavailable": "share of attempts of one service to deliver to another that find the target down",
    "ecr.dockerhub_limit": "share of pulls from Docker Hub that it refuses: toomanyrequests",
    "ecs.spot_reclaim": "share of running Fargate Spot tasks that AWS takes back, once",
    "ecs.spot_unavailable": "share of new Fargate Spot tasks that find no capacity",
    "ecs.zone_loss": "everything that runs in an Availability Zone dies, and nothing starts there",
    "events.entry_fails": "share of PutEvents entries that come back with an ErrorCode",
    "sqs.batch_entry_fails": "share of SendMessageBatch entries that come back under Failed",
    "sqs.disorder": "share of deliveries from standard queues that overtake or fall behind",
    "sqs.duplicate": "share of deliveries from standard queues that come a second time",
    "states.duplicate": "share of asynchronous Express executions that run a second time",
}


class Active(NamedTuple):
    """One fault that was switched on. Times are seconds since 1970 on the account's clock."""

    name: str
    share: float
    begins: float
    ends: float
    target: str | None
    details: dict[str, Any]

    def strikes_at(self, target: str) -> bool:
        """Whether it is meant for this target: an ARN or URL, or the name at the end of one."""
        if self.target is None or self.target == target:
            return True
        name = target.rstrip("/").replace("/", ":").rpartition(":")[2]
        return bool(name) and name == self.target


_LISTENERS: Final[dict[str, Callable[[Active], None]]] = {}


def listen(name: str, listener: Callable[[Active], None]) -> None:
    """Have a function called when this fault is switched on: for faults that act, and are not only asked about."""
    _LISTENERS[name] = listener


class Faults:
    """The faults that are switched on in this account."""

    def __init__(self) -> None:
        self.seed: object = 0
        self.clock: Callable[[], float] = lambda: 0.0
        self._active: list[Active] = []

    def put(
        self,
        name: str,
        share: float = 1.0,
        *,
        target: str | None = None,
        after: float | timedelta = 0.0,
        lasting: float | timedelta | None = None,
        **details: Any,
    ) -> None:
        """Switch a fault on. `share` is a number from 0 (never) to 1 (always).

        `target` is the ARN, URL or name of what it strikes; without it, everything. It begins `after` so many
        seconds (or a timedelta) and goes on for `lasting` seconds, or until it is cleared. A fault of the same name
        and target is replaced. Raises `UsageError` for an unknown name, or values that make no sense.
        """
        if name not in KNOWN:
            near = difflib.get_close_matches(str(name), KNOWN, n=1)
            offer = f" Did you mean {near[0]!r}?" if near else ""
            raise UsageError(f"There is no fault named {name!r}.{offer} Known faults: {', '.join(KNOWN)}.")
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
            raise UsageError(f"share is a number from 0 to 1, such as 0.03 for 3 %. It is {share!r}.")
        if target is not None and (not isinstance(target, str) or not target):
            raise UsageError(
                f'target is the name or ARN of one resource, such as "orders". It is {target!r}.'
            )
        begins = self.clock() + _seconds("after", after)
        ends = math.inf if lasting is None else begins + _seconds("lasting", lasting)
        self._active = [one for one in self._active if (one.name, one.target) != (name, target)]
        self._active.append(Active(name, float(share), begins, ends, target, details))
        if name in _LISTENERS:
            _LISTENERS[name](self._active[-1])

    def __bool__(self) -> bool:
        """Whether any fault is switched on."""
        return bool(self._active)

    @property
    def active(self) -> tuple[Active, ...]:
        """Every fault that was switched on and not cleared, whether it is in force now or not."""
        return tuple(self._active)

    def share(self, name: str, target: str = "") -> float:
        """How often the fault strikes now: 0.0 when it is off. The largest share counts."""
        return max((one.share for one in self._now(name, target)), default=0.0)

    def strikes(self, name: str, *whom: object, target: str = "") -> bool:
        """Whether the fault strikes this one thing. Asked again about the same thing, it says the same."""
        share = self.share(name, target)
        return share > 0 and self.dice(name, *whom).random() < share

    def dice(self, name: str, *whom: object) -> random.Random:
        """Dice for one fault and one thing it may strike.

        They hang on the seed and on the thing, not on how many others were asked before: a story
        does not change because a machine is slow and something falls due a little earlier in it.
        """
        return random.Random(repr((self.seed, name, *whom)))

    def details(self, name: str, target: str = "") -> dict[str, Any]:
        """What else was said when the fault was switched on."""
        return next((dict(one.details) for one in self._now(name, target)), {})

    def clear(self, name: str | None = None, target: str | None = None) -> None:
        """Switch off one fault (on one target, if it is named), or all of them."""
        self._active = [
            one
            for one in self._active
            if name is not None and (one.name != name or (target is not None and one.target != target))
        ]

    def _now(self, name: str, target: str) -> Iterator[Active]:
        if not self._active:
            return
        now = self.clock()
        for one in self._active:
            if one.name == name and one.begins <= now < one.ends and one.strikes_at(target):
                yield one

    def __repr__(self) -> str:
        if not self._active:
            return "No faults are switched on."
        return "\n".join(self._line(one) for one in sorted(self._active, key=lambda one: one.name))

    def _line(self, one: Active) -> str:
        where = f" at {one.target}" if one.target else ""
        now = self.clock()
        when = ""
        if now >= one.ends:
            when = ", over"
        elif now < one.begins:
            when = f", begins in {timedelta(seconds=round(one.begins - now))}"
        elif one.ends < math.inf:
            when = f", ends in {timedelta(seconds=round(one.ends - now))}"
        return f"{one.name}{where}: {one.share:.0%} ({KNOWN[one.name]}){when}"

    def export(self) -> tuple[object, tuple[Active, ...]]:
        """The seed and what is switched on, as `restore` takes them."""
        return self.seed, tuple(self._active)

    def restore(self, state: tuple[object, tuple[Active, ...]]) -> None:
        """Put an earlier state back."""
        self.seed, active = state
        self._active = list(active)


def _seconds(name: str, value: float | timedelta) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < math.inf:
        raise UsageError(f"{name} is a time in seconds or a timedelta, such as 3600. It is {value!r}.")
    return float(seconds)
