"""Two roles: the execution role starts the task, the task role is the program's. What is said when rights lack."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox
from tests.sandbox.containers import servicekit as kit
from tests.sandbox.containers import taskkit as tasks
from tests.sandbox.enforced import HERE

READS = """
PORT = 8080
def main(box):
    try:
        print("template", box.client("s3").get_object(Bucket="shop-templates", Key="mail")["Body"].read().decode())
    except Exception as error:
        print(type(error).__name__, error)
"""
PULL = ("ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
WRITE = ("logs:CreateLogStream", "logs:PutLogEvents")


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    boto3.client("logs").create_log_group(logGroupName="/shop/user")
    s3 = boto3.client("s3")
    s3.create_bucket(
        Bucket="shop-templates", CreateBucketConfiguration={"LocationConstraint": sandbox.region}
    )
    s3.put_object(Bucket="shop-templates", Key="mail", Body=b"Dear guest")


def define(source: str = READS, *, execution: str = "", task: str = "", **more: object) -> str:
    roles = {"taskRoleArn": task} if task else {}
    container = tasks.container("app", kit.image(source), logConfiguration=tasks.logging(), **more)
    execution = execution or tasks.role("starter", *PULL, *WRITE)
    return tasks.define(container, family="user", executionRoleArn=execution, **roles)


def said(sandbox: Sandbox, definition: str) -> list[str]:
    tasks.until(tasks.start(definition), "RUNNING")
    sandbox.clock.advance(seconds=6)
    return tasks.lines()


def test_the_program_reads_with_the_task_role(sandbox: Sandbox) -> None:
    role = tasks.role("reader", "s3:GetObject")
    arn = tasks.start(define(task=role))
    tasks.until(arn, "RUNNING")
    sandbox.clock.advance(seconds=6)
    assert tasks.lines() == ["template Dear guest"]
    call = sandbox.trace.where(service="s3", action="GetObject")[-1]
    assert call.caller == f"assumed-role/reader/{arn.rpartition('/')[2]}"


def test_rights_of_the_execution_role_do_not_help_the_program(sandbox: Sandbox) -> None:
    execution = tasks.role("starter", *PULL, *WRITE, "s3:GetObject")
    role = tasks.role("reader", "sqs:SendMessage")
    arn = tasks.start(define(execution=execution, task=role))
    tasks.until(arn, "RUNNING")
    sandbox.clock.advance(seconds=6)
    text = tasks.lines()[0]
    assert "AccessDenied" in text
    assert f"arn:aws:sts::{HERE}:assumed-role/reader/{arn.rpartition('/')[2]}" in text


def test_without_a_task_role_the_program_has_no_credentials(sandbox: Sandbox) -> None:
    assert said(sandbox, define()) == ["NoCredentialsError Unable to locate credentials"]


def test_rights_taken_away_are_missing_at_the_next_call(sandbox: Sandbox) -> None:
    role = tasks.role("reader", "s3:GetObject")
    assert said(sandbox, define(task=role)) == ["template Dear guest"]
    boto3.client("iam").delete_role_policy(RoleName="reader", PolicyName="Own")
    assert "AccessDenied" in said(sandbox, "user:1")[-1]


def test_a_role_that_does_not_trust_ecs_is_refused_when_the_task_is_run(sandbox: Sandbox) -> None:
    other = kit.make_role("other", trusts={"Service": "ec2.amazonaws.com"})
    definition = define(task=other)
    with pytest.raises(ClientError) as refused:
        tasks.start(definition)
    error = refused.value.response["Error"]
    assert error["Code"] == "ClientException"
    assert error["Message"].startswith(
        f"ECS was unable to assume the role '{other}' that was provided for this task."
    )


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("ecr:GetAuthorizationToken", "ResourceInitializationError: unable to pull secrets or registry auth"),
        ("ecr:BatchGetImage", "CannotPullContainerError: "),
        ("ecr:GetDownloadUrlForLayer", "CannotPullContainerError: "),
        ("logs:CreateLogStream", "ResourceInitializationError: failed to validate logger args"),
    ],
)
def test_what_the_execution_role_lacks_stops_the_task(sandbox: Sandbox, missing: str, reason: str) -> None:
    rights = [one for one in (*PULL, *WRITE) if one != missing]
    task = tasks.until(tasks.start(define(execution=tasks.role("starter", *rights))), "STOPPED")
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith(reason)
    assert "startedAt" not in task
    if missing in ("ecr:GetAuthorizationToken", "logs:CreateLogStream"):
        identifier = task["taskArn"].rpartition("/")[2]
        assert f"User: arn:aws:sts::{HERE}:assumed-role/starter/{identifier}" in task["stoppedReason"]
        assert f"not authorized to perform: {missing}" in task["stoppedReason"]


def test_without_the_right_to_write_the_log_stays_empty_and_the_task_runs(sandbox: Sandbox) -> None:
    execution = tasks.role("starter", *PULL, "logs:CreateLogStream")
    definition = define("PORT = 8080\ndef main(box):\n    print('hello')\n", execution=execution)
    assert said(sandbox, definition) == []


def test_a_log_group_that_is_missing_stops_the_task(sandbox: Sandbox) -> None:
    boto3.client("logs").delete_log_group(logGroupName="/shop/user")
    task = tasks.until(tasks.start(define()), "STOPPED")
    assert task["stoppedReason"].endswith(
        "failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist."
        " : exit status 1"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mode": "careless"}, "logger: logging mode not supported: careless"),
        (
            {"mode": "blocking", "max-buffer-size": "4m"},
            "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
        ),
    ],
)
def test_a_log_mode_that_the_driver_lacks_stops_the_task(
    sandbox: Sandbox, options: dict[str, str], said: str
) -> None:
    container = tasks.container("app", kit.image(), logConfiguration=tasks.logging(**options))
    task = tasks.until(tasks.start(tasks.define(container)), "STOPPED")
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"] == f"ResourceInitializationError: failed to validate logger args: {said}"


def test_create_group_makes_the_group_with_the_right_to(sandbox: Sandbox) -> None:
    logs = boto3.client("logs")
    logs.delete_log_group(logGroupName="/shop/user")
    picture = kit.image("PORT = 8080\ndef main(box):\n    print('hello')\n")
    container = tasks.container(
        "app", picture, logConfiguration=tasks.logging(**{"awslogs-create-group": "true"})
    )
    starter = tasks.role("starter", *PULL, *WRITE)
    definition = tasks.define(container, executionRoleArn=starter)
    task = tasks.until(tasks.start(definition), "STOPPED")
    assert "failed to create Cloudwatch log group: AccessDeniedException" in task["stoppedReason"]
    creator = tasks.role("creator", *PULL, *WRITE, "logs:CreateLogGroup")
    assert said(sandbox, tasks.define(container, executionRoleArn=creator)) == ["hello"]


def test_the_stream_is_named_after_prefix_container_and_task(sandbox: Sandbox) -> None:
    arn = tasks.start(define())
    tasks.until(arn, "RUNNING")
    streams = boto3.client("logs").describe_log_streams(logGroupName="/shop/user")["logStreams"]
    assert [one["logStreamName"] for one in streams] == [f"shop/app/{arn.rpartition('/')[2]}"]


def test_an_image_that_does_not_exist_cannot_be_pulled(sandbox: Sandbox) -> None:
    picture = kit.image().replace(":1", ":none")
    task = tasks.until(tasks.start(tasks.define(tasks.container("app", picture))), "STOPPED")
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("CannotPullContainerError: ")
    assert "not found" in task["stoppedReason"]
    assert tasks.first(task)["lastStatus"] == "STOPPED"


# -- secrets -----------------------------------------------------------------------------------------------

TELLS = "PORT = 8080\ndef main(box):\n    print(box.environment.get('PASSWORD'))\n"


def secret(text: str = "tea") -> str:
    return str(boto3.client("secretsmanager").create_secret(Name="shop/password", SecretString=text)["ARN"])


def with_secret(source: str, *rights: str) -> str:
    execution = tasks.role("starter", *PULL, *WRITE, *rights)
    return define(TELLS, execution=execution, secrets=[{"name": "PASSWORD", "valueFrom": source}])


def test_a_secret_is_in_the_environment(sandbox: Sandbox) -> None:
    assert said(sandbox, with_secret(secret(), "secretsmanager:GetSecretValue")) == ["tea"]


def test_one_field_of_a_secret_is_in_the_environment(sandbox: Sandbox) -> None:
    arn = secret(json.dumps({"user": "ana", "password": "milk"}))
    assert said(sandbox, with_secret(f"{arn}:password::", "secretsmanager:GetSecretValue")) == ["milk"]


def test_a_field_that_is_missing_stops_the_task(sandbox: Sandbox) -> None:
    arn = secret(json.dumps({"user": "ana"}))
    definition = with_secret(f"{arn}:password::", "secretsmanager:GetSecretValue")
    task = tasks.until(tasks.start(definition), "STOPPED")
    assert task["stoppedReason"].endswith("did not contain json key password")


def test_a_parameter_is_in_the_environment(sandbox: Sandbox) -> None:
    boto3.client("ssm").put_parameter(Name="/shop/password", Value="cocoa", Type="SecureString")
    arn = f"arn:aws:ssm:{sandbox.region}:{HERE}:parameter/shop/password"
    assert said(sandbox, with_secret(arn, "ssm:GetParameters", "kms:Decrypt")) == ["cocoa"]


def test_a_secret_the_execution_role_may_not_read_stops_the_task(sandbox: Sandbox) -> None:
    task = tasks.until(tasks.start(with_secret(secret())), "STOPPED")
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith(
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
        "unable to retrieve secret from asm: "
    )
    assert "assumed-role/starter/" in task["stoppedReason"]
    assert "secretsmanager:GetSecretValue" in task["stoppedReason"]


def test_a_secret_that_changes_does_not_change_a_running_task(sandbox: Sandbox) -> None:
    arn = secret()
    asks = TELLS + "def handle(request, box):\n    return box.environment['PASSWORD']\n"
    execution = tasks.role("starter", *PULL, *WRITE, "secretsmanager:GetSecretValue")
    tasks.until(
        tasks.start(define(asks, execution=execution, secrets=[{"name": "PASSWORD", "valueFrom": arn}])),
        "RUNNING",
    )
    boto3.client("secretsmanager").put_secret_value(SecretId=arn, SecretString="water")
    sandbox.clock.advance(minutes=5)
    assert tasks.lines() == ["tea"]
    tasks.until(tasks.start("user:1"), "RUNNING")
    sandbox.clock.advance(seconds=6)
    assert tasks.lines() == ["tea", "water"]
