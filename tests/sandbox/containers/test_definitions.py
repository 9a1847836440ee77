"""Task definitions: what comes back, revisions and their end, and what is refused with AWS's words."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox
from tests.sandbox.containers.capacitykit import container, ecs, fargate, job, refused, register
from tests.sandbox.enforced import refusal

ROLE = "arn:aws:iam::123456789012:role/execution"
LOGS: dict[str, Any] = {
    "logDriver": "awslogs",
    "options": {"awslogs-group": "g", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "p"},
}


SECRET = {"name": "KEY", "valueFrom": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:key-abc"}


def logs(**options: str | None) -> dict[str, Any]:
    """A definition with other log options; None takes one away."""
    given = {name: value for name, value in ({**LOGS["options"], **options}).items() if value}
    settings = {"logDriver": "awslogs", "options": given}
    return {"executionRoleArn": ROLE, "containerDefinitions": [container(logConfiguration=settings)]}


@pytest.fixture(autouse=True)
def _account(sandbox: Sandbox) -> None:
    pass


def test_everything_that_was_given_comes_back() -> None:
    given = fargate(
        taskRoleArn=ROLE, executionRoleArn=ROLE, cpu=".5 vCPU", memory="1 GB", pidMode="task",
        ephemeralStorage={"sizeInGiB": 21}, runtimePlatform={"cpuArchitecture": "ARM64"}, enableFaultInjection=True,
        volumes=[{"name": "data"}], tags=[{"key": "team", "value": "blue"}],
        containerDefinitions=[
            container(
                portMappings=[{"containerPort": 80, "name": "http"}], logConfiguration=LOGS, stopTimeout=120,
                healthCheck={"command": ["CMD-SHELL", "exit 0"]}, mountPoints=[{"sourceVolume": "data"}],
                dependsOn=[{"containerName": "init", "condition": "SUCCESS"}], command=["serve"],
                secrets=[{"name": "KEY", "valueFrom": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:key-abc"}],
                versionConsistency="disabled", restartPolicy={"enabled": True, "restartAttemptPeriod": 60},
            ),
            container(name="init", essential=False),
        ],
    )  # fmt: skip
    register(**given)
    answer = ecs().describe_task_definition(taskDefinition="web", include=["TAGS"])
    found = answer["taskDefinition"]
    assert answer["tags"] == given["tags"]
    plain = (
        "taskRoleArn",
        "executionRoleArn",
        "pidMode",
        "ephemeralStorage",
        "runtimePlatform",
        "enableFaultInjection",
    )
    assert {key: found[key] for key in plain} == {key: given[key] for key in plain}
    assert (found["cpu"], found["memory"]) == ("512", "1024")
    app = found["containerDefinitions"][0]
    assert app["portMappings"] == [{"containerPort": 80, "hostPort": 80, "protocol": "tcp", "name": "http"}]
    assert app["healthCheck"] == {
        "command": ["CMD-SHELL", "exit 0"],
        "interval": 30,
        "timeout": 5,
        "retries": 3,
    }
    for key in ("dependsOn", "secrets", "stopTimeout", "command", "versionConsistency", "restartPolicy"):
        assert app[key] == given["containerDefinitions"][0][key]
    assert app["essential"]
    assert app["environment"] == []
    names = {one["name"] for one in found["requiresAttributes"]}
    assert {"ecs.capability.task-eni", "ecs.capability.execution-role-awslogs"} <= names
    assert found["registeredBy"].endswith(":user/learner")
    assert found["registeredAt"]


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, ["EC2", "MANAGED_INSTANCES", "FARGATE"]),
        ({"requiresCompatibilities": ["EC2"]}, ["EC2", "MANAGED_INSTANCES", "FARGATE"]),
        ({"requiresCompatibilities": ["EC2"], "cpu": "300"}, ["EC2", "MANAGED_INSTANCES"]),
        ({"requiresCompatibilities": ["EC2"], "networkMode": "bridge"}, ["EXTERNAL", "EC2"]),
    ],
)
def test_compatibilities_say_on_what_it_could_run(changes: dict[str, Any], wanted: list[str]) -> None:
    assert register(**fargate(**changes))["compatibilities"] == wanted


def test_revisions_only_grow_and_old_ones_stay() -> None:
    for _ in range(3):
        job()
    ecs().deregister_task_definition(taskDefinition="job:3")
    assert ecs().describe_task_definition(taskDefinition="job")["taskDefinition"]["revision"] == 2
    old = ecs().describe_task_definition(taskDefinition="job:3")["taskDefinition"]
    assert old["status"] == "INACTIVE"
    assert old["deregisteredAt"]
    job()
    assert ecs().describe_task_definition(taskDefinition="job")["taskDefinition"]["revision"] == 4
    arns = ecs().list_task_definitions(familyPrefix="job", sort="DESC")["taskDefinitionArns"]
    assert [arn.rpartition(":")[2] for arn in arns] == ["4", "2", "1"]


def test_a_deleted_revision_goes_and_its_number_is_never_used_again(sandbox: Sandbox) -> None:
    job()
    found = ecs().delete_task_definitions(taskDefinitions=["job:1"])
    assert "still in ACTIVE status" in found["failures"][0]["reason"]
    ecs().deregister_task_definition(taskDefinition="job:1")
    found = ecs().delete_task_definitions(taskDefinitions=["job:1"])
    assert found["taskDefinitions"][0]["status"] == "DELETE_IN_PROGRESS"
    assert ecs().list_task_definitions(status="DELETE_IN_PROGRESS")["taskDefinitionArns"]
    sandbox.clock.advance(minutes=2)
    code, text = refusal(ecs().describe_task_definition, taskDefinition="job:1")
    assert (code, text) == ("ClientException", "Unable to describe task definition.")
    job()
    assert ecs().describe_task_definition(taskDefinition="job")["taskDefinition"]["revision"] == 2


def test_families_and_lists_come_in_pages() -> None:
    for number in range(3):
        job(f"f{number}")
    ecs().deregister_task_definition(taskDefinition="f1:1")
    assert ecs().list_task_definition_families(status="ACTIVE")["families"] == ["f0", "f2"]
    assert ecs().list_task_definition_families(status="INACTIVE")["families"] == ["f1"]
    first = ecs().list_task_definitions(maxResults=1)
    rest = ecs().list_task_definitions(nextToken=first["nextToken"])
    assert len(first["taskDefinitionArns"]) == 1
    assert len(rest["taskDefinitionArns"]) == 1


TWO = container(name="other")
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "family": ({"family": "bad name!"}, "Family contains invalid characters."),
    "no container": ({"containerDefinitions": []}, "Container list cannot be empty."),
    "name": (
        {"containerDefinitions": [container(name="a b")]},
        "Container.name contains invalid characters.",
    ),
    "image": (
        {"containerDefinitions": [container(image="")]},
        "Container.image should not be null or empty.",
    ),
    "twice": (
        {"containerDefinitions": [container(), container()]},
        "Container names must be unique within a task definition",
    ),
    "essential": (
        {"containerDefinitions": [container(essential=False)]},
        "Task definition doesn't have any essential container",
    ),
    "circle": (
        {
            "containerDefinitions": [
                container(dependsOn=[{"containerName": "other", "condition": "START"}]),
                container(name="other", dependsOn=[{"containerName": "app", "condition": "START"}]),
            ]
        },
        "Container dependencies should not have a cycle",
    ),
    "depends on nobody": (
        {"containerDefinitions": [container(dependsOn=[{"containerName": "nope", "condition": "START"}])]},
        "Cannot depend on container + 'nope' because it does not exist",
    ),
    "essential job": (
        {
            "containerDefinitions": [
                container(dependsOn=[{"containerName": "other", "condition": "SUCCESS"}]),
                TWO,
            ]
        },
        "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
    ),
    "healthy without check": (
        {
            "containerDefinitions": [
                container(dependsOn=[{"containerName": "other", "condition": "HEALTHY"}]),
                TWO,
            ]
        },
        "A dependency container with HEALTHY condition must have health check configured",
    ),
    "logs without role": (
        {"containerDefinitions": [container(logConfiguration=LOGS)]},
        "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
    ),
    "secrets without role": (
        {"containerDefinitions": [container(secrets=[{"name": "A", "valueFrom": "parameter"}])]},
        "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
    ),
    "ports": (
        {"containerDefinitions": [container(portMappings=[{"containerPort": 80, "hostPort": 8080}])]},
        "When networkMode=awsvpc, the host ports and container ports in port mappings must match.",
    ),
    "links": (
        {"containerDefinitions": [container(links=["other"]), TWO]},
        "Links are not supported when networkMode=awsvpc.",
    ),
    "privileged": (
        {"containerDefinitions": [container(privileged=True)]},
        "Fargate requires that the \u2018privileged\u2019 setting be \u2018false\u2019 at the container level.",
    ),
    "too slow to stop": (
        {"containerDefinitions": [container(stopTimeout=121)]},
        "Invalid 'stopTimeout' setting for container 'app': Fargate supports at most 120 seconds.",
    ),
    "small storage": ({"ephemeralStorage": {"sizeInGiB": 20}}, "EphemeralStorage size should be at least 21"),
    "large storage": (
        {"ephemeralStorage": {"sizeInGiB": 201}},
        "EphemeralStorage size should be at most 200",
    ),
    "interval": (
        {"containerDefinitions": [container(healthCheck={"command": ["CMD", "true"], "interval": 301})]},
        "Health check interval must be less than or equal to the maximum allowed value 300 for container 'app'",
    ),
    "memory": (
        {"containerDefinitions": [container(memory=1024)]},
        "The 'memory' setting for container 'app' is greater than for the task",
    ),
    "cpu": (
        {"containerDefinitions": [container(cpu=512)]},
        "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.",
    ),
    "volume": (
        {"containerDefinitions": [container(mountPoints=[{"sourceVolume": "data"}])]},
        "Unknown volume 'data'.",
    ),
    "pid": (
        {"pidMode": "host"},
        "Tasks using the Fargate launch type do not support pidMode 'host'. "
        "The supported value for pidMode is 'task'.",
    ),
    "ipc": ({"ipcMode": "task"}, "Tasks using the Fargate launch type do not support ipcMode."),
    "constraints": (
        {"placementConstraints": [{"type": "memberOf", "expression": "attribute:a exists"}]},
        "Fargate compatible task definitions do not support constraints",
    ),
    "eleven": (
        {"containerDefinitions": [container(name=f"c{number}") for number in range(11)]},
        "Too many containers.",
    ),
    "role": ({"executionRoleArn": "no role at all"}, "Role is not valid"),
    "user for a role": ({"taskRoleArn": "arn:aws:iam::123456789012:user/ana"}, "Role is not valid"),
    "one port twice": (
        {
            "containerDefinitions": [
                container(portMappings=[{"containerPort": 80}]),
                container(name="other", portMappings=[{"containerPort": 80}]),
            ]
        },
        "TCP host port '80' is mapped multiple times in task.",
    ),
    "one secret twice": (
        {"executionRoleArn": ROLE, "containerDefinitions": [container(secrets=[SECRET, SECRET])]},
        "Duplicate secret names found: KEY. Each secret name must be unique.",
    ),
    "secret and variable": (
        {
            "executionRoleArn": ROLE,
            "containerDefinitions": [
                container(secrets=[SECRET], environment=[{"name": "KEY", "value": "1"}])
            ],
        },
        "The secret name must be unique and not shared with any new or existing environment variables set on the "
        "container, such as 'KEY'.",
    ),
    "logs to nowhere": (
        logs(**{"awslogs-region": None}),
        "Log driver awslogs requires options: awslogs-region",
    ),
    "logs without a group": (
        logs(**{"awslogs-region": None, "awslogs-group": None}),
        "Log driver awslogs requires options: awslogs-region, awslogs-group",
    ),
    "logs without a prefix": (
        logs(**{"awslogs-stream-prefix": None}),
        "Fargate requires log configuration options to include awslogs-stream-prefix to support log driver awslogs.",
    ),
    "unknown log option": (
        logs(**{"awslogs-endpoint": "x"}),
        "Log driver awslogs disallows options: awslogs-endpoint",
    ),
    "no group to make": (
        logs(**{"awslogs-create-group": "false"}),
        "Log driver awslogs option 'awslogs-create-group' should only be set to 'true', else omit option.",
    ),
    "too slow to start": (
        {"containerDefinitions": [container(startTimeout=121)]},
        "Invalid 'startTimeout' setting for container 'app': Fargate supports at most 120 seconds.",
    ),
    "log driver": (
        {"containerDefinitions": [container(logConfiguration={"logDriver": "json-file"})]},
        "json-file is not a valid log driver. Must be one of [awslogs,splunk,awsfirelens]",
    ),
}


def test_a_definition_that_cannot_be_is_refused() -> None:
    found = {name: refused(**changes) for name, (changes, _) in REFUSED.items()}
    assert found == {name: ("ClientException", wanted) for name, (_, wanted) in REFUSED.items()}
    assert ecs().list_task_definitions()["taskDefinitionArns"] == []


def test_what_two_containers_may_share() -> None:
    tcp = {"containerPort": 80}
    register(**fargate(containerDefinitions=[container(portMappings=[tcp, {**tcp, "protocol": "udp"}])]))
    register(
        family="bridge",
        containerDefinitions=[
            container(memory=64, portMappings=[tcp]), container(name="b", memory=64, portMappings=[tcp]),
        ],
    )  # fmt: skip


def test_what_only_fargate_refuses_is_fine_on_instances() -> None:
    made = register(
        family="agent", networkMode="host", pidMode="host", ipcMode="host",
        containerDefinitions=[container(memory=64, privileged=True, stopTimeout=600)],
    )  # fmt: skip
    assert "FARGATE" not in made["compatibilities"]
    assert made["pidMode"] == "host"


def test_a_container_needs_memory_from_somewhere() -> None:
    wanted = "Invalid setting for container 'app'. At least one of 'memory' or 'memoryReservation' must be specified."
    given = {"family": "job", "containerDefinitions": [container()]}
    assert refusal(ecs().register_task_definition, **given) == ("ClientException", wanted)
    assert register(**given, memory="512")["memory"] == "512"


def test_values_outside_the_model_are_named() -> None:
    code, text = refused(networkMode="zzz")
    assert code == "InvalidParameterException"
    assert "at 'networkMode' failed to satisfy constraint" in text
    wrong = [
        refusal(ecs().list_task_definitions, status="OLD"), refusal(ecs().list_task_definitions, sort="UP"),
        refusal(ecs().list_task_definitions, maxResults=101), refusal(ecs().list_task_definition_families, status="X"),
    ]  # fmt: skip
    assert {code for code, _ in wrong} == {"InvalidParameterException"}


def test_a_wrong_revision_number_is_refused() -> None:
    job()
    assert refusal(ecs().describe_task_definition, taskDefinition="job:x")[0] == "InvalidParameterException"
    assert refusal(boto3.client("ecs").deregister_task_definition, taskDefinition="job") == (
        "ClientException",
        "Revision is missing.",
    )
