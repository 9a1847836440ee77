"""The sandbox inside a real notebook kernel: walls, clock and long polls hold there too."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

SETUP = """
import os, time, threading
os.environ["AWS_ACCESS_KEY_ID"] = "AKIAZZZZZZZZZZZZZZZZ"
import boto3
from labkit.sandbox import Sandbox
sandbox = Sandbox().start()
sqs = boto3.client("sqs")
url = sqs.create_queue(QueueName="orders")["QueueUrl"]
kernel = os.getpid()
"""
CELLS = {
    "shell escape": "!aws sqs list-queues",
    "bash cell": "%%bash\ncurl -sS -m 5 https://example.com",
    "subprocess": "import subprocess\nsubprocess.run('aws s3 ls', shell=True)",
    "still one kernel": "print(os.getpid() == kernel)",
    "clock": "print(sandbox.clock.advance(hours=12))",
    "event loop": "import asyncio\nawait asyncio.sleep(0.01)\nprint('awake')",
    "exit": "import sys\nsys.exit(3)",
    "after exit": "print(len(sqs.list_queues()['QueueUrls']))",
    "long poll alone": (
        "began, virtual = time.monotonic(), sandbox.clock.time()\n"
        "answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)\n"
        "print('Messages' in answer, time.monotonic() - began < 5, sandbox.clock.time() - virtual >= 19)"
    ),
    "long poll with a producer": (
        "polling = threading.Event()\n"
        "def produce():\n"
        "    polling.wait(5)\n"
        "    boto3.client('sqs').send_message(QueueUrl=url, MessageBody='from a thread')\n"
        "thread = threading.Thread(target=produce)\n"
        "thread.start()\n"
        "polling.set()\n"
        "answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)\n"
        "thread.join()\n"
        "print(answer['Messages'][0]['Body'])"
    ),
    "real keys": (
        "boto3.client('sqs', aws_access_key_id='AKIAZZZZZZZZZZZZZZZZ', aws_secret_access_key='x').list_queues()"
    ),
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each cell showed, as one text per cell; run once in one kernel."""
    cells = [nbformat.v4.new_code_cell(source) for source in (SETUP, *CELLS.values())]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", allow_errors=True,
        resources={"metadata": {"path": str(tmp_path_factory.mktemp("kernel"))}},
    )  # fmt: skip
    client.execute(env=os.environ | {"PYTHONPATH": str(Path.cwd())})
    shown = [_text(cell) for cell in notebook.cells]
    assert shown[0] == "", shown[0]
    return dict(zip(CELLS, shown[1:], strict=True))


def _text(cell: Any) -> str:
    parts = [
        output.get("text")
        or output.get("data", {}).get("text/plain")
        or "\n".join(output.get("traceback", []))
        for output in cell.outputs
    ]
    return "\n".join(parts)


@pytest.mark.skipif(os.name == "nt", reason="the shell escapes of the course are written for POSIX shells")
@pytest.mark.parametrize("cell", ["shell escape", "subprocess"])
def test_the_aws_cli_is_stopped_in_one_sentence(outputs: dict[str, str], cell: str) -> None:
    assert (
        outputs[cell].strip().splitlines()[-1].startswith(("The lab stopped the AWS CLI", "Stopped: The lab"))
    )
    assert len(outputs[cell].strip().splitlines()) == 1


@pytest.mark.skipif(os.name == "nt", reason="there is no bash to run")
def test_a_bash_cell_finds_no_way_out(outputs: dict[str, str]) -> None:
    assert "QueueUrls" not in outputs["bash cell"]
    assert "Example Domain" not in outputs["bash cell"]


def test_no_second_kernel_is_left_behind(outputs: dict[str, str]) -> None:
    assert outputs["still one kernel"].strip() == "True"


def test_the_clock_and_the_event_loop_get_on(outputs: dict[str, str]) -> None:
    assert "The clock moved 12 h." in outputs["clock"]
    assert outputs["event loop"].strip() == "awake"


def test_the_account_survives_sys_exit(outputs: dict[str, str]) -> None:
    assert "SystemExit" in outputs["exit"]
    assert outputs["after exit"].strip() == "1"


def test_a_long_poll_alone_takes_virtual_time_only(outputs: dict[str, str]) -> None:
    assert outputs["long poll alone"].split() == ["False", "True", "True"]


def test_a_long_poll_meets_a_producer_in_another_thread(outputs: dict[str, str]) -> None:
    assert outputs["long poll with a producer"].strip() == "from a thread"


def test_real_keys_are_stopped_without_a_traceback(outputs: dict[str, str]) -> None:
    assert outputs["real keys"].startswith("Stopped: The lab stopped a call with the credentials")
    assert "Traceback" not in outputs["real keys"]
