"""What an execution did, read from its history: attempts, ways, items, waits, redrives."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from labkit.drawing.states.history import History, Visit
from labkit.drawing.states.outcome import brief, cause, changed
from labkit.drawing.timeline import timeline
from labkit.sandbox import Sandbox
from tests.drawing.flows import BOUGHT, ORDER, RETRY, SEND, Flows, catch, send, step, taken, told

START = 1_800_000_000.0


@pytest.fixture
def flows(sandbox: Sandbox) -> Flows:
    return Flows(sandbox)


def history(*told: tuple[str, int, dict[str, Any]], status: str = "RUNNING") -> History:
    """Events as GetExecutionHistory gives them: type, the id before, details. One second lies between two."""
    events = [
        {
            "id": number, "previousEventId": before, "type": kind,
            "timestamp": datetime.fromtimestamp(START + number, UTC), "someEventDetails": details,
        }
        for number, (kind, before, details) in enumerate(told, 1)
    ]  # fmt: skip
    return History(events, status)


def entered(kind: str, name: str, before: int, data: str = "{}") -> tuple[str, int, dict[str, Any]]:
    return f"{kind}StateEntered", before, {"name": name, "input": data}


def visits(found: History) -> list[tuple[str, str, int]]:
    return [(one.name, one.state, len(one.tries)) for one in found.visits]


# -- events of AWS ---------------------------------------------------------------------------------


def test_events_are_told_apart_by_the_one_before_them() -> None:
    found = history(
        ("ExecutionStarted", 0, {}),
        entered("Parallel", "Both", 1),
        ("ParallelStateStarted", 2, {}),
        entered("Task", "Left", 3),
        entered("Task", "Right", 3),
        ("TaskScheduled", 4, {}),
        ("TaskScheduled", 5, {}),
        ("TaskFailed", 7, {"error": "Busy", "cause": "later"}),
        ("TaskSucceeded", 6, {}),
        ("TaskStateExited", 9, {"name": "Left"}),
        ("TaskScheduled", 8, {}),
    )
    assert visits(found) == [("Both", "running", 1), ("Left", "done", 1), ("Right", "running", 2)]
    right = found.visits[2]
    assert [(one.failed, one.error) for one in right.tries] == [(True, "Busy"), (False, "")]
    assert right.tries[0].end == START + 8
    assert right.around is found.visits[0]


def test_an_item_that_failed_takes_its_map_along() -> None:
    found = history(
        ("ExecutionStarted", 0, {}),
        entered("Map", "Each", 1),
        ("MapStateStarted", 2, {"length": 3}),
        ("MapIterationStarted", 3, {"name": "Each", "index": 0}),
        entered("Task", "One", 4),
        ("LambdaFunctionScheduled", 5, {}),
        ("MapIterationStarted", 3, {"name": "Each", "index": 1}),
        entered("Task", "One", 7),
        ("LambdaFunctionScheduled", 8, {}),
        ("LambdaFunctionFailed", 9, {"error": "Bad"}),
        ("MapIterationFailed", 10, {"name": "Each", "index": 1}),
        ("TaskStateAborted", 6, {}),
        ("MapIterationAborted", 12, {"name": "Each", "index": 0}),
        ("MapStateFailed", 11, {}),
        ("ExecutionFailed", 14, {"error": "Bad"}),
        status="FAILED",
    )
    assert visits(found) == [("Each", "failed", 1), ("One", "stopped", 1), ("One", "failed", 1)]
    each, _, bad = found.visits
    assert each.items == {0: "stopped", 1: "failed"}
    assert (each.size, each.error, bad.path) == (3, "Bad", (1,))


def test_a_history_that_ends_in_the_middle_is_read_as_far_as_it_goes() -> None:
    assert visits(history()) == []
    assert visits(history(("TaskScheduled", 99, {}), ("MapIterationSucceeded", 3, {}))) == []
    assert visits(history(entered("Wait", "Nap", 0), status="TIMED_OUT")) == [("Nap", "stopped", 0)]


# -- executions of the account ---------------------------------------------------------------------


def test_the_ways_of_an_order_that_went_well(flows: Flows) -> None:
    flows.queues("bank", "invoices", "refunds", "mails")
    picture = flows.draw(flows.run(flows.machine("order", ORDER), BOUGHT))
    assert told(picture, "Thank you")["state"] == "done"
    assert told(picture, "Reserve items")["told"].startswith("done, items: 3 done")
    assert told(picture, "Reserve")["visits"] == 3
    assert told(picture, "Refund")["state"] == "not visited"
    ways = taken(picture)
    assert {("How is it paid?", "Charge card"), ("Prepare", "Reserve items"), ("join", "Cool down")} <= ways
    assert ("Charge card", "Apologize") not in ways


def test_attempts_are_counted_and_what_is_caught_is_told(flows: Flows) -> None:
    flows.queues("mails", "refunds")
    picture = flows.draw(flows.run(flows.machine("order", ORDER), BOUGHT))
    charge = told(picture, "Charge card")
    assert (charge["state"], charge["attempts"]) == ("caught", 4)
    assert charge["told"].startswith("4 attempts, caught: SQS.QueueDoesNotExistException; errors: ")
    assert "(4 times)" in charge["told"]
    assert ("Charge card", "Apologize") in taken(picture)
    assert ("Charge card", "Prepare") not in taken(picture)


def test_an_attempt_that_went_well_in_the_end(flows: Flows) -> None:
    flows.queues("mails", "refunds")
    arn = flows.run(flows.machine("order", ORDER), BOUGHT, seconds=3)
    waiting = flows.draw(arn)
    assert told(waiting, "Charge card")["told"].startswith("2 attempts, waits to try again")
    flows.queues("bank")
    flows.sandbox.clock.advance(seconds=10)
    charge = told(flows.draw(arn), "Charge card")
    assert (charge["state"], charge["attempts"]) == ("retried", 3)
    cooling = told(flows.draw(arn), "Cool down")
    assert (cooling["state"], cooling["told"][:12]) == ("running", "waits since ")


def test_a_failure_inside_a_frame_is_told_at_every_level(flows: Flows) -> None:
    flows.queues("bank", "refunds", "mails")
    picture = flows.draw(flows.run(flows.machine("order", ORDER), BOUGHT | {"items": ["tea", "ghost"]}))
    assert told(picture, "Sold out")["told"] == "failed: SoldOut"
    assert told(picture, "Reserve items")["told"].startswith("failed: SoldOut, items: 1 done, 1 failed")
    assert told(picture, "Prepare")["told"].startswith("caught: SoldOut")
    assert told(picture, "Order failed")["state"] == "failed"
    assert {("Prepare", "Refund"), ("Refund", "Apologize"), ("Apologize", "Order failed")} <= taken(picture)


def test_a_catch_and_a_next_to_the_same_state_are_told_apart(flows: Flows) -> None:
    both = {"Try": send("bank", Catch=[catch("After")], Next="After"), "After": step(End=True)}
    machine = flows.machine("both", both)

    def kinds(arn: str) -> list[str]:
        data = next(iter(flows.draw(arn).data().values()))
        names = {one["id"]: one["name"] for one in data["states"]}
        return [one["kind"] for one in data["edges"] if one["taken"] and names[one["from"]] == "Try"]

    assert kinds(flows.run(machine, name="bad")) == ["catch"]
    flows.queues("bank")
    assert kinds(flows.run(machine, name="good")) == ["next"]


def test_a_loop_counts_how_often(flows: Flows) -> None:
    loop = {
        "Begin": step(Assign={"n": 0}, Next="Poll"),
        "Poll": step(Assign={"n": "{% $n + 1 %}"}, Output="{% $n %}", Next="Ready?"),
        "Ready?": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $n > 2 %}", "Next": "Done"}],
            "Default": "Sleep",
        },
        "Sleep": {"Type": "Wait", "Seconds": 30, "Next": "Poll"},
        "Done": {"Type": "Succeed"},
    }
    picture = flows.draw(flows.run(flows.machine("loop", loop, QueryLanguage="JSONata")))
    assert told(picture, "Poll")["told"].startswith("visited 3 times: 3 done")
    assert told(picture, "Sleep")["visits"] == 2
    assert "Sleep (Wait): waits 30 s" in picture.text()
    assert "-> Poll (taken twice, the last time with 1)" in picture.text()


def test_what_waits_for_a_token_waits_and_silence_is_caught(flows: Flows) -> None:
    flows.queues("partner")
    ask = send("partner", Resource=f"{SEND}.waitForTaskToken", HeartbeatSeconds=600, Next="Go on")
    ask["Catch"] = [catch("Escalate", "States.HeartbeatTimeout")]
    ask["Parameters"] = {**ask["Parameters"], "MessageBody.$": "$$.Task.Token"}
    machine = flows.machine("ask", {"Ask": ask, "Go on": step(End=True), "Escalate": step(End=True)})
    arn = flows.run(machine, minutes=5)
    assert told(flows.draw(arn), "Ask")["told"].startswith("waits since ")
    flows.sandbox.clock.advance(minutes=10)
    assert told(flows.draw(arn), "Ask")["state"] == "caught"


def test_what_was_stopped_has_not_failed(flows: Flows) -> None:
    machine = flows.machine("nap", {"Nap": {"Type": "Wait", "Seconds": 600, "End": True}})
    arn = flows.run(machine, minutes=1)
    flows.states.stop_execution(executionArn=arn, error="Enough", cause="tea time")
    picture = flows.draw(arn)
    assert told(picture, "Nap")["state"] == "stopped"
    assert picture.title.startswith("Execution run-1 of nap: ABORTED with Enough after 1 min")


def test_after_a_redrive_only_what_came_of_it_counts(flows: Flows) -> None:
    machine = flows.machine(
        "again", {"First": step(Next="Send"), "Send": send("bank", Retry=[RETRY], End=True)}
    )
    arn = flows.run(machine)
    assert told(flows.draw(arn), "Send")["state"] == "failed"
    flows.queues("bank")
    flows.states.redrive_execution(executionArn=arn)
    flows.sandbox.clock.advance(seconds=1)
    picture = flows.draw(arn)
    assert told(picture, "Send")["state"] in ("done", "retried")
    assert ", after a redrive" in told(picture, "Send")["told"]
    assert told(picture, "First")["visits"] == 1
    assert "Redriven once" in picture.note


def test_a_parallel_that_is_tried_again_forgets_its_first_branches(flows: Flows) -> None:
    branch = {"StartAt": "Inner", "States": {"Inner": send("bank", End=True)}}
    both = {"Type": "Parallel", "Branches": [branch], "Retry": [RETRY], "End": True}
    machine = flows.machine("both", {"Both": both})
    arn = flows.run(machine, seconds=1)
    assert told(flows.draw(arn), "Both")["state"] == "running"
    flows.queues("bank")
    flows.sandbox.clock.advance(minutes=1)
    picture = flows.draw(arn)
    assert (told(picture, "Both")["state"], told(picture, "Both")["attempts"]) == ("retried", 2)
    assert told(picture, "Inner")["told"].startswith("visited twice: 1 done, 1 failed")


def test_items_of_a_distributed_map_are_counted_and_its_inside_is_not_guessed(flows: Flows) -> None:
    inner = {
        "Odd?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$", "NumericEquals": 3, "Next": "Bad"}],
            "Default": "Good",
        },
        "Bad": {"Type": "Fail", "Error": "Odd"},
        "Good": step(End=True),
    }
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    each = {
        "Type": "Map", "ToleratedFailureCount": 1, "End": True,
        "ItemProcessor": {"ProcessorConfig": config, "StartAt": "Odd?", "States": inner},
    }  # fmt: skip
    picture = flows.draw(flows.run(flows.machine("import", {"Import": each}), [1, 2, 3, 4]))
    assert told(picture, "Import")["told"].startswith("done, items: 3 done, 1 failed")
    assert told(picture, "Good")["state"] == "far"
    assert "it runs in child executions, which have histories of their own" in picture.text()
    assert picture.description == "1 of 1 state visited."


def test_a_child_execution_of_a_distributed_map_is_drawn_by_its_arn(flows: Flows) -> None:
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    processor = {"ProcessorConfig": config, "StartAt": "One", "States": {"One": step(End=True)}}
    arn = flows.run(
        flows.machine("import", {"Import": {"Type": "Map", "End": True, "ItemProcessor": processor}}), [1]
    )
    [run] = flows.states.list_map_runs(executionArn=arn)["mapRuns"]
    [child] = flows.states.list_executions(mapRunArn=run["mapRunArn"])["executions"]
    picture = flows.draw(child["executionArn"])
    assert told(picture, "One")["state"] == "done"
    assert "One [Pass]: done" in timeline(flows.sandbox, child["executionArn"]).twin


# -- words for data --------------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "words"), [
    ('{"id": "o-1", "total": 42, "paid": true}', "id o-1, total 42, paid true"),
    ('{"order": {"id": 1, "items": []}, "items": [1, 2]}', "order {id, items}, items [2]"),
    ("[1, 2, 3, 4, 5, 6]", "6 items: 1, 2, 3, 4, 5, ..."), ("{}", "{}"), ("[]", "[]"), ('"tea"', "tea"),
    ("null", "null"), ("not json", "not json"), ('{"a": "' + "x" * 200 + '"}', "a " + "x" * 55 + "..."),
])  # fmt: skip
def test_data_in_short(data: str, words: str) -> None:
    assert brief(data) == words


@pytest.mark.parametrize(("before", "after", "words"), [
    ('{"id": 1}', '{"id": 1}', ""),
    ('{"id": 1}', '{"id": 1, "paid": true}', "+ paid true"),
    ('{"id": 1, "card": 2}', '{"id": 3}', "+ id 3 - card"),
    ('{"id": 1}', '{"sum": 3}', "sum 3"),
    ('{"id": 1}', '"ok"', "ok"),
])  # fmt: skip
def test_what_is_new_in_the_data(before: str, after: str, words: str) -> None:
    assert changed(before, after) == words


def test_of_a_function_s_failure_its_message_is_told() -> None:
    assert cause('{"errorMessage": "no stamps", "errorType": "ValueError"}') == "no stamps"
    assert cause("[1]") == "[1]"
    assert cause("no stamps") == "no stamps"


def test_a_visit_knows_the_items_around_it() -> None:
    outer = Visit("Each", "Map", START)
    inner = Visit("Both", "Parallel", START, around=outer, item=4)
    assert Visit("One", "Pass", START, around=inner).path == (4,)
