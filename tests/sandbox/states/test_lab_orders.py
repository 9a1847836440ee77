"""What a learner does in the lab, part 1: an order flow of all state types, the flaky bank, the saga (E14.1-3, E14.5)."""

# ruff: noqa: E501  # definitions read best on one line
from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

Flow = dict[str, Any]
INVOKE = "arn:aws:states:::lambda:invoke"
THROTTLES = ["Lambda.TooManyRequestsException", "BankBusy"]
BANK = """
import boto3
class BankBusy(Exception): pass
class CardStolen(Exception): pass
def handler(event, context):
    table = boto3.client("dynamodb")
    key = {"id": {"S": event["order"]}}
    said = table.update_item(TableName="calls", Key=key, UpdateExpression="ADD tries :one",
                             ExpressionAttributeValues={":one": {"N": "1"}}, ReturnValues="ALL_NEW")
    if event.get("stolen"):
        raise CardStolen("reported by its owner")
    if int(said["Attributes"]["tries"]["N"]) <= event.get("busy", 0):
        raise BankBusy("try later")
    return {"paid": event["order"]}
"""


def a_table(name: str) -> Any:
    boto3.client("dynamodb").create_table(
        TableName=name, KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    return boto3.resource("dynamodb").Table(name)


def block(**states: Flow) -> Flow:
    return {"StartAt": next(iter(states)), "States": states}


ORDER: Flow = {
    "Receive": {"Type": "Pass", "Result": "web", "ResultPath": "$.channel", "Next": "HowPaid"},
    "HowPaid": {
        "Type": "Choice", "Default": "NoSuchMethod",
        "Choices": [
            {"And": [{"Variable": "$.pay", "StringEquals": "card"}, {"Variable": "$.total", "NumericGreaterThan": 500}], "Next": "Review"},
            {"Variable": "$.pay", "StringEquals": "card", "Next": "Pack"},
            {"Variable": "$.pay", "StringEquals": "invoice", "Next": "Grace"},
        ],
    },
    "Review": {"Type": "Choice", "Choices": [{"Variable": "$.trusted", "IsPresent": False, "Next": "Fraud"}, {"Variable": "$.trusted", "BooleanEquals": True, "Next": "Pack"}], "Default": "Fraud"},
    "Grace": {"Type": "Wait", "SecondsPath": "$.grace", "Next": "Pack"},
    "Pack": {
        "Type": "Map", "ItemsPath": "$.items", "ItemSelector": {"sku.$": "$$.Map.Item.Value", "at.$": "$$.Map.Item.Index"}, "ResultPath": "$.boxes", "Next": "Any",
        "ItemProcessor": block(Box={"Type": "Pass", "OutputPath": "$.sku", "End": True}),
    },
    "Any": {"Type": "Choice", "Choices": [{"Variable": "$.boxes[0]", "IsPresent": False, "Next": "Nothing"}], "Default": "Tell"},
    "Tell": {
        "Type": "Parallel", "ResultPath": "$.told", "Next": "Done", "Catch": [{"ErrorEquals": ["States.TaskFailed"], "ResultPath": "$.error", "Next": "Untold"}],
        "Branches": [
            block(Mail={"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {"QueueUrl.$": "$.queue", "MessageBody.$": "States.Format('Order {}', $.id)"}, "ResultSelector": {"id.$": "$.MessageId"}, "End": True}),
            block(Note={"Type": "Pass", "Result": "noted", "End": True}),
        ],
    },
    "Untold": {"Type": "Succeed", "OutputPath": "$.error"},
    "Nothing": {"Type": "Succeed", "OutputPath": "$.id"},
    "Done": {"Type": "Succeed"},
    "Fraud": {"Type": "Fail", "Error": "Fraud", "CausePath": "States.Format('order {}', $.id)"},
    "NoSuchMethod": {"Type": "Fail", "Error": "UnknownPayment", "Cause": "We take cards and invoices."},
}  # fmt: skip
PATHS = [
    ({"pay": "card", "total": 9}, "Pack Box Box Any Tell Done"),
    ({"pay": "card", "total": 501}, "Review Fraud"),
    ({"pay": "card", "total": 501, "trusted": False}, "Review Fraud"),
    ({"pay": "card", "total": 501, "trusted": True}, "Review Pack Box Box Any Tell Done"),
    ({"pay": "invoice", "total": 9, "grace": 60}, "Grace Pack Box Box Any Tell Done"),
    ({"pay": "card", "total": 9, "items": []}, "Pack Any Nothing"),
    ({"pay": "card", "total": 9, "queue": "https://sqs.eu-west-1.amazonaws.com/123456789012/none"}, "Pack Box Box Any Tell Untold"),
    ({"pay": "shells", "total": 9}, "NoSuchMethod"),
]  # fmt: skip


@pytest.mark.parametrize(("order", "path"), PATHS)
def test_eight_orders_take_eight_ways(flows: Any, order: Flow, path: str) -> None:
    queue = boto3.client("sqs").create_queue(QueueName="mail")["QueueUrl"]
    arn = flows.start(flows.machine(ORDER), {"id": "o1", "queue": queue, "items": ["pen", "cup"]} | order)
    flows.clock.advance(minutes=2)
    found = flows.look(arn)
    assert found["status"] == ("FAILED" if path.endswith(("Fraud", "NoSuchMethod")) else "SUCCEEDED")
    names = [
        event["stateEnteredEventDetails"]["name"]
        for event in flows.history(arn)
        if "stateEnteredEventDetails" in event
    ]
    assert [name for name in names if name not in ("Mail", "Note")] == ["Receive", "HowPaid", *path.split()]
    if path.endswith("Fraud"):
        assert (found["error"], found["cause"]) == ("Fraud", "order o1")
    if path.endswith("Done"):
        assert (found["result"]["boxes"], found["result"]["told"][1]) == (["pen", "cup"], "noted")


def test_an_unknown_payment_method_needs_a_default(flows: Any) -> None:
    found = flows.run(ORDER, {"id": "o1", "pay": "shells"})
    assert (found["error"], found["cause"]) == ("UnknownPayment", "We take cards and invoices.")
    without = {
        name: {key: value for key, value in state.items() if key != "Default"}
        for name, state in ORDER.items()
        if name in ("HowPaid", "Review")
    }
    states = without | {name: {"Type": "Succeed"} for name in ("Pack", "Grace", "Fraud")}
    lost = flows.run(states, {"id": "o1", "pay": "shells"})
    assert lost["error"] == "States.Runtime"
    assert "The state does not point to a next state." in lost["cause"]


def bank(flows: Any, retry: list[Flow], order: Flow) -> tuple[Flow, list[float], int]:
    """The execution, the seconds between attempts, and how often the bank was asked."""
    calls = a_table("calls")
    flows.function("bank", BANK)
    pay = {
        "Type": "Task",
        "Resource": INVOKE,
        "Parameters": {"FunctionName": "bank", "Payload.$": "$"},
        "OutputPath": "$.Payload",
        "Retry": retry,
        "End": True,
    }
    arn = flows.start(flows.machine({"Pay": pay}), order)
    flows.clock.advance(minutes=10)
    history = flows.history(arn)
    failed = [event["timestamp"] for event in history if event["type"] == "TaskFailed"]
    again = [event["timestamp"] for event in history if event["type"] == "TaskScheduled"][1:]
    waits = [(later - earlier).total_seconds() for earlier, later in zip(failed, again, strict=False)]
    return flows.look(arn), waits, int(calls.get_item(Key={"id": order["order"]})["Item"]["tries"])


HOPE: Flow = {
    "ErrorEquals": THROTTLES,
    "IntervalSeconds": 2,
    "BackoffRate": 2,
    "MaxAttempts": 4,
    "MaxDelaySeconds": 10,
}
NO_HOPE: Flow = {"ErrorEquals": ["CardStolen"], "MaxAttempts": 0}
REST: Flow = {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}


def test_a_busy_bank_is_asked_again_after_2_4_8_seconds(flows: Any) -> None:
    found, waits, asked = bank(flows, [HOPE, NO_HOPE, REST], {"order": "o1", "busy": 3})
    assert (found["result"], asked) == ({"paid": "o1"}, 4)
    assert waits == pytest.approx([2, 4, 8])


def test_jitter_stays_under_the_cap(flows: Any) -> None:
    found, waits, asked = bank(flows, [HOPE | {"JitterStrategy": "FULL"}, REST], {"order": "o1", "busy": 9})
    assert (found["error"], asked) == ("BankBusy", 5)
    assert len(set(waits)) == 4
    assert all(0 <= wait <= most for wait, most in zip(waits, (2, 4, 8, 10), strict=True))


def test_a_stolen_card_is_never_tried_again(flows: Any) -> None:
    found, waits, asked = bank(flows, [HOPE, NO_HOPE, REST], {"order": "o1", "stolen": True})
    assert (found["error"], waits, asked) == ("CardStolen", [], 1)
    assert json.loads(found["cause"])["errorMessage"] == "reported by its owner"


STEP = """
import boto3
class Broken(Exception): pass
def handler(event, context):
    step, table = event["step"], boto3.resource("dynamodb").Table("books")
    key = {"id": "tries-" + step}
    tries = table.update_item(Key=key, UpdateExpression="ADD n :one", ExpressionAttributeValues={":one": 1}, ReturnValues="ALL_NEW")["Attributes"]["n"]
    if event["broken"] == step or (step in ("refund", "release") and tries == 1):
        raise Broken(step)
    change = {"charge": ("money", 10), "refund": ("money", -10), "reserve": ("stock", 1), "release": ("stock", -1)}.get(step)
    if change:
        table.update_item(Key={"id": change[0]}, UpdateExpression="ADD n :n", ExpressionAttributeValues={":n": change[1]})
    return step
"""


def step(name: str, undo: str | None, **onward: Any) -> Flow:
    made = {
        "Type": "Task",
        "Resource": INVOKE,
        "Parameters": {"FunctionName": "step", "Payload": {"step": name, "broken.$": "$.broken"}},
        "ResultPath": None,
    }
    rule = {"ErrorEquals": ["States.ALL"]}
    tries = {"Catch": [rule | {"ResultPath": "$.error", "Next": undo}]} if undo else {"Retry": [rule]}
    return made | tries | onward


SAGA: Flow = {
    "Charge": step("charge", "Apologise", Next="Reserve"),
    "Reserve": step("reserve", "Refund", Next="Ship"),
    "Ship": step("ship", "Release", Next="Shipped"),
    "Shipped": {"Type": "Succeed"},
    "Release": step("release", None, Next="Refund"),
    "Refund": step("refund", None, Next="Apologise"),
    "Apologise": {
        "Type": "Task",
        "Resource": "arn:aws:states:::sns:publish",
        "Parameters": {"TopicArn.$": "$.topic", "Message.$": "$.error.Error"},
        "Next": "Undone",
    },
    "Undone": {"Type": "Fail", "Error": "OrderUndone"},
}


@pytest.mark.parametrize("broken", ["charge", "reserve", "ship", "nothing"])
def test_a_saga_undoes_what_was_done(flows: Any, broken: str) -> None:
    books = a_table("books")
    flows.function("step", STEP)
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    topic, mail = sns.create_topic(Name="mail")["TopicArn"], sqs.create_queue(QueueName="mail")["QueueUrl"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}],
    }
    sqs.set_queue_attributes(QueueUrl=mail, Attributes={"Policy": json.dumps(policy)})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:eu-west-1:123456789012:mail")
    found = flows.run(SAGA, {"broken": broken, "topic": topic})
    left = {one["id"]: int(one["n"]) for one in books.scan()["Items"]}
    mails = sqs.receive_message(QueueUrl=mail, MaxNumberOfMessages=10).get("Messages", [])
    if broken == "nothing":
        assert (found["status"], left["money"], left["stock"], mails) == ("SUCCEEDED", 10, 1, [])
        return
    assert (found["status"], found["error"]) == ("FAILED", "OrderUndone")
    assert (left.get("money", 0), left.get("stock", 0), len(mails)) == (0, 0, 1)
    assert json.loads(mails[0]["Body"])["Message"] == "Broken"
    assert all(left[name] == 2 for name in ("tries-refund", "tries-release") if name in left)


def test_a_catch_without_result_path_loses_the_order(flows: Any) -> None:
    a_table("calls")
    flows.function("bank", BANK)
    pay = {
        "Type": "Task",
        "Resource": "arn:aws:lambda:eu-west-1:123456789012:function:bank",
        "Next": "Sorry",
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Sorry"}],
    }
    found = flows.run({"Pay": pay, "Sorry": {"Type": "Succeed"}}, {"order": "o1", "stolen": True})
    assert "order" not in found["result"]


def test_a_task_that_timed_out_works_on_and_is_done_twice(flows: Any) -> None:
    charges = a_table("charges")
    code = """
import boto3, time
def handler(event, context):
    time.sleep(10)
    boto3.client("dynamodb").update_item(TableName="charges", Key={"id": {"S": "o1"}}, UpdateExpression="ADD times :one",
                                         ExpressionAttributeValues={":one": {"N": "1"}})
"""
    arn = flows.function("slow", code)
    retry = [{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 1}]
    pay = {"Type": "Task", "Resource": arn, "TimeoutSeconds": 5, "Retry": retry, "End": True}
    found = flows.run({"Pay": pay})
    assert (found["status"], found["error"]) == ("FAILED", "States.Timeout")
    assert charges.get_item(Key={"id": "o1"})["Item"]["times"] == 2


def test_states_all_does_not_catch_what_is_terminal(flows: Any) -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Sorry"}]
    for broken, error in (
        ({"v.$": "$.no"}, "States.Runtime"),
        ({"v.$": "States.ArrayRange(1, 900, 1)", "w.$": "$.long"}, "States.DataLimitExceeded"),
    ):
        inner = block(A={"Type": "Pass", "Parameters": broken, "End": True})
        states = {
            "P": {"Type": "Parallel", "Branches": [inner] * 1, "Catch": catch, "Next": "Sorry"},
            "Sorry": {"Type": "Succeed"},
        }
        found = flows.run(states, {"long": "x" * 260_000})
        assert (found["status"], found["error"]) == ("FAILED", error)


def test_a_variable_is_old_where_it_is_assigned(flows: Any) -> None:
    states = {
        "A": {"Type": "Pass", "Assign": {"n": 1}, "Next": "B"},
        "B": {"Type": "Pass", "Assign": {"n": 2, "seen": "{% $n %}"}, "Output": "{% $n %}", "Next": "C"},
        "C": {"Type": "Pass", "Output": "{% [$states.input, $seen, $n] %}", "End": True},
    }
    assert flows.run(states, QueryLanguage="JSONata")["result"] == [1, 1, 2]
