"""`lab.states(...)`: a state machine as a figure, coloured by an execution when one is given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from labkit.drawing.picture import Picture
from labkit.drawing.render import NoRenderer
from labkit.drawing.states import account, words
from labkit.drawing.states.graph import Graph, readable
from labkit.drawing.states.history import History
from labkit.drawing.states.layout import planned
from labkit.drawing.states.outcome import Outcome, length, shortened
from labkit.drawing.states.paint import paint
from labkit.drawing.timeline_words import clock_time, moment, times
from labkit.errors import LabkitError, UsageError
from labkit.judging.card import plural

if TYPE_CHECKING:
    from labkit.drawing.states.account import Execution
    from labkit.sandbox import Sandbox

_PROBLEMS: Final = 3
_NO_DEFINITION: Final = (
    "A definition is a dictionary (or its JSON) with StartAt and States, "
    'for example {"StartAt": "Pack", "States": {"Pack": {"Type": "Pass", "End": True}}}.'
)


def draw_states(
    sandbox: Sandbox,
    machine: str | dict[str, Any] | None = None,
    execution: str | None = None,
    data: bool = True,
) -> Picture:
    """A state machine of the account (name or ARN), one of its executions (ARN), or a definition not stored yet.

    `execution` is the name or ARN of an execution, or "latest". Its arrows say what is new in the data that
    went along, unless `data=False`.
    Raises `NotFound` for an unknown machine or execution, `UsageError` for what is no definition.
    """
    if not sandbox.running:
        raise LabkitError('This account is closed. Open the lab again: lab = labkit.open("14").')
    if machine is not None and not isinstance(machine, (str, dict)):
        raise UsageError(
            f'Give the name or ARN of a state machine, for example lab.states("order-flow"). It is {machine!r}.'
        )
    if execution is not None and not isinstance(execution, str):
        raise UsageError(f'execution is a name, an ARN or "latest". It is {execution!r}.')
    with sandbox.lock:
        sandbox.clock.catch_up()
        if isinstance(machine, dict) or (machine is not None and machine.lstrip()[:1] in ("{", "[")):
            if execution is not None:
                raise UsageError(
                    "A definition has no executions. Give the name of its state machine instead."
                )
            return _definition(machine)
        if machine is not None and account.is_execution(machine):
            if execution is not None:
                raise UsageError("The first argument names an execution already: leave the other one out.")
            return _execution(account.execution_at(machine), sandbox.clock.time(), data)
        if machine is None and execution is not None and account.is_execution(execution):
            return _execution(account.execution_at(execution), sandbox.clock.time(), data)
        found = account.machine_at(machine)
        if execution is not None:
            return _execution(account.execution_of(found, execution), sandbox.clock.time(), data)
        definition = readable(account.version_text(found, machine))
        title = f"State machine {shortened(found.name, 80)} ({found.type.capitalize()})"
        note = _how_to_colour(found)
    if definition is None:
        raise UsageError(f"The definition of {found.name} cannot be read. {_NO_DEFINITION}")
    return picture(Graph(definition), None, title, note)


def live_states(sandbox: Sandbox, name: str) -> Picture | None:
    """A state machine with its latest execution, or an execution, for a view that follows it; None for other names."""
    found = account.named(name)
    if found is None:
        return None
    machine, execution = found
    return draw_states(sandbox, machine.arn, execution.arn if execution else None)


def _how_to_colour(machine: account.Machine) -> str:
    if not machine.executions:
        return ""
    count = plural(len(machine.executions), "execution")
    return f'It has {count}. To see what the last one did: `lab.states("{machine.name}", "latest")`'


def _definition(told: str | dict[str, Any]) -> Picture:
    """A definition that is not stored: drawn as far as it can be, with the problems AWS would name."""
    from labkit.sandbox.states.definition import diagnose

    found = readable(told)
    if found is None:
        raise UsageError(f"This is no definition. {_NO_DEFINITION}")
    text = told if isinstance(told, str) else json.dumps(told, default=str)
    wrong = [one for one in diagnose(text) if one.severity == "ERROR"]
    note = ""
    if wrong:
        listed = " ".join(
            f"{shortened(f'{one.location}: {one.message}'.lstrip(': '), 160).rstrip('.')}."
            for one in wrong[:_PROBLEMS]
        )
        more = f" And {len(wrong) - _PROBLEMS:,} more." if len(wrong) > _PROBLEMS else ""
        note = f"AWS would refuse it, for {plural(len(wrong), 'reason')}. {listed}{more}"
    return picture(Graph(found), None, "A definition", note)


def _execution(one: Execution, now: float, data: bool) -> Picture:
    run = one.run
    graph = Graph(run.definition)
    name = f"Execution {account.called(one.name)} of {shortened(one.machine, 60)}"
    if not one.told:
        return picture(graph, None, f"{name}: {one.status}", account.NO_HISTORY)
    history = History(one.events, run.status, graph.errors, graph.again)
    outcome = Outcome(graph, history, now, run.map_runs)
    return picture(graph, outcome, f"{name}: {_status(run, now)}", _remark(run, history), data)


def _status(run: Any, now: float) -> str:
    end = run.ended or now
    took = length(end - run.started)
    if run.status == "RUNNING":
        return f"RUNNING for {took}"
    error = f" with {shortened(run.error, 60)}" if run.error else ""
    return f"{run.status}{error} after {took}"


def _remark(run: Any, history: History) -> str:
    told = []
    if run.express:
        told.append("An Express execution keeps no history: this is what its log tells.")
    if not history.visits and run.status == "RUNNING":
        told.append(f"It was started at {clock_time(run.started)} UTC and has not begun: move the clock.")
    if history.redrives:
        told.append(f"Redriven {times(history.redrives)}, last at {moment(run.redriven)} UTC.")
    return " ".join(told)


def picture(graph: Graph, outcome: Outcome | None, title: str, note: str = "", data: bool = True) -> Picture:
    """The figure, or its words with one line that says why there is no drawing."""
    drawing = ""
    try:
        drawing = paint(graph, outcome, planned(graph, outcome, data))
    except NoRenderer as error:
        note = f"{note} {error}".strip()
    return Picture(
        drawing, title, words.notice(graph, outcome), words.twin(graph, outcome), "states", note,
        words.payload(graph, outcome),
    )  # fmt: skip
