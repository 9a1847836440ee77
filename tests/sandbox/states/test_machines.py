"""State machines: definitions, roles, versions, Express, TestState, logs, and state machines as targets."""

# ruff: noqa: E501  # definitions read best on one line
from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

Flow = dict[str, Any]
PASS: Flow = {"Type": "Pass", "End": True}
TASK: Flow = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Parameters": {"FunctionName": "f"},
    "End": True,
}


def choice(**more: Any) -> Flow:
    return {"C": {"Type": "Choice", **more}, "S": {"Type": "Succeed"}}


@pytest.mark.parametrize(
    ("states", "code", "place"),
    [
        ({"A": {"Type": "Pass", "Next": "Zoo"}}, "MISSING_TRANSITION_TARGET", "/States/A/Next"),
        ({"A": {"Type": "Pass"}}, "SCHEMA_VALIDATION_FAILED", "/States/A"),
        ({"A": PASS, "B": PASS}, "MISSING_TRANSITION_TARGET", "/States/B"),
        ({"A": {"Type": "Psas", "End": True}}, "SCHEMA_VALIDATION_FAILED", "/States/A/Type"),
        ({"A": {"Type": "Pass", "Next": "A"}}, "MISSING_END_STATE", "/States"),
        ({"A": PASS | {"Resutl": 1}}, "SCHEMA_VALIDATION_FAILED", "/States/A/Resutl"),
        ({"A": TASK | {"Retry": [{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["X"]}]}}, "SCHEMA_VALIDATION_FAILED", "/States/A/Retry[0]"),
        ({"A": TASK | {"Retry": [{"ErrorEquals": ["States.Nope"]}]}}, "SCHEMA_VALIDATION_FAILED", "States.Nope"),
        ({"A": TASK | {"Catch": [{"ErrorEquals": ["X"], "Next": "Zoo"}]}}, "MISSING_TRANSITION_TARGET", "Catch[0]/Next"),
        ({"A": TASK | {"Resource": "arn:aws:states:::sqs:eatMessage"}}, "SCHEMA_VALIDATION_FAILED", "/States/A/Resource"),
        ({"A": TASK | {"TimeoutSeconds": 5, "HeartbeatSeconds": 5}}, "SCHEMA_VALIDATION_FAILED", "HeartbeatSeconds"),
        ({"A": PASS | {"ResultPath": "$..a"}}, "SCHEMA_VALIDATION_FAILED", "ResultPath"),
        ({"A": PASS | {"Parameters": {"a.$": "States.UUID(" * 11 + ")" * 11}}}, "SCHEMA_VALIDATION_FAILED", "a.$"),
        ({"A": PASS | {"Parameters": {"a.$": "a"}}}, "SCHEMA_VALIDATION_FAILED", "a.$"),
        ({"A": {"Type": "Wait", "End": True}}, "SCHEMA_VALIDATION_FAILED", "/States/A"),
        (choice(Choices=[]), "SCHEMA_VALIDATION_FAILED", "/States/C"),
        (choice(Choices=[{"Variable": "$.a", "Next": "S"}]), "SCHEMA_VALIDATION_FAILED", "Choices[0]"),
        ({"A": PASS | {"QueryLanguage": "JSONata", "Output": "{% 1 + %}"}}, "INVALID_JSONATA_EXPRESSION", "/Output"),
        ({"A": PASS | {"QueryLanguage": "JSONata", "Output": "{% price %}"}}, "UNSUPPORTED_JSONATA_EXPRESSION", "Reference to 'price' at the top level is not supported. at /States/A/Output"),
        ({"A": PASS | {"QueryLanguage": "JSONata", "Output": "{% $$ %}"}}, "UNSUPPORTED_JSONATA_EXPRESSION", "/States/A/Output"),
        ({"A": PASS | {"QueryLanguage": "JSONata", "Output": "{% $states.result %}"}}, "UNSUPPORTED_JSONATA_EXPRESSION", "/States/A/Output"),
        ({"A": PASS | {"Output": "{% 1 %}"}}, "SCHEMA_VALIDATION_FAILED", "The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage at /States/A"),
        ({"A": PASS | {"QueryLanguage": "SQL"}}, "SCHEMA_VALIDATION_FAILED", "Value should be one of the following: [JSONPath, JSONata] at /States/A/QueryLanguage"),
        ({"A": TASK | {"TimeoutSeconds": 100_000_000}}, "SCHEMA_VALIDATION_FAILED", "/States/A/TimeoutSeconds"),
        ({"A": TASK | {"Retry": [{"ErrorEquals": ["X"], "MaxDelaySeconds": 31_622_401}]}}, "SCHEMA_VALIDATION_FAILED", "/States/A/Retry[0]/MaxDelaySeconds"),
        ({"A": TASK | {"TimeoutSeconds": 5, "TimeoutSecondsPath": "$.t"}}, "SCHEMA_VALIDATION_FAILED", "not both at /States/A"),
        ({"A": PASS | {"QueryLanguage": "JSONata", "InputPath": "$"}}, "SCHEMA_VALIDATION_FAILED", "field 'InputPath' is only supported for the 'JSONPath' QueryLanguage at /States/A"),
        ({"A": {"Type": "Parallel", "Branches": [{"StartAt": "X", "States": {"X": {"Type": "Pass", "Next": "A"}}}], "End": True}}, "MISSING_TRANSITION_TARGET", "/States/X/Next"),
    ],
)  # fmt: skip
def test_definitions_are_refused_with_the_place(flows: Any, states: Flow, code: str, place: str) -> None:
    with pytest.raises(ClientError) as caught:
        flows.machine(states)
    error = caught.value.response["Error"]
    assert error["Code"] == "InvalidDefinition"
    assert error["Message"].startswith("Invalid State Machine Definition: '")
    assert code in error["Message"]
    assert place in error["Message"]


def test_a_definition_that_is_no_json_and_its_diagnostics(flows: Any) -> None:
    with pytest.raises(ClientError, match="InvalidDefinition"):
        flows.sfn.create_state_machine(name="x", definition="{", roleArn=flows.role)
    bad = flows.sfn.validate_state_machine_definition(
        definition='{"StartAt":"A","States":{"A":{"Type":"Pass"}}}'
    )
    assert bad["result"] == "FAIL"
    assert {one["code"] for one in bad["diagnostics"]} >= {"SCHEMA_VALIDATION_FAILED"}
    fine = flows.sfn.validate_state_machine_definition(
        definition=json.dumps({"StartAt": "A", "States": {"A": PASS}})
    )
    assert (fine["result"], fine["diagnostics"], fine["truncated"]) == ("OK", [], False)


def test_a_role_must_trust_step_functions(flows: Any) -> None:
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    role = flows.iam.create_role(RoleName="other", AssumeRolePolicyDocument=json.dumps(document))["Role"][
        "Arn"
    ]
    with pytest.raises(ClientError, match="AccessDeniedException"):
        flows.machine({"A": PASS}, role=role)


def test_the_same_machine_twice_is_fine_and_another_is_not(flows: Any) -> None:
    assert flows.machine({"A": PASS}, name="m") == flows.machine({"A": PASS}, name="m")
    with pytest.raises(ClientError, match="StateMachineAlreadyExists"):
        flows.machine({"B": PASS}, name="m")


def test_a_type_that_does_not_exist_is_refused(flows: Any) -> None:
    with pytest.raises(ClientError, match="ValidationException.*STANDARD, EXPRESS"):
        flows.machine({"A": PASS}, type="express")


def test_an_execution_goes_on_as_it_began(flows: Any) -> None:
    machine = flows.machine({"W": {"Type": "Wait", "Seconds": 60, "Next": "A"}, "A": PASS | {"Result": 1}})
    arn = flows.start(machine)
    flows.look(arn)
    flows.sfn.update_state_machine(
        stateMachineArn=machine,
        definition=json.dumps({"StartAt": "A", "States": {"A": PASS | {"Result": 2}}}),
    )
    flows.clock.advance(minutes=2)
    assert flows.look(arn)["result"] == 1
    assert flows.look(flows.start(machine))["result"] == 2


def test_versions_and_weighted_aliases(flows: Any) -> None:
    machine = flows.machine({"A": PASS | {"Result": 1}})
    one = flows.sfn.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]
    assert flows.sfn.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"] == one
    flows.sfn.update_state_machine(
        stateMachineArn=machine,
        definition=json.dumps({"StartAt": "A", "States": {"A": PASS | {"Result": 2}}}),
    )
    two = flows.sfn.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]
    routes = [{"stateMachineVersionArn": one, "weight": 90}, {"stateMachineVersionArn": two, "weight": 10}]
    alias = flows.sfn.create_state_machine_alias(name="live", routingConfiguration=routes)[
        "stateMachineAliasArn"
    ]
    found = [flows.look(flows.start(alias)) for _ in range(60)]
    assert 0 < sum(each["result"] == 2 for each in found) < 20
    assert {each["stateMachineAliasArn"] for each in found} == {alias}
    assert flows.look(flows.start(one))["result"] == 1
    with pytest.raises(ClientError, match="ConflictException"):
        flows.sfn.delete_state_machine_version(stateMachineVersionArn=one)
    assert len(flows.sfn.list_state_machine_versions(stateMachineArn=machine)["stateMachineVersions"]) == 2


def test_express_answers_at_once_and_has_no_history(flows: Any) -> None:
    machine = flows.machine(
        {"W": {"Type": "Wait", "Seconds": 20, "Next": "A"}, "A": PASS | {"Result": 5}}, type="EXPRESS"
    )
    found = flows.sfn.start_sync_execution(stateMachineArn=machine)
    assert (found["status"], found["output"]) == ("SUCCEEDED", "5")
    assert found["stopDate"] - found["startDate"] >= timedelta(seconds=20)
    assert found["billingDetails"]["billedDurationInMilliseconds"] >= 20_000
    arn = flows.start(machine)
    for call in (flows.sfn.describe_execution, flows.sfn.get_execution_history):
        with pytest.raises(ClientError, match="InvalidArn"):
            call(executionArn=arn)
    with pytest.raises(ClientError, match="StateMachineTypeNotSupported"):
        flows.sfn.list_executions(stateMachineArn=machine)
    with pytest.raises(ClientError, match="StateMachineTypeNotSupported"):
        flows.sfn.start_sync_execution(stateMachineArn=flows.machine({"A": PASS}))


def test_express_ends_after_five_minutes_and_knows_no_sync(flows: Any) -> None:
    long = flows.machine({"W": {"Type": "Wait", "Seconds": 301, "End": True}}, type="EXPRESS")
    assert flows.sfn.start_sync_execution(stateMachineArn=long)["status"] == "TIMED_OUT"
    with pytest.raises(
        ClientError, match=r"Express state machine does not support '\.sync' service integration"
    ):
        flows.machine(
            {"A": TASK | {"Resource": "arn:aws:states:::states:startExecution.sync"}}, type="EXPRESS"
        )


def test_a_state_alone_with_a_mock(flows: Any) -> None:
    state = TASK | {
        "ResultSelector": {"v.$": "$.Payload"},
        "Next": "K",
        "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 4, "MaxAttempts": 1}],
        "Catch": [{"ErrorEquals": ["Stolen"], "ResultPath": "$.e", "Next": "Sorry"}],
    }
    del state["End"]
    test = flows.sfn.test_state
    text = json.dumps(state)
    fine = test(definition=text, input="{}", mock={"result": '{"Payload": 3}'})
    assert (fine["status"], fine["output"], fine["nextState"]) == ("SUCCEEDED", '{"v":3}', "K")
    error = {"errorOutput": {"error": "Busy", "cause": "x"}}
    busy = test(definition=text, input="{}", mock=error, inspectionLevel="DEBUG")
    assert (busy["status"], busy["error"]) == ("RETRIABLE", "Busy")
    assert busy["inspectionData"]["errorDetails"] == {"retryIndex": 0, "retryBackoffIntervalSeconds": 4}
    tired = test(
        definition=text,
        input="{}",
        mock={"errorOutput": {"error": "Busy"}},
        stateConfiguration={"retrierRetryCount": 1},
    )
    assert tired["status"] == "FAILED"
    caught = test(definition=text, input='{"id":1}', mock={"errorOutput": {"error": "Stolen", "cause": "y"}})
    assert (caught["status"], caught["nextState"]) == ("CAUGHT_ERROR", "Sorry")
    assert json.loads(caught["output"]) == {"id": 1, "e": {"Error": "Stolen", "Cause": "y"}}


def test_a_state_of_a_machine_with_variables_and_without_mock(flows: Any) -> None:
    inner = {"Type": "Choice", "Choices": [{"Condition": "{% $limit > 5 %}", "Next": "S"}], "Default": "F"}
    machine = {
        "QueryLanguage": "JSONata",
        "StartAt": "C",
        "States": {"C": inner, "S": {"Type": "Succeed"}, "F": {"Type": "Fail"}},
    }
    found = flows.sfn.test_state(
        definition=json.dumps(machine), stateName="C", variables='{"limit": 6}', input="{}"
    )
    assert (found["status"], found["nextState"]) == ("SUCCEEDED", "S")
    send = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sqs:listQueues",
        "Parameters": {},
        "End": True,
    }
    real = flows.sfn.test_state(definition=json.dumps(send), roleArn=flows.role, input="{}")
    assert real["status"] == "SUCCEEDED"
    with pytest.raises(ClientError, match="mock"):
        flows.sfn.test_state(definition=json.dumps(PASS), mock={"result": "1"}, input="{}")
    mapped = {"Type": "Map", "ItemProcessor": {"StartAt": "A", "States": {"A": PASS}}, "End": True}
    assert (
        flows.sfn.test_state(definition=json.dumps(mapped), input="[1]", mock={"result": "[9]"})["output"]
        == "[9]"
    )


def test_rules_and_schedules_start_executions(flows: Any) -> None:
    machine = flows.machine({"A": PASS})
    role = flows.iam.create_role(
        RoleName="ev",
        AssumeRolePolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "events.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            }
        ),
    )["Role"]["Arn"]
    allow = {"Effect": "Allow", "Action": "states:StartExecution", "Resource": machine}
    flows.iam.put_role_policy(
        RoleName="ev",
        PolicyName="p",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]}),
    )
    events = boto3.client("events")
    events.put_rule(Name="r", EventPattern='{"source":["shop"]}')
    events.put_targets(
        Rule="r", Targets=[{"Id": "1", "Arn": machine, "RoleArn": role, "InputPath": "$.detail"}]
    )
    events.put_events(Entries=[{"Source": "shop", "DetailType": "paid", "Detail": '{"id":7}'}])
    flows.clock.advance(minutes=1)
    found = flows.sfn.list_executions(stateMachineArn=machine)["executions"]
    assert [flows.look(one["executionArn"])["result"] for one in found] == [{"id": 7}]


def test_logs_tell_the_events_the_level_wants(flows: Any) -> None:
    logs = boto3.client("logs")
    logs.create_log_group(logGroupName="/flows")
    group = "arn:aws:logs:eu-west-1:123456789012:log-group:/flows:*"
    config = {
        "level": "ALL",
        "includeExecutionData": False,
        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}],
    }
    machine = flows.machine({"A": PASS}, type="EXPRESS", loggingConfiguration=config)
    flows.sfn.start_sync_execution(stateMachineArn=machine)
    records = [json.loads(one["message"]) for one in logs.filter_log_events(logGroupName="/flows")["events"]]
    assert next(one["type"] for one in records) == "ExecutionStarted"
    assert len(records) == 4
    assert "input" not in records[1]["details"]
