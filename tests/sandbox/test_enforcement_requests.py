"""Requests as they come: made without boto3, or full of nonsense. They are judged, and nothing breaks."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from labkit.sandbox import Sandbox
from labkit.sandbox.enforcement import Call, facts
from labkit.sandbox.enforcement.needs import Asked, needs_of
from labkit.sandbox.enforcement.quick import may_be_refused
from labkit.sandbox.enforcement.requests import read
from tests.sandbox.enforced import HERE, QUEUE, REGION, allow, deny, policy, user, worker

SERVICES = (
    "sqs", "sns", "events", "scheduler", "pipes", "lambda", "stepfunctions", "ecs", "ecr", "dynamodb",
    "dynamodbstreams", "kinesis", "s3", "kms", "secretsmanager", "ssm", "logs", "iam", "sts", "cloudwatch", "eks",
)  # fmt: skip
JUNK: tuple[Any, ...] = (
    None, 5, True, "x", "arn:", "arn:aws:sqs:eu-west-1:1:2", b"zz", [], [1], [None], ["a"], [{"a": 1}], {},
    [{"Key": None}], {"a": None}, {"a": [1]}, {"a": {"b": [3]}}, [{"Put": 5}, {"Put": {"TableName": 3}}],
)  # fmt: skip


def signed(
    keys: dict[str, str], method: str, url: str, service: str, body: str = "", **headers: str
) -> requests.Response:
    """A request with a signature, made with no client of AWS."""
    request = AWSRequest(method, url, data=body, headers=headers)
    credentials = Credentials(*keys.values())
    SigV4Auth(credentials, service, REGION).add_auth(request)
    return requests.request(method, url, data=body, headers=dict(request.headers), timeout=5)


@pytest.mark.parametrize("service", SERVICES)
def test_no_parameter_breaks_the_judgement(sandbox: Sandbox, service: str) -> None:
    model = sandbox.client(service).meta.service_model
    for name in ("sqs", "sns", "kms", "dynamodb", "secretsmanager", "events", "lambda"):
        sandbox.backend(name)
    for operation in model.operation_names:
        shape = model.operation_model(operation).input_shape
        for junk in JUNK:
            params = dict.fromkeys(shape.members if shape else (), junk)
            may_be_refused(Call(service, operation, params, "key", REGION))
            for need in needs_of(Asked(service, operation, params, REGION, HERE)):
                assert isinstance(need.action, str)
                assert isinstance(need.resource, str)
                facts.resource_keys(need.resource)
            facts.requested_tags(params)


def test_json_over_plain_http(sandbox: Sandbox) -> None:
    url = boto3.client("sqs").create_queue(QueueName="orders")["QueueUrl"]
    keys = worker(allow("sqs:ReceiveMessage", QUEUE))
    kind = {"Content-Type": "application/x-amz-json-1.0"}
    answers = [
        signed(
            keys, "POST", f"https://sqs.{REGION}.amazonaws.com/", "sqs", json.dumps({"QueueUrl": url, **more}),
            **kind, **{"X-Amz-Target": f"AmazonSQS.{operation}"},
        )
        for operation, more in (("ReceiveMessage", {}), ("SendMessage", {"MessageBody": "x"}))
    ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [200, 403]
    assert answers[1].headers["x-amzn-query-error"] == "AccessDenied;Sender"
    assert "sqs:sendmessage" in answers[1].json()["message"]


def test_the_query_protocol_over_plain_http(sandbox: Sandbox) -> None:
    keys = user("mina", allow("iam:ListRoles"))
    kind = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    answers = [
        signed(
            keys, "POST", "https://iam.amazonaws.com/", "iam", f"Action={action}&Version=2010-05-08", **kind
        )
        for action in ("ListRoles", "ListUsers")
    ]
    assert [answer.status_code for answer in answers] == [200, 403]
    assert (
        f"<Message>User: arn:aws:iam::{HERE}:user/mina is not authorized to perform: iam:ListUsers"
        in answers[1].text
    )


def test_rest_over_plain_http(sandbox: Sandbox) -> None:
    keys = user("mina", allow("lambda:ListFunctions"))
    host = f"https://lambda.{REGION}.amazonaws.com/2015-03-31/functions/"
    assert signed(keys, "GET", host, "lambda").status_code == 200
    refused = signed(keys, "POST", f"{host}f/invocations", "lambda", "{}")
    assert (refused.status_code, refused.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
    assert f"lambda:InvokeFunction on resource: arn:aws:lambda:{REGION}:{HERE}:function:f " in refused.text


def test_a_deny_reaches_the_administrator_over_plain_http(sandbox: Sandbox) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="photos", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="photos", Key="cat", Body=b"meow")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "photos", "Key": "cat"})
    assert requests.get(url, timeout=5).content == b"meow"
    statement = deny("s3:GetObject", "arn:aws:s3:::photos/*", Principal="*")
    s3.put_bucket_policy(Bucket="photos", Policy=policy(statement))
    assert "explicit deny in a resource-based policy" in requests.get(url, timeout=5).text


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "nonsense"}, {"Authorization": "AWS4-HMAC-SHA256 Credential=a/b"},
     {"Authorization": "AWS4-HMAC-SHA256 Credential=A/20261123/eu-west-1/no-such-service/aws4_request"},
     {"Authorization": "AWS4-HMAC-SHA256 Credential=A/20261123/eu-west-1/lambda/aws4_request"},
     {"Authorization": "AWS4-HMAC-SHA256 Credential=A/20261123/eu-west-1/sqs/aws4_request",
      "X-Amz-Target": "AmazonSQS.SendMessage"}],
)  # fmt: skip
def test_a_request_that_means_nothing_is_left_to_moto(sandbox: Sandbox, headers: dict[str, str]) -> None:
    request = AWSRequest(
        "POST", "https://sqs.eu-west-1.amazonaws.com/", data="{broken", headers=headers
    ).prepare()
    assert read(request) is None
