"""A learner's way to capacity: definitions, machines, groups, and short ways to ask for tasks."""

from __future__ import annotations

from collections import Counter
from typing import Any

import boto3

from labkit.sandbox import Sandbox
from tests.sandbox.enforced import refusal

CLUSTER = "shop"
JOINS = f"#!/bin/bash\necho ECS_CLUSTER={CLUSTER} >> /etc/ecs/ecs.config\n"


def ecs() -> Any:
    return boto3.client("ecs")


def container(**more: Any) -> dict[str, Any]:
    return {"name": "app", "image": "nginx:1.29", **more}


def fargate(**more: Any) -> dict[str, Any]:
    """What RegisterTaskDefinition takes for Fargate."""
    given: dict[str, Any] = {
        "family": "web", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256",
        "memory": "512", "containerDefinitions": [container()],
    }  # fmt: skip
    return {key: value for key, value in (given | more).items() if value is not None}


def register(**more: Any) -> dict[str, Any]:
    made: dict[str, Any] = ecs().register_task_definition(**more)["taskDefinition"]
    return made


def refused(**more: Any) -> tuple[str, str]:
    """How a definition for Fargate with these changes is refused."""
    return refusal(ecs().register_task_definition, **fargate(**more))


def subnets() -> list[str]:
    """The default subnets, by zone."""
    found = boto3.client("ec2").describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])
    return [one["SubnetId"] for one in sorted(found["Subnets"], key=lambda one: one["AvailabilityZone"])]


def network(**more: Any) -> dict[str, Any]:
    return {"awsvpcConfiguration": {"subnets": subnets(), **more}}


def job(family: str = "job", cpu: int = 512, memory: int = 1000, **more: Any) -> str:
    """A definition for instances, in bridge mode."""
    given = container(cpu=cpu, memory=memory) | more.pop("container", {})
    return str(register(family=family, containerDefinitions=[given], **more)["family"])


def cluster(**more: Any) -> str:
    """A cluster; its ARN."""
    return str(ecs().create_cluster(clusterName=CLUSTER, **more)["cluster"]["clusterArn"])


def machines(sandbox: Sandbox, *zones: int, kind: str = "m5.large", user_data: str = JOINS) -> list[str]:
    """Launch one instance in each of these zones, by number, and wait until they have joined. Their ids."""
    ec2, names = boto3.client("ec2"), []
    for zone in zones:
        made = ec2.run_instances(
            ImageId="ami-12c6146b", InstanceType=kind, MinCount=1, MaxCount=1, SubnetId=subnets()[zone],
            UserData=user_data,
        )  # fmt: skip
        names.append(made["Instances"][0]["InstanceId"])
    sandbox.clock.advance(seconds=61)
    return names


def instances() -> list[dict[str, Any]]:
    """The container instances as ECS describes them."""
    arns = ecs().list_container_instances(cluster=CLUSTER)["containerInstanceArns"]
    if not arns:
        return []
    found = ecs().describe_container_instances(cluster=CLUSTER, containerInstances=arns)
    return list(found["containerInstances"])


def left(instance: dict[str, Any], name: str) -> Any:
    """What is left of a resource."""
    found = next(one for one in instance["remainingResources"] if one["name"] == name)
    return found["stringSetValue"] if found["type"] == "STRINGSET" else found["integerValue"]


def run(definition: str = "job", count: int = 1, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = ecs().run_task(cluster=CLUSTER, taskDefinition=definition, count=count, **more)
    return found


def per(tasks: list[dict[str, Any]], key: str) -> list[int]:
    """How many tasks there are of each value, most first."""
    return sorted(Counter(task[key] for task in tasks).values(), reverse=True)


def tasks(status: str = "RUNNING") -> list[dict[str, Any]]:
    """All tasks that are meant to run (or were stopped), as ECS describes them."""
    arns = ecs().list_tasks(cluster=CLUSTER, desiredStatus=status)["taskArns"]
    return list(ecs().describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"]) if arns else []
