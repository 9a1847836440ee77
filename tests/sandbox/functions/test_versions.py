"""Versions and aliases: published once, pointed at, split by weight, protected."""

from __future__ import annotations

from typing import Any

import pytest

INVALID = "InvalidParameterValueException"
ONE = "def handler(event, context):\n    return 'one'\n"
TWO = "def handler(event, context):\n    return 'two'\n"


@pytest.fixture
def versions(functions: Any) -> Any:
    """A function with two versions."""
    functions.make(ONE)
    functions.api.publish_version(FunctionName="f")
    functions.api.update_function_code(FunctionName="f", ZipFile=functions.package(TWO), Publish=True)
    return functions


def test_the_same_code_is_published_once(functions: Any) -> None:
    functions.make(ONE)
    publish = functions.api.publish_version
    assert [publish(FunctionName="f")["Version"] for _ in range(2)] == ["1", "1"]
    functions.api.update_function_configuration(FunctionName="f", Timeout=9)
    assert publish(FunctionName="f", Description="slower")["Version"] == "2"
    shown = functions.api.get_function_configuration(FunctionName="f", Qualifier="1")
    assert (shown["Timeout"], shown["FunctionArn"].rpartition(":")[2]) == (5, "1")


def test_a_version_keeps_what_it_was(versions: Any) -> None:
    versions.api.update_function_configuration(
        FunctionName="f", Environment={"Variables": {"STAGE": "1"}}, LoggingConfig={"LogFormat": "JSON"}
    )
    shown = versions.api.get_function_configuration(FunctionName="f", Qualifier="2")
    assert "Environment" not in shown
    assert shown["LoggingConfig"]["LogFormat"] == "Text"
    assert versions.call(Qualifier="1")[0] == "one"
    assert versions.call(Qualifier="2")[0] == "two"


def test_numbers_are_never_used_again(versions: Any) -> None:
    versions.api.delete_function(FunctionName="f", Qualifier="2")
    versions.api.update_function_configuration(FunctionName="f", Timeout=9)
    assert versions.api.publish_version(FunctionName="f")["Version"] == "3"
    listed = versions.api.list_versions_by_function(FunctionName="f")["Versions"]
    assert [one["Version"] for one in listed] == ["$LATEST", "1", "3"]


def test_publishing_wants_the_code_and_revision_it_was_told(versions: Any) -> None:
    publish = versions.api.publish_version
    code, message = versions.refused(publish, FunctionName="f", CodeSha256="other")
    assert code == INVALID
    assert "is different from current CodeSHA256 in $LATEST" in message
    assert versions.refused(publish, FunctionName="f", RevisionId="x")[0] == "PreconditionFailedException"


def test_create_with_publish_gives_version_one(functions: Any) -> None:
    assert functions.make(ONE, Publish=True)["Version"] == "1"
    assert functions.call(Qualifier="1")[0] == "one"


def test_an_alias_moves_and_comes_back(versions: Any) -> None:
    api = versions.api
    made = api.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    assert made["AliasArn"].endswith(":function:f:live")
    changed = api.update_alias(
        FunctionName="f", Name="live", FunctionVersion="2", RevisionId=made["RevisionId"]
    )
    assert versions.call(Qualifier="live")[0] == "two"
    assert versions.refused(
        api.update_alias, FunctionName="f", Name="live", FunctionVersion="1", RevisionId=made["RevisionId"]
    )[0] == "PreconditionFailedException"  # fmt: skip
    assert api.get_alias(FunctionName="f", Name="live")["RevisionId"] == changed["RevisionId"]
    assert [one["Name"] for one in api.list_aliases(FunctionName="f", FunctionVersion="2")["Aliases"]] == [
        "live"
    ]
    assert api.list_aliases(FunctionName="f", FunctionVersion="1")["Aliases"] == []
    api.delete_alias(FunctionName="f", Name="live")
    assert versions.refused(versions.call, Qualifier="live")[0] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("version", "weights", "code", "says"),
    [
        ("1", {"2": 0.5, "3": 0.1}, INVALID, "cannot be greater than 1"),
        ("1", {"1": 0.5}, INVALID, "already included in routing configuration"),
        ("1", {"2": 1.5}, "ValidationException", "less than or equal to 1.0"),
        ("1", {"9": 0.5}, "ResourceNotFoundException", "Function not found"),
        ("$LATEST", {"1": 0.5}, INVALID, "$LATEST is not supported for an alias pointing to more than 1 version"),
        ("1", {"$LATEST": 0.5}, "ValidationException", "Map keys must satisfy constraint"),
        ("9", {}, "ResourceNotFoundException", "Function not found"),
    ],
)  # fmt: skip
def test_aliases_that_make_no_sense_are_refused(
    versions: Any, version: str, weights: dict[str, float], code: str, says: str
) -> None:
    given: dict[str, Any] = {"FunctionName": "f", "Name": "live", "FunctionVersion": version}
    if weights:
        given["RoutingConfig"] = {"AdditionalVersionWeights": weights}
    seen = versions.refused(versions.api.create_alias, **given)
    assert seen[0] == code
    assert says in seen[1]


def test_alias_names_are_taken_once_and_are_no_numbers(versions: Any) -> None:
    create = versions.api.create_alias
    create(FunctionName="f", Name="live", FunctionVersion="1")
    assert versions.refused(create, FunctionName="f", Name="live", FunctionVersion="2")[0] == (
        "ResourceConflictException"
    )
    assert (
        versions.refused(create, FunctionName="f", Name="12", FunctionVersion="2")[0] == "ValidationException"
    )


def test_a_version_in_use_cannot_be_deleted(versions: Any) -> None:
    api = versions.api
    api.create_alias(
        FunctionName="f", Name="live", FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}},
    )  # fmt: skip
    for version in ("1", "2"):
        assert versions.refused(api.delete_function, FunctionName="f", Qualifier=version)[0] == (
            "ResourceConflictException"
        )
    assert versions.refused(api.delete_function, FunctionName="f", Qualifier="$LATEST")[0] == INVALID
    api.update_alias(FunctionName="f", Name="live", RoutingConfig={})
    api.delete_function(FunctionName="f", Qualifier="2")
    assert versions.refused(versions.call, Qualifier="2")[0] == "ResourceNotFoundException"


def test_a_function_made_again_under_its_name_has_no_old_aliases(versions: Any) -> None:
    versions.api.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    versions.api.delete_function(FunctionName="f")
    versions.make(ONE)
    assert versions.api.list_aliases(FunctionName="f")["Aliases"] == []
    assert versions.api.publish_version(FunctionName="f")["Version"] == "1"
