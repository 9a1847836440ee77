"""The ways a lab shows its account, and other ways into it. Each loads nothing before it is asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from labkit.drawing.beside import Comparison
    from labkit.drawing.diagram import Diagram
    from labkit.drawing.picture import Picture
    from labkit.notebook.awscli import CliResult
    from labkit.notebook.bill import BillCard, PriceCard
    from labkit.notebook.console_live import ConsoleView
    from labkit.notebook.inbox import Inbox
    from labkit.notebook.live import View
    from labkit.sandbox import Sandbox


class Views(ABC):
    """What `Lab` inherits: figures and tables of the account, and how other programs reach it."""

    _sandbox: Sandbox

    @abstractmethod
    def _require_open(self) -> None:
        """Raise `LabkitError` when the account is closed."""

    @abstractmethod
    def _wanted_figure(self) -> Callable[[], Diagram] | None:
        """What makes the diagram of the finished lab, or None when the lab has none."""

    def draw(
        self,
        expected: bool | Diagram = False,
        services: Iterable[str] | None = None,
        region: str | None = None,
    ) -> Picture | Comparison:
        """The account as a figure. `expected=True` puts what is wanted beside it, a `Diagram` your own plan."""
        from labkit.drawing.account import draw_account, draw_beside

        self._require_open()
        if expected is False:
            return draw_account(self._sandbox, services, region)
        wanted = self._wanted_figure() if expected is True else expected
        return draw_beside(self._sandbox, wanted, services, region)

    def timeline(
        self,
        resource: str | None = None,
        kind: str = "messages",
        since: int | float | datetime | timedelta | None = None,
    ) -> Picture:
        """What happened on the lab's clock: the lives of messages; of a state machine or execution, every attempt;
        of a service or cluster of ECS, every task.

        `kind="deliveries"` tells what services handed to each other, with every try; `kind="functions"` the runs
        of functions; `kind="states"` the latest execution; `kind="tasks"` all tasks; `kind="calls"` the calls.
        """
        from labkit.drawing.timeline import timeline

        return timeline(self._sandbox, resource, kind, since)

    def states(
        self, machine: str | dict[str, Any] | None = None, execution: str | None = None, data: bool = True
    ) -> Picture:
        """A state machine as a graph: `lab.states("order-flow")`, or a definition that is not stored yet.

        Coloured by an execution: `lab.states(execution_arn)`, or `lab.states("order-flow", "latest")`. Its arrows say
        what is new in the data, unless `data=False`.
        """
        from labkit.drawing.states.figure import draw_states

        self._require_open()
        return draw_states(self._sandbox, machine, execution, data)

    def placement(self, cluster: str | None = None) -> Picture:
        """Where the tasks of an ECS cluster stand: by capacity provider and zone, on EC2 by instance."""
        from labkit.drawing.placement import placement

        self._require_open()
        return placement(self._sandbox, cluster)

    def console(self, service: str | None = None, most: int = 12) -> ConsoleView:
        """The account at a glance: resources by service, the clock, the last errors and events."""
        from labkit.notebook.console_live import ConsoleView

        self._require_open()
        return ConsoleView(self._sandbox, service, most)

    def inbox(self, to: str | None = None) -> Inbox:
        """E-mails, text messages and push messages, newest first. `lab.inbox()[0].confirm()` visits a link.

        `to` shows one address, number, device or URL.
        """
        from labkit.notebook.inbox import Inbox

        self._require_open()
        return Inbox.of(self._sandbox, to)

    def bill(
        self,
        since: int | float | datetime | timedelta | None = None,
        by: str = "service",
        scale: float | str = 1,
    ) -> BillCard:
        """What the account would cost on AWS: since a moment (a `trace.mark()`, a time, how long ago) or in all.

        `by` is "service", "resource" or "tag" (`project`; another one as "tag:owner"). `scale` multiplies what
        happened; "month" is a month that goes on like this. `.total` is the number.
        """
        from labkit.notebook.bill import bill_card

        self._require_open()
        return bill_card(self._sandbox, since, by, scale)

    def price(self, service: str, unit: str, amount: float, region: str | None = None) -> PriceCard:
        """What so much would cost in a month: `lab.price("sqs", "requests", 50_000_000)`. `.cost` is the number."""
        from labkit.notebook.bill import price_card

        self._require_open()
        return price_card(self._sandbox, service, unit, amount, region)

    def watch(self, resource: str | None = None) -> View:
        """Your queues, one of them, or a state machine, as a figure that follows each cell. `.stop()` ends it."""
        from labkit.notebook.live import watch

        self._require_open()
        return watch(self._sandbox, resource)

    def endpoint(self) -> str:
        """The address under which other programs on this machine reach the account, until it is closed."""
        from labkit.sandbox.endpoint import of

        self._require_open()
        return of(self._sandbox).url

    def cli(self, command: str | Sequence[str], seconds: float = 60) -> CliResult:
        """Run the real AWS CLI against the account: `lab.cli("aws sqs list-queues").json`."""
        from labkit.notebook.awscli import run

        self._require_open()
        return run(self._sandbox, command, seconds)
