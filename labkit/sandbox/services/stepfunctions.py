"""AWS Step Functions in the lab's account.

Simulated here:
- Executions run on the lab's clock, in an interpreter of our own: all eight types of states, in JSONPath and JSONata,
  with variables, intrinsic functions and the context object. The same inputs give the same history.
- Wait, Retry (interval, rate, maximum delay, jitter), Catch, TimeoutSeconds, HeartbeatSeconds; AWS's error names.
  States.ALL does not catch States.Runtime and States.DataLimitExceeded; a Choice without a match and a failed
  intrinsic function are States.Runtime; silence is States.Timeout, which States.HeartbeatTimeout catches too.
- Definitions are checked when they are stored: targets, fields of each type and language, numbers, Retry and Catch,
  resources, what JSONata refers to. InvalidDefinition names the state; ValidateStateMachineDefinition lists everything.
- Tasks work in the state machine's role, which must trust Step Functions: Lambda functions (they run side by side),
  lambda:invoke, sqs:sendMessage, sns:publish, events:putEvents, dynamodb get, put, update and delete item,
  states:startExecution with .sync and .sync:2, ecs:runTask with .sync (one task), any action of aws-sdk;
  .waitForTaskToken; activities.
- http:invoke with EventBridge's connections (API key, basic, OAuth), merged parameters, forms, all four permissions and
  condition keys; States.Http.StatusCode.NNN, States.Http.Socket after 60 seconds, Events.ConnectionResource errors.
- Parallel; Inline Map, 40 items at once at most; Distributed Map with child executions of their own, ItemReader (JSON,
  JSON Lines, CSV and listings in S3), ItemBatcher, ResultWriter, tolerated failures, the actions for Map Runs.
- Standard and Express; five minutes; Express has no .sync, no tokens, no history API. The fault `states.duplicate`
  makes asynchronous Express executions run twice; Standard ones run once.
- Histories in AWS's order, 25,000 events; 256 KiB; StopExecution; RedriveExecution of only what failed (14 days), Map
  Runs too; versions, aliases with weights; deletion that waits for running executions; logging to CloudWatch Logs.
- TestState for every type of state, with mocks (compared with the API's model), context and inspection levels.
- State machines as targets of EventBridge rules; EventBridge tells of Standard executions whose status changes.

Differs on AWS:
- Steps take no time here, only waits and functions do. 2,000 steps in a row without any wait take a second. A wait or a
  failure of a task that was asked through an API takes no time.
- AWS's words are used where a record of AWS's answers shows them; other words of problems and causes are ours.
- The second run of an Express execution has an ARN of its own here; its name and input are the first one's.
- Failed children that a Distributed Map tolerates stand in its result as the guide says, with Status, Error and Cause;
  no record of AWS's answer was found. The same goes for States.Permissions when the role may not start them, for the
  order of a redrive's events, and for `$$.Map.Item` inside a child execution.
- HTTP tasks reach only this machine, plain http too. A web server that is silent for 2 real seconds counts as silent
  for 60. Not documented, so ours: States.Http.Socket when nobody listens at all, the cause of an error status (the body
  of the response), redirects as results (nothing follows them), which content types are JSON (application/json and
  +json), and States.Permissions without states:InvokeHTTPEndpoint. Headers and QueryParameters as arrays fail.
- Variables may hold more than 10 MiB together. Log records are written at once, and nobody asks the role for them.

Not simulated:
- Other optimized integrations (Batch, Glue, EventBridge Scheduler...) and their .sync: such a task fails
  with NotSimulated, and so does one with Credentials for another account; Parquet and manifests in an ItemReader.
  StopExecution does not stop nested executions.
- The raw request and response of an HTTP task in TestState (TRACE, revealSecrets), private connections.
- Metrics, X-Ray, encryption with your own key, quotas on rates.

Sources:
- https://docs.aws.amazon.com/step-functions/latest/dg/ with the pages concepts-error-handling.html,
  service-quotas.html, transforming-data.html, state-task.html, state-map-distributed.html, redrive-executions.html,
  call-https-apis.html
- https://docs.aws.amazon.com/step-functions/latest/apireference/; botocore's model, stepfunctions/2016-11-23
- Records of AWS's answers in public tests: https://github.com/localstack/localstack (tests/aws/services/stepfunctions)
  and https://github.com/floci-io/floci. More sources stand in the parts and in labkit/sandbox/states.
"""

from __future__ import annotations

import json
from typing import Any, Final

from moto.core.responses import ActionResult, EmptyResult

from labkit.sandbox import delivery
from labkit.sandbox.hooks import hook
from labkit.sandbox.parcels import Parcel, Refused
from labkit.sandbox.services import _stepfunctions_engine as engine
from labkit.sandbox.services import _stepfunctions_executions as executions
from labkit.sandbox.services import _stepfunctions_machines as machines
from labkit.sandbox.services import _stepfunctions_map_runs as map_runs
from labkit.sandbox.services._stepfunctions_errors import no_execution, refused

_API: Final = "moto.stepfunctions.responses:StepFunctionResponse"
_NOTHING_TO_UPDATE: Final = (
    "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be "
    "specified"
)
_PAGE: Final = 100
"""Results a page holds by itself (API reference, maxResults)."""


def _page(self: Any, name: str, found: list[dict[str, Any]]) -> ActionResult:
    begin = int(self._get_param("nextToken") or 0)
    size = int(self._get_param("maxResults") or 0) or _PAGE
    answer: dict[str, Any] = {name: found[begin : begin + size]}
    if begin + size < len(found):
        answer["nextToken"] = str(begin + size)
    return ActionResult(answer)


# -- state machines ------------------------------------------------------------------------------------


@hook(f"{_API}.create_state_machine")
def create_state_machine(original: Any, self: Any) -> Any:
    """CreateStateMachine: name, definition, logging and role are checked; the same again is no error."""
    backend, name = self.stepfunction_backend, self._get_param("name")
    backend._validate_name(name)
    kind, text, role = self._get_param("type"), self._get_param("definition"), self._get_param("roleArn")
    machines.check_type(kind)
    machines.check_definition(text, kind or "STANDARD")
    backend._validate_role_arn(role)
    machines.check_logging(self._get_param("loggingConfiguration"))
    arn = f"arn:aws:states:{backend.region_name}:{backend.account_id}:stateMachine:{name}"
    if (machine := engine.machine_of(backend, arn)) is not None:
        wanted = {"definition": text, "type": kind, "logging": self._get_param("loggingConfiguration")}
        machines.check_same(machine, wanted)
    machines.check_role(role, arn)
    answer = original(self)
    if self._get_param("publish") and (made := engine.machine_of(backend, arn)) is not None:
        made.labkit_published = (made.definition, made.roleArn)
    return answer


@hook(f"{_API}.update_state_machine")
def update_state_machine(original: Any, self: Any) -> Any:
    """UpdateStateMachine: executions under way go on as they began."""
    backend, arn = self.stepfunction_backend, self._get_param("stateMachineArn")
    machine = backend.describe_state_machine(arn)
    if getattr(machine, "labkit_deleting", False):
        raise refused("StateMachineDeleting", f"State Machine Deleting: '{arn}'")
    given = (
        "definition",
        "roleArn",
        "loggingConfiguration",
        "tracingConfiguration",
        "encryptionConfiguration",
    )
    if all(self._get_param(name) is None for name in given):
        raise refused("MissingRequiredParameter", _NOTHING_TO_UPDATE)
    if (text := self._get_param("definition")) is not None:
        machines.check_definition(text, machine.type)
    if (role := self._get_param("roleArn")) is not None:
        machines.check_role(role, machine.arn)
    machines.check_logging(self._get_param("loggingConfiguration"))
    return original(self)


@hook("moto.stepfunctions.models:StepFunctionBackend.delete_state_machine")
def delete_state_machine(original: Any, self: Any, arn: str) -> None:
    """DeleteStateMachine."""
    machines.delete(self, arn)


@hook(f"{_API}._describe_state_machine")
def describe_state_machine(original: Any, self: Any, state_machine_arn: str) -> Any:
    """DescribeStateMachine: one that is being deleted says so."""
    answer = original(self, state_machine_arn)
    machine = engine.machine_of(self.stepfunction_backend, state_machine_arn)
    if getattr(machine, "labkit_deleting", False):
        answer.result["status"] = "DELETING"
    return answer


@hook(f"{_API}.validate_state_machine_definition", kind="new")
def validate_state_machine_definition(self: Any) -> Any:
    """ValidateStateMachineDefinition."""
    from labkit.sandbox.states.definition import diagnose

    found = diagnose(self._get_param("definition"), self._get_param("type") == "EXPRESS")
    if self._get_param("severity") != "WARNING":
        found = [one for one in found if one.severity == "ERROR"]
    most = int(self._get_param("maxResults") or 0) or _PAGE
    shown = [one._asdict() for one in found[:most]]
    failed = any(one.severity == "ERROR" for one in found)
    return ActionResult(
        {"result": "FAIL" if failed else "OK", "diagnostics": shown, "truncated": len(found) > most}
    )


@hook(f"{_API}.publish_state_machine_version", kind="new")
def publish_state_machine_version(self: Any) -> Any:
    """PublishStateMachineVersion."""
    arn, text = self._get_param("stateMachineArn"), self._get_param("description")
    return ActionResult(machines.publish(self.stepfunction_backend, arn, text))


@hook(f"{_API}.list_state_machine_versions", kind="new")
def list_state_machine_versions(self: Any) -> Any:
    """ListStateMachineVersions."""
    found = machines.versions(self.stepfunction_backend, self._get_param("stateMachineArn"))
    return _page(self, "stateMachineVersions", found)


@hook(f"{_API}.delete_state_machine_version", kind="new")
def delete_state_machine_version(self: Any) -> Any:
    """DeleteStateMachineVersion."""
    machines.delete_version(self.stepfunction_backend, self._get_param("stateMachineVersionArn"))
    return EmptyResult()


@hook(f"{_API}.create_state_machine_alias")
def create_state_machine_alias(original: Any, self: Any) -> Any:
    """CreateStateMachineAlias."""
    routes = self._get_param("routingConfiguration")
    machines.new_alias(self.stepfunction_backend, self._get_param("name"), routes)
    return original(self)


# -- executions ----------------------------------------------------------------------------------------


@hook(f"{_API}.start_execution")
def start_execution(original: Any, self: Any) -> Any:
    """StartExecution: it begins when the call has been answered."""
    arn, name, text = (self._get_param(one) for one in ("stateMachineArn", "name", "input"))
    execution = executions.start(self.stepfunction_backend, arn, name, text)
    return ActionResult({"executionArn": execution.execution_arn, "startDate": execution.start_date})


@hook(f"{_API}.start_sync_execution", kind="new")
def start_sync_execution(self: Any) -> Any:
    """StartSyncExecution."""
    arn, name, text = (self._get_param(one) for one in ("stateMachineArn", "name", "input"))
    return ActionResult(executions.start_sync(self.stepfunction_backend, arn, name, text))


@hook(f"{_API}.describe_execution")
def describe_execution(original: Any, self: Any) -> Any:
    """DescribeExecution."""
    return ActionResult(
        executions.described(executions.found(self._get_param("executionArn")), _with_data(self))
    )


def _with_data(self: Any) -> bool:
    if self._get_param("includedData") is not None:
        return bool(self._get_param("includedData") != "METADATA_ONLY")
    return self._get_param("includeExecutionData") is not False


@hook(f"{_API}.describe_state_machine_for_execution")
def describe_state_machine_for_execution(original: Any, self: Any) -> Any:
    """DescribeStateMachineForExecution: the definition this execution runs with."""
    run = executions.found(self._get_param("executionArn")).labkit_run
    machine = engine.machine_of(self.stepfunction_backend, run.machine_arn)
    if machine is None:
        raise no_execution(run.arn)
    return ActionResult(
        {
            "stateMachineArn": run.machine_arn, "name": run.machine_name, "definition": json.dumps(run.definition),
            "roleArn": run.role, "updateDate": machine.update_date,
            "loggingConfiguration": machine.loggingConfiguration,
        }
    )  # fmt: skip


@hook(f"{_API}.list_executions")
def list_executions(original: Any, self: Any) -> Any:
    """ListExecutions: newest first, of Standard state machines or of a Map Run."""
    backend = self.stepfunction_backend
    if self._get_param("mapRunArn"):
        found = map_runs.children(self._get_param("mapRunArn"), backend)
        return _page(self, "executions", [map_runs.child_listed(one) for one in _filtered(self, found)])
    machine, _, version, alias = executions.target_of(backend, self._get_param("stateMachineArn"))
    if machine.type == "EXPRESS":
        raise refused(
            "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine"
        )
    found = [
        one
        for one in reversed(machine.executions)
        if (not version or one.labkit_version == version) and (not alias or one.labkit_alias == alias)
    ]
    return _page(self, "executions", [executions.listed(one) for one in _filtered(self, found)])


def _filtered(self: Any, found: list[Any]) -> list[Any]:
    status, redriven = self._get_param("statusFilter"), self._get_param("redriveFilter")
    if status:
        found = [one for one in found if one.status == status]
    if redriven:
        found = [one for one in found if (one.labkit_run.redrives > 0) is (redriven == "REDRIVEN")]
    return found


@hook(f"{_API}.stop_execution")
def stop_execution(original: Any, self: Any) -> Any:
    """StopExecution."""
    execution = executions.found(self._get_param("executionArn"))
    when = executions.stop(execution, self._get_param("error"), self._get_param("cause"))
    return ActionResult({"stopDate": when})


@hook(f"{_API}.redrive_execution", kind="new")
def redrive_execution(self: Any) -> Any:
    """RedriveExecution."""
    execution = executions.found(self._get_param("executionArn"))
    return ActionResult({"redriveDate": executions.redrive(execution)})


@hook(f"{_API}.get_execution_history")
def get_execution_history(original: Any, self: Any) -> Any:
    """GetExecutionHistory."""
    run = executions.found(self._get_param("executionArn")).labkit_run
    return _page(
        self, "events", executions.history(run, _with_data(self), bool(self._get_param("reverseOrder")))
    )


@hook(f"{_API}.test_state", kind="new")
def test_state(self: Any) -> Any:
    """TestState."""
    from labkit.sandbox.services import _stepfunctions_test as one_state

    return ActionResult(one_state.test(self.stepfunction_backend, json.loads(self.body or "{}")))


@hook(f"{_API}.list_map_runs")
def list_map_runs(original: Any, self: Any) -> Any:
    """ListMapRuns."""
    run = executions.found(self._get_param("executionArn")).labkit_run
    return _page(self, "mapRuns", map_runs.listed(run, self.stepfunction_backend))


@hook(f"{_API}.describe_map_run")
def describe_map_run(original: Any, self: Any) -> Any:
    """DescribeMapRun."""
    return ActionResult(map_runs.described(self._get_param("mapRunArn"), self.stepfunction_backend))


@hook(f"{_API}.update_map_run")
def update_map_run(original: Any, self: Any) -> Any:
    """UpdateMapRun."""
    most, count = self._get_param("maxConcurrency"), self._get_param("toleratedFailureCount")
    share = self._get_param("toleratedFailurePercentage")
    map_runs.update(self._get_param("mapRunArn"), self.stepfunction_backend, most, count, share)
    return EmptyResult()


# -- tokens and activities -------------------------------------------------------------------------------


@hook(f"{_API}.send_task_success")
def send_task_success(original: Any, self: Any) -> Any:
    """SendTaskSuccess."""
    from labkit.sandbox.services import _stepfunctions_tokens as tokens

    tokens.succeed(self._get_param("taskToken"), self._get_param("output"))
    return EmptyResult()


@hook(f"{_API}.send_task_failure")
def send_task_failure(original: Any, self: Any) -> Any:
    """SendTaskFailure."""
    from labkit.sandbox.services import _stepfunctions_tokens as tokens

    tokens.fail(self._get_param("taskToken"), self._get_param("error"), self._get_param("cause"))
    return EmptyResult()


@hook(f"{_API}.send_task_heartbeat")
def send_task_heartbeat(original: Any, self: Any) -> Any:
    """SendTaskHeartbeat."""
    from labkit.sandbox.services import _stepfunctions_tokens as tokens

    tokens.beat(self._get_param("taskToken"))
    return EmptyResult()


@hook(f"{_API}.get_activity_task", kind="new")
def get_activity_task(self: Any) -> Any:
    """GetActivityTask: a long poll of a minute."""
    from labkit.sandbox.services import _stepfunctions_tokens as tokens

    arn, worker = self._get_param("activityArn"), self._get_param("workerName") or ""
    return ActionResult(tokens.next_task(self.stepfunction_backend, arn, worker))


# -- state machines as targets ---------------------------------------------------------------------------


def _find(parcel: Parcel) -> None:
    backend = engine.backend_for(parcel.target)
    if backend is None or engine.machine_of(backend, parcel.target) is None:
        raise Refused("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{parcel.target}'")


def _accept(parcel: Parcel) -> str:
    """Start an execution with the body as input; returns its ARN."""
    from moto.core.exceptions import AWSError

    try:
        execution = executions.start(
            engine.backend_for(parcel.target), parcel.target, None, parcel.body or "{}"
        )
    except AWSError as error:
        raise Refused(str(error.error_type), str(error.message)) from None
    return str(execution.execution_arn)


delivery.receives("arn:states", delivery.Receiver(("states:StartExecution",), _accept, find=_find))
