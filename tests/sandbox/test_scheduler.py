"""EventBridge Scheduler: when schedules run, in whose name, and what arrives."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox

ROLE = "arn:aws:iam::123456789012:role/scheduler"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:orders"
GROUP = "arn:aws:scheduler:eu-west-1:123456789012:schedule-group/default"
OFF = {"Mode": "OFF"}


class Account:
    """A queue, and a role that Scheduler may assume and that may do what the test says."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.scheduler, self.sqs, self.iam = (boto3.client(name) for name in ("scheduler", "sqs", "iam"))
        self.url = self.sqs.create_queue(QueueName="orders")["QueueUrl"]
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": "scheduler.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        self.iam.create_role(RoleName="scheduler", AssumeRolePolicyDocument=document(trust))
        self.allow("sqs:*", "sns:*", "events:*", "kinesis:*", "firehose:*", "lambda:*")
        # A round minute, far from any change of the clocks.
        now = sandbox.clock.now()
        noon = (now + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
        sandbox.clock.advance((noon - now).total_seconds())
        self.start = sandbox.clock.time()

    def allow(self, *actions: str) -> None:
        policy = document({"Effect": "Allow", "Action": list(actions), "Resource": "*"})
        self.iam.put_role_policy(RoleName="scheduler", PolicyName="may", PolicyDocument=policy)

    def create(
        self, expression: str = "rate(5 minutes)", target: dict[str, Any] | None = None, **more: Any
    ) -> str:
        given = {
            "Name": "nightly", "ScheduleExpression": expression, "FlexibleTimeWindow": OFF,
            "Target": {"Arn": QUEUE, "RoleArn": ROLE, "Input": "tea", **(target or {})}, **more,
        }  # fmt: skip
        return str(self.scheduler.create_schedule(**given)["ScheduleArn"])

    def bodies(self, url: str | None = None) -> list[str]:
        found: list[str] = []
        while messages := self.sqs.receive_message(QueueUrl=url or self.url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                found.append(message["Body"])
                self.sqs.delete_message(QueueUrl=url or self.url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def minutes(self, action: str = "Delivered") -> list[float]:
        """When things happened, in minutes since the test began."""
        return [
            round((event.time - self.start) / 60, 1)
            for event in self.sandbox.trace.where(service="scheduler", action=action)
        ]

    def names(self) -> list[str]:
        return [schedule["Name"] for schedule in self.scheduler.list_schedules()["Schedules"]]


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture
def account(sandbox: Sandbox) -> Account:
    return Account(sandbox)


# -- when --------------------------------------------------------------------------------------------


def test_a_rate_runs_at_once_and_then_regularly(account: Account) -> None:
    account.create("rate(5 minutes)")
    account.sandbox.clock.advance(minutes=16)
    assert account.minutes() == [0, 5, 10, 15]
    assert account.bodies() == ["tea"] * 4


def test_a_rate_with_a_start_date_begins_there_and_ends_before_the_end_date(account: Account) -> None:
    start = datetime.fromtimestamp(account.start + 600, UTC)
    account.create("rate(5 minutes)", StartDate=start, EndDate=start + timedelta(minutes=15))
    account.sandbox.clock.advance(hours=2)
    assert account.minutes() == [10, 15, 20]


def test_cron_runs_in_its_time_zone(account: Account) -> None:
    account.create("cron(30 * * * ? *)", ScheduleExpressionTimezone="Asia/Kolkata")
    account.sandbox.clock.advance(hours=2)
    assert account.minutes() == [60, 120]


def test_a_one_time_schedule_runs_once_and_stays_unless_told_otherwise(account: Account) -> None:
    when = datetime.fromtimestamp(account.start + 300, UTC)
    account.create(f"at({when:%Y-%m-%dT%H:%M:%S})")
    account.create(f"at({when:%Y-%m-%dT%H:%M:%S})", Name="gone", ActionAfterCompletion="DELETE")
    account.sandbox.clock.advance(days=2)
    assert account.minutes() == [5, 5]
    assert account.names() == ["nightly"]


def test_a_schedule_with_an_end_is_deleted_after_its_last_run(account: Account) -> None:
    end = datetime.fromtimestamp(account.start + 660, UTC)
    account.create("rate(5 minutes)", EndDate=end, ActionAfterCompletion="DELETE")
    account.sandbox.clock.advance(minutes=9)
    assert account.names() == ["nightly"]
    account.sandbox.clock.advance(minutes=2)
    assert account.names() == []
    assert account.minutes() == [0, 5, 10]


def test_a_schedule_that_was_changed_after_its_last_run_stays(account: Account) -> None:
    when = datetime.fromtimestamp(account.start + 60, UTC)
    account.sqs.delete_queue(QueueUrl=account.url)
    account.sandbox.faults.put("delivery.unavailable", target=QUEUE)
    account.create(f"at({when:%Y-%m-%dT%H:%M:%S})", ActionAfterCompletion="DELETE")
    account.sandbox.clock.advance(minutes=2)
    account.scheduler.update_schedule(
        Name="nightly",
        ScheduleExpression="rate(1 day)",
        FlexibleTimeWindow=OFF,
        Target={"Arn": QUEUE, "RoleArn": ROLE},
    )
    account.sandbox.clock.advance(days=2)
    assert account.names() == ["nightly"]


def test_a_flexible_window_chooses_a_moment_inside_and_the_same_for_the_same_seed(account: Account) -> None:
    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 30}
    account.create("cron(0 * * * ? *)", FlexibleTimeWindow=window)
    with account.sandbox.rehearsal():
        account.sandbox.clock.advance(hours=6)
        first = account.minutes()
    account.sandbox.clock.advance(hours=6)
    late = [minute % 60 for minute in account.minutes()]
    assert account.minutes() == first
    assert len(set(late)) > 2
    assert all(0 <= minute <= 30 for minute in late)


def test_a_disabled_schedule_is_silent_until_it_is_enabled(account: Account) -> None:
    account.create("rate(1 minute)", State="DISABLED")
    account.sandbox.clock.advance(minutes=5)
    assert account.minutes() == []
    schedule = account.scheduler.get_schedule(Name="nightly")
    kept = ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")
    account.scheduler.update_schedule(**{name: schedule[name] for name in kept})
    account.sandbox.clock.advance(minutes=1)
    assert account.minutes() == [5, 6]


def test_a_change_forgets_the_old_times(account: Account) -> None:
    account.create("rate(5 minutes)")
    account.sandbox.clock.advance(minutes=1)
    account.scheduler.update_schedule(
        Name="nightly", ScheduleExpression="cron(10 * * * ? *)", FlexibleTimeWindow=OFF,
        Target={"Arn": QUEUE, "RoleArn": ROLE},
    )  # fmt: skip
    account.sandbox.clock.advance(minutes=30)
    assert account.minutes() == [0, 10]


@pytest.mark.parametrize("what", ["schedule", "group"])
def test_what_was_deleted_runs_no_more(account: Account, what: str) -> None:
    account.scheduler.create_schedule_group(Name="night")
    account.create("rate(1 minute)", GroupName="night")
    account.sandbox.clock.advance(minutes=1)
    if what == "schedule":
        account.scheduler.delete_schedule(Name="nightly", GroupName="night")
    else:
        account.scheduler.delete_schedule_group(Name="night")
    waiting = account.sandbox.clock.waiting
    account.sandbox.clock.advance(minutes=10)
    assert account.minutes() == [0, 1]
    assert not [due for due in waiting if "scheduler" in due.action.__module__]


def test_a_rehearsal_runs_schedules_and_leaves_no_trace_of_it(account: Account) -> None:
    account.create("rate(1 hour)")
    account.sandbox.clock.advance(seconds=1)
    before = account.sandbox.digest()
    with account.sandbox.rehearsal() as rehearsal:
        account.sandbox.clock.advance(days=1)
        assert len(account.minutes()) == 24
    assert account.sandbox.digest() == before
    assert len(rehearsal.trace.where(action="ScheduleInvoked")) == 24
    account.sandbox.clock.advance(hours=1)
    assert account.minutes() == [0, 60]


def test_a_snapshot_brings_a_deleted_schedule_back_to_life(account: Account) -> None:
    account.create("rate(1 hour)")
    account.sandbox.clock.advance(minutes=1)
    snapshot = account.sandbox.snapshot()
    account.scheduler.delete_schedule(Name="nightly")
    account.sandbox.restore(snapshot)
    account.sandbox.clock.advance(hours=1)
    assert account.names() == ["nightly"]
    assert account.bodies() == ["tea"] * 2


def test_an_account_that_was_emptied_runs_nothing(account: Account) -> None:
    account.create("rate(1 minute)")
    account.sandbox.reset()
    account.sandbox.clock.advance(hours=1)
    assert account.minutes() == []


# -- what arrives ------------------------------------------------------------------------------------


def test_context_attributes_are_filled_in(account: Account) -> None:
    text = "<aws.scheduler.schedule-arn> <aws.scheduler.scheduled-time> <aws.scheduler.attempt-number> <aws.other>"
    arn = account.create("cron(5 * * * ? *)", {"Input": text + " <aws.scheduler.execution-id>"})
    account.sandbox.clock.advance(minutes=6)
    [body] = account.bodies()
    at = f"{datetime.fromtimestamp(account.start + 300, UTC):%Y-%m-%dT%H:%M:%SZ}"
    head, _, execution = body.rpartition(" ")
    assert head == f"{arn} {at} 1 <aws.other>"
    assert len(execution) == 16
    assert int(execution, 16)


def test_without_an_input_the_default_notification_arrives(account: Account) -> None:
    target = {"Arn": QUEUE, "RoleArn": ROLE}
    account.scheduler.create_schedule(
        Name="plain", ScheduleExpression="cron(5 * * * ? *)", FlexibleTimeWindow=OFF, Target=target
    )
    account.sandbox.clock.advance(minutes=6)
    event = json.loads(account.bodies()[0])
    assert (event["source"], event["detail-type"], event["detail"]) == (
        "aws.scheduler",
        "Scheduled Event",
        "{}",
    )
    assert event["resources"] == ["arn:aws:scheduler:eu-west-1:123456789012:schedule/default/plain"]


def test_a_fifo_queue_gets_the_group(account: Account) -> None:
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = account.sqs.create_queue(QueueName="line.fifo", Attributes=attributes)["QueueUrl"]
    arn = QUEUE.replace("orders", "line.fifo")
    account.create(target={"Arn": arn, "SqsParameters": {"MessageGroupId": "night"}})
    account.sandbox.clock.advance(seconds=1)
    answer = account.sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"])
    assert answer["Messages"][0]["Attributes"]["MessageGroupId"] == "night"


def test_a_universal_target_is_an_api_call_in_the_role(account: Account) -> None:
    arn = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"
    text = json.dumps({"QueueUrl": account.url, "MessageBody": "at <aws.scheduler.scheduled-time>"})
    account.create("cron(5 * * * ? *)", {"Arn": arn, "Input": text})
    account.sandbox.clock.advance(minutes=6)
    [body] = account.bodies()
    assert body.startswith("at 20")
    [call] = account.sandbox.trace.where(action="SendMessage")
    [delivered] = account.sandbox.trace.where(action="Delivered")
    assert call.cause == delivered.sequence


def test_a_universal_target_takes_names_as_scheduler_writes_them(account: Account) -> None:
    account.allow("sqs:*", "logs:*")
    text = json.dumps({"LogGroupName": "/night"})
    account.create(target={"Arn": "arn:aws:scheduler:::aws-sdk:cloudwatchlogs:createLogGroup", "Input": text})
    account.sandbox.clock.advance(seconds=1)
    groups = boto3.client("logs").describe_log_groups()["logGroups"]
    assert [group["logGroupName"] for group in groups] == ["/night"]


@pytest.mark.parametrize(
    ("arn", "text", "code"),
    [
        ("sqs:brewTea", "{}", "UnknownOperationException"),
        ("teapot:brew", "{}", "UnknownServiceException"),
        ("sqs:sendMessage", "{}", "ValidationException"),
        ("sqs:sendMessage", '{"QueueUrl": 7, "MessageBody": []}', "ValidationException"),
        ("sqs:deleteQueue", '{"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/none"}',
         "AWS.SimpleQueueService.NonExistentQueue"),
    ],
)  # fmt: skip
def test_a_universal_target_that_makes_no_sense_fails_at_the_call(
    account: Account, arn: str, text: str, code: str
) -> None:
    account.create(target={"Arn": f"arn:aws:scheduler:::aws-sdk:{arn}", "Input": text})
    account.sandbox.clock.advance(minutes=1)
    [refused] = account.sandbox.trace.where(action="DeliveryRefused", service="scheduler")
    assert refused.error == code


# -- permissions, retries, dead letters --------------------------------------------------------------


def test_a_role_without_the_permission_delivers_nothing(account: Account) -> None:
    account.allow("sqs:ReceiveMessage")
    account.create()
    account.sandbox.clock.advance(minutes=1)
    [refused] = account.sandbox.trace.where(action="DeliveryRefused")
    assert refused.error == "AccessDenied"
    assert account.bodies() == []


def test_a_role_that_was_deleted_delivers_nothing(account: Account) -> None:
    account.create("rate(1 minute)")
    account.sandbox.clock.advance(seconds=1)
    account.iam.delete_role_policy(RoleName="scheduler", PolicyName="may")
    account.iam.delete_role(RoleName="scheduler")
    account.sandbox.clock.advance(minutes=1)
    assert len(account.sandbox.trace.where(action="DeliveryRefused")) == 1


def test_source_arn_in_the_trust_policy_is_the_schedule_group(account: Account) -> None:
    statement = {
        "Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012", "aws:SourceArn": GROUP}},
    }  # fmt: skip
    account.iam.update_assume_role_policy(RoleName="scheduler", PolicyDocument=document(statement))
    account.create()
    account.sandbox.clock.advance(seconds=1)
    assert account.bodies() == ["tea"]
    account.scheduler.create_schedule_group(Name="other")
    with pytest.raises(ClientError, match="must allow AWS EventBridge Scheduler to assume the role"):
        account.create(GroupName="other")


def test_a_dead_letter_tells_the_whole_story(account: Account) -> None:
    dead = account.sqs.create_queue(QueueName="dead")["QueueUrl"]
    target = {
        "DeadLetterConfig": {"Arn": QUEUE.replace("orders", "dead")}, "Input": "<aws.scheduler.attempt-number>",
        "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600},
    }  # fmt: skip
    arn = account.create("cron(5 * * * ? *)", target)
    account.sandbox.faults.put("delivery.unavailable", target="orders")
    account.sandbox.clock.advance(minutes=30)
    [message] = account.sqs.receive_message(QueueUrl=dead, MessageAttributeNames=["All"])["Messages"]
    told = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert len(told.pop("EXECUTION_ID")) == 16
    assert told.pop("ERROR_MESSAGE")
    assert told == {
        "ERROR_CODE": "ServiceUnavailable", "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
        "IS_PAYLOAD_TRUNCATED": "false", "RETRY_ATTEMPTS": "3", "SCHEDULE_ARN": arn, "TARGET_ARN": QUEUE,
        "SCHEDULED_TIME": f"{datetime.fromtimestamp(account.start + 300, UTC):%Y-%m-%dT%H:%M:%SZ}",
    }  # fmt: skip
    assert message["Body"] == "4"


def test_the_dead_letter_queue_needs_the_role_and_no_queue_policy(account: Account) -> None:
    dead = account.sqs.create_queue(QueueName="dead")["QueueUrl"]
    policy = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": QUEUE.replace("orders", "dead")}
    account.iam.put_role_policy(RoleName="scheduler", PolicyName="may", PolicyDocument=document(policy))
    account.create(target={"DeadLetterConfig": {"Arn": QUEUE.replace("orders", "dead")}})
    account.sandbox.clock.advance(minutes=1)
    [message] = account.sqs.receive_message(QueueUrl=dead, MessageAttributeNames=["All"])["Messages"]
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "AccessDenied"
    assert "EXHAUSTED_RETRY_CONDITION" not in message["MessageAttributes"]


def test_by_default_it_is_tried_for_a_day_and_185_times(account: Account) -> None:
    when = datetime.fromtimestamp(account.start + 60, UTC)
    account.create(f"at({when:%Y-%m-%dT%H:%M:%S})")
    account.sandbox.faults.put("delivery.unavailable", target="orders")
    account.sandbox.clock.advance(hours=30)
    failed = account.sandbox.trace.where(service="scheduler", action="DeliveryFailed")
    assert 170 <= len(failed) <= 186
    assert failed[-1].time - failed[0].time <= 86_400


def test_each_attempt_carries_its_number(account: Account) -> None:
    account.create("cron(5 * * * ? *)", {"Input": "<aws.scheduler.attempt-number>"})
    account.sandbox.faults.put("delivery.unavailable", target="orders", lasting=302)
    account.sandbox.clock.advance(minutes=20)
    assert account.bodies() == ["3"]
