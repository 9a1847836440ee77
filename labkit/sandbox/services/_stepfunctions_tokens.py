"""Task tokens and activities: work that somebody else does.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token and
concepts-activities.html; API reference, SendTaskSuccess and GetActivityTask (a poll lasts 60 seconds).
"""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from labkit.sandbox import current
from labkit.sandbox.services import _stepfunctions_engine as engine
from labkit.sandbox.services._stepfunctions_errors import refused
from labkit.sandbox.states import tasks
from labkit.sandbox.states.errors import StateFailed
from labkit.sandbox.states.flow import LARGEST
from labkit.sandbox.states.machine import Machine
from labkit.sandbox.states.runs import Run, Track

POLL_SECONDS: Final = 60.0


def _waiting(token: str) -> tuple[Run, Track]:
    """The task that waits for this token. Raises AWS's errors."""
    try:
        if not token.startswith("AQC"):
            raise ValueError(token)
        arn, number, epoch, _ = json.loads(base64.b64decode(token[3:], validate=True))
    except (ValueError, TypeError):
        raise refused("InvalidToken", "Invalid Token: 'Invalid token'") from None
    run = engine.run_at(str(arn))
    track = run.tracks.get(number) if run is not None else None
    if (
        run is None
        or track is None
        or not run.running
        or track.epoch != epoch
        or track.task.get("token") != token
    ):
        raise refused("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
    return run, track


def succeed(token: str, output: str) -> None:
    """SendTaskSuccess."""
    try:
        value = json.loads(output)
    except (ValueError, RecursionError):
        raise refused("InvalidOutput", "Invalid Output: 'Invalid JSON'") from None
    if len(output.encode()) > LARGEST:
        raise refused("InvalidOutput", "Invalid Output: 'The output is too large'")
    run, track = _waiting(token)
    Machine(run, engine.HOST).reply(track.id, track.epoch, value)


def fail(token: str, error: str | None, cause: str | None) -> None:
    """SendTaskFailure."""
    run, track = _waiting(token)
    Machine(run, engine.HOST).reply(track.id, track.epoch, None, StateFailed(error, cause))


def beat(token: str) -> None:
    """SendTaskHeartbeat: the time limit for heartbeats begins anew."""
    _, track = _waiting(token)
    if "beat" in track.task:
        track.task["beaten"] = current().clock.time()


def next_task(backend: Any, arn: str, worker: str) -> dict[str, Any]:
    """GetActivityTask: the oldest task of the activity, or nothing after a minute."""
    if arn not in backend.activities:
        raise refused("ActivityDoesNotExist", f"Activity Does Not Exist: '{arn}'")
    sandbox = current()
    sandbox.wait_until(lambda: _oldest(arn) is not None, POLL_SECONDS)
    found = _oldest(arn)
    if found is None:
        return {}
    run, track = found
    track.task |= {"taken": True, "beaten": sandbox.clock.time()}
    tasks.started(Machine(run, engine.HOST), track, worker)
    return {"taskToken": track.task["token"], "input": track.task["input"]}


def _oldest(arn: str) -> tuple[Run, Track] | None:
    backend = engine.backend_for(arn)
    waiting = [
        (track.task["since"], run.arn, track.id, run, track)
        for execution in engine.index_of(backend).values()
        if (run := execution.labkit_run).running
        for track in run.tracks.values()
        if track.waiting == "task" and track.task.get("arn") == arn and not track.task.get("taken")
    ]
    found = min(waiting, key=lambda one: one[:3], default=None)
    return None if found is None else (found[3], found[4])
