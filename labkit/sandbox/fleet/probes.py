"""Container health checks: a command that runs inside the container, and whether it passes.

`curl` and `wget` to the container itself ask the program; other words are those of `labkit.sandbox.fleet.shell`.
A check that only asks constant things says the same for ever: `steady` says so, and its home need not ask again until
the box stirs.

Source: https://docs.docker.com/reference/dockerfile/#healthcheck (exit code 0 is healthy, 1 is not).
"""

from __future__ import annotations

import functools
import math
import re
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from labkit.sandbox.fleet import boxes, shell
from labkit.sandbox.fleet.boxes import Box, Request
from labkit.sandbox.fleet.inside import Failed, Inside, run
from labkit.sandbox.fleet.programs import BadProgram, Program

_HERE: Final = ("localhost", "127.0.0.1", "0.0.0.0", "[::1]", "::1")
_ADDRESS: Final = re.compile(r"[\w-]+(\.[\w-]+)*(:\d+)?(/\S*)?$")
_FAILS: Final = re.compile(r"--fail(-with-body)?|-[a-zA-Z]*f[a-zA-Z]*")


class Checked(NamedTuple):
    """What a check found. `steady`: it says so again as long as nothing happens in the box. `heeds`: it looked at
    the box's state."""

    passed: bool
    steady: bool = False
    why: str = ""
    heeds: bool = False


def healthy(box: Box, command: Any, now: float, timeout: float = math.inf) -> Checked:
    """Run a health check: a list that begins with CMD, CMD-SHELL or NONE, or a line of shell."""
    if not box.alive(now):
        return Checked(False, why="it does not run")
    words = [command] if isinstance(command, str) else [str(word) for word in command or ()]
    if not words or words[0] == "NONE":
        return Checked(True, True)
    if isinstance(command, str):
        words = ["CMD-SHELL", command]
    try:
        program = box.program
    except BadProgram:
        return Checked(False)
    inside = Inside(box, now)
    asked = Asked(box, program, inside, now)
    if words[0] == "CMD":
        try:
            code = shell.command(words[1:] or ["true"], inside, program, asked.word)
        except shell.Unknown:
            code = shell.NOT_FOUND
    else:
        script = " ".join(words[1:]) if words[0] == "CMD-SHELL" else " ".join(words)
        code = shell.play(script, inside, program, asked.word)
    late = inside.spent + asked.latency > timeout
    steady = not asked.moody and not inside.read and box.ready is not None and now >= box.ready
    why = "it took too long" if late else f"exit code {code}"
    return Checked(code == 0 and not late, steady, why, asked.heeds or inside.touched)


class _Call(NamedTuple):
    """One call of `curl` or `wget`. `strict`: a status of 400 or more is a failure."""

    host: str
    port: int
    path: str
    strict: bool


@functools.lru_cache(maxsize=256)
def _call(name: str, words: tuple[str, ...]) -> _Call | None:
    plain = [word for word in words if not word.startswith("-")]
    urls = [word for word in plain if "://" in word] or [word for word in plain if _ADDRESS.match(word)]
    if not urls:
        return None
    parts = urlsplit(urls[0] if "://" in urls[0] else f"http://{urls[0]}")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None
    strict = name == "wget" or any(_FAILS.fullmatch(word) for word in words)
    return _Call(parts.hostname or "", port, parts.path or "/", strict)


class Asked:
    """The commands that ask the container itself: a health check's and a session's, beyond the shell's."""

    def __init__(self, box: Box, program: Program, inside: Inside, now: float) -> None:
        self._box, self._program, self._inside, self._now = box, program, inside, now
        self.latency = 0.0
        self.moody = self.heeds = False

    def word(self, words: list[str]) -> int | None:
        """The exit code of one of these commands; None for any other."""
        name = words[0].rpartition("/")[2]
        if name in ("curl", "wget"):
            return self._get(name, _call(name, tuple(words[1:])))
        if name == "nc":
            return self._connect(words)
        return None

    def _connect(self, words: list[str]) -> int:
        ports = [word for word in words[1:] if word.isdigit()]
        return 0 if ports and int(ports[-1]) == self._program.port and self._box.listens(self._now) else 1

    def _get(self, name: str, call: _Call | None) -> int:
        if call is None:
            return 3 if name == "curl" else 1
        here = call.host in _HERE or call.host == self._box.ip
        if not here or call.port != self._program.port or not self._box.listens(self._now):
            return 7 if name == "curl" else 4  # curl: could not connect; wget: network failure
        status = self._status(call.path)
        if status == 0:
            return 52 if name == "curl" else 4
        return (22 if name == "curl" else 8) if call.strict and status >= 400 else 0

    def _status(self, path: str) -> int:
        box, program, now = self._box, self._program, self._now
        waits = max(0.0, box.free_at - now)
        self.latency += waits + program.cpu_per_request / max(0.01, min(1.0, box.vcpus)) + program.latency
        own = path == program.health_path and program.health is not None
        code = program.health if own else program.handle
        if code is None:
            return 200
        before = () if own else (Request(path=path, headers={"user-agent": "health check"}),)
        inside = Inside(box, now)
        result = run(code, inside, *before)
        self.moody, self.heeds = self.moody or inside.read, self.heeds or inside.touched
        self.latency += inside.spent
        if isinstance(result, Failed):
            if result.exits:
                boxes.exit_at(box, now, result.code)
                home = boxes.HOMES.get(box.home)
                if home is not None:
                    home.ended(box)
                return 0
            return 500
        if own:
            return 200 if result else 503
        return boxes._read(result)[0]
