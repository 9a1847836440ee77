"""The processes of a pool: the warm template, workers forked from it, and workers that are programs of their own.

No process listens anywhere: parent and child talk over pairs of sockets and pipes they are born with.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final, Protocol

import labkit
from labkit.errors import LabkitError

from .worker.template import ENDED, PID

PATIENCE_FOR_START: Final = 60.0
"""The longest the warm process may take to get ready, in seconds. A slow disk needs some."""
PATIENCE_FOR_END: Final = 5.0
_PACKAGES: Final = "boto3 botocore s3transfer jmespath dateutil six urllib3 time_machine".split()
_BOOT: Final = """
import importlib.util, json, sys
arguments = json.loads(sys.argv[1])
try:
    with open("/proc/self/status") as file:
        peak = next(line for line in file if line.startswith("VmHWM"))
    arguments["bare"] = int(peak.split()[1]) * 1024
except (OSError, StopIteration):
    arguments["bare"] = 0
arguments["standard"] = list(sys.path)
# Before anything else is imported: other modules keep references to what this one replaces.
name = "labkit.sandbox.runtime.worker.folders"
spec = importlib.util.spec_from_file_location(name, arguments["folders"])
sys.modules[name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules[name])
sys.modules[name].install()
sys.path += arguments["path"]
from labkit.sandbox.runtime.worker.main import main
main(arguments)
"""


class RuntimeBroken(LabkitError):
    """The process that runs functions could not be started. Our fault or the machine's."""


class Process(Protocol):
    """A worker, however it was made."""

    pid: int

    def ended(self) -> int | None:
        """The exit status once the worker has ended (negative: the signal), else None."""

    def kill(self) -> None:
        """End the worker and everything in its process group."""

    def signal(self, name: str) -> None:
        """Send a signal, such as "SIGSTOP", to the worker and its group; nothing where there are no signals."""

    def fileno(self) -> int:
        """What becomes readable when the worker ends, or -1."""

    def close(self) -> None:
        """Give back what belongs to an ended worker."""


class Ends(Protocol):
    """Something that has a `fileno`."""

    def fileno(self) -> int:
        """The number."""


class Forked:
    """A worker that the template forked. The template reaps it and reports."""

    def __init__(self, status: int) -> None:
        self._status = status
        self._code: int | None = None
        self.pid = 0
        data = os.read(status, PID.size)
        if len(data) < PID.size:
            os.close(status)
            raise RuntimeBroken("The warm process of the lab's functions has ended. Open the lab again.")
        (self.pid,) = PID.unpack(data)
        os.set_blocking(status, False)

    def ended(self) -> int | None:
        """The exit status, or None."""
        if self._code is None:
            try:
                data = os.read(self._status, ENDED.size)
            except BlockingIOError:
                return None
            # Nothing at all: the template is gone, and takes its workers with it.
            self._code = ENDED.unpack(data)[0] if len(data) == ENDED.size else -signal.SIGKILL
        return self._code

    def kill(self) -> None:
        """End the worker and its group."""
        self.signal("SIGKILL")

    def signal(self, name: str) -> None:
        """Signal the worker and its group."""
        if self.ended() is None:
            _signal_group(self.pid, name)

    def fileno(self) -> int:
        """The status pipe."""
        return self._status

    def close(self) -> None:
        """Close the status pipe."""
        os.close(self._status)


class Spawned:
    """A worker that is a program of its own, started by this process."""

    def __init__(self, program: subprocess.Popen[bytes]) -> None:
        self._program = program
        self.pid = program.pid

    def ended(self) -> int | None:
        """The exit status, or None."""
        # Ask without reaping first: the group can be ended as long as its number is taken.
        if self._program.returncode is None and hasattr(os, "waitid"):
            with contextlib.suppress(ChildProcessError):
                how = os.WEXITED | os.WNOHANG | os.WNOWAIT
                if os.waitid(os.P_PID, self.pid, how) is None:
                    return None
                _signal_group(self.pid, "SIGKILL")
        return self._program.poll()

    def kill(self) -> None:
        """End the worker and its group."""
        if hasattr(os, "killpg"):
            self.signal("SIGKILL")
        else:
            self._program.kill()

    def signal(self, name: str) -> None:
        """Signal the worker and its group."""
        if self._program.returncode is None:
            _signal_group(self.pid, name)

    def fileno(self) -> int:
        """Nothing tells: it has to be asked."""
        return -1

    def close(self) -> None:
        """Reap it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._program.wait(PATIENCE_FOR_END)


class Template:
    """The warm process, seen from here."""

    def __init__(self, folder: Path, *, kernel_walls: bool) -> None:
        """Start it. It gets ready by itself; the first `fork` waits for that.

        `folder` keeps its log; the template removes it when it ends, if nobody else could.
        """
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._log = folder / "template.log"
        self._serial = 0
        self._ready = False
        self._lock = threading.Lock()
        self._known: set[str] = set()
        arguments = {
            "role": "template",
            "control": theirs.fileno(),
            "folder": str(folder),
            "kernel_walls": kernel_walls,
        }
        with theirs, self._log.open("wb") as log:
            self.program = _program(arguments, [theirs.fileno()], stdout=log, stderr=log)

    def fork(self, line: Ends, log: Ends) -> Forked:
        """A new worker on these ends of a line and a log pipe. Raises `RuntimeBroken`."""
        with self._lock:
            self._wait_until_ready()
            self._serial += 1
            status, theirs = os.pipe()
            order = json.dumps({"fork": self._serial}).encode()
            try:
                socket.send_fds(self._control, [order], [line.fileno(), log.fileno(), theirs])
            except OSError as error:
                os.close(status)
                raise self._broken() from error
            finally:
                os.close(theirs)
        return Forked(status)

    def warm(self, service: str) -> None:
        """Have the template load what clients of an AWS service need. Returns at once."""
        if service in self._known:
            return
        with self._lock, contextlib.suppress(OSError):
            self._known.add(service)
            self._control.send(json.dumps({"warm": service}).encode())

    def stop(self) -> None:
        """Hang up. The template ends its workers and itself."""
        self._control.close()
        try:
            self.program.wait(PATIENCE_FOR_END)
        except subprocess.TimeoutExpired:
            self.program.kill()
            self.program.wait()

    def _wait_until_ready(self) -> None:
        if self._ready:
            return
        end = time.monotonic() + PATIENCE_FOR_START
        while not select.select([self._control], [], [], 0.2)[0]:
            if self.program.poll() is not None or time.monotonic() > end:
                raise self._broken()
        if self._control.recv(16) != b"ready":
            raise self._broken()
        self._ready = True

    def _broken(self) -> RuntimeBroken:
        said = self._log.read_text("utf-8", "replace").strip().splitlines()
        return RuntimeBroken(
            f"The lab could not start the process that runs functions ({said[-1] if said else 'it said nothing'}). "
            "Run `python -m labkit doctor`, then open the lab again."
        )


def spawn(line: socket.socket, log: Ends) -> Spawned:
    """A worker as a program of its own: for systems that cannot fork safely."""
    if os.name == "nt":
        return _spawn_on_windows(line, log)
    arguments = {"role": "worker", "line": line.fileno()}
    return Spawned(_program(arguments, [line.fileno()], stdout=log, stderr=log))


def _spawn_on_windows(line: socket.socket, log: Ends) -> Spawned:
    # Windows hands sockets over by a description that names the process they are for.
    size = len(line.share(os.getpid()))  # type: ignore[attr-defined, unused-ignore]
    program = _program({"role": "worker", "share": size}, [], stdin=subprocess.PIPE, stdout=log, stderr=log)
    assert program.stdin is not None
    with program.stdin as stdin:
        stdin.write(line.share(program.pid))  # type: ignore[attr-defined, unused-ignore]
    return Spawned(program)


def _program(arguments: dict[str, Any], keep: list[int], **streams: Any) -> subprocess.Popen[bytes]:
    """Start Python with nothing of this process: no user settings, no start-up files, few variables."""
    words = [sys.executable, "-I", "-S", "-X", "utf8", "-c", _BOOT, json.dumps({**_places(), **arguments})]
    return subprocess.Popen(
        words,
        pass_fds=keep,
        start_new_session=True,  # an interrupt of the notebook is not for functions
        env=_environment(),
        **{"stdin": subprocess.DEVNULL, **streams},
    )


def _environment() -> dict[str, str]:
    kept = "HOME LABKIT_CACHE XDG_CACHE_HOME LD_LIBRARY_PATH SYSTEMROOT LOCALAPPDATA USERPROFILE".split()
    variables = {name: os.environ[name] for name in kept if name in os.environ}
    # Each arena of glibc's allocator would reserve 64 MB of address space per thread.
    variables["MALLOC_ARENA_MAX"] = "2"
    return variables | dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)


def _places() -> dict[str, Any]:
    """Where labkit and what it needs lie."""
    found = [str(Path(labkit.__file__).parent.parent), *(str(place.parent) for place in _libraries())]
    folders = str(Path(__file__).parent / "worker" / "folders.py")
    return {"path": list(dict.fromkeys(found)), "folders": folders}


def _libraries() -> list[Path]:
    """The folder or file of each package that functions and workers need."""
    found = []
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            file = Path(spec.origin)
            found.append(file.parent if file.name == "__init__.py" else file)
    return found


def readable_places() -> list[str]:
    """What a function may read beside its own folders: the system, Python, and the libraries of the runtime."""
    from labkit.sandbox.models import cache_folder

    system = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/proc", "/sys", "/dev", "/nix")
    places = [*system, sys.prefix, sys.base_prefix, sys.exec_prefix, str(cache_folder())]
    places += [str(Path(labkit.__file__).parent), *map(str, _libraries())]
    kept: list[str] = []
    for place in sorted({*places, *(os.path.realpath(place) for place in places)}):
        inside = any(place.startswith(one + os.sep) for one in kept)
        if not inside and place != os.sep and os.path.exists(place):
            kept.append(place)
    return kept


def _signal_group(group: int, name: str) -> None:
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, getattr(signal, name))
