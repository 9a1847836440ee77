"""ECS: clusters, their services, and tasks that run outside a service."""

from __future__ import annotations

from typing import Any

from labkit.drawing.scene import Scene
from labkit.sandbox.trace import short_name


def show(scene: Scene, backend: Any) -> None:
    """Clusters as frames; in them services with running and desired tasks, and lone tasks."""
    for cluster in backend.clusters.values():
        scene.frame(cluster.arn, "cluster", cluster.name)
        if not any(one.cluster_arn == cluster.arn for one in backend.services.values()):
            scene.resource(f"{cluster.arn}/", "ecs", cluster.name, "no service yet", inside=cluster.arn)
    for service in backend.services.values():
        tasks = f"{service.running_count} of {service.desired_count} tasks"
        detail = f"{tasks}; {short_name(service.task_definition or '')}"
        scene.resource(service.arn, "ecs", service.name, detail, inside=service.cluster_arn)
        scene.behind[service.arn] = [one.get("targetGroupArn", "") for one in service.load_balancers]
        _show_roles(scene, backend, service.arn, service.task_definition)
    for tasks in backend.tasks.values():
        for task in tasks.values():
            if not str(task.group or "").startswith("service:") and task.last_status != "STOPPED":
                _show_task(scene, backend, task)


def _show_task(scene: Scene, backend: Any, task: Any) -> None:
    detail = f"{str(task.last_status).lower()}; {short_name(task.task_definition_arn)}"
    scene.resource(task.task_arn, "task", f"task {task.id[:8]}", detail, inside=task.cluster_arn)
    _show_roles(scene, backend, task.task_arn, task.task_definition_arn)


def _show_roles(scene: Scene, backend: Any, source: str, definition_arn: str | None) -> None:
    """The two roles of a task definition: what the agent may do, and what the code may do."""
    for revisions in backend.task_definitions.values():
        for definition in revisions.values():
            if definition.arn == definition_arn:
                scene.assumes(source, getattr(definition, "execution_role_arn", None), "starts with")
                scene.assumes(source, getattr(definition, "task_role_arn", None))
