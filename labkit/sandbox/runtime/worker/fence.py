"""A function stays in its own folders and reaches nothing but its account: what Python can enforce.

An audit hook sees what any library in this process asks the system for. It cannot be removed. Errors are
those of AWS, where the disk of a function is read-only except `/tmp`.

Limits, said openly: this is a fence for mistakes, not a prison for attackers. Code in C that calls the
system itself (`ctypes`) is not seen, and programs that the function starts are not either. Where the kernel
offers Landlock and namespaces (see `kernel`), those stand behind this fence and hold such code as well.
"""

from __future__ import annotations

import errno
import mmap
import os
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any, Final

from ..meter import group_size
from . import folders

MOST_PROCESSES: Final = 64
"""How many processes one environment may have at a time before forking is refused."""
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/stdout", "/dev/stderr", "nul")
_LOOK_AGAIN: Final = 16
"""The folder's size is measured at every so many openings of a file in it."""
_NETWORK: Final = (
    "A function in a lab has no network but its account. Nothing was sent. "
    "Call AWS with boto3 and without endpoint settings; leave other addresses out."
)


class Fence:
    """The rules of one environment."""

    def __init__(self, writable: str, readable: list[str], disk: int) -> None:
        """`writable` is the function's /tmp, at most `disk` bytes; `readable` is what else it may read."""
        self._writable = writable
        self._readable = tuple(path.rstrip(os.sep) + os.sep for path in (*readable, writable))
        self._exact = frozenset(path.rstrip(os.sep) for path in readable) | {os.sep, writable}
        self._disk = disk
        self._opened = 0
        self._forks = mmap.mmap(-1, 8)  # shared with processes that are forked
        self._paired = False
        self.started = False
        """Whether the function ever started a process."""
        self._checks = self._table()

    def install(self) -> None:
        """Put it up, for good."""
        if os.name == "nt":
            self._allow_socket_pairs()
        checks = self._checks

        def hook(event: str, args: tuple[Any, ...]) -> None:
            check = checks.get(event)
            if check is not None:
                check(*args)

        sys.addaudithook(hook)

    def new_call(self) -> None:
        """Forget how often the function forked before."""
        self._forks[:8] = bytes(8)

    def _table(self) -> dict[str, Callable[..., None]]:
        write, read, process = self._write, self._read, self._process
        return {
            "open": self._open,
            "os.listdir": read,
            "os.scandir": read,
            "os.remove": lambda path, folder=-1: write(path, folder),
            "os.rmdir": lambda path, folder=-1: write(path, folder),
            "os.mkdir": lambda path, _mode, folder=-1: write(path, folder),
            "os.truncate": lambda path, _length: write(path),
            "os.chmod": lambda path, _mode, folder=-1: write(path, folder),
            "os.chown": lambda path, _user, _group, folder=-1: write(path, folder),
            "os.utime": lambda path, _times, _ns, folder=-1: write(path, folder),
            "os.setxattr": lambda path, *_: write(path),
            "os.removexattr": lambda path, *_: write(path),
            "os.rename": self._two,
            "os.link": self._two,
            "os.symlink": self._symlink,
            "sqlite3.connect": self._database,
            "os.fork": process,
            "os.forkpty": process,
            "os.posix_spawn": process,
            "os.system": process,
            "subprocess.Popen": process,
            "os.kill": self._kill,
            "os.killpg": lambda group, _signal: self._kill(-group, 0),
            "resource.setrlimit": self._limit,
            "resource.prlimit": self._limit_of,
            "socket.connect": self._reach,
            "socket.bind": self._reach,
            "socket.sendto": self._reach,
            "socket.sendmsg": self._reach,
            "socket.getaddrinfo": lambda host, *_: self._look_up(host),
            "socket.gethostbyname": lambda host: self._look_up(host),
            "socket.gethostbyaddr": lambda host: self._look_up(host),
        }

    # -- files -----------------------------------------------------------------------------------

    def _open(self, path: Any, _mode: Any, flags: Any) -> None:
        if isinstance(flags, int) and flags & _WRITES:
            self._write(path)
            self._room()
        else:
            self._read(path)

    def _write(self, path: Any, folder: int | None = -1) -> None:
        found = _whole(path, folder)
        if found is None or found in _DEVICES:
            return
        real = os.path.realpath(found)
        if real != self._writable and not real.startswith(self._writable + os.sep):
            raise OSError(errno.EROFS, "Read-only file system", folders.shown(found))

    def _read(self, path: Any) -> None:
        found = _whole(path, -1)
        if found is None or found.startswith(self._readable) or found in self._exact or found in _DEVICES:
            if found is None or self._may_read(found):
                return
        raise FileNotFoundError(
            errno.ENOENT, "No such file in the function's environment", folders.shown(found)
        )

    def _may_read(self, path: str) -> bool:
        if path.startswith("/proc/"):
            owner = path.split("/")[2]  # another process's variables are not the function's business
            return not owner.isdecimal() or owner == str(os.getpid())
        if path.startswith(self._writable):
            real = os.path.realpath(path)  # the function may have made a link in its own folder
            return real.startswith(self._readable) or real in self._exact
        return True

    def _two(self, first: Any, second: Any, first_folder: int = -1, second_folder: int = -1) -> None:
        self._write(first, first_folder)
        self._write(second, second_folder)

    def _symlink(self, _target: Any, link: Any, folder: int = -1) -> None:
        self._write(link, folder)

    def _database(self, path: Any) -> None:
        if isinstance(path, (str, bytes, os.PathLike)) and os.fspath(path) not in (
            ":memory:",
            b":memory:",
            "",
        ):
            self._write(path)

    def _room(self) -> None:
        self._opened += 1
        if self._opened % _LOOK_AGAIN == 0 and _size(self._writable) >= self._disk:
            raise OSError(errno.ENOSPC, "No space left on device", folders.TMP)

    # -- processes -------------------------------------------------------------------------------

    def _process(self, *_: Any) -> None:
        self.started = True
        (count,) = struct.unpack("q", self._forks[:8])
        if count >= MOST_PROCESSES:
            count = group_size(os.getpgrp()) if hasattr(os, "getpgrp") else count
            if count >= MOST_PROCESSES:
                raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        self._forks[:8] = struct.pack("q", count + 1)

    def _kill(self, pid: int, _signal: int) -> None:
        own = os.getpgrp() if hasattr(os, "getpgrp") else os.getpid()
        try:
            if pid in (0, os.getpid(), -own) or (pid > 0 and os.getpgid(pid) == own):
                return
        except OSError:
            return  # no such process: the system says so itself
        raise PermissionError(errno.EPERM, "Operation not permitted")

    def _limit(self, which: int, limits: Any) -> None:
        import resource  # the function has done so already

        hard = resource.getrlimit(which)[1]
        if hard != resource.RLIM_INFINITY and (limits[1] > hard or limits[1] == resource.RLIM_INFINITY):
            raise ValueError("not allowed to raise maximum limit")

    def _limit_of(self, pid: int, which: int, limits: Any) -> None:
        if pid not in (0, os.getpid()):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        if limits is not None:
            self._limit(which, limits)

    # -- network ---------------------------------------------------------------------------------

    def _reach(self, connection: Any, address: Any = None) -> None:
        if self._paired or address is None:
            return
        if getattr(socket, "AF_UNIX", None) == connection.family:
            if not isinstance(address, (str, bytes)) or os.fsdecode(address).startswith("\0"):
                raise ConnectionRefusedError(errno.ECONNREFUSED, _NETWORK)
            self._write(address)
            return
        raise ConnectionRefusedError(errno.ECONNREFUSED, f"{_NETWORK} Address: {address!r}")

    def _look_up(self, host: Any) -> None:
        raise ConnectionRefusedError(errno.ECONNREFUSED, f"{_NETWORK} Host: {host!r}")

    def _allow_socket_pairs(self) -> None:
        # Windows has no pairs of sockets; Python connects two over loopback, and asyncio needs them.
        original = socket.socketpair

        def socketpair(*args: Any, **kwargs: Any) -> Any:
            self._paired = True
            try:
                return original(*args, **kwargs)
            finally:
                self._paired = False

        socket.socketpair = socketpair


def _whole(path: Any, folder: int | None) -> str | None:
    """The absolute path that is meant, or None when it is a file that is open already."""
    if isinstance(path, int):
        return None
    text = os.fsdecode(path)
    if not os.path.isabs(text):
        base = folders.folder_of(folder) if folder is not None and folder >= 0 else folders.working_folder()
        text = os.path.join(base or os.sep, text)
    return os.path.normpath(text)


def _size(folder: str) -> int:
    total = 0
    for base, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(base, name)).st_size
            except OSError:
                continue
    return total
