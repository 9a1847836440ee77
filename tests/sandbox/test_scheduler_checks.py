"""EventBridge Scheduler: what it refuses, and how its calls answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox

ROLE = "arn:aws:iam::123456789012:role/scheduler"
ARN = "arn:aws:{}:eu-west-1:123456789012:{}"
QUEUE = ARN.format("sqs", "orders")
TARGET = {"Arn": QUEUE, "RoleArn": ROLE}
TRUST = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}


@pytest.fixture
def scheduler(sandbox: Sandbox) -> Any:
    document = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    boto3.client("iam").create_role(RoleName="scheduler", AssumeRolePolicyDocument=document)
    return boto3.client("scheduler")


def create(scheduler: Any, target: dict[str, Any] | None = None, **given: Any) -> str:
    plain = {
        "Name": "nightly", "ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {**TARGET, **(target or {})},
    }  # fmt: skip
    return str(scheduler.create_schedule(**{**plain, **given})["ScheduleArn"])


def refused(scheduler: Any, target: dict[str, Any] | None = None, **given: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as caught:
        create(scheduler, target, **given)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize("text", ["rate(0 minutes)", "cron(0 1 * * * *)", "at(2026-12-24)", "every day"])
def test_an_invalid_expression(scheduler: Any, text: str) -> None:
    assert refused(scheduler, ScheduleExpression=text) == (
        "ValidationException", f"Invalid Schedule Expression {text}.", 400,
    )  # fmt: skip
    assert scheduler.list_schedules()["Schedules"] == []


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"Name": "a b"}, "name"),
        ({"Name": "x" * 65}, "name"),
        ({"State": "ON"}, "state"),
        ({"ActionAfterCompletion": "KEEP"}, "actionAfterCompletion"),
        ({"FlexibleTimeWindow": {"Mode": "SOMETIMES"}}, "flexibleTimeWindow.mode"),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1441}},
         "flexibleTimeWindow.maximumWindowInMinutes"),
        ({"Target": {"Arn": QUEUE, "RoleArn": "scheduler"}}, "target.roleArn"),
        ({"Target": {**TARGET, "DeadLetterConfig": {"Arn": QUEUE + ".fifo"}}}, "target.deadLetterConfig.arn"),
        ({"Target": {**TARGET, "RetryPolicy": {"MaximumRetryAttempts": 186}}},
         "target.retryPolicy.maximumRetryAttempts"),
    ],
)  # fmt: skip
def test_values_outside_the_model_are_named(scheduler: Any, given: dict[str, Any], path: str) -> None:
    code, message, status = refused(scheduler, **given)
    assert (code, status) == ("ValidationException", 400)
    assert message.startswith("1 validation error detected: Value '")
    assert f"at '{path}' failed to satisfy constraint" in message


@pytest.mark.parametrize(
    "given",
    [
        {"ScheduleExpressionTimezone": "Mars/Phobos"},
        {"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}},
        {"FlexibleTimeWindow": {"Mode": "OFF", "MaximumWindowInMinutes": 5}},
        {"StartDate": datetime(2020, 1, 1, tzinfo=UTC)},
        {"StartDate": datetime(2099, 1, 2, tzinfo=UTC), "EndDate": datetime(2099, 1, 1, tzinfo=UTC)},
    ],
)
def test_values_that_make_no_sense_together(scheduler: Any, given: dict[str, Any]) -> None:
    assert refused(scheduler, **given)[0] == "ValidationException"


def test_dates_of_a_one_time_schedule_are_ignored(scheduler: Any) -> None:
    create(
        scheduler, ScheduleExpression="at(2099-01-01T00:00:00)", StartDate=datetime(2020, 1, 1, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    "target",
    [
        {"Arn": "orders"},
        {"Arn": ARN.format("events", "api-destination/hook/1")},
        {"Arn": ARN.format("s3", "bucket")},
        {"Arn": "arn:aws:scheduler:::aws-sdk:sqs"},
    ],
)
def test_what_is_no_target(scheduler: Any, target: dict[str, Any]) -> None:
    assert refused(scheduler, target)[:2] == ("ValidationException", "Provided Arn is not in correct format.")


@pytest.mark.parametrize(
    "target",
    [
        {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:receiveMessage", "Input": "{}"},
        {"Arn": "arn:aws:scheduler:::aws-sdk:s3:getObject", "Input": "{}"},
        {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "Input": "tea"},
        {"Arn": QUEUE + ".fifo"},
        {"Arn": ARN.format("events", "event-bus/default")},
        {"Arn": ARN.format("kinesis", "stream/clicks")},
        {"Arn": ARN.format("lambda", "function:work"), "Input": "not JSON"},
        {"KinesisParameters": {"PartitionKey": "7"}},
        {"Input": "x" * (256 * 1024 + 1)},
    ],
)
def test_targets_that_lack_or_mix_something(scheduler: Any, target: dict[str, Any]) -> None:
    assert refused(scheduler, target)[0] == "ValidationException"


@pytest.mark.parametrize("role", ["nobody", "lambda"])
def test_the_role_must_exist_and_trust_scheduler(scheduler: Any, role: str) -> None:
    other = {**TRUST, "Principal": {"Service": "lambda.amazonaws.com"}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [other]})
    boto3.client("iam").create_role(RoleName="lambda", AssumeRolePolicyDocument=document)
    assert refused(scheduler, {"RoleArn": ROLE.replace("scheduler", role)}) == (
        "ValidationException",
        "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
        400,
    )


def test_names_are_used_once_in_a_group(scheduler: Any) -> None:
    scheduler.create_schedule_group(Name="night")
    create(scheduler)
    create(scheduler, GroupName="night")
    assert refused(scheduler) == ("ConflictException", "Schedule nightly already exists.", 409)
    with pytest.raises(scheduler.exceptions.ConflictException):
        scheduler.create_schedule_group(Name="night")


def test_the_same_request_with_the_same_token_is_made_once(scheduler: Any) -> None:
    first = create(scheduler, ClientToken="abc")
    assert create(scheduler, ClientToken="abc") == first
    assert refused(scheduler, ClientToken="abc", Description="other")[0] == "ConflictException"


@pytest.mark.parametrize("operation", ["get_schedule", "delete_schedule"])
def test_what_is_not_there(scheduler: Any, operation: str) -> None:
    with pytest.raises(scheduler.exceptions.ResourceNotFoundException):
        getattr(scheduler, operation)(Name="none")
    with pytest.raises(scheduler.exceptions.ResourceNotFoundException):
        getattr(scheduler, operation)(Name="none", GroupName="none")


def test_an_unknown_group(scheduler: Any) -> None:
    assert refused(scheduler, GroupName="none")[::2] == ("ResourceNotFoundException", 404)
    for call in (scheduler.delete_schedule_group, scheduler.get_schedule_group):
        with pytest.raises(scheduler.exceptions.ResourceNotFoundException):
            call(Name="none")
    with pytest.raises(scheduler.exceptions.ResourceNotFoundException):
        scheduler.list_schedules(GroupName="none")


def test_the_default_group_stays_and_a_bad_name_makes_no_group(scheduler: Any) -> None:
    for call, name in (
        (scheduler.delete_schedule_group, "default"),
        (scheduler.create_schedule_group, "a b"),
    ):
        with pytest.raises(scheduler.exceptions.ValidationException):
            call(Name=name)
    assert [group["Name"] for group in scheduler.list_schedule_groups()["ScheduleGroups"]] == ["default"]


def test_an_update_resets_what_it_does_not_name(scheduler: Any) -> None:
    create(
        scheduler, {"RetryPolicy": {"MaximumRetryAttempts": 2}}, Description="tea", State="DISABLED",
        ActionAfterCompletion="DELETE", ScheduleExpressionTimezone="Europe/Berlin",
    )  # fmt: skip
    scheduler.update_schedule(
        Name="nightly", ScheduleExpression="rate(1 day)", FlexibleTimeWindow={"Mode": "OFF"}, Target=TARGET
    )
    found = scheduler.get_schedule(Name="nightly")
    assert "Description" not in found
    assert (found["State"], found["ActionAfterCompletion"]) == ("ENABLED", "NONE")
    assert found["ScheduleExpressionTimezone"] == "UTC"
    assert found["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}


def test_an_update_is_checked_too_and_changes_nothing_when_refused(scheduler: Any) -> None:
    create(scheduler)
    with pytest.raises(ClientError, match="Invalid Schedule Expression"):
        scheduler.update_schedule(
            Name="nightly",
            ScheduleExpression="rate(1 year)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=TARGET,
        )
    assert scheduler.get_schedule(Name="nightly")["ScheduleExpression"] == "rate(1 hour)"
