"""The IPython kernel of a child, built before the fork: ipykernel's own classes without sockets and threads.

`prepare` runs once, in the prepared process. `become` turns a freshly forked child into one notebook's
kernel, and `serve` plays what the parent sends until it says that this was all.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import fcntl
import json
import logging
import os
import resource
import signal
import socket
import sys
import tempfile
import threading
import uuid
from contextvars import copy_context
from pathlib import Path
from typing import Any, Final

from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from tornado.ioloop import IOLoop

from labkit.engine.streams import OutStream, Timers
from labkit.engine.wire import ChildLine
from labkit.sandbox.runtime.worker import kernel as walls

IOPUB: Final = b"iopub"
SHELL: Final = b"shell"
_COMMS: Final = frozenset({"comm_open", "comm_msg", "comm_close"})
_SAFE: Final = 64
"""Files of our own are numbered from here, out of the way of what a notebook opens first."""


class Channel:
    """Stands for a socket of ZeroMQ: what is sent here goes to the parent, with the channel's name."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.line: ChildLine | None = None

    def send_multipart(self, frames: list[Any], **_: Any) -> None:
        """Send the frames of one message."""
        if self.line is not None:
            self.line.send([self.name, *frames])


class _NoSubshells:
    """What ipykernel asks its shell thread for when a cell awaits something."""

    parent_thread = threading.main_thread()


class Kernel(IPythonKernel):  # type: ignore[misc]
    """ipykernel's kernel. Requests come one by one, so after an error none waits to be dropped."""

    def _abort_queues(self, subshell_id: str | None = None) -> None:
        pass

    @property
    def _supports_kernel_subshells(self) -> bool:
        return False


class App(IPKernelApp):  # type: ignore[misc]
    """ipykernel's application without its connection: only the parent talks to it."""

    iopub: Channel
    shell_channel: Channel

    def _nothing(self, *_: Any, **__: Any) -> None:
        pass

    init_blackhole = init_connection_file = init_poller = init_sockets = init_heartbeat = _nothing
    write_connection_file = init_crash_reporter = _nothing

    def log_connection_info(self) -> None:
        """There is no connection."""
        self._ports: dict[str, int] = {}

    def init_io(self) -> None:
        """Display goes to the parent; the streams are made in the child."""
        from ipykernel.displayhook import ZMQDisplayHook

        self.iopub, self.shell_channel = Channel(IOPUB), Channel(SHELL)
        self.displayhook = sys.displayhook = ZMQDisplayHook(self.session, self.iopub)
        self.patch_io()

    def init_kernel(self) -> None:
        """Make the kernel and its shell."""
        kernel = Kernel.instance(
            parent=self,
            session=self.session,
            shell_channel_thread=_NoSubshells(),
            iopub_socket=self.iopub,
            log=self.log,
            profile_dir=self.profile_dir,
            user_ns=self.user_ns,
        )
        kernel.record_ports({})
        self.kernel = kernel
        self.displayhook.get_execution_count = lambda: kernel.execution_count

    def init_path(self) -> None:
        """The path is the notebook's own: `become` sets it."""

    def real_init_path(self) -> None:
        """Add the working directory as IPython does."""
        super().init_path()


# Programs that look at what runs them find the names they know.
for _own, _known in ((Kernel, IPythonKernel), (App, IPKernelApp)):
    _own.__module__, _own.__name__, _own.__qualname__ = (
        _known.__module__,
        _known.__name__,
        _known.__qualname__,
    )


def prepare(home: Path) -> App:
    """Build everything a kernel consists of. `home` holds an IPython folder that no notebook sees."""
    home.mkdir(parents=True, exist_ok=True)
    os.environ["IPYTHONDIR"] = str(home)
    app: App = App.instance(log_level=logging.CRITICAL)
    app.initialize(["-f", str(home / "kernel.json"), "--HistoryManager.hist_file=:memory:"])
    app.session.key = b""
    return app


# -- in the child ----------------------------------------------------------------------------------


def become(app: App, settings: dict[str, Any], ends: list[int], base_path: list[str]) -> ChildLine:
    """Make this fresh child the kernel of one notebook. `ends` are the line, and the files for 1 and 2."""
    line_fd, out, err, past = _own_files(ends)
    line = ChildLine(socket.socket(fileno=line_fd))
    with contextlib.suppress(OSError):
        os.chdir(settings["cwd"])
    os.environ.clear()
    os.environ.update(settings["environ"])
    os.environ["JPY_PARENT_PID"] = str(settings["parent"])
    _own_chance()
    _own_names(app, base_path)
    app.iopub.line = app.shell_channel.line = line
    timers = Timers()
    sys.stdout = OutStream(app.session, app.iopub, "stdout", out, past, timers)
    sys.stderr = OutStream(app.session, app.iopub, "stderr", err, past, timers)
    for handler in app.log.handlers:  # the kernel's own log is for the terminal, not for the notebook
        handler.stream = open(past, "w", closefd=False)  # noqa: SIM115
    app.kernel._stdout, app.kernel._stderr = sys.stdout, sys.stderr
    _limit_memory(settings.get("memory"))
    return line


def _own_files(ends: list[int]) -> tuple[int, int, int, int]:
    past = os.open(os.devnull, os.O_RDWR)
    kept = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _SAFE + place) for place, fd in enumerate([*ends, past])]
    for number, fd in ((0, past), (1, ends[1]), (2, ends[2])):
        os.dup2(fd, number)
    os.closerange(3, kept[0])
    os.closerange(kept[-1] + 1, 4096)
    return kept[0], kept[1], kept[2], kept[3]


def _own_chance() -> None:
    """Names of temporary files and everything drawn by lot begin anew in each child."""
    tempfile._name_sequence = None  # type: ignore[attr-defined]
    tempfile.tempdir = None
    uuid._last_timestamp = None  # type: ignore[attr-defined]
    # Python's own `random` is seeded anew after a fork; these two are not.
    if moto := sys.modules.get("moto.moto_api._internal"):
        moto.mock_random.seed()
    if numpy := sys.modules.get("numpy.random"):
        numpy.seed()


def _own_names(app: App, base_path: list[str]) -> None:
    from IPython.core.profiledir import ProfileDir
    from IPython.paths import get_ipython_dir

    connection = str(Path(tempfile.gettempdir()) / f"kernel-{uuid.uuid4()}.json")
    launcher = sys.modules["ipykernel"].__path__[0] + "_launcher.py"
    sys.argv = [launcher, "-f", connection, "--HistoryManager.hist_file=:memory:"]
    paths = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]
    sys.path[:] = list(dict.fromkeys([*map(os.path.abspath, paths), *base_path]))
    app.real_init_path()
    app.connection_file = connection
    app.session.session = str(uuid.uuid4())
    app.session.pid = os.getpid()
    app.kernel.ident = str(uuid.uuid4())
    shell = app.shell
    shell.ipython_dir = folder = get_ipython_dir()
    profile = ProfileDir.create_profile_dir_by_name(folder, "default")
    app.profile_dir = app.kernel.profile_dir = shell.profile_dir = profile
    shell.db = type(shell.db)(str(Path(profile.location) / "db"))
    shell.starting_dir = str(Path.cwd())
    shell.history_manager.dir_hist[:] = [Path.cwd()]
    shell.init_environment()
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")


def _limit_memory(budget: int | None) -> None:
    """At most `budget` bytes more than the prepared process has. Where the system cannot tell, no limit."""
    mapped, _ = walls.mapped()
    if budget and mapped:
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (mapped + budget, hard))


def serve(app: App, line: ChildLine) -> None:
    """Play requests until the parent has no more. Does not return in processes a notebook forked."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    player = _Player(app, line, loop)
    loop.call_soon(player.start)
    loop.run_forever()  # ends with the last request, and 0.1 s after `exit()`
    loop.remove_reader(line.socket.fileno())
    with contextlib.suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]
    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()


class _Player:
    def __init__(self, app: App, line: ChildLine, loop: asyncio.AbstractEventLoop) -> None:
        self._app = app
        self._kernel = app.kernel
        self._line = line
        self._loop = loop
        self._pid = os.getpid()
        self._context = copy_context()
        self._requests: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy = False

    def start(self) -> None:
        self._kernel.io_loop = IOLoop.current()
        self._loop.add_reader(self._line.socket.fileno(), self._read)
        self._keep(self._loop.create_task(self._play()))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _read(self) -> None:
        packets = self._line.receive()
        if packets is None:
            os._exit(1)  # the parent is gone
        for packet in packets:
            request = json.loads(packet[0])
            if self._busy and request.get("header", {}).get("msg_type") in _COMMS:
                # A cell that awaits something lets widgets' answers in meanwhile, as ipykernel does.
                self._keep(self._loop.create_task(self._comm_meanwhile(request)))
            else:
                self._requests.put_nowait(request)

    async def _play(self) -> None:
        while request := await self._requests.get():
            self._busy = True
            # Every request is a task of its own, and all share one context: so it is in ipykernel.
            await self._loop.create_task(self._dispatch(request), context=self._context)
            self._busy = False
            if os.getpid() != self._pid:
                os._exit(0)  # a process that a cell forked, and that ran on past the cell's end
        self._loop.stop()

    async def _comm_meanwhile(self, request: dict[str, Any]) -> None:
        kernel = self._kernel
        parent, ident = kernel.get_parent("shell"), kernel._get_shell_context_var(kernel._shell_parent_ident)
        try:
            task = self._loop.create_task(self._handle(request), context=copy_context())
            await task
        finally:
            kernel.set_parent(ident, parent, channel="shell")

    async def _dispatch(self, request: dict[str, Any]) -> None:
        self._set_parent(request)
        self._kernel._publish_status("busy", "shell")
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            await self._handle(request, known=True)
        except KeyboardInterrupt:
            pass  # between the cell's own code and here
        finally:
            if os.getpid() == self._pid:
                signal.signal(signal.SIGINT, before)
        if os.getpid() != self._pid:
            os._exit(0)
        sys.stdout.flush()
        sys.stderr.flush()
        self._kernel._publish_status("idle", "shell")

    def _set_parent(self, request: dict[str, Any]) -> None:
        from jupyter_client.jsonutil import extract_dates

        request["header"] = extract_dates(request["header"])
        self._kernel.set_parent([b"parent"], request, channel="shell")

    async def _handle(self, request: dict[str, Any], known: bool = False) -> None:
        if not known:
            self._set_parent(request)
        handler = self._kernel.shell_handlers[request["header"]["msg_type"]]
        try:
            result = handler(self._app.shell_channel, [b"parent"], request)
            if result is not None:
                await result
        except Exception:
            if os.getpid() != self._pid:
                os._exit(0)  # forked by a cell; nobody hears its answers
            self._app.log.critical("A request broke the kernel.", exc_info=True)
