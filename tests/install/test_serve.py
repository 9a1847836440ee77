"""`labkit serve`: starts, says how to use it, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from labkit import cli, serve
from labkit.sandbox import Sandbox
from labkit.sandbox.endpoint import Endpoint

CALL = """
import boto3
sqs = boto3.client("sqs")
url = sqs.create_queue(QueueName="orders")["QueueUrl"]
sqs.send_message(QueueUrl=url, MessageBody="hello")
print(url, sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"])
"""


@contextmanager
def served(root: Path, *options: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """A running `labkit serve --json` and what it said. It is ended if it is still there."""
    command = [sys.executable, "-m", "labkit.cli", "serve", "--json", *options]
    group: dict[str, Any] = {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    with subprocess.Popen(
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **group
    ) as program:
        try:
            assert program.stdout is not None
            line = program.stdout.readline()
            assert line, program.stderr.read() if program.stderr else ""
            yield program, json.loads(line)
        finally:
            if program.poll() is None:
                program.kill()


def end(program: Any) -> tuple[int, str]:
    """Ctrl-C, and how it ended."""
    program.send_signal(signal.SIGINT if os.name == "posix" else getattr(signal, "CTRL_BREAK_EVENT", 0))
    _, errors = program.communicate(timeout=20)
    return program.returncode, errors


def test_a_program_with_the_printed_environment_uses_the_account(root: Path) -> None:
    with served(root, "--port", "0") as (program, facts):
        assert facts["host"] == "127.0.0.1"
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        variables = own | facts["environment"]
        done = subprocess.run(
            [sys.executable, "-c", CALL], env=variables, capture_output=True, text=True, check=False
        )
        assert done.stdout == f"{facts['url']}/123456789012/orders hello\n", done.stderr
        with urllib.request.urlopen(f"{facts['url']}/_labkit/trace?n=9") as answer:
            actions = [event["action"] for event in json.load(answer)["events"] if event["kind"] == "call"]
        assert actions == ["CreateQueue", "SendMessage", "ReceiveMessage"]
        assert end(program) == (0, "")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", facts["port"]))


def test_a_lab_can_be_prepared(root: Path) -> None:
    with served(root, "--port", "0", "--lab", "16.4") as (program, facts):
        with urllib.request.urlopen(f"{facts['url']}/_labkit/health") as answer:
            assert json.load(answer)["account"] == "123456789012"
        assert end(program)[0] == 0


def test_a_port_that_is_taken_is_an_error_with_a_cure(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["serve", "--port", str(port)]) == 2
    said = capsys.readouterr().err
    assert f"Port {port} on 127.0.0.1 cannot be used" in said
    assert "choose another with --port, or leave --port out" in said


def test_without_a_port_the_next_free_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, Sandbox() as sandbox:
        monkeypatch.setattr(serve, "USUAL", taken.getsockname()[1])
        endpoint = serve._open(sandbox, serve._parser().parse_args([]))
        endpoint.close()
        assert endpoint.port != taken.getsockname()[1]


@pytest.mark.parametrize(
    "options", [["--port", "x"], ["--port", "70000"], ["--port", "-1"], ["--seed", "x"], ["--nonsense"]]
)
def test_options_that_make_no_sense(options: list[str]) -> None:
    with pytest.raises(SystemExit):
        serve.main(options)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--account", "12"], "takes twelve digits"),
        (["--host-suffix", "a b", "--port", "0"], "host suffix is a name"),
        (["--lab", "999", "--port", "0"], "999"),
        (["--host", "192.0.2.1", "--port", "0"], "cannot be used"),
    ],
)
def test_mistakes_are_told_in_a_sentence(
    options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["serve", *options]) == 2
    assert told in capsys.readouterr().err


def test_the_welcome_has_lines_to_paste_for_every_shell() -> None:
    with Sandbox() as sandbox:
        endpoint = Endpoint(sandbox, suffix="aws.localhost")
        text = serve.welcome(endpoint, "000000000000")
        endpoint.close()
    url = endpoint.url
    for line in (
        f"  export AWS_ENDPOINT_URL={url}",
        f'  $env:AWS_ENDPOINT_URL = "{url}"',
        f"  set -gx AWS_ENDPOINT_URL {url}",
        f'  boto3.client("sqs", endpoint_url="{url}", region_name="eu-west-1",',
    ):
        assert line in text.splitlines()
    assert "Account 123456789012, Region eu-west-1" in text
    assert "*.aws.localhost" in text
    assert "WARNING" not in text


def test_listening_beyond_this_machine_is_said_loudly() -> None:
    with Sandbox() as sandbox:
        endpoint = Endpoint(sandbox, host="0.0.0.0")
        text = serve.welcome(endpoint, "000000000000")
        endpoint.close()
    assert "WARNING: other machines can reach this account" in text
    assert endpoint.url.startswith("http://127.0.0.1:")


def test_ctrl_c_leaves_no_thread_and_no_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    before, handler = set(threading.enumerate()), signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(serve, "_say", lambda *_: signal.raise_signal(signal.SIGINT))
    assert serve.main(["--port", "0", "--json"]) == 0
    left = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("labkit")]
    assert left == []
    assert signal.getsignal(signal.SIGINT) is handler
