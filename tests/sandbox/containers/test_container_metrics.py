"""CloudWatch metrics of services and tasks: there when somebody reads them, true, and free until then."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import boto3

from labkit.sandbox import Sandbox, current
from labkit.sandbox.fleet import boxes
from labkit.sandbox.services import _ecs_store
from tests.sandbox.containers import servicekit as kit

BUSY = "PORT = 8080\nSTARTS_IN = 1.0\nCPU = 0.05\nMEMORY = 128\nCPU_PER_REQUEST = 0.01\n"
SERVICE = {"ClusterName": "shop", "ServiceName": "user"}


def read(
    name: str, places: dict[str, str], namespace: str = "AWS/ECS", minutes: int = 10, stat: str = "Average"
) -> Any:
    now = current().clock.now()
    found = boto3.client("cloudwatch").get_metric_data(
        StartTime=now - timedelta(minutes=minutes), EndTime=now,
        MetricDataQueries=[{
            "Id": "m", "MetricStat": {
                "Metric": {
                    "Namespace": namespace, "MetricName": name,
                    "Dimensions": [{"Name": key, "Value": value} for key, value in places.items()],
                }, "Period": 60, "Stat": stat,
            },
        }],
    )  # fmt: skip
    return list(reversed(found["MetricDataResults"][0]["Values"]))


def test_an_idle_service_uses_what_its_program_says(story: Sandbox) -> None:
    kit.create(count=2, task=kit.definition(kit.image(BUSY)))
    kit.stable()
    current().clock.advance(minutes=5)
    cpu, memory = read("CPUUtilization", SERVICE), read("MemoryUtilization", SERVICE)
    assert [round(value) for value in cpu[-3:]] == [20, 20, 20]
    assert [round(value) for value in memory[-3:]] == [25, 25, 25]
    assert read("CPUUtilization", SERVICE, stat="SampleCount")[-1] == 2


def test_load_on_one_task_is_in_the_average_and_the_maximum(story: Sandbox) -> None:
    kit.create(count=2, task=kit.definition(kit.image(BUSY)))
    kit.stable()
    current().clock.advance(seconds=60 - current().clock.time() % 60)
    task = _ecs_store.task(sorted(kit.arns(kit.running()))[0])
    assert task is not None
    assert task.containers[0].box is not None
    for _ in range(60):
        boxes.serve(task.containers[0].box, boxes.Request(weight=15), current().clock.time())
        current().clock.advance(seconds=1)
    current().clock.advance(seconds=30)
    assert round(read("CPUUtilization", SERVICE)[-1]) == 50
    assert round(read("CPUUtilization", SERVICE, stat="Maximum")[-1]) == 80


def test_enhanced_insights_have_metrics_of_each_task(story: Sandbox) -> None:
    kit.cluster(settings=[{"name": "containerInsights", "value": "enhanced"}])
    kit.create(count=2, task=kit.definition(kit.image(BUSY)))
    kit.stable()
    current().clock.advance(minutes=3)
    insights = "ECS/ContainerInsights"
    identifier = kit.running()[0]["taskArn"].rpartition("/")[2]
    assert round(read("TaskCpuUtilization", SERVICE | {"TaskId": identifier}, insights)[-1]) == 20
    assert read("RunningTaskCount", SERVICE, insights)[-1] == 2
    assert round(read("CpuReserved", SERVICE, insights)[-1]) == 512
    listed = boto3.client("cloudwatch").list_metrics(Namespace=insights)["Metrics"]
    assert {"TaskCpuUtilization", "ContainerMemoryUtilization", "RunningTaskCount"} <= {
        one["MetricName"] for one in listed
    }


def test_a_job_outside_of_services_has_metrics_too(story: Sandbox) -> None:
    kit.cluster(settings=[{"name": "containerInsights", "value": "enhanced"}])
    task = kit.definition(kit.image(BUSY))
    made = kit.ecs().run_task(
        cluster=kit.CLUSTER, taskDefinition=task, launchType="FARGATE", networkConfiguration=kit.network()
    )["tasks"][0]
    current().clock.advance(minutes=4)
    places = {
        "ClusterName": "shop",
        "TaskDefinitionFamily": "user",
        "TaskId": made["taskArn"].rpartition("/")[2],
    }
    assert round(read("TaskMemoryUtilization", places, "ECS/ContainerInsights")[-1]) == 25


def test_what_stopped_tasks_have_used_stays_known(story: Sandbox) -> None:
    kit.create(count=2, task=kit.definition(kit.image(BUSY)))
    kit.stable()
    current().clock.advance(minutes=3)
    before = read("CPUUtilization", SERVICE)
    assert [round(value) for value in before[-2:]] == [20, 20]
    kit.update(desiredCount=0)
    current().clock.advance(minutes=100)
    assert kit.ecs().list_tasks(cluster=kit.CLUSTER, desiredStatus="STOPPED")["taskArns"] == []
    kept = read("CPUUtilization", SERVICE, minutes=120)
    assert kept[: len(before)] == before
    assert len(before) <= len(kept) <= len(before) + 2
    assert {round(value) for value in kept[2:]} == {20}


def test_without_insights_there_are_none(story: Sandbox) -> None:
    kit.create(count=1)
    kit.stable()
    current().clock.advance(minutes=3)
    assert read("TaskCpuUtilization", SERVICE, "ECS/ContainerInsights") == []
    assert boto3.client("cloudwatch").list_metrics(Namespace="ECS/ContainerInsights")["Metrics"] == []


def test_reading_changes_nothing(story: Sandbox) -> None:
    kit.create(count=2)
    kit.stable()
    current().clock.advance(minutes=3)
    read("CPUUtilization", SERVICE)
    before = story.digest()
    read("CPUUtilization", SERVICE)
    assert story.digest() == before


def test_a_day_that_nobody_looks_at_costs_almost_nothing(story: Sandbox) -> None:
    task = kit.definition(kit.image())
    for number in range(5):
        kit.create(f"s{number}", count=3, task=task)
    kit.until(lambda: all(kit.steady(f"s{number}") for number in range(5)))
    waiting = len(current().clock.waiting)
    begin = time.process_time()
    played = current().clock.advance(hours=24).played
    spent = time.process_time() - begin
    assert waiting < 100
    assert played < 500, f"{played} pieces of work in {spent:.2f} s"
