"""Calls of tasks: functions, optimized integrations, and any API of the AWS SDK, in the role of the state machine.

Sources: https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html and the pages below it (what the
integrations take and give), supported-services-awssdk.html (names in PascalCase) and connect-lambda.html. The names and
causes of errors are as in the histories of AWS that LocalStack's tests keep
(https://github.com/localstack/localstack, tests/aws/services/stepfunctions/v2/error_handling): an error that is not in
the API's model, such as a missing permission, has the name of the SDK's general exception.
"""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from labkit.sandbox import current, delivery
from labkit.sandbox.parcels import Parcel, Undelivered
from labkit.sandbox.services import _stepfunctions_ecs as ecs
from labkit.sandbox.services import _stepfunctions_engine as engine
from labkit.sandbox.services import _stepfunctions_roles as roles
from labkit.sandbox.states.errors import RUNTIME, NotSimulatedHere, StateFailed
from labkit.sandbox.states.flow import text_of
from labkit.sandbox.states.machine import Machine
from labkit.sandbox.states.resources import OTHERS, Resource
from labkit.sandbox.states.runs import Run, Track

_ANSWERED: Final = "labkit.sandbox.services._stepfunctions_calls:function_answered"
BOTO: Final = {
    "states": "stepfunctions",
    "sfn": "stepfunctions",
    "eventbridge": "events",
    "cloudwatchlogs": "logs",
}
_NAMES: Final = {
    "sqs": ("SQS", "AmazonSQS", "AmazonSQS"), "sns": ("SNS", "AmazonSNS", "AmazonSNS"),
    "events": ("EventBridge", "AmazonEventBridge", "AmazonEventBridge"),
    "dynamodb": ("DynamoDB", "AmazonDynamoDB", "AmazonDynamoDBv2"),
    "states": ("StepFunctions", "AWSStepFunctions", "AWSStepFunctions"),
    "lambda": ("Lambda", "AWSLambda", "AWSLambda"), "ecs": ("ECS", "AmazonECS", "AmazonECS"),
}  # fmt: skip
"""Optimized integrations: how their errors begin, the general exception, and the service as a cause names it."""
_AS_TEXT: Final = {"sqs": "MessageBody", "sns": "Message", "states": "Input"}
"""What may be JSON in an optimized integration and is a text in the API."""


def begin(run: Run, track: Track, resource: Resource, arguments: Any) -> None:
    """Begin the call of a task. Its answer goes to `Machine.reply`, now or later."""
    epoch = track.epoch
    try:
        if resource.kind == "function":
            _call_function(run, track, resource.arn, text_of(arguments), "")
        elif resource.service == "lambda" and not resource.sdk:
            _invoke(run, track, resource, arguments)
        elif resource.service == "http" and not resource.sdk:
            from labkit.sandbox.services import _stepfunctions_http as http

            http.begin(run, track, arguments)
        else:
            if resource.service == "ecs" and resource.pattern == "sync":
                ecs.check(arguments if isinstance(arguments, dict) else {})
            output = _call(run, resource, arguments)
            _through(run, track, epoch, resource, output)
    except StateFailed as failure:
        Machine(run, engine.HOST).reply(track.id, epoch, None, failure)


def _through(run: Run, track: Track, epoch: int, resource: Resource, output: Any) -> None:
    machine = Machine(run, engine.HOST)
    if not resource.pattern:
        machine.reply(track.id, epoch, output)
        return
    if resource.service == "ecs" and not resource.sdk and (failure := ecs.refused(output)):
        machine.reply(track.id, epoch, None, failure)
        return
    machine.submitted(track.id, epoch, output)
    if resource.service == "ecs" and resource.pattern == "sync":
        ecs.wait_for(run, track, epoch, output)
    elif resource.pattern.startswith("sync"):
        child = engine.execution_at(output["ExecutionArn"])
        waiting = getattr(child, "labkit_waiting", ())
        child.labkit_waiting = (*waiting, (run.arn, track.id, epoch, resource.pattern))
        if child.status != "RUNNING":
            clock = current().clock
            clock.schedule(
                clock.time(),
                engine.child_ended,
                run.arn,
                track.id,
                epoch,
                output["ExecutionArn"],
                resource.pattern,
            )


# -- functions ---------------------------------------------------------------------------------------


def _invoke(run: Run, track: Track, resource: Resource, arguments: Any) -> None:
    if not isinstance(arguments, dict) or not isinstance(arguments.get("FunctionName"), str):
        raise StateFailed(RUNTIME, "The field 'FunctionName' is required but was missing")
    if arguments.get("InvocationType", "RequestResponse") != "RequestResponse":
        given = dict(arguments, Payload=text_of(arguments.get("Payload", {})))
        output = _call(run, resource, given)
        _through(run, track, track.epoch, resource, output)
        return
    name, parts = arguments["FunctionName"], run.arn.split(":")
    if not name.startswith("arn:"):
        name = name.replace("$LATEST", "") if name.endswith(":$LATEST") else name
        name = f"arn:aws:lambda:{parts[3]}:{parts[4]}:function:{name.rstrip(':')}"
    if arguments.get("Qualifier"):
        name = f"{name}:{arguments['Qualifier']}"
    _call_function(run, track, name, text_of(arguments.get("Payload", {})), resource.pattern or "invoke")


def _call_function(run: Run, track: Track, target: str, body: str, way: str) -> None:
    parcel = Parcel(
        "states", run.machine_arn, target, body, engine.PRINCIPAL, run.role, via=track.name,
        id=re.sub(r"[^\w+=,.@-]", "-", run.name)[:64],
    )  # fmt: skip
    try:
        delivery.ask(parcel, _ANSWERED, run.arn, track.id, track.epoch, way)
    except Undelivered as error:
        code = "AWSLambdaException" if error.code.startswith("AccessDenied") else error.code
        status = {"ResourceNotFoundException": 404, "TooManyRequestsException": 429}.get(error.code, 403)
        cause = f"{error} (Service: Lambda, Status Code: {status}, Request ID: {_number()})"
        name = code if code == "NotSimulated" else f"Lambda.{code}"
        raise StateFailed(name, cause) from None


def _number() -> str:
    from moto.moto_api._internal import mock_random

    return str(mock_random.uuid4())


def function_answered(reply: delivery.Reply | None, arn: str, track: int, epoch: int, way: str) -> None:
    """A function has ended, or its environment was lost."""
    run = engine.run_at(arn)
    if run is None:
        return
    machine = Machine(run, engine.HOST)
    if reply is None:
        machine.reply(
            track, epoch, None, StateFailed("Lambda.Unknown", "The answer of the function was lost.")
        )
        return
    try:
        payload = json.loads(reply.payload or "null")
    except ValueError:
        payload = reply.payload
    if reply.error:
        kind = payload.get("errorType") if isinstance(payload, dict) else None
        machine.reply(track, epoch, None, StateFailed(kind or "Lambda.Unknown", reply.payload))
        return
    output: Any = payload
    if way:
        output = {"ExecutedVersion": reply.version, "Payload": payload, "StatusCode": 200} | _sdk(
            200, _number()
        )
    if way == "waitForTaskToken":
        machine.submitted(track, epoch, output)
    else:
        machine.reply(track, epoch, output)


# -- APIs --------------------------------------------------------------------------------------------


def _sdk(status: int, request_id: str) -> dict[str, Any]:
    return {
        "SdkHttpMetadata": {
            "AllHttpHeaders": {"x-amzn-RequestId": [request_id]},
            "HttpHeaders": {"x-amzn-RequestId": request_id}, "HttpStatusCode": status,
        },
        "SdkResponseMetadata": {"RequestId": request_id},
    }  # fmt: skip


def _call(run: Run, resource: Resource, arguments: Any) -> dict[str, Any]:
    """Make an API call in the role and give its answer in PascalCase. Raises `StateFailed`."""
    if not resource.sdk and resource.service in OTHERS:
        raise NotSimulatedHere(f"The integration {resource.service}:{resource.shown}")
    client = _client(run, resource)
    action = resource.action[0].upper() + resource.action[1:]
    model = client.meta.service_model
    if action not in model.operation_names:
        raise StateFailed(RUNTIME, f"There is no API action {resource.service}:{resource.action}.")
    if not isinstance(arguments, dict):
        raise StateFailed(RUNTIME, "The arguments of an API call must be an object.")
    given = arguments if resource.sdk else _texts(run, resource, arguments)
    operation = model.operation_model(action)
    try:
        answer = client._make_api_call(action, _fitted(given, operation.input_shape))
    except ParamValidationError as error:
        raise StateFailed(
            RUNTIME, f"The Parameters '{text_of(arguments)}' could not be used: {error}"
        ) from None
    except ClientError as error:
        raise _failure(resource, model, error) from None
    except BotoCoreError as error:
        raise StateFailed(f"{_prefix(resource, model)}.SdkClientException", str(error)) from None
    metadata = answer.pop("ResponseMetadata", {})
    output: dict[str, Any] = pascal(answer, operation.output_shape)
    if resource.service == "events" and not resource.sdk and output.get("FailedEntryCount"):
        raise StateFailed("EventBridge.FailedEntry", text_of(output))
    if not resource.sdk:
        output |= _sdk(int(metadata.get("HTTPStatusCode", 200)), str(metadata.get("RequestId", "")))
    return output


def _client(run: Run, resource: Resource) -> Any:
    from botocore.exceptions import UnknownServiceError

    try:
        return roles.client(run, BOTO.get(resource.service, resource.service))
    except UnknownServiceError:
        raise NotSimulatedHere(f"The service {resource.service}") from None


def _texts(run: Run, resource: Resource, arguments: dict[str, Any]) -> dict[str, Any]:
    """JSON where the API takes a text, and what an integration adds by itself."""
    given = dict(arguments)
    name = _AS_TEXT.get(resource.service, "")
    if name in given and not isinstance(given[name], str):
        given[name] = text_of(given[name])
    if resource.service == "events" and isinstance(given.get("Entries"), list):
        given["Entries"] = [_entry(run, one) for one in given["Entries"]]
    return given


def _entry(run: Run, entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    made = dict(entry)
    if "Detail" in made and not isinstance(made["Detail"], str):
        made["Detail"] = text_of(made["Detail"])
    made["Resources"] = [*(made.get("Resources") or ()), run.machine_arn, run.arn]
    return made


def _fitted(value: Any, shape: Any) -> Any:
    """Parameters with the names and types that the model has."""
    kind = getattr(shape, "type_name", "")
    if kind == "structure" and isinstance(value, dict):
        names = {member.lower(): member for member in shape.members}
        fitted = {names.get(key.lower(), key): item for key, item in value.items()}
        return {key: _fitted(item, shape.members.get(key)) for key, item in fitted.items()}
    if kind == "list" and isinstance(value, list):
        return [_fitted(item, shape.member) for item in value]
    if kind == "map" and isinstance(value, dict):
        return {key: _fitted(item, shape.value) for key, item in value.items()}
    if kind == "string" and isinstance(value, (dict, list)):
        return text_of(value)
    return value.encode() if kind == "blob" and isinstance(value, str) else value


def pascal(value: Any, shape: Any) -> Any:
    """An answer as JSON, with members in PascalCase; the keys of maps stay as they are."""
    kind = getattr(shape, "type_name", "")
    if isinstance(value, dict):
        if kind == "map":
            return {name: pascal(item, shape.value) for name, item in value.items()}
        members = getattr(shape, "members", {})
        return {name[:1].upper() + name[1:]: pascal(item, members.get(name)) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [pascal(item, getattr(shape, "member", None)) for item in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if hasattr(value, "read"):
        value = value.read()
    if isinstance(value, (bytes, bytearray)):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    return value


def _prefix(resource: Resource, model: Any) -> str:
    if not resource.sdk:
        return _NAMES[resource.service][0]
    words = str(model.metadata.get("serviceId", resource.service)).split()
    return "".join(
        {"DynamoDB": "DynamoDb"}.get(word, word.capitalize() if word.isupper() else word) for word in words
    )


def _failure(resource: Resource, model: Any, error: ClientError) -> StateFailed:
    said = error.response.get("Error", {})
    metadata = error.response.get("ResponseMetadata", {})
    code, text = str(said.get("Code", "")), str(said.get("Message", ""))
    if code == "NotSimulated":
        return StateFailed(code, text)
    prefix = _prefix(resource, model)
    # The SDK for Java names the class, which is the shape in the model; it ends in Exception.
    shapes = {shape.error_code or shape.name: shape.name for shape in model.error_shapes}
    known = str(said.get("QueryErrorCode") or code)
    name = shapes.get(code) or shapes.get(known) or (known if known in shapes.values() else "")
    if name:
        name = name if name.endswith("Exception") else f"{name}Exception"
    else:
        name = f"{prefix if resource.sdk else _NAMES[resource.service][1]}Exception"
    status, number = metadata.get("HTTPStatusCode", 400), metadata.get("RequestId", "")
    if resource.sdk:
        cause = f"{text} (Service: {prefix}, Status Code: {status}, Request ID: {number})"
    else:
        service = _NAMES[resource.service][2]
        more = f"Service: {service}; Status Code: {status}; Error Code: {code}; Request ID: {number}; Proxy: null"
        cause = f"{text} ({more})"
    return StateFailed(f"{prefix}.{name}", cause)
