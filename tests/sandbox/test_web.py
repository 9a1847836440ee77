"""Web endpoints as targets: a real server of the learner's, in a thread of this process."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox, delivery, loopback
from labkit.sandbox.parcels import NEVER, Parcel, Phase, Retry

SOURCE = "arn:aws:sns:eu-west-1:123456789012:news"
Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


def say(status: int, body: bytes = b"", **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, body_in: bytes) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


class Site:
    """A web server on a free port. `seen` holds (method, path, headers, body) of every request."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: list[Answer] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                site.seen.append((self.command, self.path, dict(self.headers), body))
                (site.answers.pop(0) if site.answers else say(200))(self, body)

            do_GET = do_PUT = do_POST

            def log_message(self, *args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


@pytest.fixture
def site(sandbox: Sandbox) -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does what it likes with one connection after another."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.05)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                continue
            connection.settimeout(5)
            with connection, suppress(OSError):
                talk(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        stop.set()
        listening.close()
        thread.join(5)


def send(sandbox: Sandbox, url: str, body: str = "tea", *, retry: Retry = NEVER, **options: Any) -> None:
    given = tuple(
        (f"header:{name[7:].replace('_', '-')}" if name.startswith("header_") else name, value)
        for name, value in options.items()
    )
    with sandbox.lock:
        delivery.send(
            Parcel("test", SOURCE, url, body, "sns.amazonaws.com", id="7", options=given, retry=retry)
        )
        sandbox.clock.catch_up()


def outcome(sandbox: Sandbox) -> list[tuple[str, str]]:
    return [(event.action, event.error) for event in sandbox.trace if event.service == "test"]


# -- what is sent ------------------------------------------------------------------------------------


def test_the_server_gets_method_path_headers_and_body(sandbox: Sandbox, site: Site) -> None:
    send(sandbox, f"{site.url}/hooks/7?a=%20b", "Grüße", method="PUT", header_X_Kind="tea")
    [(method, path, headers, body)] = site.seen
    assert (method, path, headers["X-Kind"], body.decode()) == ("PUT", "/hooks/7?a=%20b", "tea", "Grüße")
    assert headers["Host"] == site.url.removeprefix("http://")
    [event] = sandbox.trace.where(action="Delivered")
    assert event.params["Arrived"] == "HTTP 200"


def test_a_bare_host_is_asked_for_the_root_and_user_and_password_become_basic_authentication(
    sandbox: Sandbox, site: Site
) -> None:
    send(sandbox, site.url.replace("//", "//ada:p%40ss@"))
    [(_, path, headers, _)] = site.seen
    assert (path, headers["Authorization"]) == ("/", "Basic YWRhOnBAc3M=")


@pytest.mark.parametrize("host", ["localhost", "shop.localhost", "LOCALHOST.", "127.0.0.1"])
def test_all_names_of_this_machine_lead_here(sandbox: Sandbox, site: Site, host: str) -> None:
    send(sandbox, site.url.replace("127.0.0.1", host))
    assert outcome(sandbox) == [("Delivered", "")]


# -- what is not sent --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hook", "http://10.0.0.7/", "http://169.254.169.254/latest/meta-data", "http://0.0.0.0:80/",
        "http://127.0.0.1.example.com/", "http://localhost.example.com", "http://[::ffff:8.8.8.8]/", "http:///nowhere",
        "http://127.0.0.1:99999/", "http://127.0.0.1:0/", "http://[::1/",
    ],
)  # fmt: skip
def test_nothing_leaves_this_machine(sandbox: Sandbox, url: str) -> None:
    send(sandbox, url, retry=Retry((Phase(3),)))
    [refused, dropped] = [event for event in sandbox.trace if event.service == "test"]
    assert (refused.action, refused.error, dropped.action) == ("DeliveryRefused", "NotSimulated", "Dropped")


@pytest.mark.parametrize(
    "options", [{"header_X": "a\r\nEvil: 1"}, {"header_X\nEvil": "1"}, {"method": "GET / HTTP/1.1\r\nA:"}]
)
def test_line_breaks_cannot_smuggle_headers(sandbox: Sandbox, site: Site, options: dict[str, Any]) -> None:
    send(sandbox, site.url, **options)
    assert outcome(sandbox)[0] == ("DeliveryRefused", "InvalidRequest")
    assert site.seen == []


# -- what the answer means ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 503, 599])
def test_too_busy_or_broken_is_tried_again(sandbox: Sandbox, site: Site, status: int) -> None:
    site.answers = [say(status), say(204)]
    send(sandbox, site.url, retry=Retry((Phase(1, 20, 20),)))
    sandbox.clock.advance(seconds=19)
    assert outcome(sandbox) == [("DeliveryFailed", str(status))]
    sandbox.clock.advance(seconds=1)
    assert outcome(sandbox)[-1] == ("Delivered", "")


@pytest.mark.parametrize("status", [301, 302, 400, 401, 404, 410])
def test_other_answers_are_final(sandbox: Sandbox, site: Site, status: int) -> None:
    site.answers = [say(status, Location="http://127.0.0.1:1/elsewhere")]
    send(sandbox, site.url, retry=Retry((Phase(3),)))
    assert outcome(sandbox) == [("DeliveryRefused", str(status)), ("Dropped", str(status))]
    assert len(site.seen) == 1


def test_a_sender_may_name_further_answers_that_are_tried_again(sandbox: Sandbox, site: Site) -> None:
    site.answers = [say(401), say(409)]
    send(sandbox, site.url, retry=Retry((Phase(2),)), retried=(401, 407, 409))
    sandbox.clock.advance(seconds=1)
    assert [action for action, _ in outcome(sandbox)] == ["DeliveryFailed", "DeliveryFailed", "Delivered"]


def test_retry_after_makes_the_wait_longer_but_not_shorter(sandbox: Sandbox, site: Site) -> None:
    site.answers = [say(429, Retry_After="120"), say(503, Retry_After="1")]
    start = sandbox.clock.time()
    send(sandbox, site.url, retry=Retry((Phase(2, 30, 30),)), retry_after=True)
    sandbox.clock.advance(minutes=10)
    times = [round(event.time - start) for event in sandbox.trace if event.service == "test"]
    assert times == [0, 120, 150]


def test_a_negative_retry_after_ends_the_attempts(sandbox: Sandbox, site: Site) -> None:
    site.answers = [say(503, Retry_After="-1")]
    send(sandbox, site.url, retry=Retry((Phase(2, 30, 30),)), retry_after=True)
    sandbox.clock.advance(minutes=10)
    assert [action for action, _ in outcome(sandbox)] == ["DeliveryRefused", "Dropped"]


def test_retry_after_may_be_a_date_or_nonsense(sandbox: Sandbox, site: Site) -> None:
    site.answers = [say(503, Retry_After="Fri, 01 Jan 2100 00:00:00 GMT"), say(503, Retry_After="soon")]
    send(sandbox, site.url, retry=Retry((Phase(2, 30, 30),), most_age=3600), retry_after=True)
    sandbox.clock.advance(minutes=10)
    assert [action for action, _ in outcome(sandbox)] == ["DeliveryFailed", "Dropped"]
    send(sandbox, site.url, retry=Retry((Phase(1, 30, 30),)), retry_after=True)
    sandbox.clock.advance(minutes=1)
    assert outcome(sandbox)[-1] == ("Delivered", "")


def test_nobody_listens(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    send(sandbox, f"http://127.0.0.1:{port}/", retry=Retry((Phase(1, 5, 5),)))
    sandbox.clock.advance(seconds=5)
    assert outcome(sandbox) == [
        ("DeliveryFailed", "ConnectionRefused"), ("DeliveryFailed", "ConnectionRefused"),
        ("Dropped", "ConnectionRefused"),
    ]  # fmt: skip


def test_a_silent_or_dripping_server_does_not_hold_up_the_lab(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loopback, "LONGEST", 0.2)
    done = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in range(1000):
            connection.sendall(f"X-{number}: a\r\n".encode())
            if done.wait(0.02):
                return

    def silent(connection: socket.socket) -> None:
        done.wait(5)

    for talk in (silent, drip):
        with raw_server(talk) as url:
            begin = time.monotonic()
            send(sandbox, url)
            assert time.monotonic() - begin < 1.5
            assert ("DeliveryFailed", "Timeout") in outcome(sandbox)
            done.set()
        done.clear()


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-tea\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\0" * 70_000])
def test_something_that_is_not_http_is_no_answer(sandbox: Sandbox, said: bytes) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(said)

    with raw_server(talk) as url:
        send(sandbox, url)
    assert outcome(sandbox)[0] == ("DeliveryFailed", "InvalidResponse")


def test_https_without_a_trusted_certificate_is_no_answer(sandbox: Sandbox, site: Site) -> None:
    send(sandbox, site.url.replace("http:", "https:"))
    assert outcome(sandbox)[0] == ("DeliveryFailed", "CertificateError")


def test_a_huge_answer_is_cut(sandbox: Sandbox, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "LARGEST", 1000)
    site.answers = [say(200, b"x" * 100_000)]
    assert len(loopback.exchange(sandbox, "GET", site.url).body) == 1000


# -- the account meanwhile ---------------------------------------------------------------------------


def test_the_server_may_call_aws_while_it_answers(sandbox: Sandbox, site: Site) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="seen")["QueueUrl"]

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        sqs.send_message(QueueUrl=url, MessageBody=body.decode())
        say(200)(handler, body)

    site.answers = [answer]
    send(sandbox, site.url, "from the topic")
    assert outcome(sandbox) == [("Delivered", "")]
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "from the topic"


def test_work_that_the_server_causes_is_played_after_what_was_due_before(
    sandbox: Sandbox, site: Site
) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="late")["QueueUrl"]

    def answer(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=30)
        say(200)(handler, body)

    site.answers = [answer]
    start = sandbox.clock.time()
    send(sandbox, site.url, "one")
    with sandbox.lock:
        delivery.send(Parcel("test", SOURCE, site.url, "two", id="8"), 10)
    sandbox.clock.advance(minutes=1)
    story = [
        (event.action, round(event.time - start))
        for event in sandbox.trace
        if event.action in ("Delivered", "MessageVisible")
    ]
    assert story[:2] == [("Delivered", 0), ("Delivered", 10)]
    assert all(seconds == 30 for _, seconds in story[2:])


def test_an_exchange_gives_the_whole_answer_to_who_needs_it(sandbox: Sandbox, site: Site) -> None:
    site.answers = [say(201, b'{"token": 1}', Content_Type="application/json")]
    answer = loopback.exchange(sandbox, "POST", site.url + "/token", {"X-A": "1"}, b"grant")
    assert (answer.status, answer.reason, answer.body) == (201, "Created", b'{"token": 1}')
    assert answer.header("content-type") == "application/json"
    assert answer.header("absent") == ""


def test_the_lock_is_held_again_afterwards_as_often_as_before(sandbox: Sandbox, site: Site) -> None:
    lock: Any = sandbox.lock
    with sandbox.lock, sandbox.lock:
        loopback.exchange(sandbox, "GET", site.url)
        assert lock._is_owned()
        with pytest.raises(loopback.Elsewhere):
            loopback.exchange(sandbox, "GET", "http://example.com")
    assert not lock._is_owned()
