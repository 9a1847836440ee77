"""The account in a learner's hands: trace, snapshots, reset, and beginning at a later exercise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

import labkit
from labkit.course import catalogue
from labkit.errors import LabkitError, NotFound, UsageError
from labkit.lab import Lab


def queues() -> list[str]:
    return [url.rpartition("/")[2] for url in boto3.client("sqs").list_queues().get("QueueUrls", [])]


def test_the_trace_is_a_table_with_a_text_twin(lab: Lab) -> None:
    assert repr(lab.trace()) == "TRACE  Nothing like that has happened yet"
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="<b>tea</b>")
    with pytest.raises(Exception, match="NonExistentQueue"):
        sqs.get_queue_url(QueueName="nope")
    table = lab.trace()
    lines = repr(table).splitlines()
    assert lines[0] == "TRACE  3 events, oldest first"
    assert lines[1].split() == ["time", "(UTC)", "service", "action", "resource", "caller", "result"]
    assert lines[2].split()[1:5] == ["sqs", "CreateQueue", "orders", "learner"]
    assert "ERROR AWS.SimpleQueueService.NonExistentQueue" in table.html()
    assert max(map(len, lines)) <= 88
    assert "<b>" not in table.html()
    assert [event.action for event in table] == ["CreateQueue", "SendMessage", "GetQueueUrl"]
    assert (len(table), table[0].action) == (3, "CreateQueue")


def test_the_trace_can_be_filtered(lab: Lab) -> None:
    sqs = boto3.client("sqs")
    for name in ("orders", "letters"):
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="x")
    boto3.client("sts").get_caller_identity()
    assert [event.action for event in lab.trace(service="sts")] == ["GetCallerIdentity"]
    assert [event.action for event in lab.trace(resource="letters")] == ["CreateQueue", "SendMessage"]
    assert repr(lab.trace(2)).startswith("TRACE  the last 2 of 5 events")
    assert len(lab.trace(service="ecs")) == 0
    with pytest.raises(UsageError, match=r"lab\.trace\(50\)"):
        lab.trace(0)


def test_the_trace_shows_what_time_brings_but_no_echoes_of_calls(lab: Lab) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=5)
    lab.clock.advance(seconds=6)
    assert [event.action for event in lab.trace()] == ["CreateQueue", "SendMessage", "MessageVisible"]
    assert lab.trace()[-1].caller == "aws"


def test_a_snapshot_is_an_undo(lab: Lab) -> None:
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    assert 'lab.restore("before")' in repr(lab.snapshot("before"))
    digest = lab.sandbox.digest()
    sqs.delete_queue(QueueUrl=url)
    sqs.create_queue(QueueName="mess")
    assert "snapshot 'before'" in repr(lab.restore("before"))
    assert queues() == ["orders"]
    lab.restore("before")
    assert lab.sandbox.digest() == digest
    steps = [(event.action, event.resource) for event in lab.sandbox.trace.where(service="lab")]
    assert steps == [("Snapshot", "before"), ("Restore", "before"), ("Restore", "before")]


def test_an_unknown_snapshot_names_the_nearest(lab: Lab) -> None:
    with pytest.raises(UsageError, match=r'lab\.snapshot\("before"\)'):
        lab.restore("before")
    lab.snapshot("before")
    with pytest.raises(NotFound, match="Did you mean 'before'"):
        lab.restore("befor")
    with pytest.raises(UsageError, match="Give the snapshot a name"):
        lab.snapshot("")


def test_reset_empties_the_account_and_keeps_progress(lab: Lab) -> None:
    boto3.client("sqs").create_queue(QueueName="orders")
    lab.check("make")
    lab.clock.advance(hours=5)
    assert "Every resource is gone" in repr(lab.reset())
    assert queues() == []
    assert lab.clock.ahead.total_seconds() < 1
    assert "16.1   passed" in repr(lab.progress())


def test_jump_to_runs_what_stands_above_in_a_new_account(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    boto3.client("sqs").create_queue(QueueName="mine")
    names: dict[str, Any] = {"lab": 5, "kept": 1}
    told = repr(lab.jump_to("double", into=names))
    assert "You are at 16.2 Double a number" in told
    assert "3 cells above this exercise ran." in told
    assert "Variables set: `boto3`, `sqs`, `greeting`, `url`." in told
    assert "Nothing was earned." in told
    assert capsys.readouterr().out == "", "what the examples print is not shown"
    assert queues() == ["orders"]
    assert (names["lab"], names["kept"], names["greeting"]) == (lab, 1, "hello")
    assert "16.1   open" in repr(lab.progress())
    lab.restore("before jump")
    assert queues() == ["mine"]


def test_jump_to_the_first_exercise_runs_the_setup_only(lab: Lab) -> None:
    names: dict[str, Any] = {}
    lab.jump_to("16.1", into=names)
    assert {"sqs", "greeting"} <= names.keys()
    assert queues() == []


def test_jump_to_outside_a_notebook_asks_where_the_variables_go(lab: Lab) -> None:
    with pytest.raises(UsageError, match=r"into=globals\(\)"):
        lab.jump_to("double")


def test_functions_made_on_the_way_have_their_source(lab: Lab) -> None:
    import inspect

    names: dict[str, Any] = {}
    lab.jump_to("broken", into=names)
    assert "return 2 * x" in inspect.getsource(names["twice"])


def test_a_cell_that_breaks_on_the_way_loses_nothing(lab: Lab, workbook: Path) -> None:
    file = workbook / "solutions" / "week09" / "16-sqs-standard-queues" / "lab.json"
    raw = json.loads(file.read_text(encoding="utf-8"))
    raw["cells"][1]["source"] = "sqs.create_queue(QueueName='half')\n1 / 0"
    file.write_text(json.dumps(raw), encoding="utf-8")
    lab._built = catalogue.find(lab.key)
    boto3.client("sqs").create_queue(QueueName="mine")
    with pytest.raises(LabkitError, match="Our fault: .*ZeroDivisionError"):
        lab.jump_to("double", into={})
    assert queues() == ["mine"]
    assert lab.check("make").status == "not started", "checks count again"
    assert lab._counting


def test_the_fidelity_card_has_three_paragraphs_for_each_service(lab: Lab) -> None:
    text = repr(lab.fidelity())
    for part in ("Amazon SQS", "Simulated here:", "Differs on AWS:", "Not simulated:"):
        assert part in text


def test_the_map_links_to_notebooks_the_learner_has(lab: Lab) -> None:
    html = lab.progress().html()
    assert 'href="week09/16-sqs-standard-queues.ipynb"' in html
    assert 'href="00-start-here.ipynb"' in html
    assert "SQS FIFO &amp; &lt;fair&gt; queues" in html
    assert html.count("<li class=") == 3
    for word in ("open", "begun", "planned"):
        assert f"</span> {word}" in html


def test_the_fidelity_card_is_a_list_and_folds_its_sources_away(lab: Lab) -> None:
    html = lab.fidelity().html()
    shown, _, folded = html.partition("<details>")
    assert "<li>Counters are approximate on AWS, exact here.</li>" in shown
    assert "docs.aws.amazon.com" not in shown
    assert "docs.aws.amazon.com" in folded


def test_draw_shows_the_account_and_a_plan_beside_it(lab: Lab) -> None:
    boto3.client("sqs").create_queue(QueueName="orders")
    assert "orders (SQS queue)" in repr(lab.draw())
    plan = labkit.Diagram("Plan")
    plan.sqs("invoices")
    assert "The SQS queue 'invoices' is missing." in repr(lab.draw(expected=plan))


def test_a_lab_without_a_plan_says_so(lab: Lab) -> None:
    with pytest.raises(UsageError, match="has no figure to compare with"):
        lab.draw(expected=True)
