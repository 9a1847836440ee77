"""What a learner sees of costs: the bill and the answer to a what-if, as HTML, as text and for programs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import timedelta
from typing import Any

import boto3
import pytest

from labkit.errors import UsageError
from labkit.judging.card import WIDTH
from labkit.notebook.bill import BILL, PRICE, bill_card, money, price_card, quantity
from labkit.sandbox import Sandbox


def text_of(html: str) -> str:
    """The words of a piece of HTML."""
    return " ".join(re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", "", html)).split())


@pytest.fixture
def shop(sandbox: Sandbox) -> Sandbox:
    """Two tagged queues with four and two requests."""
    sqs = boto3.client("sqs")
    for name, owner, count in (("orders", "Amara", 3), ("letters", "Bao", 1)):
        url = sqs.create_queue(QueueName=name, tags={"project": "orchard", "owner": owner})["QueueUrl"]
        for _ in range(count):
            sqs.send_message(QueueUrl=url, MessageBody="x")
    return sandbox


def test_the_bill_says_price_date_region_doubt_and_what_is_missing(shop: Sandbox) -> None:
    card = bill_card(shop, None, "service", 1_000_000)
    assert card.cost == pytest.approx(2.40)  # 6 M x 0.40
    assert card.total == pytest.approx(2.00)  # one million is free
    for said in (repr(card), text_of(card.html())):
        one_line = " ".join(said.split())
        assert "$0.40 per 1,000,000 (unverified)" in one_line
        assert "$2.40" in one_line
        assert "Free tier of a month" in one_line
        assert "-$0.40" in one_line
        assert "2026-09-11" in one_line
        assert "eu-west-1" in one_line
        assert "unverified: third parties say so" in one_line
        assert "Not priced" in one_line
        assert "such as Lambda's polls" in one_line.replace("&#x27;", "'")
        assert "https://pricing.us-east-1.amazonaws.com/" in one_line


def test_a_verified_price_carries_no_mark(sandbox: Sandbox) -> None:
    card = price_card(sandbox, "secretsmanager", "secret_months", 10, "us-east-1")
    assert "unverified" not in repr(card)
    assert "unverified" not in card.html()
    assert "(unverified)" in repr(price_card(sandbox, "secretsmanager", "secret_months", 10, None))


def test_programs_read_the_bill(shop: Sandbox) -> None:
    forms = bill_card(shop, None, "service", 1_000_000)._repr_mimebundle_()
    assert set(forms) == {"text/html", "text/plain", BILL}
    read = json.loads(json.dumps(forms[BILL]))
    assert read["total"] == pytest.approx(2.0)
    assert read["lines"][0] | {"source": "", "seen": "", "cost": 0, "freeTier": 0} == {
        "service": "sqs", "unit": "requests", "region": "eu-west-1", "amount": 6_000_000, "cost": 0, "freeTier": 0,
        "price": 0.4, "per": 1_000_000, "asOf": "2026-09-11", "status": "unverified", "source": "", "seen": "",
    }  # fmt: skip


def test_the_bill_by_resource_and_by_tag(shop: Sandbox) -> None:
    by_queue = dict(bill_card(shop, None, "resource", 1_000_000).groups)
    assert by_queue == pytest.approx({"sqs orders": 1.60, "sqs letters": 0.80})
    by_owner = dict(bill_card(shop, None, "tag:owner", 1_000_000).groups)
    assert by_owner == pytest.approx({"owner=Amara": 1.60, "owner=Bao": 0.80})
    assert dict(bill_card(shop, None, "tag", 1_000_000).groups) == pytest.approx({"project=orchard": 2.40})
    assert dict(bill_card(shop, None, "tag:team", 1_000_000).groups) == pytest.approx({"(no tag team)": 2.40})


def test_a_month_like_this(shop: Sandbox) -> None:
    begun = next(iter(shop.trace)).time
    shop.clock.advance(seconds=begun + 7300 - shop.clock.time())
    card = bill_card(shop, None, "service", "month")
    assert card.bill.scale == pytest.approx(360, rel=0.01)  # 730 hours of 2.03
    assert card.bill.lines[0].amount == pytest.approx(6 * 360, rel=0.01)


def test_an_account_without_costs_says_so(sandbox: Sandbox) -> None:
    card = bill_card(sandbox, None, "service", 1)
    assert card.total == 0
    assert "Nothing that has a price happened" in repr(card)
    assert "Nothing that has a price happened" in card.html()


def test_names_from_the_account_are_escaped(sandbox: Sandbox) -> None:
    boto3.client("sqs").create_queue(QueueName="orders", tags={"project": "<script>x</script>"})
    card = bill_card(sandbox, None, "tag", 1)
    assert "<script>" not in card.html()
    assert "&lt;script&gt;" in card.html()
    assert "project=<script>x</script>" in repr(card)


def test_the_answer_to_a_what_if_shows_its_steps(sandbox: Sandbox) -> None:
    card = price_card(sandbox, "sqs", "requests", 50_000_000, None)
    assert card.cost == pytest.approx(19.60)
    for said in (repr(card), text_of(card.html())):
        for part in ("50,000,000", "$20.00", "-$0.40", "$19.60", "Free tier", "2026-09-11", "(unverified)"):
            assert part in said
    assert card._repr_mimebundle_()[PRICE]["total"] == pytest.approx(19.60)


def test_the_cards_are_figures_with_a_name_and_without_scripts(shop: Sandbox) -> None:
    for card in (bill_card(shop, None, "resource", 1), price_card(shop, "sqs", "requests", 1, None)):
        html = card.html()
        assert 'role="group" aria-label=' in html
        assert '<th scope="col"' in html
        assert "<script" not in html
        assert "var(--lk-" in html
        long_lines = [
            line for line in repr(card).splitlines() if len(line) > WIDTH and "https://" not in line
        ]
        assert not long_lines


def test_asking_is_in_the_trace_as_a_snapshot_is(sandbox: Sandbox) -> None:
    price_card(sandbox, "sqs", "requests", 7, None)
    bill_card(sandbox, None, "service", 1)
    told = [(event.action, event.resource) for event in sandbox.trace.where(service="lab")]
    assert told == [("PriceAsked", "sqs requests"), ("BillShown", "")]


@pytest.mark.parametrize("by", ["colour", "", None, "service:x", "resource:y", 3])
def test_a_wrong_order_is_refused(sandbox: Sandbox, by: Any) -> None:
    with pytest.raises(UsageError, match='by is "service", "resource", "tag"'):
        bill_card(sandbox, None, by, 1)


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf"), "year", None, True])
def test_a_wrong_scale_is_refused(sandbox: Sandbox, scale: Any) -> None:
    with pytest.raises(UsageError, match='scale is a number above 0, or "month"'):
        bill_card(sandbox, None, "service", scale)


@pytest.mark.parametrize("since", ["yesterday", -5, float("nan"), True, [1]])
def test_a_wrong_beginning_is_refused(sandbox: Sandbox, since: Any) -> None:
    with pytest.raises(UsageError, match=r"since is a mark of the trace.*timedelta\(hours=1\)"):
        bill_card(sandbox, since, "service", 1)


def test_a_month_cannot_be_told_from_a_moment(sandbox: Sandbox) -> None:
    with pytest.raises(UsageError, match=r"Less than a minute has passed.*lab\.clock\.advance"):
        bill_card(sandbox, timedelta(seconds=30), "service", "month")


@pytest.mark.parametrize(
    ("dollars", "text"),
    [(0, "$0.00"), (19.6, "$19.60"), (1_234.5, "$1,234.50"), (-0.4, "-$0.40"), (0.0000004, "$0.00000040"),
     (0.00999, "$0.0100"), (1e-7, "$0.00000010"), (9e-8, "less than $0.0000001"), (-1e-20, "-less than $0.0000001")],
)  # fmt: skip
def test_money_is_readable_at_every_size(dollars: float, text: str) -> None:
    assert money(dollars) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (50e6, "50,000,000"),
        (1.5, "1.50"),
        (0.25, "0.25"),
        (4.2e-5, "0.000042"),
        (9.54e-11, "less than 0.000001"),
        (0, "0"),
    ],
)
def test_quantities_are_readable_at_every_size(amount: float, text: str) -> None:
    assert quantity(amount) == text


def test_opening_a_lab_loads_no_meter() -> None:
    program = (
        "import sys, labkit.lab, labkit.sandbox; "
        "print([name for name in sys.modules if name.startswith('labkit.cost') or name == 'labkit.notebook.bill'])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
