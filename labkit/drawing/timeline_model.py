"""What a timeline shows, before anybody draws it: lanes with bars and marks, and how each state looks.

A service's events become lanes by one small function in `labkit/drawing/lanes/`. Everything after that
(the axis, the picture, the text twin, the counts) is the same for messages, tasks or deployments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from labkit.drawing.states.account import Machine
    from labkit.sandbox.trace import Event

Shape = Literal["disc", "ring", "diamond", "check", "cross", "square", "left", "down", "plus"]


@dataclass(frozen=True, slots=True)
class Look:
    """How a state looks. The word, the hatch and the edge tell it apart too: colour is never alone.

    `ink` is the colour of a word on the bar. `hatch` is matplotlib's. `done` states are not drawn as bars.
    """

    word: str
    fill: str = "#FFFFFF"
    edge: str = "#5A6B86"
    ink: str = "#232F3E"
    hatch: str = ""
    dashed: bool = False
    done: bool = False


@dataclass(frozen=True, slots=True)
class Sign:
    """How a kind of mark looks: its word in the legend, its shape and its colour."""

    word: str
    shape: Shape
    color: str = "#232F3E"


@dataclass(frozen=True, slots=True)
class Bar:
    """A lane is in a state from `start` to `end` (seconds since 1970, virtual).

    `planned` is when the state will end by itself; only the last bar of a lane has it, and only when that is
    still to come. `said` stands on the bar instead of the word of its state.
    """

    start: float
    end: float
    state: str
    planned: float = 0.0
    said: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something happened at a moment. `text` stands in the sign, `said` and `more` in the text twin."""

    time: float
    sign: str
    said: str
    more: str = ""
    text: str = ""

    def sentence(self, at: str) -> str:
        """Such as "received 10:00:05 (1st)"."""
        return f"{self.said} {at}".strip() + (f" ({self.more})" if self.more else "")


@dataclass(frozen=True, slots=True)
class Lane:
    """One thing over time. `places` is where it was (names of queues), `now` how it stands, in words.

    `detail` is a second line under the name.
    """

    name: str
    bars: tuple[Bar, ...] = ()
    marks: tuple[Mark, ...] = ()
    places: tuple[str, ...] = ()
    now: str = ""
    detail: str = ""
    key: str = ""

    @property
    def state(self) -> str:
        """The state the lane ends in, or an empty text."""
        return self.bars[-1].state if self.bars else ""

    def state_at(self, time: float) -> str:
        """The state the lane was in at a time, or an empty text before it began."""
        return next((bar.state for bar in reversed(self.bars) if bar.start <= time), "")

    def moments(self) -> list[float]:
        """Every time at which something begins, ends or happens."""
        ends = [time for bar in self.bars for time in (bar.start, bar.end, bar.planned) if time]
        return ends + [mark.time for mark in self.marks]

    def since(self, start: float) -> Lane | None:
        """The lane from a time on, or None when nothing of it is left."""
        bars = tuple(replace(bar, start=max(bar.start, start)) for bar in self.bars if bar.end >= start)
        marks = tuple(mark for mark in self.marks if mark.time >= start)
        if not marks and not any(bar.end > bar.start for bar in bars):
            return None
        return replace(self, bars=bars, marks=marks)


@dataclass(frozen=True, slots=True)
class Past:
    """What a teller of stories works from: the events in order, the time now, one resource's name or "".

    `bodies` names things that the trace no longer names (message id -> body), `names` are the resources that the
    account has beside those in the trace, `machines` its state machines with their executions.
    """

    events: Sequence[Event]
    now: float
    resource: str = ""
    bodies: Mapping[str, str] = field(default_factory=dict)
    names: Sequence[str] = ()
    machines: Sequence[Machine] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """All lanes of a figure, with what is needed to draw and to tell it.

    `nouns` are the words for one lane and for several. `looks` and `signs` are in the order of the legend.
    `now` is the time of the account. `known` are the resources one could ask for. `notices` says of lanes what
    a reader should see first, best first. `empty` is told when there is no lane. A story whose lanes can be
    `counted` by state is drawn as counts when there are `many`. An `uneven` one ("waits", "runs" or
    "steps", see `timeline_axis`) is drawn with long gaps narrowed: a retry after a second and one after an hour are
    both seen. What is `over` ended before now: its figure ends there too.
    """

    title: str
    nouns: tuple[str, str]
    lanes: tuple[Lane, ...]
    looks: Mapping[str, Look]
    signs: Mapping[str, Sign]
    now: float
    known: tuple[str, ...] = ()
    notices: Callable[[Sequence[Lane]], list[str]] = lambda _lanes: []
    empty: str = "Nothing has happened yet."
    counted: bool = True
    many: bool = False
    uneven: str = ""
    over: bool = False

    @property
    def begin(self) -> float:
        """When the figure begins."""
        return min((moment for lane in self.lanes for moment in lane.moments()), default=self.now)

    def since(self, start: float) -> Story:
        """The same story from a time on."""
        kept = (lane.since(start) for lane in self.lanes)
        return replace(self, lanes=tuple(lane for lane in kept if lane is not None and self._tells(lane)))

    def _tells(self, lane: Lane) -> bool:
        """Whether anything of a lane is seen: what was over before is not."""
        return bool(lane.marks) or any(not self.looks[bar.state].done for bar in lane.bars)
