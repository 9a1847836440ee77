"""Who plays in these tests, and short ways to write policies and questions."""

from __future__ import annotations

import json
from typing import Any

from labkit.sandbox.authorization import Decision, Policy, Principal, Request, decide

HERE, THERE = "123456789012", "999999999999"
QUEUE = f"arn:aws:sqs:eu-west-1:{HERE}:orders"
TOPIC = f"arn:aws:sns:eu-west-1:{HERE}:orders"
KEY = f"arn:aws:kms:eu-west-1:{HERE}:key/1234abcd"
ROLE = f"arn:aws:iam::{HERE}:role/jobs/worker"
ROOT = f"arn:aws:iam::{HERE}:root"
ALICE = Principal("user", f"arn:aws:iam::{HERE}:user/alice", HERE, "alice", unique_id="AIDAEXAMPLE123456789")
STRANGER = Principal.of(f"arn:aws:iam::{THERE}:user/carlos")
SESSION = Principal(
    "session",
    f"arn:aws:sts::{HERE}:assumed-role/worker/one",
    HERE,
    "worker",
    "one",
    ROLE,
    "AROAEXAMPLE123456789",
)
FEDERATED = Principal(
    "federated user", f"arn:aws:sts::{HERE}:federated-user/alice", HERE, "alice", role_arn=ALICE.arn
)
SEND = "sqs:SendMessage"


def say(effect: str, what: str = "sqs:*", sid: str = "", **more: Any) -> dict[str, Any]:
    """One statement about every resource."""
    return {"Effect": effect, "Action": what, "Resource": "*", **({"Sid": sid} if sid else {}), **more}


def of(sort: Any, *statements: dict[str, Any]) -> Policy:
    return Policy.parse({"Version": "2012-10-17", "Statement": list(statements)}, sort)


def allowing(sort: Any = "identity", what: str = "sqs:*") -> Policy:
    return of(sort, say("Allow", what))


def naming(
    who: Any, effect: str = "Allow", what: str = "sqs:*", sort: Any = "resource", **more: Any
) -> Policy:
    """A resource's policy with one statement for `who`: a Principal element, or something for its key AWS."""
    statement = say(
        effect, what, Principal=who if who == "*" or isinstance(who, dict) else {"AWS": who}, **more
    )
    if sort == "trust":
        del statement["Resource"]
    return of(sort, statement)


def ask(
    who: Principal,
    action: str = SEND,
    about: str = QUEUE,
    context: dict[str, Any] | None = None,
    **policies: Any,
) -> Decision:
    return decide(Request(who, action, about, context=context), **policies)


def document(effect: str = "Allow", what: Any = "sqs:*", **more: Any) -> str:
    """A policy with one statement about every resource, as text."""
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": what, "Resource": "*", **more}]}
    )
