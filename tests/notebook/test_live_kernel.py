"""In a real kernel: a view and a console are shown once, with buttons, and renewed where they stand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 60
HTML = "text/html"
SETUP = """
import boto3
from labkit.notebook.console_live import ConsoleView
from labkit.notebook.live import watch
from labkit.sandbox import Sandbox
sandbox = Sandbox().start()
sqs = boto3.client("sqs")
orders = sqs.create_queue(QueueName="orders")["QueueUrl"]
"""


class Kernel:
    """Runs cells and returns what reached the page: (kind of message, its media)."""

    def __init__(self, folder: Path, root: Path) -> None:
        from jupyter_client.manager import start_new_kernel

        environment = os.environ | {"PYTHONPATH": str(root), "IPYTHONDIR": str(folder)}
        self._manager, self._client = start_new_kernel(
            kernel_name="python3", cwd=str(folder), env=environment, startup_timeout=PATIENCE
        )

    def run(self, source: str) -> list[tuple[str, dict[str, str]]]:
        shown: list[tuple[str, dict[str, str]]] = []

        def note(message: Any) -> None:
            content = message["content"]
            if "data" in content and message["msg_type"] != "comm_msg":
                shown.append((message["msg_type"], content["data"]))
            elif message["msg_type"] in ("stream", "error"):
                shown.append((message["msg_type"], {"text": str(content)}))

        self._client.execute_interactive(source, timeout=PATIENCE, output_hook=note)
        return [(kind, data) for kind, data in shown if not kind.startswith("comm")]

    def stop(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    one = Kernel(tmp_path_factory.mktemp("kernel"), Path(__file__).resolve().parents[2])
    try:
        assert one.run(SETUP) == []
        yield one
    finally:
        one.stop()


def test_a_view_is_shown_once_and_follows_the_cells(kernel: Kernel) -> None:
    (kind, figure), (_, buttons) = kernel.run("watch(sandbox)")
    assert kind == "display_data"
    assert "text/plain" in figure
    assert "data:image/svg+xml" in figure[HTML]
    assert "Redraw does view.redraw()" in buttons["text/plain"]
    [(kind, renewed)] = kernel.run('_ = sqs.send_message(QueueUrl=orders, MessageBody="tea")')
    assert kind == "update_display_data"
    assert "1 waiting" in renewed["text/plain"]
    assert [kind for kind, _ in kernel.run("watch(sandbox).stop()")] == ["display_data", "display_data"]
    assert kernel.run('_ = sqs.send_message(QueueUrl=orders, MessageBody="lamp")') == []


def test_the_console_has_buttons_and_every_form(kernel: Kernel) -> None:
    (kind, card), (_, buttons) = kernel.run("ConsoleView(sandbox)")
    assert kind == "display_data"
    assert card["text/plain"].startswith("CONSOLE  Account")
    assert "lk-console-card" in card[HTML]
    assert "+5 min does lab.clock.advance(minutes=5)" in buttons["text/plain"]


def test_a_terminal_gets_the_words(tmp_path: Path) -> None:
    import subprocess
    import sys

    lines = f"{SETUP}\nConsoleView(sandbox)\nwatch(sandbox)"
    environment = os.environ | {"IPYTHONDIR": str(tmp_path)}
    command = [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor"]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, env=environment, check=False)
    assert "CONSOLE  Account" in done.stdout
    assert "FIGURE  Queues at" in done.stdout
    assert "orders: 0 waiting" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
