"""Deliveries: who may, what is tried again, what ends in a dead-letter queue, and how buses pass events on."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox, delivery
from labkit.sandbox.announce import announce
from labkit.sandbox.parcels import Parcel, Refused

ACCOUNT, REGION = "123456789012", "eu-west-1"
OTHER = "111122223333"
BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus"


def why(shop: Any, queue: str = "dead") -> dict[str, str]:
    """The attributes of the one message in a dead-letter queue."""
    (message,) = shop.messages(queue)
    return {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}


def document(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


# -- queues, topics, functions, logs ---------------------------------------------------------------------


def test_a_queue_that_does_not_let_eventbridge_in_stays_empty_and_the_publisher_sees_nothing(
    shop: Any,
) -> None:
    shop.rule("orders", shop.queue("orders", open_to_all=False))
    assert "EventId" in shop.put()
    assert shop.texts("orders") == []
    refused = shop.sandbox.trace.where(kind="refused", service="events")
    assert refused[0].error == "AccessDenied"


def test_a_queue_may_take_from_one_rule_only(shop: Any) -> None:
    queue = shop.queue("orders", open_to_all=False)
    mine = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/mine"
    shop.sqs.set_queue_attributes(
        QueueUrl=shop.urls["orders"],
        Attributes={
            "Policy": document(
                Principal={"Service": "events.amazonaws.com"}, Action="sqs:SendMessage", Resource=queue,
                Condition={"ArnEquals": {"aws:SourceArn": mine}},
            )
        },
    )  # fmt: skip
    shop.rule("mine", queue, Input='"mine"')
    shop.rule("theirs", queue, Input='"theirs"')
    shop.put()
    assert shop.texts("orders") == ['"mine"']


def test_a_fifo_queue_gets_its_group_also_from_the_event(shop: Any) -> None:
    queue = shop.queue("orders.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    shop.rule("orders", queue, SqsParameters={"MessageGroupId": "$.detail.customer"})
    shop.put({"customer": "ann"})
    message = shop.sqs.receive_message(QueueUrl=shop.urls["orders.fifo"], AttributeNames=["All"])["Messages"][
        0
    ]
    assert message["Attributes"]["MessageGroupId"] == "ann"


def test_a_fifo_queue_without_content_based_deduplication_cannot_take_it(shop: Any) -> None:
    queue = shop.queue("orders.fifo", FifoQueue="true")
    dead = shop.queue("dead")
    shop.rule("orders", queue, SqsParameters={"MessageGroupId": "g"}, DeadLetterConfig={"Arn": dead})
    shop.put()
    said = why(shop)
    assert (said["ERROR_CODE"], said["RETRY_ATTEMPTS"]) == ("INVALID_PARAMETER", "0")


def test_targets_that_come_later_say_so_in_the_trace(shop: Any) -> None:
    role = shop.role("run", "batch:SubmitJob")
    shop.rule("orders", f"arn:aws:batch:{REGION}:{ACCOUNT}:job-queue/q", RoleArn=role)
    shop.put()
    refused = shop.sandbox.trace.where(kind="refused", service="events")
    assert [event.error for event in refused][:1] == ["NotSimulated"]


# -- retries and dead letters ----------------------------------------------------------------------------


def test_what_a_dead_letter_says_about_a_queue_that_is_gone(shop: Any) -> None:
    dead = shop.queue("dead")
    target = f"arn:aws:sqs:{REGION}:{ACCOUNT}:gone"
    rule = shop.rule("orders", target, Input='"changed"', DeadLetterConfig={"Arn": dead})
    shop.put({"n": 1})
    (message,) = shop.messages("dead")
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes == {
        "RULE_ARN": rule, "TARGET_ARN": target, "ERROR_CODE": "NO_RESOURCE", "RETRY_ATTEMPTS": "0",
        "ERROR_MESSAGE": "The specified queue does not exist.",
    }  # fmt: skip
    assert json.loads(message["Body"])["detail"] == {"n": 1}


def test_no_permission_is_not_tried_again(shop: Any) -> None:
    shop.rule("orders", shop.queue("orders", open_to_all=False), DeadLetterConfig={"Arn": shop.queue("dead")})
    shop.put()
    said = why(shop)
    assert (said["ERROR_CODE"], said["RETRY_ATTEMPTS"]) == ("NO_PERMISSIONS", "0")
    assert "EXHAUSTED_RETRY_CONDITION" not in said


def test_a_target_that_is_down_for_three_hours_gets_everything_afterwards(shop: Any) -> None:
    shop.rule("orders", shop.queue("orders"))
    shop.sandbox.faults.put("delivery.unavailable", target="orders")
    for number in range(5):
        shop.put({"n": number})
    shop.clock.advance(hours=3)
    assert shop.texts("orders") == []
    shop.sandbox.faults.clear("delivery.unavailable")
    shop.clock.advance(minutes=10)
    assert sorted(body["detail"]["n"] for body in shop.bodies("orders")) == list(range(5))


def test_after_a_day_the_default_policy_gives_up(shop: Any) -> None:
    shop.rule("orders", shop.queue("orders"), DeadLetterConfig={"Arn": shop.queue("dead")})
    shop.sandbox.faults.put("delivery.unavailable", target="orders")
    shop.put()
    shop.clock.advance(hours=20)
    assert shop.messages("dead") == []
    shop.clock.advance(hours=5)
    said = why(shop)
    assert said["EXHAUSTED_RETRY_CONDITION"] in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds")
    assert int(said["RETRY_ATTEMPTS"]) in range(160, 186)


@pytest.mark.parametrize(
    ("policy", "condition", "attempts"),
    [
        ({"MaximumRetryAttempts": 2}, "MaximumRetryAttempts", ["2"]),
        ({"MaximumRetryAttempts": 0}, "MaximumRetryAttempts", ["0"]),
        ({"MaximumEventAgeInSeconds": 60}, "MaximumEventAgeInSeconds", ["5", "6"]),
    ],
)
def test_the_retry_policy_of_a_target(
    shop: Any, policy: dict[str, int], condition: str, attempts: list[str]
) -> None:
    shop.rule(
        "orders", shop.queue("orders"), RetryPolicy=policy, DeadLetterConfig={"Arn": shop.queue("dead")}
    )
    shop.sandbox.faults.put("delivery.unavailable", target="orders")
    shop.put()
    shop.clock.advance(minutes=5)
    said = why(shop)
    assert said["EXHAUSTED_RETRY_CONDITION"] == condition
    assert said["RETRY_ATTEMPTS"] in attempts


def test_a_dead_letter_queue_must_let_eventbridge_in_too(shop: Any) -> None:
    dead = shop.queue("dead", open_to_all=False)
    shop.rule("orders", f"arn:aws:sqs:{REGION}:{ACCOUNT}:gone", DeadLetterConfig={"Arn": dead})
    shop.put()
    assert shop.messages("dead") == []
    assert shop.sandbox.trace.where(service="events", action="Dropped")


def test_a_rule_deleted_after_the_match_still_delivers(shop: Any) -> None:
    shop.rule("orders", shop.queue("orders"))
    shop.sandbox.faults.put("delivery.unavailable", target="orders")
    shop.put()
    shop.events.remove_targets(Rule="orders", Ids=["one"])
    shop.events.delete_rule(Name="orders")
    shop.sandbox.faults.clear("delivery.unavailable")
    shop.clock.advance(minutes=1)
    assert len(shop.texts("orders")) == 1


# -- buses -----------------------------------------------------------------------------------------------


def test_a_rule_passes_events_on_to_another_bus(shop: Any) -> None:
    shop.events.create_event_bus(Name="second")
    role = shop.role("pass", "events:PutEvents", f"{BUS}/second")
    shop.rule("pass", f"{BUS}/second", RoleArn=role)
    shop.rule("orders", shop.queue("orders"), bus="second")
    result = shop.put({"n": 1})
    (body,) = shop.bodies("orders")
    assert body["id"] == result["EventId"]
    assert body["detail"] == {"n": 1}


def test_the_role_must_allow_it(shop: Any) -> None:
    shop.events.create_event_bus(Name="second")
    role = shop.role("other", "events:PutEvents", f"{BUS}/third")
    shop.rule("pass", f"{BUS}/second", RoleArn=role, DeadLetterConfig={"Arn": shop.queue("dead")})
    shop.put()
    assert why(shop)["ERROR_CODE"] == "NO_PERMISSIONS"


def test_there_is_no_third_bus(shop: Any) -> None:
    role = shop.role("pass", "events:PutEvents")
    for name in ("second", "third"):
        shop.events.create_event_bus(Name=name)
    shop.rule("pass", f"{BUS}/second", RoleArn=role)
    shop.rule("on", f"{BUS}/third", bus="second", RoleArn=role, DeadLetterConfig={"Arn": shop.queue("dead")})
    shop.rule("orders", shop.queue("orders"), bus="third")
    shop.put()
    assert shop.texts("orders") == []
    said = why(shop)
    assert said["ERROR_CODE"] == "THIRD_ACCOUNT_HOP_DETECTED"
    assert said["ERROR_MESSAGE"].endswith(
        "because an event can be sent to an event bus target only once. "
        "This event was previously delivered to an event bus target."
    )


def test_a_rule_that_sends_to_its_own_bus_does_not_run_for_ever(shop: Any) -> None:
    shop.rule("loop", f"{BUS}/default", RoleArn=shop.role("pass", "events:PutEvents"))
    shop.rule("orders", shop.queue("orders"))
    shop.put()
    shop.clock.advance(days=1)
    assert len(shop.texts("orders")) == 2


def test_another_account_takes_events_when_its_bus_allows(shop: Any, sandbox: Sandbox) -> None:
    queue = shop.queue("orders")
    bus = f"arn:aws:events:{REGION}:{OTHER}:event-bus/default"
    role = shop.role("pass", "events:PutEvents")
    shop.rule("pass", bus, RoleArn=role, DeadLetterConfig={"Arn": shop.queue("dead")})
    sandbox.backend("events", account=OTHER).put_rule("taken", event_pattern='{"source":["shop"]}')
    sandbox.backend("events", account=OTHER).put_targets("taken", None, [{"Id": "1", "Arn": queue}])

    shop.put({"n": 1})
    assert why(shop)["ERROR_CODE"] == "NO_PERMISSIONS"

    sandbox.backend("events", account=OTHER).put_permission(
        "default", "events:PutEvents", ACCOUNT, "shop", None, None
    )
    shop.put({"n": 2})
    (body,) = shop.bodies("orders")
    assert body["account"] == ACCOUNT
    assert body["detail"] == {"n": 2}


def test_another_region_takes_events(shop: Any) -> None:
    far: Any = boto3.client("events", region_name="us-east-1")
    queues: Any = boto3.client("sqs", region_name="us-east-1")
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:far"
    url = queues.create_queue(QueueName="far")["QueueUrl"]
    allow = document(Principal={"Service": "events.amazonaws.com"}, Action="sqs:SendMessage", Resource=arn)
    queues.set_queue_attributes(QueueUrl=url, Attributes={"Policy": allow})
    far.put_rule(Name="taken", EventPattern='{"region":["eu-west-1"]}')
    far.put_targets(Rule="taken", Targets=[{"Id": "1", "Arn": arn}])
    target = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default"
    shop.rule("pass", target, RoleArn=shop.role("pass", "events:PutEvents"))
    shop.put()
    assert json.loads(queues.receive_message(QueueUrl=url)["Messages"][0]["Body"])["region"] == "eu-west-1"


def test_a_bus_that_was_deleted(shop: Any) -> None:
    shop.events.create_event_bus(Name="second")
    role = shop.role("pass", "events:PutEvents")
    shop.rule("pass", f"{BUS}/second", RoleArn=role, DeadLetterConfig={"Arn": shop.queue("dead")})
    shop.events.delete_event_bus(Name="second")
    shop.put()
    assert why(shop)["ERROR_CODE"] == "NO_RESOURCE"


# -- other services' events --------------------------------------------------------------------------------


def test_a_service_announces_what_happened(shop: Any) -> None:
    shop.rule("tasks", shop.queue("tasks"), {"source": ["aws.ecs"], "detail": {"lastStatus": ["STOPPED"]}})
    announce(
        "aws.ecs", "ECS Task State Change", {"lastStatus": "STOPPED"}, ["arn:aws:ecs:eu-west-1:123456789012:task/t"],
        account=ACCOUNT, region=REGION,
    )  # fmt: skip
    (body,) = shop.bodies("tasks")
    assert body["source"] == "aws.ecs"
    assert body["resources"] == ["arn:aws:ecs:eu-west-1:123456789012:task/t"]


def test_announcements_nobody_listens_to_cost_nothing_and_leave_no_trace(sandbox: Sandbox) -> None:
    announce("aws.ecs", "ECS Task State Change", {}, account="999999999999", region=REGION)
    assert len(sandbox.trace) == 0


def test_another_sender_puts_an_event_with_its_own_source(shop: Any) -> None:
    shop.rule("results", shop.queue("results"), {"source": ["lambda"]})
    delivery.send(
        Parcel(
            "lambda", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f", f"{BUS}/default", '{"x": 1}', id="p",
            options=(("Source", "lambda"), ("DetailType", "Lambda Function Invocation Result - Success"),
                     ("Resources", '["arn:aws:lambda:eu-west-1:123456789012:function:f"]')),
        )
    )  # fmt: skip
    shop.clock.advance(seconds=5)
    (body,) = shop.bodies("results")
    assert (body["detail"], body["detail-type"][:6], body["account"]) == ({"x": 1}, "Lambda", ACCOUNT)


def test_an_event_that_a_delivery_caused_takes_time(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that answers each event with a new one turns once a second, not for ever at one moment."""
    shop.rule("loop", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:again", Input='"go"')
    calls: list[float] = []

    def answer(parcel: Parcel) -> str:
        calls.append(shop.clock.time())
        if len(calls) > 500:
            raise Refused("Stop", "This never ends.")
        shop.put()
        return "answered"

    monkeypatch.setitem(delivery.receivers, "arn:lambda", delivery.Receiver((), answer))
    shop.put()
    shop.clock.advance(seconds=60)
    assert 55 <= len(calls) <= 65
