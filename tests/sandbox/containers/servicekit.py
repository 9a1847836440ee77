"""Services for the tests: images, definitions, a cluster, and what a user sees of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import boto3

from labkit.sandbox import current
from labkit.workload.pushing import push
from tests.sandbox.enforced import HERE, allow, make_role

CLUSTER = "shop"
GOOD = "PORT = 8080\nSTARTS_IN = 1.0\nCPU = 0.01\nMEMORY = 60\nVERSION = '1'\n"
CRASHES = "def main(box):\n    box.exit(3)\n"
SICK = "PORT = 8080\nSTARTS_IN = 1.0\ndef health(box):\n    return False\n"
CHECK = {
    "command": ["CMD-SHELL", "curl -f http://localhost:8080/health || exit 1"],
    "interval": 5,
    "retries": 2,
}


def ecs() -> Any:
    return boto3.client("ecs")


def zones(count: int = 3) -> list[str]:
    """Default subnets, each in another zone."""
    found = boto3.client("ec2").describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])
    return [one["SubnetId"] for one in sorted(found["Subnets"], key=lambda one: one["AvailabilityZone"])][
        :count
    ]


def network(count: int = 3) -> dict[str, Any]:
    return {"awsvpcConfiguration": {"subnets": zones(count), "assignPublicIp": "ENABLED"}}


def image(source: str = GOOD, repository: str = "user", tag: str = "1") -> str:
    """Push a program, and give its name."""
    ecr = boto3.client("ecr")
    if not any(one["repositoryName"] == repository for one in ecr.describe_repositories()["repositories"]):
        ecr.create_repository(repositoryName=repository)
    region = current().region
    uri = f"{HERE}.dkr.ecr.{region}.amazonaws.com/{repository}"
    push(lambda region: boto3.client("ecr", region_name=region or None), source, uri, tag)
    return f"{uri}:{tag}"


def execution_role() -> str:
    iam = boto3.client("iam")
    try:
        return str(iam.get_role(RoleName="execution")["Role"]["Arn"])
    except iam.exceptions.NoSuchEntityException:
        return make_role(
            "execution", allow(["ecr:*", "logs:*"]), trusts={"Service": "ecs-tasks.amazonaws.com"}
        )


def definition(picture: str, family: str = "user", *, check: Any = None, **more: Any) -> str:
    """A task definition for Fargate with one container. Gives `family:revision`."""
    container: dict[str, Any] = {
        "name": "app", "image": picture, "essential": True, "portMappings": [{"containerPort": 8080}],
    }  # fmt: skip
    if check:
        container["healthCheck"] = check
    container |= more.pop("container", {})
    given: dict[str, Any] = {
        "family": family, "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256",
        "memory": "512", "executionRoleArn": execution_role(), "containerDefinitions": [container],
    }  # fmt: skip
    made = ecs().register_task_definition(**(given | more))["taskDefinition"]
    return f"{made['family']}:{made['revision']}"


def cluster(**more: Any) -> None:
    ecs().create_cluster(clusterName=CLUSTER, **more)


def create(name: str = "user", count: int = 3, task: str | None = None, **more: Any) -> dict[str, Any]:
    """A service on Fargate."""
    if CLUSTER not in str(ecs().list_clusters()["clusterArns"]):
        cluster()
    given: dict[str, Any] = {
        "cluster": CLUSTER, "serviceName": name, "desiredCount": count, "networkConfiguration": network(),
        "taskDefinition": task or definition(image()),
    }  # fmt: skip
    if "capacityProviderStrategy" not in more:
        given["launchType"] = "FARGATE"
    return dict(ecs().create_service(**(given | more))["service"])


def update(name: str = "user", **more: Any) -> dict[str, Any]:
    return dict(ecs().update_service(cluster=CLUSTER, service=name, **more)["service"])


def service(name: str = "user") -> dict[str, Any]:
    return dict(ecs().describe_services(cluster=CLUSTER, services=[name], include=["TAGS"])["services"][0])


def messages(name: str = "user") -> list[str]:
    """What the service says, oldest first."""
    return [one["message"] for one in reversed(service(name)["events"])]


def tasks(name: str = "user", status: str = "RUNNING") -> list[dict[str, Any]]:
    arns = ecs().list_tasks(cluster=CLUSTER, serviceName=name, desiredStatus=status)["taskArns"]
    return list(ecs().describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"]) if arns else []


def running(name: str = "user") -> list[dict[str, Any]]:
    return [one for one in tasks(name) if one["lastStatus"] == "RUNNING"]


def arns(found: Sequence[dict[str, Any]]) -> set[str]:
    return {one["taskArn"] for one in found}


def stable(name: str = "user", seconds: float = 600) -> None:
    """Let time pass until the service is steady on one completed deployment."""
    done = current().clock.run_until(when_changed(lambda: steady(name)), seconds)
    assert done, (service(name)["deployments"], messages(name))


def steady(name: str = "user") -> bool:
    now = service(name)
    return (
        [one["rolloutState"] for one in now["deployments"]] == ["COMPLETED"]
        and now["runningCount"] == now["desiredCount"]
        and not now["pendingCount"]
    )


def until(condition: Any, seconds: float = 600) -> None:
    assert current().clock.run_until(when_changed(condition), seconds), messages()


def when_changed(condition: Callable[[], object]) -> Callable[[], bool]:
    """The condition, asked only when something in the account has changed since: much is due that changes nothing."""
    asked, answer = -1, False

    def holds() -> bool:
        nonlocal asked, answer
        if asked != current().changes:
            asked = current().changes
            answer = bool(condition())
        return answer

    return holds


def watch(seconds: float) -> list[tuple[int, int]]:
    """Let time pass: running tasks of the service, and everything that is there, after each change."""
    seen = []

    def look() -> None:
        now = service()
        seen.append((now["runningCount"], now["runningCount"] + now["pendingCount"]))

    current().clock.run_until(when_changed(look), seconds)
    return seen
