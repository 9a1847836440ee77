"""Clusters: their settings, and what happens when one is created twice."""

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox
from tests.sandbox.containers import capacitykit as ck
from tests.sandbox.containers import servicekit as kit
from tests.sandbox.enforced import refusal

ENHANCED = [{"name": "containerInsights", "value": "enhanced"}]


def settings_of(name: str) -> list[dict[str, str]]:
    found = boto3.client("ecs").describe_clusters(clusters=[name], include=["SETTINGS"])["clusters"]
    return list(found[0]["settings"])


def test_a_setting_replaces_the_one_before(sandbox: Sandbox) -> None:
    ecs = boto3.client("ecs")
    ecs.create_cluster(clusterName="shop", settings=[{"name": "containerInsights", "value": "enabled"}])
    answer = ecs.update_cluster_settings(cluster="shop", settings=ENHANCED)
    assert answer["cluster"]["clusterName"] == "shop"
    assert settings_of("shop") == ENHANCED


def test_a_cluster_that_is_there_is_given_back_as_it_is(sandbox: Sandbox) -> None:
    ecs = boto3.client("ecs")
    ecs.create_cluster(clusterName="shop", settings=ENHANCED)
    ecs.create_cluster(clusterName="shop")
    assert settings_of("shop") == ENHANCED


def test_a_cluster_with_something_in_it_is_not_deleted(sandbox: Sandbox) -> None:
    kit.create(count=1)
    kit.stable()
    task = kit.tasks()[0]["taskArn"]

    def said() -> tuple[str, str]:
        return refusal(kit.ecs().delete_cluster, cluster=kit.CLUSTER)

    assert said() == (
        "ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.",
    )  # fmt: skip
    kit.ecs().delete_service(cluster=kit.CLUSTER, service="user", force=True)
    kit.until(lambda: kit.service()["status"] == "INACTIVE")
    assert said() == (
        "ClusterContainsTasksException",
        "The Cluster cannot be deleted while Tasks are active.",
    )
    kit.until(lambda: task in kit.arns(kit.tasks(status="STOPPED")))
    sandbox.clock.advance(minutes=1)
    assert kit.ecs().delete_cluster(cluster=kit.CLUSTER)["cluster"]["status"] == "INACTIVE"
    ck.cluster()
    ck.machines(sandbox, 0)
    assert said() == (
        "ClusterContainsContainerInstancesException",
        "The Cluster cannot be deleted while Container Instances are active or draining.",
    )


def test_what_a_new_cluster_may_not_say(sandbox: Sandbox) -> None:
    create = boto3.client("ecs").create_cluster
    assert refusal(create, clusterName="my shop") == (
        "InvalidParameterException", "ClusterName must match ^[a-zA-Z0-9\\-_]{1,255}$",
    )  # fmt: skip
    nowhere = {"executeCommandConfiguration": {"logging": "OVERRIDE"}}
    assert refusal(create, clusterName="shop", configuration=nowhere) == (
        "InvalidParameterException",
        "A CloudWatch log group name or S3 bucket name must be specified when overriding the default log "
        "configuration.",
    )
    assert boto3.client("ecs").list_clusters()["clusterArns"] == []


def test_a_value_that_does_not_exist_is_refused(sandbox: Sandbox) -> None:
    ecs = boto3.client("ecs")
    ecs.create_cluster(clusterName="shop")
    with pytest.raises(ClientError) as refused:
        ecs.update_cluster_settings(cluster="shop", settings=[{"name": "containerInsights", "value": "more"}])
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"


def test_settings_of_a_cluster_that_is_not_there(sandbox: Sandbox) -> None:
    with pytest.raises(ClientError) as refused:
        boto3.client("ecs").update_cluster_settings(cluster="other", settings=ENHANCED)
    assert refused.value.response["Error"]["Code"] == "ClusterNotFoundException"
