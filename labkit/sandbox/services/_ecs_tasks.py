"""Tasks: beginning and ending them. What follows is on the clock: see `_ecs_life`.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html,
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labkit.sandbox.services._ecs_store import Task


def launch(
    backend: Any,
    cluster: Any,
    definition: Any,
    where: Any,
    *,
    group: str,
    started_by: str = "",
    overrides: Mapping[str, Any] | None = None,
    tags: Sequence[Mapping[str, str]] | None = None,
    service_arn: str = "",
    deployment_id: str = "",
    execute_command: bool = False,
) -> Task:
    """A new task at a place that `_ecs_capacity.choose` found. It comes up by the clock."""
    raise NotImplementedError


def stop(task: Task, reason: str, code: str) -> None:
    """Stop a task: SIGTERM, then SIGKILL after the containers' stopTimeout. Nothing happens when it stops already."""
    raise NotImplementedError


def kill(task_arn: str, exit_code: int = 137) -> bool:
    """Kill the essential containers of a running task at once, as from outside. Returns whether there were any."""
    raise NotImplementedError


def crash(task_arn: str) -> bool:
    """Have the program of a running task crash: exit code 1, with a traceback in its log."""
    raise NotImplementedError
