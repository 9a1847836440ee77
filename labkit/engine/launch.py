"""Starts a prepared process: one that ends with this process, or one that stays (`labkit.engine.resident`)."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import labkit
from labkit.errors import LabkitError

_START_LIMIT: Final = 60.0
_BOOT: Final = """\
import json, os, sys
root, control, settings = json.loads(sys.argv[1])
if "door" in settings and os.fork():
    os._exit(0)
base = [path for path in sys.path if path]
sys.path[:] = [root, *base]
from labkit.engine.zygote import main
main(control, settings, base)
"""
"""A process that stays is nobody's child: no shell waits for it, and none has to reap it."""


class EngineBroken(LabkitError):
    """The prepared process did not start, or ended."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared process that is ready: the line to it, and the folder it works in."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    home: Path


def can_fork() -> bool:
    """Whether notebooks can run in forked processes here."""
    return hasattr(os, "fork") and hasattr(socket, "send_fds") and sys.platform != "emscripten"


def root() -> Path:
    """The folder this labkit is imported from."""
    return Path(labkit.__file__).resolve().parents[1]


def line() -> tuple[socket.socket, socket.socket]:
    """Both ends of a line for orders and news, which keeps each of them whole."""
    kind = socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_DGRAM
    return socket.socketpair(socket.AF_UNIX, kind)


def launch(more: dict[str, Any]) -> Prepared:
    """Start a prepared process with these settings and wait until it is ready. Raises `EngineBroken`."""
    if not can_fork():
        raise EngineBroken("This system cannot fork. Use papermill's own engine.")
    home = Path(tempfile.mkdtemp(prefix="labkit-engine-"))
    ours, theirs = line()
    order = json.dumps([str(root()), theirs.fileno(), {"home": str(home / "ipython"), **more}])
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environ |= {
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    errors = home / "errors.txt"
    with theirs, errors.open("wb") as told:
        process = subprocess.Popen(
            [sys.executable, "-c", _BOOT, order],
            pass_fds=[theirs.fileno()],
            env=environ,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=told,
            start_new_session=True,  # Ctrl-C is ours to answer
        )
    ours.settimeout(_START_LIMIT)
    try:
        ready = ours.recv(1 << 16)
        assert json.loads(ready)["threads"] == 1, "threads do not survive a fork"
    except BaseException as error:
        said = errors.read_text(errors="replace").strip()[-2000:]
        ours.close()
        ended = process.poll()
        process.kill()
        process.wait()
        shutil.rmtree(home, ignore_errors=True)
        if not isinstance(error, OSError | ValueError | AssertionError):
            raise
        how = f"{error}; exit status {ended}"
        raise EngineBroken(f"The engine's prepared process did not start ({how}). {said}") from error
    return Prepared(process, ours, home)
