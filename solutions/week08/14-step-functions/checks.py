"""What the finished exercises of lab 14 do. Each check starts executions with fresh orders and looks at them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from labkit.judging import Expect, World, question

DOCS: Final = "https://docs.aws.amazon.com/step-functions/latest/dg"
MADE: Final = "`deploy` made the state machine."
_BEGUN: Final = ("TaskScheduled", "LambdaFunctionScheduled")
_FAILED: Final = ("TaskFailed", "LambdaFunctionFailed")

# -- questions -------------------------------------------------------------------------------------------

left_out = question(
    "A Choice asks for two payment methods, card and invoice, and has no Default. An order says "
    '`"payment": "barter"`. What happens?',
    a="The execution goes on with the state that stands next in the definition",
    b="The execution waits until somebody decides",
    c="The execution fails",
    answer="c",
    because="A Choice goes where a rule sends it, or to its Default. When there is neither, the execution "
    "fails, with an error that is not yours.",
    why_not={
        "a": "The order in the definition means nothing. Only StartAt, Next and Default do.",
        "b": "No state waits for a person by itself. You build that in 14.6.",
    },
)

three_attempts = question(
    'A Task has `"Retry": [{"ErrorEquals": ["Throttled"], "MaxAttempts": 3}]`. The bank throttles every '
    "call. How often is the bank called?",
    a="Three times",
    b="Four times",
    c="For ever",
    answer="b",
    because="MaxAttempts counts the retries. The first call is not a retry: one call and three retries are four.",
    why_not={
        "a": "MaxAttempts does not count the first call.",
        "c": "MaxAttempts ends it. If you say nothing, it is 3.",
    },
)

order_gone = question(
    "A JSONPath Task gets the order as its input and fails. Its Catch has only ErrorEquals and Next. What is "
    "the input of the next state?",
    a="The order",
    b="The order and the error",
    c="The error only",
    answer="c",
    because="Without a ResultPath in the Catch, the error takes the place of the whole input. The order id is gone.",
    why_not={
        "a": "Then nobody would know what went wrong.",
        "b": 'You get that with a ResultPath such as "$.error" in the Catch.',
    },
)

exactly_once = question(
    "A Standard workflow has a Task that charges a card. The bank takes the money, but the answer is lost, "
    "and the Task times out. A Retry catches that. AWS says that Standard workflows run exactly once. How often is "
    "the customer charged?",
    a="Once: exactly once is exactly once",
    b="Twice",
    c="Never: the failed Task is undone",
    answer="b",
    because="AWS does not start a step of a Standard workflow twice by itself. But you asked for a retry, so the "
    "Task ran twice. Make the Task idempotent: the same order id, the same charge.",
    why_not={
        "a": "That promise is about the workflow. Your retry runs the Task again.",
        "c": "Step Functions undoes nothing by itself.",
    },
)

# -- what the checks share -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """A function that an execution called: its name, what it was given, and when (seconds)."""

    function: str
    payload: Any
    at: float


def name_of(function: str) -> str:
    """The name of a function, from its name or ARN, with or without a version."""
    return function.rpartition(":function:")[2].partition(":")[0]


class Run:
    """One execution, looked at when its time is over."""

    def __init__(self, world: World, arn: str) -> None:
        self.arn, self._world, self._client = arn, world, world.client("stepfunctions")
        self.told: Mapping[str, Any] = self._client.describe_execution(executionArn=arn)
        self.status = str(self.told["status"])
        self.error = str(self.told.get("error") or "")
        self.cause = str(self.told.get("cause") or "")
        self.output: Any = json.loads(self.told.get("output") or "null")

    @property
    def seconds(self) -> float:
        """How long it took; infinite while it runs."""
        if "stopDate" not in self.told:
            return float("inf")
        return float((self.told["stopDate"] - self.told["startDate"]).total_seconds())

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """Its history."""
        pages = self._client.get_paginator("get_execution_history").paginate(executionArn=self.arn)
        return [event for page in pages for event in page["events"]]

    @cached_property
    def calls(self) -> list[Call]:
        """The functions it called, in order."""
        return sorted(self._calls(self.events), key=lambda one: one.at)

    def _calls(self, events: list[dict[str, Any]]) -> Iterator[Call]:
        for event in events:
            if event["type"] == "MapRunStarted":
                yield from self._children(event["mapRunStartedEventDetails"]["mapRunArn"])
            if event["type"] not in _BEGUN:
                continue
            at = event["timestamp"].timestamp()
            if "lambdaFunctionScheduledEventDetails" in event:
                told = event["lambdaFunctionScheduledEventDetails"]
                yield Call(name_of(told["resource"]), json.loads(told.get("input") or "null"), at)
            elif event["taskScheduledEventDetails"]["resourceType"] == "lambda":
                told = json.loads(event["taskScheduledEventDetails"]["parameters"])
                yield Call(name_of(str(told["FunctionName"])), told.get("Payload"), at)

    def _children(self, map_run: str) -> Iterator[Call]:
        """The calls of the executions that a Distributed Map started. Express ones have no history."""
        for page in self._client.get_paginator("list_executions").paginate(mapRunArn=map_run):
            for child in page["executions"]:
                if ":express:" not in child["executionArn"]:
                    yield from Run(self._world, child["executionArn"]).calls

    @property
    def waits(self) -> list[float]:
        """Seconds from each failure of a task to its next attempt: what the function itself took does not count."""
        found, failed = [], None
        for event in self.events:
            if event["type"] in _FAILED:
                failed = event["timestamp"]
            elif event["type"] in _BEGUN and failed is not None:
                found.append((event["timestamp"] - failed).total_seconds())
        return found

    def called(self, function: str) -> list[Any]:
        """What a function was given, call by call."""
        return [one.payload for one in self.calls if one.function == function]

    @property
    def counts(self) -> Counter[str]:
        """How often it called each function."""
        return Counter(one.function for one in self.calls)

    @property
    def states(self) -> set[str]:
        """The types of the states it entered."""
        return {
            one["type"].removesuffix("StateEntered") for one in self.events if "StateEntered" in one["type"]
        }

    @property
    def end(self) -> str:
        """How it ended, in words."""
        return f"{self.status} ({self.error})" if self.error else self.status


def machine_of(world: World, name: str) -> dict[str, Any] | None:
    """A state machine as DescribeStateMachine gives it, or None."""
    client = world.client("stepfunctions")
    for page in client.get_paginator("list_state_machines").paginate():
        for one in page["stateMachines"]:
            if one["name"] == name:
                return dict(client.describe_state_machine(stateMachineArn=one["stateMachineArn"]))
    return None


def start(world: World, machine: Mapping[str, Any], data: Any) -> str:
    """Start an execution; gives its ARN."""
    client = world.client("stepfunctions")
    arn = client.start_execution(stateMachineArn=machine["stateMachineArn"], input=json.dumps(data))
    return str(arn["executionArn"])


def play(world: World, machine: Mapping[str, Any], *inputs: Any, hours: float = 1) -> list[Run]:
    """Start an execution for each input, let time pass, and look at all of them."""
    arns = [start(world, machine, one) for one in inputs]
    world.clock.advance(hours=hours)
    return [Run(world, arn) for arn in arns]


def the_machine(world: World, expect: Expect, name: str) -> dict[str, Any]:
    """The learner's state machine. A prerequisite."""
    return expect.found(
        "exists",
        machine_of(world, name),
        "The state machine of this exercise exists.",
        seen=f"There is no state machine named `{name}`.",
        action=f'Run the cell with `deploy("{name}", ...)`. If Step Functions refuses the definition, it says which '
        "state and which field.",
    )
