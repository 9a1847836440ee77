"""`lab.states(...)`, and `lab.timeline`, `lab.watch` and `lab.draw` of state machines, as a learner calls them."""

from __future__ import annotations

import inspect

import pytest

from labkit.errors import LabkitError, UsageError
from labkit.lab import Lab
from tests.drawing.flows import BOUGHT, ORDER, Flows


def test_one_execution_in_all_its_figures(lab: Lab) -> None:
    flows = Flows(lab.sandbox)
    flows.queues("mails", "refunds")
    arn = flows.run(flows.machine("order-flow", ORDER), BOUGHT)
    assert lab.states().title == "State machine order-flow (Standard)"
    assert "4 attempts, caught" in repr(lab.states(arn))
    assert repr(lab.states("order-flow", "latest")) == repr(lab.states(execution=arn))
    assert "+ check {ok}" in lab.states(arn).svg
    assert "+ check {ok}" not in lab.states(arn, data=False).svg
    assert "tried again after 2 s, 4 s, 8 s" in " ".join(repr(lab.timeline("order-flow")).split())
    assert "4 attempts, caught" in lab.watch("order-flow").text()
    assert "standard, 16 states; 1 run; works with the role flows; 1 failed" in repr(lab.draw())
    assert "- order-flow -> mails: calls; 1 SendMessage" in repr(lab.draw())


def test_a_draft_needs_no_state_machine(lab: Lab) -> None:
    draft = {"StartAt": "Pack", "States": {"Pack": {"Type": "Pass", "End": True}}}
    assert "Start -> Pack" in repr(lab.states(draft))
    with pytest.raises(UsageError, match="There is no state machine in this account yet"):
        lab.states()


def test_a_closed_lab_says_how_to_open_it(lab: Lab) -> None:
    lab.sandbox.stop()
    with pytest.raises(LabkitError, match="Open it again"):
        lab.states()


def test_its_help_shows_the_calls() -> None:
    told = inspect.getdoc(Lab.states) or ""
    assert 'lab.states("order-flow")' in told
    assert "lab.states(execution_arn)" in told
