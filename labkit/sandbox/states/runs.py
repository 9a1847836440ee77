"""One execution as plain data: it is copied with the account, and nothing in it is alive."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from labkit.sandbox.states.resources import Resource

MOST_EVENTS: Final = 25_000
"""Events in the history of a Standard execution (developer guide, service-quotas.html)."""


@dataclass
class Track:
    """One line of states: the execution itself, a branch of Parallel, an item of an Inline Map.

    `event` is the event the next one follows. `epoch` grows whenever what the track waits for is over; what comes back
    for an older epoch comes too late. `task` describes the call it waits for. `results` and `pending` belong to a
    Parallel or Inline Map that is at work; a Distributed Map keeps them in a `MapRun`.
    """

    id: int
    parent: int | None
    index: int
    name: str
    data: Any
    event: int = 0
    variables: dict[str, Any] = field(default_factory=dict)
    item: dict[str, Any] | None = None
    waiting: str = ""
    entered: float = 0.0
    entered_event: int = 0
    epoch: int = 0
    retries: dict[int, int] = field(default_factory=dict)
    retried: int = 0
    task: dict[str, Any] = field(default_factory=dict)
    results: list[Any] = field(default_factory=list)
    pending: deque[tuple[int, Any]] = field(default_factory=deque)
    working: int = 0
    done: bool = False
    map_run: str = ""


@dataclass
class MapRun:
    """The child executions of a Distributed Map. Lists have one entry for each child execution.

    `count` and `share` (per cent) are the tolerated failures, None where nothing was said.
    """

    arn: str
    label: str
    track: int
    started: float
    express: bool
    most: int
    asked: int
    count: int | None = None
    share: float | None = None
    inputs: list[Any] = field(default_factory=list)
    items: list[dict[str, Any] | None] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    arns: list[str] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    waiting: deque[int] = field(default_factory=deque)
    running: int = 0
    failed_items: int = 0
    status: str = "RUNNING"
    ended: float | None = None
    redrives: int = 0
    redriven: float | None = None
    written: bool = False

    @property
    def total(self) -> int:
        """How many items there are."""
        return sum(self.sizes)

    @property
    def tolerated(self) -> float:
        """How many items may fail. When both limits are given, the stricter one counts; without any, none may."""
        limits = [] if self.count is None else [float(self.count)]
        if self.share is not None:
            limits.append(self.total * self.share / 100)
        return min(limits, default=0.0)


class Parent(NamedTuple):
    """Who waits for a child execution of a Map Run: an execution, its track, and the child's number."""

    arn: str
    track: int
    epoch: int
    number: int


@dataclass
class Run:
    """An execution: what it runs, where it stands, and what happened."""

    arn: str
    name: str
    machine_arn: str
    machine_name: str
    role: str
    definition: dict[str, Any]
    input: Any
    started: float
    express: bool = False
    version: str = ""
    alias: str = ""
    tracks: dict[int, Track] = field(default_factory=dict)
    next_track: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    status: str = "RUNNING"
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    ended: float | None = None
    ready: deque[int] = field(default_factory=deque)
    turning: bool = False
    redrives: int = 0
    redriven: float | None = None
    life: int = 0
    map_runs: dict[str, MapRun] = field(default_factory=dict)
    parent: Parent | None = None
    map_run: str = ""
    item: dict[str, Any] | None = None
    logging: dict[str, Any] = field(default_factory=dict)
    single: bool = False
    """One state only, for TestState: it ends where the state is left. `mock` stands for its work."""
    mock: dict[str, Any] | None = None
    outcome: dict[str, Any] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.status == "RUNNING"

    def inspect(self, **seen: Any) -> None:
        """TestState: keep how the data looked on its way."""
        if self.single:
            self.outcome.setdefault("inspected", {}).update(seen)


class Host(Protocol):
    """What a machine asks of the world around it."""

    def now(self) -> float:
        """Seconds since 1970."""

    def later(self, run: Run, seconds: float, track: int, epoch: int, what: str) -> None:
        """Have `Machine.wake(track, epoch, what)` called after so many seconds."""

    def call(self, run: Run, track: Track, resource: Resource, arguments: Any) -> None:
        """Begin a task's call. In the end `Machine.reply` is told, now or later."""

    def dice(self, *key: Any) -> Any:
        """Seeded chance for one occasion."""

    def read_items(self, run: Run, state: dict[str, Any], arguments: Any, config: dict[str, Any]) -> Any:
        """What the ItemReader of a Distributed Map reads. Raises `StateFailed`."""

    def write_results(self, run: Run, where: dict[str, Any], files: dict[str, bytes]) -> None:
        """Put the files of a ResultWriter into a bucket. Raises `StateFailed`."""

    def begin_child(self, run: Run, kept: MapRun, parent: Parent, definition: dict[str, Any]) -> str:
        """Begin a child execution of a Map Run; returns its ARN. Raises `StateFailed`."""

    def child(self, arn: str) -> Run | None:
        """A child execution."""

    def end_child(self, arn: str) -> None:
        """Abort a child execution."""

    def redrive_child(self, arn: str, parent: Parent) -> bool:
        """Redrive a child execution, if it can be."""

    def ended(self, run: Run) -> None:
        """The execution is over."""

    def recorded(self, run: Run, event: dict[str, Any]) -> None:
        """An event was added to the history."""
