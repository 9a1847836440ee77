"""Single tasks for the tests: run one, let it come up, look at it."""

from __future__ import annotations

from typing import Any

import boto3

from labkit.sandbox import current
from tests.sandbox.containers import servicekit as kit
from tests.sandbox.enforced import allow, make_role

TRUST = {"Service": "ecs-tasks.amazonaws.com"}
SERVES = "PORT = 8080\nSTARTS_IN = 1.0\nMEMORY = 60\n"
JOB = "RUNS_FOR = 20.0\nEXIT_CODE = 0\ndef main(box):\n    print('working')\n"
FOREVER = "STOPS_IN = 1.0\n"


def container(name: str, picture: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "image": picture, **more}


def define(*containers: dict[str, Any], family: str = "job", **more: Any) -> str:
    """A definition for Fargate with these containers. Gives `family:revision`."""
    given: dict[str, Any] = {
        "family": family, "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256",
        "memory": "512", "executionRoleArn": kit.execution_role(), "containerDefinitions": list(containers),
    }  # fmt: skip
    asked = {name: value for name, value in (given | more).items() if value is not None}
    made = kit.ecs().register_task_definition(**asked)["taskDefinition"]
    return f"{made['family']}:{made['revision']}"


def simple(source: str = SERVES, repository: str = "user", **more: Any) -> str:
    """A definition of one container named app with this program; `more` goes into the container."""
    return define(container("app", kit.image(source, repository), **more), family=repository)


def start(definition: str, **more: Any) -> str:
    """Run one task. Gives its ARN."""
    if kit.CLUSTER not in str(kit.ecs().list_clusters()["clusterArns"]):
        kit.cluster()
    given: dict[str, Any] = {
        "cluster": kit.CLUSTER, "taskDefinition": definition, "networkConfiguration": kit.network()
    }  # fmt: skip
    if "capacityProviderStrategy" not in more:
        given["launchType"] = "FARGATE"
    answer = kit.ecs().run_task(**(given | more))
    assert not answer["failures"], answer["failures"]
    return str(answer["tasks"][0]["taskArn"])


def look(arn: str, **more: Any) -> dict[str, Any]:
    return dict(kit.ecs().describe_tasks(cluster=kit.CLUSTER, tasks=[arn], **more)["tasks"][0])


def until(arn: str, status: str, seconds: float = 600) -> dict[str, Any]:
    """Let time pass until the task has this status."""
    there = kit.when_changed(lambda: look(arn)["lastStatus"] == status)
    assert current().clock.run_until(there, seconds), look(arn)
    return look(arn)


def running(source: str = SERVES, repository: str = "user", **more: Any) -> str:
    """A new task that runs. Gives its ARN."""
    arn = start(simple(source, repository, **more))
    until(arn, "RUNNING")
    return arn


def stop(arn: str, **more: Any) -> dict[str, Any]:
    return dict(kit.ecs().stop_task(cluster=kit.CLUSTER, task=arn, **more)["task"])


def first(task: dict[str, Any], name: str = "app") -> dict[str, Any]:
    """A container of a task."""
    return next(one for one in task["containers"] if one["name"] == name)


def logging(group: str = "/shop/user", **options: str) -> dict[str, Any]:
    settings = {"awslogs-group": group, "awslogs-region": current().region, "awslogs-stream-prefix": "shop"}
    return {"logDriver": "awslogs", "options": settings | options}


def lines(group: str = "/shop/user") -> list[str]:
    found = boto3.client("logs").filter_log_events(logGroupName=group)["events"]
    return [one["message"] for one in found]


def role(name: str, *actions: str, resource: Any = "*") -> str:
    statements = [allow(list(actions), resource)] if actions else []
    return make_role(name, *statements, trusts=TRUST)
