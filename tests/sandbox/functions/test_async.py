"""Asynchronous calls: retries, age, dead letters, destinations with AWS's record, loops that are stopped."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox

FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:f"


def test_a_failed_event_reaches_the_dead_letter_queue_with_its_attributes(
    functions: Any, sandbox: Sandbox
) -> None:
    url, arn = functions.queue("dead")
    functions.make(functions.FAILS, DeadLetterConfig={"TargetArn": arn})
    functions.send({"id": 7})
    sandbox.clock.advance(minutes=2)
    assert functions.received(url) == []
    sandbox.clock.advance(minutes=2)
    (letter,) = functions.received(url)
    assert json.loads(letter["Body"]) == {"id": 7}
    attributes = letter["MessageAttributes"]
    assert (attributes["ErrorCode"]["DataType"], attributes["ErrorCode"]["StringValue"]) == ("Number", "200")
    assert attributes["ErrorMessage"]["StringValue"] == "no tea"
    assert attributes["RequestID"]["StringValue"] == functions.runs()[0].params["RequestId"]
    assert functions.api.get_function_configuration(FunctionName="f")["DeadLetterConfig"] == {
        "TargetArn": arn
    }


def test_the_failure_destination_gets_awss_record(functions: Any, sandbox: Sandbox) -> None:
    url, arn = functions.queue()
    functions.make(functions.FAILS)
    functions.api.put_function_event_invoke_config(
        FunctionName="f", MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    functions.send({"id": 7})
    sandbox.clock.advance(minutes=10)
    (message,) = functions.received(url)
    record = json.loads(message["Body"])
    assert record.keys() == {
        "version", "timestamp", "requestContext", "requestPayload", "responseContext", "responsePayload",
    }  # fmt: skip
    assert record["version"] == "1.0"
    assert record["requestContext"] == {
        "requestId": functions.runs()[0].params["RequestId"], "functionArn": f"{FUNCTION}:$LATEST",
        "condition": "RetriesExhausted", "approximateInvokeCount": 2,
    }  # fmt: skip
    assert record["requestPayload"] == {"id": 7}
    assert record["responseContext"] == {
        "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled",
    }  # fmt: skip
    assert record["responsePayload"]["errorMessage"] == "no tea"
    assert record["timestamp"].endswith("Z")


def test_the_success_destination_gets_the_reply_at_once(functions: Any, sandbox: Sandbox) -> None:
    url, arn = functions.queue()
    functions.make()
    functions.api.put_function_event_invoke_config(
        FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": arn}}
    )
    functions.send({"id": 7})
    (message,) = functions.received(url)
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "Success"
    assert record["responsePayload"] == {"id": 7}
    assert "functionError" not in record["responseContext"]
    functions.call({"id": 8})
    assert functions.received(url) == []  # synchronous calls have no destination


def test_a_destination_may_be_another_function(functions: Any, sandbox: Sandbox) -> None:
    functions.make()
    functions.make("def handler(event, context):\n    print(event['responsePayload'])\n", "next")
    functions.api.put_function_event_invoke_config(
        FunctionName="f",
        DestinationConfig={"OnSuccess": {"Destination": FUNCTION.removesuffix("f") + "next"}},
    )
    functions.send({"word": "tea"})
    sandbox.clock.advance(1)
    assert "{'word': 'tea'}" in functions.lines("next")


def test_a_role_without_the_right_to_send_loses_the_record_and_the_trace_says_why(
    functions: Any, sandbox: Sandbox
) -> None:
    url, arn = functions.queue()
    functions.make(Role=functions.role("small", {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}))
    functions.api.put_function_event_invoke_config(
        FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": arn}}
    )
    functions.send()
    assert functions.received(url) == []
    (refusal,) = sandbox.trace.where(kind="refused", action="DeliveryRefused")
    assert (refusal.service, refusal.error, refusal.params["via"]) == ("lambda", "AccessDenied", "OnSuccess")
    assert "sqs:SendMessage" in refusal.message


def test_an_event_that_gets_too_old_is_given_up(functions: Any, sandbox: Sandbox) -> None:
    url, arn = functions.queue()
    functions.make(functions.FAILS)
    functions.api.put_function_event_invoke_config(
        FunctionName="f", MaximumEventAgeInSeconds=90, DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    functions.send()
    sandbox.clock.advance(minutes=10)
    (message,) = functions.received(url)
    context = json.loads(message["Body"])["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("EventAgeExceeded", 2)


def test_settings_belong_to_the_qualifier_that_was_called(functions: Any, sandbox: Sandbox) -> None:
    functions.make(functions.FAILS)
    functions.api.publish_version(FunctionName="f")
    functions.api.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    functions.api.put_function_event_invoke_config(FunctionName="f", Qualifier="live", MaximumRetryAttempts=0)
    functions.send(Qualifier="live")
    sandbox.clock.advance(minutes=10)
    assert len(functions.runs()) == 1
    functions.send()
    sandbox.clock.advance(minutes=10)
    assert len(functions.runs()) == 4
    assert functions.refused(functions.api.get_function_event_invoke_config, FunctionName="f")[0] == (
        "ResourceNotFoundException"
    )
    (listed,) = functions.api.list_function_event_invoke_configs(FunctionName="f")[
        "FunctionEventInvokeConfigs"
    ]
    assert listed["FunctionArn"] == f"{FUNCTION}:live"


def test_put_replaces_and_update_keeps_the_rest(functions: Any) -> None:
    functions.make()
    api = functions.api
    api.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=1)
    api.update_function_event_invoke_config(FunctionName="f", MaximumEventAgeInSeconds=600)
    got = api.get_function_event_invoke_config(FunctionName="f")
    assert (got["MaximumRetryAttempts"], got["MaximumEventAgeInSeconds"]) == (1, 600)
    api.put_function_event_invoke_config(FunctionName="f", MaximumEventAgeInSeconds=900)
    assert "MaximumRetryAttempts" not in api.get_function_event_invoke_config(FunctionName="f")
    api.delete_function_event_invoke_config(FunctionName="f")
    assert functions.refused(api.delete_function_event_invoke_config, FunctionName="f")[0] == (
        "ResourceNotFoundException"
    )


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        ({"MaximumRetryAttempts": 3}, "ValidationException", "less than or equal to 2"),
        ({"MaximumEventAgeInSeconds": 21601}, "ValidationException", "less than or equal to 21600"),
        ({}, "InvalidParameterValueException", "at least one"),
        ({"DestinationConfig": {"OnSuccess": {"Destination": "arn:aws:s3:::b"}}}, "InvalidParameterValueException", ""),
        ({"DestinationConfig": {"OnFailure": {"Destination": FUNCTION}}}, "InvalidParameterValueException", "itself"),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(
    functions: Any, given: dict[str, Any], code: str, says: str
) -> None:
    functions.make()
    seen = functions.refused(functions.api.put_function_event_invoke_config, FunctionName="f", **given)
    assert seen[0] == code
    assert says in seen[1]


def test_a_deleted_function_drops_its_events(functions: Any, sandbox: Sandbox) -> None:
    functions.make(functions.FAILS)
    functions.send()
    functions.api.delete_function(FunctionName="f")
    sandbox.clock.advance(minutes=10)
    assert len(functions.runs()) == 1
    assert sandbox.trace.where(action="EventDropped")[0].error == "ResourceNotFoundException"


def test_sleeping_functions_run_side_by_side(functions: Any, sandbox: Sandbox) -> None:
    functions.make(functions.COUNTS, Timeout=100)
    began = sandbox.clock.time()
    for _ in range(5):
        functions.send({"sleep": 60})
    assert sandbox.clock.time() - began < 30  # nobody waited for them
    sandbox.clock.advance(61)
    times = [event.time - began for event in functions.runs()]
    assert len(times) == 5
    assert max(times) < 10
    assert all(event.params["ColdStart"] for event in functions.runs())


def test_what_ran_when_an_account_was_put_back_runs_again(functions: Any, sandbox: Sandbox) -> None:
    functions.make(functions.COUNTS, Timeout=100)
    functions.send({"sleep": 60})
    with sandbox.rehearsal() as rehearsal:
        sandbox.clock.advance(200)
    assert len(rehearsal.trace.where(kind="invocation")) == 1
    assert functions.runs() == []
    sandbox.clock.advance(70)
    assert len(functions.runs()) == 1
    functions.send({"sleep": 60})
    snapshot = sandbox.snapshot()
    sandbox.restore(snapshot)
    sandbox.clock.advance(200)
    assert len(functions.runs()) == 2


def test_a_function_that_calls_itself_is_stopped_after_sixteen_runs(functions: Any, sandbox: Sandbox) -> None:
    url, arn = functions.queue()
    functions.make(
        """
        import boto3
        def handler(event, context):
            boto3.client("lambda").invoke(FunctionName="f", InvocationType="Event", Payload=b"{}")
        """,
        DeadLetterConfig={"TargetArn": arn},
    )
    functions.send()
    sandbox.clock.advance(minutes=1)
    assert len(functions.runs()) == 16
    (letter,) = functions.received(url)
    assert "recursive loop" in letter["MessageAttributes"]["ErrorMessage"]["StringValue"]
    assert sandbox.trace.where(action="RecursiveInvocationStopped")[0].error == "RecursiveInvocationException"
    functions.send()
    sandbox.clock.advance(minutes=1)
    assert len(functions.runs()) == 32  # another chain counts from the beginning


def test_a_loop_through_an_event_bus_is_not_noticed(functions: Any, sandbox: Sandbox) -> None:
    """Lambda follows chains through Lambda, SQS, SNS and S3 only (developer guide, invocation-recursion)."""
    arn = functions.make(
        """
        import boto3
        def handler(event, context):
            entry = {"Source": "shop", "DetailType": "Order Placed", "Detail": "{}"}
            boto3.client("events").put_events(Entries=[entry])
        """
    )["FunctionArn"]
    events: Any = boto3.client("events")
    rule = events.put_rule(Name="loop", EventPattern='{"source": ["shop"]}')["RuleArn"]
    functions.api.add_permission(
        FunctionName="f", StatementId="loop", Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com", SourceArn=rule,
    )  # fmt: skip
    events.put_targets(Rule="loop", Targets=[{"Id": "f", "Arn": arn}])
    functions.send()
    sandbox.clock.advance(minutes=1)
    assert len(functions.runs()) > 50


def test_a_loop_may_be_allowed(functions: Any, sandbox: Sandbox) -> None:
    functions.make(
        """
        import boto3, json
        def handler(event, context):
            if event["left"]:
                payload = json.dumps({"left": event["left"] - 1})
                boto3.client("lambda").invoke(FunctionName="f", InvocationType="Event", Payload=payload)
        """
    )
    assert functions.api.get_function_recursion_config(FunctionName="f")["RecursiveLoop"] == "Terminate"
    functions.api.put_function_recursion_config(FunctionName="f", RecursiveLoop="Allow")
    functions.send({"left": 19})
    sandbox.clock.advance(minutes=1)
    assert len(functions.runs()) == 20


def test_the_mark_of_a_loop_survives_a_queue(functions: Any, sandbox: Sandbox) -> None:
    url, _ = functions.queue("loop")
    functions.make(
        f"""
        import boto3
        def handler(event, context):
            boto3.client("sqs").send_message(QueueUrl="{url}", MessageBody="again")
        """
    )
    functions.call()
    (message,) = functions.received(url)
    assert "Lineage=1:" in message["Attributes"]["AWSTraceHeader"]


def test_what_a_function_calls_follows_from_its_run(functions: Any, sandbox: Sandbox) -> None:
    url, _ = functions.queue()
    functions.make(
        f"import boto3\ndef handler(event, context):\n"
        f"    boto3.client('sqs').send_message(QueueUrl='{url}', MessageBody='x')\n"
    )
    functions.call()
    (run,) = functions.runs()
    (sent,) = sandbox.trace.where(action="SendMessage")
    assert sent.cause == run.sequence


def test_destinations_may_be_an_event_bus_or_a_topic(functions: Any, sandbox: Sandbox) -> None:
    url, arn = functions.queue("seen")
    open_to_all = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}]}
    boto3.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(open_to_all)})
    events, sns = boto3.client("events"), boto3.client("sns")
    events.put_rule(Name="done", EventPattern=json.dumps({"source": ["lambda"]}))
    events.put_targets(Rule="done", Targets=[{"Id": "1", "Arn": arn}])
    topic = sns.create_topic(Name="done")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    functions.make()
    bus = "arn:aws:events:eu-west-1:123456789012:event-bus/default"
    for target in (bus, topic):
        functions.api.put_function_event_invoke_config(
            FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": target}}
        )
        functions.send({"to": target})
        sandbox.clock.advance(2)
    event, record = (json.loads(message["Body"]) for message in functions.received(url))
    if "detail-type" not in event:
        event, record = record, event
    assert event["detail-type"] == "Lambda Function Invocation Result - Success"
    assert event["resources"] == [f"{FUNCTION}:$LATEST", bus]
    assert event["detail"]["responsePayload"] == {"to": bus}
    assert record["responsePayload"] == {"to": topic}


def test_a_loop_through_a_queue_is_stopped_after_sixteen_runs(functions: Any, sandbox: Sandbox) -> None:
    url, arn = functions.queue("loop")
    functions.make(
        f"""
        import boto3
        def handler(event, context):
            boto3.client("sqs").send_message(QueueUrl="{url}", MessageBody="again")
        """
    )
    functions.api.create_event_source_mapping(FunctionName="f", EventSourceArn=arn, BatchSize=1)
    boto3.client("sqs").send_message(QueueUrl=url, MessageBody="start")
    sandbox.clock.advance(minutes=5)
    assert len(functions.runs()) == 16
    assert sandbox.trace.where(action="RecursiveInvocationStopped")
