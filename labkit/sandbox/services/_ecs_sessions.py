"""ExecuteCommand: who may open a session in a container, and what its command prints there.

AWS answers with a session, to which the Session Manager plugin connects. Nobody can connect here: the command has run
when the answer comes, in the program's world, and its output is where AWS logs it: in the group that the cluster's
configuration names, or the container's own (`awslogs`), in a stream named after the session; and in the trace.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html (the task role needs four actions of
ssmmessages; no readonlyRootFilesystem; interactive only; the task role's rights for logs), botocore's model
(ExecuteCommandConfiguration.logging: DEFAULT, OVERRIDE, NONE; Session). The texts:
github.com/keidarcy/e1s/issues/206, github.com/aws-containers/amazon-ecs-exec-checker/issues/43 and
github.com/boto/boto3/issues/2822. The id of a session: github.com/aws/containers-roadmap/issues/1536.
"""

from __future__ import annotations

from typing import Any, Final

from moto.core.responses import ActionResult
from moto.ecs.exceptions import ECSException, InvalidParameterException
from moto.moto_api._internal import mock_random

from labkit.sandbox import current
from labkit.sandbox.fleet import sessions
from labkit.sandbox.hooks import hook
from labkit.sandbox.services import _ecs_roles as roles
from labkit.sandbox.services._ecs_calls import NOT_FOUND, cluster_in, task_in
from labkit.sandbox.services._ecs_store import Container, Task

NOT_ENABLED: Final = (
    "The execute command failed because execute command was not enabled when the task was run or the execute command "
    "agent isn\N{RIGHT SINGLE QUOTATION MARK}t running. Wait and try again or run a new task with execute command "
    "enabled and try again."
)
NOT_CONNECTED: Final = "The execute command failed due to an internal error. Try again later."
CHANNELS: Final = ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel")
"""What the agent for ExecuteCommand needs: `ssmmessages:` and these, in the task role."""
_LOGS: Final = (
    "logs:DescribeLogGroups",
    "logs:DescribeLogStreams",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
)


@hook("moto.ecs.responses:EC2ContainerServiceResponse.execute_command", kind="new")
def execute_command(self: Any) -> ActionResult:
    """ExecuteCommand: everything AWS checks before it opens a session, then the command."""
    backend, params = self.ecs_backend, self._get_params()
    cluster = cluster_in(backend, params.get("cluster"))
    task = task_in(backend, cluster, str(params.get("task") or ""))
    if task is None:
        raise InvalidParameterException(NOT_FOUND)
    if not params.get("interactive"):
        raise InvalidParameterException("Interactive is the only mode supported currently.")
    container = _container(task, params.get("container"))
    agents = {one["name"]: one["lastStatus"] for one in container.managed_agents}
    if not container.running or agents.get("ExecuteCommandAgent") != "RUNNING":
        raise InvalidParameterException(NOT_ENABLED)
    if not _connected(task):
        raise ECSException("TargetNotConnectedException", NOT_CONNECTED)
    session = f"ecs-execute-command-{mock_random.get_random_hex(17)}"
    _run(cluster, task, container, session, str(params.get("command") or ""))
    channel = f"wss://ssmmessages.{task.region_name}.amazonaws.com/v1/data-channel/{session}"
    return ActionResult(
        {
            "clusterArn": task.cluster_arn, "taskArn": task.task_arn, "containerArn": container.container_arn,
            "containerName": container.name, "interactive": True,
            "session": {
                "sessionId": session, "streamUrl": f"{channel}?role=publish_subscribe",
                "tokenValue": mock_random.get_random_string(length=64),
            },
        }
    )  # fmt: skip


def _container(task: Task, name: Any) -> Container:
    if not name and len(task.containers) > 1:
        raise InvalidParameterException(
            "Container name must be specified for tasks with more than one container."
        )
    found = task.container(str(name)) if name else task.containers[0]
    if found is None:
        raise InvalidParameterException(f"The container {name} was not found in the task.")
    return found


def _connected(task: Task) -> bool:
    """Whether the agent in the container could connect to Systems Manager, in the task role."""
    from labkit.sandbox.authorization.account import session_of

    session = session_of(task.task_role_arn, task.id) if task.task_role_arn else None
    return session is not None and all(
        session.may(f"ssmmessages:{action}", "*", account=task.account_id).allowed for action in CHANNELS
    )


def _run(cluster: Any, task: Task, container: Container, session: str, command: str) -> None:
    assert container.box is not None
    heard = sessions.run(container.box, command, current().clock.time())
    current().trace.record(
        "state", "ecs", "ExecuteCommand", resource=task.task_arn,
        params={
            "Container": container.name, "Command": command, "Session": session, "ExitCode": heard.code,
            "Output": "\n".join(heard.lines),
        },
    )  # fmt: skip
    _log(cluster, task, container, session, heard.lines)
    current().changed()


def _log(cluster: Any, task: Task, container: Container, session: str, lines: list[str]) -> None:
    """Keep what was printed, in the task role, where the cluster says so. Without the rights there is no log."""
    settings = (cluster.configuration or {}).get("executeCommandConfiguration") or {}
    kind, region = settings.get("logging") or "DEFAULT", task.region_name
    group = ""
    if kind == "OVERRIDE":
        group = str((settings.get("logConfiguration") or {}).get("cloudWatchLogGroupName") or "")
    elif kind == "DEFAULT":
        group, region = container.log_group, container.log_region or region
    if not group or not lines:
        return
    from moto.logs.models import logs_backends

    logs = logs_backends[task.account_id][region]
    place = f"arn:aws:logs:{region}:{task.account_id}:log-group:{group}:*"
    if group not in logs.groups or any(
        roles.may(task, task.task_role_arn, action, place) for action in _LOGS
    ):
        return
    if session not in logs.groups[group].streams:
        logs.create_log_stream(group, session)
    now = int(current().clock.time() * 1000)
    logs.put_log_events(group, session, [{"timestamp": now, "message": line} for line in lines if line])
