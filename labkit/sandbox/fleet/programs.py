"""What is inside a container image: a small Python module, and the numbers that say how it behaves.

    PORT = 8080                 where it listens; None: it serves nothing (a job)
    STARTS_IN = 2.0             seconds from its start until it listens
    MEMORY = 120                MiB when idle
    MEMORY_PER_REQUEST = 0.5    MiB more for each request in flight
    LEAKS = 0.0                 MiB that each request leaves behind for good
    CPU = 0.01                  vCPUs used when idle
    CPU_PER_REQUEST = 0.008     vCPU-seconds that one request needs
    LATENCY = 0.004             seconds of a request that are not CPU
    RUNS_FOR = None             seconds after which it ends by itself, with EXIT_CODE
    EXIT_CODE = 0
    STOPS_IN = 1.0              seconds from SIGTERM until it exits; None: it ignores SIGTERM
    HEALTH_PATH = "/health"     what is asked there, `health` answers
    def main(box): ...          at start
    def handle(request, box): return {"statusCode": 200, "body": "..."}
    def health(box): return True
    def on_sigterm(box): ...
    COMMANDS = {"migrate": migrate}     other entry points, chosen by the first word of the command

All of it is optional. A module is loaded once for each digest: what it keeps in globals, all its containers in this
process share. What belongs to one container belongs into `box.state`.
"""

from __future__ import annotations

import builtins
import hashlib
import linecache
import math
import traceback
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import MappingProxyType, ModuleType
from typing import Any, Final

Code = Callable[..., Any]

said: ContextVar[Callable[[str], object] | None] = ContextVar("labkit_program_says", default=None)
"""Where `print` of the program that runs at this moment goes."""


class BadProgram(Exception):
    """An image that holds no program we can run. `details` is what the container would write."""

    def __init__(self, reason: str, details: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.details = details or reason


@dataclass(frozen=True, slots=True)
class Program:
    """One loaded program. It pickles as its source."""

    digest: str
    source: str = field(repr=False)
    about: str = ""
    port: int | None = None
    starts_in: float = 1.0
    memory: float = 64.0
    memory_per_request: float = 0.5
    leaks: float = 0.0
    cpu: float = 0.005
    cpu_per_request: float = 0.005
    latency: float = 0.002
    runs_for: float | None = None
    exit_code: int = 0
    stops_in: float | None = 1.0
    health_path: str = "/health"
    main: Code | None = None
    handle: Code | None = None
    health: Code | None = None
    on_sigterm: Code | None = None
    commands: Mapping[str, Code] = field(default_factory=lambda: MappingProxyType({}))

    def __reduce__(self) -> tuple[Any, ...]:
        return load, (self.source, self.digest)


_NUMBERS: Final = {
    "STARTS_IN": 1.0, "MEMORY": 64.0, "MEMORY_PER_REQUEST": 0.5, "LEAKS": 0.0, "CPU": 0.005,
    "CPU_PER_REQUEST": 0.005, "LATENCY": 0.002,
}  # fmt: skip
_FUNCTIONS: Final = ("main", "handle", "health", "on_sigterm")
_MOST: Final = 200
"""Programs that are kept loaded. The oldest goes first."""

_loaded: dict[str, Program] = {}


def load(source: bytes | str, digest: str = "") -> Program:
    """The program of a source text. Raises `BadProgram` for text that is no Python, or numbers that make no sense."""
    text = source.decode("utf-8", "replace") if isinstance(source, bytes) else source
    digest = digest or f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    found = _loaded.get(digest)
    if found is None:
        found = _read(text, digest)
        while len(_loaded) >= _MOST:
            _loaded.pop(next(iter(_loaded)))
        _loaded[digest] = found
    return found


def _read(text: str, digest: str) -> Program:
    name = f"<image {digest.removeprefix('sha256:')[:12]}>"
    module = ModuleType("program")
    module.__dict__["__builtins__"] = {**vars(builtins), "print": _print}
    module.__file__ = name
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    try:
        exec(compile(text, name, "exec", dont_inherit=True), module.__dict__)
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}"
        raise BadProgram(reason, spoken(error)) from None
    return _program(text, digest, vars(module))


def _program(text: str, digest: str, names: Mapping[str, Any]) -> Program:
    numbers: dict[str, Any] = {
        name.lower(): _number(name, names.get(name, usual)) for name, usual in _NUMBERS.items()
    }
    functions: dict[str, Any] = {name: _function(name, names.get(name)) for name in _FUNCTIONS}
    commands = names.get("COMMANDS", {})
    if not isinstance(commands, Mapping) or not all(callable(one) for one in commands.values()):
        raise BadProgram('COMMANDS is a mapping from words to functions, such as {"migrate": migrate}.')
    runs_for, stops_in = names.get("RUNS_FOR"), names.get("STOPS_IN", 1.0)
    return Program(
        digest=digest, source=text, about=str(names.get("__doc__") or ""), port=_port(names.get("PORT")),
        runs_for=None if runs_for is None else _number("RUNS_FOR", runs_for),
        stops_in=None if stops_in is None else _number("STOPS_IN", stops_in),
        exit_code=_exit_code(names.get("EXIT_CODE", 0)),
        health_path=str(names.get("HEALTH_PATH", "/health")),
        commands=MappingProxyType({str(word): code for word, code in commands.items()}),
        **numbers, **functions,
    )  # fmt: skip


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise BadProgram(f"{name} is a number that is not negative. In this image it is {value!r}.")
    return float(value)


def _port(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise BadProgram(f"PORT is a number from 1 to 65535, or None. In this image it is {value!r}.")
    return value


def _exit_code(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 255:
        raise BadProgram(f"EXIT_CODE is a number from 0 to 255. In this image it is {value!r}.")
    return value


def _function(name: str, value: object) -> Code | None:
    if value is not None and not callable(value):
        raise BadProgram(f"{name} is a function. In this image it is {value!r}.")
    return value


def _print(*values: object, sep: str | None = " ", **_: Any) -> None:
    say = said.get()
    if say is not None:
        say(("" if sep is None else sep).join(str(value) for value in values))


def spoken(error: BaseException) -> str:
    """The traceback of a program's error, without the frames of the lab."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith("<image ")]
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(own)] if own else []
    return "".join([*lines, *traceback.format_exception_only(error)]).rstrip()
