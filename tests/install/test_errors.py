"""The messages of labkit's own errors name the cure."""

from __future__ import annotations

import pytest

from labkit import pins
from labkit.errors import LabkitError, NotFound, nearest


def test_an_unknown_name_is_answered_with_the_nearest_ones() -> None:
    error = NotFound("lab", "16-sq", ["00-start-here", "16-sqs-standard-queues"])
    assert isinstance(error, LabkitError)
    assert error.suggestions == ["16-sqs-standard-queues"]
    assert str(error) == "There is no lab named '16-sq'. Did you mean '16-sqs-standard-queues'?"


def test_with_nothing_near_all_names_are_offered() -> None:
    assert str(NotFound("lab", "zzz", ["a", "b"])).endswith("Choose one of: 'a', 'b'.")
    assert str(NotFound("lab", "zzz", [])).endswith("There is no lab here at all.")


def test_a_misspelt_name_is_found_in_any_case() -> None:
    assert nearest("Dead-Leter", ["dead_letter", "long_poll"]) == ["dead_letter"]
    assert nearest("", ["dead_letter"]) == []


def test_another_moto_is_refused_with_the_command_that_repairs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    have = {**pins.PINS, "moto": "5.1.0"}
    monkeypatch.setattr(pins, "installed", have.get)
    monkeypatch.setattr(pins, "_fit", {})  # as in a process that opens its first account
    with pytest.raises(
        pins.WrongVersion, match=r"moto 5\.1\.0 \(5\.2\.5 is needed\).*pip install moto==5\.2\.5"
    ):
        pins.require_pins()


def test_a_missing_pin_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pins, "installed", lambda name: None)
    monkeypatch.setattr(pins, "_fit", {})
    with pytest.raises(pins.WrongVersion, match="boto3 is missing"):
        pins.require_pins()
