"""The life of a task: its statuses on the clock, its times, and why it stopped."""

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox
from tests.sandbox.containers import servicekit as kit
from tests.sandbox.containers import taskkit as tasks

LIFE = [
    "TaskProvisioning", "TaskPending", "TaskActivating", "TaskRunning", "TaskDeactivating", "TaskStopping",
    "TaskDeprovisioning", "TaskStopped",
]  # fmt: skip


def test_a_task_goes_through_all_its_statuses_in_order(sandbox: Sandbox) -> None:
    arn = tasks.running()
    tasks.stop(arn)
    tasks.until(arn, "STOPPED")
    told = [one.action for one in sandbox.trace.where(service="ecs", resource=arn, kind="state")]
    assert [one for one in told if one.startswith("Task")] == LIFE


def test_its_times_come_in_the_order_of_its_life(sandbox: Sandbox) -> None:
    arn = tasks.running()
    sandbox.clock.advance(seconds=60)
    tasks.stop(arn)
    task = tasks.until(arn, "STOPPED")
    names = (
        "createdAt", "connectivityAt", "pullStartedAt", "pullStoppedAt", "startedAt", "stoppingAt",
        "executionStoppedAt", "stoppedAt",
    )  # fmt: skip
    times = [task[name] for name in names]
    assert times == sorted(times)
    assert 59 < (task["stoppingAt"] - task["startedAt"]).total_seconds() < 62


def test_looking_at_a_task_changes_nothing(sandbox: Sandbox) -> None:
    arn = tasks.running()
    with sandbox.clock.paused():
        before, digest = tasks.look(arn), sandbox.digest()
        for _ in range(10):
            tasks.look(arn)
            kit.ecs().list_tasks(cluster=kit.CLUSTER)
        assert tasks.look(arn) == before
        assert sandbox.digest() == digest


def test_a_job_that_ends_well_is_over_for_good(sandbox: Sandbox) -> None:
    arn = tasks.start(tasks.simple(tasks.JOB, "job"))
    task = tasks.until(arn, "STOPPED")
    assert task["stopCode"] == "EssentialContainerExited"
    assert task["stoppedReason"] == "Essential container in task exited"
    assert tasks.first(task)["exitCode"] == 0
    assert 19.9 < (task["executionStoppedAt"] - task["startedAt"]).total_seconds() < 20.1
    sandbox.clock.advance(minutes=10)
    assert kit.ecs().list_tasks(cluster=kit.CLUSTER)["taskArns"] == []


def test_a_program_that_raises_ends_with_1_and_its_traceback_in_the_log(sandbox: Sandbox) -> None:
    boto3.client("logs").create_log_group(logGroupName="/shop/user")
    definition = tasks.simple(
        "def main(box):\n    box.environment['TABLE']\n", logConfiguration=tasks.logging()
    )
    task = tasks.until(tasks.start(definition), "STOPPED")
    assert (task["stopCode"], tasks.first(task)["exitCode"]) == ("EssentialContainerExited", 1)
    said = tasks.lines()
    assert said[0] == "Traceback (most recent call last):"
    assert said[-1] == "KeyError: 'TABLE'"
    assert not any("labkit" in line for line in said)


def test_the_waiters_end_and_take_no_real_time(sandbox: Sandbox) -> None:
    arn = tasks.start(tasks.simple())
    kit.ecs().get_waiter("tasks_running").wait(cluster=kit.CLUSTER, tasks=[arn])
    assert tasks.look(arn)["lastStatus"] == "RUNNING"
    tasks.stop(arn)
    kit.ecs().get_waiter("tasks_stopped").wait(cluster=kit.CLUSTER, tasks=[arn])
    assert tasks.look(arn)["lastStatus"] == "STOPPED"


def test_sigterm_ends_a_program_with_143(sandbox: Sandbox) -> None:
    arn = tasks.running()
    tasks.stop(arn, reason="no longer needed")
    task = tasks.until(arn, "STOPPED")
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "no longer needed")
    assert tasks.first(task)["exitCode"] == 143


def test_a_program_that_handles_sigterm_ends_well(sandbox: Sandbox) -> None:
    source = tasks.SERVES + "STOPS_IN = 5.0\ndef on_sigterm(box):\n    print('bye')\n"
    arn = tasks.running(source)
    tasks.stop(arn)
    task = tasks.until(arn, "STOPPED")
    assert tasks.first(task)["exitCode"] == 0
    assert 4.9 < (task["executionStoppedAt"] - task["stoppingAt"]).total_seconds() < 5.2


@pytest.mark.parametrize(("asked", "seconds"), [(None, 30), (5, 5), (120, 120)])
def test_a_program_that_ignores_sigterm_is_killed_after_stop_timeout(
    sandbox: Sandbox, asked: int | None, seconds: int
) -> None:
    more = {} if asked is None else {"stopTimeout": asked}
    arn = tasks.running(tasks.SERVES + "STOPS_IN = None\n", **more)
    tasks.stop(arn)
    task = tasks.until(arn, "STOPPED")
    assert tasks.first(task)["exitCode"] == 137
    assert "reason" not in tasks.first(task)
    took = (task["executionStoppedAt"] - task["stoppingAt"]).total_seconds()
    assert seconds - 0.1 < took < seconds + 0.2


def test_a_task_stopped_before_it_runs_never_runs(sandbox: Sandbox) -> None:
    arn = tasks.start(tasks.simple())
    tasks.stop(arn)
    task = tasks.until(arn, "STOPPED")
    assert "startedAt" not in task
    assert "exitCode" not in tasks.first(task)
    sandbox.clock.advance(minutes=5)
    assert tasks.look(arn)["lastStatus"] == "STOPPED"


def test_a_task_stopped_in_the_middle_of_its_pull_never_runs(sandbox: Sandbox) -> None:
    arn = tasks.start(tasks.simple())
    tasks.until(arn, "ACTIVATING")
    tasks.stop(arn)
    assert "startedAt" not in tasks.until(arn, "STOPPED")


def test_a_stopped_task_is_shown_for_an_hour(sandbox: Sandbox) -> None:
    arn = tasks.start(tasks.simple(tasks.JOB, "job"))
    tasks.until(arn, "STOPPED")
    sandbox.clock.advance(minutes=59)
    assert tasks.look(arn)["lastStatus"] == "STOPPED"
    sandbox.clock.advance(minutes=1, seconds=1)
    answer = kit.ecs().describe_tasks(cluster=kit.CLUSTER, tasks=[arn])
    assert (answer["tasks"], answer["failures"]) == ([], [{"arn": arn, "reason": "MISSING"}])


def test_the_address_is_one_of_the_subnet_and_goes_with_the_task(sandbox: Sandbox) -> None:
    ec2 = boto3.client("ec2")
    arn = tasks.running()
    details = {one["name"]: one["value"] for one in tasks.look(arn)["attachments"][0]["details"]}
    eni = ec2.describe_network_interfaces(NetworkInterfaceIds=[details["networkInterfaceId"]])
    assert eni["NetworkInterfaces"][0]["PrivateIpAddress"] == details["privateIPv4Address"]
    assert eni["NetworkInterfaces"][0]["SubnetId"] == details["subnetId"]
    tasks.stop(arn)
    tasks.until(arn, "STOPPED")
    with pytest.raises(ClientError) as refused:
        ec2.describe_network_interfaces(NetworkInterfaceIds=[details["networkInterfaceId"]])
    assert refused.value.response["Error"]["Code"] == "InvalidNetworkInterfaceID.NotFound"


def test_two_tasks_never_share_an_address(sandbox: Sandbox) -> None:
    definition = tasks.simple()
    arns = [tasks.start(definition) for _ in range(6)]
    sandbox.clock.advance(minutes=2)
    found = {tasks.first(tasks.look(arn))["networkInterfaces"][0]["privateIpv4Address"] for arn in arns}
    assert len(found) == 6


def test_every_change_is_an_event_on_the_bus(sandbox: Sandbox) -> None:
    events, sqs = boto3.client("events"), boto3.client("sqs")
    queue = sqs.create_queue(QueueName="news")["QueueUrl"]
    target = f"arn:aws:sqs:{sandbox.region}:{sandbox.account}:news"
    sqs.set_queue_attributes(
        QueueUrl=queue,
        Attributes={
            "Policy": '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": '
            '"events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"}]}'
        },
    )
    events.put_rule(
        Name="ends", EventPattern='{"source": ["aws.ecs"], "detail": {"lastStatus": ["STOPPED"]}}'
    )
    events.put_targets(Rule="ends", Targets=[{"Id": "1", "Arn": target}])
    arn = tasks.start(tasks.simple(tasks.JOB, "job"))
    tasks.until(arn, "STOPPED")
    sandbox.clock.advance(seconds=5)
    body = sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"]
    assert '"detail-type":"ECS Task State Change"' in body.replace(": ", ":")
    assert arn in body
    assert '"stopCode":"EssentialContainerExited"' in body.replace(": ", ":")


def test_a_snapshot_in_the_middle_of_everything_plays_on_the_same(sandbox: Sandbox) -> None:
    with sandbox.clock.paused():
        arns = [tasks.start(tasks.simple(tasks.JOB, "job")), tasks.start(tasks.simple())]
        sandbox.clock.advance(seconds=13)
        kept = sandbox.snapshot()
        sandbox.clock.advance(minutes=2)
        first = [tasks.look(arn) for arn in arns]
        sandbox.restore(kept)
        sandbox.clock.advance(minutes=2)
        assert [tasks.look(arn) for arn in arns] == first


def test_what_a_rehearsal_does_to_a_task_is_undone(sandbox: Sandbox) -> None:
    arn = tasks.running()
    with sandbox.rehearsal():
        tasks.stop(arn)
        tasks.until(arn, "STOPPED")
    assert tasks.look(arn)["lastStatus"] == "RUNNING"
