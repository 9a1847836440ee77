"""What an event source mapping may be, in AWS's words, and its states."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox
from tests.sandbox.sources.kit import PLACE, QUEUES, Kit, statement


@pytest.fixture
def kit(sandbox: Sandbox) -> Iterator[Kit]:
    with sandbox.clock.paused():
        kit = Kit(sandbox)
        kit.queue()
        kit.function()
        yield kit


def refused(kit: Kit, **settings: Any) -> tuple[str, str]:
    """Code and message of a refusal."""
    with pytest.raises(ClientError) as caught:
        kit.mapping(**settings)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_what_a_queue_mapping_shows(kit: Kit) -> None:
    answer = kit.lam.create_event_source_mapping(EventSourceArn=QUEUES + "orders", FunctionName="work")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    del answer["ResponseMetadata"], answer["LastModified"]
    uuid = answer["UUID"]
    assert answer == {
        "UUID": uuid, "BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "EventSourceArn": QUEUES + "orders",
        "EventSourceMappingArn": f"arn:aws:lambda:{PLACE}:event-source-mapping:{uuid}",
        "FunctionArn": f"arn:aws:lambda:{PLACE}:function:work", "State": "Creating",
        "StateTransitionReason": "USER_INITIATED", "FunctionResponseTypes": [],
    }  # fmt: skip
    assert kit.lam.get_event_source_mapping(UUID=uuid)["State"] == "Enabled"


def test_the_function_may_not_be_slower_than_the_visibility_timeout(kit: Kit) -> None:
    kit.lam.update_function_configuration(FunctionName="work", Timeout=60)
    assert refused(kit) == (
        "InvalidParameterValueException",
        "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds",
    )


@pytest.mark.parametrize("action", ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"])
def test_the_role_needs_three_permissions(kit: Kit, action: str) -> None:
    three = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
    policy = statement(*sorted(three - {f"sqs:{action}"}), "logs:*")
    kit.iam.put_role_policy(RoleName="worker", PolicyName="own", PolicyDocument=policy)
    assert refused(kit) == (
        "InvalidParameterValueException",
        f"The function execution role does not have permissions to call {action} on SQS",
    )


@pytest.mark.parametrize(
    ("settings", "code", "message"),
    [
        ({"BatchSize": 11}, "InvalidParameterValueException",
         "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"),
        ({"BatchSize": 10_001}, "ValidationException", "less than or equal to 10000"),
        ({"MaximumBatchingWindowInSeconds": 301}, "ValidationException", "less than or equal to 300"),
        ({"ScalingConfig": {"MaximumConcurrency": 1001}}, "ValidationException", "less than or equal to 1000"),
        ({"StartingPosition": "LATEST"}, "InvalidParameterValueException",
         "StartingPosition is not valid for SQS event sources."),
        ({"FilterCriteria": {"Filters": [{"Pattern": '{"body": "tea"}'}]}}, "InvalidParameterValueException",
         "Invalid filter pattern definition."),
        ({"source": "nowhere"}, "InvalidParameterValueException", "NonExistentQueue"),
        ({"source": "arn:aws:sqs:us-east-1:123456789012:orders"}, "InvalidParameterValueException", "Region"),
        ({"source": "arn:aws:s3:::bucket"}, "InvalidParameterValueException", "Unrecognized event source"),
        ({"function": "nobody"}, "ResourceNotFoundException", "Function not found"),
    ],
)  # fmt: skip
def test_what_a_queue_mapping_may_not_be(kit: Kit, settings: dict[str, Any], code: str, message: str) -> None:
    found = refused(kit, **settings)
    assert found[0] == code
    assert message in found[1]


def test_a_fifo_queue_has_no_window_and_small_batches(kit: Kit) -> None:
    kit.queue("line.fifo", FifoQueue="true")
    assert "Batching window" in refused(kit, source="line.fifo", MaximumBatchingWindowInSeconds=5)[1]
    assert refused(kit, source="line.fifo", BatchSize=11)[0] == "InvalidParameterValueException"


def test_a_pair_of_queue_and_function_is_mapped_once(kit: Kit) -> None:
    uuid = kit.mapping()
    code, message = refused(kit)
    assert code == "ResourceConflictException"
    assert message == (
        f'An event source mapping with SQS arn (" {QUEUES}orders ") and function (" work ") already exists. '
        f"Please update or delete the existing mapping with UUID {uuid}"
    )


def test_states_of_a_mapping(kit: Kit) -> None:
    uuid = kit.mapping(Enabled=False)
    assert kit.lam.get_event_source_mapping(UUID=uuid)["State"] == "Disabled"
    assert kit.lam.update_event_source_mapping(UUID=uuid, Enabled=True)["State"] == "Enabling"
    assert kit.lam.update_event_source_mapping(UUID=uuid, BatchSize=5)["State"] == "Updating"
    found = kit.lam.get_event_source_mapping(UUID=uuid)
    assert (found["State"], found["BatchSize"]) == ("Enabled", 5)
    assert kit.lam.delete_event_source_mapping(UUID=uuid)["State"] == "Deleting"
    for call in (
        kit.lam.get_event_source_mapping,
        kit.lam.update_event_source_mapping,
        kit.lam.delete_event_source_mapping,
    ):
        with pytest.raises(kit.lam.exceptions.ResourceNotFoundException):
            call(UUID=uuid)


def test_a_change_that_does_not_fit_changes_nothing(kit: Kit) -> None:
    uuid = kit.mapping()
    with pytest.raises(kit.lam.exceptions.InvalidParameterValueException):
        kit.lam.update_event_source_mapping(UUID=uuid, BatchSize=11)
    kit.sqs.set_queue_attributes(QueueUrl=kit.queue(), Attributes={"VisibilityTimeout": "1"})
    with pytest.raises(kit.lam.exceptions.InvalidParameterValueException, match="Queue visibility timeout"):
        kit.lam.update_event_source_mapping(UUID=uuid, BatchSize=5)
    assert kit.lam.get_event_source_mapping(UUID=uuid)["BatchSize"] == 10


def test_settings_can_be_taken_away(kit: Kit) -> None:
    uuid = kit.mapping(
        ScalingConfig={"MaximumConcurrency": 2}, FunctionResponseTypes=["ReportBatchItemFailures"]
    )
    kit.lam.update_event_source_mapping(UUID=uuid, ScalingConfig={}, FunctionResponseTypes=[])
    found = kit.lam.get_event_source_mapping(UUID=uuid)
    assert "ScalingConfig" not in found
    assert found["FunctionResponseTypes"] == []


def test_mappings_are_listed_by_source_and_function(kit: Kit) -> None:
    kit.function(name="play")
    kit.queue("others")
    one, two = kit.mapping(), kit.mapping("others", "play")

    def listed(**wanted: str) -> list[str]:
        found = kit.lam.list_event_source_mappings(**wanted)["EventSourceMappings"]
        return [mapping["UUID"] for mapping in found]

    assert sorted(listed()) == sorted([one, two])
    assert listed(FunctionName="play") == [two]
    assert listed(FunctionName=f"arn:aws:lambda:{PLACE}:function:play") == [two]
    assert listed(EventSourceArn=QUEUES + "orders") == [one]


def test_a_queue_of_another_account_needs_its_policy(kit: Kit) -> None:
    other = boto3.client("sqs", aws_access_key_id="222222222222", aws_secret_access_key="x")
    url = other.create_queue(QueueName="theirs")["QueueUrl"]
    arn = "arn:aws:sqs:eu-west-1:222222222222:theirs"
    assert "ReceiveMessage" in refused(kit, source=arn)[1]
    allowed = {"Effect": "Allow", "Principal": {"AWS": kit.role}, "Action": "sqs:*", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    other.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    kit.mapping(arn)
    other.send_message(QueueUrl=url, MessageBody="across")
    assert kit.bodies() == [["across"]]
