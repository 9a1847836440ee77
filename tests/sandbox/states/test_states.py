"""Executions on the lab's clock, state by state."""

# ruff: noqa: E501  # definitions read best on one line
from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

Flow = dict[str, Any]
END: Flow = {"Type": "Pass", "End": True}


def refused(call: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_history_tells_everything_in_aws_words(flows: Any) -> None:
    arn = flows.start(
        flows.machine({"A": {"Type": "Pass", "Result": 7, "Next": "B"}, "B": {"Type": "Succeed"}})
    )
    assert flows.look(arn)["result"] == 7
    events = flows.history(arn)
    assert [event["type"] for event in events] == [
        "ExecutionStarted", "PassStateEntered", "PassStateExited", "SucceedStateEntered", "SucceedStateExited",
        "ExecutionSucceeded",
    ]  # fmt: skip
    assert [event["id"] for event in events] == [1, 2, 3, 4, 5, 6]
    assert [event["previousEventId"] for event in events] == [
        0,
        0,
        2,
        3,
        4,
        5,
    ]  # the first state follows nothing
    assert events[1]["stateEnteredEventDetails"] == {
        "name": "A",
        "input": "{}",
        "inputDetails": {"truncated": False},
    }
    assert events[-1]["executionSucceededEventDetails"]["output"] == "7"


def test_a_wait_of_an_hour_is_over_after_an_hour_and_not_before(flows: Any) -> None:
    arn = flows.start(flows.machine({"W": {"Type": "Wait", "Seconds": 3600, "End": True}}))
    flows.clock.advance(seconds=3599)
    assert flows.look(arn)["status"] == "RUNNING"
    flows.clock.advance(seconds=1)
    found = flows.look(arn)
    assert found["status"] == "SUCCEEDED"
    assert found["stopDate"] - found["startDate"] == timedelta(hours=1)


def test_a_wait_takes_its_time_from_the_input(flows: Any) -> None:
    until = (flows.clock.now() + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    states = {
        "W": {"Type": "Wait", "TimestampPath": "$.until", "Next": "S"},
        "S": {"Type": "Wait", "SecondsPath": "$.s", "End": True},
    }
    found = flows.run(states, {"until": until, "s": 60})
    assert timedelta(seconds=358) < found["stopDate"] - found["startDate"] <= timedelta(seconds=360)
    wrong = flows.run(states, {"until": "tomorrow", "s": 60})
    assert wrong["error"] == "States.Runtime"
    assert "Timestamp" in wrong["cause"]


@pytest.mark.parametrize(
    ("rule", "data", "holds"),
    [
        ({"Variable": "$.n", "NumericGreaterThan": 10}, {"n": 11}, True),
        ({"Variable": "$.n", "NumericEquals": 1}, {"n": "1"}, False),
        ({"Variable": "$.s", "StringMatches": "log-*.txt"}, {"s": "log-9.txt"}, True),
        ({"Variable": "$.s", "StringMatches": "a\\*b"}, {"s": "a*b"}, True),
        ({"Variable": "$.t", "TimestampLessThan": "2030-01-01T00:00:00Z"}, {"t": "2029-12-31T23:59:59Z"}, True),
        ({"Variable": "$.x", "IsPresent": False}, {}, True),
        ({"Variable": "$.b", "BooleanEquals": True}, {"b": True}, True),
        ({"Variable": "$.n", "NumericLessThanPath": "$.m"}, {"n": 1, "m": 2}, True),
        ({"Not": {"Variable": "$.s", "StringEquals": "a"}}, {"s": "b"}, True),
        ({"And": [{"Variable": "$.n", "IsNumeric": True}, {"Variable": "$.n", "NumericGreaterThanEquals": 2}]}, {"n": 2}, True),
        ({"Or": [{"Variable": "$.x", "IsPresent": True}, {"Variable": "$.n", "IsNull": True}]}, {"n": None}, True),
    ],
)  # fmt: skip
def test_choice_rules(flows: Any, rule: Flow, data: Flow, holds: bool) -> None:
    states = {
        "C": {"Type": "Choice", "Choices": [{**rule, "Next": "Yes"}], "Default": "No"},
        "Yes": {"Type": "Pass", "Result": True, "End": True}, "No": {"Type": "Pass", "Result": False, "End": True},
    }  # fmt: skip
    assert flows.run(states, data)["result"] is holds


def test_no_choice_that_matches_fails_as_a_runtime_error(flows: Any) -> None:
    states = {
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.pay", "StringEquals": "card", "Next": "S"}]},
        "S": {"Type": "Succeed"},
    }  # fmt: skip
    found = flows.run(states, {"pay": "shells"})
    assert (found["error"], found["cause"]) == (
        "States.Runtime",
        "An error occurred while executing the state 'C' (entered at the event id #2). Failed to transition out of the "
        "state. The state does not point to a next state.",
    )
    missing = flows.run(states, {})
    assert missing["error"] == "States.Runtime"
    assert "$.pay" in missing["cause"]


def test_fail_takes_error_and_cause_from_the_input(flows: Any) -> None:
    found = flows.run(
        {"F": {"Type": "Fail", "ErrorPath": "$.e", "CausePath": "States.Format('no {}', $.c)"}},
        {"e": "Mine", "c": "money"},
    )
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "Mine", "no money")


def test_data_flows_through_all_five_fields(flows: Any) -> None:
    states = {
        "A": {
            "Type": "Parallel", "InputPath": "$.order", "Parameters": {"twice.$": "States.MathAdd($.n, $.n)", "fixed": 1},
            "Branches": [{"StartAt": "B", "States": {"B": END}}], "ResultSelector": {"got.$": "$[0].twice"},
            "ResultPath": "$.done.here", "OutputPath": "$.done", "End": True,
        }
    }  # fmt: skip
    assert flows.run(states, {"order": {"n": 21}})["result"] == {"here": {"got": 42}}


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ("States.Format('{} of \\'{}\\' \\{\\}', 1, $.name)", "1 of 'Ada' {}"),
        ("States.Array(1, $.name, null)", [1, "Ada", None]),
        ("States.ArrayPartition(States.ArrayRange(1, 5, 2), 2)", [[1, 3], [5]]),
        ("States.ArrayContains($.list, 2)", True),
        ("States.ArrayGetItem($.list, 1)", 2),
        ("States.ArrayLength($.list)", 3),
        ("States.ArrayUnique(States.Array(1, 1, 2))", [1, 2]),
        ("States.Base64Decode(States.Base64Encode('hi'))", "hi"),
        ("States.Hash('a', 'SHA-1')", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
        ("States.JsonMerge(States.StringToJson('{\"a\":1}'), $.more, false)", {"a": 1, "b": 2}),
        ("States.JsonToString($.more)", '{"b":2}'),
        ("States.StringSplit('a,b;c', ',;')", ["a", "b", "c"]),
        ("$.list[?(@ > 1)]", [2, 3]),
        ("$..b", [2]),
        ("$.list[-1]", 3),
    ],
)
def test_intrinsic_functions_and_paths(flows: Any, call: str, value: Any) -> None:
    states = {"A": {"Type": "Pass", "Parameters": {"v.$": call}, "OutputPath": "$.v", "End": True}}
    assert flows.run(states, {"name": "Ada", "list": [1, 2, 3], "more": {"b": 2}})["result"] == value


def test_wrong_arguments_of_an_intrinsic_function_are_a_runtime_error(flows: Any) -> None:
    states = {"A": {"Type": "Pass", "Parameters": {"v.$": "States.ArrayGetItem($.list, 9)"}, "End": True}}
    assert flows.run(states, {"list": []})["error"] == "States.Runtime"


def test_a_missing_field_is_a_runtime_error_that_nobody_catches(flows: Any) -> None:
    inner = {"StartAt": "X", "States": {"X": {"Type": "Pass", "Parameters": {"v.$": "$.no"}, "End": True}}}
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "S"}]
    found = flows.run(
        {
            "P": {"Type": "Parallel", "Branches": [inner], "Catch": catch, "End": True},
            "S": {"Type": "Succeed"},
        }
    )
    assert (found["status"], found["error"]) == ("FAILED", "States.Runtime")
    assert "The JSONPath '$.no' specified for the field 'v.$' could not be found" in found["cause"]


def test_more_than_256_kib_between_states_is_too_much_even_for_states_all(flows: Any) -> None:
    many = [{"StartAt": f"X{n}", "States": {f"X{n}": {"Type": "Pass", "End": True}}} for n in range(3)]
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "S"}]
    states = {
        "P": {"Type": "Parallel", "Branches": many, "Catch": catch, "End": True},
        "S": {"Type": "Succeed"},
    }
    assert flows.run(states, "x" * 100_000)["error"] == "States.DataLimitExceeded"


def test_variables_are_read_before_any_is_set(flows: Any) -> None:
    states = {
        "A": {"Type": "Pass", "Assign": {"n": 1, "m": 10}, "Next": "B"},
        "B": {"Type": "Pass", "Assign": {"n.$": "$m", "m.$": "$n"}, "Next": "C"},
        "C": {"Type": "Pass", "Parameters": {"n.$": "$n", "m.$": "$m"}, "End": True},
    }  # fmt: skip
    assert flows.run(states)["result"] == {"n": 10, "m": 1}


def test_the_context_object(flows: Any) -> None:
    machine = flows.machine(
        {
            "A": {
                "Type": "Pass",
                "Parameters": {
                    "id.$": "$$.Execution.Id",
                    "s.$": "$$.State.Name",
                    "m.$": "$$.StateMachine.Name",
                    "t.$": "$$.Execution.StartTime",
                },
                "End": True,
            }
        },
        name="shop",
    )
    arn = flows.start(machine)
    found = flows.look(arn)["result"]
    assert (found["id"], found["s"], found["m"]) == (arn, "A", "shop")
    assert found["t"].endswith("Z")


def test_a_circle_without_exit_ends_at_the_event_limit(flows: Any) -> None:
    rule = {"Variable": "$.never", "IsPresent": True, "Next": "E"}
    arn = flows.start(
        flows.machine(
            {
                "A": {"Type": "Pass", "Next": "C"},
                "C": {"Type": "Choice", "Choices": [rule], "Default": "A"},
                "E": {"Type": "Succeed"},
            }
        )
    )
    flows.clock.advance(minutes=5)
    assert flows.look(arn)["status"] == "FAILED"
    last = flows.sfn.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=1)["events"][0]
    assert (last["id"], last["type"]) == (25_000, "ExecutionFailed")


def test_the_whole_execution_can_time_out(flows: Any) -> None:
    arn = flows.start(flows.machine({"W": {"Type": "Wait", "Seconds": 60, "End": True}}, TimeoutSeconds=30))
    flows.clock.advance(minutes=1)
    found = flows.look(arn)
    assert (found["status"], found.get("error"), found.get("cause")) == ("TIMED_OUT", None, None)
    last = flows.history(arn)[-1]
    assert (last["type"], last["previousEventId"]) == ("ExecutionTimedOut", 0)
    assert last["executionTimedOutEventDetails"] == {"error": "States.Timeout"}


def test_names_inputs_and_executions_that_are_wrong(flows: Any) -> None:
    machine = flows.machine({"W": {"Type": "Wait", "Seconds": 60, "End": True}})
    first = flows.start(machine, {"a": 1}, name="one")
    assert flows.start(machine, {"a": 1}, name="one") == first
    call = flows.sfn.start_execution
    assert refused(call, stateMachineArn=machine, name="one", input="{}")[0] == "ExecutionAlreadyExists"
    assert refused(call, stateMachineArn=machine, input="{")[0] == "InvalidExecutionInput"
    assert refused(call, stateMachineArn=machine, name="a b")[0] == "InvalidName"
    assert refused(call, stateMachineArn=machine + "x")[0] == "StateMachineDoesNotExist"
    assert refused(flows.sfn.describe_execution, executionArn=first + "x")[0] == "ExecutionDoesNotExist"
    assert len({flows.start(machine) for _ in range(3)}) == 3


def test_stopping_says_so_and_stops_everything(flows: Any) -> None:
    arn = flows.start(flows.machine({"W": {"Type": "Wait", "Seconds": 60, "End": True}}))
    flows.sfn.stop_execution(executionArn=arn, error="Enough", cause="of this")
    flows.clock.advance(hours=1)
    found = flows.look(arn)
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "Enough", "of this")
    assert flows.types(arn)[-2:] == ["WaitStateEntered", "ExecutionAborted"]


def test_reset_and_rehearsal_find_running_executions(flows: Any) -> None:
    arn = flows.start(flows.machine({"W": {"Type": "Wait", "Seconds": 60, "End": True}}))
    with flows.sandbox.rehearsal():
        flows.clock.advance(minutes=2)
        assert flows.look(arn)["status"] == "SUCCEEDED"
    assert flows.look(arn)["status"] == "RUNNING"
    kept = flows.sandbox.snapshot()
    flows.clock.advance(minutes=2)
    flows.sandbox.restore(kept)
    assert flows.look(arn)["status"] == "RUNNING"
    flows.clock.advance(minutes=2)
    assert flows.look(arn)["status"] == "SUCCEEDED"
    flows.sandbox.reset()
    flows.clock.advance(minutes=2)
    assert flows.sfn.list_state_machines()["stateMachines"] == []


def test_a_machine_deleted_meanwhile_goes_when_its_executions_have_ended(flows: Any) -> None:
    machine = flows.machine({"W": {"Type": "Wait", "Seconds": 60, "End": True}})
    arn = flows.start(machine)
    flows.sfn.delete_state_machine(stateMachineArn=machine)
    assert flows.sfn.describe_state_machine(stateMachineArn=machine)["status"] == "DELETING"
    assert refused(flows.sfn.start_execution, stateMachineArn=machine)[0] == "StateMachineDeleting"
    assert flows.look(arn)["status"] == "RUNNING"
    flows.clock.advance(minutes=2)
    assert refused(flows.sfn.describe_state_machine, stateMachineArn=machine)[0] == "StateMachineDoesNotExist"


def test_the_same_inputs_give_the_same_history(flows: Any) -> None:
    states = {
        "A": {
            "Type": "Pass",
            "Parameters": {"u.$": "States.UUID()", "r.$": "States.MathRandom(1, 1000)"},
            "End": True,
        }
    }
    machine = flows.machine(states)
    seen = []
    for _ in range(2):
        with flows.sandbox.rehearsal():
            seen.append(json.dumps(flows.history(flows.start(machine, name="same")), default=str))
    assert seen[0] == seen[1]
