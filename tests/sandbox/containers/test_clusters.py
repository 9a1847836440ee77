"""Clusters: their settings, and what happens when one is created twice."""

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError

from labkit.sandbox import Sandbox

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
