"""One execution as plain data: it is copied with the account, and nothing in it is alive."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from labkit.sandbox.states.resources import Resource

MOST_EVENTS: Final = 25_000
"""Events in the history of a Standard execution (developer guide, quotas)."""


@dataclass
class Track:
    """One line of states: the execution itself, a branch of Parallel, an item of Map.

    `epoch` grows whenever what the track waits for is over; what comes back for an older epoch comes too late.
    `task` describes the call it waits for. `results` and `pending` belong to a Parallel or Map that is at work.
    """

    id: int
    parent: int | None
    index: int
    name: str
    data: Any
    event: int = 0
    variables: dict[str, Any] = field(default_factory=dict)
    item: dict[str, Any] | None = None
    silent: bool = False
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
    failed: int = 0
    done: bool = False
    map_run: str = ""


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
    map_runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    logging: dict[str, Any] = field(default_factory=dict)
    single: bool = False
    """One state only, for TestState: it ends where the state is left. `mock` stands for its work."""
    mock: dict[str, Any] | None = None
    outcome: dict[str, Any] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.status == "RUNNING"


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

    def read_items(self, run: Run, state: dict[str, Any], arguments: Any) -> list[Any]:
        """What the ItemReader of a Distributed Map reads. Raises `StateFailed`."""

    def ended(self, run: Run) -> None:
        """The execution is over."""

    def recorded(self, run: Run, event: dict[str, Any]) -> None:
        """An event was added to the history."""
