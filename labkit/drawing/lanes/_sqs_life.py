"""One message while its story is read: which state it is in, and since when."""

from __future__ import annotations

from labkit.drawing.timeline_model import Bar, Lane, Mark
from labkit.drawing.timeline_words import date_of, moment
from labkit.sandbox.trace import short_name


class Life:
    """One message while its story is read. Copies are kept apart: at-least-once delivery can make a second."""

    def __init__(self, message: str, queue: str) -> None:
        self.message = message
        self.queue = queue
        self.places = [queue]
        self.dead = False
        self.receives = 0
        self.copies: list[float] = []  # when each copy is visible again; 0 for one that waits
        self.delayed_until = 0.0
        self.bars: list[Bar] = []
        self.marks: list[Mark] = []
        self._state = ""
        self._from = 0.0

    # -- what happens ----------------------------------------------------------------------------

    def mark(self, time: float, sign: str, said: str, more: str = "", text: str = "") -> None:
        self.marks.append(Mark(time, sign, said, more, text))

    def settle(self, time: float, gone: str = "") -> None:
        """The bar that stood until now ends, when the state is another one."""
        state = gone or self._present()
        if state == self._state:
            return
        if self._state:
            self.bars.append(Bar(self._from, time, self._state))
        self._state, self._from = state, time

    def arrive(self, time: float, queue: str, until: float) -> None:
        if queue != self.queue:
            self.queue = queue
            self.places.append(queue)
        self.delayed_until = until
        self.copies = self.copies or [0.0]
        self.settle(time)

    def fly(self, time: float, until: float) -> None:
        self.delayed_until = 0.0
        self.copies = self.copies or [0.0]
        place = min(range(len(self.copies)), key=lambda one: self.copies[one])
        self.copies[place] = until if until > time else 0.0
        self.settle(time)

    def hold(self, time: float, until: float) -> None:
        self.copies = self.copies or [0.0]
        place = max(range(len(self.copies)), key=lambda one: self.copies[one])
        self.copies[place] = until if until > time else 0.0
        self.settle(time)

    def surface(self, time: float) -> None:
        """The visibility timeout or the delay of a copy ended."""
        self.delayed_until = 0.0
        flying = [one for one in self.copies if one]
        if flying:
            self.copies[self.copies.index(min(flying))] = 0.0
        self.copies = self.copies or [0.0]
        self.settle(time)

    def leave(self, time: float, state: str) -> None:
        """A copy is deleted; the message is gone when it was the last."""
        if self.copies:
            self.copies.remove(max(self.copies))
        if not self.copies:
            self.end(time, state)
        else:
            self.settle(time)

    def end(self, time: float, state: str) -> None:
        self.copies, self.delayed_until = [], 0.0
        self.settle(time, gone=state)

    def _present(self) -> str:
        if self.delayed_until:
            return "delayed"
        if any(self.copies):
            return "in flight"
        return ("dead-lettered" if self.dead else "waiting") if self.copies else self._state

    # -- the lane --------------------------------------------------------------------------------

    def catch_up(self, now: float) -> None:
        """What time has done by itself since the last event."""
        if self.delayed_until and self.delayed_until <= now:
            due = self.delayed_until
            self.mark(due, "timeout", "visible", "the delay is over")
            self.surface(due)
        while over := [one for one in self.copies if 0 < one <= now]:
            self.mark(min(over), "timeout", "visible again")
            self.surface(min(over))

    def lane(self, name: str, now: float) -> Lane:
        self.catch_up(now)
        planned = max([self.delayed_until, *self.copies], default=0.0)
        last = Bar(self._from, max(now, self._from), self._state, planned)
        places = tuple(dict.fromkeys(short_name(one) for one in self.places))
        marks = tuple(sorted(self.marks, key=lambda mark: mark.time))
        return Lane(name, (*self.bars, last), marks, places, self._standing(planned), key=self.message)

    def _standing(self, planned: float) -> str:
        where = short_name(self.queue)
        if self._state in ("deleted", "lost"):
            return ""
        if planned:
            return f"now {self._state} in {where} until {moment(planned, date_of(self._from))}"
        return f"now waiting in {where}" + (" (dead-lettered)" if self._state == "dead-lettered" else "")
