"""Capacity providers: who there is, how strategies share tasks out, groups that grow, Managed Instances."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import boto3
import pytest

from labkit.sandbox import Sandbox, current
from labkit.sandbox.services import _ecs_providers as providers
from tests.sandbox.containers.capacitykit import (
    CLUSTER,
    JOINS,
    cluster,
    ecs,
    fargate,
    instances,
    job,
    network,
    register,
    run,
    subnets,
    tasks,
)
from tests.sandbox.containers.servicekit import definition, image
from tests.sandbox.enforced import refusal

BOTH = ["FARGATE", "FARGATE_SPOT"]
MIX: list[dict[str, Any]] = [
    {"capacityProvider": "FARGATE", "base": 2, "weight": 1},
    {"capacityProvider": "FARGATE_SPOT", "weight": 3},
]


@pytest.fixture(autouse=True)
def _account(sandbox: Sandbox) -> None:
    cluster(capacityProviders=BOTH)
    register(**fargate())


def group(**more: Any) -> str:
    """An Auto Scaling group of instances that join the cluster; its ARN."""
    auto = boto3.client("autoscaling")
    auto.create_launch_configuration(
        LaunchConfigurationName="lc", ImageId="ami-12c6146b", InstanceType="m5.large", UserData=JOINS
    )
    given = {
        "MinSize": 0,
        "MaxSize": 4,
        "DesiredCapacity": 0,
        "VPCZoneIdentifier": ",".join(subnets()),
    } | more
    auto.create_auto_scaling_group(AutoScalingGroupName="machines", LaunchConfigurationName="lc", **given)
    found = auto.describe_auto_scaling_groups(AutoScalingGroupNames=["machines"])["AutoScalingGroups"]
    return str(found[0]["AutoScalingGroupARN"])


def managed(**requirements: Any) -> dict[str, Any]:
    asked = {"vCpuCount": {"min": 1}, "memoryMiB": {"min": 1024}} | requirements
    return {
        "infrastructureRoleArn": "arn:aws:iam::123456789012:role/infrastructure",
        "instanceLaunchTemplate": {
            "ec2InstanceProfileArn": "arn:aws:iam::123456789012:instance-profile/ecs",
            "networkConfiguration": {"subnets": subnets()}, "instanceRequirements": asked,
        },
    }  # fmt: skip


def test_fargate_and_spot_are_in_every_account() -> None:
    found = ecs().describe_capacity_providers()
    assert [one["name"] for one in found["capacityProviders"]] == BOTH
    found = ecs().describe_capacity_providers(capacityProviders=["FARGATE", "mine"])
    assert found["failures"][0]["reason"] == "MISSING"


def test_ten_tasks_with_base_two_and_weights_one_to_three() -> None:
    found = run("web", 10, capacityProviderStrategy=MIX, networkConfiguration=network())["tasks"]
    assert Counter(task["capacityProviderName"] for task in found) == {"FARGATE": 4, "FARGATE_SPOT": 6}
    assert {task["launchType"] for task in found} == {"FARGATE"}


def test_the_cluster_s_strategy_holds_where_nothing_is_said() -> None:
    ecs().put_cluster_capacity_providers(
        cluster=CLUSTER, capacityProviders=BOTH, defaultCapacityProviderStrategy=MIX
    )
    found = run("web", 3, networkConfiguration=network())["tasks"]
    assert [task["capacityProviderName"] for task in found] == ["FARGATE", "FARGATE", "FARGATE_SPOT"]
    said = run("web", launchType="FARGATE", networkConfiguration=network())["tasks"][0]
    assert "capacityProviderName" not in said


@pytest.mark.parametrize(
    ("count", "running", "wanted"),
    [
        (1, [], {"FARGATE": 1}),
        (2, ["FARGATE_SPOT"] * 6, {"FARGATE": 2}),
        (4, ["FARGATE"] * 2, {"FARGATE": 1, "FARGATE_SPOT": 3}),
        (4, ["FARGATE"] * 3 + ["FARGATE_SPOT"] * 3, {"FARGATE": 1, "FARGATE_SPOT": 3}),
        (6, ["FARGATE"] * 4, {"FARGATE_SPOT": 6}),
    ],
)
def test_what_runs_already_counts(count: int, running: list[str], wanted: dict[str, int]) -> None:
    assert Counter(providers.share(MIX, count, running)) == wanted


def test_a_service_gives_up_what_it_has_too_much_of_and_never_its_base() -> None:
    have, gone = ["FARGATE"] * 4 + ["FARGATE_SPOT"] * 6, []
    while len(have) > 2:
        gone.append(providers.shrink(MIX, have))
        have.remove(gone[-1])
    assert have == ["FARGATE", "FARGATE"]
    assert Counter(gone) == {"FARGATE": 2, "FARGATE_SPOT": 6}


def test_tasks_on_fargate_spread_over_the_zones() -> None:
    found = run("web", 6, launchType="FARGATE", networkConfiguration=network())["tasks"]
    assert Counter(task["availabilityZone"] for task in found).most_common()[0][1] == 2


def test_a_strategy_needs_providers_of_the_cluster_and_of_one_kind(sandbox: Sandbox) -> None:
    ecs().create_capacity_provider(name="mine", autoScalingGroupProvider={"autoScalingGroupArn": group()})
    strategy = [{"capacityProvider": "mine", "weight": 1}]
    call = {"cluster": CLUSTER, "taskDefinition": "web", "networkConfiguration": network()}
    code, text = refusal(ecs().run_task, **call, capacityProviderStrategy=strategy)
    assert code == "InvalidParameterException"
    assert "not associated with the cluster" in text
    ecs().put_cluster_capacity_providers(
        cluster=CLUSTER, capacityProviders=[*BOTH, "mine"], defaultCapacityProviderStrategy=[]
    )
    code, text = refusal(ecs().run_task, **call, capacityProviderStrategy=[*strategy, *MIX])
    assert text == (
        "A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups and Fargate "
        "providers. Specify one or the other and try again."
    )


def test_a_provider_is_checked_described_and_deleted(sandbox: Sandbox) -> None:
    arn = group()
    create = ecs().create_capacity_provider
    for name in ("fargate-mine", "ecs1", "a b"):
        text = refusal(create, name=name, autoScalingGroupProvider={"autoScalingGroupArn": arn})[1]
        assert text.startswith("The specified capacity provider name is invalid.")
    steps = {"status": "ENABLED", "minimumScalingStepSize": 5, "maximumScalingStepSize": 1}
    given = {"autoScalingGroupArn": arn, "managedScaling": steps}
    assert "step size value is invalid" in refusal(create, name="mine", autoScalingGroupProvider=given)[1]
    missing = {"autoScalingGroupArn": "nope"}
    assert refusal(create, name="mine", autoScalingGroupProvider=missing)[0] == "InvalidParameterException"
    create(
        name="mine", autoScalingGroupProvider={"autoScalingGroupArn": arn}, tags=[{"key": "a", "value": "b"}]
    )
    assert (
        "already exists"
        in refusal(create, name="mine", autoScalingGroupProvider={"autoScalingGroupArn": arn})[1]
    )
    found = ecs().describe_capacity_providers(capacityProviders=["mine"], include=["TAGS"])[
        "capacityProviders"
    ][0]
    assert found["autoScalingGroupProvider"]["managedScaling"]["targetCapacity"] == 100
    assert found["autoScalingGroupProvider"]["managedDraining"] == "ENABLED"
    assert found["tags"] == [{"key": "a", "value": "b"}]
    assert refusal(ecs().delete_capacity_provider, capacityProvider="FARGATE")[0] == "ClientException"
    assert ecs().delete_capacity_provider(capacityProvider="mine")["capacityProvider"]["status"] == "INACTIVE"


def test_a_provider_in_use_stays_with_its_cluster() -> None:
    run("web", capacityProviderStrategy=MIX, networkConfiguration=network())
    code, text = refusal(
        ecs().put_cluster_capacity_providers, cluster=CLUSTER, capacityProviders=["FARGATE_SPOT"],
        defaultCapacityProviderStrategy=[],
    )  # fmt: skip
    assert (code, text) == (
        "ResourceInUseException", "The specified capacity provider is in use and cannot be removed."
    )  # fmt: skip


def test_a_group_grows_for_tasks_that_wait_and_shrinks_when_idle(sandbox: Sandbox) -> None:
    scaling = {"autoScalingGroupArn": group(), "managedScaling": {"status": "ENABLED"}}
    ecs().create_capacity_provider(name="mine", autoScalingGroupProvider=scaling)
    ecs().put_cluster_capacity_providers(
        cluster=CLUSTER, capacityProviders=["mine"],
        defaultCapacityProviderStrategy=[{"capacityProvider": "mine", "weight": 1}],
    )  # fmt: skip
    job(cpu=1024, memory=2000)
    started = run(count=5)
    assert started["failures"] == []
    assert {task["lastStatus"] for task in started["tasks"]} == {"PROVISIONING"}
    assert all("containerInstanceArn" not in task for task in started["tasks"])
    sandbox.clock.advance(minutes=2)
    found = instances()
    assert len(found) == 3
    assert {one["capacityProviderName"] for one in found} == {"mine"}
    assert all("containerInstanceArn" in task for task in tasks() + tasks("STOPPED"))
    for task in tasks():
        ecs().stop_task(cluster=CLUSTER, task=task["taskArn"])
    sandbox.clock.advance(minutes=40)
    assert instances() == []


def reservations(minutes: int) -> list[float]:
    """CapacityProviderReservation of the last minutes."""
    now = current().clock.now()
    found = boto3.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/ECS/ManagedScaling", MetricName="CapacityProviderReservation", Period=60,
        StartTime=now - timedelta(minutes=minutes), EndTime=now, Statistics=["Average"],
        Dimensions=[
            {"Name": "CapacityProviderName", "Value": "mine"}, {"Name": "ClusterName", "Value": CLUSTER},
        ],
    )  # fmt: skip
    return [one["Average"] for one in sorted(found["Datapoints"], key=lambda one: one["Timestamp"])]


def test_a_group_keeps_the_share_of_its_target_free(sandbox: Sandbox) -> None:
    managed_scaling = {"status": "ENABLED", "targetCapacity": 50}
    scaling = {"autoScalingGroupArn": group(), "managedScaling": managed_scaling}
    ecs().create_capacity_provider(name="mine", autoScalingGroupProvider=scaling)
    ecs().put_cluster_capacity_providers(
        cluster=CLUSTER, capacityProviders=["mine"],
        defaultCapacityProviderStrategy=[{"capacityProvider": "mine", "weight": 1}],
    )  # fmt: skip
    job(cpu=2048, memory=2000)
    sandbox.clock.advance(seconds=60 - sandbox.clock.time() % 60)
    run(count=1)
    sandbox.clock.advance(minutes=3)
    assert len(instances()) == 2
    assert reservations(3) == [200.0, 50.0, 50.0]
    run(count=1)
    sandbox.clock.advance(minutes=3)
    assert len(instances()) == 4
    assert reservations(3)[0] == 100.0
    assert reservations(1) == [50.0]
    ecs().stop_task(cluster=CLUSTER, task=tasks()[0]["taskArn"])
    sandbox.clock.advance(minutes=10)
    assert reservations(1) == [25.0]
    assert len(instances()) == 4
    sandbox.clock.advance(minutes=25)
    assert len(instances()) == 2
    assert reservations(1) == [50.0]


def test_a_group_at_its_maximum_lets_tasks_wait(sandbox: Sandbox) -> None:
    scaling = {"autoScalingGroupArn": group(MaxSize=1), "managedScaling": {"status": "ENABLED"}}
    ecs().create_capacity_provider(name="mine", autoScalingGroupProvider=scaling)
    ecs().put_cluster_capacity_providers(
        cluster=CLUSTER, capacityProviders=["mine"], defaultCapacityProviderStrategy=[]
    )
    job(cpu=2048, memory=2000)
    run(count=2, capacityProviderStrategy=[{"capacityProvider": "mine", "weight": 1}])
    sandbox.clock.advance(minutes=5)
    assert len(instances()) == 1
    assert [task["lastStatus"] for task in tasks()].count("PROVISIONING") == 1


def test_without_managed_scaling_nothing_waits(sandbox: Sandbox) -> None:
    ecs().create_capacity_provider(name="mine", autoScalingGroupProvider={"autoScalingGroupArn": group()})
    ecs().put_cluster_capacity_providers(
        cluster=CLUSTER, capacityProviders=["mine"], defaultCapacityProviderStrategy=[]
    )
    job()
    found = run(capacityProviderStrategy=[{"capacityProvider": "mine", "weight": 1}])
    assert found["failures"][0]["reason"] == "No Container Instances were found in your capacity provider."


def test_thirty_two_vcpus_run_on_managed_instances_only(sandbox: Sandbox) -> None:
    ecs().create_capacity_provider(name="big", cluster=CLUSTER, managedInstancesProvider=managed())
    found = ecs().describe_capacity_providers(capacityProviders=["big"])["capacityProviders"][0]
    assert found["type"] == "MANAGED_INSTANCES"
    assert found["cluster"].endswith(CLUSTER)
    register(
        **fargate(family="huge", requiresCompatibilities=["MANAGED_INSTANCES"], cpu="32768", memory="65536")
    )
    call = {"cluster": CLUSTER, "taskDefinition": "huge", "networkConfiguration": network()}
    code, text = refusal(ecs().run_task, **call, launchType="FARGATE")
    assert (code, text) == (
        "InvalidParameterException", "Task definition does not support launch_type FARGATE."
    )  # fmt: skip
    strategy = [{"capacityProvider": "big", "weight": 1}]
    (task,) = ecs().run_task(**call, capacityProviderStrategy=strategy)["tasks"]
    assert (task["lastStatus"], task["launchType"]) == ("PROVISIONING", "MANAGED_INSTANCES")
    sandbox.clock.advance(seconds=70)
    (machine,) = instances()
    kinds = {one["name"]: one.get("value") for one in machine["attributes"]}
    assert kinds["ecs.instance-type"].endswith(".8xlarge")
    assert machine["capacityProviderName"] == "big"


@pytest.mark.parametrize(
    ("requirements", "wanted"),
    [
        ({"allowedInstanceTypes": ["c5.*"]}, "c5.large"),
        (
            {
                "allowedInstanceTypes": ["m5*"],
                "excludedInstanceTypes": ["m5.large", "m5a*", "m5d*", "m5n*", "m5z*"],
            },
            "m5.xlarge",
        ),
        ({"vCpuCount": {"min": 16}, "allowedInstanceTypes": ["r5.*"]}, "r5.4xlarge"),
    ],
)
def test_requirements_choose_the_instance_type(
    sandbox: Sandbox, requirements: dict[str, Any], wanted: str
) -> None:
    ecs().create_capacity_provider(
        name="some", cluster=CLUSTER, managedInstancesProvider=managed(**requirements)
    )
    run(
        "web",
        capacityProviderStrategy=[{"capacityProvider": "some", "weight": 1}],
        networkConfiguration=network(),
    )
    sandbox.clock.advance(seconds=70)
    (machine,) = instances()
    assert {"name": "ecs.instance-type", "value": wanted} in machine["attributes"]


def test_a_service_keeps_its_mix_while_it_grows_and_shrinks(sandbox: Sandbox) -> None:
    name = definition(image())
    ecs().create_service(
        cluster=CLUSTER, serviceName="web", taskDefinition=name, desiredCount=10, capacityProviderStrategy=MIX,
        networkConfiguration=network(assignPublicIp="ENABLED"),
    )  # fmt: skip
    seen = []
    for count in (10, 18, 6, 2):
        ecs().update_service(cluster=CLUSTER, service="web", desiredCount=count)
        sandbox.clock.advance(minutes=4)
        seen.append(Counter(task["capacityProviderName"] for task in tasks()))
    assert seen[0] == {"FARGATE": 4, "FARGATE_SPOT": 6}
    assert seen[1:] == [{"FARGATE": 6, "FARGATE_SPOT": 12}, {"FARGATE": 3, "FARGATE_SPOT": 3}, {"FARGATE": 2}]
