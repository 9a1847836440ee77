"""Parallel, Map, JSONata, redrive."""

# ruff: noqa: E501  # definitions read best on one line
from __future__ import annotations

from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

Flow = dict[str, Any]
WAIT: Flow = {"Type": "Wait", "Seconds": 10, "End": True}


def block(**states: Flow) -> Flow:
    return {"StartAt": next(iter(states)), "States": states}


def test_a_map_keeps_order_and_its_limit(flows: Any) -> None:
    states = {
        "M": {
            "Type": "Map",
            "ItemsPath": "$.l",
            "MaxConcurrency": 2,
            "ItemSelector": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "all.$": "$.k"},
            "ItemProcessor": block(W=WAIT),
            "End": True,
        }
    }
    found = flows.run(states, {"l": ["a", "b", "c", "d", "e"], "k": 1})
    assert [one["v"] for one in found["result"]] == ["a", "b", "c", "d", "e"]
    assert found["result"][2] == {"i": 2, "v": "c", "all": 1}
    assert found["stopDate"] - found["startDate"] >= timedelta(seconds=30)


def test_an_inline_map_runs_forty_at_once_at_most(flows: Any) -> None:
    found = flows.run({"M": {"Type": "Map", "ItemProcessor": block(W=WAIT), "End": True}}, list(range(81)))
    assert timedelta(seconds=30) <= found["stopDate"] - found["startDate"] < timedelta(seconds=31)


def test_one_failed_item_fails_the_map_and_stops_the_others(flows: Any) -> None:
    inner = block(
        C={"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 2, "Next": "F"}], "Default": "W"},
        F={"Type": "Fail", "Error": "Two"},
        W=WAIT,
    )
    arn = flows.start(flows.machine({"M": {"Type": "Map", "ItemProcessor": inner, "End": True}}), [1, 2, 3])
    assert flows.look(arn)["error"] == "Two"
    types = flows.types(arn)
    assert types.count("MapIterationStarted") == 3
    assert types.count("MapIterationAborted") == 2
    assert types.index("MapIterationFailed") < types.index("MapStateFailed") < types.index("ExecutionFailed")


@pytest.mark.parametrize(("failing", "status"), [(8, "SUCCEEDED"), (12, "FAILED")])
def test_a_distributed_map_tolerates_some_failures(flows: Any, failing: int, status: str) -> None:
    rule = {"Variable": "$", "NumericLessThan": failing, "Next": "F"}
    inner = block(
        C={"Type": "Choice", "Choices": [rule], "Default": "W"}, F={"Type": "Fail", "Error": "Sold"}, W=WAIT
    )
    inner["ProcessorConfig"] = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    states = {
        "M": {
            "Type": "Map",
            "MaxConcurrency": 10,
            "ToleratedFailurePercentage": 5,
            "ItemProcessor": inner,
            "End": True,
        }
    }
    arn = flows.start(flows.machine(states), list(range(200)))
    flows.clock.advance(hours=1)
    found = flows.look(arn)
    assert found["status"] == status
    if status == "FAILED":
        assert found["error"] == "States.ExceedToleratedFailureThreshold"
    run = flows.sfn.list_map_runs(executionArn=arn)["mapRuns"][0]["mapRunArn"]
    counts = flows.sfn.describe_map_run(mapRunArn=run)["itemCounts"]
    assert counts["total"] == 200
    assert counts["failed"] == (failing if status == "SUCCEEDED" else 11)


def test_a_distributed_map_reads_csv_from_a_bucket(flows: Any) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="bucket-b", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="bucket-b", Key="orders.csv", Body="id,item\n1,pen\n2,cup\n")
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
        "Parameters": {"Bucket": "bucket-b", "Key": "orders.csv"},
    }
    inner = block(P={"Type": "Pass", "OutputPath": "$.item", "End": True}) | {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}
    }
    assert flows.run({"M": {"Type": "Map", "ItemReader": reader, "ItemProcessor": inner, "End": True}})[
        "result"
    ] == ["pen", "cup"]


def test_a_failed_branch_is_retried_with_all_the_others(flows: Any) -> None:
    branches = [block(W=WAIT), block(F={"Type": "Fail", "Error": "Flaky"})]
    retry = [{"ErrorEquals": ["Flaky"], "IntervalSeconds": 5, "MaxAttempts": 1}]
    arn = flows.start(
        flows.machine({"P": {"Type": "Parallel", "Branches": branches, "Retry": retry, "End": True}})
    )
    flows.clock.advance(minutes=1)
    types = flows.types(arn)
    assert types.count("ParallelStateStarted") == 2
    assert types.count("WaitStateAborted") == 2
    assert flows.look(arn)["error"] == "Flaky"


def test_a_redrive_does_only_what_did_not_succeed(flows: Any) -> None:
    queue = task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sqs:getQueueUrl",
        "Parameters": {"QueueName": "late"},
        "End": True,
    }
    states = {
        "A": {"Type": "Pass", "Next": "P"},
        "P": {
            "Type": "Parallel",
            "Branches": [block(Good={"Type": "Pass", "Result": 1, "End": True}), block(Bad=queue)],
            "End": True,
        },
    }
    arn = flows.start(flows.machine(states))
    assert flows.look(arn)["status"] == "FAILED"
    assert flows.look(arn)["redriveStatus"] == "REDRIVABLE"
    boto3.client("sqs").create_queue(QueueName="late")
    flows.sfn.redrive_execution(executionArn=arn)
    found = flows.look(arn)
    assert found["status"] == "SUCCEEDED"
    assert found["redriveCount"] == 1
    assert found["result"][0] == 1
    names = [event.get("stateEnteredEventDetails", {}).get("name") for event in flows.history(arn)]
    assert (names.count("A"), names.count("Good"), names.count("Bad")) == (1, 1, 1)
    assert flows.types(arn).count("TaskScheduled") == 2
    assert task is queue
    with pytest.raises(ClientError, match="ExecutionNotRedrivable"):
        flows.sfn.redrive_execution(executionArn=arn)


def test_jsonata_in_every_place(flows: Any) -> None:
    queue = boto3.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    states = {
        "Sum": {"Type": "Pass", "Assign": {"total": "{% $sum($states.input.items.price) %}", "none": None}, "Next": "Send"},
        "Send": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Arguments": {"QueueUrl": queue, "MessageBody": "{% $string($total) %}"}, "Assign": {"sent": "{% $exists($states.result.MessageId) %}"}, "Output": "{% $states.input.items %}", "Next": "Big"},
        "Big": {"Type": "Choice", "Choices": [{"Condition": "{% $total > 10 and $sent %}", "Next": "Each"}], "Default": "No"},
        "Each": {"Type": "Map", "Items": "{% $states.input %}", "ItemSelector": {"p": "{% $states.context.Map.Item.Value.price * 2 %}"}, "ItemProcessor": block(I={"Type": "Pass", "Output": "{% $states.input.p %}", "End": True}), "Output": {"twice": "{% $states.result %}", "total": "{% $total %}", "none": "{% $none %}"}, "End": True},
        "No": {"Type": "Fail", "Error": "{% 'Small' %}", "Cause": "{% $string($total) %}"},
    }  # fmt: skip
    rich = flows.run(states, {"items": [{"price": 4}, {"price": 8.5}]}, QueryLanguage="JSONata")
    assert rich["result"] == {"twice": [8, 17], "total": 12.5, "none": None}
    poor = flows.run(states, {"items": [{"price": 4}]}, QueryLanguage="JSONata")
    assert (poor["error"], poor["cause"]) == ("Small", "4")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$partition([1,2,3],2)", [[1, 2], [3]]),
        ("$range(1,5,2)", [1, 3, 5]),
        ("$parse('{\"a\":1}').a", 1),
        ("$hash('a','MD5')", "0cc175b9c0f1b6a831c399e269772661"),
        ("$length($uuid())", 36),
    ],
)
def test_the_functions_step_functions_adds_to_jsonata(flows: Any, expression: str, value: Any) -> None:
    states = {"A": {"Type": "Pass", "Output": f"{{% {expression} %}}", "End": True}}
    assert flows.run(states, QueryLanguage="JSONata")["result"] == value


@pytest.mark.parametrize(
    "expression", ["$states.input.missing", "1 + 'a'", "$eval('1')", "($f := function(){ 1 + $f() }; $f())"]
)
def test_a_jsonata_error_can_be_caught_by_name(flows: Any, expression: str) -> None:
    alone = {"A": {"Type": "Pass", "Output": f"{{% {expression} %}}", "End": True}}
    arn = flows.start(flows.machine(alone, QueryLanguage="JSONata"))
    assert flows.look(arn)["error"] == "States.QueryEvaluationError"
    assert "EvaluationFailed" in flows.types(arn)
    catch = [{"ErrorEquals": ["States.QueryEvaluationError"], "Output": "caught", "Next": "S"}]
    states = {
        "P": {"Type": "Parallel", "Branches": [block(**alone)], "Catch": catch, "End": True},
        "S": {"Type": "Succeed"},
    }
    assert flows.run(states, QueryLanguage="JSONata")["result"] == "caught"


def test_a_thousand_items_at_once(flows: Any) -> None:
    found = flows.run(
        {"M": {"Type": "Map", "ItemProcessor": block(P={"Type": "Pass", "End": True}), "End": True}},
        list(range(1_000)),
    )
    assert found["result"] == list(range(1_000))


def test_credentials_of_a_task_are_refused(flows: Any) -> None:
    task = {
        "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:listQueues", "End": True,
        "Credentials": {"RoleArn": "arn:aws:iam::210987654321:role/other"},
    }  # fmt: skip
    found = flows.run({"T": task})
    assert (found["status"], found["error"]) == ("FAILED", "NotSimulated")
