"""What RunTask, CreateService and UpdateService refuse, in AWS's words."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox
from tests.sandbox.containers.capacitykit import (
    CLUSTER,
    cluster,
    container,
    ecs,
    fargate,
    job,
    machines,
    network,
    register,
    subnets,
)
from tests.sandbox.enforced import refusal

INVALID = "InvalidParameterException"


@pytest.fixture(autouse=True)
def _account(sandbox: Sandbox) -> None:
    cluster(capacityProviders=["FARGATE", "FARGATE_SPOT"])
    register(**fargate())
    job()


def run(**more: Any) -> tuple[str, str]:
    given = {
        "cluster": CLUSTER,
        "taskDefinition": "web",
        "launchType": "FARGATE",
        "networkConfiguration": network(),
    }
    given |= more
    return refusal(ecs().run_task, **{key: value for key, value in given.items() if value is not None})


def create(**more: Any) -> tuple[str, str]:
    given = {
        "cluster": CLUSTER, "serviceName": "web", "taskDefinition": "web", "launchType": "FARGATE",
        "networkConfiguration": network(), "desiredCount": 1,
    } | more  # fmt: skip
    return refusal(ecs().create_service, **{key: value for key, value in given.items() if value is not None})


BOTH = [
    (
        {"capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]}, INVALID,
        "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
    ),
    (
        {"networkConfiguration": None}, INVALID,
        "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
    ),
    (
        {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}}, INVALID,
        "Error retrieving subnet information for [subnet-1]: The subnet ID 'subnet-1' does not exist "
        "(ErrorCode: InvalidSubnetID.NotFound)",
    ),
    ({"networkConfiguration": {"awsvpcConfiguration": {"subnets": []}}}, INVALID, "subnets can not be empty."),
    (
        {"taskDefinition": "job", "networkConfiguration": None}, INVALID,
        "Task definition does not support launch_type FARGATE.",
    ),
    (
        {"placementConstraints": [{"type": "distinctInstance"}]}, INVALID,
        "Placement constraints are not supported with FARGATE launch type.",
    ),
    (
        {"placementStrategy": [{"type": "random"}]}, INVALID,
        "Placement strategies are not supported with FARGATE launch type.",
    ),
    ({"platformVersion": "1.2.0"}, "PlatformUnknownException", "The specified platform version does not exist."),
    (
        {"launchType": None, "capacityProviderStrategy": [{"capacityProvider": "mine", "weight": 1}]}, INVALID,
        "The specified capacity provider 'mine' was not found.",
    ),
    (
        {
            "launchType": None,
            "capacityProviderStrategy": [{"capacityProvider": "FARGATE"}, {"capacityProvider": "FARGATE_SPOT"}],
        }, INVALID,
        "There are no capacity providers in the capacity provider strategy with a weight value greater than zero. "
        "Specify a weight value greater than zero for at least one capacity provider and try again.",
    ),
    (
        {
            "launchType": None,
            "capacityProviderStrategy": [
                {"capacityProvider": "FARGATE", "base": 1, "weight": 1},
                {"capacityProvider": "FARGATE_SPOT", "base": 1, "weight": 1},
            ],
        }, INVALID,
        "There are multiple capacity providers in the specified capacity provider strategy with a base value greater "
        "than zero. Only one capacity provider can have a base value greater than zero. Specify a valid capacity "
        "provider strategy and try again.",
    ),
    ({"cluster": "nowhere"}, "ClusterNotFoundException", "Cluster not found."),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "code", "text"), BOTH)
def test_tasks_and_services_are_refused_alike(changes: dict[str, Any], code: str, text: str) -> None:
    assert run(**changes) == (code, text)
    assert create(**changes) == (code, text)
    assert ecs().list_tasks(cluster=CLUSTER)["taskArns"] == []


@pytest.mark.parametrize("count", [0, 11])
def test_a_call_runs_one_to_ten_tasks(count: int) -> None:
    assert run(count=count)[0] == INVALID


def test_managed_instances_are_no_launch_type() -> None:
    code, text = run(launchType="MANAGED_INSTANCES")
    assert code == INVALID
    assert "capacity provider strategy" in text


def test_a_definition_must_be_there_and_active() -> None:
    assert run(taskDefinition="nope") == (INVALID, "TaskDefinition not found.")
    ecs().deregister_task_definition(taskDefinition="web:1")
    assert run(taskDefinition="web:1") == (INVALID, "TaskDefinition is inactive")
    assert create(taskDefinition="web:1") == ("ClientException", "TaskDefinition is inactive")


def test_security_groups_must_exist_in_the_same_network() -> None:
    wrong = network(securityGroups=["sg-1"])
    assert "The security group 'sg-1' does not exist" in run(networkConfiguration=wrong)[1]
    ec2 = boto3.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="far", Description="far", VpcId=vpc)["GroupId"]
    far = network(securityGroups=[group])
    assert (
        run(networkConfiguration=far)[1]
        == "You have specified two resources that belong to different networks."
    )


def test_without_security_groups_the_default_one_is_taken(sandbox: Sandbox) -> None:
    ecs().run_task(
        cluster=CLUSTER, taskDefinition="web", launchType="FARGATE", networkConfiguration=network()
    )
    sandbox.clock.advance(seconds=20)
    ec2 = boto3.client("ec2")
    (interface,) = (
        one
        for one in ec2.describe_network_interfaces()["NetworkInterfaces"]
        if "attachment" in one["Description"]
    )
    assert [group["GroupName"] for group in interface["Groups"]] == ["default"]


def test_a_deleted_cluster_is_inactive() -> None:
    ecs().create_cluster(clusterName="old")
    ecs().delete_cluster(cluster="old")
    assert run(cluster="old")[0] == "ClusterNotFoundException"


def test_an_override_names_a_container_and_a_size_that_exist() -> None:
    code, text = run(overrides={"containerOverrides": [{"name": "nope"}]})
    assert (code, text) == (
        INVALID,
        "Override for container named nope is not a container in the TaskDefinition.",
    )
    assert "No Fargate configuration exists" in run(overrides={"memory": "8192"})[1]


def test_execute_command_needs_a_task_role() -> None:
    assert "valid taskRoleArn is not being used" in run(enableExecuteCommand=True)[1]
    assert create(enableExecuteCommand=True) == (
        INVALID,
        "The service couldn't be created because a valid taskRoleArn is not being used. "
        "Specify a valid task role in your task definition and try again.",
    )


def test_instances_take_no_platform_version_no_public_address_and_sensible_strategies(
    sandbox: Sandbox,
) -> None:
    on_instances = {"launchType": "EC2", "taskDefinition": "job", "networkConfiguration": None}
    assert run(**on_instances) == (INVALID, "No Container Instances were found in your cluster.")
    machines(sandbox, 0)
    assert run(**on_instances, platformVersion="LATEST")[1] == (
        "The platform version must be null when specifying an EC2 launch type."
    )
    assert run(launchType="EC2", networkConfiguration=network(assignPublicIp="ENABLED"))[1] == (
        "Assign public IP is not supported for this launch type."
    )
    for strategy, text in (
        ({"type": "binpack", "field": "host"}, "binpack field 'host' is invalid."),
        ({"type": "random", "field": "cpu"}, "random field should not be specified."),
        ({"type": "spread", "field": "zone"}, "spread field 'zone' is invalid."),
    ):
        assert run(**on_instances, placementStrategy=[strategy]) == (INVALID, text)
    wrong = {"type": "distinctInstance", "expression": "agentConnected == true"}
    assert run(**on_instances, placementConstraints=[wrong])[1] == (
        "distinctInstance expression should not be specified."
    )
    unreadable = {"type": "memberOf", "expression": "zone is a"}
    assert "unknown subject 'zone'" in run(**on_instances, placementConstraints=[unreadable])[1]
    given = network()
    assert run(**(on_instances | {"networkConfiguration": given}))[1] == (
        "Network Configuration is not valid for the given networkMode of this task definition."
    )


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"serviceName": "a b"}, "ServiceName must match ^[a-zA-Z0-9\\-_]{1,255}$, but was a b"),
        (
            {"deploymentConfiguration": {"minimumHealthyPercent": 100, "maximumPercent": 100}},
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.",
        ),
        ({"serviceConnectConfiguration": {"enabled": True}}, "Namespace is missing"),
        (
            {"serviceRegistries": [{"registryArn": "one"}, {"registryArn": "two"}]},
            "service registries can have at most 1 items.",
        ),
        (
            {"deploymentConfiguration": {"minimumHealthyPercent": 101}},
            "minimumHealthyPercent must be at most 100",
        ),
        (
            {"loadBalancers": [{"targetGroupArn": "arn", "containerName": "nope", "containerPort": 80}]},
            "The container nope does not exist in the task definition.",
        ),
        (
            {"loadBalancers": [{"targetGroupArn": "arn", "containerName": "app", "containerPort": 80}]},
            "The container app did not have a container port 80 defined.",
        ),
    ],
)  # fmt: skip
def test_a_service_that_cannot_work_is_refused(changes: dict[str, Any], text: str) -> None:
    assert create(**changes) == (INVALID, text)


def test_a_service_goes_only_behind_a_target_group_that_fits_and_is_used() -> None:
    elb: Any = boto3.client("elbv2")
    port = container(portMappings=[{"containerPort": 80}])
    register(**fargate(family="behind", containerDefinitions=[port]))
    vpc = boto3.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]

    def group(name: str, kind: str) -> str:
        made = elb.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc, TargetType=kind)
        return str(made["TargetGroups"][0]["TargetGroupArn"])

    def behind(arn: str) -> tuple[str, str]:
        balancer = {"targetGroupArn": arn, "containerName": "app", "containerPort": 80}
        return create(taskDefinition="behind", loadBalancers=[balancer])

    assert behind("web") == (
        INVALID,
        "Unable to assume role and validate the specified targetGroupArn. Please verify that the ECS service role "
        "being passed has the proper permissions.",
    )
    for_instances, alone = group("instances", "instance"), group("alone", "ip")
    assert behind(for_instances) == (
        INVALID,
        f"The provided target group {for_instances} has target type instance, which is incompatible with the awsvpc "
        "network mode specified in the task definition.",
    )
    assert behind(alone) == (
        INVALID,
        f"The target group with targetGroupArn {alone} does not have an associated load balancer.",
    )


def test_lists_take_only_what_the_model_knows() -> None:
    calls = [
        (ecs().list_tasks, {"desiredStatus": "DONE"}), (ecs().list_tasks, {"launchType": "MOON"}),
        (ecs().list_tasks, {"maxResults": 0}), (ecs().list_tasks, {"maxResults": 101}),
        (ecs().list_tasks, {"nextToken": "x"}), (ecs().list_services, {"schedulingStrategy": "SOME"}),
        (ecs().list_services, {"maxResults": 101}),
    ]  # fmt: skip
    assert {refusal(call, cluster=CLUSTER, **given)[0] for call, given in calls} == {INVALID}


def test_a_daemon_counts_for_itself() -> None:
    daemon = {
        "schedulingStrategy": "DAEMON", "launchType": "EC2", "taskDefinition": "job", "networkConfiguration": None
    }  # fmt: skip
    assert create(**daemon)[1].startswith("The daemon scheduling strategy does not support a desired count")
    spread = [{"type": "spread", "field": "host"}]
    assert create(**daemon, desiredCount=None, placementStrategy=spread)[1] == (
        "The daemon scheduling strategy does not support placement strategies"
    )


def test_an_update_is_checked_like_a_new_service() -> None:
    ecs().create_service(
        cluster=CLUSTER, serviceName="web", taskDefinition="web", launchType="FARGATE", desiredCount=0,
        networkConfiguration={"awsvpcConfiguration": {"subnets": subnets()}},
    )  # fmt: skip
    code, text = refusal(ecs().update_service, cluster=CLUSTER, service="web", taskDefinition="job")
    assert (code, text) == (INVALID, "Task definition does not support launch_type FARGATE.")
    code, text = refusal(ecs().update_service, cluster=CLUSTER, service="web", taskDefinition="nope")
    assert (code, text) == ("ClientException", "TaskDefinition not found.")
    ecs().update_service(cluster=CLUSTER, service="web", desiredCount=1)
    assert refusal(ecs().create_task_set, cluster=CLUSTER, service="web", taskDefinition="web") == (
        INVALID,
        "Amazon ECS only supports task set management on services configured to use external deployment controllers.",
    )
