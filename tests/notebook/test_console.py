from __future__ import annotations

import json
import re
from typing import Any

import boto3
import pytest
from moto.core.base_backend import BackendDict

from labkit.drawing.queue_state import queues
from labkit.errors import LabkitError, NotFound, UsageError
from labkit.judging.card import WIDTH
from labkit.notebook.console import console
from labkit.notebook.console_live import ConsoleView
from labkit.sandbox import Sandbox

DLQ = "arn:aws:sqs:eu-west-1:123456789012:orders-dlq"


@pytest.fixture
def shop(sandbox: Sandbox) -> Sandbox:
    """Two queues, one message dead, one in flight, one delayed, one waiting; a table and a topic."""
    sqs = boto3.client("sqs")
    dead = sqs.create_queue(QueueName="orders-dlq")["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": DLQ, "maxReceiveCount": "1"})
    orders = sqs.create_queue(QueueName="orders", Attributes={"RedrivePolicy": policy})["QueueUrl"]
    sqs.send_message(QueueUrl=orders, MessageBody="poison")
    for _ in range(2):
        sqs.receive_message(QueueUrl=orders, VisibilityTimeout=1)
        sandbox.clock.advance(seconds=2)
    for body, delay in (("lamp", 0), ("tea", 0), ("later", 300)):
        sqs.send_message(QueueUrl=orders, MessageBody=body, DelaySeconds=delay)
    sqs.receive_message(QueueUrl=orders)
    assert dead
    topic = boto3.client("sns").create_topic(Name="order-events")["TopicArn"]
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=DLQ)
    dynamodb = boto3.client("dynamodb")
    dynamodb.create_table(
        TableName="ledger",
        KeySchema=[{"AttributeName": "order", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "order", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName="ledger", Item={"order": {"S": "1"}})
    return sandbox


def row(text: str, name: str) -> list[str]:
    [line] = [line for line in text.splitlines() if line.strip().startswith(f"{name} ")]
    return re.split(r"\s{2,}", line.strip())


def backends() -> int:
    return sum(len(dict(regions)) for registry in BackendDict._instances for regions in registry.values())


def test_an_empty_account_says_so(sandbox: Sandbox) -> None:
    text = console(sandbox).text()
    assert "There is nothing in this account yet." in text
    assert "No call has failed." in text
    assert "Nothing has happened yet." in text
    assert "Nothing is due." in text


def test_queues_with_their_messages_by_state(shop: Sandbox) -> None:
    text = console(shop).text()
    cells = row(text, "orders")
    assert cells[:4] + cells[5:] == ["orders", "1", "1", "1", "orders-dlq"]
    assert re.fullmatch(r"\d+ s", cells[4])  # real time goes on while the account is made
    assert row(text, "orders-dlq")[1:4] == ["1", "0", "0"]
    assert "holds dead letters of orders" in text


def test_the_numbers_are_those_that_aws_answers(shop: Sandbox) -> None:
    [orders] = [queue for queue in queues(shop) if queue.name == "orders"]
    url = boto3.client("sqs").get_queue_url(QueueName="orders")["QueueUrl"]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    names.append("ApproximateNumberOfMessagesDelayed")
    answer = boto3.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert [str(one) for one in (orders.visible, orders.in_flight, orders.delayed)] == [
        answer[n] for n in names
    ]


def test_a_timeout_that_nobody_has_seen_counts_and_stays_unplayed(
    shop: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = shop.clock.time() + 60
    monkeypatch.setattr(shop.clock, "time", lambda: later)
    events = len(shop.trace)
    [orders] = [queue for queue in queues(shop) if queue.name == "orders"]
    assert (orders.visible, orders.in_flight, orders.delayed) == (2, 0, 1)
    assert len(shop.trace) == events


def test_tables_and_topics(shop: Sandbox) -> None:
    text = console(shop).text()
    assert row(text, "ledger") == ["ledger", "1", "order"]
    assert re.search(r"order-events +1 +sqs: orders-dlq", text)
    assert re.search(r"order-events +sqs +orders-dlq +confirmed", text)


def test_other_services_by_name(sandbox: Sandbox) -> None:
    boto3.client("ecs").create_cluster(clusterName="packing")
    boto3.client("ssm").put_parameter(Name="/shop/motto", Value="v", Type="String")
    boto3.client("kinesis").create_stream(StreamName="clicks", ShardCount=1)
    boto3.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")
    text = console(sandbox).text()
    assert re.search(r"ecs +clusters +1 +packing", text)
    assert re.search(r"ssm +parameters +1 +/shop/motto", text)
    assert re.search(r"kinesis +streams +1 +clicks", text)
    assert re.search(r"ec2 +vpcs +2 ", text)
    assert "amis" not in text  # what every account begins with is left out


def test_a_thing_elsewhere_says_where(sandbox: Sandbox) -> None:
    boto3.client("sqs", region_name="us-east-1").create_queue(QueueName="far")
    assert "far (us-east-1)" in console(sandbox).text()


def test_the_clock_and_what_is_due(shop: Sandbox) -> None:
    shop.clock.advance(hours=2)
    url = boto3.client("sqs").get_queue_url(QueueName="orders")["QueueUrl"]
    boto3.client("sqs").receive_message(QueueUrl=url, VisibilityTimeout=90)
    face = console(shop).clock
    assert face.ahead.startswith("2 h")
    assert re.fullmatch(r"Next: in 1 min (29|30) s, at [\d:]+, for orders\.", face.next)


def test_the_last_errors_newest_first(sandbox: Sandbox) -> None:
    sqs = boto3.client("sqs")
    for number in range(5):
        with pytest.raises(sqs.exceptions.QueueDoesNotExist):
            sqs.get_queue_url(QueueName=f"gone-{number}")
    card = console(sandbox)
    assert ["gone-4" in card.errors[0], "gone-2" in card.errors[-1]] == [True, True]
    assert "And 2 errors before." in card.text()
    assert "And 2 errors before." in card.html()


def test_looking_changes_nothing_and_makes_no_backend(shop: Sandbox) -> None:
    boto3.client("ec2").describe_vpcs()
    boto3.client("kinesis").list_streams()
    before = shop.digest(), len(shop.trace), shop.clock.waiting, backends(), shop._dice()
    console(shop).html()
    console(shop).text()
    assert (shop.digest(), len(shop.trace), shop.clock.waiting, backends(), shop._dice()) == before


def test_five_hundred_queues_are_cut_with_the_way_to_all(sandbox: Sandbox) -> None:
    sqs = boto3.client("sqs")
    for number in range(500):
        sqs.create_queue(QueueName=f"queue-{number}")
    card = console(sandbox)
    assert "Amazon SQS: 500 queues" in card.text()
    assert "And 488 queues more: lab.console(most=500)" in card.text()
    assert len(card.text().splitlines()) < 40
    assert "queue-499" in console(sandbox, most=500).text()


def test_one_service_only(shop: Sandbox) -> None:
    text = console(shop, "sqs").text()
    assert "Amazon SQS" in text
    assert "DynamoDB:" not in text
    with pytest.raises(NotFound, match="dynamodb"):
        console(shop, "dynamo")


@pytest.mark.parametrize("most", [0, -1, "all", True])
def test_how_many_rows_is_a_number(sandbox: Sandbox, most: Any) -> None:
    with pytest.raises(UsageError, match="most=50"):
        console(sandbox, most=most)


def test_markup_in_names_is_text(sandbox: Sandbox) -> None:
    boto3.client("ssm").put_parameter(Name="/a", Value="v", Type="String")
    boto3.client("iam").create_role(RoleName="r" * 60, AssumeRolePolicyDocument=trust())
    sqs = boto3.client("sqs")
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName="<img src=x>")
    html = console(sandbox).html()
    assert "<img src=x>" not in html
    assert "&lt;img src=x&gt;" in html


def trust() -> str:
    allow = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [allow]})


def test_the_text_fits_and_the_html_is_a_table_for_screen_readers(shop: Sandbox) -> None:
    card = console(shop)
    assert max(map(len, card.text().splitlines())) <= WIDTH + 12
    html = card.html()
    assert html.count("<table>") == html.count("<thead>") == 5
    assert '<th scope="row">orders</th>' in html
    assert "<script" not in html


def test_programs_get_the_resources_as_data(shop: Sandbox) -> None:
    [(media_type, data)] = console(shop).data().items()
    assert media_type.startswith("application/vnd.labkit")
    assert data["resources"]["Amazon DynamoDB"] == [{"table": "ledger", "items": "1", "key": "order"}]
    json.dumps(data)


def test_a_view_shows_the_account_anew(shop: Sandbox) -> None:
    view = ConsoleView(shop)
    boto3.client("sqs").create_queue(QueueName="new-one")
    assert "new-one" not in view.text()
    assert "new-one" in view.redraw().text()
    assert view._repr_mimebundle_()["text/html"] == view.html()


def test_a_closed_account_cannot_be_looked_at() -> None:
    with Sandbox() as sandbox:
        view = ConsoleView(sandbox)
    with pytest.raises(LabkitError, match="Run the setup cell"):
        view.redraw()
