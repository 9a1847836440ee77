"""`lab.states(...)`: which machine, execution or definition it shows, and what it says to wrong requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labkit.drawing.states.figure import draw_states
from labkit.errors import LabkitError, NotFound, UsageError
from labkit.sandbox import Sandbox
from tests.drawing.flows import Flows, definition, step, told
from tests.drawing.structure import texts


@pytest.fixture
def flows(sandbox: Sandbox) -> Flows:
    return Flows(sandbox)


def test_machines_and_executions_go_by_name_arn_or_latest(flows: Flows) -> None:
    arn = flows.machine("nap", {"A": step(End=True)})
    assert (
        flows.draw().title
        == flows.draw("nap").title
        == flows.draw(arn).title
        == "State machine nap (Standard)"
    )
    assert flows.draw("nap").note == ""
    first, last = flows.run(arn, name="first"), flows.run(arn, name="last")
    assert '`lab.states("nap", "latest")`' in flows.draw("nap").note
    assert flows.draw("nap", "latest").title.startswith("Execution last of nap: SUCCEEDED")
    assert flows.draw(last).title == flows.draw(execution=last).title
    for asked in ((first,), ("nap", "first"), ("nap", first), (None, "first")):
        assert flows.draw(*asked).title.startswith("Execution first of nap")


def test_a_version_and_an_alias_show_their_own_definition(flows: Flows) -> None:
    arn = flows.machine("nap", {"Old": step(End=True)})
    version = flows.states.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"]
    route = [{"stateMachineVersionArn": version, "weight": 100}]
    alias = flows.states.create_state_machine_alias(name="live", routingConfiguration=route)[
        "stateMachineAliasArn"
    ]
    flows.states.update_state_machine(
        stateMachineArn=arn, definition=json.dumps(definition({"New": step(End=True)}))
    )
    assert "New" in texts(flows.draw(arn))
    assert "Old" in texts(flows.draw(version))
    assert "Old" in texts(flows.draw(alias))


def test_an_execution_keeps_the_definition_it_began_with(flows: Flows) -> None:
    arn = flows.machine("nap", {"Old": {"Type": "Wait", "Seconds": 60, "End": True}})
    execution = flows.run(arn, seconds=1)
    flows.states.update_state_machine(
        stateMachineArn=arn, definition=json.dumps(definition({"New": step(End=True)}))
    )
    assert told(flows.draw(execution), "Old")["state"] == "running"


def test_an_execution_that_has_not_begun_says_so(flows: Flows) -> None:
    arn = flows.machine("nap", {"A": step(End=True)})
    with flows.sandbox.lock:
        execution = flows.states.start_execution(stateMachineArn=arn)["executionArn"]
    shown = flows.draw(execution)
    assert "has not begun" in shown.note or told(shown, "A")["state"] == "done"


def test_a_definition_is_drawn_before_it_is_stored(flows: Flows) -> None:
    draft = definition({"A": step(Next="B"), "B": {"Type": "Succeed"}})
    assert flows.draw(draft).note == ""
    assert flows.draw(json.dumps(draft)).twin == flows.draw(draft).twin


def test_what_aws_would_refuse_is_drawn_and_told(flows: Flows) -> None:
    shown = flows.draw(definition({"A": step(Next="Nowhere"), "B": {"Typ": "Pass"}}))
    assert shown.note.startswith("AWS would refuse it, for ")
    assert "Missing: there is no such state" in texts(shown)
    assert "Unknown: it has no Type" in texts(shown)


def test_an_express_execution_is_coloured_only_by_its_log(flows: Flows) -> None:
    silent = flows.draw(flows.run(flows.machine("quick", {"A": step(End=True)}, kind="EXPRESS")))
    assert silent.note.startswith("Express executions have no history. Turn on logging with the level ALL")
    assert "state" not in told(silent, "A")
    arn = flows.run(flows.machine("logged", {"A": step(End=True)}, kind="EXPRESS", log="/logged"))
    logged = flows.draw(arn)
    assert told(logged, "A")["state"] == "done"
    assert "this is what its log tells" in logged.note


WRONG: list[tuple[tuple[Any, ...], type[LabkitError], str]] = [
    (("npa",), NotFound, "Did you mean 'nap'"),
    (("nap", "thrid"), NotFound, "Did you mean 'third'"),
    (("idle", "latest"), UsageError, "idle has no execution yet. Start one with start_execution"),
    ((), UsageError, "Say which state machine"),
    ((7,), UsageError, "Give the name or ARN of a state machine"),
    (("nap", 7), UsageError, 'execution is a name, an ARN or "latest"'),
    (("{",), UsageError, "This is no definition. A definition is a dictionary"),
    (("[1]",), UsageError, "This is no definition"),
    (({},), UsageError, "This is no definition"),
    (
        ({"StartAt": "A", "States": {"A": {"Type": "Pass"}}}, "latest"),
        UsageError,
        "A definition has no executions",
    ),
    (
        ("arn:aws:states:eu-west-1:123456789012:execution:nap:x",),
        NotFound,
        "There is no execution named 'nap:x'",
    ),
    (
        ("arn:aws:states:eu-west-1:123456789012:stateMachine:nap:9",),
        NotFound,
        "There is no version named '9'",
    ),
    (
        ("arn:aws:states:eu-west-1:123456789012:stateMachine:nap:live",),
        NotFound,
        "There is no alias named 'live'",
    ),
]


@pytest.mark.parametrize(("asked", "kind", "said"), WRONG, ids=[said for *_, said in WRONG])
def test_a_wrong_request_names_the_cure(
    flows: Flows, asked: tuple[Any, ...], kind: type[LabkitError], said: str
) -> None:
    flows.machine("idle", {"A": step(End=True)})
    flows.run(flows.machine("nap", {"A": step(End=True)}), name="third")
    with pytest.raises(kind) as error:
        flows.draw(*asked)
    assert said in str(error.value)


def test_an_empty_account_and_a_closed_one() -> None:
    sandbox = Sandbox().start()
    with pytest.raises(UsageError, match="There is no state machine in this account yet"):
        draw_states(sandbox)
    sandbox.stop()
    with pytest.raises(LabkitError, match="This account is closed"):
        draw_states(sandbox)


def test_the_figure_can_be_saved(flows: Flows, tmp_path: Path) -> None:
    shown = flows.draw(definition({"A": step(End=True)}))
    for ending in (".svg", ".txt", ".html"):
        assert shown.save(tmp_path / f"order{ending}").stat().st_size > 50


def test_the_same_execution_gives_the_same_drawing(flows: Flows) -> None:
    flows.run(flows.machine("nap", {"A": step(End=True)}))
    assert flows.draw("nap", "latest").svg == flows.draw("nap", "latest").svg
