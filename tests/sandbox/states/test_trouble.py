"""Wrong input and bad moments: AWS's errors, and never a Python error."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox

Flow = dict[str, Any]
PASS: Flow = {"Type": "Pass", "End": True}
WAIT: Flow = {"Type": "Wait", "Seconds": 60, "End": True}


def block(**states: Flow) -> Flow:
    return {"StartAt": next(iter(states)), "States": states}


def refusal(call: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return str(error["Code"]), str(error["Message"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "INVALID_JSON_DESCRIPTION"),
        ("{", "INVALID_JSON_DESCRIPTION"),
        ("StartAt: A", "INVALID_JSON_DESCRIPTION"),
        ('{"StartAt": "A", "StartAt": "A"}', "Duplicate field 'StartAt'"),
        ("[]", "SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object"),
        ('"text"', "SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object"),
        ("{}", "SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /"),
        ('{"StartAt": "A"}', "These fields are required: [States] at /"),
        ('{"StartAt": 1, "States": {"A": {"Type": "Succeed"}}}', "/StartAt"),
        ('{"StartAt": "A", "States": []}', "/States"),
        ('{"StartAt": "A", "States": {"A": []}}', "/States/A"),
        ('{"StartAt": "A", "States": {"A": {"Type": ["Pass"]}}}', "/States/A/Type"),
        ('{"StartAt": "A", "States": {"A": {"Type": "Map", "Iterator": [], "End": true}}}', "/States/A"),
        ('{"StartAt": "A", "States": {"A": {"Type": "Parallel", "Branches": {}, "End": true}}}', "/States/A"),
        ('{"StartAt": "A", "States": {"A": {"Type": "Choice", "Choices": [1]}}}', "/States/A/Choices[0]"),
        ("[" * 5_000, "INVALID_JSON_DESCRIPTION"),
    ],
)
def test_what_is_no_definition(flows: Any, text: str, said: str) -> None:
    if text:
        code, message = refusal(
            flows.sfn.create_state_machine, name="bad", definition=text, roleArn=flows.role
        )
        assert (code, said in message) == ("InvalidDefinition", True)
        checked = flows.sfn.validate_state_machine_definition(definition=text)
        assert (checked["result"], len(checked["diagnostics"]) > 0) == ("FAIL", True)
    assert flows.sfn.list_state_machines()["stateMachines"] == []


def test_a_loop_without_exit_is_refused_and_one_that_never_leaves_ends_at_the_limit(flows: Any) -> None:
    states = {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}
    code, message = refusal(
        flows.sfn.create_state_machine, name="bad", roleArn=flows.role, definition=json.dumps(block(**states))
    )
    assert (code, "MISSING_END_STATE" in message) == ("InvalidDefinition", True)
    loop = {
        "C": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.stop", "IsPresent": True, "Next": "S"}],
            "Default": "P",
        },
        "P": {"Type": "Pass", "Next": "C"},
        "S": {"Type": "Succeed"},
    }
    found = flows.run(loop)
    assert (found["status"], found["error"]) == ("FAILED", "States.Runtime")
    last = flows.sfn.get_execution_history(
        executionArn=found["executionArn"], reverseOrder=True, maxResults=1
    )["events"][0]
    assert (last["type"], last["id"]) == ("ExecutionFailed", 25_000)
    assert found["redriveStatus"] == "NOT_REDRIVABLE"


def test_an_express_loop_without_exit_ends_after_five_minutes(flows: Any) -> None:
    loop = {
        "C": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.stop", "IsPresent": True, "Next": "S"}],
            "Default": "W",
        },
        "W": {"Type": "Wait", "Seconds": 1, "Next": "C"},
        "S": {"Type": "Succeed"},
    }
    answer = flows.sfn.start_sync_execution(stateMachineArn=flows.machine(loop, type="EXPRESS"))
    assert (answer["status"], answer["stopDate"] - answer["startDate"]) == (
        "TIMED_OUT",
        timedelta(seconds=300),
    )


def test_a_machine_being_deleted_starts_nothing_new_and_ends_what_runs(flows: Any) -> None:
    machine = flows.machine({"W": WAIT}, name="going")
    running = flows.start(machine)
    flows.sfn.delete_state_machine(stateMachineArn=machine)
    assert flows.sfn.describe_state_machine(stateMachineArn=machine)["status"] == "DELETING"
    assert refusal(flows.sfn.start_execution, stateMachineArn=machine) == (
        "StateMachineDeleting",
        f"State Machine Deleting: '{machine}'",
    )
    assert (
        refusal(flows.sfn.update_state_machine, stateMachineArn=machine, roleArn=flows.role)[0]
        == "StateMachineDeleting"
    )
    flows.clock.advance(minutes=2)
    assert refusal(flows.sfn.describe_execution, executionArn=running)[0] == "ExecutionDoesNotExist"
    assert refusal(flows.sfn.start_execution, stateMachineArn=machine)[0] == "StateMachineDoesNotExist"


def test_input_and_names_are_checked(flows: Any) -> None:
    machine = flows.machine({"A": PASS})
    start = flows.sfn.start_execution
    assert refusal(start, stateMachineArn=machine, input="{no}")[0] == "InvalidExecutionInput"
    assert refusal(start, stateMachineArn=machine, input="")[0] == "InvalidExecutionInput"
    assert refusal(start, stateMachineArn=machine, name="a b")[0] == "InvalidName"
    assert (
        refusal(start, stateMachineArn=machine, input=json.dumps("x" * 262_143))[0] == "ValidationException"
    )
    assert refusal(start, stateMachineArn="machine")[0] == "InvalidArn"
    assert refusal(start, stateMachineArn=f"{machine}x")[0] == "StateMachineDoesNotExist"
    assert flows.look(flows.start(machine, "x" * 262_142))["status"] == "SUCCEEDED"


def test_a_result_that_is_too_large_cannot_be_caught(flows: Any) -> None:
    flows.function("big", "def handler(event, context):\n    return 'x' * 262_143\n")
    task = {
        "Type": "Task",
        "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:big",
        "Next": "S",
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "S"}],
    }
    found = flows.run({"A": task, "S": {"Type": "Succeed"}})
    assert (found["status"], found["error"]) == ("FAILED", "States.DataLimitExceeded")


@pytest.mark.parametrize(
    "expression",
    [
        "$states.input.none.none",
        "1 / 'a'",
        "$sum('a')",
        "$nosuch()",
        "$toMillis('never')",
        "$parse('{')",
        "$partition([1], 'a')",
        "$range(1, 1000000, 1)",
        "$states.input ~> 1",
    ],
)
def test_jsonata_that_fails_is_a_state_s_error(flows: Any, expression: str) -> None:
    arn = flows.start(
        flows.machine(
            {"A": {"Type": "Pass", "Output": f"{{% {expression} %}}", "End": True}}, QueryLanguage="JSONata"
        )
    )
    assert (flows.look(arn)["status"], flows.look(arn)["error"]) == ("FAILED", "States.QueryEvaluationError")
    failed = next(
        event["evaluationFailedEventDetails"]
        for event in flows.history(arn)
        if event["type"] == "EvaluationFailed"
    )
    assert (failed["error"], failed["location"], failed["state"]) == (
        "States.QueryEvaluationError",
        "Output",
        "A",
    )


@pytest.mark.parametrize("way", ["Map", "Far", "Task", "Activity"])
def test_a_reset_in_the_middle_leaves_nothing_running(flows: Any, way: str) -> None:
    inner = block(W=WAIT)
    states: Flow = {
        "Map": {"Type": "Map", "ItemProcessor": inner, "End": True},
        "Far": {
            "Type": "Map",
            "ItemProcessor": inner
            | {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}},
            "End": True,
        },
        "Task": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:sqs:getQueueUrl",
            "Parameters": {"QueueName": "none"},
            "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 99}],
            "End": True,
        },
        "Activity": {
            "Type": "Task",
            "Resource": "arn:aws:states:eu-west-1:123456789012:activity:a",
            "HeartbeatSeconds": 60,
            "End": True,
        },
    }
    if way == "Activity":
        flows.sfn.create_activity(name="a")
    arn = flows.start(flows.machine({"A": states[way]}), list(range(20)))
    flows.clock.advance(seconds=5)
    flows.sandbox.reset()
    flows.clock.advance(hours=1)
    assert refusal(flows.sfn.describe_execution, executionArn=arn)[0] == "ExecutionDoesNotExist"
    assert flows.sfn.list_state_machines()["stateMachines"] == []


def test_a_sandbox_that_closes_in_the_middle_and_a_new_one() -> None:
    with Sandbox() as sandbox, sandbox.clock.paused():
        boto3.client("stepfunctions")
    with Sandbox() as sandbox, sandbox.clock.paused():
        assert boto3.client("stepfunctions").list_state_machines()["stateMachines"] == []


def test_a_queue_that_is_gone_and_a_role_that_is_gone(flows: Any) -> None:
    send = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {
            "QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/none",
            "MessageBody": "m",
        },
        "End": True,
    }
    assert flows.run({"A": send})["error"].startswith("SQS.")
    gone = flows.make_role("gone", "*")
    machine = flows.machine({"A": send}, role=gone)
    flows.iam.delete_role_policy(RoleName="gone", PolicyName="p")
    flows.iam.delete_role(RoleName="gone")
    arn = flows.start(machine)
    flows.clock.advance(seconds=5)
    assert flows.look(arn)["status"] == "FAILED"


# -- histories as AWS writes them ---------------------------------------------------------------------

FAIL: Flow = {"Type": "Fail", "Error": "E"}
MISSING: Flow = {
    "Type": "Task",
    "Resource": "arn:aws:states:::aws-sdk:sqs:getQueueUrl",
    "Parameters": {"QueueName": "none"},
    "End": True,
}


@pytest.mark.parametrize(
    ("states", "data", "before"),
    [
        ({"A": {"Type": "Pass", "Next": "B"}, "B": PASS}, {}, [0, 0, 2, 3, 4, 5]),
        ({"M": {"Type": "Map", "ItemProcessor": block(P=PASS), "End": True}}, [], [0, 0, 2, 3, 3, 5]),
        (
            {
                "T": MISSING | {"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "S"}]},
                "S": {"Type": "Succeed"},
            },
            {},
            [0, 0, 2, 3, 4, 5, 6, 7, 8],
        ),
        ({"M": {"Type": "Map", "ItemProcessor": block(F=FAIL), "End": True}}, [1], [0, 0, 2, 3, 4, 5, 5, 7]),
    ],
)
def test_which_event_came_before_which(flows: Any, states: Flow, data: Any, before: list[int]) -> None:
    arn = flows.start(flows.machine(states), data)
    flows.clock.advance(minutes=1)
    assert [event["previousEventId"] for event in flows.history(arn)] == before
    assert [event["id"] for event in flows.history(arn)] == list(range(1, len(before) + 1))
