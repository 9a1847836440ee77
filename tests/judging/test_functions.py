"""Functions as a check sees them: called once, often, side by side, and through an alias."""

from __future__ import annotations

import io
import json
import zipfile

import boto3
import pytest

from labkit.judging import World
from labkit.sandbox import Sandbox
from labkit.sandbox.trace import Trace

CODE = """
import time
print("loaded")
calls = 0

def handler(event, context):
    global calls
    calls += 1
    print("word", event.get("word"))
    time.sleep(event.get("sleep", 0))
    if event.get("boom"):
        raise ValueError(event["boom"])
    return {"calls": calls, "version": context.function_version}
"""


def zipped(text: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", text)
    return buffer.getvalue()


@pytest.fixture
def world(sandbox: Sandbox) -> World:
    allow = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    role = boto3.client("iam").create_role(RoleName="orders", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    boto3.client("lambda").create_function(
        FunctionName="quote",
        Runtime="python3.13",
        Role=role,
        Handler="app.handler",
        Code={"ZipFile": zipped(CODE)},
    )
    return World(sandbox, seed=7, trace=Trace())


def test_a_function_that_is_not_there_is_none(world: World) -> None:
    assert world.function("other") is None


def test_one_call_and_what_came_of_it(world: World) -> None:
    quote = world.function("quote")
    assert quote is not None
    assert quote.arn.endswith(":function:quote")
    first, second = quote.call({"word": "tea", "sleep": 1.5}), quote.call({"word": "lamp"})
    assert (first.answer["calls"], second.answer["calls"]) == (1, 2)
    assert (first.ok, first.cold, second.cold, first.version) == (True, True, False, "$LATEST")
    assert 1.4 < first.seconds < 2
    assert "loaded" in first.log
    assert "word tea" in first.log
    assert "loaded" not in second.log


def test_errors_and_refusals_are_told_alike(world: World) -> None:
    quote = world.function("quote")
    assert quote is not None
    assert quote.call({"boom": "no tea"}).trouble == "ValueError: no tea"
    assert quote.call({"sleep": 9}).error == "Sandbox.Timedout"
    assert quote.call({}, "nobody").error == "ResourceNotFoundException"
    assert quote.call({"word": "x" * 7_000_000}).error == "RequestTooLargeException"


def test_calls_side_by_side_have_environments_of_their_own(world: World) -> None:
    quote = world.function("quote")
    assert quote is not None
    begun = world.clock.time()
    runs = quote.together([{"sleep": 1}] * 4)
    assert [run.answer["calls"] for run in runs] == [1, 1, 1, 1]
    assert world.clock.time() - begun < 3
    assert sorted(run.answer["calls"] for run in quote.together([{"sleep": 1}] * 5)) == [1, 2, 2, 2, 2]


def test_an_alias_and_its_share(world: World) -> None:
    quote, client = world.function("quote"), boto3.client("lambda")
    assert quote is not None
    assert quote.alias("live") is None
    client.publish_version(FunctionName="quote")
    client.update_function_code(FunctionName="quote", ZipFile=zipped(CODE + "\n"), Publish=True)
    client.create_alias(
        FunctionName="quote", Name="live", FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.25}},
    )  # fmt: skip
    found = quote.alias("live")
    assert found is not None
    assert found["FunctionVersion"] == "1"
    routed = quote.routed(2_000, "live")
    assert routed.keys() == {"1", "2"}
    assert 400 < routed["2"] < 600
    assert quote.call({}, "2").answer["version"] == "2"


def test_what_a_check_changes_is_undone_with_its_rehearsal(world: World) -> None:
    quote = world.function("quote")
    assert quote is not None
    with world.rehearsal():
        quote.change(Timeout=99)
        assert quote.settings["Timeout"] == 99
    assert quote.settings["Timeout"] == 3


def test_the_files_of_a_package(world: World) -> None:
    quote = world.function("quote")
    assert quote is not None
    assert list(quote.files.values()) == [CODE.encode()]
