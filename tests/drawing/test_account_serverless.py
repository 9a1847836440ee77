"""`lab.draw()` of topics, rules, schedules, pipes and functions: what is delivered, and what is not, and why."""

from __future__ import annotations

import json
from typing import NamedTuple

import boto3
import pytest
from botocore.exceptions import ClientError

from labkit.drawing.account import account_diagram, draw_account
from labkit.drawing.diagram import Diagram, Edge, Node
from labkit.drawing.picture import Picture
from labkit.sandbox import Sandbox
from tests.drawing import serverless
from tests.drawing.accounts import arn, queue, table
from tests.drawing.structure import texts
from tests.drawing.test_account import check_reference, edge, edges, node


class Drawn(NamedTuple):
    """An account as it was drawn; it is closed again."""

    diagram: Diagram
    picture: Picture

    def edge(self, source: str, target: str) -> Edge:
        return edge(self.diagram, source, target)

    def node(self, service: str, name: str) -> Node:
        return node(self.diagram, service, name)


def _draw(sandbox: Sandbox) -> Drawn:
    return Drawn(account_diagram(sandbox), draw_account(sandbox))


@pytest.fixture(scope="module")
def topic() -> Drawn:
    with Sandbox() as sandbox:
        serverless.publish(serverless.fan_out(), 50, 150, 200)
        sandbox.clock.advance(minutes=1)
        return _draw(sandbox)


@pytest.fixture(scope="module")
def orders() -> Drawn:
    with Sandbox() as sandbox:
        serverless.order_system(sandbox)
        serverless.put_orders(4)
        serverless.put_orders(1, "OrderPaid")
        sandbox.clock.advance(minutes=10)
        return _draw(sandbox)


# -- a topic ---------------------------------------------------------------------------------------


def test_a_filter_is_told_with_what_it_let_through_and_what_not(topic: Drawn) -> None:
    sieve = topic.edge("order-events", "billing")
    assert sieve.label == "if amount >= 100, country AT or DE"
    assert sieve.counted == "2 delivered, 1 filtered out"
    assert '"numeric": [">=", 100]' in sieve.more


def test_a_refused_delivery_is_seen_at_once_with_its_reason(topic: Drawn) -> None:
    refused = topic.edge("order-events", "stock")
    assert (refused.mark, refused.trouble) == ("refused", "3 refused: no policy")
    assert 'What goes from "order-events" to "stock" is refused' in topic.picture.description
    why = "The queue has no policy, so sns.amazonaws.com may not do sqs:SendMessage."
    assert why in " ".join(topic.picture.twin.split())
    assert "3 refused: no policy" in texts(topic.picture)


def test_what_was_refused_is_counted_on_its_way_to_the_dead_letters(topic: Drawn) -> None:
    dead = topic.edge("order-events", "lost-orders")
    assert (dead.style, dead.counted) == ("failure", "3 dead-lettered")
    assert dead.label == "for stock, for shop.example/hook"


def test_addresses_stand_outside_the_account(topic: Drawn) -> None:
    for service, name in (
        ("email", "ada@example.com"),
        ("sms", "+431234567"),
        ("webhook", "shop.example/hook"),
    ):
        assert topic.node(service, name).group is None


def test_a_subscription_that_nobody_confirmed_is_off_and_its_request_is_no_delivery(topic: Drawn) -> None:
    waiting = topic.edge("order-events", "ada@example.com")
    assert (waiting.mark, waiting.label, waiting.counted) == ("off", "not confirmed", "")


def test_many_addresses_are_one_pile(sandbox: Sandbox) -> None:
    sns = boto3.client("sns")
    topic = sns.create_topic(Name="news")["TopicArn"]
    for number in range(5):
        sns.subscribe(TopicArn=topic, Protocol="sms", Endpoint=f"+43123456{number}")
    sns.publish(TopicArn=topic, Message="hello")
    sandbox.clock.advance(seconds=1)
    diagram = account_diagram(sandbox)
    pile = node(diagram, "sms", "5 phone numbers")
    assert pile.count == 5
    assert edge(diagram, "news", "5 phone numbers").counted == "5 delivered"


def test_after_the_policy_is_mended_the_line_is_a_line_again(sandbox: Sandbox) -> None:
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    topic = sns.create_topic(Name="news")["TopicArn"]
    url = queue("inbox")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn("sqs", "inbox"))
    sns.publish(TopicArn=topic, Message="one")
    sandbox.clock.advance(seconds=1)
    lost = edge(account_diagram(sandbox), "news", "inbox")
    assert (lost.mark, lost.trouble) == ("refused", "1 refused and lost: no policy")
    policy = serverless.allow(arn("sqs", "inbox"), "sqs:SendMessage", "sns.amazonaws.com")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    sns.publish(TopicArn=topic, Message="two")
    sandbox.clock.advance(seconds=1)
    mended = edge(account_diagram(sandbox), "news", "inbox")
    assert (mended.mark, mended.counted) == ("", "1 delivered")
    assert mended.trouble == "1 refused before and lost: no policy"


# -- an order system -------------------------------------------------------------------------------


def test_rules_say_what_they_ask_for(orders: Drawn) -> None:
    assert orders.node("rule", "placed").detail == "OrderPlaced"
    assert orders.node("rule", "everything").detail == "source shop"
    assert orders.edge("placed", "orders").counted == "4 delivered"
    assert "Events-Archive" not in orders.picture.twin


def test_what_is_switched_off_is_grey(orders: Drawn) -> None:
    assert orders.node("rule", "old").mark == "off"
    assert orders.edge("old", "audit").mark == orders.edge("shop", "old").mark == "off"
    assert orders.edge("placed", "orders").mark == ""


def test_an_archive_counts_what_it_keeps(orders: Drawn) -> None:
    assert orders.node("archive", "shop-archive").detail == "5 events, kept 7 days"
    assert orders.edge("shop", "shop-archive").label == ""


def test_mappings_tell_batch_window_filter_and_what_they_carried(orders: Drawn) -> None:
    polled = orders.edge("orders", "pack")
    assert polled.label == "polled, batch of 10, window 5 s, if source shop"
    assert polled.counted == "4 in 1 batch"


def test_functions_wear_their_role_and_say_how_they_ran(orders: Drawn) -> None:
    mail = orders.node("function", "mail")
    assert (mail.badge, mail.trouble) == ("mail-role", "3 failed")
    assert mail.detail.endswith("3 runs")
    assert not [one for one in orders.diagram.nodes if one.service.word == "iam"]


def test_what_a_function_calls_is_joined_to_it_though_its_role_calls(orders: Drawn) -> None:
    assert orders.edge("pack", "sales").counted == "4 PutItem"


def test_destinations_are_joined_to_the_function(orders: Drawn) -> None:
    unsent = orders.edge("mail", "unsent-mail")
    assert (unsent.label, unsent.style, unsent.counted) == ("on failure", "failure", "1 delivered")


def test_schedules_say_when_and_in_which_time_zone(orders: Drawn) -> None:
    nightly = orders.node("scheduler", "nightly-report")
    assert nightly.detail == "cron(0 9 * * ? *) Europe/Vienna"
    assert ("nightly-report", "pack") in edges(orders.diagram)


def test_events_that_no_rule_wants_are_counted_at_the_bus(sandbox: Sandbox) -> None:
    events = boto3.client("events")
    events.create_event_bus(Name="shop")
    entry = {"EventBusName": "shop", "Source": "shop", "DetailType": "X", "Detail": "{}"}
    events.put_events(Entries=[entry, entry])
    sandbox.clock.advance(seconds=1)
    assert node(account_diagram(sandbox), "eventbridge", "shop").detail == "event bus; 2 matched no rule"


def test_the_default_bus_is_there_when_somebody_uses_it(sandbox: Sandbox) -> None:
    assert account_diagram(sandbox).nodes == []
    entry = {"Source": "shop", "DetailType": "X", "Detail": "{}"}
    boto3.client("events").put_events(Entries=[entry])
    assert ("You", "default") in edges(account_diagram(sandbox))


def test_a_pipe_from_its_source_through_its_enrichment_to_its_target(sandbox: Sandbox) -> None:
    queue("in")
    queue("out")
    own = serverless.role("flow-role", "pipes.amazonaws.com", "sqs:*", "lambda:InvokeFunction")
    enrich = serverless.function(
        "enrich", serverless.PASSES, serverless.role("f", "lambda.amazonaws.com", "logs:*")
    )
    boto3.client("pipes").create_pipe(
        Name="flow", Source=arn("sqs", "in"), Enrichment=enrich, Target=arn("sqs", "out"), RoleArn=own,
        SourceParameters={"FilterCriteria": {"Filters": [{"Pattern": json.dumps({"body": {"n": [1]}})}]}},
    )  # fmt: skip
    diagram = account_diagram(sandbox)
    assert edge(diagram, "flow", "enrich").label == "enriches with"
    assert {("in", "flow"), ("flow", "out")} <= set(edges(diagram))
    pipe = node(diagram, "pipes", "flow")
    assert (pipe.detail, pipe.badge) == ("if n 1", "flow-role")


def test_a_function_whose_role_may_not_is_refused_in_the_figure(sandbox: Sandbox) -> None:
    table("sales")
    source = """
        import boto3

        def handler(event, context):
            boto3.client("dynamodb").put_item(TableName="sales", Item={"id": {"S": "1"}})
    """
    serverless.function("pack", source, serverless.role("pack-role", "lambda.amazonaws.com", "logs:*"))
    boto3.client("lambda").invoke(FunctionName="pack")
    refused = edge(account_diagram(sandbox), "pack", "sales")
    assert (refused.mark, refused.trouble) == ("refused", "1 refused: no permission")


# -- an outage ------------------------------------------------------------------------------------


def test_during_an_outage_the_line_says_that_it_fails(sandbox: Sandbox) -> None:
    serverless.outage(sandbox, minutes=60, then=-50)
    failing = edge(account_diagram(sandbox), "placed", "orders")
    assert failing.mark == "failing"
    assert failing.trouble.endswith("failed tries: unavailable")
    assert "fails: " in account_diagram(sandbox).notice


def test_after_an_outage_the_tries_are_only_counted(sandbox: Sandbox) -> None:
    serverless.outage(sandbox)
    over = edge(account_diagram(sandbox), "placed", "orders")
    assert (over.mark, over.trouble, over.more) == ("", "", "")
    assert over.counted.startswith("2 delivered, after ")


# -- roles, looks, and what was undone -------------------------------------------------------------


def test_roles_are_nodes_for_who_asks_for_them(orders: Drawn, sandbox: Sandbox) -> None:
    serverless.function("pack", serverless.PASSES, serverless.role("pack-role", "lambda.amazonaws.com"))
    assert ("pack", "pack-role") not in edges(account_diagram(sandbox))
    assert ("pack", "pack-role") in edges(account_diagram(sandbox, roles=True))
    assert "pack-role (IAM role)" in draw_account(sandbox, ["iam", "lambda"]).twin


def test_names_of_topics_and_addresses_are_escaped(sandbox: Sandbox) -> None:
    sns = boto3.client("sns")
    topic = sns.create_topic(Name="news")["TopicArn"]
    policy = json.dumps({"<script>alert(1)</script>": ["<b>"]})
    sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn("sqs", "x"), Attributes={"FilterPolicy": policy}
    )
    with pytest.raises(ClientError):
        sns.subscribe(TopicArn=topic, Protocol="<script>", Endpoint="x")
    picture = draw_account(sandbox)
    assert "<script" not in picture.svg + picture.html()
    assert "<script>alert(1)</script>" in picture.twin


def test_the_fan_out_keeps_its_structure(topic: Drawn) -> None:
    check_reference("fan_out", topic.picture)


def test_the_order_system_keeps_its_structure(orders: Drawn) -> None:
    check_reference("order_system", orders.picture)
