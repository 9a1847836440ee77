"""The ways a lab shows its account. Each is drawn when it is asked for, and loads nothing before."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta

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
