"""A definition as a graph: which boxes, which arrows, and the words at them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labkit.drawing.states import conditions
from labkit.drawing.states.graph import Graph, readable
from labkit.drawing.states.services import call
from tests.drawing.flows import ORDER, catch, definition, send, step

RULES = [
    ({"Variable": "$.total", "NumericGreaterThan": 100}, "total > 100"),
    ({"Variable": "$.total", "NumericLessThanEquals": 9.5}, "total <= 9.5"),
    ({"Variable": "$.method", "StringEquals": "card"}, 'method = "card"'),
    ({"Variable": "$.order.paid", "BooleanEquals": False}, "order.paid is false"),
    ({"Variable": "$.coupon", "IsPresent": True}, "coupon is there"),
    ({"Variable": "$.coupon", "IsPresent": False}, "coupon is not there"),
    ({"Variable": "$.note", "IsNull": True}, "note is null"),
    ({"Variable": "$.code", "StringMatches": "A-*"}, 'code like "A-*"'),
    ({"Variable": "$.due", "TimestampLessThan": "2026-01-01T00:00:00Z"}, 'due < "2026-01-01T00:00:00Z"'),
    ({"Variable": "$.total", "NumericGreaterThanEqualsPath": "$.limit"}, "total >= limit"),
    ({"Not": {"Variable": "$.a", "IsNull": True}}, "not (a is null)"),
    ({"And": [{"Variable": "$.a", "NumericEquals": 1}, {"Variable": "$.b", "NumericEquals": 2}]}, "a = 1 and b = 2"),
    (
        {"Or": [
            {"And": [{"Variable": "$.a", "NumericEquals": 1}, {"Variable": "$.b", "NumericEquals": 2}]},
            {"Variable": "$.c", "IsPresent": True},
        ]},
        "(a = 1 and b = 2) or c is there",
    ),
    ({"Condition": "{% $states.input.total > $limit %}"}, "total > $limit"),
    ({"Variable": "$"}, "the input"),
    ("nonsense", "..."),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "words"), RULES, ids=[words for _, words in RULES])
def test_a_rule_of_a_choice_in_short_words(rule: Any, words: str) -> None:
    assert conditions.rule(rule) == words


def test_a_rule_without_end_is_cut() -> None:
    rule: dict[str, Any] = {"Variable": "$.a", "IsNull": True}
    for _ in range(200):
        rule = {"Not": rule}
    assert conditions.rule(rule).count("not (") < 10
    assert "..." in conditions.rule(rule)


CALLS = [
    ("arn:aws:lambda:eu-west-1:123456789012:function:charge", {}, "function", "Lambda charge"),
    ("arn:aws:lambda:eu-west-1:123456789012:function:charge:live", {}, "function", "Lambda charge:live"),
    ("arn:aws:states:::lambda:invoke", {"FunctionName": "label"}, "function", "Lambda label"),
    ("arn:aws:states:::sqs:sendMessage", {"QueueUrl": "https://sqs/1/orders"}, "sqs", "SQS SendMessage: orders"),
    ("arn:aws:states:::sns:publish", {"TopicArn.$": "$.topic"}, "sns", "SNS Publish"),
    ("arn:aws:states:::dynamodb:putItem", {"TableName": "sales"}, "dynamodb", "DynamoDB PutItem: sales"),
    ("arn:aws:states:::events:putEvents", {"Entries": [{"EventBusName": "shop"}]}, "eventbridge",
     "EventBridge PutEvents: shop"),
    ("arn:aws:states:::aws-sdk:s3:putObject", {"Bucket": "labels"}, "s3", "S3 PutObject: labels"),
    ("arn:aws:states:eu-west-1:123456789012:activity:pack", {}, "person", "activity pack"),
    ("arn:aws:states:::sqs:sendMessage", {"QueueUrl": "{% $url %}"}, "sqs", "SQS SendMessage"),
    ("nonsense", {}, "generic", "nonsense"),
    ("", {}, "generic", "no resource"),
]  # fmt: skip


@pytest.mark.parametrize(("resource", "given", "word", "told"), CALLS, ids=[one[3] for one in CALLS])
def test_what_a_task_calls_in_short_words(resource: str, given: dict[str, Any], word: str, told: str) -> None:
    found = call({"Resource": resource, "Parameters": given})
    assert (found.word, found.told) == (word, told)


def test_a_task_that_waits_says_for_what() -> None:
    assert (
        call({"Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken"}).waits == "waits for the token"
    )
    assert (
        call({"Resource": "arn:aws:states:::states:startExecution.sync:2"}).waits == "waits until it is done"
    )


def ways(graph: Graph) -> list[tuple[str, str, str, str]]:
    return [(one.source.name or one.source.kind, one.target.name or one.target.kind, one.kind, one.label)
            for one in graph.arrows]  # fmt: skip


def test_every_state_of_an_order_is_there_inside_what_holds_it() -> None:
    graph = Graph(definition(ORDER))
    assert len(graph.states) == len(ORDER) + 5
    inside = {box.name: box.inside.name if box.inside else "" for box in graph.states}
    assert inside["Print label"] == inside["Reserve items"] == "Prepare"
    assert inside["Reserve"] == inside["Sold out"] == "Reserve items"
    assert inside["Charge card"] == ""
    branches = {box.name: box.branch for box in graph.states if box.inside and box.inside.name == "Prepare"}
    assert branches == {"Reserve items": 0, "Print label": 1}


def test_conditions_errors_and_the_way_out_of_a_frame_stand_at_the_arrows() -> None:
    found = ways(Graph(definition(ORDER)))
    assert ("Start", "Check order", "next", "") in found
    assert ("How is it paid?", "Charge card", "choice", 'method = "card"') in found
    assert ("How is it paid?", "Write invoice", "choice", 'method = "invoice" and total < 500') in found
    assert ("How is it paid?", "Unknown method", "choice", "else") in found
    assert ("Charge card", "Apologize", "catch", "any error") in found
    assert ("join", "Cool down", "next", "") in found
    assert ("Prepare", "Refund", "catch", "any error") in found
    assert ("Prepare", "Print label", "inner", "") in found


def test_what_leads_the_same_way_is_one_arrow() -> None:
    flow = {
        "Which?": {"Type": "Choice", "Default": "One", "Choices": [
            {"Variable": "$.a", "NumericEquals": 1, "Next": "One"},
            {"Variable": "$.a", "NumericEquals": 2, "Next": "Two"}]},
        "One": send("bank", Catch=[catch("Two", "Closed", "Late"), catch("Two", "Stolen")], Next="Two"),
        "Two": step(End=True),
    }  # fmt: skip
    found = ways(Graph(definition(flow)))
    assert ("Which?", "One", "choice", "a = 1 or else") in found
    assert [one for one in found if one[0] == "One"] == [
        ("One", "Two", "next", ""), ("One", "Two", "catch", "Closed, Late, Stolen"),
    ]  # fmt: skip


def test_retries_and_what_states_do_are_told() -> None:
    retry = [
        {"ErrorEquals": ["Stolen"], "MaxAttempts": 0},
        {"ErrorEquals": ["Busy"]},
        {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1},
    ]
    graph = Graph(definition({
        "Charge": send("bank", Retry=retry, Next="Nap"),
        "Nap": {"Type": "Wait", "Seconds": 5400, "Next": "Until"},
        "Until": {"Type": "Wait", "TimestampPath": "$.van", "Next": "Each"},
        "Each": {"Type": "Map", "MaxConcurrency": 5, "ToleratedFailurePercentage": 5, "Next": "Stop",
                 "ItemProcessor": {**definition({"One": step(End=True)}), "ProcessorConfig": {"Mode": "DISTRIBUTED"}}},
        "Stop": {"Type": "Fail", "Error": "Enough"},
    }))  # fmt: skip
    told = {box.name: (box.detail, box.more) for box in graph.states}
    assert told["Charge"][1] == "never after Stolen; 3 retries for Busy; 1 retry"
    assert told["Nap"][0] == "1 h 30 min"
    assert told["Until"][0] == "until van"
    assert told["Each"][0] == "a child execution for each item, 5 at once, tolerates 5 % failed"
    assert told["Stop"][0] == "Enough"
    assert graph.errors == {"Stop": "Enough"}


def test_what_is_wrong_gets_a_box_that_says_so() -> None:
    graph = Graph(
        {
            "StartAt": "Nowhere",
            "States": {"A": {"Typ": "Pass", "Next": "Gone"}, "B": {"Type": "Loop", "Next": "Gone"}},
        }
    )
    told = {box.name: (box.kind, box.detail) for box in graph.boxes}
    assert told["Nowhere"] == told["Gone"] == ("missing", "there is no such state")
    assert told["A"] == ("unknown", "it has no Type")
    assert told["B"] == ("unknown", "there is no Type 'Loop'")


@pytest.mark.parametrize(
    "wrong", [None, 7, "", "{", "[]", "{}", {"States": []}, {"States": {}}, {"StartAt": "A"}]
)
def test_what_is_no_definition_is_not_read(wrong: object) -> None:
    assert readable(wrong) is None


@pytest.mark.parametrize("odd", [
    {"A": "text"}, {"A": {"Type": "Choice", "Choices": "x", "Catch": 3, "Retry": {"a": 1}}}, {"A": {"Type": "Map"}},
    {"A": {"Type": "Parallel", "Branches": [1, {}, {"States": 3}]}}, {"A": {"Type": ["Pass"], "Next": {"x": 1}}},
    {"A": {"Type": "Wait", "Seconds": "x", "Next": None}}, {"A": {"Type": "Task", "Resource": 3, "Parameters": [1]}},
])  # fmt: skip
def test_odd_definitions_do_not_break_it(odd: dict[str, Any]) -> None:
    assert Graph({"StartAt": "A", "States": odd}).boxes
    assert readable(json.dumps({"States": odd}))
