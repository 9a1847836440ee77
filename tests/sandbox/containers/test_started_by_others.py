"""Tasks that rules, schedules and state machines run, each in its own role."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox
from tests.sandbox.containers import servicekit as kit
from tests.sandbox.containers import taskkit
from tests.sandbox.enforced import allow, make_role

pytestmark = pytest.mark.usefixtures("story")
HERE = "arn:aws:ecs:eu-west-1:123456789012"
RUN = (allow("ecs:RunTask"), allow("iam:PassRole"))
FAILS = "RUNS_FOR = 5.0\nEXIT_CODE = 3\n"
ENVIRONMENT = "RUNS_FOR = 5.0\ndef main(box):\n    print('order', box.environment.get('ORDER'))\n"


def cluster_arn() -> str:
    kit.cluster()
    return f"{HERE}:cluster/{kit.CLUSTER}"


def tasks() -> list[dict[str, Any]]:
    found = [
        arn
        for status in ("RUNNING", "STOPPED")
        for arn in kit.ecs().list_tasks(cluster=kit.CLUSTER, desiredStatus=status)["taskArns"]
    ]
    return list(kit.ecs().describe_tasks(cluster=kit.CLUSTER, tasks=found)["tasks"]) if found else []


def parameters(definition: str, **more: Any) -> dict[str, Any]:
    """EcsParameters of a target."""
    network = {
        "awsvpcConfiguration": {
            name[0].upper() + name[1:]: value for name, value in kit.network()["awsvpcConfiguration"].items()
        }
    }
    return {
        "TaskDefinitionArn": f"{HERE}:task-definition/{definition}", "LaunchType": "FARGATE",
        "NetworkConfiguration": network, **more,
    }  # fmt: skip


class Rule:
    """A rule for orders with a cluster as its target."""

    def __init__(self, definition: str, *statements: dict[str, Any], **more: Any) -> None:
        self.events: Any = boto3.client("events")
        role = make_role("starter", *statements, trusts={"Service": "events.amazonaws.com"})
        self.events.put_rule(Name="orders", EventPattern=json.dumps({"source": ["shop"]}))
        target = {
            "Id": "run", "Arn": cluster_arn(), "RoleArn": role, "EcsParameters": parameters(definition),
            "RetryPolicy": {"MaximumRetryAttempts": 0}, **more,
        }  # fmt: skip
        self.events.put_targets(Rule="orders", Targets=[target])

    def order(self, number: str) -> None:
        detail = json.dumps({"order": number})
        self.events.put_events(Entries=[{"Source": "shop", "DetailType": "order", "Detail": detail}])


def test_a_rule_runs_a_task_for_each_event_and_hands_over_overrides(story: Sandbox) -> None:
    template = (
        '{"containerOverrides": [{"name": "app", "environment": [{"name": "ORDER", "value": "<order>"}]}]}'
    )
    rule = Rule(
        taskkit.simple(ENVIRONMENT), *RUN,
        InputTransformer={"InputPathsMap": {"order": "$.detail.order"}, "InputTemplate": template},
    )  # fmt: skip
    rule.order("17")
    story.clock.advance(minutes=3)
    [task] = tasks()
    assert task["containers"][0]["exitCode"] == 0
    environment = task["overrides"]["containerOverrides"][0]["environment"]
    assert environment == [{"name": "ORDER", "value": "17"}]
    assert task["group"] == "family:user"


def test_an_event_that_nobody_transformed_overrides_nothing(story: Sandbox) -> None:
    rule = Rule(taskkit.simple(taskkit.JOB), *RUN)
    rule.order("17")
    story.clock.advance(minutes=3)
    [task] = tasks()
    assert task["overrides"]["containerOverrides"] == [{"name": "app"}]


@pytest.mark.parametrize(
    ("statements", "action"),
    [((allow("iam:PassRole"),), "ecs:RunTask"), ((allow("ecs:RunTask"),), "iam:PassRole")],
)
def test_a_role_without_one_of_the_two_rights_runs_nothing(
    story: Sandbox, statements: tuple[dict[str, Any], ...], action: str
) -> None:
    rule = Rule(taskkit.simple(taskkit.JOB), *statements)
    rule.order("17")
    story.clock.advance(minutes=3)
    assert tasks() == []
    assert any(action in event.message for event in story.trace.where(service="events"))


def test_a_definition_that_does_not_exist_goes_to_the_dead_letter_queue(story: Sandbox) -> None:
    sqs: Any = boto3.client("sqs")
    url = sqs.create_queue(QueueName="dead")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue}
    document = json.dumps({"Version": "2012-10-17", "Statement": [policy]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document})
    taskkit.simple(taskkit.JOB)
    rule = Rule("nobody:1", *RUN, DeadLetterConfig={"Arn": queue})
    rule.order("17")
    story.clock.advance(minutes=1)
    [letter] = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    assert json.loads(letter["Body"])["detail"] == {"order": "17"}
    assert "nobody" in letter["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"] or tasks() == []


def test_a_schedule_runs_a_task_when_it_is_time(story: Sandbox) -> None:
    definition = taskkit.simple(taskkit.JOB)
    role = make_role("starter", *RUN, trusts={"Service": "scheduler.amazonaws.com"})
    given = parameters(definition)
    network = {"awsvpcConfiguration": given.pop("NetworkConfiguration")["awsvpcConfiguration"]}
    boto3.client("scheduler").create_schedule(
        Name="nightly", ScheduleExpression="rate(1 hour)", FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": cluster_arn(), "RoleArn": role, "EcsParameters": given | {"NetworkConfiguration": network},
            "Input": "{}",
        },
    )  # fmt: skip
    story.clock.advance(hours=2.5)
    assert 2 <= len(story.trace.where(service="ecs", action="TaskProvisioning")) <= 3


# -- state machines ------------------------------------------------------------------------------------


def flow(definition: str, pattern: str, *statements: dict[str, Any], **more: Any) -> str:
    """Start an execution with one task; returns its ARN."""
    sfn: Any = boto3.client("stepfunctions")
    role = make_role("flow", *statements, trusts={"Service": "states.amazonaws.com"})
    network = {
        "AwsvpcConfiguration": {
            name[0].upper() + name[1:]: value for name, value in kit.network()["awsvpcConfiguration"].items()
        }
    }
    asked = {
        "Cluster": cluster_arn(), "TaskDefinition": definition, "LaunchType": "FARGATE",
        "NetworkConfiguration": network, **more,
    }  # fmt: skip
    state = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::ecs:runTask{pattern}",
        "Parameters": asked,
        "End": True,
    }
    made = sfn.create_state_machine(
        name="flow", roleArn=role, definition=json.dumps({"StartAt": "Run", "States": {"Run": state}})
    )["stateMachineArn"]
    return str(sfn.start_execution(stateMachineArn=made)["executionArn"])


def told(arn: str) -> dict[str, Any]:
    return dict(boto3.client("stepfunctions").describe_execution(executionArn=arn))


def types(arn: str) -> list[str]:
    history = boto3.client("stepfunctions").get_execution_history(executionArn=arn)["events"]
    return [event["type"] for event in history]


def test_a_state_waits_until_its_task_has_stopped(story: Sandbox) -> None:
    arn = flow(taskkit.simple(taskkit.JOB), ".sync", *RUN)
    story.clock.advance(seconds=30)
    assert told(arn)["status"] == "RUNNING"
    story.clock.advance(minutes=3)
    found = told(arn)
    output = json.loads(found["output"])
    assert found["status"] == "SUCCEEDED"
    assert (output["LastStatus"], output["StopCode"], output["StartedBy"]) == (
        "STOPPED", "EssentialContainerExited", "AWS Step Functions",
    )  # fmt: skip
    assert output["Containers"][0]["ExitCode"] == 0
    assert isinstance(output["StoppedAt"], int)
    assert types(arn)[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]


def test_a_task_that_fails_is_a_state_that_fails(story: Sandbox) -> None:
    arn = flow(taskkit.simple(FAILS), ".sync", *RUN)
    story.clock.advance(minutes=3)
    found = told(arn)
    assert (found["status"], found["error"]) == ("FAILED", "States.TaskFailed")
    assert json.loads(found["cause"])["Containers"][0]["ExitCode"] == 3


def test_request_response_does_not_wait(story: Sandbox) -> None:
    arn = flow(taskkit.simple(taskkit.JOB), "", *RUN)
    story.clock.advance(seconds=1)
    output = json.loads(told(arn)["output"])
    assert output["Tasks"][0]["LastStatus"] == "PROVISIONING"


def test_a_role_that_may_not_pass_the_execution_role(story: Sandbox) -> None:
    arn = flow(taskkit.simple(taskkit.JOB), ".sync", allow("ecs:RunTask"))
    story.clock.advance(seconds=1)
    found = told(arn)
    assert found["error"] == "ECS.AccessDeniedException"
    assert "iam:PassRole" in found["cause"]


def test_several_tasks_of_one_waiting_state_are_not_simulated(story: Sandbox) -> None:
    arn = flow(taskkit.simple(taskkit.JOB), ".sync", *RUN, Count=2)
    story.clock.advance(seconds=1)
    assert told(arn)["error"] == "NotSimulated"
    assert tasks() == []
