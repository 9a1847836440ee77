"""What a learner does in the lab, part 3: the partner who answers late, or never (E14.6); Standard or Express (E14.7)."""

# ruff: noqa: E501  # definitions read best on one line
from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

Flow = dict[str, Any]
SEND = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"


def asked(flows: Any) -> tuple[str, str]:
    """An order that waits for the payment partner, and the ticket the partner got."""
    queue = boto3.client("sqs").create_queue(QueueName="partner")["QueueUrl"]
    body = {"QueueUrl": queue, "MessageBody": {"order.$": "$.id", "ticket.$": "$$.Task.Token"}}
    ask = {
        "Type": "Task", "Resource": SEND, "Parameters": body, "HeartbeatSeconds": 600, "ResultPath": "$.paid", "Next": "Thanks",
        "Catch": [{"ErrorEquals": ["States.HeartbeatTimeout"], "ResultPath": "$.error", "Next": "Escalate"}, {"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Refuse"}],
    }  # fmt: skip
    states = {
        "Ask": ask,
        "Thanks": {"Type": "Succeed"},
        "Escalate": {"Type": "Pass", "Result": "human", "ResultPath": "$.next", "End": True},
        "Refuse": {"Type": "Fail", "ErrorPath": "$.error.Error"},
    }
    arn = flows.start(flows.machine(states), {"id": "o1"})
    message = boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"][0]
    return arn, json.loads(message["Body"])["ticket"]


def refusal(call: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return str(error["Code"]), str(error["Message"])


def test_a_ticket_brings_the_payment_back(flows: Any) -> None:
    arn, ticket = asked(flows)
    flows.clock.advance(minutes=9)
    flows.sfn.send_task_success(taskToken=ticket, output='{"receipt": 7}')
    assert flows.look(arn)["result"] == {"id": "o1", "paid": {"receipt": 7}}
    assert refusal(flows.sfn.send_task_success, taskToken=ticket, output="{}")[0] == "TaskTimedOut"
    assert refusal(flows.sfn.send_task_failure, taskToken=ticket)[0] == "TaskTimedOut"


def test_a_refused_payment_is_an_error_with_its_name(flows: Any) -> None:
    arn, ticket = asked(flows)
    flows.sfn.send_task_failure(taskToken=ticket, error="NoCover", cause="the card is empty")
    assert (flows.look(arn)["status"], flows.look(arn)["error"]) == ("FAILED", "NoCover")


def test_heartbeats_keep_the_order_and_silence_escalates(flows: Any) -> None:
    arn, ticket = asked(flows)
    for _ in range(3):
        flows.clock.advance(minutes=9)
        flows.sfn.send_task_heartbeat(taskToken=ticket)
    flows.clock.advance(minutes=10)
    found = flows.look(arn)
    assert (found["status"], found["result"]["next"]) == ("SUCCEEDED", "human")
    assert (found["stopDate"] - found["startDate"]).total_seconds() == pytest.approx(37 * 60, abs=1)
    assert [
        event["taskTimedOutEventDetails"]["error"]
        for event in flows.history(arn)
        if event["type"] == "TaskTimedOut"
    ] == ["States.Timeout"]
    history = flows.types(arn)
    assert refusal(flows.sfn.send_task_success, taskToken=ticket, output="{}") == (
        "TaskTimedOut",
        "Task Timed Out: 'Provided task does not exist anymore'",
    )
    assert flows.types(arn) == history


def test_a_heartbeat_is_not_caught_by_task_failed(flows: Any) -> None:
    activity = flows.sfn.create_activity(name="pack")["activityArn"]
    task = {
        "Type": "Task",
        "Resource": activity,
        "HeartbeatSeconds": 60,
        "Next": "No",
        "Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "No"}],
    }
    arn = flows.start(flows.machine({"A": task, "No": {"Type": "Succeed"}}))
    flows.clock.advance(minutes=30)
    assert flows.look(arn)["status"] == "RUNNING"  # nobody has taken the work: no heart beats yet
    flows.sfn.get_activity_task(activityArn=activity)
    flows.clock.advance(seconds=60)
    assert (flows.look(arn)["status"], flows.look(arn)["error"]) == ("FAILED", "States.Timeout")


def test_a_timeout_can_come_from_the_input(flows: Any) -> None:
    activity = flows.sfn.create_activity(name="pack")["activityArn"]
    task = {
        "Type": "Task",
        "Resource": activity,
        "TimeoutSecondsPath": "$.patience",
        "HeartbeatSecondsPath": "$.beat",
        "End": True,
    }
    arn = flows.start(flows.machine({"A": task}), {"patience": 100, "beat": 60})
    work = flows.sfn.get_activity_task(activityArn=activity)
    flows.clock.advance(seconds=50)
    flows.sfn.send_task_heartbeat(taskToken=work["taskToken"])
    flows.clock.advance(seconds=50)
    found = flows.look(arn)
    assert (found["error"], (found["stopDate"] - found["startDate"]).total_seconds()) == (
        "States.Timeout",
        pytest.approx(100, abs=1),
    )


def test_only_the_first_answer_counts(flows: Any) -> None:
    arn, ticket = asked(flows)
    flows.sfn.send_task_failure(taskToken=ticket, error="NoCover")
    assert refusal(flows.sfn.send_task_success, taskToken=ticket, output='"yes"')[0] == "TaskTimedOut"
    assert refusal(flows.sfn.send_task_heartbeat, taskToken=ticket)[0] == "TaskTimedOut"
    assert flows.look(arn)["status"] == "FAILED"


# -- Standard or Express ----------------------------------------------------------------------------------

CHARGE: Flow = {
    "Charge": {
        "Type": "Task", "Resource": "arn:aws:states:::dynamodb:putItem", "ResultPath": None, "End": True,
        "Parameters": {"TableName": "charges", "Item": {"id": {"S.$": "$.id"}}, "ConditionExpression": "attribute_not_exists(id)"},
        "Catch": [{"ErrorEquals": ["DynamoDB.ConditionalCheckFailedException"], "ResultPath": None, "Next": "Known"}],
    },
    "Known": {"Type": "Succeed"},
}  # fmt: skip
COUNT: Flow = {
    "Count": {
        "Type": "Task", "Resource": "arn:aws:states:::dynamodb:updateItem", "ResultPath": None, "End": True,
        "Parameters": {"TableName": "charges", "Key": {"id": {"S.$": "$.id"}}, "UpdateExpression": "ADD times :one", "ExpressionAttributeValues": {":one": {"N": "1"}}},
    },
}  # fmt: skip


def charges() -> Any:
    boto3.client("dynamodb").create_table(
        TableName="charges", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    return boto3.resource("dynamodb").Table("charges")


def times(flows: Any, states: Flow, kind: str) -> list[int]:
    """How often each of 20 orders was counted, with every Express execution run twice."""
    table = charges()
    flows.sandbox.faults.put("states.duplicate")
    machine = flows.machine(states, type=kind)
    for number in range(20):
        flows.start(machine, {"id": f"o{number}"}, name=f"o{number}")
    flows.clock.advance(minutes=1)
    return [int(one.get("times", 1)) for one in table.scan()["Items"]]


def test_an_express_execution_may_run_twice(flows: Any) -> None:
    assert times(flows, COUNT, "EXPRESS") == [2] * 20


def test_a_condition_makes_the_second_run_harmless(flows: Any) -> None:
    assert times(flows, CHARGE, "EXPRESS") == [1] * 20


def test_a_standard_execution_runs_once_and_its_name_is_an_idempotency_key(flows: Any) -> None:
    assert times(flows, COUNT, "STANDARD") == [1] * 20
    machine = flows.sfn.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    arn = flows.sfn.list_executions(stateMachineArn=machine)["executions"][0]["executionArn"]
    assert (
        refusal(flows.sfn.start_execution, stateMachineArn=machine, name=arn.rpartition(":")[2], input="[]")[
            0
        ]
        == "ExecutionAlreadyExists"
    )


def test_a_synchronous_express_execution_runs_at_most_once(flows: Any) -> None:
    table = charges()
    flows.sandbox.faults.put("states.duplicate")
    machine = flows.machine(COUNT, type="EXPRESS")
    answer = flows.sfn.start_sync_execution(stateMachineArn=machine, input='{"id": "o1"}')
    assert (answer["status"], answer["billingDetails"]["billedMemoryUsedInMB"]) == ("SUCCEEDED", 64)
    flows.clock.advance(minutes=1)
    assert [int(one["times"]) for one in table.scan()["Items"]] == [1]


def test_the_share_of_duplicates_is_the_fault_s(flows: Any) -> None:
    table = charges()
    flows.sandbox.faults.put("states.duplicate", 0.3)
    machine = flows.machine(COUNT, type="EXPRESS")
    for number in range(50):
        flows.start(machine, {"id": f"o{number}"})
    flows.clock.advance(minutes=1)
    assert 5 <= sum(int(one["times"]) - 1 for one in table.scan()["Items"]) <= 25


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        ("arn:aws:states:::states:startExecution.sync:2", "does not support '.sync:2' service integration"),
        (SEND, "does not support '.waitForTaskToken' service integration"),
        ("arn:aws:states:eu-west-1:123456789012:activity:pack", "does not support Activity ARN"),
    ],
)
def test_express_does_not_wait_for_others(flows: Any, resource: str, said: str) -> None:
    states = {"A": {"Type": "Task", "Resource": resource, "Parameters": {}, "End": True}}
    with pytest.raises(ClientError, match="Express state machine") as caught:
        flows.machine(states, type="EXPRESS")
    assert said in caught.value.response["Error"]["Message"]


def test_express_keeps_no_history(flows: Any) -> None:
    machine = flows.machine({"A": {"Type": "Pass", "End": True}}, type="EXPRESS")
    arn = flows.start(machine)
    for call in (
        flows.sfn.describe_execution,
        flows.sfn.get_execution_history,
        flows.sfn.redrive_execution,
        flows.sfn.stop_execution,
    ):
        assert refusal(call, executionArn=arn) == (
            "InvalidArn",
            "Invalid Arn: 'Resource type not valid in this context: express'",
        )
    assert refusal(flows.sfn.list_executions, stateMachineArn=machine)[0] == "StateMachineTypeNotSupported"


def test_five_minutes_are_the_end_of_an_express_execution(flows: Any) -> None:
    states = {
        "W": {"Type": "Wait", "Seconds": 299, "Next": "B"},
        "B": {"Type": "Wait", "Seconds": 2, "End": True},
    }
    answer = flows.sfn.start_sync_execution(stateMachineArn=flows.machine(states, type="EXPRESS"))
    assert (answer["status"], (answer["stopDate"] - answer["startDate"]).total_seconds()) == (
        "TIMED_OUT",
        pytest.approx(300, abs=1),
    )


def test_a_status_change_reaches_a_rule(flows: Any) -> None:
    events, sqs = boto3.client("events"), boto3.client("sqs")
    queue = sqs.create_queue(QueueName="news")["QueueUrl"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": "*",
            }
        ],
    }
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    events.put_rule(Name="r", EventPattern='{"source": ["aws.states"]}')
    events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": "arn:aws:sqs:eu-west-1:123456789012:news"}])
    arn = flows.start(flows.machine({"A": {"Type": "Pass", "End": True}}), {"id": 1})
    flows.clock.advance(minutes=1)
    told = [
        json.loads(one["Body"])
        for one in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    ]
    assert {(one["detail-type"], one["detail"]["status"]) for one in told} == {
        ("Step Functions Execution Status Change", status) for status in ("RUNNING", "SUCCEEDED")
    }
    done = next(one["detail"] for one in told if one["detail"]["status"] == "SUCCEEDED")
    assert (done["executionArn"], done["input"], done["output"]) == (arn, '{"id":1}', '{"id":1}')
