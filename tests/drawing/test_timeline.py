"""The figure as a whole: its SVG by structure, its words, and what it does with bad input."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import matplotlib
import pytest

from labkit.drawing import timeline as module
from labkit.drawing.picture import Picture
from labkit.drawing.timeline import MOST_LANES, timeline
from labkit.errors import NotFound, UsageError
from labkit.sandbox import Sandbox
from labkit.sandbox.trace import Event, Trace

SVG = "{http://www.w3.org/2000/svg}"
TEN = 1_795_428_000.0
ARN = "arn:aws:sqs:eu-west-1:123456789012:orders"


def texts(picture: Picture) -> list[str]:
    return ["".join(one.itertext()) for one in ET.fromstring(picture.svg).iter(f"{SVG}text")]


def event(number: int, second: float, action: str, **params: Any) -> Event:
    return Event(number, TEN + second, "state", "sqs", action, ARN, "learner", params)


def one_life() -> list[Event]:
    """Sent, received, back, received, deleted: with times that never change."""
    call = Event(1, TEN, "call", "sqs", "SendMessage", "orders", "learner", {"MessageBody": "tea for Amara"})
    steps = [
        ("MessageSent", 0, {"State": "available"}),
        ("MessageReceived", 5, {"Until": TEN + 35, "ReceiveCount": 1}),
        ("MessageVisible", 35, {"After": "in flight"}),
        ("MessageReceived", 40, {"Until": TEN + 70, "ReceiveCount": 2}),
        ("MessageDeleted", 50, {}),
    ]
    events = [
        Event(
            2 + place,
            TEN + second,
            "state",
            "sqs",
            action,
            ARN,
            "learner",
            {"MessageId": "m1", **more},
            cause=1,
        )
        for place, (action, second, more) in enumerate(steps)
    ]
    return [call, *events]


@pytest.fixture
def queue(sandbox: Sandbox) -> str:
    return str(boto3.client("sqs").create_queue(QueueName="orders")["QueueUrl"])


@pytest.fixture
def send(queue: str) -> Callable[[int], None]:
    def send(count: int) -> None:
        sqs = boto3.client("sqs")
        for first in range(0, count, 10):
            numbers = range(first, min(first + 10, count))
            entries = [{"Id": str(one), "MessageBody": f"order {one}"} for one in numbers]
            sqs.send_message_batch(QueueUrl=queue, Entries=entries)

    return send


# -- words and picture -----------------------------------------------------------------------------


def test_the_text_twin_tells_the_life_of_a_message() -> None:
    picture = timeline(one_life())
    assert "tea for Amara: sent 10:00:00, received 10:00:05 (1st), visible again 10:00:35," in picture.text()
    assert "received 10:00:40 (2nd), deleted 10:00:50." in picture.text()
    assert "“tea for Amara” was received twice." in picture.description


def test_the_picture_says_the_same() -> None:
    shown = texts(timeline(one_life()))
    assert {"tea for Amara", "in flight", "waiting", "deleted", "visible again", "1", "2"} <= set(shown)
    assert "10:00:00" in shown
    assert any("2026-11-23" in one for one in shown)


def test_the_picture_is_accessible_and_its_text_is_text() -> None:
    root = ET.fromstring(timeline(one_life()).svg)
    assert root.get("role") == "img"
    title, desc = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert title.text == "Messages: 1 message, 2026-11-23 10:00:00 to 10:00:50 UTC"
    assert desc is not None
    assert desc.text
    assert "DejaVu" not in ET.tostring(root, encoding="unicode")


def test_no_state_rests_on_colour_alone() -> None:
    from labkit.drawing.lanes.sqs import LOOKS, SIGNS

    drawn = {(look.hatch, look.dashed, look.fill) for look in LOOKS.values()}
    assert len({look.word for look in LOOKS.values()}) == len(LOOKS) == len(drawn)
    assert len({sign.shape for sign in SIGNS.values()}) == len(SIGNS)


def test_the_same_story_is_the_same_picture() -> None:
    assert timeline(one_life()).svg == timeline(one_life()).svg


def test_the_learners_own_matplotlib_settings_neither_matter_nor_change() -> None:
    before = timeline(one_life()).svg
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path", "axes.facecolor": "red"}):
        assert timeline(one_life()).svg == before
        assert matplotlib.rcParams["font.size"] == 30


def test_markup_dollars_and_signs_of_any_script_are_only_text(sandbox: Sandbox, queue: str) -> None:
    body = "<script>alert(1)</script> $x_1$ & \U0001f389 日本語 \u202eabc"
    boto3.client("sqs").send_message(QueueUrl=queue, MessageBody=body)
    picture = timeline(sandbox)
    assert any(one.startswith("<script>") for one in texts(picture))
    assert "<script" not in picture.html()
    assert "\u202e" not in picture.svg + picture.text()


def test_a_very_long_body_is_cut(sandbox: Sandbox, queue: str) -> None:
    boto3.client("sqs").send_message(QueueUrl=queue, MessageBody="x" * 200_000)
    picture = timeline(sandbox)
    assert len(picture.text()) < 500
    assert max(map(len, texts(picture))) < 60


def test_a_message_in_flight_shows_when_it_comes_back(sandbox: Sandbox, queue: str) -> None:
    sqs = boto3.client("sqs")
    sqs.send_message(QueueUrl=queue, MessageBody="tea")
    sqs.receive_message(QueueUrl=queue)
    assert any(one.startswith("until ") for one in texts(timeline(sandbox)))


def test_a_long_pause_is_a_break_that_says_how_long(sandbox: Sandbox, send: Callable[[int], None]) -> None:
    for _ in range(2):
        send(1)
        sandbox.clock.advance(seconds=5)
        send(1)
        sandbox.clock.advance(hours=12)
    assert "12 h" in texts(timeline(sandbox))


# -- many ------------------------------------------------------------------------------------------


def test_up_to_forty_messages_have_a_lane_each(sandbox: Sandbox, send: Callable[[int], None]) -> None:
    send(MOST_LANES)
    picture = timeline(sandbox)
    assert {f"order {number}" for number in range(MOST_LANES)} <= set(texts(picture))


def test_more_are_counted_by_state_and_it_says_so(
    sandbox: Sandbox, send: Callable[[int], None], queue: str
) -> None:
    send(60)
    sandbox.clock.advance(seconds=5)
    sqs = boto3.client("sqs")
    for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"][:4]:
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    sandbox.clock.advance(seconds=60)
    picture = timeline(sandbox)
    assert "60 messages are too many for a lane each, so this counts them by state." in picture.description
    assert "order 1" not in texts(picture)
    assert {"waiting", "deleted", "messages"} <= set(texts(picture))
    last = picture.twin.split("Most at one time")[0].rstrip().splitlines()[-1].split()
    assert last[1:] == ["56", "0", "4"]


def test_five_thousand_messages_are_drawn_small(sandbox: Sandbox, send: Callable[[int], None]) -> None:
    send(5_000)
    picture = timeline(sandbox)
    assert "5,000 messages" in picture.title
    assert len(picture.svg) < 120_000


# -- calls -----------------------------------------------------------------------------------------


def test_calls_have_a_lane_for_each_operation(sandbox: Sandbox, queue: str) -> None:
    sqs = boto3.client("sqs")
    for _ in range(3):
        sqs.receive_message(QueueUrl=queue)
        sandbox.clock.advance(seconds=10)
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName="nowhere")
    picture = timeline(sandbox, kind="calls")
    assert {"CreateQueue", "ReceiveMessage", "GetQueueUrl", "an error", "received nothing"} <= set(
        texts(picture)
    )
    assert "3 polls came back with nothing." in picture.description
    assert "ReceiveMessage [sqs, learner, 3 calls]: nothing " in picture.text()


def test_calls_about_one_resource(sandbox: Sandbox, queue: str) -> None:
    boto3.client("sqs").create_queue(QueueName="mail")
    picture = timeline(sandbox, "mail", kind="calls")
    assert "1 call in all." in picture.description


def test_thousands_of_calls_become_few_signs_with_numbers(sandbox: Sandbox, queue: str) -> None:
    events = [
        Event(number, TEN + number, "call", "sqs", "SendMessage", "orders", "learner")
        for number in range(1, 3001)
    ]
    picture = timeline(events, kind="calls")
    assert len(texts(picture)) < 200
    assert "3,000 calls in all." in picture.description


# -- what one can ask for --------------------------------------------------------------------------


def test_a_resource_by_name_arn_or_url(sandbox: Sandbox, send: Callable[[int], None], queue: str) -> None:
    send(2)
    twins = {timeline(sandbox, given).twin for given in ("orders", ARN, queue)}
    assert len(twins) == 1


def test_an_unknown_resource_offers_the_nearest_names(sandbox: Sandbox, queue: str) -> None:
    with pytest.raises(NotFound, match="Did you mean 'orders'"):
        timeline(sandbox, "order")


def test_an_unknown_kind_offers_what_there_is(sandbox: Sandbox) -> None:
    with pytest.raises(NotFound, match="'messages'"):
        timeline(sandbox, kind="message")


def test_since_a_mark_a_time_or_a_while_ago(
    sandbox: Sandbox, send: Callable[[int], None], queue: str
) -> None:
    send(1)
    boto3.client("sqs").receive_message(QueueUrl=queue)
    sandbox.clock.advance(minutes=10)
    mark, then = sandbox.trace.mark(), sandbox.clock.now()
    sandbox.clock.advance(minutes=5)
    boto3.client("sqs").receive_message(QueueUrl=queue)
    for since in (mark, then, then.replace(tzinfo=None), then.timestamp(), timedelta(minutes=6)):
        twin = timeline(sandbox, since=since).twin
        assert "(2nd)" in twin
        assert "(1st)" not in twin


def test_what_was_over_before_is_left_out(sandbox: Sandbox, send: Callable[[int], None], queue: str) -> None:
    send(1)
    sqs = boto3.client("sqs")
    message = sqs.receive_message(QueueUrl=queue)["Messages"][0]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    sandbox.clock.advance(minutes=10)
    sqs.send_message(QueueUrl=queue, MessageBody="late")
    assert "1 message," in timeline(sandbox, since=timedelta(minutes=1)).title


def test_since_a_time_in_the_future_is_told(sandbox: Sandbox, send: Callable[[int], None]) -> None:
    send(1)
    picture = timeline(sandbox, since=datetime(2100, 1, 1, tzinfo=UTC))
    assert "2100-01-01 00:00:00 UTC is in the future" in picture.text()
    assert picture.svg == ""


def test_since_now_says_that_nothing_has_happened(sandbox: Sandbox, send: Callable[[int], None]) -> None:
    send(1)
    sandbox.clock.advance(seconds=5)
    picture = timeline(sandbox, kind="calls", since=sandbox.trace.mark())
    assert "Nothing of that kind has happened since" in picture.text()


@pytest.mark.parametrize("since", ["yesterday", True, object()])
def test_since_anything_else_is_refused_with_the_cure(sandbox: Sandbox, since: Any) -> None:
    with pytest.raises(UsageError, match="timedelta"):
        timeline(sandbox, since=since)


def test_an_empty_account_and_a_queue_without_messages(sandbox: Sandbox) -> None:
    assert "No message was sent yet." in timeline(sandbox).text()
    assert "No call was made yet." in timeline(sandbox, kind="calls").text()
    boto3.client("sqs").create_queue(QueueName="orders")
    assert "No message was sent to orders yet." in timeline(sandbox, "orders").text()


def test_the_record_of_a_rehearsal_can_be_drawn(sandbox: Sandbox, send: Callable[[int], None]) -> None:
    with sandbox.rehearsal() as rehearsal:
        send(2)
    assert len(rehearsal.trace) > 0
    assert "2 messages" in timeline(rehearsal.trace).title
    assert "No message" in timeline(Trace()).text()


def test_something_that_is_no_story_is_refused() -> None:
    with pytest.raises(UsageError, match="from a sandbox or a trace"):
        timeline(42)


# -- what it must not do ---------------------------------------------------------------------------


def test_looking_changes_nothing(sandbox: Sandbox, send: Callable[[int], None], queue: str) -> None:
    send(3)
    boto3.client("sqs").receive_message(QueueUrl=queue)
    before = sandbox.digest(), len(sandbox.trace), sandbox.clock.waiting
    timeline(sandbox)
    timeline(sandbox, "orders", kind="calls")
    assert (sandbox.digest(), len(sandbox.trace), sandbox.clock.waiting) == before


def test_without_matplotlib_the_words_and_one_line_of_help(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")

    monkeypatch.setattr(module.importlib, "import_module", missing)
    monkeypatch.setattr(
        module, "teller", lambda kind: __import__("labkit.drawing.lanes.sqs").drawing.lanes.sqs.story
    )
    picture = timeline(one_life())
    assert picture.svg == ""
    assert "pip install matplotlib" in picture.note
    assert "received 10:00:05 (1st)" in picture.text()
    assert "received 10:00:05 (1st)" in picture.html()


def test_matplotlib_is_imported_when_the_first_picture_is_drawn() -> None:
    code = (
        "import sys, labkit.drawing.timeline, labkit.notebook.live, labkit.notebook.console_live;"
        "from labkit.sandbox.trace import Trace; labkit.drawing.timeline.timeline(Trace());"
        "assert not {'matplotlib', 'ipywidgets', 'IPython'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_story_of_a_closed_account_can_still_be_told() -> None:
    with Sandbox() as sandbox:
        url = boto3.client("sqs").create_queue(QueueName="orders")["QueueUrl"]
        boto3.client("sqs").send_message(QueueUrl=url, MessageBody="tea")
        sandbox.clock.advance(hours=3)
    with Sandbox():
        boto3.client("sqs").create_queue(QueueName="other")
        assert "tea: sent" in timeline(sandbox).text()
        with pytest.raises(NotFound):
            timeline(sandbox, "other")
