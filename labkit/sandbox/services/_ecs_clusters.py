"""Settings of clusters: UpdateClusterSettings.

Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateClusterSettings.html and API_ClusterSetting:
the only name is containerInsights, with the values enhanced, enabled and disabled.
"""

from __future__ import annotations

from typing import Any, Final

from moto.core.responses import ActionResult
from moto.ecs.exceptions import InvalidParameterException

from labkit.sandbox import current
from labkit.sandbox.hooks import hook
from labkit.sandbox.services._ecs_calls import cluster_in

NAME: Final = "containerInsights"
VALUES: Final = ("enhanced", "enabled", "disabled")


@hook("moto.ecs.responses:EC2ContainerServiceResponse.update_cluster_settings", kind="new")
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
