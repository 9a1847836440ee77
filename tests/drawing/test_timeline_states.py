"""`lab.timeline("order-flow")`: attempts, the waits between them, items of a Map, and what is not known."""

from __future__ import annotations

from datetime import timedelta

import pytest

from labkit.drawing.lanes import states
from labkit.drawing.picture import Picture
from labkit.drawing.states.account import Execution, machines
from labkit.drawing.timeline import timeline
from labkit.drawing.timeline_axis import Axis
from labkit.drawing.timeline_history import happened
from labkit.drawing.timeline_model import Lane, Story
from labkit.errors import NotFound
from labkit.sandbox import Sandbox
from tests.drawing.flows import BOUGHT, ORDER, RETRY, Flows, catch, send, step
from tests.drawing.structure import texts


@pytest.fixture
def flows(sandbox: Sandbox) -> Flows:
    return Flows(sandbox)


def story(flows: Flows, name: str = "") -> Story:
    return states.story(happened(flows.sandbox, name))


def lane(told: Story, name: str) -> Lane:
    [found] = [one for one in told.lanes if one.name == name]
    return found


def waits(one: Lane) -> list[str]:
    return [bar.said for bar in one.bars if bar.state == "retry"]


def test_every_attempt_is_a_bar_and_every_wait_has_its_length(flows: Flows) -> None:
    flows.queues("mails", "refunds")
    flows.run(flows.machine("order", ORDER), BOUGHT)
    charge = lane(story(flows), "Charge card")
    assert waits(charge) == ["waits 2 s", "waits 4 s", "waits 8 s"]
    assert [mark.text for mark in charge.marks] == ["1", "2", "3", "4", ""]
    assert [mark.sign for mark in charge.marks] == ["failed"] * 4 + ["caught"]
    assert charge.detail == "Task, 4 attempts"
    picture = timeline(flows.sandbox, "order")
    assert "Charge card was tried again after 2 s, 4 s, 8 s." in picture.description
    assert {"waits 2 s", "waits 4 s", "waits 8 s"} <= set(texts(picture))
    assert "waits 8 s), attempt 4 failed" in " ".join(picture.twin.split())


def test_the_figure_ends_where_the_execution_does(flows: Flows) -> None:
    flows.queues("bank", "mails", "refunds")
    machine = flows.machine("order", ORDER)
    flows.run(machine, BOUGHT, name="done", hours=20)
    over = timeline(flows.sandbox, "order")
    assert "now" not in texts(over)
    assert lane(story(flows), "Cool down").bars[0].said == "waits 1 h"
    flows.run(machine, BOUGHT, name="going", minutes=10)
    going = timeline(flows.sandbox, "order")
    assert "now" in texts(going)
    assert "Cool down [Wait]: now waiting." in going.twin
    assert going.description.startswith("It is RUNNING.")


def test_the_latest_execution_is_shown_and_others_by_name_or_arn(flows: Flows) -> None:
    machine = flows.machine("nap", {"Nap": {"Type": "Wait", "Seconds": 5, "End": True}})
    first, last = flows.run(machine, name="first"), flows.run(machine, name="last")
    assert timeline(flows.sandbox, "nap").title.startswith("Execution last of nap: 1 state")
    assert "This is the latest of 2 executions" in timeline(flows.sandbox, machine).description
    for name in (first, "first", "nap:first"):
        picture = timeline(flows.sandbox, name)
        assert picture.title.startswith("Execution first of nap")
        assert "latest" not in picture.description
    assert timeline(flows.sandbox, last).title.startswith("Execution last")
    assert timeline(flows.sandbox, kind="states").title.startswith("Execution last")


def test_items_of_a_map_have_lanes_of_their_own(flows: Flows) -> None:
    each = {
        "Each": {"Type": "Map", "End": True, "ItemProcessor": {
            "StartAt": "Nap", "States": {"Nap": {"Type": "Wait", "Seconds": 5, "Next": "One"}, "One": step(End=True)}}}
    }  # fmt: skip
    flows.run(flows.machine("map", each), [1, 2])
    assert [one.name for one in story(flows).lanes] == ["Each", "Nap [0]", "Nap [1]", "One [0]", "One [1]"]
    assert lane(story(flows), "Nap [1]").detail == "Wait, item 1"


def test_many_items_leave_the_busiest_lanes(flows: Flows) -> None:
    each = {
        "Each": {
            "Type": "Map",
            "End": True,
            "ItemProcessor": {"StartAt": "One", "States": {"One": step(End=True)}},
        }
    }
    flows.run(flows.machine("map", each), list(range(60)))
    assert "The 21 least busy are left out." in timeline(flows.sandbox, "map").description


def test_jitter_is_told_in_parts_of_seconds(flows: Flows) -> None:
    retry = RETRY | {"JitterStrategy": "FULL", "MaxDelaySeconds": 3}
    flows.run(flows.machine("jitter", {"Send": send("bank", Retry=[retry], End=True)}))
    told = waits(lane(story(flows), "Send"))
    assert len(told) == 3
    assert all(0 <= float(one.split()[1]) <= 8 for one in told)


def test_a_redrive_is_no_wait_for_a_retry(flows: Flows) -> None:
    arn = flows.run(flows.machine("again", {"Send": send("bank", Retry=[RETRY], End=True)}))
    flows.queues("bank")
    flows.states.redrive_execution(executionArn=arn)
    flows.sandbox.clock.advance(seconds=1)
    found = lane(story(flows), "Send")
    assert waits(found) == ["waits 2 s", "waits 4 s", "waits 8 s"]
    assert "redriven later" in " ".join(mark.more for mark in found.marks)
    assert found.marks[-1].sign == "done"


def test_what_waits_for_its_next_attempt_says_so(flows: Flows) -> None:
    flows.run(flows.machine("slow", {"Send": send("bank", Retry=[RETRY], End=True)}), seconds=3)
    assert lane(story(flows), "Send").now == "now waiting for the next attempt"
    assert timeline(flows.sandbox, "slow").description.startswith("It is RUNNING.")


def test_one_failure_without_retry_is_one_sign(flows: Flows) -> None:
    flows.run(flows.machine("once", {"Send": send("bank", Catch=[catch("Stop")], Next="Stop"),
                                     "Stop": {"Type": "Fail", "Error": "Enough"}}))  # fmt: skip
    assert [mark.sign for mark in lane(story(flows), "Send").marks] == ["caught"]
    [stop] = lane(story(flows), "Stop").marks
    assert (stop.sign, stop.more) == ("error", "Enough")
    assert "Nothing had to be tried again." in timeline(flows.sandbox, "once").description


def test_short_retries_stay_visible_beside_a_long_wait() -> None:
    axis = Axis([0, 2, 6, 14, 3614], 0, 3614, 722, "steps")
    assert axis.at(2) > 60


def test_since_leaves_out_what_was_over(flows: Flows) -> None:
    flows.queues("bank", "mails", "refunds")
    flows.run(flows.machine("order", ORDER), BOUGHT, minutes=70)
    told = timeline(flows.sandbox, "order", since=timedelta(minutes=30))
    assert "Thank you" in told.twin
    assert "Check order" not in told.twin


def test_a_queue_of_the_same_name_comes_first(flows: Flows) -> None:
    flows.run(flows.machine("orders", {"A": step(End=True)}))
    assert timeline(flows.sandbox, "orders").title.startswith("Execution run-1 of orders")
    flows.queues("orders")
    assert "Execution" not in timeline(flows.sandbox, "orders").title
    assert timeline(flows.sandbox, "orders", "states").title.startswith("Execution run-1 of orders")


def test_an_express_execution_has_no_history_but_perhaps_a_log(flows: Flows) -> None:
    flows.run(flows.machine("quick", {"A": step(End=True)}, kind="EXPRESS"))
    silent = timeline(flows.sandbox, "quick")
    assert (silent.drawing, silent.twin) == ("", "")
    assert "Turn on logging with the level ALL" in silent.description
    flows.run(flows.machine("told", {"A": step(End=True)}, kind="EXPRESS", log="/told"))
    assert "A [Pass]: done" in timeline(flows.sandbox, "told").twin


def test_what_nobody_knows_gets_the_nearest_names(flows: Flows) -> None:
    flows.machine("idle", {"A": step(End=True)})
    assert timeline(flows.sandbox, kind="states").description == "No state machine has run yet."
    assert timeline(flows.sandbox, "idle").description == "idle has no execution yet."
    flows.run(flows.machine("order", {"A": step(End=True)}))
    with pytest.raises(NotFound, match="Did you mean 'order'"):
        timeline(flows.sandbox, "ordr", "states")


def test_learners_text_is_escaped(flows: Flows) -> None:
    bad = {"<b>&": {"Type": "Fail", "Error": "<i>", "Cause": "</svg>"}}
    flows.run(flows.machine("bad", bad), {"<a>": "]]>"}, name="run-1")
    picture: Picture = timeline(flows.sandbox, "bad")
    assert "<b>&" in texts(picture)
    assert "<b>" not in picture.html()


def test_looking_changes_nothing(flows: Flows) -> None:
    flows.run(flows.machine("order", ORDER), BOUGHT)
    before = len(list(flows.sandbox.trace))
    timeline(flows.sandbox, "order")
    flows.draw("order", "latest")
    assert len(list(flows.sandbox.trace)) == before
    found: Execution = machines()[0].executions[0]
    assert found.events == found.events
