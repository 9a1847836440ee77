"""In a real kernel: what a notebook's page is sent, buttons included. One kernel for all of these."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labkit.judging.report import MIME
from tests.lab.conftest import write_workbook

WIDGET = "application/vnd.jupyter.widget-view+json"
PATIENCE = 60


class Kernel:
    """Runs cells and returns what reached the page: (kind, content) in order."""

    def __init__(self, folder: Path, root: Path) -> None:
        from jupyter_client.manager import start_new_kernel

        environment = os.environ | {
            "LABKIT_WORKBOOK": str(folder),
            "LABKIT_HOME": str(folder / "home"),
            "PYTHONPATH": str(root),
            "IPYTHONDIR": str(folder / "ipython"),
        }
        self._manager, self._client = start_new_kernel(
            kernel_name="python3", cwd=str(folder / "labs"), env=environment, startup_timeout=PATIENCE
        )

    def run(self, source: str) -> list[tuple[str, Any]]:
        shown: list[tuple[str, Any]] = []

        def note(message: Any) -> None:
            kind, content = message["msg_type"], message["content"]
            if kind in ("execute_result", "display_data"):
                shown.append((kind, content["data"]))
            elif kind == "stream":
                # A kernel sends what was printed in pieces when it was held up between two of them.
                before = shown.pop()[1] if shown and shown[-1][0] == content["name"] else ""
                shown.append((content["name"], before + content["text"]))
            elif kind == "error":
                shown.append((kind, "\n".join(content["traceback"])))

        self._client.execute_interactive(source, timeout=PATIENCE, output_hook=note)
        return shown

    def run_and_interrupt(self, source: str, sign: str) -> list[tuple[str, Any]]:
        """Run a cell and press Ctrl-C as soon as it prints `sign`."""
        shown: list[tuple[str, Any]] = []

        def note(message: Any) -> None:
            kind, content = message["msg_type"], message["content"]
            if kind == "stream" and sign in content["text"]:
                self._manager.interrupt_kernel()
            elif kind == "error":
                shown.append((kind, "\n".join(content["traceback"])))

        self._client.execute_interactive(source, timeout=PATIENCE, output_hook=note)
        return shown

    def stop(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    folder = tmp_path_factory.mktemp("kernel")
    write_workbook(folder)
    running = Kernel(folder, Path(__file__).resolve().parents[2])
    shown = running.run(
        'import labkit\nlab = labkit.open("16")\nimport boto3\nsqs = boto3.client("sqs")\nlab'
    )
    assert shown[-1][1]["text/plain"].startswith("LAB 16  SQS standard queues"), shown
    yield running
    running.stop()


def test_a_failed_report_is_followed_by_buttons(kernel: Kernel) -> None:
    kernel.run("sqs.create_queue(QueueName='orders', Attributes={'VisibilityTimeout': '1'})")
    (kind, report), (_, buttons) = kernel.run('lab.check("make")')
    assert kind == "execute_result"
    assert report[MIME]["status"] == "failed"
    assert set(report) == {"text/html", "text/plain", MIME}
    assert WIDGET in buttons
    assert buttons["text/plain"] == 'Buttons: Next hint does lab.hint("make").'


def test_a_report_that_is_not_shown_has_no_buttons(kernel: Kernel) -> None:
    assert kernel.run('report = lab.check("make")') == []
    ((_, shown),) = kernel.run("report")
    assert "text/html" in shown


def test_a_button_does_what_its_call_does(kernel: Kernel) -> None:
    pressed = kernel.run(
        "from labkit.notebook.buttons import Buttons\n"
        'row = Buttons([("Next hint", "lab.hint()", lambda: lab.hint("make", 1))])\n'
        "row.buttons[0].click()\nprint(row.answer.value)\nprint(row.buttons[0].tooltip, row.buttons[0].disabled)"
    )
    text = "".join(content for kind, content in pressed if kind == "stdout")
    assert "HINT 1 OF 3" in text
    assert "Does lab.hint() False" in text


def test_after_a_pass_the_button_compares(kernel: Kernel) -> None:
    (_, report), (_, buttons) = kernel.run('lab.check("double", worker=lambda x: 2 * x)')
    assert report[MIME]["status"] == "passed"
    assert buttons["text/plain"] == 'Buttons: Compare with our solution does lab.solution("double").'


def test_ctrl_c_is_one_sentence(kernel: Kernel) -> None:
    endless = (
        "def worker(x):\n"
        "    sqs.create_queue(QueueName='stray')\n"
        "    print('begun', flush=True)\n"
        "    while True:\n"
        "        sqs.list_queues()\n"
        "before = lab.sandbox.digest()\n"
        "lab.check('double', worker=worker)"
    )
    shown = kernel.run_and_interrupt(endless, "begun")
    sentence = "Stopped. Your account is as it was, and nothing was counted.\nKeyboardInterrupt"
    assert shown == [("error", sentence)]
    assert kernel.run("print(lab.sandbox.digest() == before)") == [("stdout", "True\n")]


def test_a_mistake_in_a_call_is_one_sentence(kernel: Kernel) -> None:
    shown = kernel.run("lab.check('mak')")
    assert shown == [("error", "NotFound: There is no exercise named 'mak'. Did you mean 'make'?")]


def test_sys_exit_in_a_cell_ends_nothing_else(kernel: Kernel) -> None:
    shown = kernel.run("import sys\nsys.exit(1)")
    assert any("ended this cell and nothing else" in text for kind, text in shown if kind == "stdout")
    assert kernel.run("lab.key")[0][1]["text/plain"] == "'16-sqs-standard-queues'"


def test_cells_out_of_order_are_explained(kernel: Kernel) -> None:
    error, (_, advice) = kernel.run("print(greeting)")
    assert error[0] == "error"
    assert advice == (
        '`greeting` is made in a cell above exercise 16.1 (`lab.jump_to("make")` runs everything above it). '
        "Run that cell first.\n"
    )


def test_jump_to_makes_variables_in_the_notebook_and_shows_nothing_else(kernel: Kernel) -> None:
    shown = kernel.run('lab.jump_to("double")')
    assert [kind for kind, _ in shown] == ["execute_result"]
    assert re.search(r"Variables set: .*`greeting`, `url`", shown[0][1]["text/plain"])
    assert kernel.run("print(greeting, url.rpartition('/')[2])") == [("stdout", "hello orders\n")]


def test_a_variable_from_before_a_reset_is_explained(kernel: Kernel) -> None:
    kernel.run('lab.jump_to("double")')  # another worker may have run the test above
    kernel.run("lab.reset()")
    shown = kernel.run("sqs.send_message(QueueUrl=url, MessageBody='x')")
    assert shown[-1] == (
        "stdout",
        "The account was emptied a while ago, but your variables may still name things from before. "
        "Run the cells above again, in order.\n",
    )


def test_the_setup_cell_again_gives_the_same_lab(kernel: Kernel) -> None:
    shown = kernel.run('lab = 5\nlab = labkit.open("16")\nlab')
    assert "This lab is open already" in shown[-1][1]["text/plain"]
