"""EKS: clusters and their node groups."""

from __future__ import annotations

from typing import Any

from labkit.drawing.scene import Scene


def show(scene: Scene, backend: Any) -> None:
    """Clusters, with the nodes they run on and their roles."""
    for cluster in backend.clusters.values():
        scene.frame(cluster.arn, "cluster", cluster.name)
        scene.resource(
            f"{cluster.arn}/", "eks", cluster.name, f"Kubernetes {cluster.version}", inside=cluster.arn
        )
        scene.assumes(f"{cluster.arn}/", cluster.role_arn)
        for group in cluster.nodegroups.values():
            wanted = (group.scaling_config or {}).get("desiredSize", 0)
            scene.resource(group.arn, "ec2", group.nodegroup_name, f"{wanted} nodes", inside=cluster.arn)
            scene.assumes(group.arn, group.node_role)
        for profile in cluster.fargate_profiles.values():
            scene.resource(
                profile.fargate_profile_arn, "fargate", profile.fargate_profile_name, inside=cluster.arn
            )
