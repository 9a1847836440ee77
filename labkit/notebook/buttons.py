"""Buttons below a report. Each does what a function does; nothing lives only in them.

This module imports ipywidgets, which costs a tenth of a second: `offer` is its only door and opens it late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import ipywidgets

from labkit.errors import LabkitError
from labkit.judging.card import Card, esc
from labkit.notebook.shell import show

Action = tuple[str, str, Callable[[], Card]]
"""What stands on a button, the call that does the same, and what to do."""


class Buttons(ipywidgets.VBox):  # type: ignore[misc] # ipywidgets has no types
    """A row of buttons and a place for what they show. As text: one sentence with the calls."""

    def __init__(self, actions: Iterable[Action]) -> None:
        self._actions = tuple(actions)
        self.answer = ipywidgets.HTML()
        self.buttons = [self._button(*action) for action in self._actions]
        row = ipywidgets.HBox(self.buttons, layout=ipywidgets.Layout(flex_flow="row wrap"))
        super().__init__([row, self.answer])

    def _button(self, label: str, call: str, act: Callable[[], Card]) -> Any:
        button = ipywidgets.Button(
            description=label, tooltip=f"Does {call}", layout=ipywidgets.Layout(width="auto")
        )
        button.add_class("labkit-button")
        button.on_click(lambda pressed: self._press(pressed, act))
        return button

    def _press(self, button: Any, act: Callable[[], Card]) -> None:
        button.disabled = True
        try:
            self.answer.value = act().html()
        except LabkitError as error:
            self.answer.value = f'<p role="status">{esc(error)}</p>'
        finally:
            button.disabled = False

    def __repr__(self) -> str:
        calls = ", ".join(f"{label} does {call}" for label, call, _ in self._actions)
        return f"Buttons: {calls}."

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        forms = bundle[0] if isinstance(bundle, tuple) else bundle
        if forms:
            forms["text/plain"] = repr(self)
        return bundle


def offer(actions: Iterable[Action]) -> Buttons:
    """Show buttons below the running cell."""
    row = Buttons(actions)
    show(row)
    return row
