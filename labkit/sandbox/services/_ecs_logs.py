"""The `awslogs` driver: what programs print is in CloudWatch Logs, in the stream `prefix/container/task`.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html (options, names of streams,
awslogs-create-group and its right). The driver sends what it has every five seconds, and when the container ends:
https://github.com/moby/moby/blob/master/daemon/logger/awslogs/cloudwatchlogs.go (batchPublishFrequency); what it says
to modes it does not know: daemon/logger/factory.go there. The texts of failures are quoted in
github.com/terraform-aws-modules/terraform-aws-ecs/pull/313 (Fargate) and
github.com/prakhar1989/docker-curriculum/issues/260 (EC2).
"""

from __future__ import annotations

from typing import Any, Final

from labkit.sandbox import current
from labkit.sandbox.services import _ecs_network as network
from labkit.sandbox.services import _ecs_roles as roles
from labkit.sandbox.services import _ecs_store as store
from labkit.sandbox.services._ecs_store import Container, Task

EVERY: Final = 5.0
"""Seconds between two sendings of the driver."""
_MOST: Final = 10_000
"""Events of one PutLogEvents (its API reference)."""
_FARGATE: Final = (
    "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: "
    "{what}: {why} : exit status 1"
)
_EC2: Final = (
    "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: {what}: "
    "{why}"
)
NO_GROUP: Final = "ResourceNotFoundException: The specified log group does not exist."


def prepare(task: Task, container: Container) -> str:
    """Make the container's log stream in the execution role. Returns why it failed, or nothing."""
    settings = container.definition.get("logConfiguration") or {}
    if settings.get("logDriver") != "awslogs":
        return ""
    options: dict[str, str] = settings.get("options") or {}
    if wrong := _mode(options):
        return _failed(task, wrong, "")
    group, region = str(options.get("awslogs-group") or ""), options.get("awslogs-region") or task.region_name
    prefix = options.get("awslogs-stream-prefix")
    stream = f"{prefix}/{container.name}/{task.id}" if prefix else container.runtime_id
    logs = _backend(task, region)
    place = f"arn:aws:logs:{region}:{task.account_id}:log-group:{group}"
    role = _role(task)
    if str(options.get("awslogs-create-group", "")).lower() == "true" and group not in logs.groups:
        why = roles.may(task, role, "logs:CreateLogGroup", f"{place}:log-stream:")
        if why:
            return _failed(task, "failed to create Cloudwatch log group", f"AccessDeniedException: {why}")
        logs.ensure_log_group(group)
    why = roles.may(task, role, "logs:CreateLogStream", f"{place}:log-stream:{stream}")
    if why:
        return _failed(task, "failed to create Cloudwatch log stream", f"AccessDeniedException: {why}")
    if group not in logs.groups:
        return _failed(task, "failed to create Cloudwatch log stream", NO_GROUP)
    if stream not in logs.groups[group].streams:
        logs.create_log_stream(group, stream)
    container.log_group, container.log_stream, container.log_region = group, stream, region
    return ""


def _mode(options: dict[str, str]) -> str:
    """What Docker says to a mode it does not know, or to a buffer that the mode lacks. ECS's own is non-blocking."""
    mode = options.get("mode", "non-blocking")
    if mode not in ("blocking", "non-blocking"):
        return f"logger: logging mode not supported: {mode}"
    if mode == "blocking" and "max-buffer-size" in options:
        return "logger: max-buffer-size option is only supported with 'mode=non-blocking'"
    return ""


def _failed(task: Task, what: str, why: str) -> str:
    if not why:
        front = (
            "ResourceInitializationError: failed to validate logger args"
            if is_fargate(task)
            else "CannotCreateContainerError: Error response from daemon"
        )
        return f"{front}: {what}"
    return (_FARGATE if is_fargate(task) else _EC2).format(what=what, why=why)


def is_fargate(task: Task) -> bool:
    """Whether AWS runs the machine under the task."""
    return task.launch_type == "FARGATE"


def _role(task: Task) -> str:
    """Who writes logs: the execution role, or on an instance without one, the instance's."""
    if task.execution_role_arn or is_fargate(task):
        return task.execution_role_arn
    return network.instance_role(task)


def _backend(task: Task, region: str) -> Any:
    from moto.logs.models import logs_backends

    return logs_backends[task.account_id][region]


def said(task: Task, container: Container, line: str) -> None:
    """The program wrote a line."""
    if not container.log_group:
        return
    clock = current().clock
    if not container.lines:
        clock.schedule(clock.time() + EVERY, send, task.task_arn, container.name)
    container.lines.append((clock.time(), line))
    if len(container.lines) >= _MOST:
        flush(task, container)


def send(task_arn: str, name: str) -> None:
    """Due work: send what is waiting."""
    task = store.task(task_arn)
    container = task.container(name) if task is not None else None
    if task is not None and container is not None:
        flush(task, container)


def flush(task: Task, container: Container) -> None:
    """Send what is waiting now. Without the right to write, or without the group, the lines are lost, as on AWS."""
    lines, container.lines = container.lines, []
    if not lines:
        return
    logs = _backend(task, container.log_region)
    group = logs.groups.get(container.log_group)
    if group is None or container.log_stream not in group.streams or not _may_write(task, container):
        return
    events = [{"timestamp": int(at * 1000), "message": line} for at, line in lines if line]
    if events:
        logs.put_log_events(container.log_group, container.log_stream, events)
        current().changed()


def _may_write(task: Task, container: Container) -> bool:
    from labkit.sandbox.authorization.account import session_of
    from labkit.sandbox.authorization.resources import policy_of

    place = f"arn:aws:logs:{container.log_region}:{task.account_id}:log-group:{container.log_group}"
    resource = f"{place}:log-stream:{container.log_stream}"
    caller, policy = session_of(_role(task), task.id), policy_of(resource)
    return (
        caller is not None
        and caller.may(
            "logs:PutLogEvents", resource, account=task.account_id, policies=[policy] if policy else []
        ).allowed
    )
