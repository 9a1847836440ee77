"""State machines in `lab.console()` and `lab.watch()`."""

from __future__ import annotations

import pytest

from labkit.drawing.live_picture import live_picture
from labkit.judging.card import WIDTH
from labkit.notebook.console import Console, console
from labkit.notebook.live import watch
from labkit.sandbox import Sandbox
from tests.drawing.flows import BOUGHT, ORDER, RETRY, Flows, send, step


@pytest.fixture
def flows(sandbox: Sandbox) -> Flows:
    flows = Flows(sandbox)
    flows.queues("mails", "refunds")
    flows.machine("idle", {"A": step(End=True)}, kind="EXPRESS")
    machine = flows.machine("order", ORDER)
    flows.run(machine, BOUGHT, name="first")
    flows.run(
        flows.machine("wait", {"Nap": {"Type": "Wait", "Seconds": 900, "End": True}}), name="nap", minutes=5
    )
    flows.run(machine, BOUGHT | {"method": "gold"}, name="second", seconds=1)
    flows.states.create_activity(name="pack")
    return flows


def rows(card: Console, title: str) -> list[list[str]]:
    [section] = [one for one in card.sections if one.title == title]
    return [list(row) for row in section.rows]


def test_state_machines_with_what_became_of_their_executions(flows: Flows) -> None:
    card = console(flows.sandbox)
    assert rows(card, "AWS Step Functions") == [
        ["idle", "express", "1", "0", "0", "0", "no execution yet"],
        ["order", "standard", "16", "2", "0", "2", "failed"],
        ["wait", "standard", "1", "1", "1", "0", "running"],
    ]
    [section] = [one for one in card.sections if one.title == "AWS Step Functions"]
    assert section.alerts == {1}
    assert rows(card, "Activities") == [["pack"]]
    assert "Executions" not in [one.title for one in card.sections]
    assert max(map(len, card.text().splitlines())) <= WIDTH + 40


def test_executions_are_for_who_asks_for_step_functions(flows: Flows) -> None:
    card = console(flows.sandbox, "stepfunctions")
    found = rows(card, "Executions")
    assert [row[0] for row in found] == ["second", "nap", "first"]
    assert found[0][1] == "order"
    assert found[0][-2:] == ["UnknownPaymentMethod", "failed"]
    assert found[1][3].startswith("5 min")
    assert found[1][4:] == ["", "running"]
    assert console(flows.sandbox, "state_machine").sections == card.sections


def test_a_view_follows_the_latest_execution(sandbox: Sandbox) -> None:
    flows = Flows(sandbox)
    machine = flows.machine("slow", {"Send": send("bank", Retry=[RETRY], End=True)})
    view = watch(sandbox, "slow")
    assert view.picture.title == "State machine slow (Standard)"
    arn = flows.run(machine, name="one", seconds=3)
    assert "waits to try again" in view.redraw().text()
    flows.queues("bank")
    sandbox.clock.advance(seconds=5)
    assert "done, 3 attempts" in view.redraw().text()
    assert live_picture(sandbox, "slow:one").title == watch(sandbox, arn).picture.title


def test_a_queue_of_the_same_name_is_watched_first(sandbox: Sandbox) -> None:
    flows = Flows(sandbox)
    flows.machine("orders", {"A": step(End=True)})
    flows.queues("orders")
    assert live_picture(sandbox, "orders").kind == "live"
