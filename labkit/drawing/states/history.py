"""What an execution did, visit by visit, from the events of its history.

An event names the one before it in its own line of states, so branches and items are told apart although their events
are mixed. Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

Event = Mapping[str, Any]
_ENTERED: Final = "StateEntered"
_EXITED: Final = "StateExited"
_BEGUN: Final = (
    "TaskScheduled", "LambdaFunctionScheduled", "ActivityScheduled", "ParallelStateStarted", "MapStateStarted",
)  # fmt: skip
_BROKEN: Final = (
    "TaskFailed", "TaskTimedOut", "TaskStartFailed", "TaskSubmitFailed", "LambdaFunctionFailed",
    "LambdaFunctionTimedOut", "LambdaFunctionScheduleFailed", "LambdaFunctionStartFailed", "ActivityFailed",
    "ActivityTimedOut", "ActivityScheduleFailed", "EvaluationFailed", "MapRunFailed", "ParallelStateFailed",
    "MapStateFailed",
)  # fmt: skip
_FRAMES: Final = ("Parallel", "Map")
_ITEMS: Final = {
    "MapIterationSucceeded": "done", "MapIterationFailed": "failed", "MapIterationAborted": "stopped",
}  # fmt: skip


@dataclass(eq=False, slots=True)
class Try:
    """One attempt of a state: when it began and ended (0 while it runs), whether it failed, and with which error.

    `redriven` is the first one after a redrive.
    """

    start: float
    end: float = 0.0
    failed: bool = False
    error: str = ""
    cause: str = ""
    redriven: bool = False


@dataclass(eq=False, slots=True)
class Visit:
    """One stay in a state. `state` is "running", "done", "caught", "failed", "stopped" or "redriven".

    `around` is the visit of the Parallel or Map it belongs to, `item` the item of a Map it works on. `left` is when it
    ended. `waits_since` is when it began to wait for its next attempt.
    """

    name: str
    kind: str
    entered: float
    input: str = ""
    output: str = ""
    around: Visit | None = None
    item: int | None = None
    state: str = "running"
    left: float = 0.0
    tries: list[Try] = field(default_factory=list)
    error: str = ""
    cause: str = ""
    waits_since: float = 0.0
    items: dict[int, str] = field(default_factory=dict)
    inside: list[Visit] = field(default_factory=list)
    size: int = 0
    submitted: bool = False
    succeeded: bool = False
    redriven: bool = False
    map_run: str = ""

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self.state == "running"

    @property
    def broken(self) -> bool:
        """Whether its last attempt failed, or it did by itself."""
        return bool(self.error) or self.kind == "Fail" or bool(self.tries and self.tries[-1].failed)

    @property
    def path(self) -> tuple[int, ...]:
        """The items of the Maps around it, the outermost first."""
        outer = self.around.path if self.around is not None else ()
        return outer if self.item is None else (*outer, self.item)


@dataclass(eq=False, slots=True)
class Step:
    """From one state to another, with the data that went along. `source` is empty at the beginning of the execution.

    `before` is what the source was given. `caught` says that it was the way of a Catch.
    """

    source: str
    target: str
    data: str
    before: str = ""
    caught: bool = False


class History:
    """The visits and steps of an execution. `status` is the one of the execution.

    `errors` are those of Fail states, by name, and `again` the names of states with a Retry, as the definition has
    them: the events do not always tell the one, and which of two frames begins anew.
    """

    def __init__(
        self,
        events: Iterable[Event],
        status: str = "RUNNING",
        errors: Mapping[str, str] | None = None,
        again: Collection[str] | None = None,
    ) -> None:
        self.visits: list[Visit] = []
        self.steps: list[Step] = []
        self.status = status
        self.redrives = 0
        self._errors, self._again = errors or {}, again
        self.began = self.ended = 0.0
        self._owner: dict[int, Visit] = {}
        self._item: dict[int, int] = {}
        self._last: dict[int, Event] = {}
        for event in events:
            self._read(event)
        self._close()

    # -- reading ---------------------------------------------------------------------------------

    def _read(self, event: Event) -> None:
        kind, number = str(event["type"]), int(event["id"])
        now, before = _seconds(event["timestamp"]), int(event.get("previousEventId") or 0)
        details = next((one for name, one in event.items() if name.endswith("EventDetails")), None) or {}
        self.began = self.began or now
        self.ended = now
        self._last[number] = event
        if kind.endswith(_ENTERED):
            visit = self._enter(kind.removesuffix(_ENTERED), before, now, details)
        elif kind == "ExecutionRedriven":
            self._redriven()
            return
        elif kind.startswith("Execution"):
            self._outcome(kind, before, details)
            return
        else:
            found = self._of(kind, before, details)
            if found is None:
                return
            visit = found
            self._happened(visit, kind, number, before, now, details)
        self._owner[number] = visit

    def _enter(self, kind: str, before: int, now: float, details: Mapping[str, Any]) -> Visit:
        name, data = str(details.get("name", "")), str(details.get("input", ""))
        earlier, last = self._owner.get(before), str(self._last.get(before, {}).get("type", ""))
        visit = Visit(name, kind, now, data, error=self._errors.get(name, ""))
        if last.endswith(_EXITED) and earlier is not None:
            visit.around, visit.item = earlier.around, earlier.item
            self.steps.append(Step(earlier.name, name, data, earlier.input, earlier.state == "caught"))
        elif last in ("ParallelStateStarted", "MapIterationStarted") and earlier is not None:
            visit.around, visit.item = earlier, self._item.get(before)
            self.steps.append(Step(earlier.name, name, data, earlier.input))
        elif last == "ExecutionStarted" or before == 0:  # on AWS the first state follows nothing
            self.steps.append(Step("", name, data))
        else:  # a redrive enters states anew: it is where it was
            for old in reversed(self.visits):
                if old.name == name and old.state in ("redriven", "running"):
                    visit.around, visit.item, old.state = old.around, old.item, "redriven"
                    break
        self.visits.append(visit)
        if visit.around is not None:
            visit.around.inside.append(visit)
        return visit

    def _of(self, kind: str, before: int, details: Mapping[str, Any]) -> Visit | None:
        """The visit that an event belongs to."""
        found = self._owner.get(before)
        frame = next((one for one in _FRAMES if kind.startswith(one)), "")
        if not frame or kind.startswith("MapRun"):
            frame = "Map" if kind.startswith("MapRun") else ""
        if not frame:
            return found
        name = str(details.get("name", ""))
        while found is not None:
            fits = found.kind == frame and (not name or found.name == name)
            if fits and found.open and (not kind.endswith("StateStarted") or self._may_begin(found)):
                return found
            found = found.around
        return None

    def _may_begin(self, frame: Visit) -> bool:
        """Whether a frame begins now: for the first time, again by its Retry, or after a redrive."""
        return not frame.tries or frame.redriven or self._again is None or frame.name in self._again

    def _happened(
        self, visit: Visit, kind: str, number: int, before: int, now: float, details: Mapping[str, Any]
    ) -> None:
        if kind in _BEGUN:
            redriven = visit.state == "redriven"
            if redriven:  # a redrive begins the work again, without entering the state
                visit.state, visit.left, visit.error, visit.cause = "running", 0.0, "", ""
            if (
                visit.tries and not visit.tries[-1].end
            ):  # nobody said that the frame failed: what is in it did
                self._broke(
                    visit, _seconds(self._last[before]["timestamp"]) if before in self._last else now, {}
                )
            visit.tries.append(Try(now, redriven=redriven))
            visit.succeeded = False
            visit.waits_since, visit.submitted = 0.0, False
            visit.size = int(details.get("length") or visit.size)
            if kind.endswith("StateStarted"):
                visit.items.clear()
                self._drop(visit)
        elif kind in _BROKEN:
            self._broke(visit, now, details)
        elif kind.endswith(_EXITED):
            self._left(visit, now, str(details.get("output", "")), before)
        elif kind.endswith("StateAborted"):
            failed = visit.broken and self.status != "ABORTED"
            visit.state, visit.left = "failed" if failed else "stopped", visit.waits_since or now
        elif kind == "MapIterationStarted":
            self._item[number] = int(details.get("index") or 0)
            visit.items[self._item[number]] = "running"
        elif kind in _ITEMS:
            visit.items[int(details.get("index") or 0)] = _ITEMS[kind]
        elif kind == "TaskSubmitted":
            visit.submitted = True
        elif kind == "MapRunStarted":
            visit.map_run = str(details.get("mapRunArn", ""))
        elif kind.endswith("Succeeded") and visit.tries:
            visit.tries[-1].end, visit.succeeded = now, True

    def _broke(self, visit: Visit, now: float, details: Mapping[str, Any]) -> None:
        if not visit.tries or visit.tries[-1].end:
            visit.tries.append(Try(now))  # it failed by itself, before or after its call
        last = visit.tries[-1]
        error, cause = str(details.get("error") or ""), str(details.get("cause") or "")
        if not error and visit.kind in _FRAMES:
            error, cause = self._inner_error(visit)
        last.end, last.failed, last.error, last.cause = now, True, error or last.error, cause or last.cause
        visit.error, visit.cause, visit.waits_since = last.error, last.cause, now

    def _inner_error(self, frame: Visit) -> tuple[str, str]:
        """Why a Parallel or Map failed: the events of its own do not say it."""
        for visit in reversed(frame.inside):
            if visit.broken and visit.state not in ("redriven", "caught"):
                return visit.error, visit.cause
        return "", ""

    def _left(self, visit: Visit, now: float, output: str, before: int) -> None:
        last = str(self._last.get(before, {}).get("type", ""))
        broken = not visit.succeeded if visit.kind in _FRAMES else last in _BROKEN
        visit.state = "caught" if broken else "done"
        visit.left, visit.output, visit.waits_since = now, output, 0.0
        if visit.state == "caught" and visit.kind in _FRAMES:
            if visit.tries and not visit.tries[-1].end:
                self._broke(visit, now, {})
            self._drop(visit)
        if visit.tries and not visit.tries[-1].end:
            visit.tries[-1].end = now

    def _drop(self, frame: Visit) -> None:
        """What still stood open in a frame that was left or begun anew has failed."""
        for visit in frame.inside:
            if visit.open:
                visit.state = "failed" if visit.broken else "stopped"
                visit.left = visit.left or visit.waits_since or visit.entered

    def _outcome(self, kind: str, before: int, details: Mapping[str, Any]) -> None:
        """The end of the execution names the error of the state that failed last, if nothing else did."""
        visit = self._owner.get(before)
        if kind == "ExecutionFailed" and visit is not None and visit.open and not visit.error:
            visit.error, visit.cause = str(details.get("error") or ""), str(details.get("cause") or "")

    def _redriven(self) -> None:
        self.redrives += 1
        for visit in self.visits:
            visit.redriven = visit.redriven or visit.state not in ("done", "caught")
            if visit.state in ("failed", "stopped") or (visit.open and visit.kind not in _FRAMES):
                visit.state, visit.left = "redriven", visit.left or visit.waits_since or visit.entered
            elif visit.open:
                visit.error, visit.cause, visit.waits_since = "", "", 0.0
                if visit.tries:
                    visit.tries[-1] = Try(visit.tries[-1].start)

    def _close(self) -> None:
        """What is open when the execution has ended has failed, or was stopped. Fail states always fail."""
        for visit in self.visits:
            if visit.kind == "Fail" and visit.open:
                visit.state, visit.left = "failed", visit.entered
            if visit.open and (self.status != "RUNNING" or _given_up(visit)):
                failed = visit.broken and self.status in ("FAILED", "RUNNING", "SUCCEEDED")
                visit.state = "failed" if failed else "stopped"
                visit.left = visit.waits_since or self.ended


def _given_up(visit: Visit) -> bool:
    """Whether a state has failed for good while the execution goes on: the item around it has failed."""
    around = visit.around
    return (
        visit.broken
        and around is not None
        and visit.item is not None
        and around.items.get(visit.item) == "failed"
    )


def _seconds(when: Any) -> float:
    return when.timestamp() if isinstance(when, datetime) else float(when)
