"""`lab.console()` and `lab.trace()` of topics, rules, functions and the rest."""

from __future__ import annotations

import re

import boto3
import pytest

from labkit.judging.card import WIDTH
from labkit.notebook.console import Console, console
from labkit.notebook.tracetable import TraceTable
from labkit.sandbox import Sandbox
from labkit.sandbox.trace import Event
from tests.drawing import serverless
from tests.drawing.accounts import arn


def row(card: Console, title: str, name: str) -> list[str]:
    """The cells of one row of a table, from the card's data."""
    [section] = [one for one in card.sections if one.title == title]
    [cells] = [cells for cells in section.rows if cells[0] == name]
    return list(cells)


@pytest.fixture(scope="module")
def orders() -> tuple[Console, Console]:
    """An order system: the console of all of it, and of its functions."""
    with Sandbox() as sandbox:
        serverless.order_system(sandbox)
        serverless.put_orders(2)
        serverless.put_orders(1, "OrderPaid")
        sandbox.clock.advance(minutes=10)
        lam = boto3.client("lambda")
        lam.publish_version(FunctionName="pack")
        lam.create_alias(FunctionName="pack", Name="live", FunctionVersion="1")
        boto3.client("kms").create_key(Description="orders")
        return console(sandbox), console(sandbox, "lambda")


def test_functions_with_their_settings_and_how_they_ran(orders: tuple[Console, Console]) -> None:
    card, _ = orders
    assert row(card, "AWS Lambda", "pack") == [
        "pack", "python3.13", "128 MB", "5 s", "pack-role", "1 version, live", "1", "",
    ]  # fmt: skip
    assert row(card, "AWS Lambda", "mail")[-2:] == ["3", "3 failed"]
    assert row(card, "Event source mappings", "orders") == [
        "orders",
        "pack",
        "10",
        "5 s",
        "source shop",
        "on",
    ]


def test_short_cells_are_never_broken(orders: tuple[Console, Console]) -> None:
    html = orders[1].html()
    assert '<td class="lk-short">$LATEST</td>' in html
    assert '<td class="lk-short">warm</td>' in html or '<td class="lk-short">cold</td>' in html
    assert '<td class="lk-num lk-short">' in html


def test_runs_and_log_lines_are_for_who_asks_for_functions(orders: tuple[Console, Console]) -> None:
    everything, functions = orders
    assert "Last runs" not in everything.text()
    assert {section.title for section in functions.sections} == {
        "AWS Lambda", "Event source mappings", "Last runs", "Last log lines",
    }  # fmt: skip
    [runs] = [one for one in functions.sections if one.title == "Last runs"]
    assert runs.rows[0][-1] == "ValueError: no stamps left"
    assert runs.alerts == frozenset({0, 1, 2, 3}) - {
        place for place, one in enumerate(runs.rows) if one[1] == "pack"
    }
    assert "REPORT RequestId" in functions.text()


def test_rules_archives_and_schedules(orders: tuple[Console, Console]) -> None:
    card, _ = orders
    assert row(card, "Amazon EventBridge", "shop") == ["shop", "4", "shop-archive"]
    assert row(card, "EventBridge rules", "placed") == [
        "placed",
        "shop",
        "detail-type OrderPlaced",
        "orders",
        "on",
    ]
    assert row(card, "EventBridge rules", "old")[-1] == "disabled"
    assert row(card, "EventBridge archives", "shop-archive") == ["shop-archive", "shop", "3", "7 days", "on"]
    nightly = row(card, "EventBridge Scheduler", "nightly-report")
    assert nightly[1:3] == ["cron(0 9 * * ? *)", "Europe/Vienna"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d 0[78]:00:00 UTC", nightly[3])
    assert "Events-Archive" not in card.text()


def test_roles_logs_and_keys(orders: tuple[Console, Console]) -> None:
    card, _ = orders
    assert row(card, "IAM roles", "pack-role") == ["pack-role", "lambda", "own"]
    assert row(card, "CloudWatch Logs", "/aws/lambda/mail")[1:4] == ["1", "21", "for ever"]
    [keys] = [one for one in card.sections if one.title == "AWS KMS"]
    assert [one[2:] for one in keys.rows] == [("orders", "on")]


def test_the_text_fits_the_page(orders: tuple[Console, Console]) -> None:
    assert max(map(len, orders[0].text().splitlines())) <= WIDTH + 12


def test_subscriptions_with_filter_and_dead_letters(sandbox: Sandbox) -> None:
    serverless.fan_out()
    card = console(sandbox, "sns")
    [section] = [one for one in card.sections if one.title == "Amazon SNS subscriptions"]
    by_end = {one[2]: one for one in section.rows}
    assert by_end["stock"][4:] == ("lost-orders", "confirmed")
    assert by_end["billing"][3].startswith("amount >= 100, country AT")
    assert by_end["ada@example.com"][-1] == "not confirmed"
    assert len(section.alerts) == 2  # the e-mail address and the web address


def test_errors_say_which_statement_was_missing(sandbox: Sandbox) -> None:
    serverless.publish(serverless.fan_out(), 200)
    sandbox.clock.advance(seconds=1)
    [error] = console(sandbox).errors
    assert "sns DeliveryRefused on order-events > stock" in error
    assert "The queue has no policy" in error


# -- the trace -------------------------------------------------------------------------------------


def table(*events: Event) -> list[tuple[str, ...]]:
    return TraceTable.of(events, 20).rows()


def test_a_delivery_tells_from_where_to_where_and_what_allowed_it(sandbox: Sandbox) -> None:
    serverless.publish(serverless.fan_out(), 200)
    sandbox.clock.advance(seconds=1)
    rows = {one[3]: one for one in table(*sandbox.trace)}
    assert rows["order-events > billing"][5].startswith("Statement sns of the queue's policy allows")
    refused = rows["order-events > stock"]
    assert refused[2:] == (
        "DeliveryRefused",
        "order-events > stock",
        "sns.amazonaws.com",
        "REFUSED AccessDenied: The queue has no policy, so sns.amazonaws.com may not do sqs:SendMessage.",
    )
    assert rows["order-events > lost-orders"][5] == "after 0 retries"


def test_tries_runs_batches_and_sessions_read_clearly() -> None:
    ends = {"source": arn("events", "rule/shop/placed"), "target": "https://shop.example/hook?token=x"}
    rows = table(
        Event(
            1, 0, "delivery", "events", "DeliveryFailed", params={**ends, "Attempt": 3}, error="Timeout",
            message="slow",
        ),
        Event(2, 0, "delivery", "lambda", "BatchDelivered", params={**ends, "Size": 10, "Failed": 2}),
        Event(
            3, 0, "invocation", "lambda", "Invocation", arn("lambda", "function:pack"),
            params={"DurationMs": 94.6, "InitMs": 120.2, "Attempt": 2},
        ),
        Event(4, 0, "call", "dynamodb", "PutItem", "sales", "assumed-role/pack-role/pack", result={}),
        Event(5, 0, "call", "events", "PutEvents", params={"Entries": [{"EventBusName": "shop"}, {}, 7]}),
        Event(6, 0, "delivery", "sns", "Delivered", params={**ends, "target": "mailto:ada@example.com"}),
    )  # fmt: skip
    assert rows[0][3] == "placed > shop.example/hook"
    assert [one[-1] for one in rows[:3]] == [
        "ERROR try 3: Timeout: slow",
        "10 records in one batch, 2 of them failed",
        "ran 95 ms, cold start 120 ms, try 2",
    ]
    assert rows[3][4] == "pack-role/pack"
    assert rows[4][3] == "shop, default"
    assert rows[5][3:] == ("placed > ada@example.com", "", "arrived")


def test_long_reasons_stand_below_their_line(sandbox: Sandbox) -> None:
    serverless.publish(serverless.fan_out(), 200)
    sandbox.clock.advance(seconds=1)
    text = TraceTable.of(list(sandbox.trace), 20).text()
    assert max(map(len, text.splitlines())) <= WIDTH + 12
    assert "so sns.amazonaws.com may not do sqs:SendMessage." in " ".join(text.split())
    html = TraceTable.of(list(sandbox.trace), 20).html()
    assert 'class="lk-is-fail">REFUSED' in html
