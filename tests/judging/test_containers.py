"""Clusters, services and tasks as a check sees them: found or not, asked, hurt and stopped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from labkit.judging import World, containers
from labkit.judging.containers import TaskView, network
from labkit.sandbox import Sandbox
from labkit.sandbox.trace import Trace
from labkit.workload import pushing

CHECK = {
    "command": ["CMD-SHELL", "curl -f http://localhost:8080/health || exit 1"],
    "interval": 10,
    "retries": 2,
}


@pytest.fixture
def world(sandbox: Sandbox) -> Iterator[World]:
    """A cluster `shop`, and a task definition `web` that pulls with the role `agent`."""
    with sandbox.clock.paused():
        ecs, ecr, iam = (boto3.client(name) for name in ("ecs", "ecr", "iam"))
        trust = (
            '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", '
            '"Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}'
        )
        role = iam.create_role(RoleName="agent", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        policy = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
        iam.attach_role_policy(RoleName="agent", PolicyArn=policy)
        uri = ecr.create_repository(repositoryName="web")["repository"]["repositoryUri"]
        pushing.push(lambda _: ecr, "web", uri, "1.0")
        ecs.create_cluster(clusterName="shop")
        ecs.register_task_definition(
            family="web",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            executionRoleArn=role,
            containerDefinitions=[{"name": "web", "image": f"{uri}:1.0", "healthCheck": CHECK}],
        )
        yield World(sandbox, seed=7, trace=Trace())


def running(world: World) -> TaskView:
    cluster = world.cluster("shop")
    assert cluster is not None
    task = cluster.run("web")
    assert task is not None
    world.clock.advance(seconds=90)
    return task


def service(world: World, count: int) -> Any:
    boto3.client("ecs").create_service(
        cluster="shop",
        serviceName="web",
        taskDefinition="web",
        desiredCount=count,
        launchType="FARGATE",
        networkConfiguration=network(world),
    )
    world.clock.advance(seconds=90)
    return world.service("shop", "web")


def test_what_is_not_there_is_none(world: World) -> None:
    assert world.cluster("other") is None
    assert world.service("other", "web") is None
    assert world.service("shop", "web") is None


def test_a_deleted_cluster_is_none(world: World) -> None:
    boto3.client("ecs").delete_cluster(cluster="shop")
    assert world.cluster("shop") is None


def test_a_task_that_was_run_is_healthy_and_answers(world: World) -> None:
    task = running(world)
    assert (task.status, task.health) == ("RUNNING", "HEALTHY")
    answer = task.request("/")
    assert answer.status == 200
    assert "Orchard Market" in answer.body
    assert task.digests[0].startswith("sha256:")
    assert task.definition.endswith("task-definition/web:1")


def test_a_task_says_what_it_used_lately(world: World) -> None:
    task = running(world)
    quiet = task.usage(60)
    for _ in range(12):
        task.request("/", weight=200)
        world.clock.advance(seconds=5)
    busy = task.usage(60)
    assert 1_000 < busy.requests <= 2_400, "of a minute that is only partly asked for, its share counts"
    assert busy.cpu_seconds > quiet.cpu_seconds
    world.clock.advance(minutes=3)
    assert task.usage(60).requests == 0


def test_a_task_that_does_not_listen_yet_refuses(world: World) -> None:
    cluster = world.cluster("shop")
    assert cluster is not None
    task = cluster.run("web")
    assert task is not None
    assert (task.request("/").status, task.health) == (0, "UNKNOWN")


def test_a_task_that_is_killed_ends_with_137(world: World) -> None:
    task = running(world)
    task.kill()
    world.clock.advance(seconds=60)
    assert (task.status, task.exit_codes) == ("STOPPED", [137])
    assert "exit code 137" in task.told


def test_a_task_that_crashes_ends_with_1(world: World) -> None:
    task = running(world)
    task.crash()
    world.clock.advance(seconds=60)
    assert (task.status, task.exit_codes) == ("STOPPED", [1])


def test_a_task_that_is_sick_runs_on_and_its_health_check_finds_out(world: World) -> None:
    task = running(world)
    task.sicken()
    assert task.request("/").status == 200
    world.clock.advance(seconds=40)
    assert (task.status, task.health) == ("RUNNING", "UNHEALTHY")


def test_a_task_that_is_stopped_says_why(world: World) -> None:
    task = running(world)
    task.stop("a release")
    world.clock.advance(seconds=60)
    assert not task.running
    assert task.told.startswith("a release")


def test_tasks_of_a_cluster_with_and_without_those_that_are_over(world: World) -> None:
    cluster = world.cluster("shop")
    assert cluster is not None
    first, second = running(world), running(world)
    first.stop()
    world.clock.advance(seconds=60)
    assert [one.arn for one in cluster.tasks("web")] == [second.arn]
    assert {one.arn for one in cluster.tasks(stopped=True)} == {first.arn, second.arn}
    assert cluster.tasks("other") == []


def test_a_service_knows_its_tasks_and_can_be_changed(world: World) -> None:
    found = service(world, 2)
    assert len(found.tasks()) == 2
    found.change(desiredCount=1)
    world.clock.advance(seconds=120)
    assert len(found.tasks()) == 1
    assert len(found.tasks(stopped=True)) == 2
    assert found.settings["desiredCount"] == 1


def test_what_happens_in_a_rehearsal_is_undone(world: World) -> None:
    task = running(world)
    with world.rehearsal():
        task.sicken()
        task.kill()
        world.clock.advance(seconds=60)
        assert task.status == "STOPPED"
    assert (task.status, task.health) == ("RUNNING", "HEALTHY")
    assert task.request("/").status == 200


def test_the_newest_revision_of_a_family_or_none(world: World) -> None:
    ecs = world.client("ecs")
    for _ in range(2):
        ecs.register_task_definition(
            family="fresh", containerDefinitions=[{"name": "app", "image": "nginx", "memory": 64}]
        )
    found = containers.newest(world, "fresh")
    assert found is not None
    assert (found["revision"], found["status"]) == (2, "ACTIVE")
    assert containers.newest(world, "nobody-s") is None
    assert containers.newest(world, "") is None


def test_a_new_cluster_is_another_one_each_time(world: World) -> None:
    first, second = (
        containers.new_cluster(world),
        containers.new_cluster(world, capacityProviders=["FARGATE"]),
    )
    assert first.name != second.name
    assert first.tasks() == []
    found = world.client("ecs").describe_clusters(clusters=[second.name])["clusters"][0]
    assert found["capacityProviders"] == ["FARGATE"]
