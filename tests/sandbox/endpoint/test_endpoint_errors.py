"""What cannot be done is said in the protocol's own form, with AWS's codes."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox
from labkit.sandbox.endpoint import fronts

JSON = "application/x-amz-json-1.0"
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("service", "operation", "params"),
    [
        ("codestar-connections", "ListConnections", {}),  # JSON
        ("cloudsearch", "ListDomainNames", {}),  # query
        ("chime", "ListAccounts", {}),  # REST-JSON
    ],
)
def test_what_is_not_simulated_says_so_once(
    sandbox: Sandbox, outside: Any, service: str, operation: str, params: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match="not simulated here; it exists on AWS") as told:
        outside.call(service, operation, **params)
    assert told.value.response["Error"]["Code"] == "NotSimulated"
    assert told.value.response["ResponseMetadata"]["RetryAttempts"] == 0
    assert [event.error for event in sandbox.trace.where(action=operation)] == ["NotSimulated"]


def test_a_json_body_that_is_broken(ask: Any, sign: Any) -> None:
    for body in ("{", '{"QueueName": ', "\xff\xfe"):
        told = ask(
            "POST", "/", body.encode("latin-1"), Authorization=sign("sqs"), Content_Type=JSON,
            X_Amz_Target="AmazonSQS.CreateQueue",
        )  # fmt: skip
        assert told.status == 400
        assert told.json["__type"] == "SerializationException"


def test_an_operation_that_does_not_exist(ask: Any, sign: Any) -> None:
    told = ask(
        "POST", "/", "{}", Authorization=sign("sqs"), Content_Type=JSON, X_Amz_Target="AmazonSQS.Dance"
    )
    assert (told.status, told.json["__type"]) == (400, "UnknownOperationException")
    told = ask("POST", "/", "Action=Dance&Version=2011-06-15", Authorization=sign("sts"), Content_Type=FORM)
    assert told.status == 400
    assert "<Code>InvalidAction</Code>" in told.text
    told = ask("POST", "/", "Version=2011-06-15", Authorization=sign("sts"), Content_Type=FORM)
    assert "<Code>MissingAction</Code>" in told.text
    told = ask("GET", "/2015-03-31/nonsense", Authorization=sign("lambda"))
    assert (told.status, told.headers["x-amzn-ErrorType"]) == (404, "UnknownOperationException")


def test_parameters_of_a_wrong_type_are_refused_and_break_nothing(ask: Any, sign: Any, outside: Any) -> None:
    for body in ("[]", "null", '{"QueueName": 5}', '{"QueueName": {"a": []}}', "{}", '{"QueueName": null}'):
        told = ask(
            "POST",
            "/",
            body,
            Authorization=sign("sqs"),
            Content_Type=JSON,
            X_Amz_Target="AmazonSQS.CreateQueue",
        )
        assert 400 <= told.status < 500, (body, told.text)
        assert "SimulationFailed" not in told.text, (body, told.text)
    outside.call("sqs", "ListQueues")


def test_xml_that_is_broken(ask: Any, sign: Any, outside: Any) -> None:
    told = ask("PUT", "/photos", "<Create", Authorization=sign("s3"))
    assert 400 <= told.status < 600
    outside.call("s3", "ListBuckets")


def test_a_request_without_a_signature(ask: Any) -> None:
    told = ask("POST", "/", "{}", Content_Type=JSON, X_Amz_Target="AmazonSQS.ListQueues")
    assert (told.status, told.json["__type"]) == (403, "MissingAuthenticationToken")
    told = ask("POST", "/", "Action=ListTopics&Version=2010-03-31", Content_Type=FORM)
    assert "<Code>MissingAuthenticationToken</Code>" in told.text


def test_signatures_that_say_nothing(ask: Any, sign: Any) -> None:
    about = {"Content_Type": JSON, "X_Amz_Target": "AmazonSQS.ListQueues"}
    told = ask("POST", "/", "{}", Authorization="AWS4-HMAC-SHA256 nonsense", **about)
    assert told.json["__type"] == "IncompleteSignature"
    told = ask("POST", "/", "{}", Authorization="AWS4-HMAC-SHA256 Credential=a/b, X", **about)
    assert told.json["__type"] == "IncompleteSignature"
    told = ask("POST", "/", "{}", Authorization=sign("sqs", region="mars-north-1"), **about)
    assert (told.status, told.json["__type"]) == (403, "SignatureDoesNotMatch")
    assert "valid region, not 'mars-north-1'" in told.json["message"]
    for service in ("nonsense", "../../etc", "a" * 80):
        told = ask("POST", "/", "{}", Authorization=sign(service), **about)
        assert (told.status, told.json["__type"]) == (403, "SignatureDoesNotMatch"), service


def test_the_keys_of_a_real_account_are_refused(sandbox: Sandbox, outside: Any) -> None:
    for service, operation, code in (
        ("sqs", "ListQueues", "InvalidClientTokenId"),
        ("sns", "ListTopics", "InvalidClientTokenId"),
        ("s3", "ListBuckets", "InvalidAccessKeyId"),
    ):
        with pytest.raises(ClientError, match=r"AKIA\.\.\.ZZZZ.*Nothing was sent on") as told:
            outside.call(service, operation, key="AKIA" + "Z" * 16)
        assert told.value.response["Error"]["Code"] == code
    assert len(sandbox.guard.stopped) == 3


def test_an_unknown_path(ask: Any) -> None:
    told = ask("GET", "/no-such-bucket/x")
    assert told.status == 404
    assert "<Code>NoSuchBucket</Code>" in told.text


def test_what_breaks_inside_is_told_and_leaves_the_endpoint_alive(
    sandbox: Sandbox, outside: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.call("sns", "ListTopics")
    from moto.sns.responses import SNSResponse

    def broken(self: Any) -> None:
        raise ZeroDivisionError("oops")

    with monkeypatch.context() as patch:
        patch.setattr(SNSResponse, "list_topics", broken)
        with pytest.raises(ClientError, match=r"ZeroDivisionError: oops.*our fault, not yours"):
            outside.call("sns", "ListTopics")
    assert outside.call("sns", "ListTopics")["Topics"] == []
    assert sandbox.trace.where(error="SimulationFailed")


def test_an_api_nobody_answers_for(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whoever used Lambda before in this process has put its own there.
    monkeypatch.setattr(fronts, "_fronts", {})
    for path, host in (
        ("/x", "a1b2.execute-api.eu-west-1.localhost"),
        ("/_at/a1b2.lambda-url.eu-west-1/x", ""),
    ):
        told = ask("GET", path, **({"Host": host} if host else {}))
        assert told.status == 501
        assert "not simulated here" in told.text
