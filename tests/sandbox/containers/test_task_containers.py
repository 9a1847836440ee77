"""Several containers in one task: order, who ends the task, limits, environment, restarts."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox
from tests.sandbox.containers import servicekit as kit
from tests.sandbox.containers import taskkit as tasks

ECHOES = """
PORT = 8080
def main(box):
    for name in ("COLOUR", "SIZE", "AWS_REGION"):
        print(name, box.environment.get(name))
    print("command", *box.command)
"""
COMMANDS = """
def migrate(box):
    print("migrating")
    box.takes(12)

def broken(box):
    return 4

COMMANDS = {"migrate": migrate, "broken": broken}
PORT = 8080
"""


@pytest.fixture(autouse=True)
def _group(sandbox: Sandbox) -> None:
    boto3.client("logs").create_log_group(logGroupName="/shop/user")


def pair(first: str, second: str, /, **more: Any) -> str:
    """A definition of two containers: `second` depends on `first` as said."""
    depends = [{"containerName": "first", "condition": more.pop("condition")}] if "condition" in more else []
    return tasks.define(
        tasks.container("first", kit.image(first, "first"), **more.pop("first", {})),
        tasks.container("second", kit.image(second, "second"), dependsOn=depends, **more),
    )


def test_all_containers_of_a_task_are_there(sandbox: Sandbox) -> None:
    arn = tasks.start(pair(tasks.SERVES, tasks.FOREVER))
    task = tasks.until(arn, "RUNNING")
    assert [one["name"] for one in task["containers"]] == ["first", "second"]
    assert {one["lastStatus"] for one in task["containers"]} == {"RUNNING"}
    assert len({one["containerArn"] for one in task["containers"]}) == 2
    assert all(
        one["containerArn"].startswith(arn.replace(":task/", ":container/")) for one in task["containers"]
    )


def test_an_essential_container_takes_the_others_with_it(sandbox: Sandbox) -> None:
    task = tasks.until(tasks.start(pair(tasks.JOB, tasks.SERVES)), "STOPPED")
    assert task["stopCode"] == "EssentialContainerExited"
    assert [one["exitCode"] for one in task["containers"]] == [0, 143]


def test_a_container_that_is_not_essential_may_end(sandbox: Sandbox) -> None:
    arn = tasks.start(pair(tasks.JOB, tasks.SERVES, first={"essential": False}))
    tasks.until(arn, "RUNNING")
    sandbox.clock.advance(minutes=5)
    task = tasks.look(arn)
    assert task["lastStatus"] == "RUNNING"
    assert tasks.first(task, "first")["lastStatus"] == "STOPPED"
    assert tasks.first(task, "first")["exitCode"] == 0


def test_complete_waits_for_the_end_of_the_other(sandbox: Sandbox) -> None:
    arn = tasks.start(pair(tasks.JOB, tasks.SERVES, condition="COMPLETE", first={"essential": False}))
    tasks.until(arn, "ACTIVATING")
    sandbox.clock.advance(seconds=12)
    task = tasks.look(arn)
    assert (task["lastStatus"], tasks.first(task, "second")["lastStatus"]) == ("ACTIVATING", "PENDING")
    sandbox.clock.advance(seconds=20)
    task = tasks.look(arn)
    assert (task["lastStatus"], tasks.first(task, "second")["lastStatus"]) == ("RUNNING", "RUNNING")


def test_success_does_not_come_after_a_failure(sandbox: Sandbox) -> None:
    fails = tasks.JOB.replace("EXIT_CODE = 0", "EXIT_CODE = 3")
    arn = tasks.start(pair(fails, tasks.SERVES, condition="SUCCESS", first={"essential": False}))
    task = tasks.until(arn, "STOPPED")
    assert task["stopCode"] == "TaskFailedToStart"
    assert tasks.first(task, "first")["exitCode"] == 3
    assert "exitCode" not in tasks.first(task, "second")


def test_healthy_waits_for_the_check_of_the_other(sandbox: Sandbox) -> None:
    check = {"healthCheck": kit.CHECK | {"interval": 20}}
    arn = tasks.start(pair(tasks.SERVES, tasks.SERVES, condition="HEALTHY", first=check))
    tasks.until(arn, "ACTIVATING")
    sandbox.clock.advance(seconds=15)
    assert tasks.first(tasks.look(arn), "second")["lastStatus"] == "PENDING"
    task = tasks.until(arn, "RUNNING")
    assert tasks.first(task, "first")["healthStatus"] == "HEALTHY"


def test_who_waits_longer_than_start_timeout_gives_up(sandbox: Sandbox) -> None:
    check = {"healthCheck": kit.CHECK | {"interval": 5}, "startTimeout": 60}
    arn = tasks.start(pair(kit.SICK, tasks.SERVES, condition="HEALTHY", first=check))
    task = tasks.until(arn, "STOPPED")
    assert (task["stopCode"], task["stoppedReason"]) == ("TaskFailedToStart", "Task failed to start")
    assert 59 < (task["stoppingAt"] - task["pullStoppedAt"]).total_seconds() < 61


def test_on_the_way_out_the_order_is_turned_round(sandbox: Sandbox) -> None:
    slow = tasks.SERVES + "STOPS_IN = 6.0\n"
    arn = tasks.start(pair(slow, slow, condition="START"))
    tasks.until(arn, "RUNNING")
    tasks.stop(arn)
    sandbox.clock.advance(seconds=7)
    task = tasks.look(arn)
    assert (tasks.first(task, "second")["lastStatus"], tasks.first(task, "first")["lastStatus"]) == (
        "STOPPED",
        "RUNNING",
    )
    task = tasks.until(arn, "STOPPED")
    assert 11.9 < (task["executionStoppedAt"] - task["stoppingAt"]).total_seconds() < 12.3


def test_too_much_memory_kills_with_137_and_says_so(sandbox: Sandbox) -> None:
    task = tasks.until(tasks.start(tasks.simple("PORT = 8080\nMEMORY = 600\n", "large")), "STOPPED")
    assert task["stopCode"] == "EssentialContainerExited"
    assert tasks.first(task)["exitCode"] == 137
    assert tasks.first(task)["reason"] == "OutOfMemoryError: Container killed due to memory usage"


def test_a_containers_own_limit_is_smaller_than_the_tasks(sandbox: Sandbox) -> None:
    task = tasks.until(
        tasks.start(tasks.simple("PORT = 8080\nMEMORY = 200\n", "large", memory=128)), "STOPPED"
    )
    assert tasks.first(task)["exitCode"] == 137
    assert tasks.first(task)["memory"] == "128"


def test_the_memory_of_a_task_is_shared_by_its_containers(sandbox: Sandbox) -> None:
    task = tasks.until(tasks.start(pair("MEMORY = 300\nPORT = 80\n", "MEMORY = 300\nPORT = 81\n")), "STOPPED")
    assert 137 in [one["exitCode"] for one in task["containers"]]


def test_environment_and_overrides_reach_the_program(sandbox: Sandbox) -> None:
    definition = tasks.simple(
        ECHOES, environment=[{"name": "COLOUR", "value": "red"}, {"name": "SIZE", "value": "small"}],
        logConfiguration=tasks.logging(),
    )  # fmt: skip
    changed = {"name": "app", "environment": [{"name": "SIZE", "value": "large"}], "command": ["--fast"]}
    arn = tasks.start(definition, overrides={"containerOverrides": [changed]})
    task = tasks.until(arn, "RUNNING")
    sandbox.clock.advance(seconds=6)
    assert tasks.lines() == ["COLOUR red", "SIZE large", "AWS_REGION eu-west-1", "command --fast"]
    assert task["overrides"]["containerOverrides"] == [changed]


def test_a_command_chooses_another_entry_point(sandbox: Sandbox) -> None:
    definition = tasks.simple(COMMANDS, logConfiguration=tasks.logging())
    asked = {"containerOverrides": [{"name": "app", "command": ["migrate"]}]}
    task = tasks.until(tasks.start(definition, overrides=asked), "STOPPED")
    assert tasks.first(task)["exitCode"] == 0
    assert 11.9 < (task["executionStoppedAt"] - task["startedAt"]).total_seconds() < 12.1
    assert tasks.lines() == ["migrating"]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["broken"], 4), (["sh", "-c", "exit 9"], 9), (["sh", "-c", "true && broken"], 4), (["false"], 1),
        (["sh", "-c", "nothing || exit 5"], 5), (["sh", "-c", "nothing"], 127), (["echo", "hello"], 0),
    ],
)  # fmt: skip
def test_a_command_decides_the_exit_code(sandbox: Sandbox, command: list[str], code: int) -> None:
    asked = {"containerOverrides": [{"name": "app", "command": command}]}
    task = tasks.until(tasks.start(tasks.simple(COMMANDS), overrides=asked), "STOPPED")
    assert tasks.first(task)["exitCode"] == code


def test_a_command_the_image_lacks_cannot_start(sandbox: Sandbox) -> None:
    asked = {"containerOverrides": [{"name": "app", "command": ["migrat"]}]}
    task = tasks.until(tasks.start(tasks.simple(COMMANDS), overrides=asked), "STOPPED")
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("CannotStartContainerError: ")
    assert 'exec: "migrat": executable file not found in $PATH' in task["stoppedReason"]


def test_a_restart_policy_restarts_what_ran_long_enough(sandbox: Sandbox) -> None:
    fails = "RUNS_FOR = 70.0\nEXIT_CODE = 1\n"
    arn = tasks.running(fails, restartPolicy={"enabled": True, "restartAttemptPeriod": 60})
    sandbox.clock.advance(minutes=10)
    assert tasks.look(arn)["lastStatus"] == "RUNNING"
    ended = [one for one in sandbox.trace.where(resource=arn) if one.action == "ContainerStopped"]
    assert len(ended) == 8


def test_a_restart_policy_leaves_what_failed_early(sandbox: Sandbox) -> None:
    arn = tasks.running("RUNS_FOR = 30.0\nEXIT_CODE = 1\n", restartPolicy={"enabled": True})
    assert tasks.first(tasks.until(arn, "STOPPED"))["exitCode"] == 1


def test_an_ignored_exit_code_is_not_restarted(sandbox: Sandbox) -> None:
    policy = {"enabled": True, "restartAttemptPeriod": 60, "ignoredExitCodes": [0]}
    arn = tasks.running("RUNS_FOR = 90.0\n", restartPolicy=policy)
    assert tasks.first(tasks.until(arn, "STOPPED"))["exitCode"] == 0


def test_every_one_of_many_jobs_ends(sandbox: Sandbox) -> None:
    definition, ecs = tasks.simple(tasks.JOB), kit.ecs()
    kit.cluster()
    where: Any = {"launchType": "FARGATE", "networkConfiguration": kit.network()}
    for _ in range(10):
        ecs.run_task(cluster=kit.CLUSTER, taskDefinition=definition, count=10, **where)
        sandbox.clock.advance(seconds=0.7)
    arns = ecs.list_tasks(cluster=kit.CLUSTER)["taskArns"]
    sandbox.clock.advance(minutes=5)
    found = ecs.describe_tasks(cluster=kit.CLUSTER, tasks=arns)["tasks"]
    assert [one["lastStatus"] for one in found] == ["STOPPED"] * 100
