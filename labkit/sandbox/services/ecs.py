"""Amazon ECS in the lab's account: tasks that live and die on the lab's clock.

Simulated here:
- RunTask, StartTask, DescribeTasks, ListTasks (all filters), StopTask. A task goes PROVISIONING, PENDING, ACTIVATING,
  RUNNING, DEACTIVATING, STOPPING, DEPROVISIONING, STOPPED with all its times, stopCode, stoppedReason and exit codes;
  looking at it changes nothing. Stopped tasks are shown for an hour. Waiters work and take no real time.
- Containers run the small Python program that is their image: `essential`, `dependsOn`, startTimeout, stopTimeout
  (SIGTERM, then SIGKILL: 137), health checks, restart policies, memory limits (137 with OutOfMemoryError), entry
  points, environment, overrides, `secrets` from Secrets Manager and Parameter Store.
- The execution role pulls images, reads secrets and writes logs (`awslogs`); the task role is what the program calls
  AWS with. What a role may not do is refused, with AWS's text and the role's name in it.
- Network interfaces with addresses of the subnet; host ports on instances. Events on EventBridge.
- Rules of EventBridge, schedules and state machines (runTask, .sync, .waitForTaskToken) run tasks in their role.
- ExecuteCommand's refusals; protection from scale-in.

Differs on AWS:
- How long provisioning, pulling, stopping and deprovisioning take are our figures: AWS gives none.
- A program's CPU and memory are what its image says, by a simple model: first come, first served. Containers of one
  image share the module's globals; `box.state` is each one's own. A program runs in the notebook's process.
- Health checks that can only say the same again are not repeated until something happens in the container.
- The words of some errors are ours: ExecuteCommand with an unknown or missing container, dependencies that fail.
- EventBridge and Scheduler do not set startedBy here.
- Addresses are given in rising order. Credentials of tasks come to the program by `box.client`, not by an address.

Not simulated:
- Sessions of ExecuteCommand, volumes, FireLens and other log drivers (lines are lost), GPUs, Windows, EXTERNAL
  instances, proxies, IPv6, the task metadata endpoint, image signatures, Service Connect.

Sources:
- https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
- https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
- https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html
- botocore's model, ecs/2014-11-13/service-2.json. More sources stand in the parts.
"""

from __future__ import annotations

from typing import Final

from labkit.sandbox import delivery
from labkit.sandbox.services import (
    _ecs_access,
    _ecs_calls,
    _ecs_clusters,
    _ecs_definitions,
    _ecs_instance_calls,
    _ecs_metrics,
    _ecs_provider_calls,
    _ecs_revisions,
    _ecs_services,
    _ecs_spot,
)
from labkit.sandbox.services import _ecs_deliveries as deliveries

HOOKS: Final = (
    _ecs_access,
    _ecs_calls,
    _ecs_clusters,
    _ecs_definitions,
    _ecs_services,
    _ecs_revisions,
    _ecs_metrics,
    _ecs_spot,
    _ecs_provider_calls,
    _ecs_instance_calls,
)
"""Modules that change moto beside this one. Each line is one part's."""

delivery.receives(
    "arn:ecs", delivery.Receiver(("ecs:RunTask",), deliveries.accept, deliveries.find, deliveries.definition)
)
