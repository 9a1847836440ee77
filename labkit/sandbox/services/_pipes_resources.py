"""Pipes as resources: made, changed, started, stopped, deleted, and how the pollers see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from labkit.sandbox import current, stores
from labkit.sandbox.pollers import readers, streams
from labkit.sandbox.pollers.outcomes import Outcome
from labkit.sandbox.pollers.readers import Kind, Reader, Reading, Streaming
from labkit.sandbox.services import _pipes_flow as flow
from labkit.sandbox.services import _pipes_rules as rules

Pipe = Any
Backend = Any

_FIELDS: Final = {
    "role_arn": "RoleArn", "source": "Source", "target": "Target", "source_parameters": "SourceParameters",
    "target_parameters": "TargetParameters", "enrichment": "Enrichment",
    "enrichment_parameters": "EnrichmentParameters",
}  # fmt: skip
_CHANGEABLE: Final = (
    "role_arn", "description", "source_parameters", "enrichment", "enrichment_parameters", "target",
    "target_parameters", "log_configuration", "kms_key_identifier",
)  # fmt: skip
_MOST: Final = 1_250


def register() -> None:
    """Tell the pollers about pipes."""
    readers.reads("pipes", Kind(_reading, _find, _view))


# -- the resource ------------------------------------------------------------------------------------


def create(original: Callable[..., Pipe], backend: Backend, given: dict[str, Any]) -> Pipe:
    """A new pipe."""
    rules.check_name(given["name"], given["name"] in backend.pipes)
    rules.check({name: given.get(field) for field, name in _FIELDS.items()})
    pipe: Pipe = original(backend, **given)
    pipe.reading = Reading(began=current().clock.time())
    pipe.status = "CREATING"
    if rules.kind_of(pipe.source) != "sqs":
        streams.begin(_view(_identifier(pipe), pipe))
    _later(pipe, pipe.desired_state)
    return pipe


def found(backend: Backend, name: str) -> Pipe:
    """The pipe, or AWS's error."""
    pipe = backend.pipes.get(name)
    if pipe is None:
        raise rules.not_found(name)
    return pipe


def update(backend: Backend, given: dict[str, Any]) -> Pipe:
    """Change settings, all or none. What is not given stays."""
    pipe = found(backend, given["name"])
    wanted = {name: given[name] for name in _CHANGEABLE if given.get(name) is not None}
    parameters = wanted.get("source_parameters")
    if parameters is not None:
        wanted["source_parameters"] = _merged(pipe.source_parameters or {}, parameters)
    rules.check({name: wanted.get(field, getattr(pipe, field, None)) for field, name in _FIELDS.items()})
    for name, value in wanted.items():
        setattr(pipe, name, value)
    pipe.desired_state = given.get("desired_state") or pipe.desired_state
    pipe.last_modified_time = current().clock.now()
    pipe.status = "UPDATING"
    _later(pipe, pipe.desired_state)
    return pipe


def _merged(before: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """UpdatePipe cannot change where a stream was begun: that stays."""
    kept = {name: value for name, value in before.items() if name not in given}
    merged = {
        name: {**before.get(name, {}), **value}
        if isinstance(value, dict) and name != "FilterCriteria"
        else value
        for name, value in given.items()
    }
    return kept | merged


def turn(backend: Backend, name: str, state: str) -> Pipe:
    """Start or stop a pipe."""
    pipe = found(backend, name)
    pipe.desired_state = state
    if pipe.status != state:
        pipe.status = "STARTING" if state == "RUNNING" else "STOPPING"
    elif state == "STOPPED":
        return pipe
    if pipe.status == "RUNNING":
        return pipe
    pipe.last_modified_time = current().clock.now()
    _later(pipe, state)
    return pipe


def delete(backend: Backend, name: str) -> Pipe:
    """It reads no more, and is gone when the call has been answered."""
    pipe = found(backend, name)
    pipe.desired_state, pipe.status = "DELETED", "DELETING"
    _later(pipe, "")
    return pipe


def _later(pipe: Pipe, state: str) -> None:
    clock = current().clock
    clock.schedule(clock.time(), become, pipe.account_id, pipe.region_name, pipe.name, state)


def become(account: str, region: str, name: str, state: str) -> None:
    """Due work: a pipe has reached its new state; nothing means that it is gone."""
    backend = stores.backend_of("pipes", account, region)
    pipe = backend.pipes.get(name) if backend is not None else None
    if pipe is None or (pipe.status == "DELETING" and state):
        return
    if state:
        pipe.status = state
    else:
        backend.pipes.pop(name)
    readers.changed(pipe.source)


# -- as the pollers see it -----------------------------------------------------------------------------


def _identifier(pipe: Pipe) -> str:
    return f"pipes|{pipe.account_id}|{pipe.region_name}|{pipe.name}"


def _reading(arn: str) -> list[str]:
    return [
        _identifier(pipe)
        for backend in stores.backends_in("pipes", arn.split(":")[3])
        for pipe in backend.pipes.values()
        if pipe.source == arn
    ]


def _find(identifier: str) -> Pipe | None:
    _, account, region, name = identifier.split("|")
    backend = stores.backend_of("pipes", account, region)
    return backend.pipes.get(name) if backend is not None else None


def _view(identifier: str, pipe: Pipe) -> Reader:
    settings = rules.parameters_of(pipe.source, pipe.source_parameters)
    filters = ((pipe.source_parameters or {}).get("FilterCriteria") or {}).get("Filters") or []
    return Reader(
        id=identifier,
        thing=pipe,
        service="pipes",
        source=pipe.source,
        target=pipe.target,
        active=pipe.status in ("RUNNING", "UPDATING") and pipe.desired_state == "RUNNING",
        role=pipe.role_arn,
        session=pipe.name,
        principal="pipes.amazonaws.com",
        batch=rules.batch_of(pipe.source, pipe.target, pipe.source_parameters),
        window=float(settings.get("MaximumBatchingWindowInSeconds") or 0),
        most=_MOST,
        filters=tuple(one["Pattern"] for one in filters if one.get("Pattern")),
        dialect="pipes",
        partial=True,
        handle=flow.handle,
        noted=_noted,
        discarded=flow.discarded,
        stream=Streaming(
            settings.get("StartingPosition") or "TRIM_HORIZON",
            float(settings.get("StartingPositionTimestamp") or 0.0),
            int(settings.get("ParallelizationFactor") or 1),
            -1 if settings.get("MaximumRetryAttempts") is None else int(settings["MaximumRetryAttempts"]),
            -1
            if settings.get("MaximumRecordAgeInSeconds") is None
            else int(settings["MaximumRecordAgeInSeconds"]),
            settings.get("OnPartialBatchItemFailure") == "AUTOMATIC_BISECT",
        ),
    )


def _noted(reader: Reader, outcome: Outcome) -> None:
    """A pipe shows no result of its last batch."""
