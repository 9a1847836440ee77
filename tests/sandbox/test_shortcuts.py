"""What is left out of a call inside the account, and what is not."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import NoCredentialsError

from labkit.sandbox import Sandbox
from labkit.sandbox.shortcuts import UNSIGNED


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
