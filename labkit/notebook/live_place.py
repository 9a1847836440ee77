"""A place in a notebook where something is shown and can be shown anew: IPython's display handle, and buttons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labkit.errors import LabkitError
from labkit.judging.card import Card, esc
from labkit.notebook import shell

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

Action = tuple[str, str, Callable[[], Card]]
"""What stands on a button, the call that does the same, and what to do."""


@dataclass(frozen=True, eq=False, repr=False)
class Said(Card):
    """One sentence after a click."""

    sentence: str

    def html(self) -> str:
        """The sentence as HTML; a screen reader speaks it."""
        return f'<p role="status">{esc(self.sentence)}</p>'

    def text(self) -> str:
        """The sentence."""
        return self.sentence


class Place:
    """Below a cell. Needs a kernel with a front end."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._execution = -1

    def shown_now(self) -> bool:
        """Whether the running cell has shown it already."""
        return self._handle is not None and self._execution == _execution()

    def show(self, card: Card) -> None:
        """Show it below the running cell; from now on it is here and nowhere else."""
        from IPython.display import display

        self._handle = display(card, display_id=True)
        self._execution = _execution()

    def update(self, card: Card) -> None:
        """Show another thing at the same place."""
        if self._handle is not None:
            self._handle.update(card)


def _execution() -> int:
    return int(getattr(shell.shell(), "execution_count", 0))


def clock_actions(sandbox: Sandbox, redraw: Callable[[], object]) -> list[Action]:
    """Buttons that move the clock, each as a call would, and then redraw."""

    def move(**time: float) -> Card:
        with require_open(sandbox).lock:
            moved = sandbox.clock.advance(**time)
        redraw()
        return Said(repr(moved))

    def next_event() -> Card:
        waiting = require_open(sandbox).clock.waiting
        if not waiting:
            return Said("Nothing is due, so there is no next event to go to.")
        return move(seconds=max(0.0, waiting[0].when - sandbox.clock.time()))

    return [
        ("+30 s", "lab.clock.advance(seconds=30)", lambda: move(seconds=30)),
        ("+5 min", "lab.clock.advance(minutes=5)", lambda: move(minutes=5)),
        ("+1 h", "lab.clock.advance(hours=1)", lambda: move(hours=1)),
        ("To the next event", "lab.clock.advance(...) up to what is due next", next_event),
    ]


def require_open(sandbox: Sandbox) -> Sandbox:
    """The sandbox, when it runs. Raises `LabkitError` for one that was closed."""
    if not sandbox.running:
        raise LabkitError("This account is closed. Run the setup cell of the notebook to open the lab again.")
    return sandbox


def offer_buttons(actions: list[Action]) -> None:
    """Show buttons below the running cell, where ipywidgets is there. What they do can be called, too."""
    try:
        from labkit.notebook.buttons import offer
    except ImportError:
        return
    offer(actions)
