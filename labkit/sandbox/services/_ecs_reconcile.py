"""The service scheduler: it looks at a service whenever something changed, and starts and stops tasks.

`task_changed`, `capacity_changed` and `target_changed` are told by the other parts. They only put a look on the
clock; looks at one service that come together are one.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Final

from labkit.sandbox import current
from labkit.sandbox.services import _ecs_balance as balance
from labkit.sandbox.services import _ecs_breaker as breaker
from labkit.sandbox.services import _ecs_deployments as deployments
from labkit.sandbox.services import _ecs_events as events
from labkit.sandbox.services import _ecs_health as health
from labkit.sandbox.services import _ecs_launches as launches
from labkit.sandbox.services import _ecs_planning as planning
from labkit.sandbox.services import _ecs_providers as providers

STEP: Final = 1.0
"""Seconds from a change to the scheduler's next look. The figure is ours."""
_STEADY_AGAIN: Final = 6 * 3_600.0
"""A steady service says so again after so long. AWS gives no figure; in real accounts it is six hours."""


# -- being told --------------------------------------------------------------------------------------


def wake(service: Any, after: float = STEP) -> None:
    """Look at a service soon. An earlier look that is planned already is enough."""
    clock = current().clock
    when = clock.time() + max(0.0, after)
    if service.next_look is not None and clock.time() <= service.next_look <= when:
        return
    service.next_look = when
    clock.schedule(when, look, service.arn, when)


def task_changed(task_arn: str, before: str, after: str) -> None:
    """A task went from one status to another, or its health did."""
    from labkit.sandbox.services import _ecs_store as store

    task = store.task(task_arn)
    service = store.service(task.service_arn) if task is not None and task.service_arn else None
    if task is None or service is None or service.status == "INACTIVE":
        return
    if task.last_status in ("ACTIVATING", "RUNNING") and task.desired_status == "RUNNING":
        _arrived(service, task)
    if task.desired_status == "STOPPED" or task.last_status in health.GONE:
        _departed(service, task)
    wake(service)


def capacity_changed(cluster_arn: str) -> None:
    """Instances of a cluster came, went or began to drain, or a zone is back."""
    from labkit.sandbox.services import _ecs_store as store

    account, region = cluster_arn.split(":")[4], cluster_arn.split(":")[3]
    backend = store.backend(account, region)  # None for a load balancer without ECS
    for service in list(backend.services.values()) if backend is not None else ():
        if service.cluster_arn == cluster_arn and service.status != "INACTIVE":
            newest = deployments.primary(service)
            if newest is not None:
                newest.steady = False
                if newest.told.startswith("was unable to place"):
                    newest.not_before = 0.0
            wake(service)


def target_changed(target_group_arn: str, ip: str, port: int, state: str) -> None:
    """A load balancer thinks something else of a target than before."""
    account, region = target_group_arn.split(":")[4], target_group_arn.split(":")[3]
    from labkit.sandbox.services import _ecs_store as store

    backend = store.backend(account, region)  # None for a load balancer without ECS
    for service in list(backend.services.values()) if backend is not None else ():
        groups = [one.get("targetGroupArn") for one in service.settings.get("loadBalancers") or []]
        if target_group_arn in groups and service.status != "INACTIVE":
            wake(service)


def _arrived(service: Any, task: Any) -> None:
    """A task runs, or is about to: pin its images, register it."""
    deployment = deployments.found(service, task.deployment_id)
    if deployment is not None:
        for container in task.containers:
            if container.image_digest:
                deployments.pin(service, deployment, container.name, container.image_digest)
        if task.last_status == "RUNNING":
            deployment.never_ran = 0
    launches.register(service, task)


def _departed(service: Any, task: Any) -> None:
    """A task stops or has stopped: note a failure once, and take it from its load balancers."""
    launches.deregister(service, [task])
    if getattr(task, "judged", False) or task.stop_code in (None, ""):
        return
    task.judged = True
    if task.stop_code not in ("TaskFailedToStart", "EssentialContainerExited"):
        return
    deployment = deployments.found(service, task.deployment_id)
    if deployment is None:
        return
    deployment.steady = False
    if task.started_at is None:
        deployment.never_ran += 1
        _failed(deployment)
        if planning.impaired(deployment.never_ran):
            deployment.not_before = current().clock.time() + planning.delay(deployment.never_ran)
            if deployment.told != "impaired":
                deployment.told = "impaired"
                events.say(service, "is unable to consistently start tasks successfully.")
                events.action(service, "SERVICE_TASK_START_IMPAIRED", "WARN")
    elif not getattr(task, "was_healthy", False):
        _failed(deployment)


def _failed(deployment: Any) -> None:
    """One more failed task; a deployment that is completed counts no more."""
    if deployment.state == "IN_PROGRESS":
        deployment.failed += 1


# -- looking -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class View:
    """A service and its tasks at one moment."""

    service: Any
    now: float
    starting: list[Any]
    healthy: list[Any]
    unhealthy: list[Any]
    old: list[Any]
    old_healthy: list[Any]
    others: bool
    """Whether tasks of other deployments are still running or starting, also such as are being stopped."""
    again: float

    @property
    def new(self) -> list[Any]:
        """Every task of the newest deployment that is meant to stay."""
        return [*self.starting, *self.healthy, *self.unhealthy]

    @property
    def all(self) -> list[Any]:
        """Every task that is meant to stay."""
        return [*self.new, *self.old, *self.old_healthy]


def look(service_arn: str, when: float) -> None:
    """One look of the scheduler at a service."""
    from labkit.sandbox.services import _ecs_store as store

    service = store.service(service_arn)
    if service is None or service.next_look != when:
        return
    service.next_look = None
    if service.status == "DRAINING":
        launches.drain(service)
        return
    newest = deployments.primary(service)
    if service.status != "ACTIVE" or newest is None:
        return
    launches.count_daemons(service)
    view = survey(service, newest)
    _heed(service, newest, view)
    if _broken(service, newest):
        wake(service)
        return
    if newest.state == "IN_PROGRESS" and _early(service, view):
        deployments.complete(service, newest)
    acted = _act(service, newest, view)
    service.rollouts = [
        one for one in service.rollouts if one is newest or launches.has_tasks(service, one.id)
    ]
    if not acted:
        _rest(service, newest, view)
    if view.again:
        wake(service, max(STEP, view.again - view.now))
    current().changed()


def survey(service: Any, newest: Any) -> View:
    """Sort the tasks of a service."""
    now = current().clock.time()
    view = View(service, now, [], [], [], [], [], False, 0.0)
    for task in launches.tasks(service):
        mine = task.deployment_id == newest.id
        if not health.live(task):
            view.others = view.others or (not mine and task.last_status == "RUNNING")
            continue
        verdict = health.judge(service, task, launches.definition(task), now)
        if verdict.condition == "healthy":
            _became_healthy(service, task)
        elif verdict.again and (not view.again or verdict.again < view.again):
            view.again = verdict.again
        if not mine or launches.leaving(task):
            view.others = view.others or not mine
            (view.old_healthy if verdict.condition == "healthy" else view.old).append(task)
        elif verdict.condition == "healthy":
            view.healthy.append(task)
        elif verdict.condition == "unhealthy":
            task.complaint = verdict.why
            view.unhealthy.append(task)
        else:
            view.starting.append(task)
    return view


def _became_healthy(service: Any, task: Any) -> None:
    if getattr(task, "was_healthy", False):
        return
    task.was_healthy = True
    deployment = deployments.found(service, task.deployment_id)
    if deployment is not None and breaker.resets(service.settings["deploymentConfiguration"]):
        deployment.failed = 0


def _heed(service: Any, newest: Any, view: View) -> None:
    """Complain once about each task that fails its health checks."""
    for task in view.unhealthy:
        if getattr(task, "complained", False):
            continue
        task.complained = True
        newest.steady = False
        _failed(newest)
        short = task.task_arn.rpartition("/")[2]
        if task.complaint == "container":
            events.say(service, f"(task {short}) failed container health checks.")
        else:
            launches.complain(service, task)


def _broken(service: Any, newest: Any) -> bool:
    """Whether the newest deployment has failed just now."""
    configuration = service.settings["deploymentConfiguration"]
    if newest.state != "IN_PROGRESS":
        return False
    if breaker.tripped(configuration, service.desired_count, newest.failed):
        deployments.fail(
            service, newest, rollback=breaker.rolls_back(configuration),
            cause="ECS deployment circuit breaker: tasks failed to start.",
            event="deployment failed: tasks failed to start.",
        )  # fmt: skip
        return True
    alarming = [] if deployments.is_rollback(service, newest) else launches.alarming(service)
    if alarming:
        record = deployments.record_of(service, newest)
        if record is not None:
            record.triggered = alarming
        deployments.fail(
            service, newest, rollback=breaker.rolls_back(configuration, "alarms"),
            cause="ECS deployment failed: alarm detected.", event="deployment failed: alarm detected.",
        )  # fmt: skip
        return True
    return False


def _act(service: Any, newest: Any, view: View) -> bool:
    """Take the next step. Returns whether there was anything to do."""
    desired = service.desired_count
    newest.desired = desired
    configuration = service.settings["deploymentConfiguration"]
    bounds = planning.Bounds.of(
        desired, configuration["minimumHealthyPercent"], configuration["maximumPercent"]
    )
    new = planning.Count(len(view.starting), len(view.healthy), len(view.unhealthy))
    if service.rebalancing and desired == new.all - 1 and not view.old:
        return balance.go_on(service, view)
    old = planning.Count(len(view.old), len(view.old_healthy), 0)
    step = planning.plan(desired, bounds, new, old, launches=newest.state != "FAILED")
    dice = random.Random(f"{current().seed} {service.arn} {view.now}")
    going = _going(step, view, newest, dice)
    if going:
        launches.stop(service, going)
    started = False
    if step.start:
        newest.steady = False
        if newest.not_before > view.now:
            if not view.again or newest.not_before < view.again:
                view.again = newest.not_before
        else:
            kept = [task for task in view.all if task not in going]
            started = launches.start(service, newest, step.start, kept, replaced=len(view.unhealthy))
            if not started and newest.not_before > view.now:
                view.again = min(view.again or newest.not_before, newest.not_before)
            if not started and _broken(service, newest):
                wake(service)
    if step.stuck and newest.told != "stuck":
        newest.told = "stuck"
        events.say(
            service,
            "was unable to stop or start tasks during a deployment because of the service deployment configuration. "
            "Update the minimumHealthyPercent or maximumPercent value and try again.",
        )
    if going or started:
        wake(service)
    return not step.idle or step.stuck


def _going(step: planning.Plan, view: View, newest: Any, dice: random.Random) -> list[Any]:
    """The tasks to stop. Protected tasks stay."""
    going: list[Any] = []
    may = [task for task in view.all if not _protected(task, view.now)]

    def some(tasks: list[Any], count: int) -> list[Any]:
        return planning.leave([task for task in tasks if task in may], count, dice)

    if step.stop_surplus:
        surplus = [task for task in (*view.starting, *view.healthy) if task in may]
        strategy = newest.settings.get("capacityProviderStrategy") or []
        for _ in range(step.stop_surplus):
            # The provider that is furthest beyond its weight gives one up.
            name = (
                providers.shrink(strategy, [task.capacity_provider_name for task in surplus])
                if strategy
                else ""
            )
            choice = [task for task in surplus if not name or task.capacity_provider_name == name]
            gone = planning.leave(choice, 1, dice)
            surplus = [task for task in surplus if task not in gone]
            going += gone
    if step.stop_unhealthy:
        going += some(view.unhealthy, step.stop_unhealthy)
    if step.stop_old:
        first = some(view.old, step.stop_old)
        going += first + some(view.old_healthy, step.stop_old - len(first))
    kept = sum(_protected(task, view.now) for task in view.all)
    if kept and len(going) < step.stop_surplus + step.stop_old and newest.told != "protected":
        newest.told = "protected"
        events.say(
            view.service,
            f"was unable to reach steady state because (taskSet {newest.id}) was unable to scale in due to (reason "
            f"{kept} tasks under protection)",
        )
    return going


def _protected(task: Any, now: float) -> bool:
    until = getattr(task, "protected_until", None)
    return bool(task.protected) and (until is None or now < until)


def _rest(service: Any, newest: Any, view: View) -> None:
    """Nothing to do: perhaps the deployment is complete, perhaps the service is steady."""
    quiet = not view.starting and not view.unhealthy and not view.old and not view.old_healthy
    full = quiet and len(view.healthy) == service.desired_count
    if not full or view.others:
        return
    if newest.state == "IN_PROGRESS":
        deployments.complete(service, newest)
    if service.rebalancing:
        balance.done(service, view)
    if not newest.steady:
        newest.steady = True
        newest.told = ""
        steady(service)
    balance.begin(service, newest, view)
    balance.report(service, view)


def steady(service: Any) -> None:
    """Say that the service is steady, and plan to say it again."""
    clock = current().clock
    events.say(service, "has reached a steady state.")
    events.action(service, "SERVICE_STEADY_STATE")
    service.steady_since = clock.time()
    clock.schedule(clock.time() + _STEADY_AGAIN, _steady_again, service.arn, service.steady_since)


def _steady_again(service_arn: str, since: float) -> None:
    from labkit.sandbox.services import _ecs_store as store

    service = store.service(service_arn)
    newest = deployments.primary(service) if service is not None and service.status == "ACTIVE" else None
    if newest is not None and newest.steady and service.steady_since == since:
        steady(service)


def _early(service: Any, view: View) -> bool:
    """Whether early success criteria say that the deployment is done."""
    wanted = service.settings["deploymentConfiguration"].get("earlySuccessCriteria") or {}
    if not wanted.get("enable"):
        return False
    enough = planning.Bounds.of(service.desired_count, int(wanted.get("healthyPercent", 100)), 100).lower
    cleared = wanted.get("sourceServiceRevisionCleanup") == "DEFERRED" or not (
        view.old or view.old_healthy or view.others
    )
    return cleared and len(view.healthy) >= enough
