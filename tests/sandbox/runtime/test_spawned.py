"""Where a system cannot fork safely, each environment is a program of its own. It behaves the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from labkit.sandbox import Sandbox
from labkit.sandbox.runtime import Pool


@pytest.fixture
def pool(new_pool: Callable[..., Pool]) -> Pool:
    return new_pool(mode="spawn", patience=1.0)


def test_calls_logs_and_the_account(functions: Any, sandbox: Sandbox) -> None:
    url = sandbox.client("sqs").create_queue(QueueName="orders")["QueueUrl"]
    code = """
    import boto3, os, time
    sqs = boto3.client("sqs")
    count = 0
    def handler(event, context):
        global count
        count += 1
        print("call", count)
        open("/tmp/x", "a").write("x")
        time.sleep(2)
        sqs.send_message(QueueUrl=event, MessageBody=open("/tmp/x").read())
        os.system("echo from a shell")
        return [count, context.function_name, os.getcwd()]
    """
    environment = functions.start(code)
    for count in (1, 2):
        result = functions.call(environment, url)
        assert functions.value(result) == [count, "orders", "/var/task"]
        assert result.logs == f"call {count}\nfrom a shell\n"
        assert 2_000 <= result.duration_ms < 3_000
    assert 0 < result.max_memory_mb < 128
    bodies = sandbox.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert sorted(message["Body"] for message in bodies) == ["x", "xx"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("import nothing", "Runtime.ImportModuleError"),
        ("def handler(event, context): raise KeyError('x')", "KeyError"),
        ("import os\ndef handler(event, context): os._exit(3)", "Runtime.ExitError"),
        ("import os\ndef handler(event, context): os.kill(os.getpid(), 9)", "Runtime.ExitError"),
        ("def handler(event, context):\n    while True: pass", "Sandbox.Timedout"),
        ("import time\ndef handler(event, context): time.sleep(99)", "Sandbox.Timedout"),
        ("def handler(event, context): return bytearray(400_000_000)", "Runtime.OutOfMemory"),
        ("import time\ntime.sleep(99)", "Sandbox.Timedout"),
        ("def handler(event, context): open('/etc/x', 'w')", "OSError"),
    ],
)
def test_failures(functions: Any, code: str, kind: str) -> None:
    assert functions.run(code).error.type == kind


def test_programs_it_started_end_with_it(functions: Any) -> None:
    from pathlib import Path

    code = "import subprocess\ndef handler(event, context): return subprocess.Popen(['sleep', '60']).pid"
    environment = functions.start(code)
    pid = functions.value(functions.call(environment))
    environment.stop()
    stat = Path(f"/proc/{pid}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_threads_left_running_stand_still(functions: Any) -> None:
    code = """
    import threading
    threading.Thread(target=lambda: [None for _ in iter(int, 1)], daemon=True).start()
    def handler(event, context): return 1
    """
    environment = functions.start(code)
    assert functions.value(functions.call(environment)) == 1
    assert functions.value(functions.call(environment)) == 1
