"""The warm process that workers are forked from. It has one thread, runs no code of learners, and:

- forks a worker when the account hands it the worker's line, log and status pipe;
- reaps workers, ends what they leave behind, and tells the account how they ended;
- loads an AWS service's model when told that functions use it, so that later workers have it from birth;
- ends, with everything it started, when the account hangs up.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Callable
from typing import Any, Final

from . import kernel, offspring

try:
    import fcntl
    import resource
except ImportError:  # Windows, where no template runs
    pass

PID: Final = struct.Struct(">i")
ENDED: Final = struct.Struct(">i")
"""On the status pipe: the worker's process id at once, its exit status (negative: the signal) at the end."""
_MARK_BASE: Final = 600_000
_MARKS: Final = 500_000
_PARENT_CHECK_MS: Final = 2_000
_LAST_MOMENTS: Final = 3.0
"""The longest time to wait for killed processes to be gone, in seconds."""


class Template:
    """The loop. `work(line)` is what a forked worker does."""

    def __init__(
        self, control: socket.socket, work: Callable[[int], None], warm: Callable[[str], None]
    ) -> None:
        self._control = control
        self._work = work
        self._warm = warm
        self._workers: dict[int, tuple[int, int]] = {}
        self._parent = os.getppid()
        self._woken, self._wake = os.pipe()
        for end in (self._woken, self._wake):
            os.set_blocking(end, False)

    def run(self) -> None:
        """Serve until the account hangs up or is gone."""
        kernel.adopt_orphans()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Jupyter interrupts a kernel and its children alike
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        self._control.send(b"ready")
        while os.getppid() == self._parent:
            ready = dict(poll.poll(_PARENT_CHECK_MS))
            if self._woken in ready:
                offspring.drain(self._woken)
                for pid in offspring.ended():
                    self._bury(pid)
            if self._control.fileno() in ready and not self._obey():
                break
        self._end_all()

    def _obey(self) -> bool:
        try:
            text, ends, _, _ = socket.recv_fds(self._control, 4096, 3)
        except OSError:
            return False
        if not text:
            return False
        order = json.loads(text)
        if "fork" in order:
            self._fork(order["fork"], *ends)
        elif "warm" in order:
            with contextlib.suppress(Exception):  # a name botocore does not know: nothing to prepare
                self._warm(order["warm"])
        return True

    def _fork(self, serial: int, line: int, log: int, status: int) -> None:
        mark = _MARK_BASE - serial % _MARKS
        pid = os.fork()
        if pid == 0:
            try:
                self._be_worker(mark, line, log)
            finally:
                os._exit(70)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        os.close(line)
        os.close(log)
        self._workers[pid] = status, mark
        self._tell(status, PID.pack(pid))

    def _be_worker(self, mark: int, line: int, log: int) -> None:
        os.setpgid(0, 0)
        kernel.die_with_parent()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._control.detach()
        line = _clear_ends(line, log)
        _mark(mark)
        self._work(line)

    # -- the dead --------------------------------------------------------------------------------

    def _bury(self, pid: int) -> None:
        worker = self._workers.pop(pid, None)
        if worker is None:
            os.waitpid(pid, 0)  # an orphan of some worker
            return
        status, mark = worker
        # The group first: as long as the worker is not reaped, its number cannot mean somebody else.
        offspring.kill_group(pid)
        outcome = _reap_group(pid)
        _sweep(mark, spare=self._workers.keys())
        self._tell(status, ENDED.pack(os.waitstatus_to_exitcode(outcome)))
        os.close(status)

    def _end_all(self) -> None:
        for pid in list(self._workers):
            offspring.kill_group(pid)
            self._bury(pid)

    @staticmethod
    def _tell(status: int, data: bytes) -> None:
        with contextlib.suppress(OSError):  # the account does not listen any more
            os.write(status, data)


def _clear_ends(line: int, log: int) -> int:
    """Leave the worker its standard input, output and error and its line, and nothing of its siblings."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    safe = fcntl.fcntl(line, fcntl.F_DUPFD_CLOEXEC, 64)
    os.closerange(3, safe)
    os.closerange(safe + 1, 4096)
    return safe


def _mark(mark: int) -> None:
    """Mark this process, and all it will start, so that they can be told from others' children.

    The limit serves message queues, which functions do not have. Children inherit it whatever they do.
    """
    with contextlib.suppress(ValueError, OSError, AttributeError):
        resource.setrlimit(12, (mark, mark))  # RLIMIT_MSGQUEUE on Linux


def _reap_group(group: int) -> int:
    """Reap a worker and the orphans of its group. Returns the worker's status."""
    outcome = signal.SIGKILL.value
    end = time.monotonic() + _LAST_MOMENTS
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < end:
            pid, status = os.waitpid(-group, os.WNOHANG)
            if pid == group:
                outcome = status
            elif pid == 0:  # killed, and not dead yet
                offspring.kill_group(group)
                select.select([], [], [], 0.001)
    return outcome


def _sweep(mark: int, spare: Any) -> None:
    """End what a worker left behind outside its process group (daemons, as `setsid` makes them)."""
    for _ in range(100):
        left = [pid for pid in offspring.children() if pid not in spare and _mark_of(pid) == mark]
        for pid in left:
            offspring.kill(pid)
        for pid in left:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        if not left:
            return


def _mark_of(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/limits", encoding="ascii") as file:
            line = next((line for line in file if line.startswith("Max msgqueue size")), "")
    except OSError:
        return 0
    words = line.split()
    return int(words[3]) if len(words) > 3 and words[3].isdecimal() else 0
