"""Moves an execution on, one state after the other."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from labkit.sandbox.states import branches, expressions, flow, recovery, simple, tasks
from labkit.sandbox.states.errors import QUERY, RUNTIME, TIMEOUT, StateFailed
from labkit.sandbox.states.flow import text_of
from labkit.sandbox.states.runs import MOST_EVENTS, Host, Run, Track
from labkit.sandbox.states.scope import Scope

State = dict[str, Any]
_AT_ONCE: Final = 2_000
"""Steps one piece of work does; then a second passes. A circle without a wait ends at the event limit."""
_FULL: Final = {"truncated": False}


def written(when: float) -> str:
    """A moment as the context object has it, such as 2026-11-23T09:00:00.000Z."""
    return f"{datetime.fromtimestamp(when, UTC).isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


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

    def start(self, variables: dict[str, Any] | None = None, retried: int = 0) -> None:
        """Begin the execution. TestState gives variables, and how often the state was tried again."""
        run = self.run
        track = self.new_track(None, 0, run.definition["StartAt"], run.input)
        track.variables |= variables or {}
        if retried:
            track.retried = retried
            track.retries = dict.fromkeys(range(len(self.state(track).get("Retry") or ())), retried)
        details = {"input": text_of(run.input), "inputDetails": _FULL, "roleArn": run.role}
        self.record(track, "ExecutionStarted", "executionStartedEventDetails", details)
        limit = run.definition.get("TimeoutSeconds")
        if limit is not None:
            self.host.later(run, float(limit), -1, run.life, "expire")
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
            self._step(track, functools.partial(simple.waited, self))
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

    def stop(self, error: str | None, cause: str | None) -> None:
        """StopExecution."""
        self.end("ABORTED", error, cause)

    @_entrance
    def redrive(self) -> None:
        """Go on where the execution failed: steps that succeeded are not done again."""
        run = self.run
        run.status, run.error, run.cause, run.ended, run.output = "RUNNING", None, None, None, None
        run.redrives, run.redriven, run.life = run.redrives + 1, self.host.now(), run.life + 1
        root = run.tracks[0]
        root.event = len(run.history)
        self.record(
            root, "ExecutionRedriven", "executionRedrivenEventDetails", {"redriveCount": run.redrives}
        )
        limit = run.definition.get("TimeoutSeconds")
        if limit is not None:
            self.host.later(run, float(limit), -1, run.life, "expire")
        around = {track.parent for track in run.tracks.values()}
        for track in list(run.tracks.values()):
            if track.id in around:
                track.waiting = "children"
            else:
                track.waiting, track.retries, track.retried, track.entered_event = "", {}, 0, 0
                track.event = max(track.event, root.event) if not track.silent else track.event
                run.ready.append(track.id)
        self.turn()

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
                    self._step(track, self._enter)
            while run.ready and run.running:
                track = run.tracks.get(run.ready.popleft())
                if track is not None:
                    track.epoch += 1
                    track.waiting = "turn"
                    self.host.later(run, 1.0, track.id, track.epoch, "go")
        finally:
            run.turning = False

    def _step(self, track: Track, work: Any) -> None:
        try:
            work(track, self.state(track))
        except StateFailed as failure:
            self._failed_inside(track, failure)
        except _Stopped:
            pass

    def _failed_inside(self, track: Track, failure: StateFailed) -> None:
        """A state failed by itself, not its task: AWS says where."""
        entered = f"(entered at the event id #{track.entered_event})"
        where = f"An error occurred while executing the state '{track.name}' {entered}. "
        failure = StateFailed(failure.error, where + (failure.cause or ""), location=failure.location)
        try:
            if failure.error == QUERY:
                details = {
                    "error": failure.error, "cause": failure.cause, "location": failure.location, "state": track.name,
                }  # fmt: skip
                self.record(track, "EvaluationFailed", "evaluationFailedEventDetails", details)
            self.failed(track, failure)
        except _Stopped:
            pass

    def _enter(self, track: Track, state: State) -> None:
        kind = state["Type"]
        if not track.entered_event:
            text = text_of(track.data)
            track.entered = self.host.now()
            details = {"name": track.name, "input": text, "inputDetails": _FULL}
            self.record(track, f"{kind}StateEntered", "stateEnteredEventDetails", details)
            track.entered_event = track.event
            flow.check_size(text, "an input", track.name)
        if self.run.mock is not None and kind in ("Map", "Parallel"):
            branches.mocked(self, track, state)
            return
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

    def context(self, track: Track) -> dict[str, Any]:
        """The context object."""
        run = self.run
        execution = {
            "Id": run.arn, "Input": run.input, "Name": run.name, "RoleArn": run.role,
            "StartTime": written(run.started), "RedriveCount": run.redrives,
        }  # fmt: skip
        if run.redriven is not None:
            execution["RedriveTime"] = written(run.redriven)
        context = {
            "Execution": execution,
            "State": {"EnteredTime": written(track.entered), "Name": track.name, "RetryCount": track.retried},
            "StateMachine": {"Id": run.machine_arn, "Name": run.machine_name},
        }
        if track.task.get("token"):
            context["Task"] = {"Token": track.task["token"]}
        around: Track | None = track
        while around is not None:
            if around.item is not None:
                return context | {"Map": {"Item": around.item}}
            around = None if around.parent is None else run.tracks[around.parent]
        return context

    def scope(self, track: Track, state: State, **states: Any) -> Scope:
        """What expressions of a state see. In JSONPath, `$` is the raw input until somebody says otherwise."""
        variables: dict[str, Any] = {}
        line: list[Track] = [track]
        while line[-1].parent is not None:
            line.append(self.run.tracks[line[-1].parent])
        for one in reversed(line):
            variables |= one.variables
        dice = functools.partial(self.host.dice, "value", self.run.arn, track.id, track.event)
        data = {"input": track.data, **states} if self.jsonata(state) else track.data
        return Scope(data, variables, self.context(track), dice)

    # -- leaving a state ---------------------------------------------------------------------------

    def complete(self, track: Track, state: State, result: Any) -> None:
        """A state's work is done: shape its output and go on."""
        if self.jsonata(state):
            scope = self.scope(track, state, result=result)
            output = expressions.evaluate(state["Output"], scope, "Output") if "Output" in state else result
            assigned = expressions.evaluate(state.get("Assign") or {}, scope, "Assign")
        else:
            scope = self.scope(track, state)
            if "ResultSelector" in state:
                result = flow.template(state["ResultSelector"], scope._replace(data=result))
            assigned = flow.assigned(state, scope._replace(data=result))
            output = flow.output_path(state, flow.with_result(state, track.data, result), scope)
        self.leave(track, state, output, assigned, state.get("Next"))

    def leave(
        self, track: Track, state: State, output: Any, assigned: dict[str, Any], following: str | None
    ) -> None:
        """Go on to the next state, or end the track."""
        text = text_of(output)
        flow.check_size(text, "a result", track.name)
        details: dict[str, Any] = {"name": track.name, "output": text, "outputDetails": _FULL}
        if assigned:
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
        track.retries, track.retried, track.task = {}, 0, {}
        track.epoch += 1
        self.run.ready.append(track.id)

    # -- failing -----------------------------------------------------------------------------------

    def failed(self, track: Track, failure: StateFailed) -> None:
        """A state failed: try again, catch, or fail what is around it."""
        state = self.state(track)
        track.epoch += 1
        if track.waiting == "children":
            branches.abort(self, track)
        if recovery.retried(self, track, state, failure) or recovery.caught(self, track, state, failure):
            return
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
            branches.abort(self, root)
            kind = self.state(root)["Type"]
            if status != "FAILED" and root.entered_event and kind in branches.LASTING:
                self._append(root, f"{kind}StateAborted", "", {})
            root.epoch += 1
            root.waiting = root.waiting if root.waiting == "children" else "failed"
        details: dict[str, Any] = {"output": output, "outputDetails": _FULL}
        if status != "SUCCEEDED":
            details = {
                name: value for name, value in (("error", error), ("cause", cause)) if value is not None
            }
        name = {"SUCCEEDED": "Succeeded", "FAILED": "Failed", "ABORTED": "Aborted", "TIMED_OUT": "TimedOut"}[
            status
        ]
        self._append(root, f"Execution{name}", f"execution{name}EventDetails", details)
        run.status, run.output, run.error, run.cause = status, output, error, cause
        run.ended = self.host.now()
        run.ready.clear()
        self.host.ended(run)

    # -- writing down ------------------------------------------------------------------------------

    def new_track(self, parent: Track | None, index: int, name: str, data: Any) -> Track:
        """A new line of states. It begins when it is put into `run.ready`."""
        run = self.run
        track = Track(run.next_track, None if parent is None else parent.id, index, name, data)
        if parent is not None:
            track.event, track.silent = parent.event, parent.silent
        run.tracks[track.id] = track
        run.next_track += 1
        return track

    def record(self, track: Track, kind: str, key: str, details: dict[str, Any]) -> None:
        """Add an event to the history. The execution ends when the history is full."""
        if track.silent or not self.run.running:
            return
        if len(self.run.history) >= MOST_EVENTS - 1 and not self.run.express:
            self.end(
                "FAILED",
                RUNTIME,
                f"The execution reached the maximum number of history events ({MOST_EVENTS}).",
            )
            raise _Stopped
        self._append(track, kind, key, details)

    def _append(self, track: Track, kind: str, key: str, details: dict[str, Any]) -> None:
        history = self.run.history
        event: dict[str, Any] = {
            "timestamp": self.host.now(), "type": kind, "id": len(history) + 1, "previousEventId": track.event,
        }  # fmt: skip
        if details:
            event[key] = details
        history.append(event)
        track.event = event["id"]
        self.host.recorded(self.run, event)


_WORK: Final = {
    "Pass": simple.passed, "Succeed": simple.succeed, "Fail": simple.fail, "Choice": simple.choice,
    "Wait": simple.wait, "Task": tasks.begin, "Parallel": branches.parallel, "Map": branches.mapped,
}  # fmt: skip
