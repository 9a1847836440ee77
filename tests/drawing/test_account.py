"""`lab.draw()`: what stands in the account, drawn from moto's backends and the trace."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest

from labkit.drawing import account, services, style
from labkit.drawing.account import account_diagram, draw_account
from labkit.drawing.diagram import Diagram, Edge, Node
from labkit.drawing.picture import Picture
from labkit.errors import LabkitError, NotFound
from labkit.sandbox import Sandbox
from tests.drawing import accounts
from tests.drawing.accounts import arn, queue
from tests.drawing.structure import parts, size, structure, texts, without_ids

REFERENCES = Path(__file__).with_name("references")


def edges(diagram: Diagram) -> dict[tuple[str, str], list[Edge]]:
    found: dict[tuple[str, str], list[Edge]] = {}
    for edge in diagram.edges:
        found.setdefault((edge.source.name, edge.target.name), []).append(edge)
    return found


def edge(diagram: Diagram, source: str, target: str) -> Edge:
    (only,) = edges(diagram)[source, target]
    return only


def node(diagram: Diagram, service: str, name: str) -> Node:
    return next(one for one in diagram.nodes if (one.service.word, one.name) == (service, name))


# -- an empty account, and looking without touching ----------------------------------------------


def test_an_empty_account_is_a_clear_sentence(sandbox: Sandbox) -> None:
    picture = draw_account(sandbox)
    assert picture.description == account.EMPTY
    assert "Region eu-west-1\n      nothing here yet" in picture.text()
    assert "nothing here yet" in texts(picture)


def test_backends_that_somebody_only_asked_about_hold_nothing(sandbox: Sandbox) -> None:
    boto3.client("ec2").describe_vpcs()
    boto3.client("events").list_rules()
    boto3.client("iam").list_roles()
    assert draw_account(sandbox).description == account.EMPTY


@pytest.mark.parametrize("build", ["nothing", "shop", "everything"])
def test_looking_changes_nothing(sandbox: Sandbox, build: str) -> None:
    {"nothing": list, "shop": accounts.shop, "everything": lambda: accounts.everything(sandbox)}[build]()
    from labkit.sandbox import state

    with sandbox.clock.paused():  # what falls due by itself meanwhile is no fault of the figure
        sandbox.clock.catch_up()
        digest, events, backends = sandbox.digest(), len(sandbox.trace), state.live()
        dice, now = sandbox.random.getstate(), sandbox.clock.waiting
        draw_account(sandbox)
        account_diagram(sandbox, declared=False)
        assert sandbox.digest() == digest
        assert len(sandbox.trace) == events
        assert {id(k): {a: set(r) for a, r in v.items()} for k, v in state.live().items()} == {
            id(k): {a: set(r) for a, r in v.items()} for k, v in backends.items()
        }
        assert (sandbox.random.getstate(), sandbox.clock.waiting) == (dice, now)


def test_a_closed_account_is_not_drawn() -> None:
    with pytest.raises(LabkitError, match="closed"):
        draw_account(Sandbox())


def test_what_is_due_has_happened_before_it_is_drawn(sandbox: Sandbox) -> None:
    url = queue("orders")
    boto3.client("sqs").send_message(QueueUrl=url, MessageBody="x", DelaySeconds=60)
    assert "1 delayed" in draw_account(sandbox).twin
    sandbox.clock.advance(seconds=61)
    assert "1 visible" in draw_account(sandbox).twin


# -- a shop --------------------------------------------------------------------------------------


def test_the_shop(sandbox: Sandbox) -> None:
    accounts.shop()
    diagram = account_diagram(sandbox)
    assert edge(diagram, "orders", "orders-dlq").label == "after 3 receives"
    assert edge(diagram, "orders", "orders-dlq").style == "failure"
    assert edge(diagram, "order-events", "orders").label == ""
    assert edge(diagram, "orders", "pack").label == "polled, batch of 10"
    assert edge(diagram, "placed", "order-events").label == ""
    assert node(diagram, "rule", "placed").detail == "OrderPlaced"
    assert node(diagram, "function", "pack").badge == "pack-role"
    assert node(diagram, "sqs", "orders-dlq").detail == "visibility 30 s"
    assert edge(diagram, "order-events", "ada@example.com").label == "not confirmed"
    assert node(diagram, "dynamodb", "sales").detail == "key id, stream; 1 item"


def test_calls_are_counted_from_the_trace(sandbox: Sandbox) -> None:
    accounts.shop()
    diagram = account_diagram(sandbox)
    used = edge(diagram, "You", "orders")
    assert used.counted == "5 SendMessage, 1 ReceiveMessage"
    assert (used.observed, used.calls) == (True, 6)
    assert edge(diagram, "You", "shop").counted == "1 PutEvents"
    assert edge(diagram, "You", "sales").counted == "1 PutItem"
    assert ("You", "orders-dlq") not in edges(diagram)  # CreateQueue is no use of it


def test_calls_that_failed_and_calls_of_checks_do_not_count(sandbox: Sandbox) -> None:
    url = queue("orders")
    with pytest.raises(Exception, match="MessageBody"):
        boto3.client("sqs").send_message(QueueUrl=url, MessageBody="")
    sandbox.client("sqs").send_message(QueueUrl=url, MessageBody="from a check")
    assert account_diagram(sandbox).edges == []


def test_messages_that_moved_are_counted_on_their_way(sandbox: Sandbox) -> None:
    queue("orders-dlq")
    url = queue("orders", "orders-dlq", receives=1)
    sqs = boto3.client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    for _ in range(2):
        sqs.receive_message(QueueUrl=url)
        sandbox.clock.advance(seconds=31)
    moved = edge(account_diagram(sandbox), "orders", "orders-dlq")
    assert (moved.label, moved.counted) == ("after 1 receive", "1 moved")
    assert moved.observed


def test_deliveries_are_counted_too(sandbox: Sandbox) -> None:
    accounts.shop()
    ends = {"source": arn("sns", "order-events"), "target": arn("sqs", "orders")}
    for _ in range(3):
        sandbox.trace.record("delivery", "sns", "Delivered", resource=ends["source"], params=ends)
    assert edge(account_diagram(sandbox), "order-events", "orders").counted == "3 delivered"


def test_only_what_is_declared_or_only_what_was_used(sandbox: Sandbox) -> None:
    accounts.shop()
    declared, used = account_diagram(sandbox, observed=False), account_diagram(sandbox, declared=False)
    assert ("You", "orders") not in edges(declared)
    assert ("orders", "orders-dlq") in edges(declared)
    people = {("You", "orders"), ("You", "shop"), ("You", "sales")}
    assert set(edges(used)) == people | {("orders", "pack")}


def test_who_called_may_be_a_function(sandbox: Sandbox) -> None:
    accounts.shop()
    sandbox.trace.record("call", "dynamodb", "PutItem", resource="sales", caller="pack")
    sandbox.trace.record("call", "dynamodb", "PutItem", resource="sales", caller="somebody")
    diagram = account_diagram(sandbox)
    assert edge(diagram, "pack", "sales").counted == "1 PutItem"
    assert edge(diagram, "somebody", "sales").source.service.word == "person"


def test_what_something_points_at_and_is_not_there_is_shown_as_absent(sandbox: Sandbox) -> None:
    accounts.shop()
    diagram = account_diagram(sandbox)
    gone = node(diagram, "function", "gone")
    assert (gone.mark, gone.detail) == ("absent", "does not exist")
    assert "Something points at gone, which does not exist." in diagram.notice
    assert "gone (Lambda function): does not exist [absent]" in draw_account(sandbox).twin


def test_everything_stands_in_its_account_and_region(sandbox: Sandbox) -> None:
    accounts.shop()
    places = {one.name: one.group.path if one.group else () for one in account_diagram(sandbox).nodes}
    here = "AWS account 123456789012"
    assert places["orders"] == (here, "Region eu-west-1")
    assert places["far"] == (here, "Region us-east-1")
    assert places["ada@example.com"] == ()
    assert places["You"] == ()


def test_services_and_regions_can_be_chosen(sandbox: Sandbox) -> None:
    accounts.shop()
    assert {one.service.word for one in account_diagram(sandbox, ["sqs"]).nodes} == {"person", "sqs"}
    assert {one.service.word for one in account_diagram(sandbox, "awslambda").nodes} == {"function"}
    assert {one.name for one in account_diagram(sandbox, ["sqs"], "us-east-1").nodes} == {"far"}
    with pytest.raises(NotFound, match="sqs"):
        draw_account(sandbox, ["sqss"])


def test_after_reset_it_is_empty_again(sandbox: Sandbox) -> None:
    accounts.shop()
    sandbox.reset()
    assert draw_account(sandbox).description == account.EMPTY


# -- every service -------------------------------------------------------------------------------

LINKS = [
    ("app", "auditor", "may assume"),
    ("db/password", "shop", "encrypted by"),
    ("clicks", "lake", "read by"),
    ("lake", "receipts", "delivers"),
    ("receipts", "jobs", "ObjectCreated"),
    ("nightly", "work", ""),
    ("jobs", "pipe", "polled"),
    ("pipe", "work", ""),
    ("fulfil", "work", "calls"),
    ("fulfil", "jobs", "calls"),
    ("work", "jobs", "on failure"),
    ("hourly", "jobs", ""),
    ("hourly", "lost", ""),
    ("shop-api", "work", "POST /orders"),
    ("web", "web", "HTTP 80"),
    ("web", "bastion", "HTTP 80"),
    ("fence", "web", "protects"),
    ("jobs", "too-old", "metrics"),
    ("too-old", "alerts", "tells"),
]


class Full(NamedTuple):
    """An account with something of every service, as it was drawn. The account itself is closed again."""

    diagram: Diagram
    picture: Picture
    broken: list[str]
    alone: dict[str, int]  # service -> resources shown when only that one is asked for


@pytest.fixture(scope="module")
def drawn() -> Full:
    with Sandbox() as sandbox:
        accounts.everything(sandbox)
        alone = {name: len(account.collect(sandbox, [name])[0].resources) for name in services.SERVICES}
        return Full(account_diagram(sandbox), draw_account(sandbox), account.collect(sandbox)[1], alone)


@pytest.fixture
def full(drawn: Full) -> Diagram:
    return drawn.diagram


def test_every_service_adds_its_resources(drawn: Full) -> None:
    assert drawn.broken == []
    assert [name for name, count in drawn.alone.items() if not count] == []


def test_the_links_of_every_service(full: Diagram) -> None:
    found = {(one.source.name, one.target.name, one.label) for one in full.edges}
    assert [link for link in LINKS if link not in found] == []


def test_networks_and_clusters_are_frames(full: Diagram) -> None:
    places = {(one.service.word, one.name): [g.kind for g in _groups(one)] for one in full.nodes}
    assert places["ec2", "bastion"] == ["account", "region", "vpc", "private_subnet"]
    assert next(kinds for (word, _), kinds in places.items() if word == "nat")[-1] == "public_subnet"
    assert places["alb", "web"][-1] == "vpc"
    assert places["ecs", "web"][-1] == "cluster"
    assert places["eks", "orchard"][-1] == "cluster"


def _groups(node: Node) -> list[Any]:
    found, group = [], node.group
    while group is not None:
        found.append(group)
        group = group.parent
    return found[::-1]


def test_roles_are_badges_and_not_arrows(full: Diagram, drawn: Full) -> None:
    assert node(full, "function", "work").badge == "app"
    assert ("work", "app") not in edges(full)
    assert "works with the role app" in drawn.picture.twin


def test_secrets_keep_their_values_to_themselves(drawn: Full) -> None:
    assert "not-a-secret" not in str(drawn.picture._repr_mimebundle_())
    assert "not-a-secret" not in drawn.picture.svg


def test_the_log_group_of_a_function_is_no_node_of_its_own(full: Diagram) -> None:
    assert [one.name for one in full.nodes if one.service.word == "logs"] == ["/shop/audit"]


def test_a_service_that_cannot_be_read_is_named_and_the_rest_drawn(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.shop()
    monkeypatch.setattr(services.module("sns"), "show", lambda scene, backend: 1 / 0)
    picture = draw_account(sandbox)
    assert "sns" in picture.note
    assert "orders (SQS queue)" in picture.twin
    assert "sns" in picture.html()


@pytest.mark.parametrize("name", services.SERVICES)
def test_every_service_module_has_the_same_shape(name: str) -> None:
    module = services.module(name)
    assert module.__doc__
    assert callable(module.show)
    public = {one for one in vars(module) if not one.startswith("_") and one.isupper()}
    assert public <= {"CALLS", "USED", "MOVES"}


# -- crowds --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowded() -> tuple[Diagram, Picture]:
    with Sandbox() as sandbox:
        accounts.crowd(240, 19)
        return account_diagram(sandbox), draw_account(sandbox)


def test_five_hundred_resources_give_a_clear_figure(crowded: tuple[Diagram, Picture]) -> None:
    diagram, picture = crowded
    assert sum(one.count for one in diagram.nodes) == 500
    assert len(diagram.nodes) <= 60
    assert size(picture)[0] <= style.WIDEST
    assert "500 resources" in picture.description
    assert "drawn as a pile" in picture.description
    assert len(picture.text().splitlines()) <= 40
    waiting = node(diagram, "sqs", "240 SQS queues")
    assert waiting.detail == "q0-dlq, q1-dlq, q2-dlq and 237 more"
    assert (
        sorted(one.label for one in diagram.edges if one.target is waiting)
        == ["after 3 receives (120 times)"] * 2
    )


def test_sixty_are_drawn_one_by_one(sandbox: Sandbox) -> None:
    accounts.crowd(20, 19)
    diagram = account_diagram(sandbox)
    assert len(diagram.nodes) == 60
    assert all(one.count == 1 for one in diagram.nodes)


def test_queues_that_lead_to_each_other(sandbox: Sandbox) -> None:
    queue("a")
    queue("b", "a")
    policy = {"deadLetterTargetArn": arn("sqs", "b"), "maxReceiveCount": "2"}
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="a")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(policy)})
    assert set(edges(account_diagram(sandbox))) == {("a", "b"), ("b", "a")}
    assert len(parts(draw_account(sandbox), "edge")) == 2


def test_names_with_markup_are_escaped(sandbox: Sandbox) -> None:
    boto3.client("secretsmanager").create_secret(Name="db/pass+word=1@x", SecretString="x")
    boto3.client("cloudwatch").put_metric_alarm(
        AlarmName="<script>alert('x')</script>", MetricName="m", Namespace="n", Threshold=1, Period=60,
        EvaluationPeriods=1, Statistic="Sum", ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    picture = draw_account(sandbox)
    assert "<script" not in picture.svg + picture.html()
    assert "<script>alert('x')</script>" in picture.twin


# -- references ----------------------------------------------------------------------------------


def check_reference(name: str, picture: Picture) -> None:
    found = without_ids(structure(picture))
    reference = REFERENCES / f"account_{name}.json"
    if os.environ.get("LABKIT_UPDATE"):
        reference.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert found == json.loads(reference.read_text(encoding="utf-8"))


def test_the_shop_keeps_its_structure(sandbox: Sandbox) -> None:
    accounts.shop()
    check_reference("shop", draw_account(sandbox))


def test_the_full_account_keeps_its_structure(drawn: Full) -> None:
    check_reference("everything", drawn.picture)


def test_the_crowd_keeps_its_structure(crowded: tuple[Diagram, Picture]) -> None:
    check_reference("crowd", crowded[1])


def test_two_looks_give_the_same_picture(sandbox: Sandbox) -> None:
    accounts.shop()
    one, two = draw_account(sandbox), draw_account(sandbox)
    assert isinstance(one, Picture)
    assert one.svg == two.svg
    assert not re.search(r"\bNone\b", one.text())
