"""`lab.timeline(kind="deliveries")` and `kind="functions"`: retries with growing waits, ends, runs and cold starts."""

from __future__ import annotations

import json
from itertools import pairwise

import boto3
import pytest

from labkit.drawing.lanes import deliveries, functions
from labkit.drawing.timeline import timeline
from labkit.drawing.timeline_axis import Axis
from labkit.drawing.timeline_history import happened
from labkit.drawing.timeline_model import Lane, Past, Story
from labkit.drawing.timeline_words import about
from labkit.errors import NotFound
from labkit.sandbox import Sandbox
from labkit.sandbox.trace import Event
from tests.drawing import serverless
from tests.drawing.accounts import arn, queue
from tests.drawing.structure import texts

BASE = 1_800_000_000.0
RULE, ORDERS, LOST = arn("events", "rule/shop/placed"), arn("sqs", "orders"), arn("sqs", "lost")


def event(number: int, at: float, action: str, **more: object) -> Event:
    params = {"source": RULE, "target": ORDERS, "via": "1", "Id": "e1", **more}
    error = "ServiceUnavailable" if action in ("DeliveryFailed", "Dropped") else ""
    kind = "refused" if action in ("DeliveryRefused", "Dropped") else "delivery"
    return Event(number, BASE + at, kind, "events", action, RULE, "events.amazonaws.com", params, None, error)


def ladder(*waits: float, then: str = "Delivered", **more: object) -> Story:
    """So many failed tries with these waits after them, then an end."""
    events, at = [], 0.0
    for number, wait in enumerate(waits, 1):
        events.append(event(number, at, "DeliveryFailed", Attempt=number))
        at += wait
    if then:
        events.append(event(len(waits) + 1, at, then, **{"Attempt": len(waits) + 1, **more}))
    return deliveries.story(Past(events, BASE + at + 60))


def only(story: Story) -> Lane:
    [lane] = story.lanes
    return lane


def test_every_wait_is_a_bar_with_its_length() -> None:
    lane = only(ladder(1, 30, 600))
    waits = [bar for bar in lane.bars if bar.state == "waiting"]
    assert [bar.said for bar in waits] == ["1 s", "30 s", "10 min"]
    assert [mark.sign for mark in lane.marks] == ["failed", "failed", "failed", "delivered"]
    assert [mark.text for mark in lane.marks[:3]] == ["1", "2", "3"]
    assert lane.state == "delivered"


def test_what_arrived_late_is_said_first() -> None:
    story = ladder(60, 3600)
    assert story.notices(story.lanes) == ["One arrived after 3 tries, 1 h 1 min late."]


def test_what_arrives_at_once_needs_no_uneven_axis() -> None:
    story = ladder()
    assert story.uneven == ""
    assert story.notices(story.lanes) == ["Everything arrived at the first try."]


def test_the_fate_of_what_was_given_up() -> None:
    dead = only(ladder(10, then="DeadLettered", target=LOST, Condition="MaximumRetryAttempts"))
    assert dead.state == "dead-lettered"
    assert dead.places == ("placed", "orders", "lost")
    assert dead.marks[-1].sentence("now") == "dead-lettered now (to lost, MaximumRetryAttempts)"
    lost = only(ladder(10, then="Dropped", Condition="MaximumEventAgeInSeconds"))
    assert (lost.state, lost.marks[-1].sign) == ("lost", "lost")


def test_a_lane_that_waits_says_so() -> None:
    story = ladder(10, 20, then="")
    lane = only(story)
    assert (lane.state, lane.now) == ("waiting", "now waiting for the next try")
    assert "1 delivery is still waiting for the next try." in story.notices(story.lanes)


def test_an_outage_of_an_hour_reads_from_left_to_right(sandbox: Sandbox) -> None:
    serverless.outage(sandbox)
    picture = timeline(sandbox, kind="deliveries")
    assert picture.description.startswith("2 arrived after up to 1")
    assert "try 2 failed" in picture.twin
    assert "s later)" in picture.twin
    shown = texts(picture)
    assert "8 min" in shown  # how long it waited, on the bar
    assert {"1", "2", "16"} <= set(shown)  # the numbers of the tries
    assert "long waits are drawn shorter" in shown


def test_deliveries_are_named_after_what_was_published(sandbox: Sandbox) -> None:
    serverless.publish(serverless.fan_out(), 150)
    sandbox.clock.advance(seconds=1)
    twin = timeline(sandbox, "stock", kind="deliveries").twin
    assert '{"amount": 150} [order-events > stock]: refused' in twin
    assert "The queue has no policy" in " ".join(twin.split())
    assert "request to confirm" in timeline(sandbox, kind="deliveries").twin
    assert timeline(sandbox, "ada@example.com", kind="deliveries").title.startswith(
        "Deliveries of ada@example.com"
    )
    with pytest.raises(NotFound, match="stock"):
        timeline(sandbox, "stok", kind="deliveries")


def test_several_events_of_one_call_keep_their_names(sandbox: Sandbox) -> None:
    boto3.client("events").create_event_bus(Name="shop")
    queue("orders")
    boto3.client("events").put_rule(Name="r", EventBusName="shop", EventPattern='{"source": ["shop"]}')
    boto3.client("events").put_targets(
        Rule="r", EventBusName="shop", Targets=[{"Id": "1", "Arn": arn("sqs", "orders")}]
    )
    entries = [
        {"EventBusName": "shop", "Source": "shop", "DetailType": kind, "Detail": json.dumps({"n": 1})}
        for kind in ("Placed", "Paid")
    ]
    boto3.client("events").put_events(Entries=entries)
    sandbox.clock.advance(seconds=1)
    names = [lane.name for lane in deliveries.story(happened(sandbox)).lanes]
    assert names == ['Placed {"n": 1}', 'Paid {"n": 1}']


# -- functions -------------------------------------------------------------------------------------


def run(number: int, at: float, stream: str = "one", error: str = "", **more: object) -> Event:
    params = {"DurationMs": 100.0, "LogStream": stream, **more}
    return Event(
        number, BASE + at, "invocation", "lambda", "Invocation", arn("lambda", "function:pack"),
        params=params, error=error,
    )  # fmt: skip


def test_an_environment_is_a_lane_with_its_cold_start() -> None:
    events = [run(1, 0, InitMs=250.0), run(2, 60), run(3, 60, "two", InitMs=200.0)]
    story = functions.story(Past(events, BASE + 120))
    assert [lane.detail for lane in story.lanes] == ["environment 1, 2 runs", "environment 2, 1 run"]
    first = story.lanes[0]
    assert [bar.state for bar in first.bars] == ["starting", "running", "idle", "running", "idle"]
    assert first.bars[0].end - first.bars[0].start == pytest.approx(0.25)
    assert story.notices(story.lanes) == ["3 runs, 2 of them cold."]


def test_errors_batches_and_throttles_are_signs() -> None:
    batch = Event(1, BASE, "delivery", "lambda", "BatchDelivered", ORDERS, params={"Size": 7})
    throttled = Event(4, BASE + 9, "refused", "lambda", "InvocationThrottled", arn("lambda", "function:pack"))
    ran = Event(
        2, BASE, "invocation", "lambda", "Invocation", arn("lambda", "function:pack"),
        params={"DurationMs": 5.0, "LogStream": "one"}, cause=1,
    )  # fmt: skip
    story = functions.story(
        Past([batch, ran, run(3, 5, error="ValueError", Attempt=2), throttled], BASE + 10)
    )
    marks = [mark for lane in story.lanes for mark in lane.marks]
    assert [(mark.sign, mark.text) for mark in marks] == [("batch", "7"), ("error", ""), ("throttled", "")]
    assert "try 2" in marks[1].more
    assert story.lanes[-1].detail == "not let in, 1 time"


def test_runs_of_an_order_system(sandbox: Sandbox) -> None:
    serverless.order_system(sandbox)
    serverless.put_orders(3)
    serverless.put_orders(1, "OrderPaid")
    sandbox.clock.advance(minutes=10)
    picture = timeline(sandbox, kind="functions")
    assert "4 runs, 2 of them cold. 3 ended with an error." in picture.description
    assert "batch of 3" in picture.twin
    assert "try 3, ValueError: no stamps left" in " ".join(picture.twin.split())
    assert "pack" not in timeline(sandbox, "mail", kind="functions").twin


def test_no_runs_yet_is_a_sentence(sandbox: Sandbox) -> None:
    assert timeline(sandbox, kind="functions").description == "No function has run yet."
    assert timeline(sandbox, kind="deliveries").description == "Nothing was delivered yet."


# -- the uneven axis -------------------------------------------------------------------------------


@pytest.mark.parametrize("uneven", ["waits", "runs"])
def test_on_an_uneven_axis_order_stays_and_long_gaps_shrink(uneven: str) -> None:
    moments = [BASE + one for one in (0, 1, 3, 10, 100, 3700)]
    axis = Axis(moments, BASE, BASE + 3700, 700, uneven)
    places = [axis.at(one) for one in moments]
    gaps = [b - a for a, b in pairwise(places)]
    assert places == sorted(places)
    assert places[-1] == pytest.approx(700)
    assert gaps == sorted(gaps)  # longer is wider,
    assert gaps[-1] < 100 * gaps[0]  # but not 3600 times as wide
    assert axis.breaks == []


def test_ticks_of_an_uneven_axis_are_times_at_which_something_happened() -> None:
    moments = [BASE + one for one in (0, 1, 600, 4000)]
    ticks = Axis(moments, BASE, BASE + 4000, 700, "waits").ticks()
    assert next(tick.label for tick in ticks) == "08:00:00"
    assert len({tick.label for tick in ticks}) == len(ticks)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "200 ms"), (5, "5 s"), (89, "89 s"), (600, "10 min"), (9000, "2 h")]
)
def test_about_how_long(seconds: float, said: str) -> None:
    assert about(seconds) == said
