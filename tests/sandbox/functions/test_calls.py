"""AWS Lambda: functions really run, are limited, tried again, and leave their logs."""

from __future__ import annotations

import os
import time
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox
from labkit.sandbox.dispatch import NotSimulated


def test_the_code_really_runs_and_stays_warm(functions: Any) -> None:
    functions.make(functions.COUNTS)
    first, answer = functions.call({"word": "lamp"})
    assert (first["n"], answer["StatusCode"], answer["ExecutedVersion"]) == (1, 200, "$LATEST")
    assert functions.call()[0]["n"] == 2
    assert first["arn"].endswith(":function:f")


def test_its_calls_reach_this_account_under_its_own_name(functions: Any, sandbox: Sandbox) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    functions.make(
        """
        import boto3, os

        def handler(event, context):
            boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=event["word"])
        """,
        Environment={"Variables": {"QUEUE": url}},
    )
    functions.call({"word": "tea"})
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "tea"
    assert [event.caller for event in sandbox.trace.where(action="SendMessage")] == ["assumed-role/orders/f"]


def test_sleep_passes_the_labs_time_and_no_real_time(functions: Any, sandbox: Sandbox) -> None:
    functions.make(functions.COUNTS, Timeout=300)
    functions.call()
    began, virtual = time.monotonic(), sandbox.clock.time()
    answer, _ = functions.call({"sleep": 120})
    assert sandbox.clock.time() - virtual >= 120
    assert time.monotonic() - began < 10
    assert answer["left"] < 181_000


def test_an_error_has_awss_form_and_the_next_call_still_works(functions: Any) -> None:
    functions.make(functions.COUNTS)
    error, answer = functions.call({"boom": "no tea"})
    assert answer["FunctionError"] == "Unhandled"
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "no tea")
    assert functions.call()[0]["n"] == 2


def test_at_the_time_out_the_environment_ends_and_the_next_call_starts_cold(functions: Any) -> None:
    functions.make(functions.COUNTS, Timeout=3)
    error, answer = functions.call({"sleep": 60})
    assert answer["FunctionError"] == "Unhandled"
    assert "Task timed out after 3.00 seconds" in error["errorMessage"]
    assert functions.call()[0]["n"] == 1


def test_the_log_has_start_end_report_and_what_was_printed(functions: Any) -> None:
    functions.make(functions.COUNTS, MemorySize=256)
    _, answer = functions.call({"word": "quilt"}, LogType="Tail")
    functions.call()
    lines = functions.lines()
    assert lines[0].startswith("START RequestId: ")
    assert lines[0].endswith("Version: $LATEST")
    assert lines[1] == "call 1 quilt"
    assert "Init Duration" in lines[3]
    assert "Memory Size: 256 MB" in lines[3]
    assert "Init Duration" not in lines[-1]
    assert answer["LogResult"]


def test_what_is_printed_while_it_loads_stands_before_the_first_start(functions: Any) -> None:
    functions.make("print('loading')\ndef handler(event, context): print('working')\n")
    functions.call()
    functions.call()
    lines = functions.lines()
    assert lines[0] == "loading"
    assert lines[1].startswith("START RequestId: ")
    assert (lines.count("loading"), lines.count("working")) == (1, 2)


def test_a_changed_function_does_not_use_old_environments(functions: Any) -> None:
    functions.make(functions.COUNTS)
    functions.call()
    functions.api.update_function_code(
        FunctionName="f", ZipFile=functions.package("def handler(event, context):\n    return 'new'\n")
    )
    assert functions.call()[0] == "new"


def test_versions_and_aliases_run_what_they_name(functions: Any) -> None:
    functions.make("def handler(event, context):\n    return ['one', context.function_version]\n")
    functions.api.publish_version(FunctionName="f")
    functions.api.update_function_code(
        FunctionName="f",
        ZipFile=functions.package(
            "def handler(event, context):\n    return ['two', context.function_version]\n"
        ),
    )
    functions.api.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    assert functions.call(Qualifier="1")[0] == ["one", "1"]
    assert functions.call(Qualifier="live")[0] == ["one", "1"]
    assert functions.call(name="f:live")[0] == ["one", "1"]
    assert functions.call()[0] == ["two", "$LATEST"]
    assert functions.call(Qualifier="live")[1]["ExecutedVersion"] == "1"
    with pytest.raises(ClientError, match="ResourceNotFound"):
        functions.call(Qualifier="nope")


def test_a_weighted_alias_sends_its_share_to_the_other_version(functions: Any) -> None:
    functions.make("def handler(event, context):\n    return context.function_version\n")
    functions.api.publish_version(FunctionName="f")
    functions.api.update_function_configuration(FunctionName="f", Description="second")
    functions.api.update_function_code(
        FunctionName="f",
        ZipFile=functions.package("def handler(event, context):\n    return context.function_version  # 2\n"),
    )
    functions.api.publish_version(FunctionName="f")
    functions.api.create_alias(
        FunctionName="f", Name="live", FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.25}},
    )  # fmt: skip
    seen = [functions.call(Qualifier="live")[0] for _ in range(80)]
    assert 8 <= seen.count("2") <= 32
    assert set(seen) == {"1", "2"}


def test_an_asynchronous_call_is_tried_three_times_on_the_clock(functions: Any, sandbox: Sandbox) -> None:
    functions.make(functions.COUNTS)
    answer = functions.api.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"boom": "x"}')
    assert answer["StatusCode"] == 202
    sandbox.clock.advance(minutes=10)
    times = [event.time for event in sandbox.trace.where(kind="invocation")]
    assert [later - times[0] for later in times] == pytest.approx([0, 60, 180], abs=8)
    assert len(sandbox.trace.where(action="EventDropped")) == 1


def test_the_number_of_retries_can_be_set(functions: Any, sandbox: Sandbox) -> None:
    functions.make(functions.COUNTS)
    functions.api.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=0)
    functions.api.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"boom": "x"}')
    sandbox.clock.advance(minutes=10)
    assert len(sandbox.trace.where(kind="invocation")) == 1


def test_a_dry_run_runs_nothing(functions: Any, sandbox: Sandbox) -> None:
    functions.make(functions.COUNTS)
    assert functions.call(InvocationType="DryRun")[1]["StatusCode"] == 204
    assert sandbox.trace.where(kind="invocation") == []


@pytest.mark.parametrize(("kind", "size"), [("RequestResponse", 6_291_457), ("Event", 1_048_577)])
def test_a_payload_over_the_limit_is_refused(functions: Any, kind: str, size: int) -> None:
    functions.make(functions.COUNTS)
    with pytest.raises(ClientError) as caught:
        functions.api.invoke(FunctionName="f", InvocationType=kind, Payload=b'"' + b"x" * (size - 2) + b'"')
    assert caught.value.response["Error"]["Code"] == "RequestTooLargeException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_a_payload_that_is_no_json_is_refused(functions: Any) -> None:
    functions.make(functions.COUNTS)
    with pytest.raises(ClientError, match="Could not parse request body into json") as caught:
        functions.api.invoke(FunctionName="f", Payload=b"{bad")
    assert caught.value.response["Error"]["Code"] == "InvalidRequestContentException"


def test_a_rehearsal_has_its_own_environments(functions: Any, sandbox: Sandbox) -> None:
    functions.make(functions.COUNTS)
    functions.call()
    with sandbox.rehearsal():
        assert functions.call()[0]["n"] == 1
    assert functions.call()[0]["n"] == 2


def test_reset_and_stop_leave_no_process_behind(functions: Any, sandbox: Sandbox) -> None:
    functions.make("import os\n\ndef handler(event, context):\n    return os.getpid()\n")
    pid = functions.call()[0]
    sandbox.reset()
    if os.path.isdir("/proc"):  # noqa: PTH112
        assert not os.path.exists(f"/proc/{pid}")  # noqa: PTH110
    assert sandbox.attached == {}


def test_another_runtime_is_told_in_one_sentence(functions: Any) -> None:
    functions.make("exports.handler = 1", Runtime="java21")
    with pytest.raises(NotSimulated, match="only Python and Node.js functions run here"):
        functions.call()
