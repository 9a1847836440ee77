"""What is left out of a call inside the account, and what is not."""

from __future__ import annotations

import re
import subprocess
import sys
from io import BytesIO
from typing import Any, Final

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, NoCredentialsError
from moto.core.request import Request

from labkit.sandbox import Sandbox, shortcuts
from labkit.sandbox.shortcuts import UNSIGNED

_TIMES: Final = r"\d{4}-\d\d-\d\dT[\d:.]+|\w{3}, \d\d \w{3} \d{4} [\d:]+|\b1\d{9}(\d{3})?(\.\d+)?(e9)?\b"


def sent(client: Any, call: Any) -> dict[str, str]:
    """The headers of the request that a call makes."""
    seen: dict[str, str] = {}

    def look(request: Any, **_: Any) -> None:
        seen.update({name: _text(value) for name, value in request.headers.items()})

    client.meta.events.register_first("before-send", look)
    call(client)
    return seen


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def test_a_call_names_its_access_key_and_is_not_signed(sandbox: Sandbox) -> None:
    client = boto3.client(
        "sqs", aws_access_key_id="123456789012", aws_secret_access_key="x", region_name="eu-west-1"
    )
    said = sent(client, lambda sqs: sqs.list_queues())["Authorization"]
    assert said.startswith("AWS4-HMAC-SHA256 Credential=123456789012/")
    assert said.endswith(UNSIGNED)


def test_a_session_token_is_still_sent(sandbox: Sandbox) -> None:
    client = boto3.client(
        "sqs",
        aws_access_key_id="testing",
        aws_secret_access_key="x",
        aws_session_token="ticket",
        region_name="eu-west-1",
    )
    assert sent(client, lambda sqs: sqs.list_queues())["X-Amz-Security-Token"] == "ticket"


def test_signing_by_hand_gives_a_real_signature(sandbox: Sandbox) -> None:
    request = AWSRequest("POST", "https://example.com/", data=b"x")
    signer = SigV4Auth(Credentials("key", "secret"), "lambda", "eu-west-1")
    signer.add_auth(request)
    said = request.headers["Authorization"]
    del request.headers["Authorization"]  # it does not sign itself
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    assert said.endswith(f"Signature={signature}")


def test_a_presigned_url_carries_a_real_signature(sandbox: Sandbox) -> None:
    url = boto3.client("s3", region_name="eu-west-1").generate_presigned_url(
        "get_object", Params={"Bucket": "parcels", "Key": "label"}
    )
    assert "Signature=" in url
    assert UNSIGNED not in url


def test_without_credentials_boto3_complains_as_always(sandbox: Sandbox) -> None:
    client = boto3.client("sqs", region_name="eu-west-1")
    client._request_signer._credentials = None
    with pytest.raises(NoCredentialsError):
        client.list_queues()


def test_each_client_has_the_user_agent_of_its_own_settings(sandbox: Sandbox) -> None:
    said = [
        sent(
            boto3.client("sqs", region_name="eu-west-1", config=Config(user_agent_extra=extra)),
            lambda sqs: sqs.list_queues(),
        )["User-Agent"]
        for extra in ("orchard/1", "orchard/2")
    ]
    assert [extra in one for one, extra in zip(said, ("orchard/1", "orchard/2"), strict=True)] == [True, True]


def test_afterwards_botocore_signs_again() -> None:
    before = SigV4Auth.add_auth
    with Sandbox():
        assert SigV4Auth.add_auth is not before
    assert SigV4Auth.add_auth is before


def test_a_call_does_not_load_what_it_does_not_need() -> None:
    program = (
        "import sys, types\n"
        "from labkit.sandbox import Sandbox\n"
        "sandbox = Sandbox().start()\n"
        "sandbox.client('sqs').create_queue(QueueName='orders')\n"
        "put_off = type(sys.modules['cryptography.x509']) is not types.ModuleType\n"
        "print('moto.s3.models' in sys.modules, 'moto.iam.access_control' in sys.modules, put_off)\n"
        "from cryptography import x509\n"
        "print(x509.NameOID.COMMON_NAME.dotted_string)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["False", "False", "True", "2.5.4.3"], done.stderr


def _tour(sandbox: Sandbox) -> None:
    """Calls in every protocol, refused ones among them."""
    made = {
        name: sandbox.client(name)
        for name in (
            "sqs", "sns", "lambda", "events", "stepfunctions", "s3", "dynamodb", "iam", "ecs", "ecr", "ec2", "elbv2",
            "cloudwatch", "sts",
        )
    }  # fmt: skip

    def call(service: str, operation: str, **params: Any) -> dict[str, Any]:
        try:
            return dict(getattr(made[service], operation)(**params))
        except ClientError as error:
            return dict(error.response)

    queue = call("sqs", "create_queue", QueueName="orders", Attributes={"VisibilityTimeout": "30"})[
        "QueueUrl"
    ]
    for body in ('{"a": "b=c&d"}', "plain", "Zürich € %41+"):
        call("sqs", "send_message", QueueUrl=queue, MessageBody=body)
    call(
        "sqs", "receive_message", QueueUrl=queue, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
    )
    call("sqs", "get_queue_attributes", QueueUrl=queue, AttributeNames=["All"])
    call("sqs", "send_message", QueueUrl=queue + "-gone", MessageBody="x")
    topic = call("sns", "create_topic", Name="news")["TopicArn"]
    call(
        "sns",
        "subscribe",
        TopicArn=topic,
        Protocol="sqs",
        Endpoint="arn:aws:sqs:eu-west-1:123456789012:orders",
    )
    call("sns", "publish", TopicArn=topic, Message="a&b=<c> +%20")
    call("sns", "list_subscriptions_by_topic", TopicArn=topic)
    call("sns", "publish", TopicArn=topic + "-gone", Message="x")
    trust = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}'  # noqa: E501
    role = call("iam", "create_role", RoleName="worker", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    call("iam", "get_role", RoleName="worker")
    call("iam", "get_role", RoleName="nobody")
    call("iam", "list_roles")
    call("lambda", "get_function", FunctionName="absent")
    call("lambda", "list_functions")
    call("lambda", "list_tags", Resource="arn:aws:lambda:eu-west-1:123456789012:function:absent")
    call("events", "put_rule", Name="each", EventPattern='{"source": ["shop"]}')
    call("events", "put_events", Entries=[{"Source": "shop", "DetailType": "sold", "Detail": "{}"}])
    call("events", "describe_rule", Name="other")
    states = '{"StartAt": "a", "States": {"a": {"Type": "Pass", "End": true}}}'
    machine = call("stepfunctions", "create_state_machine", name="steps", definition=states, roleArn=role)
    call("stepfunctions", "describe_state_machine", stateMachineArn=machine.get("stateMachineArn", "x"))
    call("stepfunctions", "list_state_machines")
    place = {"LocationConstraint": "eu-west-1"}
    call("s3", "create_bucket", Bucket="parcels", CreateBucketConfiguration=place)
    for key in ("label", "a folder/ü+%25&x=1", "folder/"):
        call(
            "s3",
            "put_object",
            Bucket="parcels",
            Key=key,
            Body=b"\x00body",
            Metadata={"my_key": "v"},
            Tagging="a=b",
        )
        call("s3", "get_object", Bucket="parcels", Key=key)
        call("s3", "head_object", Bucket="parcels", Key=key)
    call("s3", "put_object", Bucket="parcels", Key="empty", ContentType="application/x-www-form-urlencoded")
    call("s3", "put_object", Bucket="parcels", Key="json", Body=b'{"a": 1}', ContentType="application/json")
    call("s3", "list_objects_v2", Bucket="parcels", Prefix="f")
    call("s3", "get_bucket_location", Bucket="parcels")
    call("s3", "get_object", Bucket="parcels", Key="gone")
    call("s3", "delete_objects", Bucket="parcels", Delete={"Objects": [{"Key": "label"}]})
    keys: Any = {
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    }
    call("dynamodb", "create_table", TableName="shop", BillingMode="PAY_PER_REQUEST", **keys)
    sandbox.clock.advance(seconds=60)
    call("dynamodb", "put_item", TableName="shop", Item={"id": {"S": "ü"}, "raw": {"B": b"\x00"}})
    call("dynamodb", "get_item", TableName="shop", Key={"id": {"S": "ü"}})
    call("dynamodb", "describe_table", TableName="gone")
    call("ecs", "create_cluster", clusterName="blue")
    web: Any = {"name": "web", "image": "web:1", "memory": 128, "environment": [{"name": "A", "value": "b"}]}
    call("ecs", "register_task_definition", family="web", containerDefinitions=[web])
    call("ecs", "describe_task_definition", taskDefinition="web")
    call("ecs", "describe_services", cluster="blue", services=["web"])
    call("ecs", "describe_services", cluster="gone", services=["web"])
    call("ecr", "create_repository", repositoryName="shop/web")
    call("ecr", "describe_repositories")
    call("ecr", "describe_images", repositoryName="gone")
    call("ec2", "describe_vpcs")
    subnets = [one["SubnetId"] for one in call("ec2", "describe_subnets")["Subnets"]][:2]
    call("ec2", "describe_security_groups", GroupIds=["sg-12345678"])
    call("elbv2", "create_load_balancer", Name="door", Subnets=subnets)
    call("elbv2", "describe_load_balancers")
    call("elbv2", "describe_target_groups", Names=["gone"])
    call("cloudwatch", "put_metric_data", Namespace="shop", MetricData=[{"MetricName": "sold", "Value": 1.5}])
    call("cloudwatch", "list_metrics", Namespace="shop")
    call("cloudwatch", "describe_alarms")
    call("sts", "get_caller_identity")
    call("sts", "get_session_token")


def _answers(monkeypatch: pytest.MonkeyPatch, *, quick: bool) -> list[tuple[str, int, Any, str]]:
    """What moto answers on the tour: URL, status, headers and body of each."""
    found: list[tuple[str, int, Any, str]] = []
    answered = shortcuts.Routes.__call__

    def noted(self: shortcuts.Routes, request: Any) -> Any:
        answer = answered(self, request) if quick else self._original(request)
        status, headers, body = answer
        words = body.decode("latin-1") if isinstance(body, bytes) else str(body)
        said = sorted(
            (str(name), _undated(str(value)))
            for name, value in dict(headers).items()
            if name.lower() != "x-amz-crc32"
        )
        found.append((f"{request.method} {request.url}", status, said, _undated(words)))
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(shortcuts.Routes, "__call__", noted)
        if not quick:
            patched.setattr(
                shortcuts, "_named_once", lambda serialize: serialize.ResponseSerializer.get_value
            )
            patched.setattr(shortcuts, "_drawn", lambda source: source.get_random_string)
        with Sandbox(seed=7) as sandbox:
            _tour(sandbox)
    return found


def _undated(words: str) -> str:
    return re.sub(_TIMES, "(time)", words)


def test_every_answer_is_the_one_moto_gives_without_shortcuts(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, quick = (_answers(monkeypatch, quick=how) for how in (False, True))
    assert len(quick) == len(slow) > 60
    for ours, theirs in zip(quick, slow, strict=True):
        assert ours == theirs


def test_every_request_is_the_one_moto_makes_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    making, made = shortcuts._made, []

    def both(route: Any, request: Any, query: str) -> Any:
        ours = making(route, request, query)
        if ours is not None:
            theirs = Request.from_primitives(request.method, request.url, request.headers, request.body)
            full = f"{route.url}?{query}" if query else route.url
            made.append((f"{request.method} {request.url}", _seen(ours, full), _seen(theirs, theirs.raw_url)))
        return ours

    monkeypatch.setattr(shortcuts, "_made", both)
    with Sandbox() as sandbox:
        _tour(sandbox)
    assert len(made) > 50
    for url, ours, theirs in made:
        assert ours == theirs, url


def _seen(request: Any, full_url: str) -> dict[str, Any]:
    environ = {
        name: value
        for name, value in request.environ.items()
        if name not in ("wsgi.input", "werkzeug.request")
    }
    names = (
        "method",
        "path",
        "raw_path",
        "raw_url",
        "url",
        "url_root",
        "host",
        "content_type",
        "content_encoding",
    )
    return {
        "url": full_url,
        "environ": list(environ.items()),
        "headers": list(request.headers),
        "data": request.data,
        "left": request.stream.read(),
        "again": request.get_data(),
        "form": request.form.to_dict(flat=False),
        "files": list(request.files),
        "values": request.values.to_dict(flat=False),
    } | {name: getattr(request, name) for name in names}


@pytest.mark.parametrize(
    ("url", "headers", "body"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/", {"Host": "other.example"}, b"{}"),
        ("https://sqs.eu-west-1.amazonaws.com/", {"X_Under": "a"}, b"{}"),
        ("https://sqs.eu-west-1.amazonaws.com/", {"Content-Type": "application/json"}, b""),
        ("https://sqs.eu-west-1.amazonaws.com/", {}, BytesIO(b"{}")),
    ],
)
def test_a_request_with_more_to_look_at_is_left_to_moto(
    sandbox: Sandbox, url: str, headers: dict[str, str], body: Any
) -> None:
    routes = shortcuts.Routes(lambda _: None)
    route = routes._learn("POST", url)
    assert route is not None
    request = AWSPreparedRequest("POST", url, HTTPHeaders(), body, stream_output=False)
    for name, value in headers.items():
        request.headers[name] = value
    assert shortcuts._made(route, request, "") is None


@pytest.mark.parametrize(
    "url",
    [
        "https://sqs.eu-west-1.amazonaws.com/#x",
        "https://sqs.eu-west-1.amazonaws.com/ü",
        "https://example.com/",
    ],
)
def test_a_url_that_is_not_plain_or_not_of_aws_is_left_to_moto(sandbox: Sandbox, url: str) -> None:
    routes = shortcuts.Routes(lambda request: ("moto", request.url))
    assert routes(AWSPreparedRequest("POST", url, HTTPHeaders(), b"", stream_output=False)) == ("moto", url)


def test_a_closed_account_leaves_moto_as_it_was() -> None:
    from moto.core import responses, serialize
    from moto.moto_api._internal.moto_random import MotoRandom

    def now() -> list[Any]:
        owners = (serialize.ResponseSerializer, "get_value"), (MotoRandom, "get_random_string")
        return [getattr(*one) for one in owners] + [responses.camelcase_to_underscores]

    before = now()
    with Sandbox():
        assert all(ours is not theirs for ours, theirs in zip(now(), before, strict=True))
    assert now() == before


@pytest.mark.parametrize(
    "arguments", [{}, {"length": 52}, {"include_digits": False}, {"lower_case": True}], ids=str
)
def test_the_same_letters_are_drawn(arguments: dict[str, Any]) -> None:
    from moto.moto_api._internal.moto_random import MotoRandom

    quick, slow = shortcuts._drawn(MotoRandom), MotoRandom.get_random_string
    one, other = MotoRandom(5), MotoRandom(5)
    assert [quick(one, **arguments) for _ in range(20)] == [slow(other, **arguments) for _ in range(20)]
    assert one.getrandbits(64) == other.getrandbits(64)
