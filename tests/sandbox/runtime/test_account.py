"""A function's boto3 reaches this account: same state, one trace, its own name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from labkit.sandbox import Sandbox


@pytest.fixture(autouse=True)
def _empty(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.reset()


def test_both_sides_see_the_same_queue(functions: Any, sandbox: Sandbox) -> None:
    sqs = sandbox.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="to the function")
    code = """
    import boto3
    sqs = boto3.client("sqs")
    def handler(event, context):
        message = sqs.receive_message(QueueUrl=event)["Messages"][0]
        sqs.delete_message(QueueUrl=event, ReceiptHandle=message["ReceiptHandle"])
        boto3.resource("sqs").Queue(event).send_message(MessageBody=message["Body"].upper())
        return message["Body"]
    """
    assert functions.value(functions.run(code, url)) == "to the function"
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "TO THE FUNCTION"


def test_each_call_is_one_record_under_the_functions_name(functions: Any, sandbox: Sandbox) -> None:
    url = sandbox.client("sqs").create_queue(QueueName="orders")["QueueUrl"]
    code = """
    import boto3
    def handler(event, context):
        sqs = boto3.client("sqs")
        sqs.send_message(QueueUrl=event, MessageBody="x" * 5000)
        try:
            sqs.get_queue_url(QueueName="nowhere")
        except sqs.exceptions.QueueDoesNotExist as error:
            return error.response["Error"]["Code"]
    """
    mark = sandbox.trace.mark()
    with sandbox.trace.caused_by(4711):
        code_seen = functions.value(functions.run(code, url, name="checkout"))
    sent, failed = sandbox.trace.where(kind="call", since=mark)
    assert (sent.service, sent.action, sent.caller, sent.resource, sent.cause) == (
        "sqs", "SendMessage", "checkout", url, 4711,
    )  # fmt: skip
    assert sent.params["QueueUrl"] == url
    assert len(sent.params["MessageBody"]) < 1_100
    assert (failed.action, failed.error) == ("GetQueueUrl", code_seen)
    assert failed.message
    inside = sandbox.trace.where(service="sqs", kind="state", since=mark)
    assert inside[0].cause == sent.sequence
    assert functions.run("def handler(event, context): pass", caller="role/x").error is None


def test_the_role_calls_not_the_learner(functions: Any, sandbox: Sandbox) -> None:
    allow = {"Effect": "Allow", "Principal": {"AWS": sandbox.account}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    made = sandbox.client("iam").create_role(RoleName="checkout", AssumeRolePolicyDocument=trust)
    role = made["Role"]["Arn"]
    keys = sandbox.client("sts").assume_role(RoleArn=role, RoleSessionName="orders")["Credentials"]
    code = (
        "import boto3\ndef handler(event, context): return boto3.client('sts').get_caller_identity()['Arn']"
    )
    arn = functions.value(
        functions.run(
            code,
            access_key=keys["AccessKeyId"], secret_key=keys["SecretAccessKey"], session_token=keys["SessionToken"],
        )
    )  # fmt: skip
    assert arn == "arn:aws:sts::123456789012:assumed-role/checkout/orders"


def test_large_binary_bodies_both_ways(functions: Any, sandbox: Sandbox) -> None:
    s3 = sandbox.client("s3")
    s3.create_bucket(Bucket="photos", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    data = bytes(range(256)) * 40_000
    s3.put_object(Bucket="photos", Key="in", Body=data)
    code = """
    import boto3, hashlib, io
    s3 = boto3.client("s3")
    def handler(event, context):
        body = s3.get_object(Bucket="photos", Key="in")["Body"]
        first, rest = body.read(10), b"".join(body.iter_chunks(100_000))
        s3.download_file("photos", "in", "/tmp/copy")
        s3.upload_file("/tmp/copy", "photos", "out")
        s3.upload_fileobj(io.BytesIO(first + rest), "photos", "stream")
        s3.put_object(Bucket="photos", Key="open", Body=open("/tmp/copy", "rb"))
        return hashlib.sha256(first + rest).hexdigest()
    """
    digest = functions.value(functions.run(code, memory_mb=512, timeout_s=30))
    assert digest == hashlib.sha256(data).hexdigest()
    for key in ("out", "stream", "open"):
        assert s3.get_object(Bucket="photos", Key=key)["Body"].read() == data


def test_queries_and_xml(functions: Any, sandbox: Sandbox) -> None:
    code = """
    import boto3
    def handler(event, context):
        topic = boto3.client("sns").create_topic(Name="news")["TopicArn"]
        table = boto3.resource("dynamodb").create_table(
            TableName="stock", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
        table.put_item(Item={"id": "apple", "amount": 3})
        return [topic, table.get_item(Key={"id": "apple"})["Item"]]
    """
    topic, item = functions.value(functions.run(code))
    assert topic == "arn:aws:sns:eu-west-1:123456789012:news"
    assert item == {"id": "apple", "amount": 3}


def test_what_is_not_simulated_says_so(functions: Any, sandbox: Sandbox) -> None:
    code = """
    import boto3
    from botocore.exceptions import ClientError
    def handler(event, context):
        try:
            boto3.client("deadline").list_farms()
        except ClientError as error:
            return [error.response["Error"]["Code"], str(error)]
    """
    kind, text = functions.value(functions.run(code))
    assert kind == "NotSimulated"
    assert "ListFarms is not simulated here" in text
    assert sandbox.trace.last(1)[0].error == "NotSimulated"


def test_a_fault_of_the_simulation_does_not_end_the_function(
    functions: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    import moto.sns.responses

    def broken(self: object) -> None:
        raise KeyError("oops")

    monkeypatch.setattr(moto.sns.responses.SNSResponse, "create_topic", broken)
    code = """
    import boto3
    from botocore.exceptions import ClientError
    def handler(event, context):
        try:
            boto3.client("sns").create_topic(Name="x")
        except ClientError as error:
            return str(error)
    """
    said = functions.value(functions.run(code))
    assert "SimulationFailed" in said
    assert "our fault" in said
    assert "oops" in said


def test_calls_while_the_module_loads(functions: Any, sandbox: Sandbox) -> None:
    code = """
    import boto3
    url = boto3.client("sqs").create_queue(QueueName="early")["QueueUrl"]
    def handler(event, context): return url
    """
    assert functions.value(functions.run(code)).endswith("/early")


def test_calls_from_threads_and_from_forked_processes(functions: Any, sandbox: Sandbox) -> None:
    sandbox.client("sqs").create_queue(QueueName="orders")
    code = """
    import boto3, multiprocessing
    from concurrent.futures import ThreadPoolExecutor
    sqs = boto3.client("sqs")
    def send(word):
        url = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
        return sqs.send_message(QueueUrl=url, MessageBody=word)["MessageId"]
    def child(word, pipe):
        pipe.send(send(word))
        pipe.close()
    def handler(event, context):
        with ThreadPoolExecutor(8) as pool:
            ids = list(pool.map(send, map(str, range(24))))
        ends = [multiprocessing.Pipe() for _ in range(4)]
        children = [multiprocessing.Process(target=child, args=(f"p{n}", end[1])) for n, end in enumerate(ends)]
        for one in children: one.start()
        ids += [end[0].recv() for end in ends]
        for one in children: one.join()
        ids.append(send("last"))
        return len(set(ids))
    """
    result = functions.run(code, timeout_s=30, memory_mb=256)
    assert functions.value(result) == 29
    attributes = sandbox.client("sqs").get_queue_attributes(
        QueueUrl="https://sqs.eu-west-1.amazonaws.com/123456789012/orders", AttributeNames=["All"]
    )["Attributes"]
    assert attributes["ApproximateNumberOfMessages"] == "29"


def test_a_long_poll_takes_the_functions_time(functions: Any, sandbox: Sandbox) -> None:
    url = sandbox.client("sqs").create_queue(QueueName="orders")["QueueUrl"]
    code = """
    import boto3
    sqs = boto3.client("sqs")
    def handler(event, context):
        found = sqs.receive_message(QueueUrl=event, WaitTimeSeconds=20)
        return context.get_remaining_time_in_millis()
    """
    assert 9_000 < functions.value(functions.run(code, url, timeout_s=30)) <= 10_000
    late = functions.run(code, url, timeout_s=5)
    assert late.error.message.endswith("Task timed out after 5.00 seconds")
    assert late.duration_ms >= 5_000


def test_the_clock_moves_in_both(functions: Any, sandbox: Sandbox) -> None:
    url = sandbox.client("sqs").create_queue(QueueName="orders")["QueueUrl"]
    code = """
    import boto3, time
    sqs = boto3.client("sqs")
    def handler(event, context):
        sqs.send_message(QueueUrl=event, MessageBody="later", DelaySeconds=60)
        seen = ["Messages" in sqs.receive_message(QueueUrl=event)]
        time.sleep(61)
        return seen + ["Messages" in sqs.receive_message(QueueUrl=event)]
    """
    assert functions.value(functions.run(code, url, timeout_s=120)) == [False, True]


def test_other_ways_out_lead_nowhere(functions: Any) -> None:
    code = """
    import boto3, urllib.request, json
    def attempt(action):
        try:
            action()
            return "reached"
        except Exception as error:
            return type(error).__name__ + ": " + str(error)
    def handler(event, context):
        return [attempt(lambda: urllib.request.urlopen("https://aws.amazon.com", timeout=5)),
                attempt(lambda: urllib.request.urlopen("http://127.0.0.1:8888", timeout=5))]
    """
    said = functions.value(functions.run(code))
    assert all("no network but its account" in text for text in said), json.dumps(said)


def test_an_endpoint_of_its_own_is_answered_all_the_same(functions: Any, sandbox: Sandbox) -> None:
    code = """
    import boto3
    def handler(event, context):
        return boto3.client("sqs", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
                            ).create_queue(QueueName="far")["QueueUrl"]
    """
    assert "us-east-1" in functions.value(functions.run(code))
