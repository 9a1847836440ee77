"""What a function may be: AWS's limits at creation and at every change, and what it shows of itself."""

# ruff: noqa: E501 (a row of a table, or of JavaScript, is one line)

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox

INVALID = "InvalidParameterValueException"
VALIDATION = "ValidationException"


@pytest.mark.parametrize(
    ("settings", "code", "says"),
    [
        ({"Timeout": 901}, VALIDATION, "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900"),
        ({"MemorySize": 10241}, VALIDATION, "less than or equal to 10240"),
        ({"EphemeralStorage": {"Size": 10241}}, VALIDATION, "less than or equal to 10240"),
        ({"Runtime": "python9.9"}, INVALID, "Value python9.9 at 'runtime'"),
        ({"Runtime": "python3.7"}, INVALID, "no longer supported for creating or updating"),
        ({"Handler": "my app.handler"}, VALIDATION, "at 'handler'"),
        ({"Handler": "a." + "b" * 130}, VALIDATION, "length less than or equal to 128"),
        ({"Description": "x" * 257}, VALIDATION, "length less than or equal to 256"),
        ({"Architectures": ["riscv"]}, VALIDATION, "satisfy enum value set: [x86_64, arm64]"),
        ({"TracingConfig": {"Mode": "Loud"}}, VALIDATION, "at 'tracingConfig.mode'"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, INVALID, "Reserved keys used in this request: AWS_REGION"),
        ({"Environment": {"Variables": {"BIG": "x" * 4096}}}, INVALID, "exceeded the 4KB limit. String measured: {"),
        ({"Environment": {"Variables": {"1ST": "x"}}}, VALIDATION, "environment.variables"),
        ({"Layers": ["arn:aws:lambda:eu-west-1:123456789012:layer:no:1"]}, INVALID, "does not exist"),
        ({"DeadLetterConfig": {"TargetArn": "arn:aws:s3:::bucket"}}, INVALID, "deadLetterConfig"),
        ({"SnapStart": {"ApplyOn": "PublishedVersions"}, "Runtime": "python3.11"}, INVALID, "python3.11 is not supported for SnapStart enabled functions."),
        ({"Role": "arn:aws:iam::123456789012:role/nobody"}, INVALID, "The role defined for the function cannot be assumed by Lambda."),
        ({"Role": "nobody"}, VALIDATION, "at 'role'"),
        ({"Code": {"ZipFile": b"this is no zip"}}, INVALID, "Could not unzip uploaded file. Please check your file, then try to upload again."),
        ({"Code": {"S3Bucket": "nowhere", "S3Key": "app.zip"}}, INVALID, "NoSuchBucket"),
        ({"LoggingConfig": {"LogFormat": "XML"}}, VALIDATION, "loggingConfig.logFormat"),
    ],
)  # fmt: skip
def test_what_aws_refuses_is_refused(functions: Any, settings: dict[str, Any], code: str, says: str) -> None:
    seen = functions.refused(functions.make, functions.ECHO, **settings)
    assert seen[0] == code
    assert says in seen[1]
    assert functions.api.list_functions()["Functions"] == []


def test_several_broken_constraints_come_in_one_message(functions: Any) -> None:
    _, message = functions.refused(functions.make, Timeout=901, MemorySize=20_000)
    assert message.startswith("2 validation errors detected: ")


@pytest.mark.parametrize("left_out", ["Runtime", "Handler"])
def test_a_zip_file_needs_runtime_and_handler(functions: Any, left_out: str) -> None:
    given = {
        "FunctionName": "f", "Runtime": "python3.13", "Handler": "app.handler",
        "Role": "arn:aws:iam::123456789012:role/orders", "Code": {"ZipFile": functions.package()},
    }  # fmt: skip
    del given[left_out]
    code, message = functions.refused(functions.api.create_function, **given)
    assert (code, message.partition(" ")[0]) == (INVALID, "Runtime")


def test_a_role_that_does_not_trust_lambda_is_refused(functions: Any) -> None:
    ec2 = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    role = functions.role("machines", trust=ec2)
    expected = (INVALID, "The role defined for the function cannot be assumed by Lambda.")
    assert functions.refused(functions.make, Role=role) == expected
    functions.make()
    assert (
        functions.refused(functions.api.update_function_configuration, FunctionName="f", Role=role)
        == expected
    )


def test_a_name_is_taken_once(functions: Any) -> None:
    functions.make()
    assert functions.refused(functions.make)[0] == "ResourceConflictException"
    assert functions.refused(functions.make, name="x" * 65)[0] == VALIDATION


def test_a_dead_letter_queue_needs_the_roles_right_to_send(functions: Any) -> None:
    _, arn = functions.queue()
    small = functions.role("small")
    seen = functions.refused(functions.make, Role=small, DeadLetterConfig={"TargetArn": arn})
    assert seen == (
        INVALID,
        "The provided execution role does not have permissions to call SendMessage on SQS",
    )


def test_a_change_is_checked_as_creation_is_and_changes_nothing_when_refused(functions: Any) -> None:
    functions.make()
    update = functions.api.update_function_configuration
    assert functions.refused(update, FunctionName="f", Timeout=901)[0] == VALIDATION
    variables = {"Variables": {"AWS_LAMBDA_FUNCTION_NAME": "x"}}
    assert functions.refused(update, FunctionName="f", Environment=variables)[0] == INVALID
    assert functions.refused(update, FunctionName="nope")[0] == "ResourceNotFoundException"
    assert functions.refused(update, FunctionName="f", Timeout=9, RevisionId="old")[0] == (
        "PreconditionFailedException"
    )
    assert functions.api.get_function_configuration(FunctionName="f")["Timeout"] == 5


def test_a_change_with_the_right_revision_gets_a_new_one(functions: Any) -> None:
    first = functions.make()["RevisionId"]
    changed = functions.api.update_function_configuration(FunctionName="f", Timeout=9, RevisionId=first)
    assert changed["LastUpdateStatus"] == "InProgress"
    now = functions.api.get_function_configuration(FunctionName="f")
    assert (now["Timeout"], now["LastUpdateStatus"]) == (9, "Successful")
    assert now["RevisionId"] == changed["RevisionId"] != first


def test_bad_code_leaves_the_old_code_running(functions: Any) -> None:
    functions.make("def handler(event, context):\n    return 'old'\n")
    before = functions.api.get_function_configuration(FunctionName="f")["CodeSha256"]
    update = functions.api.update_function_code
    assert functions.refused(update, FunctionName="f", ZipFile=b"no zip")[0] == INVALID
    dry = update(FunctionName="f", ZipFile=functions.package("x = 1"), DryRun=True)
    assert dry["CodeSha256"] != before
    assert functions.call()[0] == "old"
    assert functions.api.get_function_configuration(FunctionName="f")["CodeSha256"] == before


def test_code_that_unpacks_to_more_than_250_mb_is_refused(functions: Any) -> None:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("model.bin", "w", force_zip64=True) as file,
    ):
        for _ in range(63):
            file.write(bytes(1 << 22))
    seen = functions.refused(functions.make, Code={"ZipFile": buffer.getvalue()})
    assert seen == (INVALID, "Unzipped size must be smaller than 262144000 bytes")


def test_more_than_50_mb_of_zip_do_not_get_in(functions: Any) -> None:
    seen = functions.refused(functions.make, Code={"ZipFile": bytes(52_700_000)})
    assert seen[0] == "RequestEntityTooLargeException"


def test_code_from_s3_runs_in_the_version_that_was_named(functions: Any) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="code", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket="code", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(
        Bucket="code", Key="app.zip", Body=functions.package("def handler(event, context):\n    return 1\n")
    )["VersionId"]
    s3.put_object(
        Bucket="code", Key="app.zip", Body=functions.package("def handler(event, context):\n    return 2\n")
    )
    functions.make(Code={"S3Bucket": "code", "S3Key": "app.zip"})
    assert functions.call()[0] == 2
    functions.api.update_function_code(
        FunctionName="f", S3Bucket="code", S3Key="app.zip", S3ObjectVersion=first
    )
    assert functions.call()[0] == 1
    assert functions.api.get_function(FunctionName="f")["Code"]["RepositoryType"] == "S3"
    seen = functions.refused(
        functions.api.update_function_code, FunctionName="f", S3Bucket="code", S3Key="none.zip"
    )
    assert seen[0] == INVALID
    assert "NoSuchKey" in seen[1]
    assert functions.call()[0] == 1


def test_layers_are_checked_and_used(functions: Any) -> None:
    publish = functions.api.publish_layer_version
    arns = [
        publish(LayerName=f"l{number}", Content={"ZipFile": functions.package(files={f"python/part{number}.py": f"n = {number}\n"})})[
            "LayerVersionArn"
        ]
        for number in range(6)
    ]  # fmt: skip
    functions.make("import part1\ndef handler(event, context):\n    return part1.n\n", Layers=arns[:5])
    assert functions.call()[0] == 1
    update = functions.api.update_function_configuration
    assert functions.refused(update, FunctionName="f", Layers=arns) == (
        INVALID, "Cannot reference more than 5 layers.",
    )  # fmt: skip
    newer = publish(LayerName="l1", Content={"ZipFile": functions.package("x = 2")})["LayerVersionArn"]
    seen = functions.refused(update, FunctionName="f", Layers=[arns[1], newer])
    assert "Two different versions of the same layer" in seen[1]


def test_settings_are_kept_and_shown(functions: Any) -> None:
    _, arn = functions.queue()
    functions.make(
        DeadLetterConfig={"TargetArn": arn}, TracingConfig={"Mode": "Active"}, Tags={"team": "orders"},
        LoggingConfig={"LogFormat": "JSON", "LogGroup": "/orders/all"}, EphemeralStorage={"Size": 1024},
        SnapStart={"ApplyOn": "PublishedVersions"}, Architectures=["arm64"],
        Environment={"Variables": {"STAGE": "test"}},
        FileSystemConfigs=[{"Arn": "arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point/fsap-0123456789abcdef0", "LocalMountPath": "/mnt/data"}],
    )  # fmt: skip
    shown = functions.api.get_function(FunctionName="f")
    config = shown["Configuration"]
    assert shown["Tags"] == {"team": "orders"}
    assert config["State"] == "Active"
    assert config["LastUpdateStatus"] == "Successful"
    assert config["TracingConfig"] == {"Mode": "Active"}
    assert config["LoggingConfig"] == {
        "LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO", "LogGroup": "/orders/all",
    }  # fmt: skip
    assert config["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    assert config["FileSystemConfigs"][0]["LocalMountPath"] == "/mnt/data"
    assert config["EphemeralStorage"] == {"Size": 1024}
    assert config["Environment"] == {"Variables": {"STAGE": "test"}}
    functions.api.update_function_configuration(FunctionName="f", DeadLetterConfig={"TargetArn": ""})
    assert "DeadLetterConfig" not in functions.api.get_function_configuration(FunctionName="f")


def test_json_logs_go_into_the_group_that_was_set(functions: Any) -> None:
    functions.make(functions.COUNTS, LoggingConfig={"LogFormat": "JSON", "LogGroup": "/orders/all"})
    functions.call({"word": "tea"})
    lines = functions.lines(group="/orders/all")
    start, report = json.loads(lines[0]), json.loads(lines[-1])
    assert start["type"] == "platform.start"
    assert report["type"] == "platform.report"
    assert report["record"]["status"] == "success"
    assert report["record"]["metrics"]["memorySizeMB"] == 128


def test_waiters_cost_no_time(functions: Any) -> None:
    created = functions.make()
    assert (created["State"], created["StateReasonCode"]) == ("Pending", "Creating")
    functions.api.get_waiter("function_active_v2").wait(FunctionName="f")
    functions.api.update_function_configuration(FunctionName="f", Timeout=9)
    functions.api.get_waiter("function_updated_v2").wait(FunctionName="f")


def test_account_settings_count(functions: Any) -> None:
    functions.make()
    settings = functions.api.get_account_settings()
    assert settings["AccountLimit"]["ConcurrentExecutions"] == 1000
    assert settings["AccountLimit"]["CodeSizeZipped"] == 52_428_800
    assert settings["AccountUsage"]["FunctionCount"] == 1


def test_settings_survive_a_snapshot(functions: Any, sandbox: Sandbox) -> None:
    functions.make(LoggingConfig={"LogGroup": "/orders/all"})
    snapshot = sandbox.snapshot()
    functions.api.delete_function(FunctionName="f")
    sandbox.restore(snapshot)
    config = functions.api.get_function_configuration(FunctionName="f")
    assert config["LoggingConfig"]["LogGroup"] == "/orders/all"
