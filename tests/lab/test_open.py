"""Opening labs: by any of their names, again, another one, in any order."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

import labkit
import labkit.lab
from labkit.errors import LabkitError, NotFound, UsageError
from labkit.lab import Lab, NoLabOpen, current_lab
from labkit.sandbox import current


@pytest.mark.parametrize("name", ["16", 16, "16-sqs", "16-sqs-standard-queues", " 16-SQS "])
def test_a_lab_opens_by_any_of_its_names(opened: Callable[..., Lab], name: str) -> None:
    lab = opened(name)
    assert lab.key == "16-sqs-standard-queues"
    assert current() is lab.sandbox
    assert current_lab() is lab


def test_an_unknown_lab_is_answered_with_the_nearest(opened: Callable[..., Lab]) -> None:
    with pytest.raises(NotFound, match="Did you mean '16-sqs-standard-queues'"):
        opened("sqs-standard")
    with pytest.raises(LabkitError, match=r"Lab 17, .* is planned but not written yet"):
        opened("17")


def test_the_same_lab_comes_back_with_its_account_and_says_so(opened: Callable[..., Lab]) -> None:
    first = opened("16")
    boto3.client("sqs").create_queue(QueueName="orders")
    again = opened("16-sqs")
    assert again is first
    assert "This lab is open already: here it is again, with its account as it was." in repr(again)
    assert "open already" not in repr(again), "said once"
    assert len(boto3.client("sqs").list_queues()["QueueUrls"]) == 1


def test_a_variable_that_was_overwritten_comes_back(opened: Callable[..., Lab]) -> None:
    first = lab = opened("16")
    lab = 5  # a learner's slip
    lab = opened("16")
    assert lab is first


def test_another_lab_closes_the_first_ones_account_and_says_so(opened: Callable[..., Lab]) -> None:
    first = opened("16")
    second = opened("00")
    assert not first.sandbox.running
    assert second.sandbox.running
    assert "The account of lab 16 was closed. This is a new, empty one." in repr(second)
    for use in (
        lambda: first.check("make"),
        first.reset,
        lambda: first.snapshot("x"),
        lambda: first.jump_to("make"),
    ):
        with pytest.raises(
            LabkitError, match=r'lab 16 is closed. Open it again with lab = labkit\.open\("16"\)'
        ):
            use()
    assert "This lab's account is closed." in repr(first)


def test_a_lab_whose_account_was_stopped_opens_anew(opened: Callable[..., Lab]) -> None:
    first = opened("16")
    first.sandbox.stop()
    again = opened("16")
    assert again.sandbox.running
    assert "The account of this lab was closed. This is a new, empty one." in repr(again)


def test_words_of_a_lab_without_one_say_what_to_do(workbook: Path) -> None:
    with pytest.raises(NoLabOpen, match=r"No lab is open. Run the setup cell"):
        labkit.check("make")
    assert not hasattr(labkit, "hint")


def test_words_of_a_lab_reach_the_open_one(lab: Lab) -> None:
    assert labkit.check("make").exercise == "make"
    assert labkit.progress().labs


def test_the_map_of_the_course_needs_no_open_lab(workbook: Path) -> None:
    assert "16  open     SQS standard queues" in labkit.progress().text()


def test_the_header_says_where_you_are(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    text = repr(lab)
    assert text.splitlines()[0] == "LAB 16  SQS standard queues"
    for part in ("Week 9, notebook 16 of 00 to 17", "about 100 min", "checked against AWS 2026-11-23",
                 "- Own the life cycle of a message.", "0 of 3 exercises passed, 0 of 30 points",
                 "Begin with 16.1: Make a queue (5 min)", "Nothing leaves this machine"):  # fmt: skip
        assert part in text
    assert set(lab._repr_mimebundle_()) == {"text/html", "text/plain"}


def test_real_credentials_are_said_in_the_header(
    opened: Callable[..., Lab], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA" + "Z" * 16)
    assert "Note: AWS credentials were found in the environment. The lab has set them aside." in repr(
        opened("16")
    )


def test_progress_that_cannot_be_saved_is_said_in_the_header(
    opened: Callable[..., Lab], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "file"))
    lab = opened("16")
    assert repr(lab).count("Note: Progress cannot be saved") == 1
    assert "Note: Progress cannot be saved" in repr(lab), "as long as it is so"
    assert "Note: Progress cannot be saved" in repr(lab.progress())


def test_the_clock_and_the_faults_are_at_hand(lab: Lab) -> None:
    assert "UTC" in repr(lab.clock)
    assert "No faults" in repr(lab.faults)
    with pytest.raises(UsageError):
        lab.clock.advance(seconds=-1)


def test_importing_the_lab_imports_nothing_heavy(root: Path) -> None:
    heavy = ("IPython", "ipywidgets", "boto3", "moto", "nbformat", "jupytext")
    code = f"import labkit.lab, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
