"""Load a lab puts on its account: requests that arrive by themselves, and workers, on the lab's clock."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox
    from labkit.workload import Player, Profile, Records, Traffic, Workers
    from labkit.workload.http import Target
    from labkit.workload.slo import Report


class Loads(ABC):
    """What `Lab` inherits: making load and playing it. Nothing happens before `play`."""

    _sandbox: Sandbox

    @abstractmethod
    def _require_open(self) -> None:
        """Raise `LabkitError` when the account is closed."""

    def traffic(
        self,
        profile: Profile,
        to: Target,
        users: Sequence[str] | Mapping[str, float] = ("",),
        evenly: bool = False,
        **settings: Any,
    ) -> Traffic:
        """Requests as `profile` says, such as `labkit.workload.steady(50, seconds=60)`.

        They go `to` a function that makes one, the address of a load balancer (`f"http://{dns}"`), the ARN of an ECS
        service, or a pair (cluster, service): with `path`, `timeout`, `sample`. See `labkit.workload.Traffic`.
        """
        from labkit.workload import Traffic

        self._require_open()
        return Traffic(self._sandbox, profile, to, users=users, evenly=evenly, **settings)

    def slo(self, records: Records, **settings: Any) -> Report:
        """How well requests kept a service level objective: `lab.slo(load.records, good=0.999, within=0.3)`.

        See `labkit.workload.slo.SLO`.
        """
        from labkit.workload.slo import SLO

        return SLO(**settings).of(records)

    def workers(self, queue_url: str, **settings: Any) -> Workers:
        """Workers on a queue: `lab.workers(url, count=4, seconds=0.5, handle=work)`. See `labkit.workload.Workers`."""
        import boto3

        from labkit.workload import Workers

        self._require_open()
        client = settings.pop("client", None) or boto3.client("sqs")
        return Workers(self._sandbox, queue_url, client=client, **settings)

    def play(self, *players: Player, seconds: float | None = None) -> None:
        """Let traffic and workers act, in order of time. It takes no longer than the work itself."""
        from labkit.workload import play

        self._require_open()
        play(self._sandbox, *players, seconds=seconds)
