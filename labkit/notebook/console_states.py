"""State machines as tables of the console; their executions for who asks for Step Functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from labkit.drawing.queue_state import backends
from labkit.drawing.states import account
from labkit.drawing.states.graph import Graph, readable
from labkit.drawing.states.outcome import length
from labkit.drawing.timeline_words import cut, date_of, moment
from labkit.notebook.console_section import LONGEST, Section, alerting, elsewhere

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox

Row = tuple[str, ...]
_SHORT: Final = 30
_FINE: Final = ("no execution yet", "running", "succeeded")


def sections(sandbox: Sandbox) -> Iterator[Section]:
    """State machines and activities; executions, the newest first, only for who asks for them."""
    machines = account.machines()
    rows = [_machine(sandbox, one) for one in machines]
    columns: tuple[str, ...] = (
        "state machine",
        "type",
        "#states",
        "#executions",
        "#running",
        "#failed",
        "the latest",
    )
    yield Section(
        "stepfunctions", "AWS Step Functions", columns, tuple(rows), ("state machine", "state machines"),
        alerting(rows, _FINE),
    )  # fmt: skip
    yield _activities(sandbox)
    now = sandbox.clock.time()
    ran = sorted((one for each in machines for one in each.executions), key=lambda one: -one.run.started)
    told = [_execution(one, now) for one in ran]
    columns = ("execution", "state machine", "started", "took", "error", "state")
    yield Section(
        "stepfunctions", "Executions", columns, tuple(told), ("execution", "executions"), alerting(told, _FINE), True
    )  # fmt: skip


def _machine(sandbox: Sandbox, machine: account.Machine) -> Row:
    parts = machine.arn.split(":")
    counts = Counter(one.status for one in machine.executions)
    failed = sum(count for status, count in counts.items() if status not in ("RUNNING", "SUCCEEDED"))
    definition = readable(machine.text)
    states = len(Graph(definition).states) if definition is not None else 0
    last = machine.executions[-1].status.lower().replace("_", " ") if machine.executions else _FINE[0]
    return (
        cut(machine.name, LONGEST) + elsewhere(sandbox, parts[4], parts[3]), machine.type.lower(), f"{states:,}",
        f"{len(machine.executions):,}", f"{counts['RUNNING']:,}", f"{failed:,}", last,
    )  # fmt: skip


def _execution(one: account.Execution, now: float) -> Row:
    run = one.run
    error = cut(run.error, _SHORT) if run.error else ""
    return (
        cut(one.name, LONGEST), cut(one.machine, _SHORT), moment(run.started, date_of(now)),
        length((run.ended or now) - run.started), error, one.status.lower().replace("_", " "),
    )  # fmt: skip


def _activities(sandbox: Sandbox) -> Section:
    rows = []
    for where, region, backend in backends("stepfunctions"):
        for one in getattr(backend, "activities", {}).values():
            rows.append((cut(one.name, LONGEST) + elsewhere(sandbox, where, region),))
    return Section("stepfunctions", "Activities", ("activity",), tuple(rows), ("activity", "activities"))
