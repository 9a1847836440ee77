"""The ways a lab shows its account. Each is drawn when it is asked for, and loads nothing before."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from labkit.drawing.beside import Comparison
    from labkit.drawing.diagram import Diagram
    from labkit.drawing.picture import Picture
    from labkit.notebook.console_live import ConsoleView
    from labkit.notebook.live import View
    from labkit.sandbox import Sandbox


class Views(ABC):
    """What `Lab` inherits: figures and tables of the account, none of which changes it."""

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
        """What happened on the lab's clock: the lives of messages, or the calls (`kind="calls"`)."""
        from labkit.drawing.timeline import timeline

        return timeline(self._sandbox, resource, kind, since)

    def console(self, service: str | None = None, most: int = 12) -> ConsoleView:
        """The account at a glance: resources by service, the clock, the last errors and events."""
        from labkit.notebook.console_live import ConsoleView

        self._require_open()
        return ConsoleView(self._sandbox, service, most)

    def watch(self, resource: str | None = None) -> View:
        """Your queues, or one of them, as a figure that follows each cell. `.stop()` ends it."""
        from labkit.notebook.live import watch

        self._require_open()
        return watch(self._sandbox, resource)
