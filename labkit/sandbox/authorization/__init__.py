"""Who may: one evaluator for identity, resource, session, key and trust policies and permissions boundaries.

    policy = Policy.parse(text, kind="resource", name="the queue's policy")
    request = Request("sns.amazonaws.com", "sqs:SendMessage", queue_arn, context={"aws:SourceArn": topic_arn})
    decision = decide(request, resource=[policy])
    decision.allowed, decision.sentence, decision.aws_message

This room is pure: it knows policies and requests, and no account. `authorization.account` finds the policies of
a caller in the lab's account, and `authorization.simulate` answers as the IAM policy simulator does.
"""

from __future__ import annotations

from labkit.sandbox.authorization.decision import Decision, Match
from labkit.sandbox.authorization.evaluation import decide
from labkit.sandbox.authorization.policy import InvalidPolicy, Policy, PolicyKind, Statement
from labkit.sandbox.authorization.principals import Principal, pinned
from labkit.sandbox.authorization.request import Request

__all__ = [
    "Decision",
    "InvalidPolicy",
    "Match",
    "Policy",
    "PolicyKind",
    "Principal",
    "Request",
    "Statement",
    "decide",
    "pinned",
]
