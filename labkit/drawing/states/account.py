"""State machines and executions of the account, as figures need them. Looking records nothing and changes nothing.

The events are those that GetExecutionHistory gives. Express executions have no history: AWS shows them from their
logs, so here too they are shown only when their level is ALL
(https://docs.aws.amazon.com/step-functions/latest/dg/concepts-view-execution-details.html).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from labkit.drawing.queue_state import backends
from labkit.drawing.timeline_words import cut
from labkit.errors import NotFound, UsageError
from labkit.sandbox.trace import short_name

_MADE_UP: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LATEST: Final = "latest"
NO_HISTORY: Final = (
    "Express executions have no history. Turn on logging with the level ALL and start another one: "
    "then this figure shows what it did."
)


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution. `run` is what the account keeps of it: its definition, status and events."""

    arn: str
    name: str
    machine: str
    run: Any

    @property
    def status(self) -> str:
        """Such as RUNNING or SUCCEEDED."""
        return str(self.run.status)

    @property
    def told(self) -> bool:
        """Whether anybody may know what it did."""
        return not self.run.express or self.run.logging.get("level") == "ALL"

    @property
    def events(self) -> list[dict[str, Any]]:
        """Its history; without the data when only the log tells it and leaves them out."""
        if not self.told:
            return []
        if self.run.express and not self.run.logging.get("data"):
            return [_without_data(one) for one in self.run.history]
        return list(self.run.history)


def _without_data(event: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {key: told for key, told in value.items() if key not in ("input", "output", "parameters")}
        if name.endswith("EventDetails") and isinstance(value, dict) else value
        for name, value in event.items()
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Machine:
    """A state machine and its executions, the oldest first. `text` is its definition.

    `children` are the child executions of its Distributed Maps.
    """

    arn: str
    name: str
    type: str
    text: str
    executions: tuple[Execution, ...]
    kept: Any
    children: tuple[Execution, ...] = ()


def machines() -> list[Machine]:
    """All state machines of the account, in the order they were made."""
    return list(_machines())


def _machines() -> Iterator[Machine]:
    for _, _, backend in backends("stepfunctions"):
        children = _children(backend)
        for kept in backend.state_machines:
            name = str(kept.name)
            executions = tuple(
                Execution(str(one.execution_arn), str(one.name), name, one.labkit_run)
                for one in kept.executions
                if getattr(one, "labkit_run", None) is not None
            )
            text = kept.definition if isinstance(kept.definition, str) else json.dumps(kept.definition)
            below = tuple(one for one in children if one.machine.partition("/")[0] == name)
            yield Machine(str(kept.arn), name, str(kept.type or "STANDARD"), text, executions, kept, below)


def _children(backend: Any) -> list[Execution]:
    """The executions that a Distributed Map has begun: their ARN names the state machine and the map."""
    index = getattr(backend, "labkit_executions", {})
    return [
        Execution(arn, str(one.name), arn.split(":")[6], one.labkit_run)
        for arn, one in index.items()
        if "/" in arn.split(":")[6] and getattr(one, "labkit_run", None) is not None
    ]


def called(name: str) -> str:
    """The name of an execution as figures show it. One that AWS made up is told by its beginning."""
    return f"{name[:8]}..." if _MADE_UP.fullmatch(name) else cut(name, 60)


def is_execution(told: str) -> bool:
    """Whether a text is the ARN of an execution."""
    parts = told.split(":")
    return len(parts) > 7 and parts[2] == "states" and parts[5] in ("execution", "express")


def named(name: str) -> tuple[Machine, Execution | None] | None:
    """The state machine of a name, or the one of an execution whose ARN ends so; with the latest or that execution."""
    for machine in machines():
        if name == machine.name:
            return machine, next(reversed(machine.executions), None)
        for one in machine.executions:
            if short_name(one.arn) == name:
                return machine, one
    return None


def _plain(told: str) -> str:
    """The ARN of a state machine without version or alias."""
    parts = told.split(":")
    return (
        ":".join(parts[:7])
        if told.startswith("arn:") and len(parts) > 7 and parts[5] == "stateMachine"
        else told
    )


def machine_at(told: str | None) -> Machine:
    """The state machine of that name or ARN, or the only one. Raises `NotFound` with the nearest names."""
    found = machines()
    if told is None:
        if not found:
            raise UsageError(
                "There is no state machine in this account yet. Make one with create_state_machine, "
                "or give a definition: lab.states(definition)."
            )
        if len(found) > 1:
            names = ", ".join(machine.name for machine in found[:6])
            raise UsageError(
                f'Say which state machine, for example lab.states("{found[-1].name}"). There are: {names}.'
            )
        return found[0]
    wanted = _plain(told)
    for machine in found:
        if wanted in (machine.arn, machine.name):
            return machine
    raise NotFound("state machine", cut(short_name(wanted), 120), [machine.name for machine in found])


def execution_of(machine: Machine, told: str) -> Execution:
    """An execution of a state machine: its name, its ARN, or "latest". Raises `NotFound` or `UsageError`."""
    if not machine.executions:
        raise UsageError(
            f"{machine.name} has no execution yet. Start one with start_execution, or leave execution out: "
            f'lab.states("{machine.name}").'
        )
    if told == LATEST:
        return machine.executions[-1]
    for one in reversed(machine.executions):
        if told in (one.arn, one.name):
            return one
    raise NotFound(
        "execution", cut(short_name(told), 120), [*(one.name for one in machine.executions), LATEST]
    )


def execution_at(arn: str) -> Execution:
    """The execution with that ARN, also a child execution of a Distributed Map."""
    found = machines()
    everything = [one for machine in found for one in machine.executions]
    for one in (*everything, *(child for machine in found for child in machine.children)):
        if one.arn == arn:
            return one
    known = [f"{one.machine}:{one.name}" for one in everything]
    raise NotFound("execution", cut(short_name(arn), 120), known)


def version_text(machine: Machine, told: str | None) -> str:
    """The definition that an ARN names: the one of a version or alias, or the newest."""
    qualifier = (told or "").split(":")[7] if (told or "") != _plain(told or "") else ""
    kept = machine.kept
    versions = getattr(kept, "versions", {}) or {}
    if qualifier and not qualifier.isdigit():
        alias = (getattr(kept, "aliases", {}) or {}).get(qualifier)
        if alias is None:
            raise NotFound("alias", cut(qualifier, 80), list(getattr(kept, "aliases", {}) or {}))
        qualifier = str(alias.routing_configuration[0]["stateMachineVersionArn"]).rpartition(":")[2]
    if qualifier:
        version = versions.get(int(qualifier))
        if version is None:
            raise NotFound("version", qualifier, [str(one) for one in versions])
        return str(version.definition)
    return machine.text
