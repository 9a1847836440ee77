"""What a learner does in the lab, part 2: 200 reservations in a Distributed Map (E14.4), and all around Map Runs."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

Flow = dict[str, Any]
RESERVE = """
import time
class SoldOut(Exception): pass
def handler(event, context):
    time.sleep(10)
    if event["number"] < event["short"]:
        raise SoldOut(str(event["number"]))
    return event["number"]
"""
INVOKE = "arn:aws:states:::lambda:invoke"


def block(**states: Flow) -> Flow:
    return {"StartAt": next(iter(states)), "States": states}


def far(inner: Flow, mode: str = "STANDARD", **more: Any) -> Flow:
    """A Distributed Map."""
    config = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": mode}}
    return {"M": {"Type": "Map", "ItemProcessor": inner | config, "End": True} | more}


PASS = block(P={"Type": "Pass", "End": True})
TEN_SECONDS = block(W={"Type": "Wait", "Seconds": 10, "End": True})
ODD = block(
    C={"Type": "Choice", "Choices": [{"Variable": "$.bad", "BooleanEquals": True, "Next": "F"}], "Default": "S"},
    F={"Type": "Fail", "Error": "Bad", "Cause": "odd"}, S={"Type": "Succeed"},
)  # fmt: skip


def map_run(flows: Any, arn: str) -> str:
    return str(flows.sfn.list_map_runs(executionArn=arn)["mapRuns"][0]["mapRunArn"])


def most_at_once(spans: list[tuple[Any, Any]]) -> int:
    marks = sorted([(end, -1) for _, end in spans] + [(start, 1) for start, _ in spans])
    now = most = 0
    for _, step in marks:
        now += step
        most = max(most, now)
    return most


@pytest.mark.parametrize(("short", "status"), [(8, "SUCCEEDED"), (12, "FAILED")])
def test_two_hundred_reservations_ten_at_once(flows: Any, short: int, status: str) -> None:
    flows.function("reserve", RESERVE)
    reserve = {
        "Type": "Task",
        "Resource": INVOKE,
        "Parameters": {"FunctionName": "reserve", "Payload.$": "$"},
        "OutputPath": "$.Payload",
        "End": True,
    }
    selector = {"number.$": "$$.Map.Item.Value", "short.$": "$.short"}
    states = far(
        block(Reserve=reserve),
        ItemsPath="$.items",
        ItemSelector=selector,
        MaxConcurrency=10,
        ToleratedFailurePercentage=5,
    )
    arn = flows.start(flows.machine(states), {"items": list(range(200)), "short": short})
    flows.clock.advance(minutes=10)
    found, run = flows.look(arn), map_run(flows, arn)
    pages = flows.sfn.get_paginator("list_executions").paginate(mapRunArn=run)
    children = [one for page in pages for one in page["executions"]]
    worked = [(one["startDate"], one["stopDate"]) for one in children]
    assert most_at_once(worked) == 10
    failed = flows.sfn.list_executions(mapRunArn=run, statusFilter="FAILED")["executions"]
    seen = flows.sfn.describe_map_run(mapRunArn=run)
    assert (found["status"], seen["status"], seen["maxConcurrency"]) == (status, status, 10)
    if status == "FAILED":
        assert found["error"] == "States.ExceedToleratedFailureThreshold"
        assert seen["itemCounts"]["failed"] == len(failed) == 11
        return
    assert [one for one in found["result"] if isinstance(one, int)] == list(range(8, 200))
    sorry = [one for one in found["result"] if isinstance(one, dict)]
    assert {(one["Status"], one["Error"]) for one in sorry} == {("FAILED", "SoldOut")}
    assert sorted(json.loads(one["Input"])["number"] for one in sorry) == list(range(8))
    assert (len(failed), seen["itemCounts"]["succeeded"]) == (8, 192)
    assert seen["executionCounts"] == seen["itemCounts"]


@pytest.mark.parametrize(
    ("tolerance", "data", "status"),
    [
        ({}, {}, "FAILED"),
        ({"ToleratedFailureCount": 1}, {}, "FAILED"),
        ({"ToleratedFailureCount": 2}, {}, "SUCCEEDED"),
        ({"ToleratedFailureCountPath": "$.n"}, {"n": 2}, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 49.5}, {}, "FAILED"),
        ({"ToleratedFailurePercentagePath": "$.n"}, {"n": 50}, "SUCCEEDED"),
        ({"ToleratedFailureCount": 1, "ToleratedFailurePercentage": 100}, {}, "FAILED"),
    ],
)
def test_failures_are_tolerated_by_count_and_by_share(
    flows: Any, tolerance: Flow, data: Flow, status: str
) -> None:
    items = [{"bad": True}, {"bad": True}, {"bad": False}, {"bad": False}]
    assert flows.run(far(ODD, ItemsPath="$.l", **tolerance), {"l": items} | data)["status"] == status


def test_a_child_execution_is_an_execution(flows: Any) -> None:
    arn = flows.start(flows.machine(far(TEN_SECONDS, Label="boxes"), name="parent"), ["a", "b"])
    flows.clock.advance(seconds=5)
    run = map_run(flows, arn)
    assert run.startswith("arn:aws:states:eu-west-1:123456789012:mapRun:parent/boxes:")
    child = flows.sfn.list_executions(mapRunArn=run)["executions"][0]
    assert child["executionArn"].startswith("arn:aws:states:eu-west-1:123456789012:execution:parent/boxes:")
    assert (child["mapRunArn"], child["status"]) == (run, "RUNNING")
    assert arn not in [one["executionArn"] for one in flows.sfn.list_executions(mapRunArn=run)["executions"]]
    flows.clock.advance(seconds=5)
    seen = flows.look(child["executionArn"])
    assert (seen["mapRunArn"], seen["status"]) == (run, "SUCCEEDED")
    assert flows.types(child["executionArn"]) == [
        "ExecutionStarted",
        "WaitStateEntered",
        "WaitStateExited",
        "ExecutionSucceeded",
    ]
    assert [
        one["executionArn"]
        for one in flows.sfn.list_executions(stateMachineArn=seen["stateMachineArn"].rpartition("/")[0])[
            "executions"
        ]
    ] == [arn]
    assert flows.types(arn) == [
        "ExecutionStarted",
        "MapStateEntered",
        "MapStateStarted",
        "MapRunStarted",
        "MapRunSucceeded",
        "MapStateSucceeded",
        "MapStateExited",
        "ExecutionSucceeded",
    ]
    assert [event["previousEventId"] for event in flows.history(arn)] == [0, 0, 2, 3, 4, 5, 4, 7]


def test_express_children_keep_no_history(flows: Any) -> None:
    arn = flows.start(flows.machine(far(PASS, "EXPRESS")), [1])
    flows.clock.advance(seconds=5)
    assert flows.look(arn)["result"] == [1]
    child = flows.sfn.list_executions(mapRunArn=map_run(flows, arn))
    assert child["executions"] == [] or ":express:" in child["executions"][0]["executionArn"]


def test_items_come_in_batches(flows: Any) -> None:
    batcher = {"MaxItemsPerBatch": 2, "BatchInput": {"shop.$": "$.shop"}}
    arn = flows.start(
        flows.machine(far(PASS, ItemsPath="$.l", ItemBatcher=batcher)), {"l": [1, 2, 3], "shop": "s"}
    )
    flows.clock.advance(seconds=5)
    assert flows.look(arn)["result"] == [
        {"BatchInput": {"shop": "s"}, "Items": [1, 2]},
        {"BatchInput": {"shop": "s"}, "Items": [3]},
    ]
    seen = flows.sfn.describe_map_run(mapRunArn=map_run(flows, arn))
    assert (seen["itemCounts"]["total"], seen["executionCounts"]["total"]) == (3, 2)


def test_batches_are_bounded_by_bytes(flows: Any) -> None:
    found = flows.run(far(PASS, ItemBatcher={"MaxInputBytesPerBatch": 30}), ["x" * 8] * 3)
    assert [len(one["Items"]) for one in found["result"]] == [1, 1, 1]
    assert [
        len(one["Items"])
        for one in flows.run(far(PASS, ItemBatcher={"MaxInputBytesPerBatch": 40}), ["x" * 8] * 3)["result"]
    ] == [2, 1]


def test_results_are_written_to_a_bucket(flows: Any) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="bucket-r", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    writer = {
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket": "bucket-r", "Prefix": "runs"},
    }
    states = far(ODD, ResultWriter=writer, ToleratedFailureCount=1)
    arn = flows.start(flows.machine(states), [{"bad": True}, {"bad": False, "n": 1}])
    flows.clock.advance(seconds=5)
    where = flows.look(arn)["result"]
    assert where["MapRunArn"] == map_run(flows, arn)

    def read(key: str) -> Any:
        return json.loads(s3.get_object(Bucket="bucket-r", Key=key)["Body"].read())

    manifest = read(where["ResultWriterDetails"]["Key"])
    good, bad = (read(manifest["ResultFiles"][kind][0]["Key"]) for kind in ("SUCCEEDED", "FAILED"))
    assert json.loads(good[0]["Output"]) == {"bad": False, "n": 1}
    assert (bad[0]["Status"], bad[0]["Error"], manifest["ResultFiles"]["PENDING"]) == ("FAILED", "Bad", [])
    flat = flows.run(
        far(
            block(P={"Type": "Pass", "Result": [1, 2], "End": True}),
            ResultWriter={"WriterConfig": {"Transformation": "FLATTEN", "OutputType": "JSON"}},
        ),
        [1, 2],
    )
    assert flat["result"] == [1, 2, 1, 2]


def test_the_reader_s_and_the_writer_s_troubles_have_names(flows: Any) -> None:
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSON"},
        "Parameters": {"Bucket": "none", "Key": "k"},
    }
    assert flows.run(far(PASS, ItemReader=reader))["error"] == "States.ItemReaderFailed"
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "none"}}
    assert flows.run(far(PASS, ResultWriter=writer), [1])["error"] == "States.ResultWriterFailed"


def test_a_reader_of_parquet_says_that_it_is_not_simulated(flows: Any) -> None:
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "PARQUET"},
        "Parameters": {"Bucket": "b", "Key": "k"},
    }
    found = flows.run(far(PASS, ItemReader=reader))
    assert (found["error"], "PARQUET" in found["cause"]) == ("NotSimulated", True)


def test_a_map_run_in_progress_can_be_changed(flows: Any) -> None:
    arn = flows.start(flows.machine(far(TEN_SECONDS, MaxConcurrency=1)), list(range(11)))
    run = map_run(flows, arn)
    flows.clock.advance(seconds=10)
    flows.sfn.update_map_run(mapRunArn=run, maxConcurrency=5, toleratedFailureCount=3)
    seen = flows.sfn.describe_map_run(mapRunArn=run)
    assert (seen["maxConcurrency"], seen["toleratedFailureCount"]) == (5, 3)
    flows.clock.advance(seconds=31)
    found = flows.look(arn)
    assert found["status"] == "SUCCEEDED"
    assert (found["stopDate"] - found["startDate"]).total_seconds() < 45
    with pytest.raises(ClientError, match="ValidationException"):
        flows.sfn.update_map_run(mapRunArn=run, maxConcurrency=2)


def test_a_redrive_runs_only_the_failed_items_of_a_map_run(flows: Any) -> None:
    look = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sqs:getQueueUrl",
        "Parameters": {"QueueName.$": "$"},
        "End": True,
    }
    sqs = boto3.client("sqs")
    sqs.create_queue(QueueName="here")
    arn = flows.start(flows.machine(far(block(L=look))), ["here", "late"])
    flows.clock.advance(seconds=5)
    run = map_run(flows, arn)
    assert flows.look(arn)["error"] == "States.ExceedToleratedFailureThreshold"
    before = {one["executionArn"]: one for one in flows.sfn.list_executions(mapRunArn=run)["executions"]}
    assert sorted(one["status"] for one in before.values()) == ["FAILED", "SUCCEEDED"]
    lost = next(arn for arn, one in before.items() if one["status"] == "FAILED")
    assert flows.look(lost)["redriveStatus"] == "REDRIVABLE_BY_MAP_RUN"
    with pytest.raises(ClientError, match="ExecutionNotRedrivable"):
        flows.sfn.redrive_execution(executionArn=lost)
    sqs.create_queue(QueueName="late")
    flows.sfn.redrive_execution(executionArn=arn)
    flows.clock.advance(seconds=5)
    found = flows.look(arn)
    assert (found["status"], [one["QueueUrl"].rpartition("/")[2] for one in found["result"]]) == (
        "SUCCEEDED",
        ["here", "late"],
    )
    seen = flows.sfn.describe_map_run(mapRunArn=run)
    assert (seen["redriveCount"], seen["status"], seen["itemCounts"]["succeeded"]) == (1, "SUCCEEDED", 2)
    assert [one for one in flows.types(arn) if one.startswith("MapRun")] == [
        "MapRunStarted",
        "MapRunFailed",
        "MapRunRedriven",
        "MapRunSucceeded",
    ]
    assert flows.look(lost)["redriveCount"] == 1
    assert all(flows.look(arn)["redriveCount"] == 0 for arn in before if arn != lost)


def test_stopping_the_parent_stops_the_children(flows: Any) -> None:
    arn = flows.start(flows.machine(far(TEN_SECONDS, MaxConcurrency=2)), [1, 2, 3])
    run = map_run(flows, arn)
    flows.clock.advance(seconds=1)
    flows.sfn.stop_execution(executionArn=arn, error="Enough")
    statuses = [one["status"] for one in flows.sfn.list_executions(mapRunArn=run)["executions"]]
    assert statuses == ["ABORTED", "ABORTED"]
    seen = flows.sfn.describe_map_run(mapRunArn=run)
    assert (seen["status"], seen["itemCounts"]["aborted"], seen["itemCounts"]["pending"]) == ("ABORTED", 2, 1)


def test_a_distributed_map_asks_for_the_right_to_start(flows: Any) -> None:
    poor = flows.make_role("poor", "sqs:*")
    found = flows.run(far(PASS), [1], role=poor)
    assert (found["status"], found["error"]) == ("FAILED", "States.Permissions")
