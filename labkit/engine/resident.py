"""A prepared process that stays, so that the next `labkit run` need not wait for one.

It listens on a Unix socket in a folder that only its user can enter; nothing here goes over a network. Who wants
to have notebooks played hands it one end of a line (`Door.answer`), and from then on all is as if the process had
been started for this command alone: the notebooks of one command end when that command ends.

Two things are compared before it is used. The *address* is made of what a process cannot change later: the clone, the
Python, the user, the limits and those environment variables that are read while modules load. Another
address is another process. The *stamp* is made of what it has loaded: every file of labkit and its data, and every
installed package. A process with another stamp is stale. It plays no notebook, and a new one takes its place.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import resource
import socket
import stat
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from labkit.engine.launch import EngineBroken, can_fork, launch, line, root

IDLE: Final = 30 * 60.0
"""After how many seconds without work a process that stays ends itself."""
_PATIENCE: Final = 5.0
"""How long the process may take to answer, in seconds. It may be loading something for another command."""
_HELLO: Final = 1.0
"""How long who stands at the door may take to say what he wants, in seconds."""
_LONGEST: Final = 100
"""Bytes of a socket's path; the system allows 104 to 108."""
_READ_AT_IMPORT: Final = ("HOME", "TZ", "LANG", "LANGUAGE")
_READ_AT_IMPORT_TOO: Final = (
    "LC_",
    "LABKIT_",
    "AWS_",
    "MOTO_",
    "PYTHON",
    "MPL",
    "IPYTHON",
    "JUPYTER",
    "XDG_",
)


class Door:
    """The end of the socket that the process itself holds. Whoever comes with another stamp closes it."""

    def __init__(self, path: str, stamp: str, idle: float) -> None:
        self._path = Path(path)
        self._stamp = stamp
        self._idle = idle
        self._touched = time.monotonic()
        self._retired = False
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        beside = Path(f"{path}.{os.getpid()}")
        self.listener.bind(str(beside))
        beside.chmod(0o600)
        self.listener.listen(16)
        self.listener.setblocking(False)
        self._file = beside.stat().st_ino
        beside.rename(path)  # whoever looks finds a socket that listens, or none

    def is_open(self) -> bool:
        """Whether somebody may still come."""
        if self._retired or time.monotonic() - self._touched > self._idle:
            return False
        try:
            return self._path.stat().st_ino == self._file
        except OSError:
            return False

    def touch(self) -> None:
        """It was of use a moment ago."""
        self._touched = time.monotonic()

    def answer(self) -> socket.socket | None:
        """Hear who is at the door. The end of a new command's line, where there is one."""
        try:
            guest, _ = self.listener.accept()
        except OSError:
            return None
        with guest:
            guest.settimeout(_HELLO)
            try:
                text, ends, _, _ = socket.recv_fds(guest, 1 << 16, 1)
            except OSError:
                return None
            control = socket.socket(fileno=ends[0]) if ends else None
            said = self._answer(text) if _is_own_user(guest) else "go"
            with contextlib.suppress(OSError):
                guest.sendall(json.dumps({"said": said, "pid": os.getpid()}).encode())
                if said == "welcome":
                    self.touch()
                    return control
        if control is not None:
            control.close()
        return None

    def _answer(self, text: bytes) -> str:
        try:
            wish = json.loads(text)
            what, stamp = wish["ask"], wish["stamp"]
        except (ValueError, KeyError, TypeError):
            return "what?"
        if what == "join" and stamp == self._stamp:
            return "welcome"
        self._retire()
        return "stale" if what == "join" else "bye"

    def _retire(self) -> None:
        self._retired = True
        self._unlink()

    def _unlink(self) -> None:
        with contextlib.suppress(OSError):
            if self._path.stat().st_ino == self._file:  # another one may have taken the place
                self._path.unlink()

    def close(self) -> None:
        """Nobody comes any more."""
        self._retire()
        self.listener.close()


def _is_own_user(guest: socket.socket) -> bool:
    if not hasattr(socket, "SO_PEERCRED"):
        return True  # only this user can enter the folder
    who = guest.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return bool(struct.unpack("3i", who)[1] == os.geteuid())


# -- the side of the commands ------------------------------------------------------------------------


def join() -> socket.socket | None:
    """A line to the process that stays, where one is there and answers. A stale one is replaced."""
    if not can_fork():
        return None
    path = address()
    if path is None or not path.exists():
        return None
    today = stamp()
    control, said = _ask(path, "join", today)
    if said != "stale":
        return control
    with contextlib.suppress(EngineBroken):
        stay()
        control, _ = _ask(path, "join", today)
    return control


def stay(idle: float = IDLE) -> tuple[int, bool]:
    """See that a process is there that stays: its number, and whether it was there already.

    Raises `EngineBroken` where there can be none.
    """
    if not can_fork():
        raise EngineBroken(
            "This system cannot fork, so no prepared process can stay. `labkit run` works without."
        )
    path = address()
    if path is None:
        raise EngineBroken(
            f"No prepared process can stay: {_folder()} is not a folder that only you can enter, or its name is too "
            "long for a socket. Set TMPDIR to another folder."
        )
    today = stamp()  # before anything is loaded: what changes meanwhile makes it stale, never wrong
    with _one_at_a_time(path):
        if pid := _pid(path, today):
            return pid, True
        made = launch({"door": {"path": str(path), "stamp": today, "idle": idle}})
        made.process.wait()  # the one that was started has only forked the one that stays
        made.control.close()
        pid = _pid(path, today)
    if not pid:
        raise EngineBroken("The prepared process ended as soon as it was there.")
    return pid, False


def leave() -> int:
    """Send away every process that stays for this clone and this Python: how many there were.

    Each ends when the commands that use it have ended.
    """
    folder = _folder()
    if not can_fork() or not _is_private(folder):
        return 0
    told = [_ask(path, "leave", "")[1] for path in folder.glob(f"{_own()}-*.sock")]
    return told.count("bye")


def _pid(path: Path, today: str) -> int:
    control, said = _ask(path, "join", today)
    if control is None:
        return 0
    control.close()
    return int(said)


def _ask(path: Path, what: str, today: str) -> tuple[socket.socket | None, str]:
    """What the process says to this: a line and its number when it welcomes us."""
    ours, theirs = line()
    try:
        with theirs, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            door.settimeout(_PATIENCE)
            door.connect(str(path))
            wish = json.dumps({"ask": what, "stamp": today}).encode()
            socket.send_fds(door, [wish], [theirs.fileno()])
            answer: dict[str, Any] = json.loads(door.recv(1 << 12))
    except ConnectionRefusedError:
        with contextlib.suppress(OSError):
            path.unlink()  # left by one that was killed
        answer = {}
    except (OSError, ValueError):
        answer = {}  # it hangs or has just ended: we do without
    if answer.get("said") == "welcome":
        return ours, str(answer["pid"])
    ours.close()
    return None, str(answer.get("said", ""))


def address() -> Path | None:
    """Where the socket of this user, clone, Python and environment lies; None where there can be none."""
    mask = os.umask(0o077)
    os.umask(mask)
    limits = [
        resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")
    ]
    known = {name: value for name, value in os.environ.items() if _is_read_at_import(name)}
    path = _folder() / f"{_own()}-{_short([known, mask, limits])}.sock"
    if len(os.fsencode(path)) > _LONGEST or not _is_private(path.parent, make=True):
        return None
    return path


def _is_read_at_import(name: str) -> bool:
    return name in _READ_AT_IMPORT or (name.startswith(_READ_AT_IMPORT_TOO) and name != "PYTHONPATH")


def _own() -> str:
    return _short([str(root()), sys.executable, sys.prefix, sys.version, os.geteuid()])


def _folder() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and Path(runtime).is_dir() and os.access(runtime, os.W_OK):
        return Path(runtime) / "labkit"
    return Path(tempfile.gettempdir()) / f"labkit-{os.geteuid()}"


def _is_private(folder: Path, make: bool = False) -> bool:
    """Whether this is a folder of ours that nobody else can enter."""
    with contextlib.suppress(OSError):
        if make:
            folder.mkdir(0o700, exist_ok=True)
        seen = folder.lstat()
        return (
            stat.S_ISDIR(seen.st_mode) and seen.st_uid == os.geteuid() and stat.S_IMODE(seen.st_mode) == 0o700
        )
    return False


def stamp() -> str:
    """What a process that starts now would load: the files of labkit and its data, and all installed packages."""
    seen: list[Any] = []
    for name in ("labkit", "data"):
        seen += _files(f"{root()}/{name}")
    for place in sys.path:
        if place.endswith(("site-packages", "dist-packages")):
            with contextlib.suppress(OSError), os.scandir(place) as found:
                seen += sorted(
                    (one.path, one.stat().st_mtime_ns)
                    for one in found
                    if one.name.endswith((".dist-info", ".egg-info", ".pth"))
                )
    return _short(seen)


def _files(folder: str) -> Iterator[tuple[str, int, int]]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda one: one.name)
    except OSError:
        return
    for entry in entries:
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _files(entry.path)
        else:
            seen = entry.stat()
            yield entry.path, seen.st_mtime_ns, seen.st_size


def _short(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


@contextlib.contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    with path.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
