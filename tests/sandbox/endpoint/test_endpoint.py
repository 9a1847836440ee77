"""Programs outside reach the same account, in every protocol, with all its behaviour."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox
from labkit.sandbox.endpoint import Endpoint


def test_a_queue_made_outside_is_there_in_the_notebook(sandbox: Sandbox, outside: Any) -> None:
    url = outside.call("sqs", "CreateQueue", QueueName="orders")["QueueUrl"]
    outside.call("sqs", "SendMessage", QueueUrl=url, MessageBody="from outside")
    sqs = boto3.client("sqs")
    here = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    assert sqs.receive_message(QueueUrl=here)["Messages"][0]["Body"] == "from outside"


def test_a_call_from_outside_stands_in_the_trace_like_any_other(sandbox: Sandbox, outside: Any) -> None:
    outside.call("sqs", "CreateQueue", QueueName="orders", key="AKIALABKITLEARNER000")
    event = sandbox.trace.where(kind="call")[-1]
    assert (event.service, event.action, event.caller, event.resource) == (
        "sqs", "CreateQueue", "learner", "orders",
    )  # fmt: skip
    assert event.params == {"QueueName": "orders"}
    assert event.result is not None
    assert event.result["QueueUrl"].endswith("/123456789012/orders")


def test_secrets_are_hidden_in_the_trace(sandbox: Sandbox, outside: Any) -> None:
    outside.call("secretsmanager", "CreateSecret", Name="db", SecretString="hunter2")
    event = sandbox.trace.where(action="CreateSecret")[-1]
    assert event.params["SecretString"] == "(hidden)"


def test_a_failed_call_leaves_awss_error_code_in_the_trace(sandbox: Sandbox, outside: Any) -> None:
    with pytest.raises(ClientError, match="QueueDoesNotExist|NonExistentQueue"):
        outside.call("sqs", "GetQueueUrl", QueueName="missing")
    event = sandbox.trace.where(action="GetQueueUrl")[-1]
    assert "NonExistentQueue" in event.error or "QueueDoesNotExist" in event.error


@pytest.mark.parametrize(
    ("service", "operation", "member"),
    [
        ("sqs", "ListQueues", None),  # JSON
        ("dynamodb", "ListTables", "TableNames"),  # JSON
        ("dynamodbstreams", "ListStreams", "Streams"),  # JSON, shares its signing name
        ("stepfunctions", "ListStateMachines", "stateMachines"),  # JSON, signs as states
        ("cloudwatch", "ListMetrics", "Metrics"),  # JSON, signs as monitoring
        ("ecr", "DescribeRepositories", "repositories"),  # JSON, lives at api.ecr
        ("sns", "ListTopics", "Topics"),  # query
        ("sts", "GetCallerIdentity", "Account"),  # query
        ("iam", "ListUsers", "Users"),  # query, global
        ("elbv2", "DescribeLoadBalancers", "LoadBalancers"),  # query, two services sign alike
        ("elb", "DescribeLoadBalancers", "LoadBalancerDescriptions"),
        ("lambda", "ListFunctions", "Functions"),  # REST-JSON
        ("sesv2", "ListEmailIdentities", "EmailIdentities"),  # REST-JSON, signs as ses
        ("ses", "ListIdentities", "Identities"),  # query, signs as ses
        ("scheduler", "ListSchedules", "Schedules"),  # REST-JSON
        ("s3", "ListBuckets", "Buckets"),  # REST-XML
        ("route53", "ListHostedZones", "HostedZones"),  # REST-XML, global
        ("cloudfront", "ListDistributions", "DistributionList"),
    ],
)
def test_every_protocol_is_answered(
    sandbox: Sandbox, outside: Any, service: str, operation: str, member: str | None
) -> None:
    found = outside.call(service, operation)
    assert member is None or member in found
    assert sandbox.trace.where(service=service, action=operation, error="")


@pytest.fixture
def cbor(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore prefers CBOR, as newer SDKs do."""
    from botocore import model

    monkeypatch.setattr(
        model, "PRIORITY_ORDERED_SUPPORTED_PROTOCOLS", ("smithy-rpc-v2-cbor", "json", "query")
    )


def test_cbor_is_answered_in_cbor(sandbox: Sandbox, outside: Any, cbor: None) -> None:
    client = outside.client("cloudwatch")
    assert client.meta.service_model.resolved_protocol == "smithy-rpc-v2-cbor"
    at = sandbox.clock.now()
    data = [{"MetricName": "Orders", "Value": 2.5, "Unit": "Count", "Timestamp": at}]
    outside.on(client, "PutMetricData", Namespace="Shop", MetricData=data)
    found = outside.on(client, "ListMetrics", Namespace="Shop")["Metrics"]
    assert [one["MetricName"] for one in found] == ["Orders"]
    points = outside.on(
        client, "GetMetricStatistics", Namespace="Shop", MetricName="Orders", Period=60, Statistics=["Sum"],
        StartTime=at - timedelta(hours=1), EndTime=at + timedelta(hours=1),
    )["Datapoints"]  # fmt: skip
    assert [point["Sum"] for point in points] == [2.5]
    assert abs(points[0]["Timestamp"] - at) < timedelta(minutes=2)
    event = sandbox.trace.where(action="PutMetricData")[-1]
    assert (event.service, event.params["Namespace"]) == ("cloudwatch", "Shop")
    with pytest.raises(ClientError, match="ResourceNotFound"):
        outside.on(client, "GetDashboard", DashboardName="missing")


def test_cbor_that_is_broken(ask: Any, sign: Any) -> None:
    about = {
        "Smithy_Protocol": "rpc-v2-cbor",
        "Content_Type": "application/cbor",
        "Authorization": sign("monitoring"),
    }
    path = "/service/GraniteServiceVersion20100801/operation/PutMetricData"
    for body in (b"\xff", b"\x82\x01", b"\xa1\x61", b"{}"):
        told = ask("POST", path, body, **about)
        assert (told.status, told.headers["Content-Type"]) == (400, "application/cbor"), body
    told = ask("POST", "/service/X/nonsense", b"", **about)
    assert b"UnknownOperationException" in told.body
    about["Content_Type"] = "application/x-amz-cbor-1.1"
    assert ask("POST", "/", b"\xa0", **about).status == 501


def test_ec2_query_lists_come_back_whole(outside: Any) -> None:
    vpcs = outside.call("ec2", "DescribeVpcs", Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    assert len(vpcs) == 1


def test_an_object_of_seven_megabytes_with_a_difficult_key(sandbox: Sandbox, outside: Any) -> None:
    body, key = bytes(range(256)) * 28_000, "a b/é+%2F//x.txt"
    where = {"LocationConstraint": "eu-west-1"}
    outside.call("s3", "CreateBucket", Bucket="photos", CreateBucketConfiguration=where)
    outside.call("s3", "PutObject", Bucket="photos", Key=key, Body=body, Metadata={"my_key": "1"})
    got = outside.call("s3", "GetObject", Bucket="photos", Key=key)
    assert got["Body"].read() == body
    assert outside.call("s3", "HeadObject", Bucket="photos", Key=key)["ContentLength"] == len(body)
    assert [one["Key"] for one in outside.call("s3", "ListObjectsV2", Bucket="photos")["Contents"]] == [key]
    assert boto3.client("s3").get_object(Bucket="photos", Key=key)["Body"].read() == body
    put = sandbox.trace.where(action="PutObject")[-1]
    assert put.params["Body"] == "(7,168,000 bytes)"


def test_a_presigned_url_works_for_any_http_client(outside: Any, ask: Any) -> None:
    where = {"LocationConstraint": "eu-west-1"}
    outside.call("s3", "CreateBucket", Bucket="photos", CreateBucketConfiguration=where)
    outside.call("s3", "PutObject", Bucket="photos", Key="x.txt", Body=b"hello")
    client = outside.client("s3")
    url = client.generate_presigned_url("get_object", Params={"Bucket": "photos", "Key": "x.txt"})
    assert ask("GET", url.removeprefix(outside.url)).body == b"hello"


def test_buckets_are_found_in_host_names(outside: Any, ask: Any, endpoint: Endpoint, sign: Any) -> None:
    where = {"LocationConstraint": "eu-west-1"}
    outside.call("s3", "CreateBucket", Bucket="my.photos", CreateBucketConfiguration=where)
    outside.call("s3", "PutObject", Bucket="my.photos", Key="x.txt", Body=b"hello")
    for host in ("my.photos.s3.eu-west-1.localhost", "my.photos.s3.localhost", "my.photos.localhost"):
        found = ask("GET", "/x.txt", Host=f"{host}:{endpoint.port}", Authorization=sign("s3"))
        assert found.body == b"hello", host
    path = ask("GET", "/my.photos/x.txt", Host="s3.eu-west-1.localhost", Authorization=sign("s3"))
    assert path.body == b"hello"


def test_a_multipart_upload(outside: Any) -> None:
    where = {"LocationConstraint": "eu-west-1"}
    outside.call("s3", "CreateBucket", Bucket="big", CreateBucketConfiguration=where)
    about = {"Bucket": "big", "Key": "film"}
    upload = outside.call("s3", "CreateMultipartUpload", **about)["UploadId"]
    parts = []
    for number, body in enumerate((b"a" * 5_242_880, b"end"), 1):
        part = {**about, "UploadId": upload, "PartNumber": number}
        parts.append(
            {"ETag": outside.call("s3", "UploadPart", Body=body, **part)["ETag"], "PartNumber": number}
        )
    outside.call("s3", "CompleteMultipartUpload", UploadId=upload, MultipartUpload={"Parts": parts}, **about)
    assert outside.call("s3", "HeadObject", **about)["ContentLength"] == 5_242_883


def test_a_function_runs_when_it_is_called_from_outside(outside: Any) -> None:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return event['n'] * 2\n")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    role = outside.call("iam", "CreateRole", RoleName="double", AssumeRolePolicyDocument=json.dumps(trust))
    outside.call(
        "lambda", "CreateFunction", FunctionName="double", Runtime="python3.13", Handler="app.handler",
        Role=role["Role"]["Arn"], Code={"ZipFile": package.getvalue()},
    )  # fmt: skip
    reply = outside.call("lambda", "Invoke", FunctionName="double", Payload=json.dumps({"n": 21}))
    assert json.loads(reply["Payload"].read()) == 42


# -- addresses ---------------------------------------------------------------------------------------


def test_queue_urls_lead_to_the_endpoint_under_the_name_the_caller_used(
    outside: Any, endpoint: Endpoint, ask: Any, sign: Any
) -> None:
    url = outside.call("sqs", "CreateQueue", QueueName="orders")["QueueUrl"]
    assert url == f"{endpoint.url}/123456789012/orders"
    host = f"sqs.eu-west-1.localhost:{endpoint.port}"
    named = ask(
        "POST", "/", '{"QueueName": "orders"}', Host=host, Authorization=sign("sqs"),
        Content_Type="application/x-amz-json-1.0", X_Amz_Target="AmazonSQS.GetQueueUrl",
    ).json["QueueUrl"]  # fmt: skip
    assert named == f"http://{host}/123456789012/orders"
    for one in (url, named, "https://sqs.eu-west-1.amazonaws.com/123456789012/orders"):
        outside.call("sqs", "SendMessage", QueueUrl=one, MessageBody="x")
    assert outside.call("sqs", "ListQueues")["QueueUrls"] == [url]


def test_the_query_protocol_of_old_sdks_posts_to_the_queues_own_url(
    outside: Any, ask: Any, sign: Any
) -> None:
    outside.call("sqs", "CreateQueue", QueueName="orders")
    form = {"Content_Type": "application/x-www-form-urlencoded", "Authorization": sign("sqs")}
    sent = ask("POST", "/123456789012/orders", "Action=SendMessage&Version=2012-11-05&MessageBody=hi", **form)
    assert sent.status == 200
    assert "<MessageId>" in sent.text
    url = ask("POST", "/", "Action=GetQueueUrl&Version=2012-11-05&QueueName=orders", **form)
    assert f"<QueueUrl>{outside.url}/123456789012/orders</QueueUrl>" in url.text


def test_an_address_inside_a_message_stays_as_it_was_sent(outside: Any) -> None:
    url = outside.call("sqs", "CreateQueue", QueueName="orders")["QueueUrl"]
    text = "see https://sqs.eu-west-1.amazonaws.com/123456789012/orders"
    outside.call("sqs", "SendMessage", QueueUrl=url, MessageBody=text)
    assert outside.call("sqs", "ReceiveMessage", QueueUrl=url)["Messages"][0]["Body"] == text


def test_the_notebooks_own_client_may_use_the_endpoint_too(sandbox: Sandbox, endpoint: Endpoint) -> None:
    """Over the network it would wait for the account's lock, which it holds itself."""
    sqs = boto3.client("sqs", endpoint_url=endpoint.url)
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    assert url == f"{endpoint.url}/123456789012/orders"
    sqs.send_message(QueueUrl=url, MessageBody="x")
    with pytest.raises(ClientError, match="NonExistentQueue|does not exist"):
        sqs.get_queue_url(QueueName="missing")
    assert len(sandbox.trace.where(kind="call")) == 3


# -- accounts and Regions ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "account", "arn"),
    [
        ("111122223333", "111122223333", "arn:aws:iam::111122223333:root"),
        ("AKIALABKITLEARNER000", "123456789012", "arn:aws:iam::123456789012:user/learner"),
        ("test", "000000000000", "arn:aws:iam::000000000000:root"),
    ],
)
def test_the_access_key_says_the_account(outside: Any, key: str, account: str, arn: str) -> None:
    found = outside.call("sts", "GetCallerIdentity", key=key)
    assert (found["Account"], found["Arn"]) == (account, arn)


def test_keys_that_name_no_account_can_be_given_another(sandbox: Sandbox, outside: Any) -> None:
    endpoint = Endpoint(sandbox, others="444455556666").start()
    try:
        another = type(outside)(endpoint)
        assert another.call("sts", "GetCallerIdentity", key="test")["Account"] == "444455556666"
    finally:
        endpoint.close()


def test_accounts_and_regions_do_not_see_each_other(sandbox: Sandbox, outside: Any) -> None:
    for key in ("111122223333", "444455556666"):
        outside.call("sqs", "CreateQueue", key=key, QueueName=f"of-{key}")
    paris = outside.client("sqs", "111122223333", region="eu-west-3")
    outside.on(paris, "CreateQueue", QueueName="in-paris")
    names = [
        [url.rsplit("/", 1)[1] for url in outside.on(client, "ListQueues")["QueueUrls"]]
        for client in (outside.client("sqs", "111122223333"), outside.client("sqs", "444455556666"), paris)
    ]
    assert names == [["of-111122223333"], ["of-444455556666"], ["in-paris"]]
    assert {event.caller for event in sandbox.trace.where(action="CreateQueue")} == {
        "111122223333",
        "444455556666",
    }


def test_a_users_own_key_is_known_and_her_permissions_hold(sandbox: Sandbox, outside: Any) -> None:
    outside.call("iam", "CreateUser", UserName="mina")
    key = outside.call("iam", "CreateAccessKey", UserName="mina")["AccessKey"]["AccessKeyId"]
    assert outside.call("sts", "GetCallerIdentity", key=key)["Arn"].endswith("user/mina")
    with pytest.raises(ClientError, match="AccessDenied"):
        outside.call("sqs", "CreateQueue", key=key, QueueName="hers")
    assert sandbox.trace.where(action="CreateQueue")[-1].caller == "mina"


def test_nobody_chooses_an_account_with_motos_own_header(ask: Any, sign: Any) -> None:
    found = ask(
        "POST", "/", "Action=GetCallerIdentity&Version=2011-06-15", Authorization=sign("sts"),
        x_moto_account_id="999999999999", Content_Type="application/x-www-form-urlencoded",
    )  # fmt: skip
    assert "<Account>123456789012</Account>" in found.text


def test_aws_managed_policies_are_there(outside: Any) -> None:
    arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    found = outside.call("iam", "GetPolicy", key="AKIALABKITLEARNER000", PolicyArn=arn)
    assert found["Policy"]["Arn"] == arn


# -- many at once ------------------------------------------------------------------------------------


def test_thirty_clients_at_once_lose_nothing(sandbox: Sandbox, outside: Any) -> None:
    url = outside.call("sqs", "CreateQueue", QueueName="orders")["QueueUrl"]
    client = outside.client("sqs", max_pool_connections=30)
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(3):
                outside.on(client, "SendMessage", QueueUrl=url, MessageBody=f"{number}.{turn}")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    count = outside.call(
        "sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    assert count["Attributes"]["ApproximateNumberOfMessages"] == "90"
    assert len(sandbox.trace.where(action="SendMessage")) == 90


def test_a_long_poll_outside_is_woken_by_another_program(outside: Any) -> None:
    url = outside.call("sqs", "CreateQueue", QueueName="orders")["QueueUrl"]
    got: list[Any] = []
    waiting = threading.Thread(
        target=lambda: got.append(outside.call("sqs", "ReceiveMessage", QueueUrl=url, WaitTimeSeconds=20))
    )
    waiting.start()
    outside.call("sqs", "SendMessage", QueueUrl=url, MessageBody="wake up")
    waiting.join(timeout=15)
    assert got[0]["Messages"][0]["Body"] == "wake up"


def test_a_long_poll_in_the_notebook_still_passes_at_once_while_the_endpoint_is_idle(
    sandbox: Sandbox, outside: Any
) -> None:
    outside.call("sqs", "CreateQueue", QueueName="orders")
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    before = sandbox.clock.ahead
    sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)
    assert (sandbox.clock.ahead - before).total_seconds() > 15
