"""Function URLs: a request becomes an event, the reply becomes HTTP, and the policy decides who may call."""

from __future__ import annotations

import base64
import json
from typing import Any

import boto3
import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from labkit.sandbox import Sandbox


def public(functions: Any, source: str, **config: Any) -> str:
    """A function with a URL for everybody."""
    functions.make(source)
    url = functions.api.create_function_url_config(FunctionName="f", AuthType="NONE", **config)["FunctionUrl"]
    permit(functions)
    return str(url)


def permit(functions: Any, **more: Any) -> None:
    functions.api.add_permission(
        FunctionName="f", StatementId="url", Action="lambda:InvokeFunctionUrl", Principal="*",
        FunctionUrlAuthType="NONE", **more,
    )  # fmt: skip
    functions.api.add_permission(
        FunctionName="f", StatementId="call", Action="lambda:InvokeFunction", Principal="*",
        InvokedViaFunctionUrl=True, **more,
    )  # fmt: skip


def test_a_request_becomes_an_event_of_format_2(functions: Any) -> None:
    url = public(functions, functions.ECHO)
    answer = requests.post(
        f"{url}orders/7%20a?size=l&colour=red&colour=blue", json={"id": 7}, headers={"X-Trace": "t"},
        cookies={"a": "1", "b": "2"}, timeout=5,
    )  # fmt: skip
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    event = answer.json()
    assert event["version"] == "2.0"
    assert (event["routeKey"], event["rawPath"]) == ("$default", "/orders/7 a")
    assert event["rawQueryString"] == "size=l&colour=red&colour=blue"
    assert event["queryStringParameters"] == {"size": "l", "colour": "red,blue"}
    assert event["headers"]["x-trace"] == "t"
    assert event["cookies"] == ["a=1", "b=2"]
    assert json.loads(event["body"]) == {"id": 7}
    assert event["isBase64Encoded"] is False
    context = event["requestContext"]
    assert context["accountId"] == "anonymous"
    assert context["http"]["method"] == "POST"
    assert context["domainName"].endswith(".lambda-url.eu-west-1.on.aws")
    assert context["domainName"].startswith(context["apiId"])


def test_binary_bodies_travel_in_base64_both_ways(functions: Any) -> None:
    url = public(
        functions,
        "def handler(event, context):\n"
        "    return {'statusCode': 200, 'body': event['body'], 'isBase64Encoded': event['isBase64Encoded'],\n"
        "            'headers': {'Content-Type': 'image/png'}}\n",
    )
    data = bytes(range(256))
    answer = requests.put(url, data=data, headers={"Content-Type": "image/png"}, timeout=5)
    assert answer.content == data
    assert base64.b64encode(answer.content)


@pytest.mark.parametrize(
    ("reply", "status", "body", "kind"),
    [
        ("'tea'", 200, "tea", "application/json"),
        ("{'tea': 1}", 200, '{"tea": 1}', "application/json"),
        (
            "{'statusCode': 201, 'body': 'made', 'headers': {'Content-Type': 'text/plain'}}",
            201,
            "made",
            "text/plain",
        ),
        ("{'statusCode': 204}", 204, "", "application/json"),
        ("{'statusCode': 'many'}", 502, "Internal Server Error", "application/json"),
        ("1 / 0", 502, "Internal Server Error", "application/json"),
    ],
)
def test_the_reply_becomes_http(functions: Any, reply: str, status: int, body: str, kind: str) -> None:
    url = public(functions, f"def handler(event, context):\n    return {reply}\n")
    answer = requests.get(url, timeout=5)
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (status, body, kind)


def test_several_cookies_can_be_set(functions: Any) -> None:
    url = public(
        functions, "def handler(event, context):\n    return {'statusCode': 200, 'cookies': ['a=1', 'b=2']}\n"
    )
    assert requests.get(url, timeout=5).cookies.get_dict() == {"a": "1", "b": "2"}


def test_both_permissions_are_needed(functions: Any, sandbox: Sandbox) -> None:
    functions.make()
    url = functions.api.create_function_url_config(FunctionName="f", AuthType="NONE")["FunctionUrl"]
    refused = requests.get(url, timeout=5)
    assert refused.status_code == 403
    assert refused.json()["Message"].startswith("Forbidden")
    functions.api.add_permission(
        FunctionName="f", StatementId="url", Action="lambda:InvokeFunctionUrl", Principal="*",
        FunctionUrlAuthType="NONE",
    )  # fmt: skip
    assert requests.get(url, timeout=5).status_code == 403
    assert "lambda:InvokeFunction" in sandbox.trace.where(service="http")[-1].note
    functions.api.add_permission(
        FunctionName="f", StatementId="call", Action="lambda:InvokeFunction", Principal="*",
        InvokedViaFunctionUrl=True,
    )  # fmt: skip
    assert requests.get(url, timeout=5).status_code == 200


def test_a_url_with_iam_wants_a_caller_who_may(functions: Any) -> None:
    functions.make()
    url = functions.api.create_function_url_config(FunctionName="f", AuthType="AWS_IAM")["FunctionUrl"]
    assert requests.get(url, timeout=5).status_code == 403
    iam = boto3.client("iam")
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]

    def signed() -> requests.Response:
        request = AWSRequest("GET", url)
        SigV4Auth(Credentials(key["AccessKeyId"], key["SecretAccessKey"]), "lambda", "eu-west-1").add_auth(
            request
        )
        return requests.get(url, headers=dict(request.headers), timeout=5)

    assert signed().status_code == 403
    allow = {
        "Effect": "Allow",
        "Action": ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"],
        "Resource": "*",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_user_policy(UserName="ann", PolicyName="call", PolicyDocument=document)
    answer = signed()
    assert answer.status_code == 200
    caller = answer.json()["requestContext"]["authorizer"]["iam"]
    assert caller["userArn"] == "arn:aws:iam::123456789012:user/ann"


def test_cors_is_answered_by_the_url(functions: Any) -> None:
    cors = {
        "AllowOrigins": ["https://shop.example"], "AllowMethods": ["GET", "POST"], "AllowHeaders": ["x-order"],
        "AllowCredentials": True, "MaxAge": 300, "ExposeHeaders": ["x-id"],
    }  # fmt: skip
    url = public(functions, functions.ECHO, Cors=cors)
    ask = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    allowed = requests.options(url, headers=ask, timeout=5)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    assert allowed.headers["access-control-allow-methods"] == "GET,POST"
    assert allowed.headers["access-control-max-age"] == "300"
    assert functions.runs() == []
    other = requests.options(url, headers=ask | {"Origin": "https://evil.example"}, timeout=5)
    assert "access-control-allow-origin" not in other.headers
    answer = requests.get(url, headers={"Origin": "https://shop.example"}, timeout=5)
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-expose-headers"] == "x-id"


def test_a_throttled_url_says_429(functions: Any) -> None:
    url = public(functions, functions.ECHO)
    functions.api.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    assert requests.get(url, timeout=5).status_code == 429


def test_an_alias_has_a_url_of_its_own(functions: Any) -> None:
    functions.make("def handler(event, context):\n    return context.function_version\n", Publish=True)
    functions.api.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    url = functions.api.create_function_url_config(FunctionName="f", Qualifier="live", AuthType="NONE")
    permit(functions, Qualifier="live")
    assert requests.get(url["FunctionUrl"], timeout=5).text == "1"
    assert url["FunctionArn"].endswith(":f:live")
    assert functions.refused(
        functions.api.create_function_url_config, FunctionName="f", Qualifier="none", AuthType="NONE"
    )[0] == "ResourceNotFoundException"  # fmt: skip


def test_the_settings_of_a_url(functions: Any) -> None:
    functions.make()
    api = functions.api
    assert functions.refused(api.get_function_url_config, FunctionName="f")[0] == "ResourceNotFoundException"
    made = api.create_function_url_config(FunctionName="f", AuthType="NONE")
    assert functions.refused(api.create_function_url_config, FunctionName="f", AuthType="NONE")[0] == (
        "ResourceConflictException"
    )
    api.update_function_url_config(FunctionName="f", AuthType="AWS_IAM")
    got = api.get_function_url_config(FunctionName="f")
    assert (got["AuthType"], got["InvokeMode"], got["FunctionUrl"]) == (
        "AWS_IAM", "BUFFERED", made["FunctionUrl"],
    )  # fmt: skip
    assert len(api.list_function_url_configs(FunctionName="f")["FunctionUrlConfigs"]) == 1
    api.delete_function_url_config(FunctionName="f")
    assert api.list_function_url_configs(FunctionName="f")["FunctionUrlConfigs"] == []
    assert requests.get(made["FunctionUrl"], timeout=5).status_code == 404
    bad = {"AllowMethods": ["GRAB"]}
    assert functions.refused(api.create_function_url_config, FunctionName="f", AuthType="NONE", Cors=bad)[
        0
    ] == ("ValidationException")


def test_a_deleted_function_takes_its_url_along(functions: Any, sandbox: Sandbox) -> None:
    url = public(functions, functions.ECHO)
    functions.api.delete_function(FunctionName="f")
    assert requests.get(url, timeout=5).status_code == 404
    sandbox.reset()
    assert requests.get(url, timeout=5).status_code == 404
