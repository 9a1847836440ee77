"""A worker: one execution environment of one function, from its first import to its last call."""

from __future__ import annotations

import _thread
import contextlib
import functools
import gc
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, Final

from .. import meter
from ..wire import Frame, Kind, pack
from . import account, clock, folders, handler, kernel, logs
from .context import LambdaContext
from .fence import Fence
from .line import Gone, Line

resource: Any
try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None

MEGABYTE: Final = 1 << 20
THREAD_STACK: Final = MEGABYTE
"""Each thread's stack counts in full against the memory limit; the system's 8 MB would leave room for few."""
_THREADS: Final = 1024
"""How many threads and processes a function may have. Source: AWS Lambda developer guide, "Lambda quotas"."""
_LONGEST_ALONE: Final = 60
"""Processor seconds for one call of a worker that nobody might be there to end."""
_ADDRESS_SLACK: Final = 512 * MEGABYTE
"""Address space is not memory: libraries map more than they use. What counts is private writable memory."""


class Worker:
    """Everything about this one environment."""

    def __init__(self, line: Line, setup: Frame, born: dict[str, Any]) -> None:
        """`born` is what this process was started with: `bare` is the memory of a Python without modules."""
        self._line = line
        self._setup = setup.head
        self._offset = setup.first
        self._standard: list[str] = born["standard"]
        self._alone: bool = born["role"] != "template"
        self._peak = _peak_of_program if self._alone else _peak
        self._bare: int = born["bare"]
        self._base = 0
        self._handler: Callable[[Any, Any], Any] | None = None
        self._fence: Fence | None = None
        self._traced = False

    def run(self) -> None:
        """Set up, find the handler, and answer calls until the account hangs up."""
        self._furnish()
        head, _ = self._guarded(self._load)
        said, seconds, body = Kind.READY, 0.0, b""
        while True:
            logs.flush()
            memory = max(0, self._peak() - self._base) + self._bare
            if self._busy():
                head["busy"] = True
            frame = self._line.exchange(pack(said, head, body, seconds, memory))
            clock.set_offset(frame.first)
            began = clock.stopwatch()
            head, body = self._guarded(functools.partial(self._call, frame))
            said, seconds = Kind.DONE, clock.stopwatch() - began

    # -- set-up ----------------------------------------------------------------------------------

    def _furnish(self) -> None:
        """Make this process an environment of this function."""
        setup = self._setup
        clock.set_offset(self._offset)
        clock.install(self._sleep, threading.get_ident())
        account.connect(self._line.exchange)
        os.environ.update(setup["environment"])
        LambdaContext.of(setup["arn"])
        for name, value in setup["for_children"].items():
            os.putenv(name, value)  # not in `os.environ`: a function sees what it would see on AWS
        self._line.take_turns(setup["turns"])
        os.chdir(setup["task"])
        folders.place(setup["tmp"], setup["task"], setup["opt"], setup["readable"])
        logs.set_up(setup["log_format"], setup["log_level"])
        sys.path[:] = [*setup["path"], *self._standard]
        self._limit()
        self._fence = Fence(setup["tmp"], setup["readable"], setup["disk"])
        if setup["kernel_walls"]:
            kernel.lock_files([setup["tmp"], "/dev/null", "/dev/zero", "/dev/full"], setup["readable"])
        self._fence.install()

    def _limit(self) -> None:
        """Limit memory and file sizes. A function's own memory counts from here."""
        threading.stack_size(THREAD_STACK)
        if resource is None:
            return
        kernel.forget_peak()
        self._base = self._peak()
        space, private = kernel.mapped()
        memory = self._setup["memory_mb"] * MEGABYTE
        limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: self._setup["disk"]}
        if (threads := meter.everything()) > 0:
            # The system counts all threads of a user together, so this leaves room beside what runs now. It
            # binds this worker and its children only. The system does not bind root.
            limits[resource.RLIMIT_NPROC] = threads + _THREADS
        if space and not self._setup.get("any_address_space"):
            limits[resource.RLIMIT_DATA] = private + max(memory - self._bare, 16 * MEGABYTE)
            limits[resource.RLIMIT_AS] = space + memory + _ADDRESS_SLACK
        for which, most in limits.items():
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(which, (most, most))

    def _limit_processor(self) -> None:
        # A forked worker ends with the template. A program of its own whose notebook was killed would not.
        if self._alone and resource is not None:
            hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
            resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + _LONGEST_ALONE, hard))

    def _load(self) -> tuple[dict[str, Any], bytes]:
        try:
            self._handler = handler.find(self._setup["handler"])
        except MemoryError:
            raise
        except Exception as error:
            return {"error": self._describe(error, "")}, b""
        return {}, b""

    # -- calls -----------------------------------------------------------------------------------

    def _call(self, frame: Frame) -> tuple[dict[str, Any], bytes]:
        call = frame.head
        logs.request.current = call["request_id"]
        self._trace(call.get("trace_id"))
        assert self._fence is not None
        assert self._handler is not None
        self._fence.new_call()
        self._limit_processor()
        context = LambdaContext(call, frame.second)
        try:
            return {}, handler.write_reply(self._handler(handler.read_event(frame.body), context))
        except MemoryError:
            raise
        except Exception as error:
            described = self._describe(error, call["request_id"])
            return {"failed": True}, json.dumps(described, ensure_ascii=False).encode("utf-8", "replace")

    def _trace(self, trace: str | None) -> None:
        if trace:
            os.environ["_X_AMZN_TRACE_ID"] = trace
        elif self._traced:
            os.environ.pop("_X_AMZN_TRACE_ID", None)
        self._traced = bool(trace)

    def _guarded(self, action: Callable[[], tuple[dict[str, Any], bytes]]) -> tuple[dict[str, Any], bytes]:
        """Run a function's code. What would end a Python program ends the environment."""
        try:
            try:
                result = action()
            except MemoryError:
                raise
            except Gone:
                os._exit(0)
            except BaseException as error:
                self._leave(_exit_code(error))
            if os.getpid() != self._line.owner:
                self._leave(0)  # the function forked, and this is the copy
            return result
        except MemoryError:
            pass
        gc.collect()
        self._line.out_of_memory()
        os._exit(137)

    def _describe(self, error: Exception, request_id: str) -> dict[str, Any]:
        described = handler.describe(error, request_id)
        logs.show_error(described, self._setup["log_format"])
        return described

    @staticmethod
    def _leave(code: int) -> None:
        logs.flush()
        os._exit(code)

    def _sleep(self, until: float) -> None:
        clock.set_offset(self._line.exchange(pack(Kind.SLEEP, first=until)).first)

    def _busy(self) -> bool:
        """Whether anything of the function still runs: a thread, or a process it started."""
        return _thread._count() > 0 or (self._fence is not None and self._fence.started and _has_children())


def _peak() -> int:
    """The most memory this process had at once, in bytes; 0 where the system does not say."""
    if resource is None:
        return 0
    size: int = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024


def _peak_of_program() -> int:
    """The same for a process that was started as a program.

    On Linux its resource usage also counts the process that started it.
    """
    return kernel.peak() or _peak()


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except (ChildProcessError, AttributeError):
        return False
    return True


def _exit_code(error: BaseException) -> int:
    """The status a Python program would end with."""
    if not isinstance(error, SystemExit):
        traceback.print_exception(error)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    logs.say(f"{error.code}\n")
    return 1
