"""State machines to draw: an order with every type of state, and short ways to make and run others."""

from __future__ import annotations

import json
from typing import Any

import boto3

from labkit.drawing.picture import MEDIA_TYPE, Picture
from labkit.drawing.states.figure import draw_states
from labkit.sandbox import Sandbox
from tests.drawing.accounts import trust
from tests.drawing.structure import parts, texts

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/"
SEND = "arn:aws:states:::sqs:sendMessage"


def send(queue: str, **more: Any) -> dict[str, Any]:
    """A task that sends its input to a queue. It fails while the queue does not exist."""
    arguments = {"QueueUrl": URL + queue, "MessageBody.$": "States.JsonToString($)"}
    return {"Type": "Task", "Resource": SEND, "Parameters": arguments, "ResultPath": "$.sent", **more}


def step(**more: Any) -> dict[str, Any]:
    """A Pass state."""
    return {"Type": "Pass", **more}


def catch(following: str, *errors: str) -> dict[str, Any]:
    """A Catch that keeps the input."""
    return {"ErrorEquals": list(errors or ("States.ALL",)), "ResultPath": "$.error", "Next": following}


RETRY = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 2, "BackoffRate": 2, "MaxAttempts": 3}
RESERVE = {
    "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 10, "ResultPath": None, "End": True,
    "ItemProcessor": {
        "StartAt": "In stock?",
        "States": {
            "In stock?": {
                "Type": "Choice", "Default": "Reserve",
                "Choices": [{"Variable": "$", "StringEquals": "ghost", "Next": "Sold out"}],
            },
            "Sold out": {"Type": "Fail", "Error": "SoldOut", "Cause": "Nothing is left."},
            "Reserve": step(End=True),
        },
    },
}  # fmt: skip
ORDER: dict[str, Any] = {
    "Check order": step(Result={"ok": True}, ResultPath="$.check", Next="How is it paid?"),
    "How is it paid?": {
        "Type": "Choice", "Default": "Unknown method",
        "Choices": [
            {"Variable": "$.method", "StringEquals": "card", "Next": "Charge card"},
            {"Next": "Write invoice", "And": [
                {"Variable": "$.method", "StringEquals": "invoice"}, {"Variable": "$.total", "NumericLessThan": 500},
            ]},
        ],
    },
    "Unknown method": {"Type": "Fail", "Error": "UnknownPaymentMethod", "Cause": "We take cards and invoices."},
    "Write invoice": send("invoices", Next="Prepare"),
    "Charge card": send("bank", Retry=[RETRY], Catch=[catch("Apologize")], Next="Prepare"),
    "Prepare": {
        "Type": "Parallel", "ResultPath": "$.prepared", "Catch": [catch("Refund")], "Next": "Cool down",
        "Branches": [
            {"StartAt": "Reserve items", "States": {"Reserve items": RESERVE}},
            {"StartAt": "Print label", "States": {"Print label": step(Result="L-1", ResultPath="$.label", End=True)}},
        ],
    },
    "Cool down": {"Type": "Wait", "Seconds": 3600, "Next": "Thank you"},
    "Refund": send("refunds", Retry=[RETRY], Next="Apologize"),
    "Apologize": send("mails", Next="Order failed"),
    "Order failed": {"Type": "Fail", "Error": "OrderFailed"},
    "Thank you": {"Type": "Succeed"},
}  # fmt: skip
BOUGHT = {"items": ["tea", "cup", "pot"], "total": 42, "method": "card"}


class Flows:
    """State machines in an account."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.states = boto3.client("stepfunctions")
        iam = boto3.client("iam")
        made = iam.create_role(
            RoleName="flows", AssumeRolePolicyDocument=trust({"Service": "states.amazonaws.com"})
        )
        self.role = str(made["Role"]["Arn"])
        allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        iam.put_role_policy(RoleName="flows", PolicyName="all", PolicyDocument=policy)

    def machine(
        self, name: str, states: dict[str, Any], *, kind: str = "STANDARD", log: str = "", **more: Any
    ) -> str:
        """A state machine that starts at its first state. `log` is a log group for everything it does."""
        text = json.dumps({"StartAt": next(iter(states)), "States": states, **more})
        extra: dict[str, Any] = {}
        if log:
            boto3.client("logs").create_log_group(logGroupName=log)
            group = f"arn:aws:logs:eu-west-1:123456789012:log-group:{log}:*"
            to = [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]
            extra["loggingConfiguration"] = {"level": "ALL", "includeExecutionData": True, "destinations": to}
        made = self.states.create_state_machine(
            name=name, definition=text, roleArn=self.role, type=kind, **extra
        )
        return str(made["stateMachineArn"])

    def run(self, machine: str, data: Any = None, *, name: str = "run-1", **passed: float) -> str:
        """Start an execution and let time pass; returns its ARN."""
        text = json.dumps({} if data is None else data)
        made = self.states.start_execution(stateMachineArn=machine, name=name, input=text)
        self.sandbox.clock.advance(**(passed or {"hours": 2}))
        return str(made["executionArn"])

    def queues(self, *names: str) -> None:
        """Queues for tasks to send to."""
        for name in names:
            boto3.client("sqs").create_queue(QueueName=name)

    def draw(self, *asked: Any, **more: Any) -> Picture:
        """The figure."""
        return draw_states(self.sandbox, *asked, **more)


def definition(states: dict[str, Any]) -> dict[str, Any]:
    """States as a definition that begins at the first one."""
    return {"StartAt": next(iter(states)), "States": states}


def told(picture: Picture, name: str) -> dict[str, Any]:
    """What the figure's data say of a state."""
    [found] = [one for one in picture.data()[MEDIA_TYPE]["states"] if one["name"] == name]
    return dict(found)


def taken(picture: Picture) -> set[tuple[str, str]]:
    """The arrows that were taken, by the names of their ends."""
    data = picture.data()[MEDIA_TYPE]
    names = {one["id"]: one["name"] or one["type"] for one in data["states"]}
    return {(names[one["from"]], names[one["to"]]) for one in data["edges"] if one["taken"]}


def structure(picture: Picture) -> dict[str, Any]:
    """Title without times, states and arrows, and what was drawn with which texts."""
    data = picture.data()[MEDIA_TYPE]
    names = {one["id"]: one["name"] or one["type"] for one in data["states"]}
    kept = ("type", "name", "detail", "retry", "branch", "state", "visits", "attempts")
    return {
        "title": str(data["title"]).partition(" after ")[0],
        "notice": data["description"],
        "states": [[one.get(name) for name in kept] for one in data["states"]],
        "edges": [
            [names[one["from"]], names[one["to"]], one["kind"], one["label"], one.get("taken")]
            for one in data["edges"]
        ],
        "drawn": {
            kind: len(parts(picture, kind)) for kind in ("node", "edge", "frame", "label", "join", "sign")
        },
        "texts": sorted(texts(picture)),
    }
