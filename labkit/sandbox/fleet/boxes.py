"""Boxes: running containers. Plain state that pickles, and what can be done with it.

A box holds the source of its program, never code. It does nothing by itself: whoever runs it (its `Home`) starts it,
asks when it ends, and puts that on the clock.

The model of load: a box has a share of vCPUs. Requests are served first come, first served, so the latency of one is
`wait + CPU_PER_REQUEST / vCPUs + LATENCY`. Requests in flight hold memory; beyond the limit the box is killed, as
Linux does it. A request may stand for many (`weight`), which are thought to come evenly since the one before.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from labkit.sandbox.fleet.inside import Failed, Inside, run
from labkit.sandbox.fleet.programs import BadProgram, Program, load

OUT_OF_MEMORY: Final = "OutOfMemoryError: Container killed due to memory usage"
KILLED: Final = 137
"""128 + 9: ended by SIGKILL."""
TERMINATED: Final = 143
"""128 + 15: ended by SIGTERM."""
_KEPT_MINUTES: Final = 200
_LEAST_SHARE: Final = 0.05
"""A program that is busy when idle still gets this share of its vCPUs for requests. The figure is ours."""


class CannotStart(Exception):
    """The container's process could not be made at all, such as for a command that the image does not have."""


@dataclass(slots=True)
class Request:
    """One HTTP request to a program. `weight` is how many real requests it stands for."""

    method: str = "GET"
    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    user: str = ""
    weight: float = 1.0


class Response(NamedTuple):
    """What became of a request. Status 0: no answer; `error` says why. `latency` is in seconds."""

    status: int
    body: str = ""
    latency: float = 0.0
    error: str = ""
    headers: Mapping[str, str] = {}


REFUSED: Final = Response(0, "", 0.0, "connection refused")


class Usage(NamedTuple):
    """What a box used in a time: vCPU-seconds, MiB at most, and requests served."""

    cpu_seconds: float
    memory: float
    requests: float


class Home(Protocol):
    """Who runs boxes: ECS and others. Registered in `HOMES` under the name that boxes carry."""

    def said(self, box: Box, line: str) -> None:
        """The program wrote a line."""

    def client(self, box: Box, service: str, region: str | None) -> Any:
        """A boto3 client that calls AWS as the program."""

    def ended(self, box: Box) -> None:
        """The box ended while it served: killed for memory, or it exited."""

    def stirred(self, box: Box) -> None:
        """Something happened in a box that was `quiet`: its health may be another now."""


HOMES: Final[dict[str, Home]] = {}


@dataclass(slots=True, eq=False)
class Box:
    """One running container. Times are seconds since 1970 on the account's clock.

    `quiet` is set by its home when nobody watches its health; the first thing that may change it ends that and tells
    the home: a wait beyond `patience`, or a touched state if the checks look at that (`heeds`).
    """

    name: str
    source: str = field(repr=False)
    digest: str
    home: str = ""
    owner: str = ""
    ip: str = ""
    command: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    vcpus: float = 1.0
    memory_limit: float = math.inf
    seed: str = ""
    started: float | None = None
    ready: float | None = None
    exits_at: float | None = None
    exit_code: int | None = None
    reason: str = ""
    stopping: bool = False
    state: dict[str, Any] = field(default_factory=dict)
    dice: random.Random | None = None
    quiet: bool = False
    heeds: bool = False
    patience: float = math.inf
    free_at: float = 0.0
    last: float = 0.0
    requests: float = 0.0
    in_flight: deque[tuple[float, float]] = field(default_factory=deque)
    flying: float = 0.0
    minutes: dict[int, list[float]] = field(default_factory=dict)

    @property
    def program(self) -> Program:
        """Its program. Raises `BadProgram`."""
        return load(self.source, self.digest)

    def alive(self, now: float) -> bool:
        """Whether its process exists."""
        return self.started is not None and (self.exits_at is None or now < self.exits_at)

    def listens(self, now: float) -> bool:
        """Whether it answers connections."""
        return self.ready is not None and now >= self.ready and self.alive(now)


# -- life ------------------------------------------------------------------------------------------------


def start(box: Box, now: float) -> float | None:
    """Run the program. Returns when it ends by itself (`exit_code` says how), or None: it runs on.

    Raises `CannotStart` when the image has no such command.
    """
    box.started, box.last, box.free_at = now, now, now
    try:
        program = box.program
    except BadProgram as bad:
        for text in bad.details.splitlines():
            _say(box, text)
        return exit_at(box, now, 1)
    inside = Inside(box, now)
    code, job = _enter(program, box, inside)
    if code is not None:
        return exit_at(box, now + inside.spent, code)
    if job and not inside.stays:
        takes = inside.spent or (1.0 if program.runs_for is None else program.runs_for)
        return exit_at(box, now + takes, program.exit_code)
    if program.port is not None:
        box.ready = now + inside.spent + program.starts_in
    if program.runs_for is not None and not job:
        return exit_at(box, now + inside.spent + program.runs_for, program.exit_code)
    return None


def _enter(program: Program, box: Box, inside: Inside) -> tuple[int | None, bool]:
    """The exit code if it ended in its entry point, and whether that is a job, which ends by itself."""
    from labkit.sandbox.fleet import shell

    words = list(box.command)
    if not words or words[0].startswith("-"):
        if program.main is None:
            return None, False
        result = run(program.main, inside)
        return (result.code if isinstance(result, Failed) else None), False
    script = shell.script_of(words)
    try:
        code = (
            shell.play(script, inside, program)
            if script is not None
            else shell.command(words, inside, program)
        )
    except shell.Unknown as unknown:
        if script is None:
            raise CannotStart(
                f'exec: "{unknown.word}": executable file not found in $PATH: unknown'
            ) from None
        raise
    return (code if not inside.stays else None), True


def exit_at(box: Box, when: float, code: int, reason: str = "") -> float:
    """Have a box end then. What was planned later before is forgotten."""
    if box.exits_at is None or when < box.exits_at:
        box.exits_at, box.exit_code, box.reason = when, code, reason
    return box.exits_at


def terminate(box: Box, now: float) -> float | None:
    """SIGTERM. Returns when it exits, or None when it ignores the signal."""
    if not box.alive(now):
        return box.exits_at
    box.stopping = True
    try:
        program = box.program
    except BadProgram:
        return exit_at(box, now, TERMINATED)
    code, spent = TERMINATED, 0.0
    if program.on_sigterm is not None:
        inside = Inside(box, now)
        result = run(program.on_sigterm, inside)
        spent = inside.spent
        if isinstance(result, Failed):
            return exit_at(box, now + spent, result.code)
        code = result if isinstance(result, int) and not isinstance(result, bool) else 0
    if program.stops_in is None:
        return box.exits_at
    return exit_at(box, now + max(spent, program.stops_in), code)


def kill(box: Box, now: float, code: int = KILLED, reason: str = "") -> None:
    """SIGKILL, or whatever else ends it at once."""
    exit_at(box, now, code, reason)


def _say(box: Box, line: str) -> None:
    home = HOMES.get(box.home)
    if home is not None:
        home.said(box, line)


# -- requests --------------------------------------------------------------------------------------------


def serve(box: Box, request: Request, now: float) -> Response:
    """Let the program answer a request that comes now."""
    if box.ready is None or now < box.ready or (box.exits_at is not None and now >= box.exits_at):
        return REFUSED
    program = load(box.source, box.digest)
    weight = request.weight
    room = max(box.vcpus - program.cpu, box.vcpus * _LEAST_SHARE)
    begins = box.free_at if box.free_at > now else now
    work = weight * program.cpu_per_request
    box.free_at = begins + work / room
    latency = begins - now + program.cpu_per_request / (room if room < 1.0 else 1.0) + program.latency
    used = _hold(box, program, weight, now, latency)
    _note(box, begins, work, room, used, weight)
    if used > box.memory_limit:
        exit_at(box, now, KILLED, OUT_OF_MEMORY)
        HOMES[box.home].ended(box) if box.home in HOMES else None
        return Response(0, "", 0.0, "connection reset")
    if box.quiet and latency > box.patience:
        _stir(box)
    status, body, headers, spent = answer(box, program, request, now)
    latency += spent
    if box.exits_at is not None and now + latency > box.exits_at:
        return Response(0, "", max(0.0, box.exits_at - now), "connection reset")
    return Response(status, body, latency, "", headers)


def answer(
    box: Box, program: Program, request: Request, now: float
) -> tuple[int, str, Mapping[str, str], float]:
    """What the program's code says to a request: status, body, headers, and seconds it took on top."""
    if request.path == program.health_path and program.health is not None:
        inside = Inside(box, now)
        good = run(program.health, inside)
        touched(box, inside)
        return (200, "ok", {}, inside.spent) if good and not isinstance(good, Failed) else (503, "", {}, 0.0)
    if program.handle is None:
        return 200, "ok", {}, 0.0
    inside = Inside(box, now)
    result = run(program.handle, inside, request)
    touched(box, inside)
    if isinstance(result, Failed):
        if result.exits:
            exit_at(box, now + inside.spent, result.code)
            if box.home in HOMES:
                HOMES[box.home].ended(box)
            return 502, "", {}, inside.spent
        return 500, "Internal Server Error", {}, inside.spent
    return (*_read(result), inside.spent)


def _read(result: Any) -> tuple[int, str, Mapping[str, str]]:
    if result is None:
        return 200, "", {}
    if isinstance(result, str):
        return 200, result, {}
    if isinstance(result, Mapping):
        body = result.get("body", "")
        status = result.get("statusCode", 200)
        text = body if isinstance(body, str) else repr(body)
        return int(status) if isinstance(status, int) else 500, text, result.get("headers") or {}
    return 200, str(result), {}


def touched(box: Box, inside: Inside) -> None:
    """Something ran in a box: if it touched what checks look at, they begin again."""
    if inside.touched and box.quiet and box.heeds:
        _stir(box)


def _stir(box: Box) -> None:
    box.quiet = box.heeds = False
    home = HOMES.get(box.home)
    if home is not None:
        home.stirred(box)


def _hold(box: Box, program: Program, weight: float, now: float, latency: float) -> float:
    """Count the request in, and give the memory in use."""
    flight = box.in_flight
    while flight and flight[0][0] <= now:
        box.flying -= flight.popleft()[1]
    fellows = 1.0
    if weight != 1.0:
        since = now - box.last
        fellows += (weight - 1.0) * (min(1.0, latency / since) if since > 0 else 1.0)
    held = box.flying + fellows
    flight.append((now + latency, weight))
    box.flying += weight
    box.last = now
    box.requests += weight
    return program.memory + program.leaks * box.requests + program.memory_per_request * held


def _note(box: Box, begins: float, work: float, room: float, used: float, weight: float) -> None:
    """Write down what was worked, in the minutes in which it is."""
    minute = int(begins // 60)
    while True:
        kept = box.minutes.get(minute)
        if kept is None:
            if len(box.minutes) >= _KEPT_MINUTES:
                del box.minutes[min(box.minutes)]
            kept = box.minutes[minute] = [0.0, 0.0, 0.0]
        if used > kept[1]:
            kept[1] = used
        kept[2] += weight
        fits = ((minute + 1) * 60 - begins) * room
        if work <= fits or minute - begins / 60 > _KEPT_MINUTES:
            kept[0] += work
            return
        kept[0] += fits
        work, minute, weight = work - fits, minute + 1, 0.0
        begins = minute * 60.0


# -- what it uses ----------------------------------------------------------------------------------------


def memory(box: Box, now: float) -> float:
    """MiB in use now."""
    if not box.alive(now):
        return 0.0
    try:
        program = box.program
    except BadProgram:
        return 0.0
    flying = sum(weight for until, weight in box.in_flight if until > now)
    return program.memory + program.leaks * box.requests + program.memory_per_request * flying


def usage(box: Box, since: float, now: float) -> Usage:
    """What it used from `since` to `now`. Of minutes that are only partly inside, their share counts."""
    if box.started is None:
        return Usage(0.0, 0.0, 0.0)
    begin, end = max(since, box.started), now if box.exits_at is None else min(now, box.exits_at)
    if end <= begin:
        return Usage(0.0, 0.0, 0.0)
    try:
        program = box.program
    except BadProgram:
        return Usage(0.0, 0.0, 0.0)
    cpu, peak = program.cpu * (end - begin), program.memory + program.leaks * box.requests
    served = 0.0
    for minute in range(int(begin // 60), int(end // 60) + 1):
        kept = box.minutes.get(minute)
        if kept is None:
            continue
        span = min(end, minute * 60 + 60) - max(begin, minute * 60)
        # The minute that runs now has worked only so far.
        whole = min(60.0, max(1e-9, end - minute * 60)) if end < minute * 60 + 60 else 60.0
        share = min(1.0, span / whole)
        cpu, served, peak = cpu + kept[0] * share, served + kept[2] * share, max(peak, kept[1])
    return Usage(min(cpu, box.vcpus * (end - begin)), peak, served)


def healthy(box: Box, command: Any, now: float, timeout: float = math.inf) -> bool:
    """Whether a container health check passes now: see `labkit.sandbox.fleet.probes`."""
    from labkit.sandbox.fleet import probes

    return probes.healthy(box, command, now, timeout).passed
