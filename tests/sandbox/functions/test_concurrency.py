"""Concurrency: reserved is a guarantee and a limit, 0 is off, 100 stay for everybody, 429 says which limit."""

from __future__ import annotations

import itertools
import json
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox

SLEEPS = (
    "import time\ndef handler(event, context):\n    time.sleep(event.get('sleep', 60))\n    return 'done'\n"
)


@pytest.fixture
def once() -> Any:
    """A client that does not try again when it is throttled."""
    return lambda: boto3.client("lambda", config=Config(retries={"total_max_attempts": 1}))


def throttled(once: Any, name: str = "f") -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        once().invoke(FunctionName=name, Payload=b'{"sleep": 0}')
    return dict(caught.value.response)


def test_zero_switches_a_function_off(functions: Any, once: Any) -> None:
    functions.make(SLEEPS)
    functions.api.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    response = throttled(once)
    assert response["Error"]["Code"] == "TooManyRequestsException"
    assert response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"
    functions.api.delete_function_concurrency(FunctionName="f")
    assert functions.call({"sleep": 0})[0] == "done"


def test_reserved_concurrency_is_a_limit(functions: Any, sandbox: Sandbox, once: Any) -> None:
    functions.make(SLEEPS, Timeout=100)
    functions.api.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=2)
    for _ in range(2):
        functions.send({"sleep": 60})
    assert throttled(once)["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    sandbox.clock.advance(61)
    assert once().invoke(FunctionName="f", Payload=b'{"sleep": 0}')["StatusCode"] == 200
    assert len(sandbox.trace.where(action="InvocationThrottled")) == 1


def test_throttled_events_wait_and_run_when_there_is_room(functions: Any, sandbox: Sandbox) -> None:
    functions.make(SLEEPS, Timeout=100)
    functions.api.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    for _ in range(3):
        functions.send({"sleep": 60})
    sandbox.clock.advance(minutes=10)
    assert len(functions.runs()) == 3
    starts = sorted(event.time for event in functions.runs())
    assert all(later - earlier >= 60 for earlier, later in itertools.pairwise(starts))


def test_throttled_events_wait_six_hours_at_most(functions: Any, sandbox: Sandbox) -> None:
    url, arn = functions.queue()
    functions.make(SLEEPS, Timeout=900)
    functions.api.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    functions.api.put_function_event_invoke_config(
        FunctionName="f", MaximumEventAgeInSeconds=120, DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    functions.send({"sleep": 600})
    functions.send({"late": True})
    sandbox.clock.advance(minutes=12)
    (message,) = functions.received(url)
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestPayload"] == {"late": True}
    assert "responsePayload" not in record
    waits = [event.time for event in sandbox.trace.where(action="InvocationThrottled")]
    steps = [round(later - earlier) for earlier, later in itertools.pairwise(waits)]
    assert steps[:5] == [1, 2, 4, 8, 16]


def test_events_for_a_function_that_is_off_go_to_the_dead_letter_queue_at_once(
    functions: Any, sandbox: Sandbox
) -> None:
    url, arn = functions.queue()
    functions.make(SLEEPS, DeadLetterConfig={"TargetArn": arn})
    functions.api.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    functions.send({"id": 7})
    (letter,) = functions.received(url)
    assert json.loads(letter["Body"]) == {"id": 7}
    assert letter["MessageAttributes"]["ErrorCode"]["StringValue"] == "429"
    assert functions.runs() == []


def test_a_hundred_stay_unreserved(functions: Any) -> None:
    functions.make(SLEEPS)
    functions.make(SLEEPS, "g")
    put = functions.api.put_function_concurrency
    put(FunctionName="f", ReservedConcurrentExecutions=500)
    code, message = functions.refused(put, FunctionName="g", ReservedConcurrentExecutions=401)
    assert code == "InvalidParameterValueException"
    assert message == (
        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
        "below its minimum value of [100]."
    )
    assert put(FunctionName="g", ReservedConcurrentExecutions=400)["ReservedConcurrentExecutions"] == 400
    put(FunctionName="f", ReservedConcurrentExecutions=450)
    settings = functions.api.get_account_settings()["AccountLimit"]
    assert settings["UnreservedConcurrentExecutions"] == 150


def test_the_others_share_what_is_left(functions: Any, sandbox: Sandbox, once: Any) -> None:
    functions.make(SLEEPS, Timeout=100)
    functions.make(SLEEPS, "g", Timeout=100)
    sandbox.backend("lambda").labkit_concurrency = 103
    functions.api.put_function_concurrency(FunctionName="g", ReservedConcurrentExecutions=3)
    sandbox.backend("lambda").labkit_concurrency = 5
    for _ in range(2):
        functions.send({"sleep": 60})
    assert throttled(once)["Reason"] == "ConcurrentInvocationLimitExceeded"
    assert once().invoke(FunctionName="g", Payload=b'{"sleep": 0}')["StatusCode"] == 200


def test_what_is_reserved_is_shown(functions: Any) -> None:
    functions.make(SLEEPS)
    get = functions.api.get_function_concurrency
    assert "ReservedConcurrentExecutions" not in get(FunctionName="f")
    functions.api.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    assert get(FunctionName="f")["ReservedConcurrentExecutions"] == 0
    assert functions.api.get_function(FunctionName="f")["Concurrency"] == {"ReservedConcurrentExecutions": 0}
    functions.api.publish_version(FunctionName="f")
    assert functions.refused(get, FunctionName="nope")[0] == "ResourceNotFoundException"


def test_a_throttle_counts_in_the_metrics(functions: Any, sandbox: Sandbox, once: Any) -> None:
    metrics = boto3.client("cloudwatch")
    metrics.list_metrics()
    functions.make(SLEEPS)
    functions.call({"sleep": 0})
    functions.api.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    throttled(once)
    names = {one["MetricName"] for one in metrics.list_metrics(Namespace="AWS/Lambda")["Metrics"]}
    assert {"Invocations", "Errors", "Duration", "Throttles", "ConcurrentExecutions"} <= names


def test_provisioned_concurrency_is_not_simulated_yet(functions: Any) -> None:
    functions.make(SLEEPS, Publish=True)
    code, _ = functions.refused(
        functions.api.put_provisioned_concurrency_config,
        FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=1,
    )  # fmt: skip
    assert code == "NotSimulated"
