"""What a learner does in the lab, part 4: the same flow in JSONata, unit tests with TestState, redrive (E14.8)."""

# ruff: noqa: E501  # definitions read best on one line
from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

Flow = dict[str, Any]
INVOKE = "arn:aws:states:::lambda:invoke"
PRICES = """
def handler(event, context):
    if event["quantity"] < 0:
        raise ValueError("less than nothing")
    return {"sum": event["quantity"] * event["price"]}
"""
IN_PATHS: Flow = {
    "Price": {
        "Type": "Task", "Resource": INVOKE, "InputPath": "$.order",
        "Parameters": {"FunctionName": "prices", "Payload": {"quantity.$": "$.quantity", "price.$": "$.price"}},
        "ResultSelector": {"sum.$": "$.Payload.sum"}, "ResultPath": "$.bill", "Next": "Large",
        "Catch": [{"ErrorEquals": ["ValueError"], "ResultPath": "$.error", "Next": "Wrong"}],
    },
    "Large": {"Type": "Choice", "Choices": [{"Variable": "$.bill.sum", "NumericGreaterThan": 50, "Next": "Gift"}], "Default": "Plain"},
    "Gift": {"Type": "Pass", "Parameters": {"sum.$": "$.bill.sum", "gift": True}, "End": True},
    "Plain": {"Type": "Pass", "Parameters": {"sum.$": "$.bill.sum", "gift": False}, "End": True},
    "Wrong": {"Type": "Pass", "Parameters": {"why.$": "$.error.Error"}, "End": True},
}  # fmt: skip
IN_JSONATA: Flow = {
    "Price": {
        "Type": "Task", "Resource": INVOKE, "Arguments": {"FunctionName": "prices", "Payload": "{% $states.input.order %}"},
        "Assign": {"sum": "{% $states.result.Payload.sum %}"}, "Next": "Large",
        "Catch": [{"ErrorEquals": ["ValueError"], "Output": {"why": "{% $states.errorOutput.Error %}"}, "Next": "Wrong"}],
    },
    "Large": {"Type": "Choice", "Choices": [{"Condition": "{% $sum > 50 %}", "Assign": {"gift": True}, "Next": "Bill"}], "Assign": {"gift": False}, "Default": "Bill"},
    "Bill": {"Type": "Pass", "Output": {"sum": "{% $sum %}", "gift": "{% $gift %}"}, "End": True},
    "Wrong": {"Type": "Succeed"},
}  # fmt: skip


def test_both_languages_give_the_same(flows: Any) -> None:
    flows.function("prices", PRICES)
    old = flows.machine(IN_PATHS)
    new = flows.machine(
        {"Price": IN_JSONATA["Price"]} | IN_JSONATA | {"Large": IN_JSONATA["Large"]}, QueryLanguage="JSONata"
    )
    for quantity in range(-2, 18):
        order = {"order": {"quantity": quantity, "price": 6.5}}
        runs = [flows.start(machine, order) for machine in (old, new)]
        flows.clock.advance(seconds=30)
        results = [flows.look(arn) for arn in runs]
        assert results[0]["status"] == results[1]["status"] == "SUCCEEDED"
        assert results[0]["result"] == results[1]["result"]


def test_three_unit_tests_with_mocks(flows: Any) -> None:
    definition = json.dumps({"QueryLanguage": "JSONata", "StartAt": "Price", "States": IN_JSONATA})
    test, data = flows.sfn.test_state, '{"order": {"quantity": 2, "price": 3}}'
    paid = test(
        definition=definition,
        stateName="Price",
        input=data,
        mock={"result": '{"Payload": {"sum": 6}}'},
        inspectionLevel="DEBUG",
    )
    assert (paid["status"], paid["nextState"]) == ("SUCCEEDED", "Large")
    seen = paid["inspectionData"]
    assert json.loads(seen["variables"]) == {"sum": 6}
    assert json.loads(seen["afterArguments"]) == {
        "FunctionName": "prices",
        "Payload": {"quantity": 2, "price": 3},
    }
    wrong = test(
        definition=definition,
        stateName="Price",
        input=data,
        mock={"errorOutput": {"error": "ValueError", "cause": "x"}},
    )
    assert (wrong["status"], wrong["nextState"], wrong["output"]) == (
        "CAUGHT_ERROR",
        "Wrong",
        '{"why":"ValueError"}',
    )
    large = test(
        definition=definition, stateName="Large", input="{}", variables='{"sum": 51}', inspectionLevel="DEBUG"
    )
    assert (large["nextState"], json.loads(large["inspectionData"]["variables"])) == (
        "Bill",
        {"sum": 51, "gift": True},
    )
    assert boto3.client("lambda").list_functions()["Functions"] == []  # nothing was called


KINDS: list[tuple[Flow, Flow, str]] = [
    ({"Type": "Pass", "Result": 1, "Next": "N"}, {}, "N"),
    ({"Type": "Wait", "Seconds": 5, "Next": "N"}, {}, "N"),
    ({"Type": "Choice", "Choices": [{"Variable": "$.a", "IsPresent": True, "Next": "Y"}], "Default": "N"}, {}, "N"),
    ({"Type": "Succeed"}, {}, ""),
    ({"Type": "Task", "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:f", "Next": "N"}, {"result": "{}"}, "N"),
    ({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Parameters": {"QueueUrl": "q", "MessageBody.$": "$$.Task.Token"}, "Next": "N"}, {"result": "1"}, "N"),
    ({"Type": "Task", "Resource": "arn:aws:states:eu-west-1:123456789012:activity:pack", "Next": "N"}, {"result": "1"}, "N"),
    ({"Type": "Task", "Resource": "arn:aws:states:::http:invoke", "Parameters": {"ApiEndpoint": "https://bank.example.com", "Method": "GET", "InvocationConfig": {"ConnectionArn": "c"}}, "Next": "N"}, {"result": '{"StatusCode": 200}'}, "N"),
    ({"Type": "Parallel", "Branches": [{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}], "Next": "N"}, {"result": "[1]"}, "N"),
    ({"Type": "Map", "ItemsPath": "$.l", "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}, "Next": "N"}, {"result": "[1, 2]"}, "N"),
]  # fmt: skip


@pytest.mark.parametrize(("state", "mock", "following"), KINDS)
def test_every_kind_of_state_can_be_tested_alone(flows: Any, state: Flow, mock: Flow, following: str) -> None:
    more: Flow = {"mock": mock} if mock else {}
    if "waitForTaskToken" in state.get("Resource", ""):
        more["context"] = '{"Task": {"Token": "t"}}'
    answer = flows.sfn.test_state(
        definition=json.dumps(state), roleArn=flows.role, input='{"l": [1, 2]}', **more
    )
    assert (answer["status"], answer.get("nextState", "")) == ("SUCCEEDED", following)
    failed = flows.sfn.test_state(definition='{"Type": "Fail", "Error": "E", "Cause": "c"}', input="{}")
    assert (failed["status"], failed["error"], failed["cause"]) == ("FAILED", "E", "c")


QUEUES: Flow = {
    "Type": "Task",
    "Resource": "arn:aws:states:::sqs:sendMessage",
    "Parameters": {"QueueUrl": "q", "MessageBody": "m"},
    "End": True,
}
MAP: Flow = {
    "Type": "Map",
    "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}},
    "End": True,
}


@pytest.mark.parametrize(
    ("state", "params", "said"),
    [
        (MAP, {}, "TestState API does not support Map or Parallel states."),
        (QUEUES, {"roleArn": ""}, "RoleArn must be specified when a mock is not specified."),
        (
            QUEUES,
            {"mock": {"result": '{"MessageId": 5}'}},
            "Mock result schema validation error: Field 'MessageId' must be a string",
        ),
        (
            QUEUES,
            {"mock": {"result": "[]"}},
            "Mock result schema validation error: Mocked result must be an object",
        ),
        (QUEUES, {"mock": {"result": "{"}}, "Invalid JSON"),
        (
            QUEUES,
            {"mock": {"result": "{}", "errorOutput": {"error": "E"}}},
            "A test mock should have only one of the following fields: [result, errorOutput].",
        ),
        (MAP, {"mock": {"result": "{}"}}, "Mocked result must be an array."),
        (
            {"Type": "Succeed"},
            {"mock": {"result": "1"}},
            "State type 'Succeed' is not supported when a mock is specified",
        ),
    ],
)
def test_mocks_that_could_not_be_true_are_refused(flows: Any, state: Flow, params: Flow, said: str) -> None:
    given = {key: value for key, value in params.items() if value}
    with pytest.raises(ClientError) as caught:
        flows.sfn.test_state(definition=json.dumps(state), input="[]", **given)
    assert said in caught.value.response["Error"]["Message"]


def test_a_redrive_pays_nothing_twice(flows: Any) -> None:
    sqs = boto3.client("sqs")
    paid = sqs.create_queue(QueueName="paid")["QueueUrl"]
    send = "arn:aws:states:::sqs:sendMessage"
    states = {
        "Pay": {"Type": "Task", "Resource": send, "Arguments": {"QueueUrl": paid, "MessageBody": "paid"}, "Assign": {"receipt": "{% $states.result.MessageId %}"}, "Output": "{% $states.input %}", "Next": "Find"},
        "Find": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:getQueueUrl", "Arguments": {"QueueName": "late"}, "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}], "Next": "Tell"},
        "Tell": {"Type": "Pass", "Output": "{% {'receipt': $receipt, 'url': $states.input.QueueUrl} %}", "End": True},
    }  # fmt: skip
    arn = flows.start(flows.machine(states, QueryLanguage="JSONata"))
    flows.clock.advance(minutes=1)
    assert (flows.look(arn)["error"], flows.look(arn)["redriveStatus"]) == (
        "Sqs.QueueDoesNotExistException",
        "REDRIVABLE",
    )
    sqs.create_queue(QueueName="late")
    flows.clock.advance(days=2)
    flows.sfn.redrive_execution(executionArn=arn)
    flows.clock.advance(minutes=1)
    found = flows.look(arn)
    assert (found["status"], found["redriveCount"], found["redriveStatus"]) == (
        "SUCCEEDED",
        1,
        "NOT_REDRIVABLE",
    )
    assert found["result"]["url"].endswith("/late")
    assert (
        sqs.get_queue_attributes(QueueUrl=paid, AttributeNames=["All"])["Attributes"][
            "ApproximateNumberOfMessages"
        ]
        == "1"
    )
    names = [
        event["stateEnteredEventDetails"]["name"]
        for event in flows.history(arn)
        if "stateEnteredEventDetails" in event
    ]
    assert names == ["Pay", "Find", "Tell"]
    assert flows.types(arn).count("TaskScheduled") == 1 + 2 + 1  # Pay; Find with its retry; Find again
    assert "ExecutionRedriven" in flows.types(arn)


def test_a_redrive_comes_too_late_after_two_weeks(flows: Any) -> None:
    arn = flows.start(flows.machine({"F": {"Type": "Fail"}}))
    flows.clock.advance(days=14, seconds=1)
    assert flows.look(arn)["redriveStatus"] == "NOT_REDRIVABLE"
    with pytest.raises(ClientError, match="ExecutionNotRedrivable"):
        flows.sfn.redrive_execution(executionArn=arn)
