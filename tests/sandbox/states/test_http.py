"""HTTP tasks, against a real web server on this machine."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest
from botocore.exceptions import ClientError

Flow = dict[str, Any]
JSON = "application/json"
HTTP = "arn:aws:states:::http:invoke"
KEY: Flow = {"ApiKeyAuthParameters": {"ApiKeyName": "x-shop-key", "ApiKeyValue": "s3cret"}}
PERMISSIONS = (
    "states:InvokeHTTPEndpoint", "events:RetrieveConnectionCredentials", "secretsmanager:GetSecretValue",
    "secretsmanager:DescribeSecret",
)  # fmt: skip


class Site:
    """A web server. `seen` has method, path, headers and body of requests; `answers` status, type and body."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], str]] = []
        self.answers: list[tuple[int, str, bytes]] = []
        self.tokens = 0
        self.during: Any = None
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                if self.path == "/token":
                    site.tokens += 1
                    self._say(200, JSON, json.dumps({"access_token": f"t{site.tokens}"}).encode())
                    return
                site.seen.append((self.command, self.path, dict(self.headers), body))
                if site.during is not None:
                    site.during()
                self._say(*(site.answers.pop(0) if site.answers else (200, JSON, b'{"ok": true}')))

            def _say(self, status: int, kind: str, data: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PUT = do_DELETE = do_POST

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
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


def connect(kind: str = "API_KEY", **parameters: Any) -> str:
    made = boto3.client("events").create_connection(
        Name="shop", AuthorizationType=kind, AuthParameters=parameters or KEY
    )
    return str(made["ConnectionArn"])


def call(url: str, connection: str, method: str = "GET", **more: Any) -> Flow:
    """A task; `state` holds more fields of it."""
    state = more.pop("state", {})
    parameters = {
        "ApiEndpoint": url, "Method": method, "Authentication": {"ConnectionArn": connection}, **more,
    }  # fmt: skip
    return {"Type": "Task", "Resource": HTTP, "Parameters": parameters, "End": True, **state}


def test_the_request_and_the_answer_have_the_form_of_the_guide(flows: Any, site: Site) -> None:
    body = {"card.$": "$.card", "name": "Zoë"}
    task = call(f"{site.url}/pay", connect(), "POST", Headers={"Request-Id": "r1"}, RequestBody=body)
    found = flows.run({"A": task}, {"card": 7})["result"]
    ((method, path, headers, sent),) = site.seen
    assert (method, path, json.loads(sent)) == ("POST", "/pay", {"card": 7, "name": "Zoë"})
    assert (headers["x-shop-key"], headers["Request-Id"]) == ("s3cret", "r1")
    assert headers["User-Agent"] == "Amazon|StepFunctions|HttpInvoke|eu-west-1"
    assert headers["Range"] == "bytes=0-262144"
    assert headers["Content-Type"] == "application/json; charset=UTF-8"
    assert (found["StatusCode"], found["StatusText"], found["ResponseBody"]) == (200, "OK", {"ok": True})
    assert found["Headers"]["content-type"] == [JSON]


def test_jsonata_and_invocation_config_in_an_express_workflow(flows: Any, site: Site) -> None:
    arguments = {
        "ApiEndpoint": f"{{% '{site.url}/c/' & $states.input.id %}}", "Method": "{% 'GET' %}",
        "InvocationConfig": {"ConnectionArn": connect()}, "QueryParameters": {"q": "{% 'a b&c' %}"},
    }  # fmt: skip
    task = {"Type": "Task", "Resource": HTTP, "Arguments": arguments, "End": True}
    task["Output"] = "{% $states.result.ResponseBody.ok %}"
    machine = flows.machine({"A": task}, QueryLanguage="JSONata", type="EXPRESS")
    found = flows.sfn.start_sync_execution(stateMachineArn=machine, input='{"id": "7"}')
    assert (found["status"], found["output"]) == ("SUCCEEDED", "true")
    assert site.seen[0][1] == "/c/7?q=a%20b%26c"


def test_what_the_connection_adds_wins_and_stays_out_of_the_history(flows: Any, site: Site) -> None:
    extra = {
        "HeaderParameters": [{"Key": "Header-Param", "Value": "c"}],
        "QueryStringParameters": [{"Key": "page", "Value": "9"}],
        "BodyParameters": [{"Key": "Mode", "Value": "c"}],
    }
    connection = connect("API_KEY", **KEY, InvocationHttpParameters=extra)
    task = call(
        site.url, connection, "POST", Headers={"header-param": "t"}, QueryParameters={"page": 1, "all": "yes"},
        RequestBody={"Mode": "t", "n": 1},
    )  # fmt: skip
    arn = flows.start(flows.machine({"A": task}))
    flows.clock.advance(seconds=1)
    ((_, path, headers, body),) = site.seen
    assert path == "/?all=yes&page=9"
    assert {name.lower(): value for name, value in headers.items()}["header-param"] == "c"
    assert json.loads(body) == {"Mode": "c", "n": 1}
    assert "s3cret" not in str(flows.history(arn))
    task["Parameters"]["RequestBody"] = "a text"
    assert flows.run({"A": task})["error"] == "States.Runtime"


def test_basic_authorization(flows: Any, site: Site) -> None:
    connection = connect("BASIC", BasicAuthParameters={"Username": "ann", "Password": "word"})
    flows.run({"A": call(site.url, connection)})
    assert base64.b64decode(site.seen[0][2]["Authorization"].removeprefix("Basic ")) == b"ann:word"


def test_oauth_takes_a_new_token_after_401(flows: Any, site: Site) -> None:
    parameters = {
        "ClientParameters": {"ClientID": "me", "ClientSecret": "s3cret"},
        "AuthorizationEndpoint": f"{site.url}/token", "HttpMethod": "POST",
    }  # fmt: skip
    connection = connect("OAUTH_CLIENT_CREDENTIALS", OAuthParameters=parameters)
    site.answers = [(401, JSON, b"{}")]
    retry = [{"ErrorEquals": ["States.Http.StatusCode.401"]}]
    found = flows.run({"A": call(site.url, connection, state={"Retry": retry})})
    assert found["status"] == "SUCCEEDED"
    assert [headers["Authorization"] for _, _, headers, _ in site.seen] == ["Bearer t1", "Bearer t2"]


def test_a_connection_without_a_token_is_in_a_wrong_state(flows: Any, site: Site) -> None:
    parameters = {
        "ClientParameters": {"ClientID": "me", "ClientSecret": "s3cret"},
        "AuthorizationEndpoint": "http://127.0.0.1:9/token", "HttpMethod": "POST",
    }  # fmt: skip
    connection = connect("OAUTH_CLIENT_CREDENTIALS", OAuthParameters=parameters)
    found = flows.run({"A": call(site.url, connection)})
    assert found["error"] == "Events.ConnectionResource.InvalidConnectionState"
    assert site.seen == []


FORMS = [
    ("INDICES", "tags%5B0%5D=a&tags%5B1%5D=b"),
    ("REPEAT", "tags=a&tags=b"),
    ("COMMAS", "tags=a,b"),
    ("BRACKETS", "tags%5B%5D=a&tags%5B%5D=b"),
]


@pytest.mark.parametrize(("arrays", "expected"), FORMS)
def test_a_body_can_be_a_form(flows: Any, site: Site, arrays: str, expected: str) -> None:
    transform = {"RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": {"ArrayFormat": arrays}}
    task = call(
        site.url, connect(), "POST", Headers={"Content-Type": "application/x-www-form-urlencoded"},
        RequestBody={"metadata": {"order": "two words"}, "tags": ["a", "b"]}, Transform=transform,
    )  # fmt: skip
    assert flows.run({"A": task})["status"] == "SUCCEEDED"
    assert site.seen[0][3] == f"metadata%5Border%5D=two%20words&{expected}"
    assert parse_qs(site.seen[0][3])["metadata[order]"] == ["two words"]


def test_a_404_is_caught_by_its_name(flows: Any, site: Site) -> None:
    site.answers = [(404, "text/plain", b"no such order")]
    catch = [{"ErrorEquals": ["States.Http.StatusCode.404"], "Next": "Sorry"}]
    states = {"A": call(site.url, connect(), state={"Catch": catch}), "Sorry": {"Type": "Pass", "End": True}}
    assert flows.run(states)["result"] == {"Error": "States.Http.StatusCode.404", "Cause": "no such order"}


def test_a_500_is_tried_again(flows: Any, site: Site) -> None:
    site.answers = [(500, JSON, b'{"sorry": 1}')] * 2
    retry = [{"ErrorEquals": ["States.Http.StatusCode.500"], "IntervalSeconds": 2}]
    task = call(site.url, connect(), state={"Retry": retry})
    found = flows.run({"A": task})
    assert (found["status"], len(site.seen)) == ("SUCCEEDED", 3)
    assert found["stopDate"] - found["startDate"] == timedelta(seconds=6)
    site.answers = [(500, JSON, b'{"sorry": 1}')] * 4
    failed = flows.run({"A": task})
    assert failed["error"] == "States.Http.StatusCode.500"
    assert json.loads(failed["cause"]) == {"sorry": 1}


def test_no_server_is_a_socket_error_and_a_task_failure(flows: Any, site: Site) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    connection = connect()
    assert flows.run({"A": call(url, connection)})["error"] == "States.Http.Socket"
    catch = [{"ErrorEquals": ["States.TaskFailed"], "Next": "B"}]
    states = {"A": call(url, connection, state={"Catch": catch}), "B": {"Type": "Succeed"}}
    assert flows.run(states)["status"] == "SUCCEEDED"


def test_a_silent_server_is_given_up_after_60_seconds_or_the_tasks_own_time(
    flows: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("labkit.sandbox.loopback.LONGEST", 0.1)
    connection = connect()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for seconds, error, lasted in (
            (None, "Http.Socket", 60),
            (900, "Http.Socket", 60),
            (9, "Timeout", 9),
        ):
            state = {} if seconds is None else {"TimeoutSeconds": seconds}
            found = flows.run({"A": call(url, connection, state=state)})
            assert found["error"] == f"States.{error}"
            assert found["stopDate"] - found["startDate"] == timedelta(seconds=lasted)


@pytest.mark.parametrize("missing", PERMISSIONS)
def test_the_role_needs_each_of_the_four_permissions(flows: Any, site: Site, missing: str) -> None:
    task = call(site.url, connect())
    enough = flows.make_role("enough", *PERMISSIONS)
    assert flows.run({"A": task}, role=enough)["status"] == "SUCCEEDED"
    poor = flows.make_role("poor", *(one for one in PERMISSIONS if one != missing))
    found = flows.run({"A": task}, role=poor)
    own = missing.startswith("states:")
    assert found["error"] == ("States.Permissions" if own else "Events.ConnectionResource.AccessDenied")
    assert missing in found["cause"]
    assert len(site.seen) == 1


def test_conditions_limit_the_endpoint_and_the_method(flows: Any, site: Site) -> None:
    connection, role = connect(), flows.make_role("narrow", *PERMISSIONS[1:])
    condition = {
        "StringEquals": {"states:HTTPMethod": "GET"}, "StringLike": {"states:HTTPEndpoint": f"{site.url}/a/*"},
    }  # fmt: skip
    allow = {
        "Effect": "Allow", "Action": PERMISSIONS[0], "Condition": condition,
        "Resource": "arn:aws:states:*:*:stateMachine:flow-*",
    }  # fmt: skip
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    flows.iam.put_role_policy(RoleName="narrow", PolicyName="http", PolicyDocument=document)
    tasks = (call(f"{site.url}/a/1", connection), call(f"{site.url}/b/1", connection))
    tasks = (*tasks, call(f"{site.url}/a/1", connection, "PUT"))
    errors = [flows.run({"A": task}, role=role).get("error") for task in tasks]
    assert errors == [None, "States.Permissions", "States.Permissions"]


def test_other_hosts_are_refused_in_clear_words(flows: Any) -> None:
    for host in ("https://api.stripe.com/v1", "http://10.0.0.7/", "http://169.254.169.254/latest"):
        found = flows.run({"A": call(host, "arn:aws:events:eu-west-1:123456789012:connection/x/1")})
        assert found["error"] == "NotSimulated"
        assert "is not this machine" in found["cause"]


def test_a_connection_that_is_gone(flows: Any, site: Site) -> None:
    connection = connect()
    machine = flows.machine({"A": call(site.url, connection)})
    boto3.client("events").delete_connection(Name="shop")
    arn = flows.start(machine)
    flows.clock.advance(seconds=1)
    assert flows.look(arn)["error"] == "Events.ConnectionResource.ResourceNotFound"


BAD: list[Flow] = [
    {"ApiEndpoint.$": "$.number"}, {"Method.$": "$.number"}, {"Headers": ["a"]}, {"Headers": {"Host": "x"}},
    {"Headers": {"Authorization": "x"}}, {"Headers": {"X-Amz-Date": "x"}}, {"Headers": {"a": "b\r\nc: d"}},
    {"Headers": {"a b": "c"}}, {"QueryParameters": 7}, {"Transform": "URL_ENCODED"},
    {"Transform": {"RequestBodyEncoding": "BASE64"}}, {"Authentication": {"ConnectionArn.$": "$.number"}},
    {"Transform": {"RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": {"ArrayFormat": "x"}}},
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
def test_bad_values_are_runtime_errors_and_nothing_is_sent(flows: Any, site: Site, bad: Flow) -> None:
    task = call(site.url, connect(), RequestBody={"a": 1})
    for name in bad:
        task["Parameters"].pop(name.removesuffix(".$"), None)
    task["Parameters"] |= bad
    assert flows.run({"A": task}, {"number": 7})["error"] == "States.Runtime"
    assert site.seen == []


def test_half_a_character_cannot_be_sent(flows: Any, site: Site) -> None:
    task = call(site.url, connect(), "POST", **{"RequestBody.$": "$.half"})
    assert flows.run({"A": task}, {"half": "\ud800"})["error"] == "States.Runtime"
    assert site.seen == []


RESPONSES = [
    ("image/png", b"\x89PNG", "States.Runtime"), ("application/octet-stream", b"text", "States.Runtime"),
    ("text/plain", b"\xff\xfe", "States.Runtime"), ("text/plain", b"x" * 300_000, "States.DataLimitExceeded"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "data", "error"), RESPONSES)
def test_responses_that_a_task_cannot_take(
    flows: Any, site: Site, kind: str, data: bytes, error: str
) -> None:
    site.answers = [(200, kind, data)]
    assert flows.run({"A": call(site.url, connect())})["error"] == error


def test_a_body_that_is_no_json_stays_a_text(flows: Any, site: Site) -> None:
    site.answers = [
        (200, "text/plain", b'{"a": 1}'),
        (200, JSON, b"{oops"),
        (200, JSON, b"NaN"),
        (204, JSON, b""),
    ]
    task = call(site.url, connect())
    bodies = [flows.run({"A": task})["result"]["ResponseBody"] for _ in range(4)]
    assert bodies == ['{"a": 1}', "{oops", "NaN", ""]


WRONG: list[tuple[Flow, str]] = [
    ({"ApiEndpoint": None}, "ApiEndpoint"), ({"Method": None}, "Method"),
    ({"Authentication": None}, "InvocationConfig"), ({"Authentication": {}}, "ConnectionArn"),
    ({"Method": "FETCH"}, "The value for the 'Method' field is not valid at /States/A/Parameters"),
    ({"ApiEndpoint": "$.url"}, "The value for the 'ApiEndpoint' field is not valid at /States/A/Parameters"),
    ({"InvocationConfig": {"ConnectionArn": "c"}}, "not both"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "said"), WRONG)
def test_definitions_are_checked_when_they_are_stored(flows: Any, change: Flow, said: str) -> None:
    task = call("http://127.0.0.1:1/", "c")
    parameters = task["Parameters"] | change
    task["Parameters"] = {name: value for name, value in parameters.items() if value is not None}
    with pytest.raises(ClientError, match="InvalidDefinition") as caught:
        flows.machine({"A": task})
    assert said in str(caught.value)
    for resource in (f"{HTTP}.sync", f"{HTTP}.waitForTaskToken", "arn:aws:states:::http:get"):
        with pytest.raises(ClientError, match="not recognized"):
            flows.machine({"A": call("http://127.0.0.1:1/", "c") | {"Resource": resource}})


def test_the_account_can_be_used_and_the_execution_stopped_during_the_request(flows: Any, site: Site) -> None:
    machine = flows.machine({"A": call(site.url, connect())})
    sfn = boto3.client("stepfunctions")

    def stop() -> None:
        (running,) = sfn.list_executions(stateMachineArn=machine)["executions"]
        sfn.stop_execution(executionArn=running["executionArn"], error="Enough")

    site.during = stop
    arn = flows.start(machine)
    flows.clock.advance(seconds=1)
    assert (flows.look(arn)["status"], flows.look(arn)["error"]) == ("ABORTED", "Enough")
    assert flows.types(arn)[-1] == "ExecutionAborted"


def test_branches_call_one_after_the_other_and_all_get_their_answers(flows: Any, site: Site) -> None:
    connection = connect()
    branches = [
        {"StartAt": f"B{n}", "States": {f"B{n}": call(f"{site.url}/{n}", connection)}} for n in range(3)
    ]
    found = flows.run({"P": {"Type": "Parallel", "Branches": branches, "End": True}})["result"]
    assert [one["StatusCode"] for one in found] == [200, 200, 200]
    assert sorted(path for _, path, _, _ in site.seen) == ["/0", "/1", "/2"]


def test_one_state_alone_can_be_tested(flows: Any, site: Site) -> None:
    definition = json.dumps(call(site.url, connect()))
    answer = flows.sfn.test_state(definition=definition, roleArn=flows.role)
    assert json.loads(answer["output"])["ResponseBody"] == {"ok": True}
