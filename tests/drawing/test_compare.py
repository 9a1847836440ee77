"""Yours beside wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit import Diagram
from labkit.drawing.account import account_diagram, draw_beside
from labkit.drawing.compare import beside, compare
from labkit.drawing.picture import MEDIA_TYPE
from labkit.errors import UsageError
from labkit.sandbox import Sandbox
from tests.drawing import accounts
from tests.drawing.structure import parts, texts


def wanted(receives: int = 3, detail: str = "", pack: bool = False, region: str = "eu-west-1") -> Diagram:
    d = Diagram("Orders, as wanted")
    with d.account(), d.region(region):
        orders, dead = d.sqs("orders", detail), d.sqs("orders-dlq")
        if pack:
            orders.to(d.function("pack"), "polled")
    orders.to(dead, f"after {receives} receives", style="data")
    return d


def test_two_that_are_the_same() -> None:
    difference = compare(wanted(), wanted())
    assert difference.same
    assert difference.complete
    assert str(difference) == "Both are the same."


@pytest.mark.parametrize(
    ("mine", "theirs", "says"),
    [
        (wanted(), wanted(pack=True), ["The Lambda function 'pack' is missing.",
                                       "The connection orders -> pack is missing."]),
        (wanted(5), wanted(3), ["The connection orders -> orders-dlq says 'after 5 receives'; "
                                "wanted: 'after 3 receives'."]),
        (wanted(13), wanted(3), ["The connection orders -> orders-dlq says 'after 13 receives'; "
                                 "wanted: 'after 3 receives'."]),
        (wanted(detail="visibility 60 s; 1 visible"), wanted(detail="visibility 30 s"),
         ["The SQS queue 'orders' says 'visibility 60 s; 1 visible'; wanted: 'visibility 30 s'."]),
        (wanted(region="us-east-1"), wanted(), [
            "The SQS queue 'orders' lies in AWS account 123456789012 / Region us-east-1; wanted: Region eu-west-1.",
            "The SQS queue 'orders-dlq' lies in AWS account 123456789012 / Region us-east-1; "
            "wanted: Region eu-west-1."]),
    ],
)  # fmt: skip
def test_every_difference_is_a_sentence(mine: Diagram, theirs: Diagram, says: list[str]) -> None:
    difference = compare(mine, theirs)
    assert list(difference.sentences) == says
    assert not difference.complete


def test_more_than_wanted_is_complete_but_not_the_same() -> None:
    difference = compare(wanted(pack=True), wanted())
    assert difference.complete
    assert not difference.same
    assert difference.wrong == ()
    assert difference.also == (
        "The Lambda function 'pack' is there too.",
        "The connection orders -> pack is there too.",
    )


def test_what_the_wanted_figure_leaves_out_may_be_anything() -> None:
    mine, theirs = Diagram("Mine"), Diagram("Theirs")
    with mine.account(), mine.region("eu-north-1"):
        mine.sqs("orders", "visibility 99 s").to(mine.sqs("orders-dlq"), "after 7 receives")
    theirs.sqs("orders").to(theirs.sqs("orders-dlq"))
    assert compare(mine, theirs).same


def test_a_connection_the_other_way_round_is_another() -> None:
    mine, theirs = Diagram("Mine"), Diagram("Theirs")
    for d, turned in ((mine, True), (theirs, False)):
        a, b = d.sqs("a"), d.sqs("b")
        (b.to(a)) if turned else a.to(b)
    assert compare(mine, theirs).sentences == (
        "The connection a -> b is missing.",
        "The connection b -> a is there too.",
    )


def test_several_connections_between_the_same_two_are_told_apart() -> None:
    mine, theirs = Diagram("Mine"), Diagram("Theirs")
    for d, labels in ((mine, ["read", "write"]), (theirs, ["write", "read"])):
        a, b = d.function("a"), d.s3("b")
        for label in labels:
            a.to(b, label)
    assert compare(mine, theirs).same


def test_of_two_queues_of_one_name_the_one_in_the_right_place_is_meant() -> None:
    mine, theirs = Diagram("Mine"), Diagram("Theirs")
    for region in ("us-east-1", "eu-west-1"):
        with mine.region(region):
            mine.sqs("orders")
    with theirs.region("eu-west-1"):
        theirs.sqs("orders")
    difference = compare(mine, theirs)
    assert difference.complete
    assert [node.group.name for node in difference.extra_nodes if node.group] == ["us-east-1"]


def test_another_kind_of_the_same_name_is_another_thing() -> None:
    mine, theirs = Diagram("Mine"), Diagram("Theirs")
    mine.sns("orders")
    theirs.sqs("orders")
    assert compare(mine, theirs).sentences == (
        "The SQS queue 'orders' is missing.",
        "The SNS topic 'orders' is there too.",
    )


# -- with an account -----------------------------------------------------------------------------


def test_an_account_is_compared_with_a_design(sandbox: Sandbox) -> None:
    accounts.shop()
    mine = account_diagram(sandbox, ["sqs", "lambda"], "eu-west-1")
    assert compare(mine, wanted(pack=True)).wrong == ()
    assert len(compare(mine, wanted(5)).wrong) == 1


def test_what_only_something_points_at_is_not_there(sandbox: Sandbox) -> None:
    accounts.shop()
    d = Diagram("Wanted")
    d.function("gone")
    assert compare(account_diagram(sandbox), d).wrong == ("The Lambda function 'gone' is missing.",)


def test_what_you_did_counts_when_somebody_is_in_the_design(sandbox: Sandbox) -> None:
    accounts.shop()
    mine = account_diagram(sandbox, ["sqs"], "eu-west-1")
    assert compare(mine, wanted()).same
    for customer, right in (("SendMessage", True), ("DeleteMessage", False)):
        d = wanted()
        d.person("Customer").to(d.find("orders"), customer)
        assert compare(mine, d).same is right


def test_declared_connections_are_those_that_were_used(sandbox: Sandbox) -> None:
    accounts.shop()
    design = Diagram("Design")
    you, orders, sales, bus = (
        design.person("You"),
        design.sqs("orders"),
        design.dynamodb("sales"),
        design.eventbridge("shop"),
    )
    for target in (orders, sales, bus):
        you.to(target)
    used = account_diagram(sandbox, declared=False)
    difference = compare(used, design)
    assert difference.missing_edges == ()
    assert [one.target.name for one in difference.extra_edges] == ["pack"]  # which polls
    design.connect(orders, sales)
    design.connect(orders, design.function("pack"))
    assert compare(used, design).wrong == ("The connection orders -> sales is missing.",)


# -- shown ---------------------------------------------------------------------------------------


def test_both_figures_are_shown_and_marked(sandbox: Sandbox, tmp_path: Path) -> None:
    accounts.shop()
    card = draw_beside(sandbox, wanted(5, pack=True), ["sqs"], "eu-west-1")
    assert card.verdict == "3 differences to what is wanted."
    assert "differs" in texts(card.mine)
    assert texts(card.wanted).count("missing") == 2
    assert len(parts(card.wanted, "node")) == 3
    for shown in (card.text(), card.html()):
        assert "is missing." in shown
        assert "after 3 receives" in shown or "data:image" in shown
    assert card.html().count("<img") == 2
    assert "orders-dlq (SQS queue)" in card.text()
    data = card.data()[MEDIA_TYPE]
    assert data["kind"] == "comparison"
    assert data["difference"]["complete"] is False
    assert card.save(tmp_path / "beside.html").read_text(encoding="utf-8").startswith("<div")
    with pytest.raises(UsageError, match=r"\.html or \.txt"):
        card.save(tmp_path / "beside.svg")


def test_the_figures_that_were_compared_keep_no_marks() -> None:
    mine, theirs = wanted(5), wanted(pack=True)
    beside(mine, theirs)
    assert not any(one.mark for one in (*mine.nodes, *mine.edges, *theirs.nodes, *theirs.edges))


def test_a_design_may_be_a_function_and_has_to_be_one(sandbox: Sandbox) -> None:
    assert draw_beside(sandbox, wanted).difference.missing_nodes
    with pytest.raises(UsageError, match="no figure to compare with"):
        draw_beside(sandbox, None)


def test_many_things_besides_are_not_all_listed() -> None:
    mine = Diagram("Mine")
    for number in range(40):
        mine.sqs(f"q{number}")
    mine.sqs("orders").to(mine.sqs("orders-dlq"))
    theirs = Diagram("Theirs")
    theirs.sqs("orders").to(theirs.sqs("orders-dlq"))
    text = beside(mine, theirs).text()
    assert "And 28 more." in text
    assert "Yours has everything that is wanted." in text
