"""Clusters: their names, their settings, and what keeps one from being deleted.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateClusterSettings.html, API_ClusterSetting
(the only name is containerInsights, with the values enhanced, enabled and disabled). The texts of DeleteCluster stand
in issues of rebuy-de/aws-nuke (231), gruntwork-io/cloud-nuke (368) and
aws-samples/aws-scalable-big-blue-button-example (79), those of CreateCluster in github.com/badmintoncryer/cdk-preflight
(rules/ecs, deployed in September 2026).
"""

from __future__ import annotations

import re
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.ecs.exceptions import ECSException, InvalidParameterException

from labkit.sandbox import current
from labkit.sandbox.hooks import hook
from labkit.sandbox.services import _ecs_instances as instances
from labkit.sandbox.services import _ecs_model as model
from labkit.sandbox.services import _ecs_store as store
from labkit.sandbox.services._ecs_calls import cluster_in

NAME: Final = "containerInsights"
VALUES: Final = ("enhanced", "enabled", "disabled")
_RESPONSE: Final = "moto.ecs.responses:EC2ContainerServiceResponse"
_CLUSTER: Final = re.compile(r"[a-zA-Z0-9\-_]{1,255}")


@hook(f"{_RESPONSE}.create_cluster")
def create_cluster(original: Any, self: Any) -> ActionResult:
    """CreateCluster: the name and the logging of ExecuteCommand are checked."""
    params = self._get_params()
    model.check("CreateCluster", params)
    if params.get("clusterName") and not _CLUSTER.fullmatch(params["clusterName"]):
        raise InvalidParameterException("ClusterName must match ^[a-zA-Z0-9\\-_]{1,255}$")
    commands = (params.get("configuration") or {}).get("executeCommandConfiguration") or {}
    places = commands.get("logConfiguration") or {}
    if commands.get("logging") == "OVERRIDE" and not (
        places.get("cloudWatchLogGroupName") or places.get("s3BucketName")
    ):
        raise InvalidParameterException(
            "A CloudWatch log group name or S3 bucket name must be specified when overriding the default log "
            "configuration."
        )
    answer: ActionResult = original(self)
    return answer


@hook(f"{_RESPONSE}.delete_cluster")
def delete_cluster(original: Any, self: Any) -> ActionResult:
    """DeleteCluster: not while services, tasks or container instances are there."""
    backend = self.ecs_backend
    cluster = cluster_in(backend, self._get_param("cluster"))
    services = (one for one in backend.services.values() if one.cluster_name == cluster.name)
    for what, there in (
        ("Services", any(one.status != "INACTIVE" for one in services)),
        ("ContainerInstances", any(instances.all_in(backend, cluster))),
        ("Tasks", any(one.last_status != "STOPPED" for one in store.tasks(backend, cluster))),
    ):
        if there:
            noun = "Container Instances" if what == "ContainerInstances" else what
            more = " or draining" if what == "ContainerInstances" else ""
            raise ECSException(
                f"ClusterContains{what}Exception",
                f"The Cluster cannot be deleted while {noun} are active{more}.",
            )
    answer: ActionResult = original(self)
    current().trace.record("state", "ecs", "ClusterDeleted", resource=cluster.arn)
    current().changed()
    return answer


@hook(f"{_RESPONSE}.update_cluster_settings", kind="new")
def update_cluster_settings(self: Any) -> ActionResult:
    """UpdateClusterSettings: a setting replaces the one of its name."""
    cluster = cluster_in(self.ecs_backend, self._get_param("cluster"))
    given = {str(one.get("name")): str(one.get("value")) for one in self._get_param("settings") or []}
    for name, value in given.items():
        if name != NAME or value not in VALUES:
            raise InvalidParameterException(
                f"Invalid cluster setting {name} = {value}. {NAME} is {', '.join(VALUES)}."  # our words
            )
    kept = {one["name"]: one["value"] for one in cluster.settings or []}
    cluster.settings = [{"name": name, "value": value} for name, value in (kept | given).items()]
    current().trace.record("state", "ecs", "ClusterSettings", resource=cluster.arn, params=given)
    current().changed()
    return ActionResult({"cluster": cluster})


@hook(f"{_RESPONSE}.put_account_setting")
def put_account_setting(original: Any, self: Any) -> str:
    """PutAccountSetting: only the names that there are."""
    model.check("PutAccountSetting", self._get_params())
    answer: str = original(self)
    return answer
