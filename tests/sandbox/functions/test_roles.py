"""Who a function is, and who may call it: execution role, logs, resource policy."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox, delivery
from labkit.sandbox.parcels import Parcel

FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:f"
WHO = "import boto3\ndef handler(event, context): return boto3.client('sts').get_caller_identity()['Arn']\n"
LOGS = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}


def test_a_function_calls_as_its_role(functions: Any, sandbox: Sandbox) -> None:
    functions.make(WHO)
    assert functions.call()[0] == "arn:aws:sts::123456789012:assumed-role/orders/f"
    (call,) = sandbox.trace.where(action="GetCallerIdentity")
    assert call.caller == "assumed-role/orders/f"


def test_its_credentials_are_in_its_environment_as_on_aws(functions: Any) -> None:
    functions.make(
        "import os\ndef handler(event, context):\n"
        "    return [os.environ[n][:4] for n in ('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN')]\n"
    )
    first, *rest = functions.call()[0]
    assert first == "ASIA"
    assert all(rest)


def test_a_role_without_the_right_is_refused_and_the_trace_says_so(functions: Any, sandbox: Sandbox) -> None:
    url, _ = functions.queue()
    functions.make(
        f"import boto3\ndef handler(event, context):\n"
        f"    boto3.client('sqs').send_message(QueueUrl='{url}', MessageBody='x')\n",
        Role=functions.role("small", LOGS),
    )
    error, _ = functions.call()
    assert error["errorType"] == "ClientError"
    assert "AccessDenied" in error["errorMessage"]
    assert (
        "assumed-role/small/f is not authorized to perform: sqs:sendmessage" in error["errorMessage"].lower()
    )
    assert functions.received(url) == []
    assert sandbox.trace.where(action="SendMessage")[0].error == "AccessDenied"


def test_without_the_right_to_log_there_is_no_log_and_the_trace_says_why(
    functions: Any, sandbox: Sandbox
) -> None:
    functions.make(functions.COUNTS, Role=functions.role("silent"))
    assert functions.call({"word": "tea"})[0]["n"] == 1
    assert boto3.client("logs").describe_log_groups()["logGroups"] == []
    (run,) = functions.runs()
    assert "No log was written." in run.note
    assert "logs:CreateLogGroup" in run.note


def test_a_log_group_somebody_made_needs_no_right_to_make_one(functions: Any) -> None:
    boto3.client("logs").create_log_group(logGroupName="/aws/lambda/f")
    writes = {
        "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/f:*",
    }  # fmt: skip
    functions.make(functions.COUNTS, Role=functions.role("writer", writes))
    functions.call({"word": "tea"})
    assert "call 1 tea" in functions.lines()


def test_aws_managed_policy_for_logs_is_enough(functions: Any) -> None:
    role = functions.role("basic")
    boto3.client("iam").attach_role_policy(
        RoleName="basic", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    )
    functions.make(functions.COUNTS, Role=role)
    functions.call({"word": "tea"})
    assert "call 1 tea" in functions.lines()


def test_a_role_that_is_gone_cannot_be_assumed(functions: Any) -> None:
    functions.make(functions.ECHO, Role=functions.role("gone"))
    boto3.client("iam").delete_role(RoleName="gone")
    assert functions.refused(functions.call) == (
        "AccessDeniedException", "The role defined for the function cannot be assumed by Lambda.",
    )  # fmt: skip


def test_environments_that_were_idle_long_are_gone(functions: Any, sandbox: Sandbox) -> None:
    functions.make(functions.COUNTS)
    functions.call()
    sandbox.clock.advance(minutes=5)
    assert functions.call()[0]["n"] == 2
    sandbox.clock.advance(hours=8)
    assert functions.call()[0]["n"] == 1


# -- resource policy ---------------------------------------------------------------------------------


def deliver(
    sandbox: Sandbox, source: str, target: str = FUNCTION, principal: str = "events.amazonaws.com"
) -> None:
    delivery.send(Parcel("events", source, target, "{}", principal=principal, id=source))
    sandbox.clock.advance(1)


RULE = "arn:aws:events:eu-west-1:123456789012:rule/mine"
OTHER = "arn:aws:events:eu-west-1:123456789012:rule/other"
FOREIGN = "arn:aws:events:eu-west-1:999999999999:rule/mine"


def test_only_who_was_permitted_may_invoke(functions: Any, sandbox: Sandbox) -> None:
    functions.make()
    deliver(sandbox, RULE)
    assert functions.runs() == []
    functions.api.add_permission(
        FunctionName="f", StatementId="rule", Action="lambda:InvokeFunction", Principal="events.amazonaws.com",
        SourceArn=RULE, SourceAccount="123456789012",
    )  # fmt: skip
    for source in (OTHER, FOREIGN):
        deliver(sandbox, source)
    deliver(sandbox, RULE, principal="sns.amazonaws.com")
    assert functions.runs() == []
    assert {event.error for event in sandbox.trace.where(kind="refused")} == {"AccessDenied"}
    deliver(sandbox, RULE)
    assert len(functions.runs()) == 1


def test_a_permission_is_for_one_qualifier(functions: Any, sandbox: Sandbox) -> None:
    functions.make()
    functions.api.publish_version(FunctionName="f")
    functions.api.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    functions.api.add_permission(
        FunctionName="f", Qualifier="live", StatementId="rule", Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
    )  # fmt: skip
    deliver(sandbox, RULE)
    deliver(sandbox, RULE, f"{FUNCTION}:1")
    assert functions.runs() == []
    deliver(sandbox, RULE, f"{FUNCTION}:live")
    assert functions.runs()[0].params["Version"] == "1"
    assert functions.refused(functions.api.get_policy, FunctionName="f")[0] == "ResourceNotFoundException"
    policy = json.loads(functions.api.get_policy(FunctionName="f", Qualifier="live")["Policy"])
    assert policy["Statement"][0]["Resource"] == f"{FUNCTION}:live"


def test_a_target_that_is_gone_is_refused(functions: Any, sandbox: Sandbox) -> None:
    functions.make()
    for target in (f"{FUNCTION}:nope", f"{FUNCTION}2", "arn:aws:lambda:eu-west-3:123456789012:function:f"):
        deliver(sandbox, RULE, target)
    errors = [event.error for event in sandbox.trace.where(action="DeliveryRefused")]
    assert errors == ["ResourceNotFoundException"] * 3


def test_the_statement_has_every_condition(functions: Any) -> None:
    functions.make()
    answer = functions.api.add_permission(
        FunctionName="f", StatementId="all", Action="lambda:InvokeFunction", Principal="*",
        SourceArn=RULE, SourceAccount="123456789012", PrincipalOrgID="o-1234567890", EventSourceToken="abc",
    )  # fmt: skip
    statement = json.loads(answer["Statement"])
    assert statement == {
        "Sid": "all", "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunction", "Resource": FUNCTION,
        "Condition": {
            "StringEquals": {
                "AWS:SourceAccount": "123456789012", "aws:PrincipalOrgID": "o-1234567890",
                "lambda:EventSourceToken": "abc",
            },
            "ArnLike": {"AWS:SourceArn": RULE},
        },
    }  # fmt: skip
    number = functions.api.add_permission(
        FunctionName="f", StatementId="n", Action="lambda:InvokeFunction", Principal="999999999999"
    )
    assert json.loads(number["Statement"])["Principal"] == {"AWS": "arn:aws:iam::999999999999:root"}


def test_permissions_come_once_and_go(functions: Any) -> None:
    functions.make()
    given = {
        "FunctionName": "f", "StatementId": "x", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com",
    }  # fmt: skip
    api = functions.api
    api.add_permission(**given)
    assert functions.refused(api.add_permission, **given)[0] == "ResourceConflictException"
    before = api.get_policy(FunctionName="f")["RevisionId"]
    assert functions.refused(api.add_permission, **given | {"StatementId": "y", "RevisionId": "no"})[0] == (
        "PreconditionFailedException"
    )
    api.add_permission(**given | {"StatementId": "y", "RevisionId": before})
    assert api.get_policy(FunctionName="f")["RevisionId"] != before
    assert functions.refused(api.remove_permission, FunctionName="f", StatementId="z")[0] == (
        "ResourceNotFoundException"
    )
    for sid in ("x", "y"):
        api.remove_permission(FunctionName="f", StatementId=sid)
    assert functions.refused(api.get_policy, FunctionName="f")[0] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Principal": "nobody"}, "InvalidParameterValueException"),
        ({"Action": "sqs:SendMessage"}, "ValidationException"),
        ({"SourceAccount": "12"}, "ValidationException"),
        ({"StatementId": "a b"}, "ValidationException"),
        ({"Qualifier": "$LATEST"}, "InvalidParameterValueException"),
        ({"Qualifier": "nope"}, "ResourceNotFoundException"),
        ({"FunctionName": "nope"}, "ResourceNotFoundException"),
    ],
)
def test_permissions_that_make_no_sense_are_refused(
    functions: Any, change: dict[str, Any], code: str
) -> None:
    functions.make()
    given = {
        "FunctionName": "f", "StatementId": "x", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com",
    }  # fmt: skip
    assert functions.refused(functions.api.add_permission, **given | change)[0] == code
