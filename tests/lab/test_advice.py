"""One sentence after a cell that failed because cells ran out of order."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from labkit.lab import Lab
from labkit.notebook.advice import advice


def name_error(name: str) -> NameError:
    return NameError(f"name {name!r} is not defined", name=name)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("sqs", "`sqs` is made in the setup cell at the top of the lab. Run that cell first."),
        ("boto3", "`boto3` is made in the setup cell at the top of the lab. Run that cell first."),
        (
            "greeting",
            '`greeting` is made in a cell above exercise 16.1 (`lab.jump_to("make")` runs everything above it). '
            "Run that cell first.",
        ),
        ("twice", "`twice` is made in your cell of exercise 16.2. Run that cell first."),
        ("my_own", ""),
    ],
)
def test_a_missing_name_says_where_it_is_made(lab: Lab, name: str, told: str) -> None:
    assert advice(name_error(name), lab._built, account_is_new=False) == told


def test_a_missing_resource_is_explained_only_after_the_account_was_emptied(lab: Lab) -> None:
    gone = ClientError({"Error": {"Code": "AWS.SimpleQueueService.NonExistentQueue"}}, "SendMessage")
    assert advice(gone, lab._built, account_is_new=False) == ""
    assert "The account was emptied" in advice(gone, lab._built, account_is_new=True)
    other = ClientError({"Error": {"Code": "AccessDenied"}}, "SendMessage")
    assert advice(other, lab._built, account_is_new=True) == ""


def test_other_errors_speak_for_themselves(lab: Lab) -> None:
    for error in (None, ValueError("x"), NameError("no name")):
        assert advice(error, lab._built, account_is_new=True) == ""
