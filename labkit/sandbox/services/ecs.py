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
- ExecuteCommand: its refusals, and the command in the program's world. What it prints is in the trace, and in
  CloudWatch Logs where AWS logs sessions. Protection from scale-in.
- RegisterTaskDefinition, RunTask and the calls for services refuse what AWS refuses: Fargate's sizes, network modes,
  missing roles, contradictions between containers. All fields of a definition come back; revisions only grow.
- Tasks on Fargate spread over the subnets' zones. On container instances: CPU, memory, ports, interfaces, attributes,
  binpack, spread and random, distinctInstance and memberOf with the cluster query language; draining.
- Capacity providers with base and weight; Auto Scaling groups with managed scaling grow for tasks that wait in
  PROVISIONING; Managed Instances launch the type that fits. Fargate Spot takes tasks back with its warning.
- Services keep their count (REPLICA, DAEMON), replace the dead and the unhealthy, scale in from the fullest zone, and
  are balanced over the zones again; deployments, service revisions and service deployments, events in AWS's words, on
  EventBridge too. Rolling deployments with AWS's rounding, circuit breaker, deployment alarms, early success, rollback,
  StopServiceDeployment; a tag becomes a digest once for each deployment. Targets are registered and drained.
- Metrics of AWS/ECS, CapacityProviderReservation of AWS/ECS/ManagedScaling and, with Container Insights,
  ECS/ContainerInsights (per task with `enhanced`), made when read.

Differs on AWS:
- A service looks a second after each change. Which waits it puts between starts that fail is our figure, up to AWS's
  27 minutes. A task that ends before it was healthy counts as failed for the circuit breaker.
- Metrics go back three hours. Container Insights has no metrics of network and storage here.
- How long provisioning, pulling, stopping and deprovisioning take are our figures: AWS gives none.
- A program's CPU and memory are what its image says, by a simple model: first come, first served. Containers of one
  image share the module's globals; `box.state` is each one's own. A program runs in the notebook's process.
- Health checks that can only say the same again are not repeated until something happens in the container.
- The words of some errors are ours: ExecuteCommand with an unknown or missing container, dependencies that fail.
- EventBridge and Scheduler do not set startedBy here.
- An instance registers 60 seconds after its launch and offers 95 % of its memory: our figures. Managed
  scaling grows a group at once, without waiting for an alarm on CapacityProviderReservation; it takes away instances
  that carry nothing. Managed Instances take the
  smallest type that fits, not the cheapest, and its roles are not asked for. A lost zone's tasks say so in our words.
- Some refusals are in our words: count, circles of dependsOn, a stopTimeout over 120, an unknown capacity provider.
- `awslogs` joins no lines by a pattern, and its buffer is never full.
- Addresses are given in rising order. Credentials of tasks come to the program by `box.client`, not by an address.

Not simulated:
- Deployment strategies BLUE_GREEN, LINEAR and CANARY, lifecycle hooks, the deployment controllers CODE_DEPLOY and
  EXTERNAL: they are refused. Bake time of rolling deployments, service discovery.
- The stream of an ExecuteCommand session: nobody can connect to it, or type into a shell.
- Volumes, FireLens and other log drivers (lines are lost), GPUs, Windows, EXTERNAL instances, proxies,
  IPv6, the task metadata endpoint, image signatures, Service Connect.

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
    _ecs_scaling,
    _ecs_services,
    _ecs_sessions,
    _ecs_spot,
)
from labkit.sandbox.services import _ecs_deliveries as deliveries

HOOKS: Final = (
    _ecs_access,
    _ecs_calls,
    _ecs_clusters,
    _ecs_definitions,
    _ecs_services,
    _ecs_sessions,
    _ecs_revisions,
    _ecs_scaling,
    _ecs_metrics,
    _ecs_spot,
    _ecs_provider_calls,
    _ecs_instance_calls,
)
"""Modules that change moto beside this one. Each line is one part's."""

delivery.receives(
    "arn:ecs", delivery.Receiver(("ecs:RunTask",), deliveries.accept, deliveries.find, deliveries.definition)
)
