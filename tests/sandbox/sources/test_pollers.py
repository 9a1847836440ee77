"""Parts of the pollers: templates, dynamic parameters, sizes, and chains that feed themselves."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from labkit.sandbox import Sandbox
from labkit.sandbox.pollers import records
from labkit.sandbox.services import _pipes_templates as templates
from labkit.sandbox.services._dynamodb_sizes import size_of
from tests.sandbox.sources.kit import Kit

RECORD: dict[str, Any] = {
    "body": '{"id": 7, "who": {"name": "Ann"}, "tags": [{"t": "a"}, {"t": "b"}]}',
    "data": base64.b64encode(b'{"n": 1}').decode(),
    "plain": "tea",
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.plain", "tea"),
        ("$.body.id", 7),
        ("$.body.who", {"name": "Ann"}),
        ("$.body.tags[1].t", "b"),
        ("$.body.tags[*].t", ["a", "b"]),
        ("$.body.tags[9]", None),
        ("$.data.n", 1),
        ("$.nothing.here", None),
        ("$.plain.deeper", None),
    ],
)
def test_paths_go_into_text_that_is_json(path: str, value: object) -> None:
    assert templates.value_at(path, RECORD) == value


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("<$.plain>", "tea"),
        ('"<$.plain>"', '"tea"'),
        ('{"a": <$.plain>}', '{"a": "tea"}'),
        ('{"a": "<$.body.who>"}', '{"a": "{\\"name\\":\\"Ann\\"}"}'),
        ('{"a": <$.body.who>}', '{"a": {"name":"Ann"}}'),
        ('{"a": <$.none>, "b": "<$.none>"}', '{"a": "", "b": ""}'),
        ('{"p": "<aws.pipes.pipe-name>"}', '{"p": "p"}'),
        ("a < b <$.plain>", "a < b tea"),
        ('{"say \\"<$.plain>\\"": 1}', '{"say \\"tea\\"": 1}'),
    ],
)
def test_templates(template: str, text: str) -> None:
    assert templates.filled(template, RECORD, {"aws.pipes.pipe-name": "p"}) == text


def test_a_parameter_that_is_a_path_is_replaced_as_a_whole() -> None:
    assert templates.dynamic("$.body.id", RECORD) == "7"
    assert templates.dynamic("id $.body.id", RECORD) == "id $.body.id"


def test_dynamodb_counts_names_and_values() -> None:
    # Both figures are those the service answered for these items (recorded in LocalStack's tests).
    assert size_of({"id": {"S": "id_value"}}) * 2 == 20
    before, after = {"id": {"S": "id_value"}}, {"id": {"S": "id_value"}, "id2": {"S": "id2_new_value"}}
    assert size_of(before) + size_of(after) + size_of(before) == 46
    assert size_of({"n": {"N": "-12.5"}}) == 1 + 4
    assert size_of({"m": {"M": {"a": {"BOOL": True}}}}) == 1 + 3 + 1 + 1 + 1


def test_the_size_of_a_record_is_that_of_its_json() -> None:
    assert records.size_of({"body": "tea"}) == len('{"body": "tea"}') + 1


def test_a_function_that_feeds_its_own_queue_is_stopped(sandbox: Sandbox) -> None:
    kit = Kit(sandbox)
    url = kit.queue(VisibilityTimeout=30)
    kit.function(
        """
        import boto3, json, os

        def handler(event, context):
            print("EVENT", json.dumps(event))
            boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody="again")
        """,
        Environment={"Variables": {"QUEUE": url}},
    )
    kit.mapping()
    kit.send(url, "first")
    kit.clock.advance(seconds=20)
    assert 14 <= len(kit.events()) <= 18
    assert kit.did("RecursiveInvocationStopped")
    assert kit.counts(url) == (0, 1)  # the last message is kept, not lost
