"""`labkit.Diagram`: the vocabulary, what it refuses, and what it draws."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

import labkit
from labkit import Diagram
from labkit.drawing import style
from labkit.drawing.picture import MEDIA_TYPE
from labkit.errors import NotFound, UsageError
from tests.drawing.structure import left, parts, size, structure, texts

REFERENCES = Path(__file__).with_name("references")


def order_story() -> Diagram:
    d = Diagram("Orders")
    customer = d.person("Customer", "web / mobile")
    with d.account(), d.region():
        sign_in, api = d.cognito("Cognito", "user pool"), d.apigateway("API Gateway", "POST /orders")
        with d.vpc("10.0.0.0/16"), d.subnet("10.0.11.0/24"):
            create, database = d.function("create-order", "python3.12, 128 MB"), d.rds("RDS", "PostgreSQL")
        queue, watch = d.sqs("order-queue", "DLQ after 3"), d.cloudwatch("CloudWatch", "alarm: age > 60 s")
        fulfil = d.function("fulfil-order", "batch size 10")
        receipts, events, orders = d.s3("receipts"), d.sns("order-events"), d.dynamodb("orders", "PK orderId")
    customer.to(sign_in, "sign in", step=1)
    customer.to(api, "HTTPS + JWT", step=2).to(create, "invoke", step=3).to(queue, "SendMessage", step=4)
    create.to(database, "5432", style="data")
    queue.to(watch, "metrics", style="metrics")
    queue.to(fulfil, "poll", step=5).to(orders, "PutItem", step=6)
    fulfil.to(receipts, "PutObject")
    fulfil.to(events, "Publish")
    return d


def one_queue() -> Diagram:
    d = Diagram("One queue", notice="The queue keeps what nobody has fetched yet.")
    d.person("Shop").to(d.sqs("orders", "visibility 30 s"), "SendMessage")
    return d


def cycle() -> Diagram:
    d = Diagram("A cycle")
    with d.account(), d.region():
        a, b, c = d.sqs("orders"), d.function("pack"), d.sqs("orders-dlq")
    a.to(b, "poll").to(a, "SendMessage")
    a.to(c, "after 3 receives", style="data").to(a, "redrive", style="optional")
    b.to(b, "invokes itself")
    return d


def long_chain() -> Diagram:
    d = Diagram("Ten steps")
    with d.account(), d.region():
        steps = [d.function(f"step-{number}") for number in range(10)]
    for before, after in pairwise(steps):
        before.to(after, "invoke")
    return d


def every_group() -> Diagram:
    d = Diagram("Every group")
    with d.account("111111111111"), d.region("us-east-1"), d.vpc(), d.zone("us-east-1a"):
        with d.subnet("10.0.1.0/24", public=True):
            d.nat("way out")
        with d.subnet("10.0.2.0/24"), d.security_group("web"):
            d.ec2("machine")
    with d.account("222222222222"), d.region("eu-west-1"):
        with d.cluster("shop"):
            d.ecs("web")
        with d.frame("empty"):
            pass
    return d


DRAWN = [order_story, one_queue, cycle, long_chain, every_group]


@pytest.mark.parametrize("make", DRAWN, ids=lambda make: make.__name__)
def test_a_representative_set_keeps_its_structure(make: Callable[[], Diagram]) -> None:
    found = structure(make().picture())
    reference = REFERENCES / f"{make.__name__}.json"
    if os.environ.get("LABKIT_UPDATE"):
        reference.parent.mkdir(exist_ok=True)
        reference.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert found == json.loads(reference.read_text(encoding="utf-8"))


@pytest.mark.parametrize("make", DRAWN, ids=lambda make: make.__name__)
def test_everything_is_drawn_and_fits(make: Callable[[], Diagram]) -> None:
    diagram = make()
    picture = diagram.picture()
    assert len(parts(picture, "node")) == len(diagram.nodes)
    assert len(parts(picture, "edge")) == len(diagram.edges)
    assert len(parts(picture, "group")) == len(diagram.groups)
    assert size(picture)[0] <= style.WIDEST


def test_it_is_there_for_learners_without_an_import() -> None:
    assert labkit.Diagram is Diagram
    assert "Diagram" in dir(labkit)


def test_the_same_diagram_gives_the_same_drawing() -> None:
    assert order_story().picture().svg == order_story().picture().svg


def test_a_long_story_is_folded_into_six_columns() -> None:
    picture = long_chain().picture()
    assert len({round(left(node)) for node in parts(picture, "node")}) == style.MOST_RANKS


def test_nodes_without_connections_stand_in_rows_not_in_one_column() -> None:
    d = Diagram("Many")
    with d.account(), d.region():
        for number in range(24):
            d.sqs(f"queue-{number}")
    width, height = size(d.picture())
    assert height < 1.5 * width


def test_who_stands_outside_stays_left_of_the_account() -> None:
    d = Diagram("Outside")
    you = d.person("You")
    with d.account(), d.region():
        topic, queue, lone = d.sns("topic"), d.sqs("queue"), d.sqs("lone")
    you.to(queue, "SendMessage")
    topic.to(queue, "delivers")
    placed = {node: left(drawn) for node, drawn in zip(d.nodes, parts(d.picture(), "node"), strict=True)}
    assert all(placed[you] < placed[other] for other in (topic, queue, lone))


def test_steps_stand_in_order_in_words() -> None:
    lines = [line.strip() for line in order_story().picture().twin.splitlines()]
    numbered = [line for line in lines if re.match(r"\d\. ", line)]
    assert [line[0] for line in numbered] == list("123456")
    assert numbered[3] == "4. create-order -> order-queue: SendMessage"
    assert "- create-order -> RDS: 5432 (data)" in lines


def test_the_words_name_the_group_of_everything() -> None:
    twin = order_story().picture().twin
    assert "    Region eu-west-1\n" in twin
    assert "          create-order (Lambda function): python3.12, 128 MB" in twin


def test_things_of_the_same_name_are_told_apart_in_words() -> None:
    d = Diagram("Twins")
    d.sqs("orders").to(d.dynamodb("orders"))
    with d.region("eu-west-1"):
        first = d.sns("news")
    with d.region("us-east-1"):
        second = d.sns("news")
    first.to(second)
    twin = d.picture().twin
    assert "orders (SQS queue) -> orders (DynamoDB table)" in twin
    assert "news (SNS topic, Region eu-west-1) -> news (SNS topic, Region us-east-1)" in twin


def test_a_legend_explains_lines_when_there_are_kinds_of_them() -> None:
    d = Diagram("Lines", legend={"data": "when it fails"})
    a, b = d.sqs("a"), d.sqs("b")
    a.to(b)
    assert "when it fails" not in texts(d.picture())
    a.to(b, style="data")
    assert {"request", "when it fails"} <= set(texts(d.picture()))


def test_the_author_or_the_figure_says_what_to_notice() -> None:
    assert one_queue().picture().description == "The queue keeps what nobody has fetched yet."
    assert "Follow the numbers 1 to 6." in order_story().picture().description


def test_an_empty_diagram_is_a_sentence() -> None:
    picture = Diagram("Nothing").picture()
    assert picture.svg == ""
    assert "Nothing is drawn here yet." in picture.text()


def test_it_shows_itself_as_html_text_and_data() -> None:
    bundle = one_queue()._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain", MEDIA_TYPE}
    assert bundle[MEDIA_TYPE]["kind"] == "architecture"
    assert [node["service"] for node in bundle[MEDIA_TYPE]["nodes"]] == ["person", "sqs"]
    assert set(one_queue()._repr_mimebundle_(include=["text/plain"])) == {"text/plain"}


# -- names that would break a worse drawing --------------------------------------------------------

EVIL = [
    "<script>alert(1)</script>", 'a"b\'c', "a & b &amp; c", "]]>", "line\nbreak\ttab", "\x00\x07\x1b[31m",
    "\u202egnp.exe", "\ud800 lone", "\U0001f600\U0001f468\u200d\U0001f469",
    "日本語のキュー名前がとても長いときはどうなる",
    "x" * 300, "a -> b; c { d }", "\\N \\G \\l", "→ — ü",
]  # fmt: skip


@pytest.mark.parametrize("name", EVIL)
def test_any_name_can_be_drawn(name: str) -> None:
    d = Diagram(name, notice=name)
    with d.frame(name):
        d.sqs(name, name).to(d.function("target"), name)
    picture = d.picture()
    assert len(parts(picture, "node")) == 2  # and the document is well formed
    assert "<script" not in picture.svg
    assert "<script" not in picture.html()
    assert size(picture)[0] <= style.WIDEST
    picture.text().encode()
    json.dumps(picture.data())


def test_long_names_are_cut_in_the_drawing_and_whole_in_words() -> None:
    name = "the-queue-of-the-orders-that-could-not-be-packed-this-week-dlq"
    picture = Diagram("Long")
    picture.sqs(name)
    drawn = [one for one in texts(picture.picture()) if "…" in one]
    assert drawn
    assert drawn[0].endswith("dlq")
    assert name in picture.picture().twin


# -- what it refuses, and what it says then --------------------------------------------------------


def test_a_connection_stays_in_its_diagram() -> None:
    one, other = Diagram("One"), Diagram("Other")
    with pytest.raises(UsageError, match="belongs to the diagram 'Other', not to 'One'"):
        one.sqs("a").to(other.sqs("b"))


def test_a_connection_goes_from_node_to_node() -> None:
    d = Diagram("One")
    with pytest.raises(UsageError, match="make it first"):
        d.sqs("a").to("b")  # type: ignore[arg-type]


@pytest.mark.parametrize(("word", "near"), [("sqss", "sqs"), ("dynamo", "dynamodb"), ("lamda", "lambda")])
def test_an_unknown_service_offers_the_nearest(word: str, near: str) -> None:
    with pytest.raises(NotFound, match=near):
        getattr(Diagram("One"), word)
    with pytest.raises(NotFound, match=near):
        Diagram("One").node(word, "a")


def test_python_may_ask_for_names_that_are_none() -> None:
    assert not hasattr(Diagram("One"), "_repr_html_")
    assert not hasattr(Diagram("One"), "nonsense")


@pytest.mark.parametrize("name", ["", "   ", "\n", None, 5])
def test_a_name_is_needed(name: object) -> None:
    d = Diagram("One")
    with pytest.raises(UsageError, match="a name"):
        d.sqs(name)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="a name"):
        Diagram(name)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="a name"), d.vpc(name):  # type: ignore[arg-type]
        pass


@pytest.mark.parametrize("step", [0, -1, 100, 1.5, "1", True])
def test_a_step_is_a_small_whole_number(step: object) -> None:
    d = Diagram("One")
    with pytest.raises(UsageError, match="from 1 to 99"):
        d.sqs("a").to(d.sqs("b"), step=step)  # type: ignore[arg-type]


def test_unknown_styles_groups_and_nodes_offer_the_known() -> None:
    d = Diagram("One")
    a = d.sqs("orders")
    with pytest.raises(NotFound, match="dashed|data"):
        a.to(a, style="dat")
    with pytest.raises(NotFound, match="vpc"), d.group("vcp", "x"):
        pass
    with pytest.raises(NotFound, match="orders"):
        d.find("order")
    assert d.find("orders") is a


def test_the_same_thing_is_not_made_twice_in_one_place() -> None:
    d = Diagram("One")
    d.sqs("orders")
    with pytest.raises(UsageError, match=r"d\.find\(\"orders\"\)"):
        d.sqs("orders")
    with d.region():
        d.sqs("orders")  # another place


def test_a_group_that_is_opened_again_goes_on() -> None:
    d = Diagram("One")
    with d.region():
        d.sqs("a")
    with d.region():
        d.sqs("b")
    assert len(d.groups) == 1
    assert d.inside is None


def test_an_error_inside_a_group_closes_it() -> None:
    d = Diagram("One")
    with pytest.raises(ZeroDivisionError), d.account():
        raise ZeroDivisionError
    assert d.inside is None
