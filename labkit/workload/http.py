"""Requests to programs: to a load balancer by its address, or straight to the tasks of an ECS service.

A request does not move the clock: its answer says how long it took. So very many fit into one story.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from labkit.errors import UsageError

if TYPE_CHECKING:
    from labkit.sandbox import Sandbox
    from labkit.sandbox.fleet.boxes import Box, Request
    from labkit.sandbox.services._elbv2_front import Answer

_HOW: Final = (
    'to is the address of a load balancer ("http://..."), the ARN of an ECS service, a pair (cluster, service), '
    "or a function that makes one request."
)

Target = str | tuple[str, str] | Callable[..., Any]


class Door(Protocol):
    """Where requests go."""

    def send(self, request: Request, now: float) -> Answer:
        """The answer to a request that comes now."""

    def settled(self, found: Answer, began: float) -> Answer:
        """The same answer when its time is over: what worked on it may have ended meanwhile."""


def door_to(sandbox: Sandbox, to: Target) -> Door:
    """Where `to` leads. Raises `UsageError` for what is no address."""
    if isinstance(to, str) and to.startswith(("http://", "https://")):
        return Balancer(to)
    if isinstance(to, str) and ":ecs:" in to and ":service/" in to:
        parts = to.split(":", 5)
        cluster, _, service = parts[5].removeprefix("service/").rpartition("/")
        return Service(sandbox, cluster or "default", service, parts[4], parts[3])
    if isinstance(to, (tuple, list)) and len(to) == 2 and all(isinstance(one, str) for one in to):
        cluster, service = (one.rpartition("/")[2] for one in to)
        return Service(sandbox, cluster, service, sandbox.account, sandbox.region)
    raise UsageError(f"{_HOW} It is {to!r}.")


class Balancer:
    """A load balancer by its address. A path in the address stands before the paths of requests."""

    def __init__(self, url: str) -> None:
        from labkit.sandbox.services import _elbv2_front as front

        self._front = front
        self._scheme, self._host, self._port, path = front.parts_of(url)
        self._path = path.rstrip("/")
        if not front.known(self._host):
            raise UsageError(
                f"No load balancer here has the name {self._host}. describe_load_balancers() says the DNSName."
            )

    def send(self, request: Request, now: float) -> Answer:
        """The answer to a request that comes now."""
        if self._path:
            request.path = self._path + request.path
        return self._front.answer(self._host, request, now, port=self._port, scheme=self._scheme)

    def settled(self, found: Answer, began: float) -> Answer:
        """A container that ended meanwhile: the load balancer says 502."""
        return self._front.settled(found, began)


class Service:
    """The tasks of an ECS service, one after the other: those that run, listen and are not unhealthy."""

    def __init__(self, sandbox: Sandbox, cluster: str, service: str, account: str, region: str) -> None:
        self._sandbox = sandbox
        self._where = (cluster, service, account, region)
        self._known = -1
        self._boxes: list[Box] = []
        self._next = 0
        if self._find() is None:
            raise UsageError(f"There is no ECS service {service} in the cluster {cluster}.")

    def _find(self) -> Any:
        from labkit.sandbox import stores

        cluster, service, account, region = self._where
        backend = stores.backend_of("ecs", account, region)
        for one in backend.services.values() if backend is not None else ():
            if one.name == service and one.cluster_name == cluster:
                return one
        return None

    def _look(self) -> None:
        from labkit.sandbox import stores
        from labkit.sandbox.services import _ecs_store

        self._known = self._sandbox.changes
        service = self._find()
        backend = stores.backend_of("ecs", *self._where[2:])
        tasks = _ecs_store.tasks(backend, self._where[0], service=service.arn) if service is not None else []
        self._boxes = [
            container.box
            for task in tasks
            if task.last_status == "RUNNING" and task.health_status != "UNHEALTHY"
            for container in task.containers
            if container.box is not None and container.box.ready is not None
        ]

    def send(self, request: Request, now: float) -> Answer:
        """The answer to a request that comes now."""
        from labkit.sandbox.fleet import boxes
        from labkit.sandbox.services._elbv2_front import Answer

        if self._known != self._sandbox.changes:
            self._look()
        for _ in range(len(self._boxes)):
            self._next += 1
            box = self._boxes[self._next % len(self._boxes)]
            if box.listens(now):
                got = boxes.serve(box, request, now)
                return Answer(got.status, got.body, got.latency, got.error, got.headers, box.ip, box)
        return Answer(0, error="no task listens")

    def settled(self, found: Answer, began: float) -> Answer:
        """A container that ended meanwhile sends nothing more."""
        box = found.box
        if box is None or box.exits_at is None or box.exits_at >= began + found.latency:
            return found
        return found._replace(status=0, error="connection reset", latency=max(0.0, box.exits_at - began))


def path_of(path: Any) -> Callable[[Any], str]:
    """A function from a request to its path, from whatever says it: a path, several to draw from, or a function."""
    if isinstance(path, str):
        return lambda _: path
    if callable(path):
        return lambda one: str(path(one))
    if isinstance(path, Mapping) and path and sum(path.values()) > 0:
        names, weights = list(path), list(path.values())
        return lambda one: str(one.random.choices(names, weights)[0])
    if isinstance(path, Sequence) and path:
        return lambda one: str(one.random.choice(path))
    raise UsageError(
        f'path is "/users/7", several paths, shares {{"/": 0.9, "/pay": 0.1}}, or a function. It is {path!r}.'
    )
