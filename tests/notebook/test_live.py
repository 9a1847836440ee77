from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from IPython.core.events import EventManager, available_events

from labkit.drawing.live_picture import live_picture
from labkit.drawing.live_svg import MOST_DOTS
from labkit.drawing.picture import Picture
from labkit.errors import LabkitError, NotFound
from labkit.notebook import live, shell
from labkit.notebook.console_live import ConsoleView
from labkit.notebook.live import View, watch
from labkit.notebook.live_place import clock_actions
from labkit.sandbox import Sandbox

SVG = "{http://www.w3.org/2000/svg}"


class Handle:
    def __init__(self) -> None:
        self.shown: list[Any] = []

    def update(self, thing: Any) -> None:
        self.shown.append(thing)


class Page:
    """A notebook's kernel and page, as far as a view meets them."""

    def __init__(self) -> None:
        self.kernel = object()
        self.execution_count = 1
        self.events = EventManager(self, available_events)
        self.handles: list[Handle] = []
        self.others: list[Any] = []

    def display(self, thing: Any, display_id: bool = False) -> Handle | None:
        if not display_id:
            self.others.append(thing)
            return None
        self.handles.append(Handle())
        self.handles[-1].update(thing)
        return self.handles[-1]

    def run_cell(self) -> None:
        self.execution_count += 1
        self.events.trigger("post_run_cell", None)

    @property
    def listeners(self) -> int:
        return len(self.events.callbacks["post_run_cell"])


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    page = Page()
    monkeypatch.setattr(shell, "shell", lambda: page)
    monkeypatch.setattr("IPython.display.display", page.display)
    monkeypatch.setattr(
        live, "offer_buttons", lambda actions: page.others.append([one[0] for one in actions])
    )
    yield page
    live._views.clear()


@pytest.fixture
def queue(sandbox: Sandbox) -> str:
    return str(boto3.client("sqs").create_queue(QueueName="orders")["QueueUrl"])


def send(queue: str, *bodies: str) -> None:
    for body in bodies:
        boto3.client("sqs").send_message(QueueUrl=queue, MessageBody=body)


def dots(picture: Picture) -> list[ET.Element]:
    return [one for one in ET.fromstring(picture.svg).iter() if one.get("class") == "dot"]


def texts(picture: Picture) -> list[str]:
    return ["".join(one.itertext()) for one in ET.fromstring(picture.svg).iter(f"{SVG}text")]


# -- the picture -----------------------------------------------------------------------------------


def test_every_message_is_a_dot_where_it_is(sandbox: Sandbox, queue: str) -> None:
    sqs = boto3.client("sqs")
    send(queue, "tea", "lamp", "rug")
    first = sqs.receive_message(QueueUrl=queue)["Messages"][0]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"])
    sqs.receive_message(QueueUrl=queue)
    picture = live_picture(sandbox)
    assert len(dots(picture)) == 3
    assert "orders: 1 waiting, 1 in flight, 1 done" in picture.twin
    assert "in flight: lamp (received 1 time, until " in picture.twin
    assert picture.description == "Messages: 1 waiting, 1 in flight, 1 done."


def test_dead_letters_stand_in_the_row_of_their_queue(sandbox: Sandbox, queue: str) -> None:
    sqs = boto3.client("sqs")
    sqs.create_queue(QueueName="orders-dlq")
    target = "arn:aws:sqs:eu-west-1:123456789012:orders-dlq"
    policy = json.dumps({"deadLetterTargetArn": target, "maxReceiveCount": "1"})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": policy})
    send(queue, "poison")
    for _ in range(2):
        sqs.receive_message(QueueUrl=queue, VisibilityTimeout=1)
        sandbox.clock.advance(seconds=2)
    picture = live_picture(sandbox)
    assert "orders: 0 waiting, 0 in flight, 0 done, 1 in orders-dlq" in picture.twin
    assert [one.tag for one in dots(picture)] == [f"{SVG}rect"]  # another shape, not only another colour
    assert "orders-dlq: 1 waiting" in live_picture(sandbox, "orders-dlq").twin


def test_more_than_sixty_are_a_number(sandbox: Sandbox, queue: str) -> None:
    sqs = boto3.client("sqs")
    for _ in range(MOST_DOTS // 10):
        entries = [{"Id": str(number), "MessageBody": "x"} for number in range(10)]
        sqs.send_message_batch(QueueUrl=queue, Entries=entries)
    assert len(dots(live_picture(sandbox))) == MOST_DOTS
    send(queue, "one more")
    picture = live_picture(sandbox)
    assert len(dots(picture)) == 1
    assert str(MOST_DOTS + 1) in texts(picture)


def test_the_river_counts_what_flowed(sandbox: Sandbox, queue: str) -> None:
    send(queue, "tea")
    sqs = boto3.client("sqs")
    for _ in range(3):
        sqs.receive_message(QueueUrl=queue)
        sandbox.clock.advance(seconds=10)
    picture = live_picture(sandbox)
    assert "So far: 1 sent, 1 received, 2 asked, nothing came." in picture.twin
    assert {"sent", "received", "asked, nothing came"} <= set(texts(picture))
    flows = [one for one in ET.fromstring(picture.svg).iter() if one.get("class") == "flow"]
    assert len(flows) >= 3


def test_hundreds_of_queues_show_the_busiest(sandbox: Sandbox) -> None:
    sqs = boto3.client("sqs")
    urls = [sqs.create_queue(QueueName=f"queue-{number}")["QueueUrl"] for number in range(100)]
    send(urls[77], "tea")
    picture = live_picture(sandbox)
    assert "queue-77" in texts(picture)
    assert "and 92 quieter queues" in picture.twin


def test_markup_and_long_names_are_text(sandbox: Sandbox, queue: str) -> None:
    send(queue, "<b>&" + "x" * 5000)
    picture = live_picture(sandbox)
    assert any(one.startswith("<b>&") for one in texts(picture))
    assert max(map(len, texts(picture))) < 80
    assert len(picture.text()) < 800


def test_an_empty_account_and_an_unknown_resource(sandbox: Sandbox, queue: str) -> None:
    with pytest.raises(NotFound, match="'orders'"):
        live_picture(sandbox, "order")
    boto3.client("sqs").delete_queue(QueueUrl=queue)
    sandbox.reset()
    assert "There is no queue in this account yet." in live_picture(sandbox).text()


def test_a_resource_that_is_no_queue_has_a_river(sandbox: Sandbox) -> None:
    dynamodb = boto3.client("dynamodb")
    with pytest.raises(dynamodb.exceptions.ResourceNotFoundException):
        dynamodb.describe_table(TableName="ledger")
    assert "1 failed" in live_picture(sandbox, "ledger").twin


def test_looking_changes_nothing(sandbox: Sandbox, queue: str) -> None:
    send(queue, "tea")
    before = sandbox.digest(), len(sandbox.trace), sandbox.clock.waiting
    live_picture(sandbox)
    watch(sandbox)
    assert (sandbox.digest(), len(sandbox.trace), sandbox.clock.waiting) == before


# -- the view --------------------------------------------------------------------------------------


def test_without_a_front_end_it_is_a_picture_of_the_moment(sandbox: Sandbox, queue: str) -> None:
    send(queue, "tea")
    view = watch(sandbox, "orders")
    assert not view.running
    assert "1 waiting" in repr(view)
    assert "text/html" in view._repr_mimebundle_()
    view.stop()


def test_it_is_shown_at_once_and_redrawn_after_each_cell(sandbox: Sandbox, queue: str, page: Page) -> None:
    view = watch(sandbox)
    [handle] = page.handles
    send(queue, "tea")
    page.run_cell()
    assert "1 waiting" in handle.shown[-1].text()
    assert view.picture is handle.shown[-1]
    assert "Redraw" in page.others[0]


def test_as_the_result_of_its_cell_it_is_not_shown_twice(sandbox: Sandbox, queue: str, page: Page) -> None:
    view = watch(sandbox)
    view._ipython_display_()
    assert len(page.handles) == 1
    page.run_cell()
    view._ipython_display_()  # in a later cell: from now on it is there
    assert len(page.handles) == 2
    send(queue, "tea")
    page.run_cell()
    assert "1 waiting" in page.handles[1].shown[-1].text()
    assert "1 waiting" not in page.handles[0].shown[-1].text()


def test_stop_leaves_the_picture_as_it_is(sandbox: Sandbox, queue: str, page: Page) -> None:
    view = watch(sandbox)
    view.stop()
    view.stop()
    send(queue, "tea")
    page.run_cell()
    assert len(page.handles[0].shown) == 1
    assert page.listeners == 0
    assert live._views == {}


def test_a_second_call_for_the_same_resource_replaces_the_first(
    sandbox: Sandbox, queue: str, page: Page
) -> None:
    first = watch(sandbox, "orders")
    second = watch(sandbox, queue)
    other = watch(sandbox)
    assert [first.running, second.running, other.running] == [False, True, True]
    assert page.listeners == 2


def test_a_reset_account_is_shown_empty_and_then_anew(sandbox: Sandbox, queue: str, page: Page) -> None:
    view = watch(sandbox, "orders")
    sandbox.reset()
    page.run_cell()
    assert "not in the account any more" in page.handles[0].shown[-1].text()
    send(boto3.client("sqs").create_queue(QueueName="orders")["QueueUrl"], "tea")
    page.run_cell()
    assert "1 waiting" in view.text()


def test_another_lab_leaves_no_callback(page: Page) -> None:
    with Sandbox() as first:
        old = watch(first)
    with Sandbox() as second:
        page.run_cell()
        assert not old.running
        assert page.listeners == 0
        assert watch(second).running
        assert list(live._views.values()) != [old]


def test_a_new_view_in_another_lab_stops_the_old_ones_at_once(page: Page) -> None:
    with Sandbox() as first:
        old = watch(first)
    with Sandbox() as second:
        watch(second)
        assert not old.running
        assert page.listeners == 1


def test_our_own_fault_stops_the_view_and_not_the_cell(
    sandbox: Sandbox, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = watch(sandbox)

    def broken(*args: Any) -> Picture:
        raise ZeroDivisionError

    monkeypatch.setattr(live, "live_picture", broken)
    page.run_cell()
    assert not view.running
    assert "our fault" in page.handles[0].shown[-1].text()


def test_a_closed_account_cannot_be_watched() -> None:
    with Sandbox() as sandbox:
        pass
    with pytest.raises(LabkitError, match="Run the setup cell"):
        watch(sandbox)


# -- buttons ---------------------------------------------------------------------------------------


def test_buttons_move_the_clock_as_a_call_does(sandbox: Sandbox, queue: str) -> None:
    redrawn: list[int] = []
    actions = {label: act for label, _, act in clock_actions(sandbox, lambda: redrawn.append(1))}
    before = sandbox.clock.time()
    assert "The clock moved 5 min." in actions["+5 min"]().text()
    assert sandbox.clock.time() - before == pytest.approx(300, abs=2)
    assert redrawn == [1]


def test_to_the_next_event(sandbox: Sandbox, queue: str) -> None:
    actions = {label: act for label, _, act in clock_actions(sandbox, lambda: None)}
    assert "Nothing is due" in actions["To the next event"]().text()
    send(queue, "tea")
    boto3.client("sqs").receive_message(QueueUrl=queue, VisibilityTimeout=600)
    actions["To the next event"]()
    assert [event.action for event in sandbox.trace.last(1)] == ["MessageVisible"]


def test_a_button_of_a_closed_account_says_what_to_do(sandbox: Sandbox) -> None:
    actions = clock_actions(sandbox, lambda: None)
    sandbox.stop()
    with pytest.raises(LabkitError, match="Run the setup cell"):
        actions[0][2]()


def test_the_console_is_redrawn_where_it_stands(sandbox: Sandbox, page: Page) -> None:
    view = ConsoleView(sandbox)
    view._ipython_display_()
    boto3.client("sqs").create_queue(QueueName="new-one")
    view.redraw()
    assert "new-one" in page.handles[0].shown[-1].text()
    [row] = page.others
    assert "Look again does lab.console()" in repr(row)


def test_a_view_has_every_form(sandbox: Sandbox, queue: str) -> None:
    view: View = watch(sandbox)
    bundle = view._repr_mimebundle_()
    assert {"text/html", "text/plain", "application/vnd.labkit.figure+json"} <= set(bundle)
