"""Nothing leaves the machine, whatever is tried; loopback stays open."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import urllib.request

import boto3
import pytest
import requests
from botocore.config import Config

from labkit.errors import Stopped
from labkit.sandbox import Sandbox
from labkit.sandbox.guard import calls_aws_cli, is_loopback

REAL_LOOKING = "AKIA" + "Z" * 16


def test_real_credentials_in_the_environment_are_set_aside_and_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", REAL_LOOKING)
    monkeypatch.setenv("AWS_PROFILE", "a-profile-that-does-not-exist")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://sqs.example.com")
    with Sandbox() as sandbox:
        assert boto3.client("sts").get_caller_identity()["Account"] == "123456789012"
        assert REAL_LOOKING not in os.environ.values()
        assert any("set them aside" in note for note in sandbox.guard.notes)
        assert any("AWS_ENDPOINT_URL" in note for note in sandbox.guard.notes)
    assert os.environ["AWS_ACCESS_KEY_ID"] == REAL_LOOKING
    assert os.environ["AWS_PROFILE"] == "a-profile-that-does-not-exist"


def test_a_call_with_the_keys_of_a_real_account_is_stopped(sandbox: Sandbox) -> None:
    sqs = boto3.client("sqs", aws_access_key_id=REAL_LOOKING, aws_secret_access_key="secret")
    with pytest.raises(Stopped, match=r"credentials of a real account .*AKIA\.\.\.ZZZZ.*Leave the keys out"):
        sqs.list_queues()
    assert len(sandbox.guard.stopped) == 1


def test_keys_that_the_lab_gave_out_work(sandbox: Sandbox) -> None:
    iam = boto3.client("iam")
    iam.create_user(UserName="mina")
    iam.attach_user_policy(UserName="mina", PolicyArn="arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess")
    key = iam.create_access_key(UserName="mina")["AccessKey"]
    sqs = boto3.client(
        "sqs", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]
    )
    assert "QueueUrls" not in sqs.list_queues()


@pytest.mark.parametrize(
    "options",
    [
        {"endpoint_url": "https://sqs.eu-west-1.api.aws"},
        {"endpoint_url": "https://example.com"},
        {"config": Config(use_dualstack_endpoint=True)},
    ],
)
def test_endpoints_moto_does_not_answer_are_stopped(sandbox: Sandbox, options: dict[str, object]) -> None:
    with pytest.raises(Stopped, match="Nothing was sent"):
        boto3.client("sqs", **options).list_queues()  # type: ignore[call-overload]


def test_a_client_made_before_the_lab_is_brought_in() -> None:
    before = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test").client("sqs", "eu-west-1")
    with Sandbox():
        url = before.create_queue(QueueName="orders")["QueueUrl"]
        before.send_message(QueueUrl=url, MessageBody="once")
        attributes = boto3.client("sqs").get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        assert attributes["Attributes"]["ApproximateNumberOfMessages"] == "1"


def test_a_client_that_outlives_its_lab_is_stopped() -> None:
    with Sandbox():
        sqs = boto3.client("sqs")
        sqs.list_queues()
    with pytest.raises(Stopped, match="belongs to a lab that was closed"):
        sqs.list_queues()


def test_urllib_is_stopped(sandbox: Sandbox) -> None:
    with pytest.raises(Stopped, match=r"example\.com"):
        urllib.request.urlopen("https://example.com")


def test_requests_is_stopped(sandbox: Sandbox) -> None:
    with pytest.raises(Stopped, match=r"example\.com"):
        requests.get("https://example.com", timeout=5)


@pytest.mark.parametrize("address", [("192.0.2.1", 443), ("169.254.169.254", 80)])
def test_plain_sockets_are_stopped(sandbox: Sandbox, address: tuple[str, int]) -> None:
    with socket.socket() as plain, pytest.raises(Stopped):
        plain.connect(address)
    with socket.socket(type=socket.SOCK_DGRAM) as plain, pytest.raises(Stopped):
        plain.sendto(b"x", address)


def test_threads_are_stopped_too(sandbox: Sandbox) -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            socket.getaddrinfo("example.com", 443)
        except Stopped as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(errors) == 1


def test_loopback_stays_open(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("localhost", port), timeout=5):
            pass


@pytest.mark.parametrize(
    "command",
    [
        ["aws", "sqs", "list-queues"],
        ["/usr/local/bin/aws", "s3", "ls"],
        ["aws.exe", "s3", "ls"],
        [sys.executable, "-m", "awscli", "s3", "ls"],
        ["sh", "-c", "cd x && AWS_REGION=eu-west-1 aws sqs list-queues | head"],
        "aws sqs list-queues",
        "echo $(aws sts get-caller-identity)",
        "sudo aws s3 ls",
    ],
)
def test_the_aws_cli_is_known_by_its_command_line(command: object) -> None:
    assert calls_aws_cli(command)


@pytest.mark.parametrize(
    "command", [["echo", "aws"], "echo aws sqs", ["ls", "aws"], "cat aws.txt", [], None, "", 5]
)
def test_other_programs_are_let_pass(command: object) -> None:
    assert not calls_aws_cli(command)


def test_starting_the_aws_cli_is_stopped(sandbox: Sandbox) -> None:
    with pytest.raises(Stopped, match="AWS CLI"):
        subprocess.run(["aws", "sqs", "list-queues"], check=False)
    with pytest.raises(Stopped, match="AWS CLI"):
        os.system("aws sqs list-queues")


def test_a_child_python_is_behind_the_same_wall(sandbox: Sandbox) -> None:
    program = "import socket; socket.create_connection(('192.0.2.1', 443), 5)"
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert child.returncode != 0
    assert "The lab stopped a connection to 192.0.2.1" in child.stderr


def test_children_get_no_real_credentials_and_a_closed_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real-secret")
    program = "import os; print(os.environ.get('HTTPS_PROXY'), os.environ.get('AWS_SECRET_ACCESS_KEY'))"
    with Sandbox():
        inside = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    outside = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "127.0.0.1:9" in inside.stdout
    assert "real-secret" not in inside.stdout
    assert "127.0.0.1:9" not in outside.stdout
    assert "real-secret" in outside.stdout


def test_after_stop_the_wall_is_down() -> None:
    with Sandbox() as sandbox:
        pass
    assert is_loopback("localhost")
    with socket.socket() as plain:
        plain.settimeout(0.01)
        with pytest.raises(OSError, match=r"."):  # the network's own answer, not ours
            plain.connect(("127.0.0.1", 9))
    assert sandbox.guard.stopped == []


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "queue.localhost", "127.0.0.1", "127.8.9.1", "::1", "[::1]", "", None,
             b"localhost", "::ffff:127.0.0.1", "0.0.0.0"]
)  # fmt: skip
def test_loopback_names(host: object) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["example.com", "localhost.example.com", "10.0.0.1", "169.254.169.254", "::ffff:8.8.8.8", "2001:db8::1"],
)
def test_names_that_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)
