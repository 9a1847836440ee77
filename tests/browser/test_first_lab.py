"""A learner's way through the first exercise of lab 16, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.browser.jupyterlab import Notebook, server

LAB = "labs/week09/16-sqs-standard-queues.ipynb"
FORGETS_TO_DELETE = """
def place(queue_url, order):
    sqs.send_message(QueueUrl=queue_url, MessageBody=order)


def work(queue_url, pack):
    for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", []):
        pack(message["Body"])
"""
DELETES = FORGETS_TO_DELETE.replace(
    'pack(message["Body"])',
    'if pack(message["Body"]):\n'
    '            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])',
)


@pytest.mark.browser
@pytest.mark.slow
def test_wrong_feedback_hint_right(browser: Any, tmp_path: Path) -> None:
    with server(tmp_path) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        elsewhere: list[str] = []
        page.on(
            "request",
            lambda one: (
                None if one.url.startswith((address, "data:", "blob:")) else elsewhere.append(one.url)
            ),
        )
        notebook = Notebook(page, address, LAB)
        header = notebook.run(notebook.place("labkit.open("))
        assert "SQS standard queues" in header.inner_text()

        stub, check = notebook.place("blank 1"), notebook.place('lab.check("life_cycle"')
        notebook.run(stub, FORGETS_TO_DELETE)
        report = notebook.run(check)
        report.get_by_role("status").first.wait_for()
        text = report.inner_text()
        assert "FAIL" in text
        assert "PASS" in text, "what is right already is credited"
        assert re.search(r"[Dd]elete", text), "the report says what to do next"

        report.get_by_role("button", name=re.compile("hint", re.IGNORECASE)).first.click()
        report.get_by_text("To receive is to borrow").first.wait_for()

        notebook.run(stub, DELETES)
        report = notebook.run(check)
        report.get_by_text("16.2").first.wait_for()
        assert "FAIL" not in report.inner_text()
        assert errors == []
        assert elsewhere == [], "nothing on the page comes from another machine"
