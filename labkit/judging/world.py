"""What a check has in its hands: the account as the outside world sees it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from labkit.judging.containers import ClusterView, ServiceView
from labkit.judging.functions import FunctionView
from labkit.judging.queues import QueueView
from labkit.judging.tables import TableView

if TYPE_CHECKING:
    from labkit.sandbox import Rehearsal, Sandbox
    from labkit.sandbox.clock import Clock
    from labkit.sandbox.trace import Trace
    from labkit.workload import Player, Profile, Traffic, Workers
    from labkit.workload.http import Target

_CONSONANTS: Final = "bdfgklmnprstvz"
_VOWELS: Final = "aeiou"


_CLIENTS: Final[WeakKeyDictionary[Sandbox, dict[tuple[str, str], Any]]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One earlier check of an exercise: when (real time, ISO 8601, UTC), how it ended, what was missed."""

    time: str
    status: str
    missed: tuple[str, ...] = ()


class World:
    """The outside world of one check.

    Everything it does is done by the identity "checker", never by the learner. `random` is seeded anew for
    each check with `seed`, so nothing can be hard-coded and any check can be repeated. `trace` is what the
    learner did before the check began; what happens during the check is in `rehearsal().trace`.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        seed: int,
        trace: Trace,
        attempts: Callable[[str], Sequence[Attempt]] = lambda _: (),
    ) -> None:
        self.sandbox = sandbox
        self.seed = seed
        self.random = random.Random(seed)
        self.trace = trace
        self._attempts = attempts
        self._parts = 0
        self._clients = _CLIENTS.setdefault(sandbox, {})

    @property
    def clock(self) -> Clock:
        """The account's clock. Moves made by a check are undone at its end."""
        return self.sandbox.clock

    def client(self, service: str, region: str | None = None) -> Any:
        """A boto3 client of the checker. Made once per account, service and Region: making one takes long."""
        key = service, region or self.sandbox.region
        if key not in self._clients:
            self._clients[key] = self.sandbox.client(*key)
        return self._clients[key]

    @contextmanager
    def rehearsal(self) -> Iterator[Rehearsal]:
        """A part of the check that is undone at its end. The whole check is one already; these nest.

        What the undone part called its messages never comes again: who keeps ids, so that no message counts twice,
        may keep them from one check to the next.
        """
        with self.sandbox.rehearsal() as rehearsal:
            self._parts += 1
            self.sandbox.draw_other_ids(f"{self.seed} {self._parts}")
            yield rehearsal

    def queue(self, name: str, region: str | None = None) -> QueueView | None:
        """The SQS queue of this name, or None."""
        return QueueView.find(self, name, region or self.sandbox.region)

    def table(self, name: str, region: str | None = None) -> TableView | None:
        """The DynamoDB table of this name, or None."""
        return TableView.find(self, name, region or self.sandbox.region)

    def function(self, name: str, region: str | None = None) -> FunctionView | None:
        """The Lambda function of this name, or None."""
        return FunctionView.find(self, name, region or self.sandbox.region)

    def cluster(self, name: str, region: str | None = None) -> ClusterView | None:
        """The active ECS cluster of this name, or None."""
        return ClusterView.find(self, name, region or self.sandbox.region)

    def service(self, cluster: str, name: str, region: str | None = None) -> ServiceView | None:
        """The active ECS service of this name in a cluster, or None."""
        return ServiceView.find(self, cluster, name, region or self.sandbox.region)

    def push_image(self, program: str, repository: str, tag: str | None = "latest", **changes: Any) -> str:
        """Push an image as the checker: a program by name, or its text; its digest. See `labkit.workload.pushing`."""
        from labkit.workload.pushing import push

        return push(lambda region: self.client("ecr", region or None), program, repository, tag, **changes)

    def traffic(self, profile: Profile, to: Target, **settings: Any) -> Traffic:
        """Requests that arrive by themselves, as this check's seed says; see `labkit.workload.Traffic`."""
        from labkit.workload import Traffic

        return Traffic(self.sandbox, profile, to, **{"seed": self.seed, **settings})

    def workers(self, queue_url: str, **settings: Any) -> Workers:
        """Workers of the checker on a queue; see `labkit.workload.Workers`."""
        from labkit.workload import Workers

        return Workers(self.sandbox, queue_url, **{"client": self.client("sqs"), **settings})

    def play(self, *players: Player, seconds: float | None = None) -> None:
        """Let traffic and workers act, in order of time."""
        from labkit.workload import play

        play(self.sandbox, *players, seconds=seconds)

    def until(self, done: Callable[[], object], seconds: float, step: float = 5.0) -> float | None:
        """Let time pass in steps until something holds. Returns after how many seconds, or None when it never did."""
        passed = 0.0
        while not done():
            if passed >= seconds:
                return None
            self.clock.advance(seconds=step)
            passed += step
        return passed

    def word(self) -> str:
        """A fresh name nobody can guess and everybody can read, such as "rovi-4821"."""
        letters = [self.random.choice(_CONSONANTS if place % 2 == 0 else _VOWELS) for place in range(4)]
        return f"{''.join(letters)}-{self.random.randrange(1000, 10000)}"

    def attempts(self, exercise: str) -> list[Attempt]:
        """Earlier checks of an exercise, oldest first, without the one that is running."""
        return list(self._attempts(exercise))
