"""Amazon EC2 instances that carry containers.

Simulated here:
- An instance whose user data writes ECS_CLUSTER to /etc/ecs/ecs.config registers with that cluster a minute later,
  whoever launched it: RunInstances, an Auto Scaling group, a capacity provider. ECS_INSTANCE_ATTRIBUTES counts.
- A stopped instance's agent is not connected; a started one comes back. A terminated instance leaves its cluster, and
  its tasks die with it.

Differs on AWS:
- The image is not asked for: every instance with such user data has the agent. The instance profile's rights and the
  way to the internet are not asked for either.
- An instance registers after 60 seconds: our figure.

Not simulated:
- Everything else that user data says, SSH, the machine's own programs.

Sources:
- https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bootstrap_container_instance.html
- https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-agent-config.html
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any, Final

from labkit.sandbox import current
from labkit.sandbox.hooks import hook
from labkit.sandbox.services import _ec2_images

HOOKS: Final = (_ec2_images,)
"""Modules that change moto beside this one."""
_CLUSTER: Final = re.compile(r"ECS_CLUSTER\s*=\s*[\"']?([A-Za-z0-9_-]+)")
_ATTRIBUTES: Final = re.compile(r"ECS_INSTANCE_ATTRIBUTES\s*=\s*[\"']?(\{[^}]*\})")
_BOOT: Final = 60.0
_GROUP: Final = "aws:autoscaling:groupName"


@hook("moto.ec2.models.instances:InstanceBackend.run_instances")
def run_instances(original: Any, self: Any, *args: Any, **more: Any) -> Any:
    """Instances are launched: those that are to carry containers register when they have booted."""
    made = original(self, *args, **more)
    clock = current().clock
    for instance in made.instances:
        if _settings(instance.user_data)[0]:
            clock.schedule(clock.time() + _BOOT, booted, self.account_id, self.region_name, instance.id)
    return made


def _settings(user_data: Any) -> tuple[str, dict[str, str]]:
    """The cluster and the attributes that user data names."""
    try:
        text = user_data.decode() if user_data is not None else ""
    except (AttributeError, ValueError):
        text = str(user_data)
    cluster, attributes = _CLUSTER.search(text), _ATTRIBUTES.search(text)
    try:
        found = json.loads(attributes[1]) if attributes else {}
    except ValueError:
        found = {}
    return (cluster[1] if cluster else ""), {str(key): str(value) for key, value in found.items()}


def booted(account: str, region: str, instance_id: str) -> None:
    """Due work: the agent of a new instance registers."""
    from moto.ec2.models import ec2_backends
    from moto.ecs.models import ecs_backends

    from labkit.sandbox.services import _ecs_waiting as waiting

    instance = next(
        (one for one in ec2_backends[account][region].all_instances() if one.id == instance_id), None
    )
    if instance is None or instance.state != "running":
        return
    name, attributes = _settings(instance.user_data)
    backend = ecs_backends[account][region]
    cluster = backend.clusters.get(name)
    if cluster is None or cluster.status != "ACTIVE":
        return
    group = next((tag["value"] for tag in instance.get_tags() if tag["key"] == _GROUP), "")
    provider = (
        next((one.name for one in _providers(backend) if _group_name(one) == group), None) if group else None
    )
    waiting.joined(backend, cluster, instance_id, provider=provider, more=attributes)


def _providers(backend: Any) -> list[Any]:
    return [one for one in backend.capacity_providers.values() if one.auto_scaling_group_provider]


def _group_name(provider: Any) -> str:
    return str(provider.auto_scaling_group_provider.get("autoScalingGroupArn") or "").rpartition("/")[2]


@hook("moto.ec2.models.instances:Instance.terminate")
def terminate(original: Any, self: Any, *args: Any, **more: Any) -> Any:
    """An instance is gone, and with it what it carried."""
    done = original(self, *args, **more)
    for backend, cluster, instance in _carriers(self.id):
        _instances().leave(backend, cluster, instance, f"Host EC2 (instance {self.id}) terminated.")
    return done


@hook("moto.ec2.models.instances:Instance.stop")
def stop(original: Any, self: Any, *args: Any, **more: Any) -> Any:
    """A stopped instance: nothing runs, and nobody hears of its agent."""
    done = original(self, *args, **more)
    for backend, cluster, instance in _carriers(self.id):
        found = _instances().standing(backend, cluster, instance)
        _instances().connect(backend, cluster, instance, False)
        _instances().lose(found, f"Host EC2 (instance {self.id}) stopped.", "TerminationNotice")
    return done


@hook("moto.ec2.models.instances:Instance.start")
def start(original: Any, self: Any, *args: Any, **more: Any) -> Any:
    """A started instance: its agent is back."""
    done = original(self, *args, **more)
    for backend, cluster, instance in _carriers(self.id):
        _instances().connect(backend, cluster, instance, True)
    return done


def _instances() -> Any:
    from labkit.sandbox.services import _ecs_instances

    return _ecs_instances


def _carriers(instance_id: str) -> list[tuple[Any, Any, Any]]:
    """The container instances on an EC2 instance. Nothing while nobody has used ECS."""
    ecs = sys.modules.get("moto.ecs.models")
    found = []
    for regions in list(dict.values(ecs.ecs_backends)) if ecs is not None else ():
        for backend in list(dict.values(regions)):
            for name, kept in list(backend.container_instances.items()):
                cluster = backend.clusters.get(name)
                found += [
                    (backend, cluster, one)
                    for one in list(kept.values())
                    if cluster is not None and one.ec2_instance_id == instance_id
                ]
    return found
