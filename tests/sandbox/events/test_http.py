"""API destinations and connections, against a real web server on this machine."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest
from botocore.exceptions import ClientError


class Site:
    """A web server. `seen` holds (method, path, headers, body) of every request; `answers` what it says."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], str]] = []
        self.answers: list[tuple[int, str]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                if self.path.startswith("/token"):
                    site.tokens.append(body)
                    self._say(site.token_status, json.dumps({"access_token": f"t{len(site.tokens)}"}))
                    return
                site.seen.append((self.command, self.path, dict(self.headers), body))
                self._say(*(site.answers.pop(0) if site.answers else (200, "")))

            def _say(self, status: int, text: str) -> None:
                self.send_response(status)
                if status == 503:
                    self.send_header("Retry-After", text)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            do_PUT = do_GET = do_POST

            def log_message(self, *args: Any) -> None:
                pass

        self.tokens: list[str] = []
        self.token_status = 200
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    running = Site()
    yield running
    running.close()


KEY: dict[str, Any] = {"ApiKeyAuthParameters": {"ApiKeyName": "x-shop-key", "ApiKeyValue": "s3cret"}}


def connect(shop: Any, kind: str = "API_KEY", **parameters: Any) -> str:
    made = shop.events.create_connection(
        Name="shop", AuthorizationType=kind, AuthParameters=parameters or KEY
    )
    return str(made["ConnectionArn"])


def destination(shop: Any, url: str, connection: str, method: str = "POST", **extra: Any) -> str:
    made = shop.events.create_api_destination(
        Name="site", ConnectionArn=connection, InvocationEndpoint=url, HttpMethod=method, **extra
    )
    return str(made["ApiDestinationArn"])


def post(shop: Any, site: Site, connection: str, path: str = "/orders", **target: Any) -> None:
    """A rule whose target is the site."""
    arn = destination(shop, site.url + path, connection)
    shop.rule("site", arn, RoleArn=shop.role("call", "events:InvokeApiDestination"), **target)


def test_the_event_is_posted_with_the_key_and_the_headers_of_aws(shop: Any, site: Site) -> None:
    post(shop, site, connect(shop))
    shop.put({"n": 1})
    ((method, path, headers, body),) = site.seen
    assert (method, path) == ("POST", "/orders")
    assert json.loads(body)["detail"] == {"n": 1}
    assert headers["x-shop-key"] == "s3cret"
    assert headers["User-Agent"] == "Amazon/EventBridge/ApiDestinations"
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert headers["Range"] == "bytes=0-1048575"


def test_basic_authorization(shop: Any, site: Site) -> None:
    post(shop, site, connect(shop, "BASIC", BasicAuthParameters={"Username": "ann", "Password": "pässword"}))
    shop.put()
    word = site.seen[0][2]["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(word).decode() == "ann:pässword"


def oauth(site: Site) -> dict[str, Any]:
    return {
        "OAuthParameters": {
            "ClientParameters": {"ClientID": "me", "ClientSecret": "s3cret"},
            "AuthorizationEndpoint": f"{site.url}/token", "HttpMethod": "POST",
            "OAuthHttpParameters": {"BodyParameters": [{"Key": "grant_type", "Value": "client_credentials"}]},
        }
    }  # fmt: skip


def test_oauth_asks_for_a_token_and_for_a_new_one_after_401(shop: Any, site: Site) -> None:
    connection = connect(shop, "OAUTH_CLIENT_CREDENTIALS", **oauth(site))
    assert parse_qs(site.tokens[0]) == {
        "client_id": ["me"], "client_secret": ["s3cret"], "grant_type": ["client_credentials"],
    }  # fmt: skip
    assert shop.events.describe_connection(Name="shop")["ConnectionState"] == "AUTHORIZED"
    post(shop, site, connection)
    site.answers = [(200, ""), (401, "")]
    shop.put()
    shop.put()
    shop.clock.advance(minutes=1)
    assert [headers["Authorization"] for _, _, headers, _ in site.seen] == [
        "Bearer t1",
        "Bearer t1",
        "Bearer t2",
    ]


def test_a_connection_that_gets_no_token_says_why(shop: Any, site: Site) -> None:
    site.token_status = 403
    connect(shop, "OAUTH_CLIENT_CREDENTIALS", **oauth(site))
    found = shop.events.describe_connection(Name="shop")
    assert found["ConnectionState"] == "DEAUTHORIZED"
    assert "403" in found["StateReason"]


def test_secrets_of_a_connection_are_never_shown(shop: Any, site: Site) -> None:
    extra = {
        "HeaderParameters": [
            {"Key": "a", "Value": "hid-den", "IsValueSecret": True}, {"Key": "b", "Value": "open"},
        ]
    }  # fmt: skip
    connect(shop, "OAUTH_CLIENT_CREDENTIALS", **oauth(site), InvocationHttpParameters=extra)
    found = shop.events.describe_connection(Name="shop")
    text = json.dumps(found, default=str) + json.dumps(shop.events.list_connections(), default=str)
    assert "s3cret" not in text
    assert "hid-den" not in text
    assert found["AuthParameters"]["OAuthParameters"]["ClientParameters"] == {"ClientID": "me"}
    assert found["AuthParameters"]["InvocationHttpParameters"]["HeaderParameters"][1]["Value"] == "open"
    assert "s3cret" not in repr([event.params for event in shop.sandbox.trace])


def test_parameters_of_the_target_and_the_connection_meet(shop: Any, site: Site) -> None:
    extra = {
        "HeaderParameters": [{"Key": "x-from", "Value": "connection"}],
        "QueryStringParameters": [{"Key": "page", "Value": "9"}],
        "BodyParameters": [{"Key": "tenant", "Value": "blue"}],
    }
    post(
        shop, site, connect(shop, "API_KEY", **{**KEY, "InvocationHttpParameters": extra}), path="/orders/*/lines/*",
        InputPath="$.detail",
        HttpParameters={
            "PathParameterValues": ["$.detail.order", "a b"],
            "HeaderParameters": {"x-from": "target", "x-total": "$.detail.total", "User-Agent": "me"},
            "QueryStringParameters": {"page": "1", "all": "yes"},
        },
    )  # fmt: skip
    shop.put({"order": "o-1", "total": 31})
    ((_, path, headers, body),) = site.seen
    assert path == "/orders/o-1/lines/a%20b?page=9&all=yes"
    assert (headers["x-from"], headers["x-total"]) == ("connection", "31")
    assert headers["User-Agent"] == "Amazon/EventBridge/ApiDestinations"
    assert json.loads(body) == {"order": "o-1", "total": 31, "tenant": "blue"}


def test_errors_of_the_site_decide_what_is_tried_again(shop: Any, site: Site) -> None:
    post(shop, site, connect(shop), DeadLetterConfig={"Arn": shop.queue("dead")})
    site.answers = [(500, ""), (429, ""), (409, ""), (404, "")]
    shop.put()
    shop.clock.advance(minutes=5)
    assert len(site.seen) == 4
    attributes = shop.messages("dead")[0]["MessageAttributes"]
    assert attributes["ERROR_CODE"]["StringValue"] == "ERROR_FROM_TARGET"
    assert attributes["RETRY_ATTEMPTS"]["StringValue"] == "3"
    assert ":api-destination/site/" in attributes["TARGET_ARN"]["StringValue"]


def test_retry_after_makes_the_wait_longer(shop: Any, site: Site) -> None:
    post(shop, site, connect(shop))
    site.answers = [(503, "120")]
    shop.put()
    shop.clock.advance(seconds=110)
    assert len(site.seen) == 1
    shop.clock.advance(seconds=20)
    assert len(site.seen) == 2


def test_the_rate_of_a_destination_holds_events_back(shop: Any, site: Site) -> None:
    arn = destination(shop, site.url, connect(shop), InvocationRateLimitPerSecond=2)
    shop.rule("site", arn, RoleArn=shop.role("call", "events:InvokeApiDestination"))
    entry = {"Source": "shop", "DetailType": "x", "Detail": "{}"}
    with shop.clock.paused():
        shop.events.put_events(Entries=[entry] * 7)
        counts = [len(site.seen)]
        for _ in range(3):
            shop.clock.advance(seconds=1)
            counts.append(len(site.seen))
    assert counts == [2, 4, 6, 7]


def test_the_role_must_be_allowed_to_call_the_destination(shop: Any, site: Site) -> None:
    arn = destination(shop, site.url, connect(shop))
    role = shop.role("other", "events:PutEvents")
    shop.rule("site", arn, RoleArn=role, DeadLetterConfig={"Arn": shop.queue("dead")})
    shop.put()
    assert site.seen == []
    assert shop.messages("dead")[0]["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"


def test_a_destination_elsewhere_is_not_called(shop: Any) -> None:
    arn = destination(shop, "https://example.com/orders", connect(shop))
    shop.rule("site", arn, RoleArn=shop.role("call", "events:InvokeApiDestination"))
    shop.put()
    assert shop.sandbox.trace.where(kind="refused", service="events")[0].error == "NotSimulated"


def test_what_is_gone(shop: Any, site: Site) -> None:
    post(shop, site, connect(shop), DeadLetterConfig={"Arn": shop.queue("dead")})
    shop.events.delete_connection(Name="shop")
    shop.put()
    shop.events.delete_api_destination(Name="site")
    shop.put()
    codes = [one["MessageAttributes"]["ERROR_CODE"]["StringValue"] for one in shop.messages("dead")]
    assert codes == ["NO_RESOURCE", "NO_RESOURCE"]
    assert site.seen == []


def test_a_connection_name_is_taken_once(shop: Any) -> None:
    connect(shop)
    with pytest.raises(ClientError) as error:
        connect(shop)
    assert error.value.response["Error"]["Code"] == "ResourceAlreadyExistsException"
    secret = shop.events.describe_connection(Name="shop")["SecretArn"]
    assert "s3cret" in boto3.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
