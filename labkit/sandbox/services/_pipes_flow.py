"""A batch on its way through a pipe: template, enrichment, template, target."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from moto.moto_api._internal import mock_random

from labkit.sandbox import current, delivery, stores
from labkit.sandbox.delivery import hand_over
from labkit.sandbox.parcels import Parcel, Undelivered, pairs
from labkit.sandbox.pollers import outcomes, readers, rights
from labkit.sandbox.pollers.outcomes import Outcome
from labkit.sandbox.pollers.readers import Reader
from labkit.sandbox.services import _pipes_rules as rules
from labkit.sandbox.services import _pipes_templates as templates
from labkit.sandbox.stores import Arn

Record = dict[str, Any]
_FULL_EVENT: Final = ("lambda", "states")
"""Targets that take the whole batch as one JSON array."""


class Failed(Exception):
    """Enrichment or target failed for the whole batch."""

    def __init__(self, code: str, message: str, *, throttled: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.throttled = throttled


def handle(reader: Reader, number: int, given: list[Record], more: dict[str, Any]) -> None:
    """Take a batch through the pipe, and say what became of it."""
    try:
        outcome = _through(reader, [_flat(record, reader.role) for record in given])
    except Failed as error:
        outcome = Outcome(None, error.throttled, error.code, str(error))
    except NotImplementedError:
        outcome = Outcome(None, error="NotSimulated", message="This part of the pipe is not simulated here.")
    readers.ended(reader.id, number, outcome)


def _flat(record: Record, role: str) -> Record:
    """A pipe shows the inside of a Kinesis record at the top."""
    inside = record.get("kinesis")
    if not isinstance(inside, dict):
        return record
    rest = {name: value for name, value in record.items() if name != "kinesis"}
    return {**inside, **rest, "invokeIdentityArn": role}


def _through(reader: Reader, given: list[Record]) -> Outcome:
    pipe = reader.thing
    events: list[Any] = list(given)
    if pipe.enrichment:
        template = (pipe.enrichment_parameters or {}).get("InputTemplate")
        events = _enriched(reader, [_shaped(reader, template, event) for event in given])
        if not events:
            return Outcome(note="The enrichment gave back nothing, so no target is called.")
    parameters = pipe.target_parameters or {}
    bodies = [_shaped(reader, parameters.get("InputTemplate"), event) for event in events]
    kind = rules.kind_of(pipe.target)
    if kind in _FULL_EVENT:
        return _to_code(reader, kind, given, bodies, parameters)
    if len(bodies) > rules.largest(pipe.target) > 1:
        raise Failed(
            "ValidationException", "The enrichment gave back more events than the target takes at once."
        )
    return _one_by_one(reader, given, events, bodies, parameters)


def _shaped(reader: Reader, template: str | None, event: Any) -> str:
    if not template:
        return event if isinstance(event, str) else templates.compact(event)
    pipe = reader.thing
    now = datetime.fromtimestamp(current().clock.time(), UTC)
    variables = {
        "aws.pipes.pipe-arn": pipe.arn, "aws.pipes.pipe-name": pipe.name, "aws.pipes.source-arn": pipe.source,
        "aws.pipes.enrichment-arn": pipe.enrichment or "", "aws.pipes.target-arn": pipe.target,
        "aws.pipes.event.ingestion-time": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }  # fmt: skip
    return templates.filled(template, event, variables)


# -- functions ---------------------------------------------------------------------------------------


def _enriched(reader: Reader, bodies: Sequence[str]) -> list[Any]:
    """What the enrichment makes of the batch. An empty answer means that no target is called."""
    enrichment = reader.thing.enrichment
    if rules.kind_of(enrichment) != "lambda":
        raise NotImplementedError
    said = _called(reader, enrichment, bodies)
    if said in (None, "", {}, []):
        return []
    return said if isinstance(said, list) else [said]


def _called(reader: Reader, arn: str, bodies: Sequence[str]) -> Any:
    """Call a function with a JSON array and wait for its reply. Raises `Failed`."""
    refusal = rights.refusal(reader.role, reader.session, arn, ("lambda:InvokeFunction",))
    if refusal is not None:
        raise Failed(refusal.code, refusal.message)
    parts = Arn.of(arn)
    backend = stores.backend_of("lambda", parts.account, parts.region) if parts is not None else None
    try:
        function = backend.get_function(arn) if backend is not None else None
    except Exception:  # moto's own error for a function or qualifier that is not there
        function = None
    if function is None:
        raise Failed("ResourceNotFoundException", f"Function not found: {arn}")
    payload, failed, _ = function._invoke_lambda(f"[{','.join(_as_json(body) for body in bodies)}]")
    try:
        said = json.loads(payload or "null")
    except ValueError:
        said = payload
    if failed:
        told = said if isinstance(said, dict) else {}
        code = str(told.get("errorType", "FunctionError"))
        throttled = code in ("TooManyRequestsException", "ThrottlingException")
        raise Failed(code, str(told.get("errorMessage", "")), throttled=throttled)
    return said


def _as_json(body: str) -> str:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return json.dumps(body)
    return body


def _to_code(
    reader: Reader, kind: str, given: list[Record], bodies: list[str], parameters: dict[str, Any]
) -> Outcome:
    """A function or a state machine takes the whole batch."""
    settings = parameters.get(
        "LambdaFunctionParameters" if kind == "lambda" else "StepFunctionStateMachineParameters", {}
    )
    waits = settings.get("InvocationType", "REQUEST_RESPONSE") == "REQUEST_RESPONSE"
    if kind == "lambda" and waits:
        said = _called(reader, reader.target, bodies)
        if not isinstance(said, dict) or "batchItemFailures" not in said:
            return outcomes.DONE
        names = {_name_of(record): readers.identifier_of(record) for record in given}
        failed = outcomes.failures(json.dumps(said), names)
        return Outcome(None if failed is None else frozenset(names[one] for one in failed))
    body = f"[{','.join(_as_json(body) for body in bodies)}]"
    try:
        hand_over(_parcel(reader, body, given[0], {}))
    except Undelivered as error:
        raise Failed(error.code, str(error)) from None
    return outcomes.DONE


def _name_of(record: Record) -> str:
    """What a target calls a record by: a message's id, or the id of an event of a stream."""
    return str(record.get("messageId") or record.get("eventID"))


# -- other targets -------------------------------------------------------------------------------------


def _one_by_one(
    reader: Reader, given: list[Record], events: list[Any], bodies: list[str], parameters: dict[str, Any]
) -> Outcome:
    """Each event by itself. What did not arrive stays in the source, if it is still known where it came from."""
    problem: Undelivered | None = None
    failed: set[str] = set()
    same = len(events) == len(given)
    for place, (event, body) in enumerate(zip(events, bodies, strict=True)):
        record = given[place] if same else given[0]
        try:
            hand_over(_parcel(reader, body, record, _options(reader, event, parameters)))
        except Undelivered as error:
            problem = error
            failed.add(readers.identifier_of(record))
    if problem is None:
        return outcomes.DONE
    if not same or len(failed) == len(given):
        raise Failed(problem.code, str(problem))
    return Outcome(frozenset(failed), error=problem.code, message=str(problem))


def _parcel(reader: Reader, body: str, record: Record, options: dict[str, Any]) -> Parcel:
    return Parcel(
        "pipes", reader.thing.arn, reader.target, body, reader.principal, reader.role, via=reader.source,
        id=readers.identifier_of(record), options=pairs(options),
    )  # fmt: skip


def _options(reader: Reader, event: Any, parameters: dict[str, Any]) -> dict[str, Any]:
    """What the target's API takes beside the body."""
    kind = rules.kind_of(reader.target)

    def of(name: str) -> dict[str, Any]:
        return {key: templates.dynamic(value, event) for key, value in (parameters.get(name) or {}).items()}

    if kind == "sqs":
        return of("SqsQueueParameters")
    if kind == "kinesis":
        return of("KinesisStreamParameters")
    if kind == "logs":
        return of("CloudWatchLogsParameters")
    if kind == "events":
        given = of("EventBridgeEventBusParameters")
        resources = [templates.dynamic(one, event) for one in given.get("Resources") or []]
        service = rules.kind_of(reader.source)
        return {
            "Source": given.get("Source") or f"Pipe {reader.thing.name}",
            "DetailType": given.get("DetailType") or f"Event from aws:{service}",
            "Resources": json.dumps(resources),
        }
    if kind == "api-destination":
        http = parameters.get("HttpParameters") or {}
        return {"HttpParameters": json.dumps(http)} if http else {}
    return {}


# -- records of streams that were given up ---------------------------------------------------------------


def discarded(reader: Reader, lost: Any) -> None:
    """Tell the stream's dead-letter queue about records that were given up."""
    settings = rules.parameters_of(reader.source, reader.thing.source_parameters)
    queue = (settings.get("DeadLetterConfig") or {}).get("Arn")
    if not queue:
        return
    now = datetime.fromtimestamp(current().clock.time(), UTC)
    body = {
        "context": {"partnerResourceArn": reader.thing.arn, "condition": lost.condition},
        "version": "1.0",
        "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        lost.name: lost.info,
    }
    delivery.send(
        Parcel(
            "pipes",
            reader.thing.arn,
            queue,
            json.dumps(body),
            reader.principal,
            reader.role,
            via=reader.source,
            id=str(mock_random.uuid4()),
        )
    )
