"""The console where a learner works: the card of the moment, and in a live kernel buttons that move the clock.

A click redraws the card where it stands. Each button does what a call does; without a kernel the card is all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labkit.judging.card import Card
from labkit.notebook import shell
from labkit.notebook.console import MOST_ROWS, Console, console
from labkit.notebook.live_place import Place, Said, clock_actions, offer_buttons, require_open

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox


class ConsoleView(Card):
    """The account, looked at. `now` is the card it shows."""

    def __init__(self, sandbox: Sandbox, service: str | None = None, most: int = MOST_ROWS) -> None:
        self._sandbox = sandbox
        self._asked = (service, most)
        self._place = Place()
        self.now: Console = console(require_open(sandbox), *self._asked)

    def redraw(self) -> ConsoleView:
        """Look at the account again and show it."""
        self.now = console(require_open(self._sandbox), *self._asked)
        self._place.update(self.now)
        return self

    def html(self) -> str:
        """The card as HTML."""
        return self.now.html()

    def text(self) -> str:
        """The card as text."""
        return self.now.text()

    def data(self) -> dict[str, Any]:
        """The account for programs."""
        return self.now.data()

    def _ipython_display_(self) -> None:
        if not shell.has_front_end():
            raise NotImplementedError  # IPython then takes the text
        self._place.show(self.now)
        actions = clock_actions(self._sandbox, self.redraw)
        offer_buttons([*actions, ("Look again", "lab.console()", self._looked)])

    def _looked(self) -> Card:
        self.redraw()
        return Said("This is the account now.")
