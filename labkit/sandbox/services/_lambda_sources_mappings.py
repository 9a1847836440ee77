"""Mappings as resources: made, changed, shown, deleted, and how the pollers see them."""

from __future__ import annotations

from typing import Any, Final

from labkit.sandbox import current
from labkit.sandbox.pollers import outcomes, readers, streams
from labkit.sandbox.pollers.readers import Kind, Reader, Reading, Streaming
from labkit.sandbox.services import _lambda_sources_calls as consumers
from labkit.sandbox.services import _lambda_sources_rules as rules

_SETTINGS: Final = (
    "BatchSize", "MaximumBatchingWindowInSeconds", "FilterCriteria", "FunctionResponseTypes", "ScalingConfig",
    "ParallelizationFactor", "MaximumRecordAgeInSeconds", "MaximumRetryAttempts", "TumblingWindowInSeconds",
    "BisectBatchOnFunctionError", "DestinationConfig", "KMSKeyArn", "MetricsConfig", "LoggingConfig",
    "ProvisionedPollerConfig", "SourceAccessConfigurations",
)  # fmt: skip
_STREAM_DEFAULTS: Final[dict[str, Any]] = {
    "ParallelizationFactor": 1, "MaximumRecordAgeInSeconds": -1, "MaximumRetryAttempts": -1,
    "TumblingWindowInSeconds": 0, "BisectBatchOnFunctionError": False,
}  # fmt: skip
_MOST: Final = 1_250
"""Batches of an SQS mapping side by side (services-sqs-scaling.html)."""

Backend = Any
Mapping = Any


def register() -> None:
    """Tell the pollers about mappings."""
    readers.reads("lambda", Kind(_reading, _find, _view))


# -- the resource ------------------------------------------------------------------------------------


def prepare(mapping: Mapping, spec: dict[str, Any]) -> None:
    """What moto's object does not keep."""
    mapping.settings = {name: spec[name] for name in _SETTINGS if spec.get(name) is not None}
    mapping.reading = Reading(began=current().clock.time())
    mapping.last_modified = current().clock.time()
    mapping.state = "Creating"
    mapping.result = "No records processed"


def create(backend: Backend, spec: dict[str, Any]) -> Mapping:
    """A new mapping, when source, function and role allow it."""
    from moto.awslambda.exceptions import InvalidParameterValueException
    from moto.awslambda.models import EventSourceMapping

    rules.check_ranges(spec)
    source, name = spec.get("EventSourceArn"), spec.get("FunctionName")
    function = backend.get_function(name)
    if not source:
        raise InvalidParameterValueException("Missing EventSourceArn")
    arn = _function_arn(function, str(name))
    rules.check_filters(spec)
    rules.check_source(spec)
    for other in backend._event_source_mappings.values():
        if other.event_source_arn == source and other.function_arn == arn:
            raise rules.Conflict(source, arn.partition(":function:")[2], other.uuid)
    rules.check_reach(source, function, function.role)
    given = {
        **spec, "RegionName": backend.region_name, "AccountId": backend.account_id, "FunctionArn": arn,
        "FunctionName": function.function_name,
    }  # fmt: skip
    mapping = EventSourceMapping(given)
    backend._event_source_mappings[mapping.uuid] = mapping
    if rules.kind_of(source) != "sqs":
        streams.begin(_view(_identifier(mapping), mapping))
    _later(mapping, "Enabled" if mapping.enabled else "Disabled")
    return mapping


def _function_arn(function: Any, name: str) -> str:
    """The function's ARN, with the qualifier that was given."""
    bare = ":".join(function.function_arn.split(":")[:7])
    rest = name.split(":function:")[-1].split(":") if name.startswith("arn:") else name.split(":")
    if not name.startswith("arn:") and ":function:" in name:  # a partial ARN: 123456789012:function:name
        rest = name.split(":function:")[-1].split(":")
    return f"{bare}:{rest[1]}" if len(rest) > 1 else bare


def found(backend: Backend, uuid: str) -> Mapping:
    """The mapping, or AWS's error."""
    mapping = backend._event_source_mappings.get(uuid)
    if mapping is None:
        raise rules.NotFound
    return mapping


def update(backend: Backend, uuid: str, spec: dict[str, Any]) -> Mapping:
    """Change settings, all or none. What is not given stays."""
    mapping = found(backend, uuid)
    if mapping.state == "Deleting":
        raise rules.InUse
    given = {name: value for name, value in spec.items() if name in _SETTINGS and value is not None}
    rules.check_ranges(given)
    settings = {**mapping.settings, **given}
    name = spec.get("FunctionName") or mapping.function_arn
    function = backend.get_function(name)
    rules.check_filters(settings)
    rules.check_source({**settings, "EventSourceArn": mapping.event_source_arn}, new=False)
    rules.check_reach(mapping.event_source_arn, function, function.role)
    if spec.get("FunctionName"):
        mapping.function_arn, mapping.function_name = (
            _function_arn(function, name),
            function.function_name,
        )
    mapping.settings = {name: value for name, value in settings.items() if value not in ({}, [])}
    mapping.last_modified = current().clock.time()
    enabled = spec.get("Enabled")
    was, mapping.enabled = mapping.enabled, mapping.enabled if enabled is None else bool(enabled)
    mapping.state = "Updating" if was == mapping.enabled else "Enabling" if mapping.enabled else "Disabling"
    _later(mapping, "Enabled" if mapping.enabled else "Disabled")
    return mapping


def delete(backend: Backend, uuid: str) -> Mapping:
    """It reads no more, and is gone when what it has under way has ended."""
    mapping = found(backend, uuid)
    mapping.state = "Deleting"
    _later(mapping, "")
    return mapping


def listed(backend: Backend, source: str, function: str) -> list[Mapping]:
    """Mappings of a source, a function (by name or ARN), or both."""
    kept = list(backend._event_source_mappings.values())
    if source:
        kept = [one for one in kept if one.event_source_arn == source]
    if function:
        wanted = _function_arn(backend.get_function(function), function)
        kept = [one for one in kept if one.function_arn == wanted]
    return kept


def shown(mapping: Mapping) -> dict[str, Any]:
    """As the API answers."""
    settings, stream = mapping.settings, rules.kind_of(mapping.event_source_arn) != "sqs"
    answer = {
        "UUID": mapping.uuid, "BatchSize": settings.get("BatchSize") or (100 if stream else 10),
        "MaximumBatchingWindowInSeconds": settings.get("MaximumBatchingWindowInSeconds", 0),
        "EventSourceArn": mapping.event_source_arn, "EventSourceMappingArn": mapping.arn,
        "FunctionArn": mapping.function_arn, "LastModified": mapping.last_modified, "State": mapping.state,
        "StateTransitionReason": "User action" if stream else "USER_INITIATED",
        "FunctionResponseTypes": settings.get("FunctionResponseTypes", []),
    }  # fmt: skip
    if stream:
        answer |= {name: settings.get(name, default) for name, default in _STREAM_DEFAULTS.items()}
        answer["DestinationConfig"] = settings.get("DestinationConfig") or {"OnFailure": {}}
        answer["LastProcessingResult"] = mapping.result
        answer["StartingPosition"] = mapping.starting_position
        if mapping.starting_position_timestamp is not None:
            answer["StartingPositionTimestamp"] = mapping.starting_position_timestamp
    names = ("FilterCriteria", "ScalingConfig", "KMSKeyArn", "MetricsConfig", "ProvisionedPollerConfig")
    return answer | {name: settings[name] for name in names if name in settings}


# -- states on the clock -----------------------------------------------------------------------------


def _later(mapping: Mapping, state: str) -> None:
    clock = current().clock
    clock.schedule(clock.time(), become, mapping.account_id, mapping.region, mapping.uuid, state)


def become(account: str, region: str, uuid: str, state: str) -> None:
    """Due work: a mapping has reached its new state; nothing means that it is gone."""
    backend = _backend(account, region)
    mapping = backend._event_source_mappings.get(uuid) if backend is not None else None
    if mapping is None or (mapping.state == "Deleting" and state):
        return
    if state:
        mapping.state = state
    elif backend is not None and not _still_busy(mapping):
        backend._event_source_mappings.pop(uuid)
    readers.changed(mapping.event_source_arn)


def _still_busy(mapping: Mapping) -> bool:
    now = current().clock.time()
    return any(now < batch.until for batch in mapping.reading.batches.values())


def _backend(account: str, region: str) -> Backend | None:
    from labkit.sandbox import stores

    return stores.backend_of("lambda", account, region)


# -- as the pollers see it -----------------------------------------------------------------------------


def _identifier(mapping: Mapping) -> str:
    return f"lambda|{mapping.account_id}|{mapping.region}|{mapping.uuid}"


def _reading(arn: str) -> list[str]:
    from labkit.sandbox import stores

    return [
        _identifier(mapping)
        for backend in stores.backends_in("lambda", arn.split(":")[3])
        for mapping in backend._event_source_mappings.values()
        if mapping.event_source_arn == arn
    ]


def _find(identifier: str) -> Mapping | None:
    _, account, region, uuid = identifier.split("|")
    backend = _backend(account, region)
    return backend._event_source_mappings.get(uuid) if backend is not None else None


def _view(identifier: str, mapping: Mapping) -> Reader:
    settings = mapping.settings
    stream = rules.kind_of(mapping.event_source_arn) != "sqs"
    filters = (settings.get("FilterCriteria") or {}).get("Filters") or []
    function = consumers.function_of(mapping)
    return Reader(
        id=identifier,
        thing=mapping,
        service="lambda",
        source=mapping.event_source_arn,
        target=mapping.function_arn,
        active=mapping.state in ("Enabled", "Updating"),
        role=function.role if function is not None else "",
        session=mapping.function_name,
        principal="lambda.amazonaws.com",
        batch=int(settings.get("BatchSize") or (100 if stream else 10)),
        window=float(settings.get("MaximumBatchingWindowInSeconds", 0)),
        most=int((settings.get("ScalingConfig") or {}).get("MaximumConcurrency") or _MOST),
        filters=tuple(one["Pattern"] for one in filters),
        dialect="lambda",
        partial="ReportBatchItemFailures" in settings.get("FunctionResponseTypes", ()),
        handle=consumers.handle,
        noted=_noted,
        discarded=consumers.discarded,
        exists=function is not None,
        stream=_streaming(mapping) if stream else Streaming(),
    )


def _streaming(mapping: Mapping) -> Streaming:
    settings = {**_STREAM_DEFAULTS, **mapping.settings}
    return Streaming(
        mapping.starting_position,
        float(mapping.starting_position_timestamp or 0.0),
        settings["ParallelizationFactor"],
        settings["MaximumRetryAttempts"],
        settings["MaximumRecordAgeInSeconds"],
        settings["BisectBatchOnFunctionError"],
    )


def _noted(reader: Reader, outcome: outcomes.Outcome) -> None:
    mapping = reader.thing
    mapping.result = "OK" if outcome.failed is not None else f"PROBLEM: {_problem(outcome)}"
    if mapping.state == "Deleting":
        _later(mapping, "")


def _problem(outcome: outcomes.Outcome) -> str:
    if outcome.state == "source":
        return "Lambda failed to read from the event source"
    return "Function call failed"
