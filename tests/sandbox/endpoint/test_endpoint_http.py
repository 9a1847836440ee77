"""HTTP as it comes: chunks, waits for a go-ahead, old versions, broken requests, big bodies, browsers."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Callable
from email.message import Message
from typing import Any

import pytest

from labkit.errors import LabkitError, UsageError
from labkit.sandbox import Sandbox
from labkit.sandbox.endpoint import Endpoint, PortTaken, body
from labkit.sandbox.endpoint.names import Names

JSON = "application/x-amz-json-1.0"
Raw = Callable[[bytes], bytes]


def request(path: str = "/", *, headers: str = "", data: bytes = b"", line: str = "") -> bytes:
    """The bytes of a request for the list of queues."""
    scope = "123456789012/20261123/eu-west-1/sqs/aws4_request"
    head = (
        f"{line or f'POST {path} HTTP/1.1'}\r\n"
        f"Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0\r\n"
        f"Content-Type: {JSON}\r\nX-Amz-Target: AmazonSQS.ListQueues\r\n{headers}\r\n"
    )
    return head.encode() + data


LOCAL = "Host: localhost\r\n"


def test_a_body_in_chunks_with_trailers(raw: Raw) -> None:
    chunks = b'9;x=y\r\n{"MaxResu\r\nB\r\nlts": 1000}\r\n0\r\nX-Trailer: 1\r\n\r\n'
    got = raw(request(headers=LOCAL + "Transfer-Encoding: chunked\r\n", data=chunks))
    assert got.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("headers", "data", "status"),
    [
        ("Transfer-Encoding: chunked\r\n", b"zz\r\n", 400),
        ("Transfer-Encoding: chunked\r\n", b"5\r\n{}\r\n0\r\n\r\n", 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", b"{}", 400),
        ("Transfer-Encoding: gzip\r\n", b"", 501),
        ("Content-Length: -1\r\n", b"", 400),
        ("Content-Length: many\r\n", b"", 400),
        ("Content-Length: 999\r\n", b"{}", 400),
        ("Content-Length: 99999999999999\r\n", b"", 413),
    ],
)
def test_bodies_that_cannot_be_read(raw: Raw, headers: str, data: bytes, status: int) -> None:
    got = raw(request(headers=LOCAL + headers, data=data))
    assert got.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Connection: close" in got


def test_bodies_are_never_larger_than_allowed() -> None:
    headers = Message()
    headers["Transfer-Encoding"] = "chunked"
    with pytest.raises(body.BadBody, match="Upload larger objects in parts"):
        body.read(io.BytesIO(b"FFFFFFFFFF\r\n"), headers, "POST", "HTTP/1.1")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("POST", 400),
        ("POST / HTTP/9.9", 505),
        ("POST / FTP/1.0", 400),
        ("BREW / HTTP/1.1", 501),
        ("CONNECT sqs.eu-west-1.amazonaws.com:443 HTTP/1.1", 405),
        ("GET http://sqs.eu-west-1.amazonaws.com/ HTTP/1.1", 400),
        ("GET /" + "x" * 70_000 + " HTTP/1.1", 414),
    ],
)
def test_request_lines_that_are_none(raw: Raw, line: str, status: int) -> None:
    got = raw(request(line=line, headers=LOCAL))
    assert f" {status} ".encode() in got.partition(b"\r\n")[0] + b" "


def test_the_old_version_of_http(raw: Raw) -> None:
    got = raw(request(line="POST / HTTP/1.0", headers="Content-Length: 2\r\n", data=b"{}"))
    assert got.startswith(b"HTTP/1.1 200 ")
    assert got.endswith(b"{}")
    got = raw(request(line="POST / HTTP/1.0"))
    assert b" 411 " in got.partition(b"\r\n")[0]


def test_several_requests_on_one_connection_also_when_sent_at_once(raw: Raw) -> None:
    one = request(headers=LOCAL + "Content-Length: 2\r\n", data=b"{}")
    got = raw(one + one + one)
    assert got.count(b"HTTP/1.1 200 ") == 3


def test_a_program_that_waits_for_the_go_ahead(endpoint: Endpoint) -> None:
    with socket.create_connection(("127.0.0.1", endpoint.port), timeout=5) as plain:
        plain.sendall(request(headers=LOCAL + "Content-Length: 2\r\nExpect: 100-continue\r\n"))
        assert plain.recv(1_000).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        plain.sendall(b"{}")
        assert plain.recv(1_000).startswith(b"HTTP/1.1 200 ")


def test_a_head_request_tells_the_length_and_sends_nothing(outside: Any, raw: Raw) -> None:
    where = {"LocationConstraint": "eu-west-1"}
    outside.call("s3", "CreateBucket", Bucket="photos", CreateBucketConfiguration=where)
    outside.call("s3", "PutObject", Bucket="photos", Key="x", Body=b"12345")
    scope = "123456789012/20261123/eu-west-1/s3/aws4_request"
    got = raw(
        f"HEAD /photos/x HTTP/1.1\r\n{LOCAL}Authorization: AWS4-HMAC-SHA256 Credential={scope}, X\r\n"
        "Connection: close\r\n\r\n".encode()
    )
    assert b"ontent-" in got
    assert b"5\r\n" in got
    assert got.endswith(b"\r\n\r\n")


def test_a_caller_that_goes_away_harms_nobody(endpoint: Endpoint, outside: Any) -> None:
    for data in (b"", b"PO", request(headers=LOCAL + "Content-Length: 50\r\n", data=b"{")):
        with socket.create_connection(("127.0.0.1", endpoint.port), timeout=5) as plain:
            plain.sendall(data)
    assert "QueueUrls" not in outside.call("sqs", "ListQueues")


# -- walls -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:4566", "localhost.evil.example", "10.0.0.1", "127.0.0.1.nip.io"]
)
def test_dns_rebinding_is_refused(sandbox: Sandbox, raw: Raw, host: str) -> None:
    got = raw(request(headers=f"Host: {host}\r\nContent-Length: 2\r\n", data=b"{}"))
    assert got.startswith(b"HTTP/1.1 403 ")
    assert b"does not answer to the name" in got
    assert raw(request("/_labkit/health", headers=f"Host: {host}\r\n")).startswith(b"HTTP/1.1 403 ")
    assert raw(request(headers=f"{LOCAL}Host: {host}\r\n")).startswith(b"HTTP/1.1 400 ")
    assert sandbox.trace.where(kind="call") == []


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "sqs.eu-west-1.localhost:1", "127.0.0.1", "[::1]:80", "127.8.8.8"]
)
def test_loopback_names_are_answered(raw: Raw, host: str) -> None:
    got = raw(request(headers=f"Host: {host}\r\nContent-Length: 2\r\n", data=b"{}"))
    assert got.startswith(b"HTTP/1.1 200 ")


def test_a_domain_of_its_own() -> None:
    names = Names("aws.example")
    assert names.answered("aws.example:4566")
    assert names.answered("sqs.eu-west-1.aws.example")
    assert not names.answered("notaws.example")
    assert (names.read("b.s3.eu-west-1.aws.example").bucket, names.read("x.aws.example").bucket) == ("b", "x")
    assert not Names().answered("192.168.1.5")
    assert Names(open_to_all=True).answered("192.168.1.5:4566")
    assert not Names(open_to_all=True).answered("evil.example")


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://evil.localhost.example", "http://[bad"]
)
def test_pages_from_elsewhere_are_refused(sandbox: Sandbox, ask: Any, sign: Any, origin: str) -> None:
    about = {"Authorization": sign("sqs"), "Content_Type": JSON, "X_Amz_Target": "AmazonSQS.ListQueues"}
    assert ask("POST", "/", "{}", Origin=origin, **about).status == 403
    assert ask("OPTIONS", "/", Origin=origin, Access_Control_Request_Method="POST").status == 403
    assert sandbox.trace.where(kind="call") == []


def test_pictures_and_links_on_a_page_from_elsewhere_do_nothing(sandbox: Sandbox, ask: Any) -> None:
    path = "/?Action=DeleteTopic&X-Amz-Credential=123456789012/20261123/eu-west-1/sns/aws4_request"
    for mode in ("no-cors", "navigate"):
        assert ask("GET", path, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode=mode).status == 403
    assert ask("GET", "/photos/x", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors").status == 403
    assert ask("GET", "/photos/x", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate").status == 404
    assert sandbox.trace.where(service="sns") == []


def test_an_sdk_in_a_page_from_this_machine_may(ask: Any, sign: Any) -> None:
    origin = "http://localhost:3000"
    flight = ask(
        "OPTIONS", "/", Origin=origin, Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="authorization,x-amz-target", Access_Control_Request_Private_Network="true",
    )  # fmt: skip
    assert flight.status == 200
    assert flight.headers["Access-Control-Allow-Origin"] == origin
    assert flight.headers["Access-Control-Allow-Headers"] == "authorization,x-amz-target"
    assert flight.headers["Access-Control-Allow-Private-Network"] == "true"
    about = {"Authorization": sign("sqs"), "Content_Type": JSON, "X_Amz_Target": "AmazonSQS.ListQueues"}
    for target, status in (("AmazonSQS.ListQueues", 200), ("AmazonSQS.GetQueueUrl", 400)):
        about["X_Amz_Target"] = target
        answer = ask("POST", "/", '{"QueueName": "missing"}', Origin=origin, **about)
        assert answer.status == status
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert answer.headers["Vary"] == "Origin"


# -- control -----------------------------------------------------------------------------------------


def test_health_names_account_and_clock(sandbox: Sandbox, ask: Any) -> None:
    sandbox.clock.advance(hours=2)
    told = ask("GET", "/_labkit/health").json
    assert (told["account"], told["region"]) == ("123456789012", "eu-west-1")
    assert told["ahead_seconds"] >= 7199


def test_the_clock_can_be_moved_from_outside(sandbox: Sandbox, outside: Any, ask: Any) -> None:
    url = outside.call("sqs", "CreateQueue", QueueName="orders")["QueueUrl"]
    outside.call("sqs", "SendMessage", QueueUrl=url, MessageBody="x", DelaySeconds=600)
    assert "Messages" not in outside.call("sqs", "ReceiveMessage", QueueUrl=url)
    moved = ask("POST", "/_labkit/clock/advance", '{"minutes": 10}', Content_Type="application/json").json
    assert moved["seconds"] == 600
    assert outside.call("sqs", "ReceiveMessage", QueueUrl=url)["Messages"]


@pytest.mark.parametrize(
    "given",
    ["", "[]", "{", '{"weeks": 1}', '{"seconds": -1}', '{"seconds": "5"}', '{"days": 99999999}', "{}"],
)
def test_moves_of_the_clock_that_make_no_sense(sandbox: Sandbox, ask: Any, given: str) -> None:
    told = ask("POST", "/_labkit/clock/advance", given, X_Labkit="1")
    assert told.status == 400
    assert told.json["error"]
    assert sandbox.clock.ahead.total_seconds() == 0


def test_reset_and_trace(sandbox: Sandbox, outside: Any, ask: Any) -> None:
    outside.call("sqs", "CreateQueue", QueueName="orders")
    events = ask("GET", "/_labkit/trace?n=5").json["events"]
    assert events[-1]["action"] == "CreateQueue"
    assert ask("POST", "/_labkit/reset", X_Labkit="1").status == 200
    assert "QueueUrls" not in outside.call("sqs", "ListQueues")
    for n in ("0", "-1", "many", "5000"):
        assert ask("GET", f"/_labkit/trace?n={n}").status == 400


def test_a_web_page_cannot_control_the_account(outside: Any, ask: Any) -> None:
    outside.call("sqs", "CreateQueue", QueueName="orders")
    plain = {"Content_Type": "text/plain"}
    assert ask("POST", "/_labkit/reset", "{}", **plain).status == 403
    assert ask("POST", "/_labkit/reset", "{}", Content_Type="application/x-www-form-urlencoded").status == 403
    page = {"Origin": "http://localhost:3000", "Content_Type": "application/json"}
    assert ask("POST", "/_labkit/reset", "{}", **page).status == 403
    assert (
        ask(
            "OPTIONS", "/_labkit/reset", Origin="http://localhost:3000", Access_Control_Request_Method="POST"
        ).status
        == 403
    )
    assert ask("GET", "/_labkit/trace", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate").status == 403
    assert ask("GET", "/_labkit/reset").status == 405
    assert ask("GET", "/_labkit/nonsense").status == 404
    assert outside.call("sqs", "ListQueues")["QueueUrls"]


# -- life --------------------------------------------------------------------------------------------


def test_work_that_falls_due_is_played_while_nobody_asks(sandbox: Sandbox) -> None:
    endpoint = sandbox.tools["endpoint"] = Endpoint(sandbox, ticking=True)
    assert endpoint._ticking is not None
    sqs = sandbox.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=60)
    with sandbox.lock:
        sandbox.clock._go_to(sandbox.clock.time() + 61)
        assert sandbox.trace.where(action="MessageVisible") == []
        endpoint._ticking.look()
        assert len(sandbox.trace.where(action="MessageVisible")) == 1


def test_due_work_that_breaks_is_told_and_the_ticking_goes_on(sandbox: Sandbox) -> None:
    told: list[str] = []
    endpoint = sandbox.tools["endpoint"] = Endpoint(sandbox, ticking=True, complain=told.append)
    sandbox.clock.schedule(sandbox.clock.time(), breaking)
    assert endpoint._ticking is not None
    endpoint._ticking.look()
    endpoint._ticking.look()
    assert told == ["Work that was due failed: ZeroDivisionError: on purpose"]


def breaking() -> None:
    raise ZeroDivisionError("on purpose")


def test_closing_gives_the_port_back_and_ends_its_threads(sandbox: Sandbox) -> None:
    before = set(threading.enumerate())
    endpoint = Endpoint(sandbox, ticking=True).start()
    with socket.create_connection(("127.0.0.1", endpoint.port), timeout=5) as idle:
        endpoint.close()
        endpoint.close()
        assert idle.recv(1) == b""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", endpoint.port))
    left = {thread for thread in set(threading.enumerate()) - before if thread.is_alive()}
    for thread in left:
        thread.join(timeout=5)
    assert not any(thread.is_alive() for thread in left)


def test_the_endpoint_ends_with_its_account() -> None:
    from labkit.sandbox import endpoint

    with Sandbox() as sandbox:
        port = endpoint.of(sandbox).port
        assert endpoint.of(sandbox).port == port
    with pytest.raises(OSError, match=r"."), socket.create_connection(("127.0.0.1", port), timeout=1):
        pass


def test_a_port_that_is_taken_is_named_with_a_cure(sandbox: Sandbox, endpoint: Endpoint) -> None:
    with pytest.raises(PortTaken, match=rf"Port {endpoint.port} .*choose another with --port, or leave"):
        Endpoint(sandbox, endpoint.port)


def test_only_loopback_listens(endpoint: Endpoint) -> None:
    assert {str(server.server_address[0]) for server in endpoint._servers} <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize("suffix", ["a b", "-x", "x..y", "http://x", "x/y"])
def test_a_suffix_that_is_no_name(sandbox: Sandbox, suffix: str) -> None:
    with pytest.raises(UsageError, match=r"such as aws\.localhost"):
        Endpoint(sandbox, suffix=suffix)


def test_addresses_of_functions_and_apis_lead_here(sandbox: Sandbox, endpoint: Endpoint) -> None:
    aws = "https://a1b2.lambda-url.eu-west-1.on.aws/"
    assert endpoint.public_url(aws) == f"{endpoint.url}/_at/a1b2.lambda-url.eu-west-1/"
    named = Endpoint(sandbox, suffix="aws.localhost")
    try:
        assert named.public_url(aws) == f"http://a1b2.lambda-url.eu-west-1.aws.localhost:{named.port}/"
        api = "wss://x9.execute-api.eu-west-1.amazonaws.com/prod"
        assert named.public_url(api) == f"ws://x9.execute-api.eu-west-1.aws.localhost:{named.port}/prod"
    finally:
        named.close()


def test_what_registers_for_a_host_name_answers_there(
    sandbox: Sandbox, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from labkit.sandbox.endpoint import Reply, fronts

    def echo(_sandbox: Sandbox, name: str, region: str, request: Any) -> Reply:
        told = {"name": name, "region": region, "path": request.path, "query": request.query}
        return Reply(201, {"Content-Type": "application/json"}, json.dumps(told).encode())

    monkeypatch.setitem(fronts._fronts, "lambda-url", echo)
    wanted = {"name": "a1b2", "region": "eu-west-1", "path": "/x/y", "query": {"q": ["1"]}}
    by_name = ask("GET", "/x/y?q=1", Host="a1b2.lambda-url.eu-west-1.localhost")
    by_path = ask("GET", "/_at/a1b2.lambda-url.eu-west-1/x/y?q=1")
    assert (by_name.status, by_name.json) == (201, wanted)
    assert by_path.json == wanted


def test_a_closed_account_answers_nothing(sandbox: Sandbox, endpoint: Endpoint) -> None:
    assert issubclass(PortTaken, LabkitError)
    endpoint.close()
    with (
        pytest.raises(OSError, match=r"."),
        socket.create_connection(("127.0.0.1", endpoint.port), timeout=1),
    ):
        pass
