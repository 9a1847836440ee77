"""ECS tasks that a state machine runs and waits for: `ecs:runTask`, `.sync` and `.waitForTaskToken`.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/connect-ecs.html (a failure in the answer is
`AmazonECS.Unknown`, but not for request-response). The history, StartedBy and the output, which is the task alone, are
as AWS's own in the records of LocalStack's tests (tests/aws/services/stepfunctions/v2/services/test_ecs_task_service).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from labkit.sandbox import current
from labkit.sandbox.services import _stepfunctions_engine as engine
from labkit.sandbox.states.errors import TASK_FAILED, NotSimulatedHere, StateFailed
from labkit.sandbox.states.flow import text_of
from labkit.sandbox.states.machine import Machine
from labkit.sandbox.states.runs import Run, Track

UNKNOWN: Final = "AmazonECS.Unknown"
_SUBMITTED_ONLY: Final = ("PlatformFamily",)


def check(arguments: dict[str, Any]) -> None:
    """Raises `NotSimulatedHere` for several tasks of one state that waits for them."""
    count = next((value for name, value in arguments.items() if name.lower() == "count"), 1)
    if count != 1:
        raise NotSimulatedHere("ecs:runTask.sync with a Count above 1")


def refused(output: dict[str, Any]) -> StateFailed | None:
    """What a state that waits makes of failures in the answer."""
    return StateFailed(UNKNOWN, text_of(output["Failures"])) if output.get("Failures") else None


def wait_for(run: Run, track: Track, epoch: int, output: dict[str, Any]) -> None:
    """Have the state go on when its task has stopped."""
    from labkit.sandbox.services import _ecs_store as store

    task = store.task(output["Tasks"][0]["TaskArn"])
    if task is not None:
        task.awaited_by = (*task.awaited_by, (run.arn, track.id, epoch))


def stopped(task: Any) -> None:
    """ECS says that a task has stopped: whoever waits for it hears of it as due work."""
    clock = current().clock
    for run, track, epoch in task.awaited_by:
        clock.schedule(clock.time(), ended, run, track, epoch, task.task_arn)


def ended(arn: str, track: int, epoch: int, task_arn: str) -> None:
    """Due work: the task a state waits for has stopped."""
    from labkit.sandbox.services import _ecs_store as store
    from labkit.sandbox.services import _stepfunctions_calls as calls

    run, task = engine.run_at(arn), store.task(task_arn)
    if run is None or task is None:
        return
    answer = current().client("ecs", region=task.region_name).describe_tasks(
        cluster=task.cluster_arn, tasks=[task_arn], include=["TAGS"]
    )["tasks"][0]  # fmt: skip
    shown: dict[str, Any] = calls.pascal(_in_milliseconds(answer), None)
    for name in _SUBMITTED_ONLY:
        shown.pop(name, None)
    failed = shown.get("StopCode") != "EssentialContainerExited" or any(
        container.get("ExitCode") != 0 for container in shown["Containers"]
    )
    failure = StateFailed(TASK_FAILED, text_of(shown)) if failed else None
    Machine(run, engine.HOST).reply(track, epoch, None if failed else shown, failure)


def _in_milliseconds(value: Any) -> Any:
    """Moments as the output has them: milliseconds since 1970."""
    if isinstance(value, dict):
        return {name: _in_milliseconds(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_in_milliseconds(item) for item in value]
    return int(value.timestamp() * 1000) if isinstance(value, datetime) else value
