"""Views that follow the account: `lab.watch()`.

A view is redrawn after each cell and on a click. There is no thread and no timer: between two cells nothing
happens in the account either. Without a front end a view is a picture of the moment.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from labkit.drawing.live_picture import live_picture
from labkit.drawing.picture import Picture
from labkit.drawing.timeline_words import cut
from labkit.errors import LabkitError, NotFound
from labkit.judging.card import Card
from labkit.notebook import shell
from labkit.notebook.live_place import Place, Said, clock_actions, offer_buttons, require_open
from labkit.sandbox.trace import short_name

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

_views: dict[str, View] = {}


class View(Card):
    """A figure that follows the account until `stop()`. `picture` is what it shows now."""

    def __init__(self, sandbox: Sandbox, resource: str, picture: Picture) -> None:
        self._sandbox = sandbox
        self._place = Place()
        self._listening = False
        self.resource = resource
        self.picture = picture

    @property
    def running(self) -> bool:
        """Whether it is redrawn after each cell."""
        return self._listening

    def redraw(self) -> View:
        """Look at the account again and show it."""
        require_open(self._sandbox)
        try:
            picture = live_picture(self._sandbox, self.resource)
        except NotFound:
            told = "It is not in the account any more, and the record of it is gone."
            picture = Picture("", f"{cut(self.resource, 60)}", told, "", kind="live")
        if (picture.drawing, picture.twin) != (self.picture.drawing, self.picture.twin):
            self._place.update(picture)
        self.picture = picture
        return self

    def stop(self) -> None:
        """Leave the figure as it is. Stopping twice is no error."""
        if self._listening:
            self._listening = False
            with contextlib.suppress(ValueError):  # somebody has emptied IPython's list before
                shell.shell().events.unregister("post_run_cell", self._after_cell)
        if _views.get(self.resource) is self:
            del _views[self.resource]

    def html(self) -> str:
        """The figure as HTML."""
        return self.picture.html()

    def text(self) -> str:
        """The figure in words."""
        return self.picture.text()

    def data(self) -> dict[str, object]:
        """The figure for programs."""
        return self.picture.data()

    # -- in a notebook ---------------------------------------------------------------------------

    def _listen(self) -> None:
        shell.shell().events.register("post_run_cell", self._after_cell)
        self._listening = True
        self._show()

    def _show(self) -> None:
        self._place.show(self.picture)
        actions = clock_actions(self._sandbox, self.redraw)
        actions += [
            ("Redraw", "view.redraw()", lambda: self._said(self.redraw)),
            ("Stop", "view.stop()", lambda: self._said(self.stop)),
        ]
        offer_buttons(actions)

    def _said(self, act: Callable[[], object]) -> Card:
        act()
        return Said("This view is stopped." if not self._listening else f"Redrawn: {self.picture.title}.")

    def _after_cell(self, _result: object = None) -> None:
        try:
            self.redraw()
        except LabkitError:  # the lab was closed, or another one was opened
            self.stop()
        except Exception as error:  # a view must never break the learner's cell
            self.stop()
            self._place.update(
                Picture("", self.picture.title, f"This view stopped: our fault ({error!r}).", "", kind="live")
            )

    def _ipython_display_(self) -> None:
        """As the result of a cell: nothing more where it is shown already, and else here from now on."""
        if not self._listening:
            shell.show(self.picture)
        elif not self._place.shown_now():
            self._show()


def watch(sandbox: Sandbox, resource: str | None = None) -> View:
    """Show the queues (or one resource) and keep the figure up to date.

    A second call for the same resource replaces the first. Raises `NotFound` for an unknown resource.
    """
    require_open(sandbox)
    name = cut(short_name(resource), 200) if resource else ""
    view = View(sandbox, name, live_picture(sandbox, name))
    for old in [one for one in _views.values() if one.resource == name or one._sandbox is not sandbox]:
        old.stop()
    if shell.has_front_end():
        _views[name] = view
        view._listen()
    return view
