"""The two roles of a task. The execution role is what ECS acts in: it pulls images, reads secrets, writes logs. The
task role is what the program calls AWS with.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html,
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html (trust policy, session named after the
task); the text of `NOT_ASSUMABLE` as quoted in github.com/aws/amazon-ecs-agent/issues/1281 and
github.com/terraform-aws-modules/terraform-aws-ecs/issues/41.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from labkit.sandbox import current
from labkit.sandbox.services._ecs_store import Task

SERVICE: Final = "ecs-tasks.amazonaws.com"
NOT_ASSUMABLE: Final = (
    "ECS was unable to assume the role '{role}' that was provided for this task. Please verify that the role being "
    "passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this "
    "role."
)
LASTING: Final = 6 * 3_600
"""Seconds that a task's credentials hold; they are renewed in time. Six hours are what tasks get on AWS."""
_KEPT: Final = "ecs"


class _Clients:
    """Clients of tasks. They end with the state of the account that issued their keys."""

    def __init__(self) -> None:
        self.by_use: dict[tuple[str, str, str, str], tuple[float, Any]] = {}

    def close(self) -> None:
        self.by_use.clear()


def role_arn(task_or_definition: Any, kind: str, overrides: Mapping[str, Any] | None = None) -> str:
    """The ARN of the `taskRoleArn` or `executionRoleArn`, overrides first; nothing when there is none.

    A bare name is a role of the task's account.
    """
    attribute = "task_role_arn" if kind == "taskRoleArn" else "execution_role_arn"
    found = str((overrides or {}).get(kind) or getattr(task_or_definition, attribute, "") or "")
    if found and not found.startswith("arn:"):
        account = str(getattr(task_or_definition, "arn", "::::").split(":")[4])
        return f"arn:aws:iam::{account}:role/{found}"
    return found


def refusal(definition: Any, overrides: Mapping[str, Any] | None = None) -> str:
    """AWS's text when ECS cannot assume one of the roles; nothing when it can."""
    for kind in ("executionRoleArn", "taskRoleArn"):
        role = role_arn(definition, kind, overrides)
        if role and not assumable(role):
            return NOT_ASSUMABLE.format(role=role)
    return ""


def assumable(role: str) -> bool:
    """Whether there is such a role and it trusts ECS tasks."""
    from labkit.sandbox.authorization.account import trusts

    parts = role.split(":")
    account = parts[4] if len(parts) > 5 else ""
    return trusts(role, SERVICE, {"aws:SourceAccount": account}).allowed


def caller_name(role: str, task: Task) -> str:
    """How calls of a task stand in the trace."""
    return f"assumed-role/{role.rpartition('/')[2]}/{task.id}"


def may(task: Task, role: str, action: str, resource: str) -> str:
    """AWS's text when a role of the task may not do something; nothing when it may. A refusal is in the trace."""
    from labkit.sandbox.authorization.account import session_of
    from labkit.sandbox.authorization.resources import policy_of

    caller = session_of(role, task.id) if role else None
    if caller is None:
        return f"There is no role {role}." if role else "The task has no execution role."
    policy = policy_of(resource)
    decision = caller.may(action, resource, account=task.account_id, policies=[policy] if policy else [])
    if decision.allowed:
        return ""
    service, _, operation = action.partition(":")
    current().trace.record(
        "refused", service, operation, resource=resource, caller=caller_name(role, task),
        error="AccessDeniedException", message=decision.aws_message, note=decision.sentence,
    )  # fmt: skip
    return decision.aws_message


def client(task: Task, role: str, service: str, region: str | None = None) -> Any:
    """A boto3 client that calls as a session of the role named after the task."""
    from labkit.sandbox.authorization.account import issue_session
    from labkit.sandbox.authorization.clients import in_role

    sandbox = current()
    kept = sandbox.attached.get(_KEPT)
    if not isinstance(kept, _Clients):
        kept = sandbox.attached[_KEPT] = _Clients()
    key = (task.task_arn, role, service, region or task.region_name)
    until, found = kept.by_use.get(key, (0.0, None))
    now = sandbox.clock.time()
    if found is None or until <= now:
        keys = issue_session(role, task.id, duration=LASTING) if assumable(role) else None
        if keys is None:
            return without_credentials(service, region or task.region_name)
        found = in_role(service, region or task.region_name, keys)
        found._labkit_caller = caller_name(role, task)
        kept.by_use[key] = now + LASTING / 2, found
    return found


def forget(task_arn: str) -> None:
    """A task is over: its clients are not needed again."""
    kept = current().attached.get(_KEPT)
    if isinstance(kept, _Clients):
        for key in [one for one in kept.by_use if one[0] == task_arn]:
            del kept.by_use[key]


def without_credentials(service: str, region: str) -> Any:
    """A client for a program without a role. Its calls fail as on AWS: botocore finds no credentials."""
    import boto3

    found = boto3.client(service, region_name=region)
    found._request_signer._credentials = None
    return found
