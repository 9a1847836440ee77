"""Lessons that fail on purpose."""

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError

import labkit
from labkit.errors import UsageError
from labkit.lab import Lab
from labkit.notebook.expected import NothingRaised


def test_the_expected_error_is_one_friendly_line(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    with labkit.expected(ClientError) as caught:
        boto3.client("sqs").get_queue_url(QueueName="nope")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("As expected: QueueDoesNotExist AWS.SimpleQueueService.NonExistentQueue (")
    assert isinstance(caught.error, ClientError)


def test_nothing_raised_is_a_clear_complaint() -> None:
    complaint = "expected to raise ClientError or KeyError, but it ran without"
    with pytest.raises(NothingRaised, match=complaint), labkit.expected(ClientError, KeyError):
        pass


def test_another_error_comes_through_with_a_note() -> None:
    with pytest.raises(ValueError, match="other") as other, labkit.expected(ClientError):
        raise ValueError("other")
    assert other.value.__notes__ == ["This cell was expected to raise ClientError. Another error came."]


def test_the_code_can_be_asked_for(lab: Lab) -> None:
    sqs = boto3.client("sqs")
    with labkit.expected(ClientError, code="NonExistentQueue"):
        sqs.get_queue_url(QueueName="nope")
    with pytest.raises(ClientError) as other, labkit.expected(ClientError, code="OverLimit"):
        sqs.get_queue_url(QueueName="nope")
    assert "ClientError with the code OverLimit" in other.value.__notes__[0]


def test_ctrl_c_and_exit_are_never_swallowed() -> None:
    for stop in (KeyboardInterrupt, SystemExit):
        with pytest.raises(stop), labkit.expected(ClientError):
            raise stop


@pytest.mark.parametrize("errors", [(), ("ClientError",), (ValueError("x"),)])
def test_the_error_must_be_named(errors: tuple[object, ...]) -> None:
    with pytest.raises(UsageError, match=r"with labkit\.expected\(ClientError\)"):
        labkit.expected(*errors)  # type: ignore[arg-type]
