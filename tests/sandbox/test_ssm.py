"""Parameter Store: how long a value may be."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.usefixtures("sandbox")


def put(length: int, name: str = "/orchard/prices", **options: Any) -> dict[str, Any]:
    given = {"Name": name, "Value": "x" * length, "Type": "String", "Overwrite": True} | options
    answer: dict[str, Any] = boto3.client("ssm").put_parameter(**given)
    return answer


def refused(length: int, **options: Any) -> str:
    with pytest.raises(ClientError) as caught:
        put(length, **options)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    return str(caught.value.response["Error"]["Message"])


def test_a_standard_parameter_holds_4096_characters() -> None:
    assert put(4_096)["Tier"] == "Standard"
    assert "maximum parameter value of 4096 characters" in refused(4_097)
    assert "advanced-parameter tier" in refused(4_097, Tier="Standard")


def test_an_advanced_parameter_holds_8192_and_stays_advanced() -> None:
    assert put(8_192, Tier="Advanced")["Tier"] == "Advanced"
    assert "8192" in refused(8_193, Tier="Advanced")
    assert put(5_000)["Tier"] == "Advanced"
    assert "downgrade" in refused(10, Tier="Standard")


def test_intelligent_tiering_chooses() -> None:
    assert put(100, Tier="Intelligent-Tiering")["Tier"] == "Standard"
    assert put(5_000, Tier="Intelligent-Tiering")["Tier"] == "Advanced"
    assert put(100, Tier="Intelligent-Tiering")["Tier"] == "Advanced"


def test_there_is_no_other_tier() -> None:
    assert "enum value set" in refused(1, Tier="Gold")
    assert boto3.client("ssm").describe_parameters()["Parameters"] == []


def test_a_new_parameter_needs_a_type_also_with_overwrite() -> None:
    ssm = boto3.client("ssm")
    with pytest.raises(ClientError, match="type is required"):
        ssm.put_parameter(Name="/orchard/prices", Value="x", Overwrite=True)
    assert "enum value set" in refused(1, Type="Text")
    put(1)
    assert ssm.put_parameter(Name="/orchard/prices", Value="y", Overwrite=True)["Version"] == 2
