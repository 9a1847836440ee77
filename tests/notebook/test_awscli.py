"""`lab.cli` and `%%aws`: the real AWS CLI where it is installed, a stand-in program for the rest."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from labkit.errors import LabkitError, Stopped, UsageError
from labkit.lab import Lab
from labkit.lab import open as open_lab
from labkit.notebook import awscli
from labkit.sandbox import Sandbox

STAND_IN = """#!{python}
import json, os, sys, time, socket
words = sys.argv[1:]
if "sleep" in words:
    time.sleep(60)
if "reach" in words:
    try:
        socket.create_connection(("127.0.0.1", int(words[words.index("reach") + 1])), 5)
        print("reached")
    except OSError as error:
        print("stopped", error)
    sys.exit()
print(json.dumps({{"words": words, "env": dict(os.environ)}}))
if "fail" in words:
    print("it failed", file=sys.stderr)
    sys.exit(3)
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program named aws that says how it was called."""
    if os.name != "posix":
        pytest.skip("the stand-in is a script with a first line; Windows starts only real programs")
    program = tmp_path / "bin" / "aws"
    program.parent.mkdir()
    program.write_text(STAND_IN.format(python=sys.executable), encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Lab 16, open."""
    opened = open_lab("16")
    yield opened
    opened.sandbox.stop()


# -- what is asked -----------------------------------------------------------------------------------


def test_words_reach_the_program_as_they_are(lab: Lab, stand_in: None) -> None:
    told = lab.cli(
        """aws sqs send-message --message-body '{"a": "$HOME | x > y"}' --name "b c" --q `d`""".replace(
            "`", "'"
        )
    ).json
    body = '{"a": "$HOME | x > y"}'
    assert told["words"][:-2] == ["sqs", "send-message", "--message-body", body, "--name", "b c", "--q", "d"]
    assert told["words"][-2:] == ["--endpoint-url", lab.endpoint()]
    assert lab.cli(["aws", "s3", "cp", "a b", "s3://x"]).json["words"][:4] == ["s3", "cp", "a b", "s3://x"]


def test_the_environment_is_made_from_nothing(stand_in: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "company")
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    monkeypatch.setenv("MY_TOKEN", "secret")
    lab = open_lab("16")
    try:
        _check_environment(lab)
    finally:
        lab.sandbox.stop()


def _check_environment(lab: Lab) -> None:
    env = lab.cli("aws sts get-caller-identity").json["env"]
    assert "AWS_PROFILE" not in env
    assert "MY_TOKEN" not in env
    assert "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" not in env
    assert env["AWS_ENDPOINT_URL"] == lab.endpoint()
    assert env["AWS_CONFIG_FILE"] == env["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert env["AWS_EC2_METADATA_DISABLED"] == "true"
    assert env["HTTPS_PROXY"] == "http://127.0.0.1:9"
    assert not Path(env["HOME"]).exists()
    assert env["HOME"] != str(Path.home())


def test_a_python_program_may_connect_to_the_account_only(lab: Lab, stand_in: None) -> None:
    import socket

    port = lab.endpoint().rpartition(":")[2]
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert lab.cli(f"aws reach {port}").stdout == "reached\n"
        refused = lab.cli(f"aws reach {other.getsockname()[1]}").stdout
    assert refused.startswith("stopped The lab stopped a connection")


def test_the_result_shows_what_was_printed_and_how_it_ended(lab: Lab, stand_in: None) -> None:
    good, bad = lab.cli("aws sqs list-queues"), lab.cli("aws sqs fail")
    assert good.status == 0
    assert repr(good) == good.stdout.rstrip()
    assert (bad.status, bad.stderr) == (3, "it failed\n")
    assert repr(bad).endswith("it failed\n(exit status 3)")
    assert good.command == "aws sqs list-queues"
    assert awscli.CliResult("aws x", "", "", 0).json is None
    assert repr(awscli.CliResult("aws x", "", "", 0)) == "(no output)"
    with pytest.raises(UsageError, match="--output json"):
        _ = awscli.CliResult("aws x", "a\tb", "", 0).json


def test_a_command_that_does_not_end_is_ended(lab: Lab, stand_in: None) -> None:
    began = time.perf_counter()
    result = lab.cli("aws sleep", seconds=0.5)
    assert time.perf_counter() - began < 20
    assert result.status == 124
    assert "Ended after 0.5 seconds" in result.stderr


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("aws sqs list-queues --endpoint-url http://x", "Leave out --endpoint-url"),
        ("aws sqs list-queues --endpoint-url=http://x", "Leave out --endpoint-url"),
        ("aws --endpoint http://x sqs list-queues", "Leave out --endpoint"),
        ("aws s3 ls --profile company", "Profiles of this machine"),
        ("aws s3 ls --prof company", "Profiles of this machine"),
        ("aws configure", "nothing to configure"),
        ("aws --region eu-west-1 configure list", "does not run in a lab|nothing to configure"),
        ("aws sso login", "leads to real AWS"),
        ("aws login", "leads to real AWS"),
        ("aws sqs list-queues | head", r"\| has no meaning"),
        ("aws s3 ls > out.txt", "> has no meaning"),
        ("aws s3 ls && rm -rf x", "&& has no meaning"),
        ("aws s3 ls ; rm x", "; has no meaning"),
        ("aws s3 ls $(whoami)", "no shell here"),
        ("aws s3 ls $BUCKET", "no shell here"),
        ("aws sqs send-message --message-body 'open", "not closed"),
        ("", "Write a command"),
        ("aws", "Write a command"),
    ],
)
def test_what_could_lead_out_or_means_nothing_is_refused(
    lab: Lab, stand_in: None, command: str, told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        lab.cli(command)


def test_queries_and_json_in_quotes_are_no_shell() -> None:
    line = """aws sqs list-queues --query 'QueueUrls[?contains(@, `x`)] | [0]' --f "a;b"  # a comment | with $x"""
    (command,) = awscli.commands_of(line)
    assert awscli.words_of(command)[2:] == ["--query", "QueueUrls[?contains(@, `x`)] | [0]", "--f", "a;b"]


def test_windows_paths_keep_their_backslashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labkit.notebook.awscli.os.name", "nt")
    assert awscli.words_of(r"aws s3 cp C:\Users\mina\x.txt 's3://a b/'") == [
        "s3", "cp", r"C:\Users\mina\x.txt", "s3://a b/",
    ]  # fmt: skip


def test_without_a_cli_one_sentence_says_how_to_get_it(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labkit.notebook.awscli.shutil.which", lambda name: None)
    monkeypatch.setattr("labkit.notebook.awscli.importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        LabkitError, match="not installed on this machine. Install version 2 from https://docs.aws"
    ):
        lab.cli("aws s3 ls")


def test_starting_it_any_other_way_stays_stopped(lab: Lab, stand_in: None) -> None:
    lab.cli("aws sqs list-queues")
    with pytest.raises(Stopped, match=r"lab\.cli"):
        subprocess.run(["aws", "sqs", "list-queues"], check=False)


# -- cells -------------------------------------------------------------------------------------------


def test_a_cell_runs_one_command_per_line_and_shows_all(lab: Lab, stand_in: None) -> None:
    shown: list[awscli.CliResult] = []
    cell = "# first\naws sqs one \\\n    --long yes\n\n  aws sqs two   # why\n"
    last = awscli.run_cell(lab.sandbox, cell, show=shown.append)
    assert last is not None
    assert [one.command for one in (*shown, last)] == ["aws sqs one --long yes", "aws sqs two"]


def test_a_cell_stops_at_the_first_failure(lab: Lab, stand_in: None) -> None:
    shown: list[object] = []
    assert awscli.run_cell(lab.sandbox, "aws fail\naws sqs two", show=shown.append) is None
    assert shown[1] == "Stopped here: the last did not run."


def test_a_cell_with_a_mistake_runs_nothing(lab: Lab, stand_in: None) -> None:
    shown: list[object] = []
    with pytest.raises(UsageError, match="no meaning"):
        awscli.run_cell(lab.sandbox, "aws sqs one\naws sqs two | head", show=shown.append)
    assert shown == []


def test_the_cell_magic_is_there_after_open(stand_in: None, root: Path) -> None:
    program = (
        "import IPython.core.interactiveshell as i; shell = i.InteractiveShell.instance()\n"
        "import labkit; lab = labkit.open('16')\n"
        "done = shell.run_cell_magic('aws', '', 'aws sqs list-queues')\n"
        "print(type(done).__name__, done.json['words'][:2], shell.run_line_magic('aws', 's3 ls').json['words'][:2])\n"
        "lab.sandbox.stop()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False
    )
    assert "CliResult ['sqs', 'list-queues'] ['s3', 'ls']" in done.stdout, done.stderr


def test_the_clock_runs_on_at_once_while_the_cli_waits_in_a_long_poll(lab: Lab, sandbox_cli: None) -> None:
    url = boto3.client("sqs").create_queue(QueueName="empty")["QueueUrl"]
    before = lab.clock.ahead
    result = lab.cli(f"aws sqs receive-message --queue-url {url} --wait-time-seconds 20")
    assert result.status == 0, result.stderr
    assert (lab.clock.ahead - before).total_seconds() > 10


# -- the real one ------------------------------------------------------------------------------------


@pytest.fixture
def sandbox_cli() -> None:
    """Skips where there is no AWS CLI."""
    if awscli.find() is None or shutil.which("aws") is None:
        pytest.skip("the AWS CLI is not installed")


def test_the_real_cli_works_on_the_account(lab: Lab, sandbox_cli: None, tmp_path: Path) -> None:
    made = lab.cli("aws sqs create-queue --queue-name orders")
    assert made.status == 0, made.stderr
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="from the notebook")
    got = lab.cli(["sqs", "receive-message", "--queue-url", made.json["QueueUrl"]]).json
    assert got["Messages"][0]["Body"] == "from the notebook"
    file = tmp_path / "a b.txt"
    file.write_text("hello", encoding="utf-8")
    assert lab.cli("aws s3 mb s3://photos").status == 0
    assert lab.cli(["s3", "cp", str(file), "s3://photos/x.txt"]).status == 0
    assert boto3.client("s3").get_object(Bucket="photos", Key="x.txt")["Body"].read() == b"hello"
    assert json.loads(lab.cli("aws sts get-caller-identity").stdout)["Arn"].endswith("user/learner")
    missing = lab.cli("aws sqs get-queue-url --queue-name missing")
    assert missing.status != 0
    assert "NonExistentQueue" in missing.stderr or "QueueDoesNotExist" in missing.stderr


def test_the_lab_closes_its_endpoint(lab: Lab) -> None:
    assert lab.endpoint() == lab.endpoint()
    kept = lab.sandbox.tools["endpoint"]
    lab.sandbox.stop()
    assert kept.closing
    with pytest.raises(LabkitError, match="closed"):
        lab.endpoint()


def test_run_needs_an_account_only(stand_in: None) -> None:
    with Sandbox() as sandbox:
        assert awscli.run(sandbox, "aws sqs list-queues").status == 0
