"""Tasks: functions, services, retries, tokens, activities, nested executions."""

# ruff: noqa: E501  # definitions read best on one line
from __future__ import annotations

import itertools
import json
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

Flow = dict[str, Any]
WORKER = """
import time
class CardStolen(Exception): pass
def handler(event, context):
    if event.get("boom"):
        raise CardStolen("card")
    time.sleep(event.get("s", 0))
    return {"slept": event.get("s", 0)}
"""
SEND = "arn:aws:states:::sqs:sendMessage"


def task(resource: str, **more: Any) -> Flow:
    return {"Type": "Task", "Resource": resource, "End": True} | more


def code_of(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


def took(found: Flow) -> timedelta:
    span: timedelta = found["stopDate"] - found["startDate"]
    return span


def test_functions_in_branches_sleep_side_by_side(flows: Any) -> None:
    arn = flows.function("work", WORKER)
    branches = [{"StartAt": f"S{s}", "States": {f"S{s}": task(arn, Parameters={"s": s})}} for s in (30, 50)]
    found = flows.run({"P": {"Type": "Parallel", "Branches": branches, "End": True}})
    assert found["result"] == [{"slept": 30}, {"slept": 50}]
    assert timedelta(seconds=50) <= took(found) < timedelta(seconds=53)


def test_lambda_invoke_wraps_the_payload_and_a_plain_arn_does_not(flows: Any) -> None:
    arn = flows.function("work", WORKER)
    wrapped = flows.run(
        {
            "A": task(
                "arn:aws:states:::lambda:invoke", Parameters={"FunctionName": "work", "Payload": {"s": 1}}
            )
        }
    )
    assert wrapped["result"]["Payload"] == {"slept": 1}
    assert wrapped["result"]["StatusCode"] == 200
    assert flows.run({"A": task(arn)}, {"s": 2})["result"] == {"slept": 2}


def test_an_exception_is_an_error_with_its_name(flows: Any) -> None:
    arn = flows.function("work", WORKER)
    catch = [{"ErrorEquals": ["CardStolen"], "ResultPath": "$.error", "Next": "Sorry"}]
    states = {"A": task(arn, Catch=catch), "Sorry": {"Type": "Pass", "End": True}}
    found = flows.run(states, {"boom": 1, "id": 7})["result"]
    assert found["id"] == 7
    assert found["error"]["Error"] == "CardStolen"
    assert json.loads(found["error"]["Cause"])["errorMessage"] == "card"


def test_a_catch_without_result_path_replaces_the_input(flows: Any) -> None:
    arn = flows.function("work", WORKER)
    states = {
        "A": task(arn, Catch=[{"ErrorEquals": ["States.ALL"], "Next": "B"}]),
        "B": {"Type": "Pass", "End": True},
    }
    assert set(flows.run(states, {"boom": 1, "id": 7})["result"]) == {"Error", "Cause"}


def test_a_task_that_takes_too_long_times_out(flows: Any) -> None:
    arn = flows.function("work", WORKER)
    found = flows.run({"A": task(arn, TimeoutSeconds=2)}, {"s": 30})
    assert found["error"] == "States.Timeout"
    assert took(found) == timedelta(seconds=2)


def retried(flows: Any, **rule: Any) -> list[float]:
    """When each attempt of a call that always fails was made, in seconds since the first."""
    rule = {"ErrorEquals": ["States.TaskFailed"], **rule}
    call = task("arn:aws:states:::aws-sdk:sqs:getQueueUrl", Parameters={"QueueName": "none"}, Retry=[rule])
    arn = flows.start(flows.machine({"A": call}))
    flows.clock.advance(hours=1)
    times = [event["timestamp"] for event in flows.history(arn) if event["type"] == "TaskScheduled"]
    return [(when - times[0]).total_seconds() for when in times]


def test_retries_wait_longer_each_time_up_to_the_maximum(flows: Any) -> None:
    assert retried(flows, IntervalSeconds=2) == pytest.approx([0, 2, 6, 14])
    assert retried(flows, IntervalSeconds=2, MaxDelaySeconds=5, MaxAttempts=4) == pytest.approx(
        [0, 2, 6, 11, 16]
    )
    assert retried(flows, MaxAttempts=0) == [0]


def test_full_jitter_takes_any_time_up_to_the_computed_one(flows: Any) -> None:
    times = retried(flows, IntervalSeconds=100, BackoffRate=1, MaxAttempts=5, JitterStrategy="FULL")
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(waits) == 5
    assert len(set(waits)) == 5
    assert all(0 <= wait <= 100 for wait in waits)


def test_the_first_retrier_that_matches_counts_and_others_keep_their_own(flows: Any) -> None:
    arn = flows.function("work", WORKER)
    rules = [
        {"ErrorEquals": ["CardStolen"], "MaxAttempts": 0},
        {"ErrorEquals": ["States.ALL"], "MaxAttempts": 5},
    ]
    run = flows.start(flows.machine({"A": task(arn, Retry=rules)}), {"boom": 1})
    flows.clock.advance(hours=1)
    assert flows.types(run).count("LambdaFunctionScheduled") == 1


def test_services_are_called_as_the_role(flows: Any) -> None:
    queue = boto3.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    send = task(SEND, Parameters={"QueueUrl": queue, "MessageBody": {"id.$": "$.id"}})
    found = flows.run({"A": send}, {"id": 7})
    assert found["result"]["MessageId"]
    assert found["result"]["SdkHttpMetadata"]["HttpStatusCode"] == 200
    body = boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"][0]["Body"]
    assert json.loads(body) == {"id": 7}
    poor = flows.make_role("poor", "sns:Publish")
    refused = flows.run({"A": send}, {"id": 8}, role=poor)
    assert refused["status"] == "FAILED"
    assert refused["error"] == "SQS.AmazonSQSException"
    assert "not authorized" in refused["cause"]
    assert "Service: AmazonSQS; Status Code: 403; Error Code: AccessDenied" in refused["cause"]
    function = flows.function("work", WORKER)
    assert flows.run({"A": task(function)}, role=poor)["error"] == "Lambda.AWSLambdaException"


def test_dynamodb_and_events_and_sns(flows: Any) -> None:
    table = boto3.client("dynamodb")
    table.create_table(
        TableName="t", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    put = {
        "TableName": "t",
        "Item": {"id": {"S.$": "$.id"}},
        "ConditionExpression": "attribute_not_exists(id)",
    }
    topic = boto3.client("sns").create_topic(Name="n")["TopicArn"]
    entry = {"Source": "shop", "DetailType": "paid", "Detail": {"a": 1}}
    states = {
        "P": task("arn:aws:states:::dynamodb:putItem", Parameters=put, ResultPath=None, Next="E"),
        "E": task("arn:aws:states:::events:putEvents", Parameters={"Entries": [entry]}, ResultPath="$.e", Next="N"),
        "N": task("arn:aws:states:::sns:publish", Parameters={"TopicArn": topic, "Message": {"a": 1}}, ResultPath="$.n", Next="G"),
        "G": task("arn:aws:states:::dynamodb:getItem", Parameters={"TableName": "t", "Key": {"id": {"S": "1"}}}, ResultPath="$.g"),
    }  # fmt: skip
    for name in ("P", "E", "N"):
        del states[name]["End"]
    found = flows.run(states, {"id": "1"})
    assert found["result"]["g"]["Item"] == {"id": {"S": "1"}}
    assert found["result"]["e"]["FailedEntryCount"] == 0
    again = flows.run(states, {"id": "1"})
    assert again["error"] == "DynamoDB.ConditionalCheckFailedException"


def test_any_api_answers_in_pascal_case_with_dates(flows: Any) -> None:
    boto3.client("s3").create_bucket(
        Bucket="bucket-b", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    found = flows.run({"A": task("arn:aws:states:::aws-sdk:s3:listBuckets", Parameters={})})["result"]
    assert found["Buckets"][0]["Name"] == "bucket-b"
    assert found["Buckets"][0]["CreationDate"].endswith("Z")
    started = flows.run({"A": task("arn:aws:states:::aws-sdk:sfn:listStateMachines", Parameters={})})[
        "result"
    ]
    assert started["StateMachines"][0]["StateMachineArn"].startswith("arn:aws:states")
    lost = flows.run({"A": task("arn:aws:states:::aws-sdk:sqs:getQueueUrl", Parameters={"QueueName": "no"})})
    assert lost["error"] == "Sqs.QueueDoesNotExistException"


def test_what_is_not_simulated_says_so(flows: Any) -> None:
    found = flows.run({"A": task("arn:aws:states:::batch:submitJob.sync", Parameters={})})
    assert found["error"] == "NotSimulated"
    assert "batch:submitJob.sync" in found["cause"]
    retry = [{"ErrorEquals": ["States.Http.StatusCode.429", "States.Http.Socket"]}]
    call = {
        "ApiEndpoint": "https://bank.example.com",
        "Method": "GET",
        "InvocationConfig": {"ConnectionArn": "c"},
    }
    asked = flows.run({"A": task("arn:aws:states:::http:invoke", Parameters=call, Retry=retry)})
    assert (asked["error"], "http:invoke" in asked["cause"]) == ("NotSimulated", True)


def waiting(flows: Any, **more: Any) -> tuple[str, str]:
    """An execution that waits for a token, and the token as the partner got it."""
    queue = boto3.client("sqs").create_queue(QueueName="partner")["QueueUrl"]
    body = {"QueueUrl": queue, "MessageBody": {"token.$": "$$.Task.Token"}}
    arn = flows.start(flows.machine({"A": task(f"{SEND}.waitForTaskToken", Parameters=body, **more)}))
    message = boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"][0]
    return arn, json.loads(message["Body"])["token"]


def test_a_task_token_brings_the_answer_back_once(flows: Any) -> None:
    arn, token = waiting(flows)
    flows.clock.advance(days=3)
    assert flows.look(arn)["status"] == "RUNNING"
    flows.sfn.send_task_success(taskToken=token, output='{"paid":true}')
    assert flows.look(arn)["result"] == {"paid": True}
    assert flows.types(arn)[2:6] == ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]
    assert code_of(flows.sfn.send_task_success, taskToken=token, output="{}") == "TaskTimedOut"
    assert code_of(flows.sfn.send_task_success, taskToken="no-token", output="{}") == "InvalidToken"
    assert code_of(flows.sfn.send_task_success, taskToken=token, output="{") == "InvalidOutput"


def test_a_token_can_report_a_failure(flows: Any) -> None:
    arn, token = waiting(flows)
    flows.sfn.send_task_failure(taskToken=token, error="Declined", cause="no cover")
    assert (flows.look(arn)["error"], flows.look(arn)["cause"]) == ("Declined", "no cover")


def test_heartbeats_keep_a_task_alive_and_silence_ends_it(flows: Any) -> None:
    arn, token = waiting(flows, HeartbeatSeconds=600)
    for _ in range(5):
        flows.clock.advance(minutes=9)
        flows.sfn.send_task_heartbeat(taskToken=token)
    assert flows.look(arn)["status"] == "RUNNING"
    flows.clock.advance(minutes=10)
    assert flows.look(arn)["error"] == "States.Timeout"  # AWS's histories have this name for silence, too
    assert code_of(flows.sfn.send_task_success, taskToken=token, output="{}") == "TaskTimedOut"


def test_an_activity_is_polled_for_work(flows: Any) -> None:
    activity = flows.sfn.create_activity(name="pack")["activityArn"]
    assert "taskToken" not in flows.sfn.get_activity_task(activityArn=activity)
    arn = flows.start(flows.machine({"A": task(activity)}), {"box": 1})
    work = flows.sfn.get_activity_task(activityArn=activity, workerName="Ann")
    assert json.loads(work["input"]) == {"box": 1}
    flows.sfn.send_task_success(taskToken=work["taskToken"], output='"packed"')
    assert flows.look(arn)["result"] == "packed"
    assert flows.types(arn)[2:5] == ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]


def test_a_nested_execution_is_waited_for(flows: Any) -> None:
    child = flows.machine({"W": {"Type": "Wait", "Seconds": 600, "End": True}}, name="child")
    start = "arn:aws:states:::states:startExecution"
    given = {"StateMachineArn": child, "Input": {"x": 1}}
    found = flows.run({"A": task(f"{start}.sync:2", Parameters=given)})
    assert found["result"]["Output"] == {"x": 1}
    assert took(found) >= timedelta(seconds=600)
    assert flows.run({"A": task(f"{start}.sync", Parameters=given)})["result"]["Output"] == '{"x":1}'
    assert took(flows.run({"A": task(start, Parameters=given)})) < timedelta(seconds=5)
    bad = flows.machine({"F": {"Type": "Fail", "Error": "Bad"}}, name="bad")
    failed = flows.run({"A": task(f"{start}.sync:2", Parameters={"StateMachineArn": bad})})
    assert failed["error"] == "States.TaskFailed"
    assert json.loads(failed["cause"])["Error"] == "Bad"
