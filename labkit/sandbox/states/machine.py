"""Moves an execution on, one state after the other."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any, Final

from labkit.sandbox.states import (
    branches,
    distributed,
    expressions,
    flow,
    recovery,
    redrives,
    simple,
    surroundings,
    tasks,
)
from labkit.sandbox.states.errors import QUERY, RUNTIME, TIMEOUT, TOO_LARGE, StateFailed
from labkit.sandbox.states.flow import text_of
from labkit.sandbox.states.runs import MOST_EVENTS, Host, Run, Track
from labkit.sandbox.states.scope import Scope

State = dict[str, Any]
_AT_ONCE: Final = 2_000
"""Steps one piece of work does; then a second passes. A circle without a wait ends at the event limit."""
_FULL: Final = {"truncated": False}
_PLAIN_CAUSES: Final = (TOO_LARGE, "NotSimulated")
"""Errors whose cause AWS does not begin with the state's name."""


class _Stopped(Exception):
    """The execution ended in the middle of a step."""


def _entrance(work: Callable[..., Any]) -> Callable[..., Any]:
    """A way in from outside: an execution that ends meanwhile is no error."""

    @functools.wraps(work)
    def entered(*args: Any) -> Any:
        try:
            return work(*args)
        except _Stopped:
            return None

    return entered


class Machine:
    """One execution and the world around it. It keeps nothing itself: everything is in the `Run`."""

    def __init__(self, run: Run, host: Host) -> None:
        self.run = run
        self.host = host

    # -- from outside ------------------------------------------------------------------------------

    def start(
        self, variables: dict[str, Any] | None = None, retried: int = 0, *, stillborn: bool = False
    ) -> None:
        """Begin the execution. TestState gives variables, and how often the state was tried again."""
        run = self.run
        track = self.new_track(None, 0, run.definition["StartAt"], run.input)
        track.variables |= variables or {}
        track.item = run.item
        if retried:
            track.retried = retried
            track.retries = dict.fromkeys(range(len(self.state(track).get("Retry") or ())), retried)
        details = {"input": text_of(run.input), "inputDetails": _FULL, "roleArn": run.role}
        if run.version:
            details["stateMachineVersionArn"] = run.version
        if run.alias:
            details["stateMachineAliasArn"] = run.alias
        self.record(track, "ExecutionStarted", "executionStartedEventDetails", details)
        track.event = 0  # in AWS's histories the first state follows nothing
        if stillborn:  # it is ended before its first step
            return
        self.time_limit()
        run.ready.append(track.id)
        self.turn()

    @_entrance
    def wake(self, track_id: int, epoch: int, what: str) -> None:
        """Something that was put on the clock is due."""
        run = self.run
        if what == "expire":
            if run.running and run.life == epoch:
                self.end("TIMED_OUT", TIMEOUT)
            return
        track = self._awaited(track_id, epoch)
        if track is None:
            return
        if what in ("timeout", "heartbeat"):
            tasks.expired(self, track, what)
        elif what == "wait":
            track.waiting = ""
            self.step(track, functools.partial(simple.waited, self))
        else:
            track.waiting = ""
            run.ready.append(track.id)
        self.turn()

    @_entrance
    def reply(self, track_id: int, epoch: int, output: Any, failure: StateFailed | None = None) -> bool:
        """A task's call has ended. Returns whether anybody still waited for it."""
        track = self._awaited(track_id, epoch)
        if track is None or track.waiting != "task":
            return False
        tasks.answered(self, track, output, failure)
        self.turn()
        return True

    @_entrance
    def submitted(self, track_id: int, epoch: int, output: Any) -> None:
        """A task's call went through; its result comes later (`.sync`, `.waitForTaskToken`)."""
        track = self._awaited(track_id, epoch)
        if track is not None:
            tasks.submitted(self, track, output)

    @_entrance
    def child_ended(self, track_id: int, epoch: int, number: int) -> None:
        """A child execution of a Distributed Map has ended."""
        track = self._awaited(track_id, epoch)
        if track is not None and track.map_run:
            distributed.child_ended(self, track, number)
            self.turn()

    @_entrance
    def map_run_changed(self, track_id: int) -> None:
        """The limits of a running Map Run were changed: perhaps more may run, perhaps too many have failed."""
        track = self.run.tracks.get(track_id)
        if track is not None and track.map_run and self.run.running:
            distributed.go_on(self, track)
            self.turn()

    def stop(self, error: str | None, cause: str | None) -> None:
        """StopExecution."""
        self.end("ABORTED", error, cause)

    @_entrance
    def redrive(self) -> None:
        """Go on where the execution failed: steps that succeeded are not done again."""
        redrives.redrive(self)
        self.turn()

    def time_limit(self) -> None:
        """Have the whole execution end when its TimeoutSeconds are over."""
        limit = self.run.definition.get("TimeoutSeconds")
        if limit is not None:
            self.host.later(self.run, float(limit), -1, self.run.life, "expire")

    def _awaited(self, track_id: int, epoch: int) -> Track | None:
        track = self.run.tracks.get(track_id)
        return track if track is not None and self.run.running and track.epoch == epoch else None

    # -- the loop ----------------------------------------------------------------------------------

    def turn(self) -> None:
        """Do all steps that can be done now."""
        run = self.run
        if run.turning:
            return
        run.turning = True
        try:
            for _ in range(_AT_ONCE):
                if not run.ready or not run.running:
                    break
                track = run.tracks.get(run.ready.popleft())
                if track is not None and not track.waiting and not track.done:
                    self.step(track, self._enter)
            while run.ready and run.running:
                track = run.tracks.get(run.ready.popleft())
                if track is not None:
                    track.epoch += 1
                    track.waiting = "turn"
                    self.host.later(run, 1.0, track.id, track.epoch, "go")
        finally:
            run.turning = False

    def step(self, track: Track, work: Any) -> None:
        """Do a piece of work of a state; if it fails, the state fails."""
        try:
            work(track, self.state(track))
        except StateFailed as failure:
            self._failed_inside(track, failure)
        except _Stopped:
            pass

    def _failed_inside(self, track: Track, failure: StateFailed) -> None:
        with contextlib.suppress(_Stopped):
            self.failed(track, self.blamed(track, failure))

    def blamed(self, track: Track, failure: StateFailed) -> StateFailed:
        """A failure of a state itself, not of its task: AWS says which state, and notes a failed expression."""
        if failure.error in _PLAIN_CAUSES:
            return failure
        entered = f"(entered at the event id #{track.entered_event})"
        where = f"An error occurred while executing the state '{track.name}' {entered}. "
        failure = StateFailed(failure.error, where + (failure.cause or ""), location=failure.location)
        if failure.error == QUERY:
            details = failure.details | {"location": failure.location, "state": track.name}
            self.record(track, "EvaluationFailed", "evaluationFailedEventDetails", details)
        return failure

    def _enter(self, track: Track, state: State) -> None:
        kind = state["Type"]
        if not track.entered_event:
            text = text_of(track.data)
            track.entered = self.host.now()
            details = {"name": track.name, "input": text, "inputDetails": _FULL}
            self.record(track, f"{kind}StateEntered", "stateEnteredEventDetails", details)
            track.entered_event = track.event
            flow.check_size(text, "an input", track.name)
        _WORK[kind](self, track, state)

    # -- data --------------------------------------------------------------------------------------

    def block(self, track: Track) -> dict[str, Any]:
        """The part of the definition that a track runs in: it has `StartAt` and `States`."""
        if track.parent is None:
            return self.run.definition
        return branches.block(self.state(self.run.tracks[track.parent]), track.index)

    def state(self, track: Track) -> State:
        """The definition of the state a track is in."""
        return self.block(track)["States"][track.name]  # type: ignore[no-any-return]

    def jsonata(self, state: State) -> bool:
        """Whether a state speaks JSONata."""
        return flow.uses_jsonata(self.run.definition, state)

    def scope(self, track: Track, state: State, **states: Any) -> Scope:
        """What expressions of a state see."""
        return surroundings.scope(self, track, state, **states)

    # -- leaving a state ---------------------------------------------------------------------------

    def complete(self, track: Track, state: State, result: Any) -> None:
        """A state's work is done: shape its output and go on."""
        if self.jsonata(state):
            scope = self.scope(track, state, result=result)
            output = expressions.evaluate(state["Output"], scope, "Output") if "Output" in state else result
            assigned = expressions.evaluate(state.get("Assign") or {}, scope, "Assign")
        else:
            scope = self.scope(track, state)
            self.run.inspect(result=result)
            if "ResultSelector" in state:
                result = flow.template(state["ResultSelector"], scope._replace(data=result))
            assigned = flow.assigned(state, scope._replace(data=result))
            merged = flow.with_result(state, track.data, result)
            self.run.inspect(afterResultSelector=result, afterResultPath=merged)
            output = flow.output_path(state, merged, scope)
        self.leave(track, state, output, assigned, state.get("Next"))

    def leave(
        self, track: Track, state: State, output: Any, assigned: dict[str, Any], following: str | None
    ) -> None:
        """Go on to the next state, or end the track."""
        text = text_of(output)
        flow.check_size(text, "a result", track.name)
        details: dict[str, Any] = {"name": track.name, "output": text, "outputDetails": _FULL}
        if assigned:
            flow.check_size(text_of(assigned), "variables", track.name)
            details["assignedVariables"] = {name: text_of(value) for name, value in assigned.items()}
            details["assignedVariablesDetails"] = _FULL
            track.variables |= assigned
        self.record(track, f"{state['Type']}StateExited", "stateExitedEventDetails", details)
        if self.run.single:
            self.run.outcome.setdefault("next", following)
            self.end("SUCCEEDED", output=text)
        elif following is not None:
            self.go_to(track, following, output)
        elif track.parent is None:
            self.end("SUCCEEDED", output=text)
        else:
            branches.ended(self, track, output)

    def go_to(self, track: Track, name: str, data: Any) -> None:
        """Put a track into another state."""
        track.name, track.data, track.waiting, track.entered_event = name, data, "", 0
        track.retries, track.retried, track.task, track.map_run = {}, 0, {}, ""
        track.epoch += 1
        self.run.ready.append(track.id)

    # -- failing -----------------------------------------------------------------------------------

    def failed(self, track: Track, failure: StateFailed) -> None:
        """A state failed: try again, catch, or fail what is around it."""
        state = self.state(track)
        track.epoch += 1
        if track.waiting == "children":
            branches.abort(self, track, failure)
        if recovery.retried(self, track, state, failure):
            return
        before = track.event
        if state["Type"] in ("Map", "Parallel") and failure.error != RUNTIME and not self.run.single:
            self.record(track, f"{state['Type']}StateFailed", "", {})
        if not recovery.caught(self, track, state, failure, before):
            self.give_up(track, failure)

    def give_up(self, track: Track, failure: StateFailed) -> None:
        """Nobody mends this: the execution fails, or what is around the track."""
        track.waiting = "failed"
        if track.parent is None:
            self.end("FAILED", failure.error, failure.cause)
        else:
            branches.failed(self, track, failure)

    def end(
        self, status: str, error: str | None = None, cause: str | None = None, *, output: str | None = None
    ) -> None:
        """The execution is over."""
        run = self.run
        if not run.running:
            return
        root = run.tracks[0]
        if status != "SUCCEEDED":
            branches.quiet(self, root)
            root.epoch += 1
            root.waiting = root.waiting if root.waiting == "children" else "failed"
        details: dict[str, Any] = {"output": output, "outputDetails": _FULL}
        if status != "SUCCEEDED":
            details = StateFailed(error, cause).details
        name = {"SUCCEEDED": "Succeeded", "FAILED": "Failed", "ABORTED": "Aborted", "TIMED_OUT": "TimedOut"}[
            status
        ]
        before = root.event
        if status in ("ABORTED", "TIMED_OUT"):
            root.event = 0  # the execution ends from outside: in AWS's histories this follows nothing
        self._append(root, f"Execution{name}", f"execution{name}EventDetails", details)
        root.event = before
        # Of an execution that ran out of time AWS tells no error, but for that event.
        run.error, run.cause = (None, None) if status == "TIMED_OUT" else (error, cause)
        run.status, run.output, run.ended = status, output, self.host.now()
        run.ready.clear()
        self.host.ended(run)

    # -- writing down ------------------------------------------------------------------------------

    def new_track(self, parent: Track | None, index: int, name: str, data: Any) -> Track:
        """A new line of states. It begins when it is put into `run.ready`."""
        run = self.run
        track = Track(run.next_track, None if parent is None else parent.id, index, name, data)
        if parent is not None:
            track.event = parent.event
        run.tracks[track.id] = track
        run.next_track += 1
        return track

    def record(self, track: Track, kind: str, key: str, details: dict[str, Any]) -> None:
        """Add an event to the history; the track's next one follows it. The execution ends when the history is full."""
        run = self.run
        if not run.running:
            return
        if len(run.history) >= MOST_EVENTS - 1 and not run.express:
            self.end(
                "FAILED",
                RUNTIME,
                f"The execution reached the maximum number of history events ({MOST_EVENTS}).",
            )
            raise _Stopped
        self._append(track, kind, key, details)

    def aside(self, track: Track, kind: str, key: str, details: dict[str, Any]) -> None:
        """Add an event that the track's next one does not follow, as AWS does with the end of branches."""
        before = track.event
        try:
            self.record(track, kind, key, details)
        finally:
            track.event = before

    def _append(self, track: Track, kind: str, key: str, details: dict[str, Any]) -> None:
        history = self.run.history
        event: dict[str, Any] = {
            "timestamp": self.host.now(), "type": kind, "id": len(history) + 1, "previousEventId": track.event,
        }  # fmt: skip
        if details or key in ("executionAbortedEventDetails", "executionFailedEventDetails"):
            event[key] = details
        history.append(event)
        track.event = event["id"]
        self.host.recorded(self.run, event)


_WORK: Final = {
    "Pass": simple.passed, "Succeed": simple.succeed, "Fail": simple.fail, "Choice": simple.choice,
    "Wait": simple.wait, "Task": tasks.begin, "Parallel": branches.parallel, "Map": branches.mapped,
}  # fmt: skip
