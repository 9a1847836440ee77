"""Runs pip or uv, says how far they are, and reads from their output what went wrong.

Only the standard library is used here.
"""

from __future__ import annotations

import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from labkit.errors import LabkitError

Say = Callable[[str], None]

QUIET_SECONDS = 10.0  # after so long without a word the person is told that work goes on
LOCK_SECONDS = 1200.0  # no installation takes that long; waiting longer would hide a hanging one
FAR_AWAY = 1 << 30  # the byte that is locked on Windows: far behind the text, which stays readable

# What pip and uv print, and the cure for it. The first that matches is said.
TROUBLE = (
    (r"no space left on device|disk quota", "the disk is full: free about 1 GB"),
    (
        r"permission denied|read-only file system",
        "a file cannot be written: check who owns the workbook's folder",
    ),
    (
        r"temporary failure in name resolution|failed to establish a new connection|could not fetch url"
        r"|dns error|error sending request|client error \(connect\)|connection ?(?:error|refused|reset)"
        r"|timed? ?out|network is unreachable|proxyerror|no route to host|getaddrinfo|nodename nor servname",
        "the package index cannot be reached: check the network (and HTTPS_PROXY or PIP_INDEX_URL, if set)",
    ),
    (r"certificate[ _]verify[ _]failed|ssl", "the package index's certificate is not trusted: set PIP_CERT"),
    (
        r"no matching distribution|no solution found|could not find a version|resolutionimpossible",
        "the package index lacks a pinned version: use the public index, or update constraints.txt",
    ),
)


def uv() -> str | None:
    """The path of uv, or None. uv does in seconds what pip does in minutes, so it is used where it is."""
    return shutil.which("uv")


def install(python: Path, root: Path, say: Say) -> None:
    """Install the clone `root` with its test extra into the environment of `python`, as pinned.

    Raises `LabkitError` with the cure when pip or uv fails; their last lines have been shown by then.
    """
    wanted = ["-e", ".[test]", "-c", "constraints.txt"]
    fast = uv()
    if fast is not None:
        command = [fast, "pip", "install", "--python", str(python), *wanted]
    else:
        # --no-compile: Python compiles what is used when it is used, which saves a third of the time.
        switches = ["--no-compile", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
        command = [str(python), "-m", "pip", "install", *switches, *wanted]
    run(command, root, say, "installing")


def run(command: list[str], folder: Path, say: Say, doing: str) -> None:
    """Run pip, uv or venv in `folder` and report progress. Raises `LabkitError` when it fails."""
    lines: list[str] = []
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=_variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise LabkitError(f"{command[0]} does not start ({error.strerror}): repair or remove it.") from error
    with process:
        try:
            for text in _progress(process, lines, doing):
                say(f"  {text}")
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        for line in _telling(lines):
            say(f"  | {line}")
        raise LabkitError(f"While {doing}, {diagnose(lines)}, then run the same command again.")


def diagnose(lines: list[str]) -> str:
    """What went wrong and the cure, as the middle of a sentence."""
    text = "\n".join(lines).lower()
    for pattern, cure in TROUBLE:
        if re.search(pattern, text):
            return cure
    return "something failed that labkit does not know: read the lines above, mend what they name"


def _telling(lines: list[str], most: int = 6) -> list[str]:
    """The lines a person needs to see: the last that speak of an error, else the last of all."""
    errors = [
        line for line in lines if re.search(r"error|fail|cannot|caused? by|cause:", line, re.IGNORECASE)
    ]
    return list(dict.fromkeys(errors or lines))[-most:]


def _progress(process: subprocess.Popen[str], lines: list[str], doing: str) -> Iterator[str]:
    """Yield a short text now and then while `process` runs; collect all it prints in `lines`."""
    if process.stdout is None:
        return
    arriving: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_pump, args=(process.stdout, arriving), daemon=True).start()
    started = said = time.monotonic()
    found = 0
    while True:
        try:
            line = arriving.get(timeout=QUIET_SECONDS)
        except queue.Empty:
            said = time.monotonic()
            yield f"still {doing} ({said - started:.0f} s)"
            continue
        if line is None:
            return
        lines.append(line)
        found += line.startswith("Collecting ")
        text = _headline(line)
        if not text and line.startswith("Collecting ") and time.monotonic() - said > QUIET_SECONDS / 2:
            text = f"{found} packages found ({time.monotonic() - started:.0f} s)"
        if text:
            said = time.monotonic()
            yield text


def _pump(stream: IO[str], arriving: queue.Queue[str | None]) -> None:
    for line in stream:
        if line.strip():
            arriving.put(line.rstrip())
    arriving.put(None)


def _headline(line: str) -> str:
    """The steps of pip and of uv in words; "" for the many lines between them."""
    if line.startswith("Installing collected packages"):
        return f"{line.count(',') + 1} packages are here; now they are installed"
    if line.startswith("Obtaining "):
        return "looking for packages"
    if line.startswith(("Resolved ", "Prepared ", "Installed ")):  # uv's three steps
        return line[0].lower() + line[1:]
    return ""


def _variables() -> dict[str, str]:
    # A PYTHONPATH would pass for installed packages; PIP_USER would install beside the environment.
    lost = {"PYTHONHOME", "PYTHONPATH", "__PYVENV_LAUNCHER__", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX"}
    kept = {name: value for name, value in os.environ.items() if name not in lost}
    return {**kept, "PIP_USER": "0", "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}


@contextmanager
def one_at_a_time(path: Path, say: Say, patience: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock file `path` for the block; it names our process. Waits for another run, and says so.

    The operating system holds the lock, so one left by a process that died is free at once.
    Raises `LabkitError` after `patience` seconds.
    """
    try:
        handle = path.open("a+", encoding="utf-8")
    except OSError as error:
        cure = "copy the workbook to a folder of your own, then run the same command again"
        raise LabkitError(f"{path.parent} cannot be written ({error.strerror}): {cure}.") from error
    with handle:
        _wait(handle, say, patience)
        handle.truncate(0)
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        try:
            yield
        finally:
            handle.truncate(0)
            _unlock(handle)


def _wait(handle: IO[str], say: Say, patience: float) -> None:
    until = time.monotonic() + patience
    told = False
    while not _lock(handle):
        handle.seek(0)
        owner = handle.read().strip() or "unknown"
        if time.monotonic() >= until:
            raise LabkitError(
                f"Another labkit (process {owner}) has been making the environment for too long: "
                f"end it, then run the same command again."
            )
        if not told:
            say(f"Another labkit (process {owner}) is making the environment; waiting for it.")
            told = True
        time.sleep(0.2)


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: IO[str]) -> bool:
        handle.seek(FAR_AWAY)
        try:
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            handle.seek(0)
        return True

    def _unlock(handle: IO[str]) -> None:
        handle.seek(FAR_AWAY)
        msvcrt.locking(handle.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(handle: IO[str]) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # some network file systems have no locks: go on without
            return True
        return True

    def _unlock(handle: IO[str]) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)
