"""RunTask, ListTasks, DescribeTasks, StopTask, ExecuteCommand and protection as a client sees them."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox
from labkit.sandbox.services import _ecs_tasks
from tests.sandbox.containers import servicekit as kit
from tests.sandbox.containers import taskkit as tasks

CHANNELS = (
    "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)  # fmt: skip


def error_of(call: Any, *args: Any, **kwargs: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(*args, **kwargs)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def listed(**wanted: Any) -> list[str]:
    return list(kit.ecs().list_tasks(cluster=kit.CLUSTER, **wanted)["taskArns"])


def test_list_tasks_filters(sandbox: Sandbox) -> None:
    one = tasks.start(tasks.simple(), startedBy="ana")
    other = tasks.start(tasks.simple(tasks.JOB, "job"))
    kit.create("user", 1, task="user:1")
    sandbox.clock.advance(seconds=25)
    of_service = set(listed(serviceName="user"))
    assert len(of_service) == 1
    assert set(listed()) == {one, other, *of_service}
    assert set(listed(family="user")) == {one, *of_service}
    assert listed(family="use") == []
    assert listed(startedBy="ana") == [one]
    assert set(listed(launchType="FARGATE")) == {one, other, *of_service}
    assert listed(launchType="EC2") == []
    assert listed(desiredStatus="PENDING") == []
    sandbox.clock.advance(minutes=2)
    assert listed(desiredStatus="STOPPED") == [other]
    assert other not in listed()


def test_list_tasks_comes_in_pages(sandbox: Sandbox) -> None:
    definition = tasks.simple()
    arns = {tasks.start(definition) for _ in range(5)}
    first = kit.ecs().list_tasks(cluster=kit.CLUSTER, maxResults=3)
    rest = kit.ecs().list_tasks(cluster=kit.CLUSTER, maxResults=3, nextToken=first["nextToken"])
    assert len(first["taskArns"]) == 3
    assert {*first["taskArns"], *rest["taskArns"]} == arns
    assert "nextToken" not in rest


def test_what_is_not_there_is_said_so(sandbox: Sandbox) -> None:
    kit.cluster()
    ecs = kit.ecs()
    assert error_of(ecs.list_tasks, cluster="none") == ("ClusterNotFoundException", "Cluster not found.")
    assert error_of(ecs.stop_task, cluster=kit.CLUSTER, task="0" * 32) == (
        "InvalidParameterException", "The referenced task was not found.",
    )  # fmt: skip
    assert error_of(ecs.describe_tasks, cluster=kit.CLUSTER, tasks=[])[0] == "InvalidParameterException"
    assert error_of(ecs.list_tasks, cluster=kit.CLUSTER, serviceName="none")[0] == "ServiceNotFoundException"
    failures = ecs.describe_tasks(cluster=kit.CLUSTER, tasks=["f" * 32])["failures"]
    assert failures[0]["reason"] == "MISSING"
    assert failures[0]["arn"].endswith(f":task/shop/{'f' * 32}")


def test_run_task_refuses_more_than_ten(sandbox: Sandbox) -> None:
    definition = tasks.simple()
    kit.cluster()
    code, _ = error_of(
        kit.ecs().run_task, cluster=kit.CLUSTER, taskDefinition=definition, count=11, launchType="FARGATE",
        networkConfiguration=kit.network(),
    )  # fmt: skip
    assert code == "InvalidParameterException"


def test_run_task_starts_as_many_as_asked(sandbox: Sandbox) -> None:
    definition = tasks.simple()
    kit.cluster()
    answer = kit.ecs().run_task(
        cluster=kit.CLUSTER, taskDefinition=definition, count=4, launchType="FARGATE",
        networkConfiguration=kit.network(),
    )  # fmt: skip
    assert len({one["taskArn"] for one in answer["tasks"]}) == 4
    assert {one["lastStatus"] for one in answer["tasks"]} == {"PROVISIONING"}
    assert len({one["availabilityZone"] for one in answer["tasks"]}) == 3


def test_one_client_token_starts_tasks_once(sandbox: Sandbox) -> None:
    definition = tasks.simple()
    first = tasks.start(definition, clientToken="once")
    assert tasks.start(definition, clientToken="once") == first
    assert error_of(tasks.start, definition, clientToken="once", count=2)[0] == "ConflictException"
    assert len(listed()) == 1


def test_tags_come_from_the_call_and_the_definition(sandbox: Sandbox) -> None:
    definition = tasks.define(
        tasks.container("app", kit.image()),
        tags=[{"key": "team", "value": "shop"}, {"key": "stage", "value": "test"}],
    )
    arn = tasks.start(definition, propagateTags="TASK_DEFINITION", tags=[{"key": "stage", "value": "live"}])
    found = {one["key"]: one["value"] for one in tasks.look(arn, include=["TAGS"])["tags"]}
    assert found == {"team": "shop", "stage": "live"}
    assert tasks.look(arn)["tags"] == []
    listed_tags = kit.ecs().list_tags_for_resource(resourceArn=arn)["tags"]
    assert {one["key"] for one in listed_tags} == {"team", "stage"}


def test_a_cluster_counts_its_tasks(sandbox: Sandbox) -> None:
    arn = tasks.start(tasks.simple())
    tasks.start("user:1")

    def counts() -> tuple[int, int]:
        found = kit.ecs().describe_clusters(clusters=[kit.CLUSTER])["clusters"][0]
        return found["pendingTasksCount"], found["runningTasksCount"]

    assert counts() == (2, 0)
    sandbox.clock.advance(minutes=1)
    assert counts() == (0, 2)
    tasks.stop(arn)
    tasks.until(arn, "STOPPED")
    assert counts() == (0, 1)


def test_overrides_change_size_and_role(sandbox: Sandbox) -> None:
    role = tasks.role("other")
    arn = tasks.start(tasks.simple(), overrides={"cpu": "512", "memory": "1024", "taskRoleArn": role})
    task = tasks.look(arn)
    assert (task["cpu"], task["memory"]) == ("512", "1024")
    assert task["overrides"]["taskRoleArn"] == role


def test_a_killed_task_ends_with_137_and_no_out_of_memory(sandbox: Sandbox) -> None:
    arn = tasks.running()
    assert _ecs_tasks.kill(arn)
    task = tasks.until(arn, "STOPPED")
    assert tasks.first(task)["exitCode"] == 137
    assert "reason" not in tasks.first(task)
    assert task["stopCode"] == "EssentialContainerExited"
    assert not _ecs_tasks.kill(arn)


# -- exec ------------------------------------------------------------------------------------------------


def execute(arn: str, **more: Any) -> tuple[str, str]:
    given = {"cluster": kit.CLUSTER, "task": arn, "command": "/bin/sh", "interactive": True}
    return error_of(kit.ecs().execute_command, **(given | more))


WORKS = """
PORT = 8080
def greet(box):
    print("hello from", box.environment["NAME"])
    box.state["greeted"] = True
    return 3
def handle(request, box):
    return "yes" if box.state.get("greeted") else "no"
COMMANDS = {"greet": greet}
"""


def enabled(*rights: str, **more: Any) -> str:
    container = tasks.container(
        "app", kit.image(WORKS), environment=[{"name": "NAME", "value": "shop"}], **more
    )
    definition = tasks.define(
        container, taskRoleArn=tasks.role(f"inside-{len(rights)}", *rights), family="inside"
    )
    arn = tasks.start(definition, enableExecuteCommand=True)
    tasks.until(arn, "RUNNING")
    return arn


def test_who_may_not_open_a_session(sandbox: Sandbox) -> None:
    not_enabled = "The execute command failed because execute command was not enabled when the task was run"
    code, text = execute(tasks.running())
    assert code == "InvalidParameterException"
    assert text.startswith(not_enabled)
    assert execute(enabled("s3:GetObject")) == (
        "TargetNotConnectedException", "The execute command failed due to an internal error. Try again later.",
    )  # fmt: skip
    boto3.client("iam").delete_role_policy(RoleName="inside-1", PolicyName="Own")
    boto3.client("iam").delete_role(RoleName="inside-1")
    arn = enabled(*CHANNELS)
    assert execute(arn, interactive=False) == (
        "InvalidParameterException", "Interactive is the only mode supported currently.",
    )  # fmt: skip
    assert execute(arn, container="other")[0] == "InvalidParameterException"
    assert execute("0" * 32) == ("InvalidParameterException", "The referenced task was not found.")
    tasks.stop(arn)
    tasks.until(arn, "STOPPED")
    assert execute(arn)[1].startswith(not_enabled)


def test_execute_command_does_not_go_with_a_read_only_file_system(sandbox: Sandbox) -> None:
    arn = enabled(*CHANNELS, readonlyRootFilesystem=True)
    assert execute(arn)[0] == "InvalidParameterException"
    assert tasks.first(tasks.look(arn))["managedAgents"][0]["lastStatus"] == "STOPPED"


def test_a_session_runs_its_command_and_is_logged(sandbox: Sandbox) -> None:
    logs = boto3.client("logs")
    logs.create_log_group(logGroupName="/shop/user")
    logging = tasks.logging()
    arn = enabled(*CHANNELS, "logs:*", logConfiguration=logging)

    def opens(command: str) -> dict[str, Any]:
        return dict(
            kit.ecs().execute_command(cluster=kit.CLUSTER, task=arn, command=command, interactive=True)
        )

    answer = opens("greet")
    session = answer["session"]["sessionId"]
    assert session.startswith("ecs-execute-command-")
    assert answer["session"]["streamUrl"].startswith(f"wss://ssmmessages.{sandbox.region}.amazonaws.com/")
    assert (answer["containerName"], answer["interactive"]) == ("app", True)
    found = logs.get_log_events(logGroupName="/shop/user", logStreamName=session)["events"]
    assert [one["message"] for one in found] == ["hello from shop"]
    assert sandbox.trace.where(action="ExecuteCommand", kind="state")[-1].params["ExitCode"] == 3
    sandbox.clock.advance(seconds=5)
    opens("curl -f http://localhost:8080/")
    opens("/bin/sh")
    opens("nothing-like-it")
    told = [one.params for one in sandbox.trace.where(action="ExecuteCommand", kind="state")]
    assert [one["ExitCode"] for one in told] == [3, 0, None, 127]
    assert told[-1]["Output"] == "nothing-like-it: no such file or directory"
    assert tasks.lines() == ["hello from shop", "nothing-like-it: no such file or directory"]


# -- protection --------------------------------------------------------------------------------------------


def test_protection_expires(sandbox: Sandbox) -> None:
    kit.create("user", 1)
    kit.stable()
    arn = kit.running()[0]["taskArn"]
    ecs = kit.ecs()
    given = {"cluster": kit.CLUSTER, "tasks": [arn]}
    found = ecs.update_task_protection(**given, protectionEnabled=True, expiresInMinutes=30)["protectedTasks"]
    assert found[0]["protectionEnabled"]
    sandbox.clock.advance(minutes=29)
    assert ecs.get_task_protection(**given)["protectedTasks"][0]["protectionEnabled"]
    sandbox.clock.advance(minutes=2)
    assert ecs.get_task_protection(**given)["protectedTasks"] == [
        {"taskArn": arn, "protectionEnabled": False}
    ]


def test_only_tasks_of_services_are_protected(sandbox: Sandbox) -> None:
    arn = tasks.running()
    answer = kit.ecs().update_task_protection(
        cluster=kit.CLUSTER, tasks=[arn, "0" * 32], protectionEnabled=True
    )
    assert answer["protectedTasks"] == []
    assert [one["reason"] for one in answer["failures"]] == ["TASK_NOT_VALID", "MISSING"]
    code, _ = error_of(
        kit.ecs().update_task_protection, cluster=kit.CLUSTER, tasks=[arn], protectionEnabled=True,
        expiresInMinutes=2_881,
    )  # fmt: skip
    assert code == "InvalidParameterException"


# -- container instances -----------------------------------------------------------------------------------


def instance() -> str:
    """A container instance in the cluster. Gives its ARN."""
    ec2 = boto3.client("ec2")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    machine = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="m5.large")
    identifier = machine["Instances"][0]["InstanceId"]
    document = f'{{"instanceId": "{identifier}"}}'
    answer = kit.ecs().register_container_instance(cluster=kit.CLUSTER, instanceIdentityDocument=document)
    return str(answer["containerInstance"]["containerInstanceArn"])


def on_instances(source: str = tasks.SERVES, **more: Any) -> str:
    container = tasks.container(
        "app", kit.image(source), memory=256, cpu=128, portMappings=[{"containerPort": 8080}], **more
    )
    return tasks.define(
        container, family="user", requiresCompatibilities=["EC2"], networkMode="bridge", cpu=None, memory=None
    )


def test_start_task_takes_the_instance_it_is_told(sandbox: Sandbox) -> None:
    kit.cluster()
    arns = [instance(), instance()]
    answer = kit.ecs().start_task(
        cluster=kit.CLUSTER, taskDefinition=on_instances(), containerInstances=[arns[1], "0" * 32]
    )
    assert [one["containerInstanceArn"] for one in answer["tasks"]] == [arns[1]]
    assert [one["reason"] for one in answer["failures"]] == ["MISSING"]
    task = tasks.until(answer["tasks"][0]["taskArn"], "RUNNING")
    binding = tasks.first(task)["networkBindings"][0]
    assert (binding["containerPort"], binding["hostPort"] >= 32_768) == (8080, True)
    assert listed(containerInstance=arns[1]) == [task["taskArn"]]
    assert listed(containerInstance=arns[0]) == []


def test_on_an_instance_the_reason_stands_at_the_container(sandbox: Sandbox) -> None:
    kit.cluster()
    where = instance()
    definition = on_instances(logConfiguration=tasks.logging("/none"))
    answer = kit.ecs().start_task(cluster=kit.CLUSTER, taskDefinition=definition, containerInstances=[where])
    task = tasks.until(answer["tasks"][0]["taskArn"], "STOPPED")
    assert (task["stopCode"], task["stoppedReason"]) == ("TaskFailedToStart", "Task failed to start")
    assert "The specified log group does not exist." in tasks.first(task)["reason"]
